/*
 * db.h - a database of the test's own, migrated from zero, in the cluster that GLOSS_TEST_DATABASE names.
 *
 * Owns      the database and roles with names that need quoting; db_fini() drops them.
 * Lifetime  db_init / db_fini. Without GLOSS_TEST_DATABASE the program ends with status 77: skipped.
 * Thread    one.
 */
#ifndef TEST_DB_H
#define TEST_DB_H

#include <libpq-fe.h>

#include "service/store/store_pg.h"

struct db {
    char name[64];
    char conninfo[512]; /* without user */
    char owner[64], append[64], reader[64];
    PGconn *super; /* in that database, may do everything */
};
void db_init(struct db *db);       /* with the schema */
void db_init_empty(struct db *db); /* roles and database only */
void db_migrate(struct db *db);
void db_fini(struct db *db);

/* As the superuser; the test fails when the statement does. */
void db_do(struct db *db, const char *fmt, ...) GL_PRINTF(2, 3);
uint64_t db_count(struct db *db, const char *fmt, ...)
    GL_PRINTF(2, 3); /* the first column of the first row, 0 when there is none */
/* As one of the roles, in a transaction that is rolled back; the SQLSTATE, "00000" when it went through. */
const char *db_try(struct db *db, const char *role, const gl_uuid *account, const char *fmt, ...) GL_PRINTF(4, 5);
struct store_pg_config db_config(const struct db *db);

#endif
