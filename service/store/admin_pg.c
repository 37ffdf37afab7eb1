#include "service/store/admin_pg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/store/admin_priv.h"
#include "service/store/append_priv.h"
#include "service/store/migrate.h"

/* ---- libpq, blocking */

static void keep_silent(void *arg, const PGresult *result)
{
    (void)arg, (void)result;
}

/* PostgreSQL ends its messages with a newline. */
static void trim(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) {
        text[--len] = '\0';
    }
    for (char *p = text; *p; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
}

PGconn *pg_connect(const char *text, const char *user, const char *application, struct gl_err *err)
{
    struct conninfo *conninfo;
    if (conninfo_new(text, user, application, CONNINFO_ALL_HOSTS, &conninfo, err) != GL_OK) {
        return NULL;
    }
    PGconn *pg = PQconnectdbParams((const char *const *)conninfo->keywords, (const char *const *)conninfo->values, 0);
    conninfo_free(&conninfo);
    if (!pg) {
        abort();
    }
    if (PQstatus(pg) != CONNECTION_OK) {
        char said[256];
        snprintf(said, sizeof(said), "%s", PQerrorMessage(pg));
        trim(said);
        /* libpq has no SQLSTATE for this. A server that speaks another language is one that cannot be reached. */
        if (PQconnectionNeedsPassword(pg) || strstr(said, "password authentication failed")) {
            gl_fail(
                err, GL_E_SETTING,
                "the database refuses%s%s: %s; name a password file that has the right one (PGPASSFILE, or passfile= in the setting "
                "database; nobody else may read it), or set it anew with `glossd init --password-file`",
                user ? " " : "", user ? user : "", said);
        } else {
            gl_fail(err, GL_E_STORE_DOWN, "the database cannot be reached%s%s: %s", user ? " as " : "", user ? user : "", said);
        }
        PQfinish(pg);
        return NULL;
    }
    PQsetNoticeReceiver(pg, keep_silent, NULL);
    pg_begin(pg);
    return pg;
}

enum gl_code pg_complain(PGconn *pg, const PGresult *result, struct gl_err *err)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (pg_is_silent(pg)) {
        return gl_fail(
            err, GL_E_STORE_DOWN,
            "the database does not answer any more; whether the last step was done is not known, so look before you repeat it");
    }
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char said[400];
    snprintf(said, sizeof(said), "%s", primary ? primary : PQerrorMessage(pg));
    trim(said);
    if (!sqlstate || PQstatus(pg) == CONNECTION_BAD) {
        return gl_fail(err, GL_E_STORE_DOWN, "the connection to the database was lost: %s", said);
    }
    return gl_fail(err, sqlstate_code(sqlstate), "%sthe database says: %s (%s)",
                   is_condition_unmet(result) ? "a row does not meet the conditions of its table; " : "", said, sqlstate);
}

enum gl_code pg_run(PGconn *pg, const char *sql, struct gl_err *err)
{
    PGresult *result = pg_exec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    enum gl_code code = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? GL_OK : pg_complain(pg, result, err);
    PQclear(result);
    return code;
}

enum gl_code pg_schema_version(PGconn *pg, int *version, struct gl_err *err)
{
    static const char is_there[] = "select to_regclass('public.schema_version') is not null";
    static const char newest[] = "select coalesce(max(v.version), 0)::bigint, " SCHEMA_NEEDED " from public.schema_version v";
    const char *steps[] = {is_there, newest};
    enum gl_code code = GL_OK;
    *version = 0;
    for (int step = 0; step < 2 && code == GL_OK; step++) {
        PGresult *result = pg_exec_params(pg, steps[step], 0, NULL, NULL, NULL, NULL, 1);
        bool is_answer = PQresultStatus(result) == PGRES_TUPLES_OK && rows_fit(result, step + 1);
        bool is_missing = is_answer && step == 0 && !row_bool(result, 0, 0);
        if (!is_answer) {
            code = pg_complain(pg, result, err);
        } else if (step == 1) {
            *version = schema_usable((int)row_u64(result, 0, 0), (int)row_u64(result, 0, 1));
        }
        PQclear(result);
        if (is_missing) {
            break;
        }
    }
    return code;
}

int schema_usable(int version, int needed)
{
    int ours = migrations_newest();
    return version > ours && needed <= ours ? ours : version;
}

enum gl_code schema_complain(int version, struct gl_err *err)
{
    int newest = migrations_newest();
    if (version < newest) {
        return gl_fail(err, GL_E_SCHEMA_TOO_OLD, "the database has schema %d, this program needs %d; run `glossd migrate`",
                       version, newest);
    }
    if (version > newest) {
        return gl_fail(err, GL_E_SCHEMA_TOO_NEW,
                       "the database has schema %d, this program knows only up to %d; use a newer glossd", version, newest);
    }
    return GL_OK;
}

/* ---- the owner's connection */

enum gl_code admin_db_open(const char *conninfo, const char *user, struct admin_db **db, struct gl_err *err)
{
    static const char settings[] =
        "set search_path = public; set timezone = 'UTC'; set lock_timeout = '10s'; set plan_cache_mode = force_generic_plan";
    struct gl_err unused;
    err = err ? err : &unused;
    *db = NULL;
    PGconn *pg = pg_connect(conninfo, user, "glossd admin", err);
    if (!pg) {
        return err->code;
    }
    enum gl_code code = pg_run(pg, settings, err);
    if (code != GL_OK) {
        PQfinish(pg);
        return code;
    }
    *db = mem_alloc(sizeof(**db));
    (*db)->pg = pg;
    return GL_OK;
}

void admin_db_close(struct admin_db **db)
{
    if (*db) {
        PQfinish((*db)->pg);
        mem_free(db);
    }
}

enum gl_code admin_db_check_schema(struct admin_db *db, struct gl_err *err)
{
    int version;
    enum gl_code code = pg_schema_version(db->pg, &version, err);
    return code == GL_OK ? schema_complain(version, err) : code;
}

enum gl_code admin_db_begin(struct admin_db *db, struct gl_err *err)
{
    return pg_run(db->pg, "begin", err);
}

enum gl_code admin_db_begin_snapshot(struct admin_db *db, struct gl_err *err)
{
    return pg_run(db->pg, "begin transaction isolation level repeatable read read only", err);
}

enum gl_code admin_db_commit(struct admin_db *db, struct gl_err *err)
{
    return pg_run(db->pg, "commit", err);
}

void admin_db_rollback(struct admin_db *db)
{
    PQclear(pg_exec(db->pg, "rollback"));
}

static PGresult *execute(struct admin_db *db, enum store_query_id query, struct params *params)
{
    Oid types[PARAMS_MAX];
    query_types(&store_queries[query], types);
    params_finish(params);
    return pg_exec_params(db->pg, store_queries[query].sql, params->count, types, params->values, params->lengths,
                          params->formats, 1);
}

enum gl_code admin_db_query(struct admin_db *db, enum store_query_id query, const struct store_param *values, size_t count,
                            struct store_rows **rows, struct gl_err *err)
{
    struct params params;
    params_init(&params);
    params_from(&params, store_queries[query].params, values, count);
    PGresult *result = execute(db, query, &params);
    params_fini(&params);
    if (rows) {
        *rows = NULL;
    }
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
        enum gl_code code = pg_complain(db->pg, result, err);
        PQclear(result);
        return code;
    }
    if (!rows) {
        PQclear(result);
        return GL_OK;
    }
    *rows = mem_alloc(sizeof(**rows));
    (*rows)->result = result;
    return GL_OK;
}

void admin_rows_free(struct store_rows **rows)
{
    if (*rows) {
        PQclear((PGresult *)(*rows)->result);
        mem_free(rows);
    }
}

enum gl_code admin_db_each(struct admin_db *db, enum store_query_id query, const struct store_param *values, size_t count,
                           admin_row_fn fn, void *ctx, struct gl_err *err)
{
    struct params params;
    Oid types[PARAMS_MAX];
    params_init(&params);
    params_from(&params, store_queries[query].params, values, count);
    params_finish(&params);
    query_types(&store_queries[query], types);
    bool is_sent = PQsendQueryParams(db->pg, store_queries[query].sql, params.count, types, params.values, params.lengths,
                                     params.formats, 1) == 1;
    params_fini(&params);
    if (!is_sent || PQsetSingleRowMode(db->pg) != 1) {
        return pg_complain(db->pg, NULL, err);
    }
    enum gl_code code = GL_OK;
    for (PGresult *result; (result = pg_next(db->pg)); PQclear(result)) {
        struct store_rows row = {.result = result};
        ExecStatusType status = PQresultStatus(result);
        if (code == GL_OK && status == PGRES_SINGLE_TUPLE) {
            code = fn(ctx, &row, err);
        } else if (code == GL_OK && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            code = pg_complain(db->pg, result, err);
        }
    }
    return code;
}

/* ---- the service's append */

struct appending {
    struct admin_db *db;
    struct append_stream *stream;
    enum gl_code code;
    struct gl_err *err;
};

static bool append_statement(void *ctx, enum store_query_id query, struct params *params)
{
    struct appending *appending = ctx;
    PGresult *result = execute(appending->db, query, params);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
        appending->code = pg_complain(appending->db->pg, result, appending->err);
    } else if (query == STORE_Q_append || query == STORE_Q_append_changing) {
        append_take(&appending->stream, 1, result);
    }
    PQclear(result);
    return appending->code == GL_OK && appending->stream->outcome == APPEND_COMMITTED;
}

enum gl_code admin_db_append(struct admin_db *db, struct append_stream *stream, struct gl_err *err)
{
    struct appending appending = {.db = db, .stream = stream, .err = err};
    stream->outcome = APPEND_LOCKED;
    stream->found = NULL;
    stream->found_count = 0;
    append_write(&stream, 1, append_statement, &appending);
    append_forget(stream);
    if (appending.code == GL_OK && stream->outcome != APPEND_COMMITTED) {
        return gl_fail(err, GL_E_BUSY, "somebody else changed the project at the same moment");
    }
    return appending.code;
}
