#include "service/store/admin_priv.h"

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
