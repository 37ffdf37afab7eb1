#include "service/store/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "proto/model/hash.h"
#include "service/store/admin_priv.h"

#define SQL_MAX_BYTES ((size_t)4 << 20)

int migrations_newest(void)
{
    return migrations[migration_count - 1].version;
}

/* The lock is held by the session, over all transactions. */
static const char begin_sql[] =
    "set search_path = public; set lock_timeout = '10s'; set client_min_messages = warning;" MIGRATE_LOCK_SQL;
static const char table_sql[] = "create table if not exists schema_version (\n"
                                "    version    integer primary key,\n"
                                "    name       text not null,\n"
                                "    sha256     bytea not null check (octet_length(sha256) = 32),\n"
                                "    applied_at timestamptz(3) not null default clock_timestamp(),\n"
                                "    applied_by text not null default session_user);\n"
                                "alter table schema_version add column if not exists oldest integer";
static const char note_sql[] = "insert into schema_version (version, name, sha256, oldest) values ($1, $2, $3, $4)";
/* How a migration says that programs which do not know it may work on, if they know this one. */
static const char works_with[] = "\n-- Works with programs from ";
static const char known_sql[] = "select version::bigint, sha256 from schema_version order by version";

/* Puts the names of the roles, quoted, where psql would: :"owner" :"append" :"reader". */
static void substitute(struct gl_buf *sql, PGconn *pg, const struct migration *migration, const struct migrate_config *config)
{
    const struct {
        const char *placeholder, *role;
    } roles[] = {{":\"owner\"", config->owner_role}, {":\"append\"", config->append_role}, {":\"reader\"", config->reader_role}};
    for (const char *p = migration->sql, *end = p + migration->len; p < end;) {
        size_t skip = 0;
        for (size_t i = 0; i < 3 && *p == ':'; i++) {
            size_t len = strlen(roles[i].placeholder);
            if (strncmp(p, roles[i].placeholder, len) == 0) {
                char *quoted = PQescapeIdentifier(pg, roles[i].role, strlen(roles[i].role));
                gl_buf_str(sql, quoted ? quoted : "\"\"");
                PQfreemem(quoted);
                skip = len;
            }
        }
        if (skip == 0) {
            gl_buf_byte(sql, *p);
            skip = 1;
        }
        p += skip;
    }
}

/* The number behind works_with, as text; false: the file does not say so. */
static bool oldest_program(const struct migration *migration, char number[16])
{
    const char *at = strstr(migration->sql, works_with);
    size_t len = at ? strspn(at + sizeof(works_with) - 1, "0123456789") : 0;
    if (len == 0 || len > 9) {
        return false;
    }
    memcpy(number, at + sizeof(works_with) - 1, len);
    number[len] = '\0';
    return true;
}

static enum gl_code note(PGconn *pg, const struct migration *migration, struct gl_err *err)
{
    gl_hash hash = gl_sha256(migration->sql, migration->len);
    char number[16], oldest[16];
    bool has_oldest = oldest_program(migration, oldest);
    snprintf(number, sizeof(number), "%d", migration->version);
    const Oid types[] = {23, 25, 17, 23};
    const char *values[] = {number, migration->name, (const char *)hash.bytes, has_oldest ? oldest : NULL};
    const int lengths[] = {0, 0, sizeof(hash.bytes), 0}, formats[] = {0, 0, 1, 0};
    PGresult *result = pg_exec_params(pg, note_sql, 4, types, values, lengths, formats, 0);
    enum gl_code code = PQresultStatus(result) == PGRES_COMMAND_OK ? GL_OK : pg_complain(pg, result, err);
    PQclear(result);
    return code;
}

/* In the transaction that is open. */
static enum gl_code run_one(PGconn *pg, const struct migration *migration, const struct migrate_config *config,
                            struct gl_err *err)
{
    struct gl_buf sql;
    gl_buf_init(&sql, SQL_MAX_BYTES);
    substitute(&sql, pg, migration, config);
    const char *text = gl_buf_cstr(&sql);
    struct gl_err why = {0};
    enum gl_code code = text ? pg_run(pg, text, &why) : GL_E_NOMEM;
    if (code == GL_OK) {
        code = note(pg, migration, &why);
    }
    gl_buf_fini(&sql);
    return code == GL_OK ? code : gl_fail(err, code, "migration %s was not applied: %.380s", migration->name, why.detail);
}

static enum gl_code apply(PGconn *pg, const struct migration *migration, const struct migrate_config *config, struct gl_err *err)
{
    enum gl_code code = pg_run(pg, "begin", err);
    if (code == GL_OK) {
        code = run_one(pg, migration, config, err);
    }
    if (code == GL_OK) {
        code = pg_run(pg, "commit", err);
    }
    if (code != GL_OK) {
        PQclear(pg_exec(pg, "rollback"));
    }
    return code;
}

enum gl_code migrate_within(PGconn *pg, const struct migrate_config *config, int from, int to, struct gl_err *err)
{
    enum gl_code code = from == 0 ? pg_run(pg, table_sql, err) : GL_OK;
    for (int i = from; i < to && code == GL_OK; i++) {
        code = run_one(pg, &migrations[i], config, err);
    }
    return code;
}

/* What is applied must be what is embedded, from the first on. */
static enum gl_code compare(const PGresult *known, int *version, struct gl_err *err)
{
    *version = 0;
    for (int row = 0; row < PQntuples(known); row++) {
        int number = (int)row_u64(known, row, 0);
        if (number > migrations_newest()) {
            return schema_complain(number, err);
        }
        if (number != row + 1) {
            return gl_fail(err, GL_E_CHECKSUM, "the database lacks migration %d although it has %d; restore it from a backup",
                           row + 1, number);
        }
        gl_hash applied = row_hash(known, row, 1), ours = gl_sha256(migrations[row].sql, migrations[row].len);
        if (!gl_hash_equal(&applied, &ours)) {
            return gl_fail(
                err, GL_E_CHECKSUM,
                "migration %s was applied in another form than this program has; use the glossd that belongs to the database",
                migrations[row].name);
        }
        *version = number;
    }
    return GL_OK;
}

static enum gl_code look(PGconn *pg, bool may_create, int *version, struct gl_err *err)
{
    enum gl_code code = may_create ? pg_run(pg, table_sql, err) : pg_schema_version(pg, version, err);
    if (code != GL_OK || (!may_create && *version == 0)) {
        return code;
    }
    PGresult *known = pg_exec_params(pg, known_sql, 0, NULL, NULL, NULL, NULL, 1);
    code = PQresultStatus(known) == PGRES_TUPLES_OK ? compare(known, version, err) : pg_complain(pg, known, err);
    PQclear(known);
    return code;
}

static enum gl_code tell_plan(PGconn *pg, const struct migration *migration, const struct migrate_config *config,
                              migrate_tell_fn tell, void *ctx, struct gl_err *err)
{
    struct gl_buf sql;
    gl_buf_init(&sql, SQL_MAX_BYTES);
    substitute(&sql, pg, migration, config);
    const char *text = gl_buf_cstr(&sql);
    if (text) {
        tell(ctx, migration, text);
    }
    gl_buf_fini(&sql);
    return text ? GL_OK : gl_fail(err, GL_E_NOMEM, "migration %s is too long", migration->name);
}

struct gl_slice migration_locks(const struct migration *migration)
{
    static const char mark[] = "-- Locks: ";
    const char *at = strstr(migration->sql, mark);
    if (!at) {
        return GL_SLICE("");
    }
    at += sizeof(mark) - 1;
    return gl_slice_of(at, strcspn(at, "\n"));
}

enum gl_code migrate(const struct migrate_config *config, migrate_tell_fn tell, void *ctx, int *version, struct gl_err *err)
{
    struct gl_err unused;
    err = err ? err : &unused;
    *version = 0;
    PGconn *pg = pg_connect(config->conninfo, config->owner_role, "glossd migrate", err);
    if (!pg) {
        return err->code;
    }
    enum gl_code code = config->is_plan ? pg_run(pg, "set search_path = public", err) : pg_run(pg, begin_sql, err);
    if (code == GL_E_BUSY) {
        gl_fail(err, code, "another `glossd migrate` or `glossd restore` is at work; wait until it is done");
    }
    if (code == GL_OK) {
        code = look(pg, !config->is_plan, version, err);
    }
    for (size_t i = (size_t)*version; code == GL_OK && i < migration_count; i++) {
        if (config->is_plan) {
            code = tell_plan(pg, &migrations[i], config, tell, ctx, err);
        } else {
            tell(ctx, &migrations[i], NULL);
            code = apply(pg, &migrations[i], config, err);
            *version = code == GL_OK ? migrations[i].version : *version;
        }
    }
    PQfinish(pg);
    return code;
}
