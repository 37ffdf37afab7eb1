/* A database made whole from a backup, in one transaction. The statements here change the schema or look at all of it, so they are no rows of queries.def. */
#include "service/store/admin_priv.h"
#include "service/store/copy.h"
#include "service/store/migrate.h"

/* Recurring jobs, and rows of workers, are there as soon as a server was started. */
static const char has_rows_sql[] =
    "select exists (select from public.account) or exists (select from public.project) or exists (select from public.audit)\n"
    "    or exists (select from public.op)";

/* Everything of ours goes, so that what stands afterwards is what the migrations make, whatever version was there. Functions that tables need go with these. */
static const char away_sql[] =
    "do $$\n"
    "declare\n"
    "    it record;\n"
    "begin\n"
    "    for it in select c.oid::regclass as name from pg_class c\n"
    "               where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relowner = current_user::regrole loop\n"
    "        execute format('drop table %s cascade', it.name);\n"
    "    end loop;\n"
    "    for it in select p.oid::regprocedure as name from pg_proc p\n"
    "               where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole loop\n"
    "        execute format('drop function if exists %s cascade', it.name);\n"
    "    end loop;\n"
    "end $$";

/* COPY puts nothing into a table whose row-level security holds for its owner. Nobody else sees these tables before the commit. */
static const char rights_sql[] =
    "do $$\n"
    "declare\n"
    "    it record;\n"
    "begin\n"
    "    for it in select c.oid::regclass as name from pg_class c\n"
    "               where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relrowsecurity loop\n"
    "        execute format('alter table %s ' || current_setting('gloss.rights') || ' row level security', it.name);\n"
    "    end loop;\n"
    "end $$";

static const char counters_sql[] =
    "do $$\n"
    "declare\n"
    "    it record;\n"
    "    top bigint;\n"
    "begin\n"
    "    for it in select c.oid::regclass as name, a.attname as col, pg_get_serial_sequence(c.oid::regclass::text, a.attname) as counter\n"
    "                from pg_class c\n"
    "                join pg_attribute a on a.attrelid = c.oid and a.attidentity <> '' and not a.attisdropped\n"
    "               where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' loop\n"
    "        execute format('select max(%I) from %s', it.col, it.name) into top;\n"
    "        if top is not null then\n"
    "            perform setval(it.counter, top);\n"
    "        end if;\n"
    "    end loop;\n"
    "end $$";

/* The conditions on rows that stand in the owner's policies, which COPY does not look at: for each a statement that says whether some row does not meet it. */
static const char conditions_sql[] =
    "select c.relname::text, format('select exists (select from %s where (%s) is not true)', c.oid::regclass, pg_get_expr(p.polwithcheck, c.oid))\n"
    "  from pg_policy p\n"
    "  join pg_class c on c.oid = p.polrelid\n"
    " where c.relnamespace = 'public'::regnamespace and current_user::regrole = any (p.polroles) and p.polwithcheck is not null";

static struct migrate_config config_of(const struct copy_roles *roles)
{
    return (struct migrate_config){.owner_role = roles->owner, .append_role = roles->append, .reader_role = roles->reader};
}

/* What stands here must not be lost: of a database with a schema, no person and no project. */
static enum gl_code must_be_empty(PGconn *pg, struct gl_err *err)
{
    int version;
    enum gl_code code = pg_schema_version(pg, &version, err);
    if (code != GL_OK || version == 0) {
        return code;
    }
    PGresult *result = pg_exec_params(pg, has_rows_sql, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || !rows_fit(result, 1)) {
        code = pg_complain(pg, result, err);
    } else if (row_bool(result, 0, 0)) {
        code = gl_fail(
            err, GL_E_EXISTS,
            "the database %s is not empty, and nothing of it is overwritten; name another one in the setting database and make it "
            "with `glossd init`, or drop this one and make it anew",
            PQdb(pg));
    }
    PQclear(result);
    return code;
}

static enum gl_code look_at_rows(PGconn *pg, const char *table, const char *sql, struct gl_err *err)
{
    PGresult *result = pg_exec_params(pg, sql, 0, NULL, NULL, NULL, NULL, 1);
    enum gl_code code = GL_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || !rows_fit(result, 1)) {
        code = pg_complain(pg, result, err);
    } else if (row_bool(result, 0, 0)) {
        code = gl_fail(err, GL_E_MALFORMED,
                       "the archive has rows of the table %s that do not meet its conditions, so nothing was restored; run "
                       "`glossd check` where it comes from",
                       table);
    }
    PQclear(result);
    return code;
}

static enum gl_code look_at_conditions(PGconn *pg, struct gl_err *err)
{
    PGresult *conditions = pg_exec_params(pg, conditions_sql, 0, NULL, NULL, NULL, NULL, 1);
    enum gl_code code = PQresultStatus(conditions) == PGRES_TUPLES_OK ? GL_OK : pg_complain(pg, conditions, err);
    for (int i = 0; code == GL_OK && i < PQntuples(conditions); i++) {
        code = look_at_rows(pg, PQgetvalue(conditions, i, 0), PQgetvalue(conditions, i, 1), err);
    }
    PQclear(conditions);
    return code;
}

enum gl_code restore_begin(struct admin_db *db, const struct copy_roles *roles, int version, struct gl_err *err)
{
    const struct migrate_config config = config_of(roles);
    enum gl_code code = pg_run(db->pg, "set client_min_messages = warning;" MIGRATE_LOCK_SQL, err);
    if (code == GL_E_BUSY) {
        return gl_fail(err, code, "a `glossd migrate` or another `glossd restore` is at work; wait until it is done");
    }
    if (code == GL_OK) {
        code = admin_db_begin(db, err);
    }
    if (code == GL_OK) {
        code = must_be_empty(db->pg, err);
    }
    if (code == GL_OK) {
        code = pg_run(db->pg, away_sql, err);
    }
    if (code == GL_OK) {
        code = migrate_within(db->pg, &config, 0, version, err);
    }
    if (code == GL_OK) {
        code = pg_run(db->pg, "set local gloss.rights = 'no force'", err);
    }
    return code == GL_OK ? pg_run(db->pg, rights_sql, err) : code;
}

enum gl_code restore_finish(struct admin_db *db, const struct copy_roles *roles, int version, struct gl_err *err)
{
    const struct migrate_config config = config_of(roles);
    enum gl_code code = pg_run(db->pg, counters_sql, err);
    if (code == GL_OK) {
        code = pg_run(db->pg, "analyze", err); /* else the first hours are planned for empty tables */
    }
    if (code == GL_OK) {
        code = pg_run(db->pg, "set local gloss.rights = 'force'", err);
    }
    if (code == GL_OK) {
        code = pg_run(db->pg, rights_sql, err);
    }
    if (code == GL_OK) {
        code = migrate_within(db->pg, &config, version, migrations_newest(), err);
    }
    return code == GL_OK ? look_at_conditions(db->pg, err) : code;
}
