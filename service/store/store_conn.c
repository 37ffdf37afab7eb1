/*
 * One libpq connection as a state machine: DOWN, CONNECTING, SETTING_UP, READY. Only enter() changes the state.
 *
 * What libpq promises and we rely on: in pipeline mode every statement gives its results and then NULL, the sync gives PGRES_PIPELINE_SYNC and no NULL;
 * after an error the rest up to the sync is PGRES_PIPELINE_ABORTED. Name lookup inside PQconnectStart blocks: names are looked up before (resolve.h).
 */
#include <assert.h>
#include <poll.h>
#include <string.h>

#include "service/store/store_priv.h"

#define CLOCK_EVERY_MS 4000
#define READ_ONLY      "25006"

/* ---- lists of requests */

void list_init(struct request_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

void list_append(struct request_list *list, struct request *request)
{
    request->next = NULL;
    *list->last = request;
    list->last = &request->next;
}

void list_prepend(struct request_list *list, struct request *request)
{
    request->next = list->first;
    list->first = request;
    if (!request->next) {
        list->last = &request->next;
    }
}

struct request *list_take(struct request_list *list)
{
    struct request *request = list->first;
    if (request) {
        list->first = request->next;
        request->next = NULL;
        if (!list->first) {
            list->last = &list->first;
        }
    }
    return request;
}

static void list_drop(struct request_list *list)
{
    for (struct request *request; (request = list_take(list));) {
        request->kind->drop(request);
    }
}

/* ---- connecting */

static void connect_now(void *ctx);
static void on_timer(void *ctx);
static void on_io(void *ctx, int events);

static void enter(struct conn *conn, enum conn_state state)
{
    conn->state = state;
    conn->since_ms = loop_now_ms(conn->store->loop);
    conn->heard_at_ms = conn->since_ms;
}

void conn_init(struct conn *conn, struct store *store, enum store_role role, unsigned index)
{
    *conn = (struct conn){.store = store, .role = role, .index = index};
    list_init(&conn->in_flight);
    list_init(&conn->queue);
    list_init(&conn->unsettled);
    conn->timer = loop_timer_new(store->loop, on_timer, conn);
    enter(conn, CONN_DOWN);
    loop_timer_start(conn->timer, 0, 0);
}

static void look_up_no_more(struct conn *conn)
{
    resolve_free(&conn->resolve);
    conninfo_free(&conn->conninfo);
}

static void hang_up(struct conn *conn)
{
    look_up_no_more(conn);
    loop_watch_free(&conn->watch);
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->is_broken = conn->is_unconfirmed = false;
    conn->statement = 0;
    conn->has_result = false;
}

void conn_fini(struct conn *conn)
{
    loop_timer_free(&conn->timer);
    hang_up(conn);
    list_drop(&conn->in_flight);
    list_drop(&conn->queue);
    list_drop(&conn->unsettled);
}

/* Appends that were not sent yet: what they were judged by may not be so any more. */
static void give_back_judged(struct conn *conn)
{
    struct request_list queue = conn->queue;
    if (!queue.first) {
        return;
    }
    list_init(&conn->queue);
    for (struct request *request; (request = list_take(&queue));) {
        list_append(request->kind->is_judged ? &conn->store->failed : &conn->queue, request);
    }
    store_dispatch_later(conn->store);
}

/* Everything in flight has an unknown outcome now; each kind knows what to do about it. */
static void lose(struct conn *conn, const char *why)
{
    struct request_list lost = conn->in_flight;
    if (lost.first) {
        list_init(&conn->in_flight);
    } else {
        list_init(&lost);
    }
    bool was_ready = conn->state == CONN_READY;
    if (was_ready && conn->in_flight_count > 0) {
        conn->former_pid = conn->backend_pid;
        conn->former_start_us = conn->backend_start_us;
    }
    conn->in_flight_count = 0;
    hang_up(conn);
    enter(conn, CONN_DOWN);
    log_event(was_ready || conn->failures % 8 == 0 ? LOG_WARN : LOG_DEBUG, EV_store_lost, F_STR("role", role_name(conn->role)),
              F_U64("connection", conn->index), F_STR("why", conn->refusal[0] ? conn->refusal : why));
    conn->failures += !was_ready; /* where it was is asked first */
    loop_timer_start(conn->timer, servers_retry_ms(conn) / (was_ready ? 2 : 1), 0);
    if (was_ready) {
        give_back_judged(conn);
    }
    for (struct request *request; (request = list_take(&lost));) {
        request->sqlstate[0] = '\0';
        request->kind->lost(request, conn);
    }
}

/* Found broken inside somebody's call: the callbacks that this leads to must not run before that call has returned. */
static void break_later(struct conn *conn)
{
    conn->is_broken = true;
    loop_timer_start(conn->timer, 0, 0);
}

void conn_break(struct conn *conn)
{
    break_later(conn);
}

void conn_hurry(struct conn *conn)
{
    conn->is_hurried = true;
    if (conn->state == CONN_DOWN) {
        loop_timer_start(conn->timer, 0, 0);
    } else {
        break_later(conn);
    }
}

static void on_timer(void *ctx)
{
    struct conn *conn = ctx;
    if (conn->is_broken) {
        lose(conn, "sending failed");
        store_dispatch(conn->store);
    } else if (conn->state == CONN_DOWN) {
        connect_now(conn);
    }
}

static void watch(struct conn *conn, int events)
{
    if (!conn->watch) {
        conn->watch = loop_watch_new(conn->store->loop, PQsocket(conn->pg), on_io, conn);
    }
    loop_watch_set(conn->watch, events);
}

/* Notices go nowhere: stderr is the log's. But one says that a commit was not waited for: somebody cancelled the waiting for the standby. */
static void take_notice(void *arg, const PGresult *result)
{
    struct conn *conn = arg;
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    conn->is_unconfirmed |= function && strcmp(function, "SyncRepWaitForLSN") == 0;
}

static void set_up(struct conn *conn)
{
    PQsetNoticeReceiver(conn->pg, take_notice, conn);
    if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1) {
        lose(conn, "no pipeline mode");
        return;
    }
    enter(conn, CONN_SETTING_UP);
    conn_submit(conn, setup_new(conn));
}

static void connect_step(struct conn *conn)
{
    /* libpq may close the socket and open another one, maybe under the same number: the old watch must be gone before. */
    loop_watch_free(&conn->watch);
    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_READING: watch(conn, LOOP_READ); break;
    case PGRES_POLLING_WRITING: watch(conn, LOOP_WRITE); break;
    case PGRES_POLLING_OK: set_up(conn); break;
    default: lose(conn, "connecting failed"); break;
    }
}

static void connect_start(struct conn *conn)
{
    conn->dialled_ms = loop_now_ms(conn->store->loop);
    conn->pg =
        PQconnectStartParams((const char *const *)conn->conninfo->keywords, (const char *const *)conn->conninfo->values, 0);
    conninfo_free(&conn->conninfo);
    if (!conn->pg || PQstatus(conn->pg) == CONNECTION_BAD) {
        lose(conn, "connecting failed");
        return;
    }
    watch(conn, LOOP_WRITE); /* as if PQconnectPoll had asked for it */
}

static void on_looked_up(void *ctx)
{
    struct conn *conn = ctx;
    bool is_found = resolve_put(conn->resolve, conn->conninfo);
    resolve_free(&conn->resolve);
    if (is_found) {
        connect_start(conn);
    } else {
        lose(conn, "its host was not found");
    }
}

static void connect_now(void *ctx)
{
    struct conn *conn = ctx;
    struct store *store = conn->store;
    struct gl_err err;
    char application[32];
    snprintf(application, sizeof(application), "glossd %s", role_name(conn->role));
    conn->refusal[0] = '\0';
    servers_choose(conn);
    enter(conn, CONN_CONNECTING);
    if (conninfo_new(store->conninfo, role_user(store, conn->role), application, conn->host, &conn->conninfo, &err) != GL_OK) {
        lose(conn, "connection string cannot be read");
        return;
    }
    conn->resolve = resolve_new(store->loop, conn->conninfo, on_looked_up, conn);
    if (!conn->resolve) {
        connect_start(conn);
    }
}

/* ---- sending */

static void flush(struct conn *conn)
{
    int left = PQflush(conn->pg);
    if (left < 0) {
        break_later(conn);
    } else {
        watch(conn, left ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    }
}

void conn_send(struct conn *conn, struct request *request, enum store_query_id query, struct params *params)
{
    const struct query *row = &store_queries[query];
    if (params) {
        params_finish(params);
        assert(params->count == (int)strlen(row->params));
    }
    request->statements++;
    if (PQsendQueryPrepared(conn->pg, row->name, params ? params->count : 0, params ? params->values : NULL,
                            params ? params->lengths : NULL, params ? params->formats : NULL, 1) != 1) {
        conn->is_broken = true;
    }
}

void conn_send_account(struct conn *conn, struct request *request, const gl_uuid *account)
{
    char text[GL_UUID_TEXT + 1] = "";
    struct params params;
    if (account) {
        gl_uuid_format(account, text);
    }
    params_init(&params);
    params_text(&params, gl_slice_str(text));
    conn_send(conn, request, STORE_Q_account_set, &params);
    params_fini(&params);
}

void conn_submit(struct conn *conn, struct request *request)
{
    const uint64_t now_us = clock_monotonic_us();
    if (request->queued_us > 0 && request->sent_us == 0) { /* once, however often it is sent */
        metric_observe(database_wait, now_us - request->queued_us);
    }
    request->sent_us = now_us;
    request->statements = 0;
    request->streamed = 0;
    request->sqlstate[0] = '\0';
    request->constraint[0] = '\0';
    if (!conn->in_flight.first) {
        conn->heard_at_ms = loop_now_ms(conn->store->loop);
    }
    list_append(&conn->in_flight, request);
    conn->in_flight_count++;
    request->kind->send(request, conn);
    if (conn->is_broken || PQpipelineSync(conn->pg) != 1) {
        break_later(conn);
    } else {
        flush(conn);
    }
}

/* ---- receiving */

static void keep_error(struct conn *conn, const PGresult *result)
{
    struct request *request = conn->in_flight.first;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE),
               *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    if (request->sqlstate[0]) {
        return;
    }
    snprintf(request->sqlstate, sizeof(request->sqlstate), "%s", sqlstate ? sqlstate : "08006");
    snprintf(request->constraint, sizeof(request->constraint), "%s",
             constraint                   ? constraint
             : is_condition_unmet(result) ? "row_level_security"
                                          : "");
}

static void measure(const struct conn *conn, const struct request *request)
{
    const uint64_t took_us = clock_monotonic_us() - request->sent_us;
    if (request->queued_us == 0) { /* nobody waited for it: what a connection is asked by us */
        return;
    }
    if (conn->role == STORE_APPEND) {
        metric_observe(database_append, took_us);
    } else {
        metric_observe(database_read, took_us);
    }
}

static void finish(struct conn *conn)
{
    if (conn->is_unconfirmed) { /* its outcome is as unknown as if the answer had not come */
        break_later(conn);
        return;
    }
    struct request *request = list_take(&conn->in_flight);
    conn->in_flight_count--;
    conn->statement = 0;
    conn->has_result = false;
    measure(conn, request);
    if (conn->role == STORE_APPEND && strcmp(request->sqlstate, READ_ONLY) == 0) {
        break_later(conn); /* it was the primary once; another one is now */
    }
    log_set_context(&request->context);
    request->kind->done(request, conn, request->sqlstate[0] ? sqlstate_code(request->sqlstate) : GL_OK);
    log_set_context(NULL);
}

static void take_result(struct conn *conn, PGresult *result)
{
    struct request *request = conn->in_flight.first;
    bool is_kept = false;
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        finish(conn);
        return;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE: is_kept = !request->sqlstate[0] && request->kind->result(request, conn->statement, result); break;
    case PGRES_PIPELINE_ABORTED: break;
    default: keep_error(conn, result); break;
    }
    conn->has_result = true;
    if (!is_kept) {
        PQclear(result);
    }
}

/* NULL from libpq: the end of one statement's results, or nothing at all. */
static void next_statement(struct conn *conn)
{
    if (conn->has_result) {
        conn->has_result = false;
        conn->statement++;
    }
    const struct request *request = conn->in_flight.first;
    if (conn->statement < 32 && request->streamed & 1u << conn->statement) {
        PQsetSingleRowMode(
            conn->pg); /* refused where there is nothing to read yet: then the rows come in one piece, which is as right */
    }
}

static void receive(struct conn *conn)
{
    bool is_open = PQconsumeInput(conn->pg) == 1;
    unsigned nothing = 0; /* NULL, NULL, NULL: libpq has no more although it is not busy */
    conn->heard_at_ms = loop_now_ms(conn->store->loop);
    conn->store->is_delivering = true;
    while (conn->in_flight.first && !conn->is_broken && nothing < 3 && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (result) {
            nothing = 0;
            take_result(conn, result);
        } else {
            nothing++;
            next_statement(conn);
        }
    }
    if (conn->role == STORE_LISTENER && !conn->is_broken) {
        listener_receive(conn->store);
    }
    conn->store->is_delivering = false;
    if (!conn->is_broken && (!is_open || PQstatus(conn->pg) == CONNECTION_BAD)) {
        lose(conn, conn->state == CONN_READY ? "closed by the server" : "refused by the server");
    }
}

static void on_io(void *ctx, int events)
{
    struct conn *conn = ctx;
    if (conn->state == CONN_CONNECTING) {
        connect_step(conn);
    } else {
        if (events & LOOP_READ) {
            receive(conn);
        }
        if (conn->pg && !conn->is_broken && events & LOOP_WRITE) {
            flush(conn);
        }
    }
    store_dispatch(conn->store);
}

/* ---- time */

#define UNHEARD_MS 1000 /* without the machine's answer: asked anew, long before the kernel would ask a third time */
#define BIG_TIMES  6    /* what brings megabytes may take so many times as long, while it goes on */

/* Something comes now and then, and still the first one waits too long: its server is too slow, or it stands behind too many. */
static bool is_overdue(const struct conn *conn, uint64_t now_ms)
{
    const struct request *first = conn->in_flight.first;
    return first->expires_at_ms > 0 &&
           now_ms > first->expires_at_ms + conn->store->statement_ms * (first->is_big ? BIG_TIMES : 1);
}

/* Whoever could be reached has answered by now: what was sent is lost, and so is what follows, until the line is whole again. */
static bool is_unheard(const struct conn *conn, uint64_t now_ms)
{
    if (!conn->pg || now_ms - conn->dialled_ms <= UNHEARD_MS || PQstatus(conn->pg) != CONNECTION_STARTED)
        return false;
    struct pollfd there = {.fd = PQsocket(conn->pg), .events = POLLOUT}; /* it may have come while we were busy */
    return poll(&there, 1, 0) == 0;
}

void conn_tick(struct conn *conn, uint64_t now_ms)
{
    const struct store *store = conn->store;
    switch (conn->state) {
    case CONN_DOWN: break;
    case CONN_CONNECTING:
    case CONN_SETTING_UP:
        if (is_unheard(conn, now_ms)) {
            lose(conn, "nobody answers there");
        } else if (now_ms - conn->since_ms > servers_patience_ms(store)) {
            lose(conn, "connecting took too long");
        }
        break;
    case CONN_READY:
        if (conn->in_flight.first && (now_ms - conn->heard_at_ms > store->statement_ms || is_overdue(conn, now_ms))) {
            lose(conn, "no answer in time");
        } else if (!conn->in_flight.first && now_ms - conn->asked_clock_at_ms > CLOCK_EVERY_MS) {
            conn->asked_clock_at_ms = now_ms;
            conn_submit(conn, clock_new(conn->store));
        }
        break;
    }
}
