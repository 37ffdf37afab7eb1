#include "service/store/copy.h"

#include <stdlib.h>

#include "service/store/admin_priv.h"

#define SQL_MAX_BYTES ((size_t)64 << 10)

/* How values are written does not depend on the server's settings. */
static const char forms_sql[] =
    "set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set bytea_output = 'hex'; set client_encoding = 'UTF8'; set extra_float_digits = 1";

/* ---- out */

static enum gl_code lock_tables(struct admin_db *db, struct gl_err *err)
{
    struct store_rows *tables;
    enum gl_code code = admin_db_query(db, STORE_Q_copy_tables, NULL, 0, &tables, err);
    if (code != GL_OK) {
        return code;
    }
    struct gl_buf sql;
    gl_buf_init(&sql, SQL_MAX_BYTES);
    gl_buf_str(&sql, "lock table schema_version");
    for (size_t i = 0; i < store_rows_count(tables); i++) {
        gl_buf_str(&sql, ", ");
        gl_buf_slice(&sql, store_text(tables, i, 0));
    }
    gl_buf_str(&sql, " in access share mode");
    const char *text = gl_buf_cstr(&sql);
    code = text ? pg_run(db->pg, text, err) : gl_fail(err, GL_E_INTERNAL, "the database has too many tables");
    gl_buf_fini(&sql);
    admin_rows_free(&tables);
    return code;
}

/* The schema as it stands, also one that this program does not need. */
static enum gl_code schema_stands(struct admin_db *db, int *version, struct gl_err *err)
{
    struct store_rows *rows;
    enum gl_code code = admin_db_query(db, STORE_Q_copy_schema, NULL, 0, &rows, err);
    *version = code == GL_OK && store_rows_count(rows) > 0 ? (int)store_u64(rows, 0, 0) : 0;
    admin_rows_free(&rows);
    return code;
}

/* A lock on each table, and then a moment to read as of: a migration that was under way is in it as a whole, or was seen and is told. */
enum gl_code copy_begin(struct admin_db *db, int *version, struct gl_err *err)
{
    int before;
    enum gl_code code = pg_schema_version(db->pg, &before, err);
    if (code == GL_OK && before == 0) {
        return gl_fail(err, GL_E_SCHEMA_TOO_OLD, "the database is empty: it has no schema; correct the setting database");
    }
    if (code == GL_OK) {
        code = pg_run(db->pg, forms_sql, err);
    }
    if (code == GL_OK) {
        code = schema_stands(db, &before, err);
    }
    if (code == GL_OK) {
        code = admin_db_begin_snapshot(db, err);
    }
    if (code == GL_OK) {
        code = lock_tables(db, err);
    }
    if (code == GL_OK) {
        code = schema_stands(db, version, err);
    }
    return code == GL_OK && *version != before
               ? gl_fail(err, GL_E_BUSY, "the schema was changed at the same moment; try again when `glossd migrate` has ended")
               : code;
}

static void write_select(struct gl_buf *sql, const struct copy_source *source)
{
    gl_buf_str(sql, "copy (select ");
    gl_buf_slice(sql, source->columns);
    gl_buf_str(sql, " from ");
    gl_buf_slice(sql, source->table);
    if (source->of.len > 0) {
        char id[GL_UUID_TEXT + 1];
        gl_uuid_format(source->project, id);
        gl_buf_str(sql, " where ");
        gl_buf_slice(sql, source->of);
        gl_buf_printf(sql, " = '%s'", id);
    }
    gl_buf_str(sql, ") to stdout");
}

/* Ends what is left of a statement. GL_OK: it did what it should. */
static enum gl_code finish(struct admin_db *db, uint64_t *count, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    for (PGresult *result; (result = pg_next(db->pg)); PQclear(result)) {
        if (code == GL_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
            code = pg_complain(db->pg, result, err);
        } else if (code == GL_OK) {
            *count += strtoull(PQcmdTuples(result), NULL, 10);
        }
    }
    return code;
}

/* The statement that begins a COPY; wanted: PGRES_COPY_OUT or PGRES_COPY_IN. */
static enum gl_code begin(struct admin_db *db, struct gl_buf *sql, ExecStatusType wanted, struct gl_err *err)
{
    const char *text = gl_buf_cstr(sql);
    if (!text) {
        return gl_fail(err, GL_E_INTERNAL, "a table has too many columns");
    }
    if (PQsendQuery(db->pg, text) != 1) {
        return pg_complain(db->pg, NULL, err);
    }
    PGresult *result = pg_next(db->pg);
    enum gl_code code = PQresultStatus(result) == wanted ? GL_OK : pg_complain(db->pg, result, err);
    PQclear(result);
    if (code != GL_OK) {
        uint64_t count = 0;
        (void)finish(db, &count, &(struct gl_err){0});
    }
    return code;
}

/* Whoever does not want the rest asks the server to stop: else all of a large table would still be read. */
static void stop(PGconn *pg)
{
    char why[256];
    PGcancel *cancel = PQgetCancel(pg);
    if (cancel) {
        PQcancel(cancel, why, sizeof(why));
        PQfreeCancel(cancel);
    }
}

enum gl_code copy_out(struct admin_db *db, const struct copy_source *source, copy_rows_fn fn, void *ctx, struct gl_err *err)
{
    struct gl_buf sql;
    gl_buf_init(&sql, SQL_MAX_BYTES);
    write_select(&sql, source);
    enum gl_code code = begin(db, &sql, PGRES_COPY_OUT, err);
    gl_buf_fini(&sql);
    if (code != GL_OK) {
        return code;
    }
    char *row;
    for (int len; (len = pg_copy_next(db->pg, &row)) > 0; PQfreemem(row)) {
        if (code == GL_OK && (code = fn(ctx, gl_slice_of(row, (size_t)len), err)) != GL_OK) {
            stop(db->pg);
        }
    }
    uint64_t count = 0;
    enum gl_code ended = finish(db, &count, code == GL_OK ? err : &(struct gl_err){0});
    return code == GL_OK ? ended : code;
}

/* ---- in */

enum gl_code copy_in(struct admin_db *db, struct gl_slice table, struct gl_slice columns, struct gl_slice rows, uint64_t *count,
                     struct gl_err *err)
{
    struct gl_buf sql;
    gl_buf_init(&sql, SQL_MAX_BYTES);
    gl_buf_str(&sql, "copy ");
    gl_buf_slice(&sql, table);
    gl_buf_str(&sql, " (");
    gl_buf_slice(&sql, columns);
    gl_buf_str(&sql, ") from stdin");
    enum gl_code code = begin(db, &sql, PGRES_COPY_IN, err);
    gl_buf_fini(&sql);
    if (code != GL_OK) {
        return code;
    }
    if (!pg_copy_put(db->pg, rows) || PQputCopyEnd(db->pg, NULL) != 1) {
        return pg_complain(db->pg, NULL, err);
    }
    return finish(db, count, err);
}

/* Statements with the table at each %, its columns at each #, the column that says whose they are at @, and the project's id at &. */
static enum gl_code run_on(struct admin_db *db, const char *text, const struct copy_source *source, struct gl_err *err)
{
    struct gl_buf sql;
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(source->project, id);
    gl_buf_init(&sql, SQL_MAX_BYTES);
    for (; *text; text++) {
        switch (*text) {
        case '%': gl_buf_slice(&sql, source->table); break;
        case '#': gl_buf_slice(&sql, source->columns); break;
        case '@': gl_buf_slice(&sql, source->of); break;
        case '&': gl_buf_str(&sql, id); break;
        default: gl_buf_byte(&sql, *text);
        }
    }
    const char *whole = gl_buf_cstr(&sql);
    enum gl_code code = whole ? pg_run(db->pg, whole, err) : gl_fail(err, GL_E_INTERNAL, "a table has too many columns");
    gl_buf_fini(&sql);
    return code;
}

enum gl_code copy_in_beside(struct admin_db *db, const struct copy_source *source, struct gl_slice rows, uint64_t *count,
                            struct gl_err *err)
{
    static const char begin_sql[] =
        "create temp table coming on commit drop as select # from % limit 0;\n"
        "alter table pg_temp.coming add constraint of_this_project check (@ is not distinct from '&')";
    static const char end_sql[] = "insert into % (#) select # from pg_temp.coming;\n"
                                  "drop table pg_temp.coming";
    enum gl_code code = run_on(db, begin_sql, source, err);
    if (code == GL_OK) {
        code = copy_in(db, GL_SLICE("pg_temp.coming"), source->columns, rows, count, err);
    }
    return code == GL_OK ? run_on(db, end_sql, source, err) : code;
}

/* ---- people of a project */

#define PEOPLE_COLUMNS "id, name, created_at"

#define PEOPLE_TABLE                                                                                                             \
    "account join (select member.account as by, member.project as of_project from member union"                                  \
    " select op.account, op.project from op) as named on named.by = account.id"

const struct copy_source copy_people = {
    .table = {PEOPLE_TABLE, sizeof(PEOPLE_TABLE) - 1},
    .columns = {PEOPLE_COLUMNS, sizeof(PEOPLE_COLUMNS) - 1},
    .of = {"of_project", sizeof("of_project") - 1},
};

enum gl_code copy_people_in(struct admin_db *db, struct gl_slice rows, uint64_t *count, struct gl_err *err)
{
    static const char begin_sql[] = "create temp table coming on commit drop as select " PEOPLE_COLUMNS " from account limit 0";
    static const char end_sql[] =
        "insert into account (id, name, created_at, disabled_at)\n"
        "select c.id, case when exists (select from account a where a.name = c.name) then left(c.name, 56) || ' (' || right(c.id::text, 12) || ')' else c.name end,\n"
        "       c.created_at, clock_timestamp()\n"
        "  from pg_temp.coming c\n"
        " where not exists (select from account a where a.id = c.id);\n"
        "drop table pg_temp.coming";
    enum gl_code code = pg_run(db->pg, begin_sql, err);
    if (code == GL_OK) {
        code = copy_in(db, GL_SLICE("pg_temp.coming"), GL_SLICE(PEOPLE_COLUMNS), rows, count, err);
    }
    return code == GL_OK ? pg_run(db->pg, end_sql, err) : code;
}
