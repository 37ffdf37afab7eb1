#include "tests/unit/store/db.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/store/admin_pg.h"
#include "service/store/conninfo.h"
#include "service/store/migrate.h"

static const char *admin(void)
{
    const char *conninfo = getenv("GLOSS_TEST_DATABASE");
    if (!conninfo || !*conninfo) {
        printf("skipped: GLOSS_TEST_DATABASE is not set\n");
        exit(77);
    }
    return conninfo;
}

static PGconn *connect_to(const char *text, const char *name)
{
    char whole[600];
    snprintf(whole, sizeof(whole), "%s dbname='%s'", text, name);
    PGconn *pg = PQconnectdb(whole);
    ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
    return pg;
}

/* The server's place without user and database: what `database` is in the settings. */
static void make_conninfo(struct db *db)
{
    struct conninfo *parsed;
    ck_assert_int_eq(conninfo_new(admin(), NULL, "test", 0, &parsed, NULL), GL_OK);
    const char *host = conninfo_get(parsed, "host"), *port = conninfo_get(parsed, "port");
    snprintf(db->conninfo, sizeof(db->conninfo), "host='%s' port='%s' dbname='%s'", host ? host : "", port ? port : "5432",
             db->name);
    conninfo_free(&parsed);
}

void db_init_empty(struct db *db)
{
    static unsigned number;
    unsigned made;
    struct gl_err err;
    *db = (struct db){.name = ""};
    unsigned id = (unsigned)getpid() * 100 + number++;
    snprintf(db->name, sizeof(db->name), "gloss test %u", id);
    snprintf(db->owner, sizeof(db->owner), "Owner \"%u\"", id);
    snprintf(db->append, sizeof(db->append), "Append %u", id);
    snprintf(db->reader, sizeof(db->reader), "Reader %u", id);
    make_conninfo(db);
    struct admin_roles roles = {.owner = db->owner, .append = db->append, .reader = db->reader};
    ck_assert_msg(admin_db_init(admin(), db->conninfo, &roles, &made, &err) == GL_OK, "%s", err.detail);
    ck_assert_uint_eq(made, 15);
    db->super = connect_to(admin(), db->name);
}

static void tell_nothing(void *ctx, const struct migration *migration, const char *sql)
{
    (void)ctx, (void)migration, (void)sql;
}

void db_migrate(struct db *db)
{
    struct migrate_config config = {
        .conninfo = db->conninfo, .owner_role = db->owner, .append_role = db->append, .reader_role = db->reader};
    struct gl_err err;
    int version;
    ck_assert_msg(migrate(&config, tell_nothing, NULL, &version, &err) == GL_OK, "%s", err.detail);
    ck_assert_int_eq(version, migrations_newest());
}

void db_init(struct db *db)
{
    db_init_empty(db);
    db_migrate(db);
}

void db_fini(struct db *db)
{
    char sql[256];
    PQfinish(db->super);
    PGconn *pg = connect_to(admin(), "postgres");
    snprintf(sql, sizeof(sql), "drop database \"%s\" with (force)", db->name);
    PQclear(PQexec(pg, sql));
    const char *roles[] = {db->owner, db->append, db->reader};
    for (int i = 0; i < 3; i++) {
        char *quoted = PQescapeIdentifier(pg, roles[i], strlen(roles[i]));
        snprintf(sql, sizeof(sql), "drop role %s", quoted);
        PQclear(PQexec(pg, sql));
        PQfreemem(quoted);
    }
    PQfinish(pg);
}

static GL_PRINTF(2, 0) PGresult *vrun(struct db *db, const char *fmt, va_list args)
{
    char sql[4096];
    vsnprintf(sql, sizeof(sql), fmt, args);
    return PQexec(db->super, sql);
}

void db_do(struct db *db, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    PGresult *result = vrun(db, fmt, args);
    va_end(args);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", fmt,
                  PQerrorMessage(db->super));
    PQclear(result);
}

uint64_t db_count(struct db *db, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    PGresult *result = vrun(db, fmt, args);
    va_end(args);
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", fmt, PQerrorMessage(db->super));
    uint64_t value = PQntuples(result) > 0 ? strtoull(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return value;
}

const char *db_try(struct db *db, const char *role, const gl_uuid *account, const char *fmt, ...)
{
    static char sqlstate[6];
    char text[GL_UUID_TEXT + 1] = "";
    if (account) {
        gl_uuid_format(account, text);
    }
    char *quoted = PQescapeIdentifier(db->super, role, strlen(role));
    db_do(db, "begin");
    db_do(db, "set local role %s", quoted);
    db_do(db, "select set_config('gloss.account', '%s', true)", text);
    PQfreemem(quoted);
    va_list args;
    va_start(args, fmt);
    PGresult *result = vrun(db, fmt, args);
    va_end(args);
    const char *said = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(sqlstate, sizeof(sqlstate), "%s", said ? said : "00000");
    PQclear(result);
    db_do(db, "rollback");
    return sqlstate;
}

struct store_pg_config db_config(const struct db *db)
{
    return (struct store_pg_config){
        .conninfo = db->conninfo, .append_role = db->append, .reader_role = db->reader, .allow_unsafe = true};
}
