#include <stdio.h>

#include "service/store/migrate.h"
#include "service/store/store_priv.h"

#define SERVER_VERSION_MIN 150000

/* ---- a new connection: settings, a look at the server, every statement prepared; all in one write */

struct setup {
    struct request request;
    struct conn *conn;
    uint64_t sent_at_ms;
    struct gl_err refusal;
    struct server server;
};
enum { SETUP_SETTINGS, SETUP_CHECK };

struct request *setup_new(struct conn *conn)
{
    struct setup *setup = mem_alloc(sizeof(*setup));
    setup->request.kind = &setup_kind;
    setup->request.store = conn->store;
    setup->conn = conn;
    return &setup->request;
}

const char *setup_sql(enum store_role role)
{
    return store_queries[role == STORE_APPEND     ? STORE_Q_setup_append
                         : role == STORE_LISTENER ? STORE_Q_setup_listener
                                                  : STORE_Q_setup_reader]
        .sql;
}

static void setup_send(struct request *request, struct conn *conn)
{
    ((struct setup *)request)->sent_at_ms = loop_now_ms(conn->store->loop);
    bool is_sent = PQsendQueryParams(conn->pg, setup_sql(conn->role), 0, NULL, NULL, NULL, NULL, 1) == 1 &&
                   PQsendQueryParams(conn->pg, store_queries[STORE_Q_server_check].sql, 0, NULL, NULL, NULL, NULL, 1) == 1;
    request->statements = 2;
    for (size_t i = 0; is_sent && i < STORE_QUERY_COUNT; i++) {
        const struct query *query = &store_queries[i];
        Oid types[PARAMS_MAX];
        if (query->role == conn->role || query->role == STORE_ANY) {
            is_sent = PQsendPrepare(conn->pg, query->name, query->sql, (int)query_types(query, types), types) == 1;
            request->statements++;
        }
    }
    conn->is_broken = !is_sent;
    if (is_sent && conn->role == STORE_LISTENER) {
        conn_send(conn, request, STORE_Q_listen, NULL);
        conn_send(conn, request, STORE_Q_listen_presence, NULL);
    }
}

bool server_will_do(const PGresult *check, bool allow_unsafe, struct gl_err *err)
{
    int newest = migrations_newest();
    if (!rows_fit(check, 12)) {
        gl_fail(err, GL_E_STORE_DOWN, "the server does not say who it is");
    } else if (row_u64(check, 0, 0) < SERVER_VERSION_MIN) {
        gl_fail(err, GL_E_SETTING, "PostgreSQL is older than 15");
    } else if (!allow_unsafe && !(row_bool(check, 0, 1) && row_bool(check, 0, 2))) {
        gl_fail(err, GL_E_SETTING,
                "PostgreSQL runs without fsync or full_page_writes, so a crash loses what was acknowledged; switch them on");
    } else if (!allow_unsafe && !row_bool(check, 0, 3)) {
        gl_fail(err, GL_E_SETTING, "synchronous_commit is off, so a crash loses what was acknowledged; switch it on");
    } else if (!allow_unsafe && row_bool(check, 0, 4)) {
        gl_fail(err, GL_E_SETTING,
                "the service's role is a superuser or bypasses row-level security; let `glossd init` make the roles");
    } else if (row_u64(check, 0, 7) < (uint64_t)newest) {
        gl_fail(err, GL_E_SCHEMA_TOO_OLD, "the database has schema %u, this program needs %d; run `glossd migrate`",
                (unsigned)row_u64(check, 0, 7), newest);
    } else if (row_u64(check, 0, 11) > (uint64_t)newest) {
        gl_fail(err, GL_E_SCHEMA_TOO_NEW,
                "the database is for programs that know schema %u, this one knows %d; use a newer glossd",
                (unsigned)row_u64(check, 0, 11), newest);
    } else {
        return true;
    }
    return false;
}

static bool setup_result(struct request *request, unsigned statement, PGresult *result)
{
    struct setup *setup = (struct setup *)request;
    if (statement == SETUP_CHECK) {
        if (!server_will_do(result, request->store->allow_unsafe, &setup->refusal)) {
            return false;
        }
        setup->server = (struct server){row_u64(result, 0, 9), row_u64(result, 0, 10)};
        setup->conn->backend_pid = row_u64(result, 0, 5);
        setup->conn->backend_start_us = (int64_t)row_u64(result, 0, 6);
        store_take_clock(request->store, row_time(result, 0, 8), setup->sent_at_ms); /* before the first op is given a time */
    }
    return false;
}

static void setup_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct setup *setup = (struct setup *)request;
    if (code == GL_OK && setup->refusal.code == GL_OK) {
        (void)servers_found(conn, &setup->server, &setup->refusal);
    }
    if (code == GL_OK && setup->refusal.code == GL_OK) {
        conn->state = CONN_READY;
        conn->failures = 0;
        log_event(LOG_INFO, EV_store_connected, F_STR("role", role_name(conn->role)), F_U64("connection", conn->index));
        if (conn->role == STORE_LISTENER) {
            listener_ready(conn->store);
        } else if (conn->role == STORE_READER && conn->former_pid) {
            conn_submit(conn, former_new(conn));
        }
    } else {
        /* A schema that is too old shows as a missing table before the check can say so. */
        snprintf(conn->refusal, sizeof(conn->refusal), "%s",
                 setup->refusal.code ? setup->refusal.detail : "the schema is not the one that is needed");
        if (code != GL_OK) {
            log_failure(LOG_WARN, "setup", request->sqlstate, NULL);
        }
        conn->is_broken = true;
        loop_timer_start(conn->timer, 0, 0);
    }
    mem_free(&setup);
}

static void setup_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    mem_free(&request);
}

static void plain_drop(struct request *request)
{
    mem_free(&request);
}

const struct request_kind setup_kind = {
    .name = "setup", .send = setup_send, .result = setup_result, .done = setup_done, .lost = setup_lost, .drop = plain_drop};

/* ---- the database's clock, which also shows that the connection lives */

struct clock {
    struct request request;
    uint64_t sent_at_ms;
};

struct request *clock_new(struct store *store)
{
    struct clock *clock = mem_alloc(sizeof(*clock));
    clock->request.kind = &clock_kind;
    clock->request.store = store;
    return &clock->request;
}

static void clock_send(struct request *request, struct conn *conn)
{
    ((struct clock *)request)->sent_at_ms = loop_now_ms(request->store->loop);
    conn_send(conn, request, STORE_Q_clock, NULL);
}

static bool clock_result(struct request *request, unsigned statement, PGresult *result)
{
    (void)statement;
    if (rows_fit(result, 1)) {
        store_take_clock(request->store, row_time(result, 0, 0), ((struct clock *)request)->sent_at_ms);
    }
    return false;
}

static void clock_done(struct request *request, struct conn *conn, enum gl_code code)
{
    (void)conn, (void)code;
    mem_free(&request);
}

const struct request_kind clock_kind = {
    .name = "clock", .send = clock_send, .result = clock_result, .done = clock_done, .lost = setup_lost, .drop = plain_drop};

/* ---- what the connection before has left */

struct former {
    struct request request;
    uint64_t pid;
    int64_t start_us;
};

struct request *former_new(struct conn *conn)
{
    struct former *former = mem_alloc(sizeof(*former));
    former->request.kind = &former_kind;
    former->request.store = conn->store;
    former->pid = conn->former_pid;
    former->start_us = conn->former_start_us;
    conn->former_pid = 0;
    return &former->request;
}

static void former_send(struct request *request, struct conn *conn)
{
    struct former *former = (struct former *)request;
    struct params params;
    params_init(&params);
    params_u64(&params, former->pid);
    params_u64(&params, (uint64_t)former->start_us);
    conn_send(conn, request, STORE_Q_former_backend, &params);
    params_fini(&params);
}

static bool nothing_to_keep(struct request *request, unsigned statement, PGresult *result)
{
    (void)request, (void)statement, (void)result;
    return false;
}

const struct request_kind former_kind = {.name = "former_backend",
                                         .send = former_send,
                                         .result = nothing_to_keep,
                                         .done = clock_done,
                                         .lost = setup_lost,
                                         .drop = plain_drop};
