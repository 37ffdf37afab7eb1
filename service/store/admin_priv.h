/*
 * admin_priv.h - what the blocking files of the store share: admin_pg.c, admin_init.c, migrate.c, preflight.c, pg_wait.c.
 *
 * Thread    blocks.
 */
#ifndef ADMIN_PRIV_H
#define ADMIN_PRIV_H

#include "service/store/admin_pg.h"
#include "service/store/store_priv.h"

/* NULL, with *err filled in: GL_E_STORE_DOWN or GL_E_SETTING. */
PGconn *pg_connect(const char *conninfo, const char *user, const char *application, struct gl_err *err);
/* Runs SQL without parameters, maybe several statements, and forgets the answer. */
enum gl_code pg_run(PGconn *pg, const char *sql, struct gl_err *err) GL_MUST_USE;
/* PostgreSQL's own words, with the code that its SQLSTATE means. For an operator's terminal, never for the log. */
enum gl_code pg_complain(PGconn *pg, const PGresult *result, struct gl_err *err);
/* The schema's version; 0 when nothing was ever migrated. */
/* A newer one that this program may work on counts as its own. */
enum gl_code pg_schema_version(PGconn *pg, int *version, struct gl_err *err) GL_MUST_USE;
enum gl_code schema_complain(int version, struct gl_err *err); /* GL_OK when it is the one that this program needs */

/* migrate.c: the migrations behind `from` up to `to`, in the transaction that is open. Whoever changes the schema holds the lock; 444200874867 spells "gloss". */
#define MIGRATE_LOCK_SQL "select pg_advisory_lock(444200874867)"
struct migrate_config;
enum gl_code migrate_within(PGconn *pg, const struct migrate_config *config, int from, int to, struct gl_err *err) GL_MUST_USE;

/* pg_wait.c: like PQexec(), PQexecParams() and PQgetResult(), on a connection that pg_connect() made; but a server that is not there any more is noticed. */
void pg_begin(PGconn *pg);
PGresult *pg_exec(PGconn *pg, const char *sql);
PGresult *pg_exec_params(PGconn *pg, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
                         const int *formats, int format);
PGresult *pg_next(PGconn *pg);
/* The next row of a COPY out, to be freed with PQfreemem(); its length, or -1: there is none, and pg_next() says why. */
int pg_copy_next(PGconn *pg, char **row);
bool pg_copy_put(PGconn *pg, struct gl_slice rows); /* false: the connection is broken */
bool pg_is_silent(const PGconn *pg);                /* that is why the connection was lost */

struct admin_db {
    PGconn *pg;
};

#endif
