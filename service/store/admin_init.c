/* Roles and database. Data definition takes no parameters, so names are quoted here, and nowhere else. */
#include <stdlib.h>

#include "service/store/admin_priv.h"

#define SQL_MAX_BYTES 8192

static void put_name(struct gl_buf *sql, PGconn *pg, const char *name)
{
    char *quoted = PQescapeIdentifier(pg, name, strlen(name));
    gl_buf_str(sql, quoted ? quoted : "\"\"");
    PQfreemem(quoted);
}

static void put_literal(struct gl_buf *sql, PGconn *pg, const char *text)
{
    char *quoted = PQescapeLiteral(pg, text, strlen(text));
    gl_buf_str(sql, quoted ? quoted : "''");
    PQfreemem(quoted);
}

/* Text with $1, $2 … for names (quoted as such) and the last one, if it is a literal, as '$'. */
static enum gl_code run_with(PGconn *pg, struct gl_err *err, const char *text, const char *const *names, const char *literal)
{
    struct gl_buf sql;
    gl_buf_init(&sql, SQL_MAX_BYTES);
    for (const char *p = text; *p; p++) {
        if (p[0] == '$' && p[1] >= '1' && p[1] <= '9') {
            put_name(&sql, pg, names[*++p - '1']);
        } else if (p[0] == '$') {
            put_literal(&sql, pg, literal);
        } else {
            gl_buf_byte(&sql, *p);
        }
    }
    const char *whole = gl_buf_cstr(&sql);
    enum gl_code code = whole ? pg_run(pg, whole, err) : gl_fail(err, GL_E_SETTING, "a name is too long");
    gl_buf_fini(&sql);
    return code;
}

static enum gl_code exists(PGconn *pg, const char *sql, const char *name, bool *is_there, struct gl_err *err)
{
    PGresult *result = pg_exec_params(pg, sql, 1, NULL, &name, NULL, NULL, 1);
    enum gl_code code = PQresultStatus(result) == PGRES_TUPLES_OK ? GL_OK : pg_complain(pg, result, err);
    *is_there = code == GL_OK && PQntuples(result) > 0;
    PQclear(result);
    return code;
}

static enum gl_code ensure_role(PGconn *pg, const char *role, const char *password, bool *is_made, struct gl_err *err)
{
    bool is_there;
    enum gl_code code = exists(pg, "select from pg_roles where rolname = $1", role, &is_there, err);
    *is_made = code == GL_OK && !is_there;
    if (*is_made) {
        code =
            run_with(pg, err, "create role $1 login nosuperuser nocreatedb nocreaterole noreplication nobypassrls", &role, NULL);
        if (code == GL_E_EXISTS) { /* another init was faster */
            *is_made = false;
            code = GL_OK;
        }
    }
    if (code == GL_OK && password) {
        code = run_with(pg, err, "alter role $1 password $", &role, password);
    }
    return code;
}

/* Only a member of the owner's role may give it a database; a superuser is one of all. */
static enum gl_code join_owner(PGconn *pg, const char *owner, struct gl_err *err)
{
    bool is_superuser;
    enum gl_code code = exists(pg, "select from pg_roles where rolname = current_user and (rolsuper or $1 = current_user)", owner,
                               &is_superuser, err);
    return code == GL_OK && !is_superuser ? run_with(pg, err, "grant $1 to current_user", &owner, NULL) : code;
}

static enum gl_code ensure_database(PGconn *pg, const char *database, const char *owner, bool *is_made, struct gl_err *err)
{
    bool is_there;
    enum gl_code code = exists(pg, "select from pg_database where datname = $1", database, &is_there, err);
    const char *names[] = {database, owner};
    *is_made = code == GL_OK && !is_there;
    if (*is_made) {
        code = run_with(pg, err, "create database $1 owner $2 encoding 'UTF8' template template0", names, NULL);
    }
    return code;
}

static enum gl_code grant(PGconn *pg, const char *database, const struct admin_roles *roles, struct gl_err *err)
{
    const char *names[] = {database, roles->owner, roles->append, roles->reader};
    enum gl_code code = run_with(pg, err, "alter database $1 owner to $2", names, NULL);
    if (code == GL_OK) {
        code = run_with(pg, err, "revoke all on database $1 from public", names, NULL);
    }
    if (code == GL_OK) {
        code = run_with(pg, err, "grant connect on database $1 to $2, $3, $4", names, NULL);
    }
    return code;
}

enum gl_code admin_db_init(const char *admin_conninfo, const char *text, const struct admin_roles *roles, unsigned *made,
                           struct gl_err *err)
{
    const struct {
        const char *role, *password;
    } wanted[] = {
        {roles->owner, roles->owner_password}, {roles->append, roles->append_password}, {roles->reader, roles->reader_password}};
    struct conninfo *conninfo;
    struct gl_err unused;
    err = err ? err : &unused;
    *made = 0;
    enum gl_code code = conninfo_new(text, roles->owner, "glossd init", CONNINFO_ALL_HOSTS, &conninfo, err);
    if (code != GL_OK) {
        return code;
    }
    const char *database = conninfo_get(conninfo, "dbname");
    database = database ? database : roles->owner; /* as libpq does: named like the user */
    PGconn *pg = pg_connect(admin_conninfo, NULL, "glossd init", err);
    code = pg ? GL_OK : err->code;
    for (unsigned i = 0; i < 3 && code == GL_OK; i++) {
        bool is_made = false;
        code = ensure_role(pg, wanted[i].role, wanted[i].password, &is_made, err);
        *made |= is_made ? 1u << i : 0;
    }
    if (code == GL_OK) {
        code = join_owner(pg, roles->owner, err);
    }
    if (code == GL_OK) {
        bool is_made = false;
        code = ensure_database(pg, database, roles->owner, &is_made, err);
        *made |= is_made ? 8 : 0;
    }
    if (code == GL_OK) {
        code = grant(pg, database, roles, err);
    }
    PQfinish(pg);
    conninfo_free(&conninfo);
    return code;
}
