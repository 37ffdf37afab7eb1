/*
 * peer.h - what the dialects of servers other than Gloss share: an annotation as JSON, and who was sent which op of whom.
 *
 * Each op has its writer and number in its id, so each client knows of each writer which op must come next: none is lost, none comes twice or too early.
 *
 * Owns      nothing; the counts belong to the client.
 * Thread    one.
 * Errors    what a server must never do is counted in faults.
 */
#ifndef PEER_H
#define PEER_H

#include "tests/bench/load/dialect.h"

#define PEER_OP_BEGINS "{\"id\":\"" /* every op's JSON */

void peer_put_op(struct gl_buf *buf, const struct client *client, uint64_t number);
/* Several ops are an array of them. */
void peer_put_ops(struct gl_buf *buf, const struct client *client, uint64_t first, uint64_t count);
void peer_took_op(struct client *client, struct gl_slice id); /* 36 characters */
/* All ops in a JSON text of ours: one, or an array. */
void peer_took_ops(struct client *client, struct gl_slice text);
uint64_t peer_count_ops(struct gl_slice text);
void peer_unreadable(struct client *client, struct gl_slice message);
/* It was told of so many annotations more; it is live when they are as many as its group wants, and then has all that was made so far. */
void peer_joined(struct client *client, uint64_t records);
bool peer_is_behind(const struct client *client); /* it lacks ops that were made */

#endif
