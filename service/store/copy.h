/*
 * copy.h - whole tables out of the database and into it, by PostgreSQL's COPY: what backups and archives of projects are made of.
 *
 * Owns      nothing; rows are lent until the callback returns.
 * Thread    blocks; one at a time, like admin_pg.h.
 * Units     rows are lines of COPY's text format, which every PostgreSQL reads.
 * Errors    as admin_pg.h; what the callback gives is given on. err->detail has a whole sentence.
 * Source    service/decisions/backup.md.
 *
 * Names of tables and columns are SQL as copy_tables (queries.def) gave them, never what a file says.
 */
#ifndef COPY_H
#define COPY_H

#include "service/store/admin_pg.h"

struct copy_source {
    struct gl_slice table, columns;
    struct gl_slice of;     /* a column with the id of a project; empty: all rows */
    const gl_uuid *project; /* with of */
};

/* Begins a read-only transaction as of one moment in which no migration can change what there is, and gives the schema's version. */
enum gl_code copy_begin(struct admin_db *db, int *version, struct gl_err *err) GL_MUST_USE;
/* Whole rows, one or more a call. */
typedef enum gl_code (*copy_rows_fn)(void *ctx, struct gl_slice rows, struct gl_err *err);
enum gl_code copy_out(struct admin_db *db, const struct copy_source *source, copy_rows_fn fn, void *ctx,
                      struct gl_err *err) GL_MUST_USE;
/* Puts rows into a table, all or none of them; *count grows by how many they were. */
enum gl_code copy_in(struct admin_db *db, struct gl_slice table, struct gl_slice columns, struct gl_slice rows, uint64_t *count,
                     struct gl_err *err) GL_MUST_USE;
/* The same where others work and row-level security stands in COPY's way: through a table of this transaction's own. Rows that are not of the project are refused. */
enum gl_code copy_in_beside(struct admin_db *db, const struct copy_source *source, struct gl_slice rows, uint64_t *count,
                            struct gl_err *err) GL_MUST_USE;
/* People that a project names (id, name, created_at): who is not there yet is made, disabled and without a way in, with a number behind a name that is taken. */
enum gl_code copy_people_in(struct admin_db *db, struct gl_slice rows, uint64_t *count, struct gl_err *err) GL_MUST_USE;
extern const struct copy_source copy_people; /* of is there, project not */

/* ---- a whole database, in one transaction that the caller commits: what is interrupted leaves what was there */
struct copy_roles {
    const char *owner, *append, *reader;
};
/* Begins it: nobody else changes the schema, no row is lost (GL_E_EXISTS: the database is not empty), and then the schema is made anew, at this version. */
enum gl_code restore_begin(struct admin_db *db, const struct copy_roles *roles, int version, struct gl_err *err) GL_MUST_USE;
/* When all rows are there: counters go on behind them, rights are as they must be, the schema is the one that this program needs, and each row meets its
 * table's conditions (GL_E_MALFORMED: not). */
enum gl_code restore_finish(struct admin_db *db, const struct copy_roles *roles, int version, struct gl_err *err) GL_MUST_USE;

#endif
