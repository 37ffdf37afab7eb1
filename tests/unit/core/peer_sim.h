/*
 * peer_sim.h - a client as the core sees it, and what it received.
 *
 * Owns      a bench owns a database, a loop and any number of workers (core + store); a client owns its peer and the messages it got.
 */
#ifndef PEER_SIM_H
#define PEER_SIM_H

#include "service/core/core.h"
#include "service/core/peer.h"
#include "tests/unit/core/loop_sim.h"
#include "tests/unit/core/store_mem.h"

#define WORKERS_MAX 4
struct bench {
    struct db *db;
    struct loop *loop;
    struct store *stores[WORKERS_MAX];
    struct core *cores[WORKERS_MAX];
    size_t workers;
};
void bench_init(struct bench *bench, const char *text, size_t workers,
                const struct core_limits *limits); /* limits NULL: ordinary ones */
void bench_fini(struct bench *bench);              /* after its clients were freed */
struct core_limits bench_limits(void);

struct client {
    struct peer *peer;
    struct bench *bench;
    gl_uuid account;
    json_t **messages;
    size_t count, cap, next;
    bool is_full;
    unsigned close_code; /* 0: open */
    uint64_t requests;
    size_t writes;
};
/* A signed-in client of that role, on that worker. */
struct client *client_new(struct bench *bench, size_t worker, const char *name, enum gl_role role);
struct client *client_new_stranger(struct bench *bench, size_t worker, const char *name,
                                   enum gl_role role); /* who has not signed in */
void client_free(struct client **client);
uint64_t client_send(struct client *client, const char *method, json_t *params); /* takes params; returns the request's id */
/* The answer to a request, wherever it stands: lent. NULL: not there. */
json_t *client_answer(struct client *client, uint64_t request);
json_t *client_result(struct client *client, uint64_t request); /* its result; fails the test when it was refused */
uint64_t client_join(struct client *client, json_t *more);      /* runs the loop; more (taken, may be NULL) are further params */
uint64_t client_submit(struct client *client, json_t *ops, bool is_atomic);    /* does not run the loop */
json_t *client_outcome(struct client *client, uint64_t request, size_t index); /* of one op of a submit */
/* Every op of session.ops so far, in the order received; NULL behind the last. */
json_t *client_op(struct client *client, size_t index);
size_t client_op_count(struct client *client);
json_t *client_notice(struct client *client, const char *method, size_t index);
size_t client_position(struct client *client, const json_t *message); /* where in the order of all messages */

json_t *op_create(const char *op, const char *quote, const char *label);
json_t *op_reply(const char *op, const char *parent_of, const char *note);
json_t *op_relate(const char *op, const char *from_of, const char *to, const char *session,
                  const char *label); /* to: an id; session, label may be NULL */
json_t *op_update(const char *op, json_t *base, const char *annotation_of, const char *field, json_t *value);
json_t *op_label(const char *op, const char *name, const char *definition); /* of a project */
json_t *op_delete(const char *op, json_t *base, const char *annotation_of);
const char *op_id(const char *name); /* the UUID that stands for a name, in a ring of static buffers */
const char *annotation_id(const char *op_name);

#endif
