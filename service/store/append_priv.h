/*
 * append_priv.h - one append on its way: what append_write.c, store_append.c, store_settle.c and admin_pg.c share.
 *
 * A store_append() is cut into units: what travels in one transaction, on whichever writer connection has the least to do. All session streams are one
 * unit; a project's stream, which writes more tables, is one by itself, so that nothing of it can roll back the others. A unit that the database refuses is
 * cut into single streams.
 */
#ifndef APPEND_PRIV_H
#define APPEND_PRIV_H

#include "service/store/store_priv.h"

struct append {
    struct append_stream *streams;
    size_t count;
    store_append_fn fn;
    void *ctx;
    struct append_found **found; /* of each stream, or NULL: owned here, lent to the stream */
    size_t units;                /* not finished */
    size_t down;                 /* streams whose unit never reached the database */
    enum gl_code code;
};
struct unit {
    struct request request;
    struct append *append;
    struct append_stream **streams;
    size_t count;
    bool is_held; /* its stream is held by this connection's transaction, which it ends */
    /* Of unknown outcome: */
    uint64_t backend_pid; /* of the lost connection */
    int64_t backend_start_us;
    bool is_running; /* that backend is still there */
    size_t locked;   /* streams that are locked now */
    uint32_t *hits;  /* for each stream: how many of its ops are in the log */
};

/* The statements of an append, one after the other: give returns false to stop. */
bool append_is_project(const struct append_stream *stream); /* a project's stream has the id of the project */
typedef bool (*append_send_fn)(void *ctx, enum store_query_id query, struct params *params);
bool append_write(struct append_stream *const *streams, size_t count, append_send_fn send, void *ctx);
/* Takes the answer of the first statement; found is allocated, append_forget() frees it. Streams that it does not name keep their outcome. */
void append_take(struct append_stream *const *streams, size_t count, const PGresult *result);
void append_forget(struct append_stream *stream);

void unit_outcome(struct unit *unit, size_t index, enum append_outcome outcome); /* and nothing was found */
void unit_finish(struct unit *unit);                                             /* every stream has its outcome */
void unit_part(struct unit **unit, struct unit **singles); /* a unit for each of its streams, of the same kind, in its place */
void unit_drop(struct request *request);                   /* without a word */
void settle_begin(struct unit *unit, struct conn *conn);   /* its connection was lost */

#endif
