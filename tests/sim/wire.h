/*
 * wire.h - connections between people and workers: each direction in order, but late, stuck, cut short, or lost without either end noticing.
 *
 * Owns      the connections, until the seed ends; a peer belongs to its worker's core. The people's end is clients/lib/transport.h, implemented here for
 *           libgloss, or a plain callback for who speaks the protocol by hand.
 * Errors    broken() when a worker writes an op that is not durable, or out of order, or to somebody who may not see it; or acknowledges one that is not there.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "proto/gl_rpc.h"
#include "service/core/peer.h"
#include "tests/sim/database.h"
#include "tests/sim/worker.h"

struct conn;

void wire_begin(void);
void wire_end(void);
void wire_heal(void);
struct conn *wire_draw(void); /* one that lives, or NULL */
void wire_cut(struct conn *conn);
void wire_stall(struct conn *conn);
bool wire_is_cut(void); /* some connection is, and its client has not noticed yet */
bool wire_had_peer(const struct worker *worker, size_t person,
                   uint64_t since_ms);        /* at that time or later, as far as the worker knew */
void wire_worker_gone(struct worker *worker); /* its ends of all connections; call before the core is freed */

/* By hand: signed in as that person on that worker; fn gets each message but what the worker says of itself, and NULL when the connection is over. */
typedef void (*wire_fn)(void *ctx, const json_t *message);
struct conn *wire_dial(struct worker *worker, size_t person, wire_fn fn, void *ctx);
void wire_send(struct conn *conn, json_t *message); /* takes it */
void wire_hang_up(struct conn *conn);

/* person.c: something came for that person's client. */
void person_wake(size_t person);

#endif
