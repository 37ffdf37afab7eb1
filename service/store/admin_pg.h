/*
 * admin_pg.h - the database for those who may wait: one connection, every call blocks. For the administrator's verbs as the owner, for the helper that
 * takes lasting jobs as the append role.
 *
 * Owns      struct admin_db owns the connection; answers are owned by whoever asked.
 * Lifetime  admin_db_open / admin_db_close; admin_rows_free.
 * Thread    one at a time; never where a loop runs.
 * Errors    GL_E_STORE_DOWN (not there, or it does not let us in), GL_E_SCHEMA_TOO_OLD, GL_E_SCHEMA_TOO_NEW, GL_E_EXISTS, GL_E_BUSY, GL_E_INTERNAL;
 *           err->detail has a whole sentence for the operator.
 * Source    queries.def, rows with the role OWNER or KEEPER.
 */
#ifndef ADMIN_PG_H
#define ADMIN_PG_H

#include "service/store/store.h"

struct admin_db;

/* user NULL: as the text says. */
enum gl_code admin_db_open(const char *conninfo, const char *user, struct admin_db **db, struct gl_err *err) GL_MUST_USE;
void admin_db_close(struct admin_db **db); /* rolls back what was not committed */
enum gl_code admin_db_check_schema(struct admin_db *db, struct gl_err *err) GL_MUST_USE;

enum gl_code admin_db_begin(struct admin_db *db, struct gl_err *err) GL_MUST_USE;
enum gl_code admin_db_begin_snapshot(struct admin_db *db,
                                     struct gl_err *err) GL_MUST_USE; /* read only, everything as of one moment */
enum gl_code admin_db_commit(struct admin_db *db, struct gl_err *err) GL_MUST_USE;
void admin_db_rollback(struct admin_db *db);

/* rows may be NULL when the answer does not matter. */
enum gl_code admin_db_query(struct admin_db *db, enum store_query_id query, const struct store_param *params, size_t count,
                            struct store_rows **rows, struct gl_err *err) GL_MUST_USE;
void admin_rows_free(struct store_rows **rows);
/* One call for each row (row number 0), as they come, so that a log of any length can be read. The first code that is not GL_OK ends it and is given. */
typedef enum gl_code (*admin_row_fn)(void *ctx, const struct store_rows *row, struct gl_err *err);
enum gl_code admin_db_each(struct admin_db *db, enum store_query_id query, const struct store_param *params, size_t count,
                           admin_row_fn fn, void *ctx, struct gl_err *err) GL_MUST_USE;

/* The service's own append, within the transaction that admin_db_begin() began. GL_E_BUSY: the fence was lost or the row locked; roll back, look, try again. */
enum gl_code admin_db_append(struct admin_db *db, struct append_stream *stream, struct gl_err *err) GL_MUST_USE;

/* ---- glossd init: roles and database, through a role that may make them. Idempotent. */
struct admin_roles {
    const char *owner, *append, *reader;
    const char *owner_password, *append_password, *reader_password; /* NULL: left as it is */
};
/* made gets a bit for each thing that was not there: 1 owner, 2 append, 4 reader, 8 database. */
enum gl_code admin_db_init(const char *admin_conninfo, const char *conninfo, const struct admin_roles *roles, unsigned *made,
                           struct gl_err *err) GL_MUST_USE;

#endif
