/*
 * store_pg.h - the store on PostgreSQL: how to make one, and what to look at before.
 *
 * Owns      a copy of its configuration.
 * Lifetime  store_pg_new(); ended with store_free() (store.h), not from inside a callback.
 * Thread    the loop thread; store_pg_preflight() blocks, for the time before there is a loop.
 * Units     milliseconds.
 * Errors    store_pg_new() never fails: it connects for as long as it lives. The codes of store_pg_preflight() stand beside it.
 * Source    service/store/README.md.
 */
#ifndef STORE_PG_H
#define STORE_PG_H

#include "service/base/loop.h"
#include "service/store/store.h"

struct store_pg_config {
    const char *conninfo; /* of the server, without user; several hosts are fine */
    const char *append_role, *reader_role;
    unsigned writers, readers; /* connections; 0: 1 and 2 */
    uint64_t statement_ms;     /* without any answer: the connection counts as lost; 0: 5000 */
    uint64_t connect_ms;       /* one attempt; 0: 5000 */
    const char *version;       /* of the program, for this worker's row; NULL: none */
    bool allow_unsafe;         /* take a server without fsync, or a role that may do everything: for tests */
};

struct store *store_pg_new(struct loop *loop, const struct store_pg_config *config);

/* Connects as both roles, once, and looks at what every connection looks at: GL_E_STORE_DOWN (the server is not there, or does not let us in),
 * GL_E_SCHEMA_TOO_OLD, GL_E_SCHEMA_TOO_NEW, GL_E_SETTING (the server is too old, or not durable; the role, or the tables' owner, may too much), each with a sentence. */
enum gl_code store_pg_preflight(const struct store_pg_config *config, struct gl_err *err) GL_MUST_USE;

#endif
