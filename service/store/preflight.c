#include "service/store/admin_priv.h"

/* Conditions on rows of the log stand in policies, which hold for the owner too, and functions that are called by the other roles write as it: but for these. */
static enum gl_code look_at_owner(PGconn *pg, struct gl_err *err)
{
    static const char sql[] = "select o.rolsuper or o.rolbypassrls, o.rolname::text\n"
                              "  from pg_class c\n"
                              "  join pg_roles o on o.oid = c.relowner\n"
                              " where c.oid = to_regclass('public.stream')";
    PGresult *owner = pg_exec_params(pg, sql, 0, NULL, NULL, NULL, NULL, 1);
    enum gl_code code = GL_OK;
    if (PQresultStatus(owner) != PGRES_TUPLES_OK || !rows_fit(owner, 2)) {
        code = pg_complain(pg, owner, err);
    } else if (row_bool(owner, 0, 0)) {
        code = gl_fail(err, GL_E_SETTING,
                       "the tables belong to %s, which is a superuser or bypasses row-level security, so that nothing is checked "
                       "of what it writes; take that from it (alter role ... nosuperuser nobypassrls)",
                       PQgetvalue(owner, 0, 1));
    }
    PQclear(owner);
    return code;
}

static enum gl_code look_at(const struct store_pg_config *config, enum store_role role, const char *user, struct gl_err *err)
{
    int version;
    PGconn *pg = pg_connect(config->conninfo, user, "glossd preflight", err);
    if (!pg) {
        return err->code;
    }
    /* The schema first: without it the other question cannot be asked. */
    enum gl_code code = pg_schema_version(pg, &version, err);
    if (code == GL_OK) {
        code = schema_complain(version, err);
    }
    if (code == GL_OK && !config->allow_unsafe) {
        code = look_at_owner(pg, err);
    }
    if (code == GL_OK) {
        code = pg_run(pg, setup_sql(role), err);
    }
    if (code == GL_OK) {
        PGresult *check = pg_exec_params(pg, store_queries[STORE_Q_server_check].sql, 0, NULL, NULL, NULL, NULL, 1);
        if (PQresultStatus(check) != PGRES_TUPLES_OK) {
            code = pg_complain(pg, check, err);
        } else if (!server_will_do(check, config->allow_unsafe, err)) {
            code = err->code;
        }
        PQclear(check);
    }
    PQfinish(pg);
    return code;
}

enum gl_code store_pg_preflight(const struct store_pg_config *config, struct gl_err *err)
{
    struct gl_err unused;
    err = err ? err : &unused;
    enum gl_code code = look_at(config, STORE_APPEND, config->append_role, err);
    return code == GL_OK ? look_at(config, STORE_READER, config->reader_role, err) : code;
}
