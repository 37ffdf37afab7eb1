/*
 * migrate.h - brings a database to the schema that this program needs: the files of migrations/, which are embedded in it.
 *
 * Owns      its connection, until migrate() returns.
 * Thread    blocks; for the time before there is a loop.
 * Errors    GL_E_STORE_DOWN: not there, or the owner may not enter. GL_E_SCHEMA_TOO_NEW: the database has migrations that this program does not know.
 *           GL_E_CHECKSUM: one that was applied is not the one that is embedded. GL_E_BUSY: somebody else migrates, or holds a lock. GL_E_INTERNAL: a
 *           migration failed; it was rolled back, those before it stay. err->detail has a whole sentence.
 * Source    migrations/README.md.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

#include <stddef.h>

#include "proto/gl_buf.h"

struct migration {
    int version;
    const char *name; /* "0001_accounts" */
    const char *sql;  /* with :"owner", :"append" and :"reader" for the roles, as psql writes them */
    size_t len;
};
extern const struct migration migrations[];
extern const size_t migration_count;
int migrations_newest(void);
struct gl_slice migration_locks(const struct migration *migration); /* what it says of the locks that it takes */

struct migrate_config {
    const char *conninfo; /* without user */
    const char *owner_role, *append_role, *reader_role;
    bool is_plan; /* only tells */
};
/* Called for each migration that is missing: before it is run, or (plan) instead, with the SQL that would be run (else NULL). */
typedef void (*migrate_tell_fn)(void *ctx, const struct migration *migration, const char *sql);
/* *version is the database's schema afterwards (plan: now). */
enum gl_code migrate(const struct migrate_config *config, migrate_tell_fn tell, void *ctx, int *version,
                     struct gl_err *err) GL_MUST_USE;

#endif
