#include "service/store/store_pg.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "service/store/store_priv.h"

#define TICK_MS        100
#define READER_DEPTH   8 /* small requests in flight on one reader; more would wait behind each other */
#define READ_TRIES_MAX 3

/* ---- life */

static void on_tick(void *ctx);
static void on_soon(void *ctx);

enum { REFUSED_FOR_MS = 5000 }; /* nobody may be sent here meanwhile, so nobody may show that it is over: then it is tried */
enum {
    SETTLED_WITHIN_MS = 2000
}; /* an append that was lost with its connection: longer than that something keeps its backend, a standby that says nothing, as a rule */

static struct conn *connections(struct store *store, enum store_role role, unsigned count)
{
    struct conn *conns = mem_array(count, sizeof(*conns));
    for (unsigned i = 0; i < count; i++) {
        conn_init(&conns[i], store, role, i);
    }
    return conns;
}

static char *copy_text(const char *text)
{
    return mem_copy(text, strlen(text));
}

struct store *store_pg_new(struct loop *loop, const struct store_pg_config *config)
{
    struct store *store = mem_alloc(sizeof(*store));
    store->loop = loop;
    store->conninfo = copy_text(config->conninfo);
    store->host_count = conninfo_hosts(config->conninfo);
    store->append_role = copy_text(config->append_role);
    store->reader_role = copy_text(config->reader_role);
    store->statement_ms = config->statement_ms ? config->statement_ms : 5000;
    store->connect_ms = config->connect_ms ? config->connect_ms : 5000;
    store->allow_unsafe = config->allow_unsafe;
    store->version = copy_text(config->version ? config->version : "");
    list_init(&store->reads);
    list_init(&store->failed);
    list_init(&store->answers);
    store->tick = loop_timer_new(loop, on_tick, store);
    store->soon = loop_timer_new(loop, on_soon, store);
    loop_timer_start(store->tick, TICK_MS, TICK_MS);
    store->writer_count = config->writers ? config->writers : 1;
    store->reader_count = config->readers ? config->readers : 2;
    store->writers = connections(store, STORE_APPEND, store->writer_count);
    store->readers = connections(store, STORE_READER, store->reader_count);
    return store;
}

static void drop_list(struct request_list *list)
{
    for (struct request *request; (request = list_take(list));) {
        request->kind->drop(request);
    }
}

void store_free(struct store **address)
{
    struct store *store = *address;
    if (!store) {
        return;
    }
    assert(!store->is_delivering);
    store_listen(store, NULL, NULL);
    for (unsigned i = 0; i < store->writer_count; i++) {
        conn_fini(&store->writers[i]);
    }
    for (unsigned i = 0; i < store->reader_count; i++) {
        conn_fini(&store->readers[i]);
    }
    if (store->holder) {
        conn_fini(store->holder);
    }
    if (store->counter) {
        conn_fini(store->counter);
    }
    drop_list(&store->reads);
    drop_list(&store->failed);
    asked_fini(store);
    loop_timer_free(&store->tick);
    loop_timer_free(&store->soon);
    mem_free(&store->writers);
    mem_free(&store->readers);
    mem_free(&store->holder);
    mem_free(&store->counter);
    mem_free(&store->version);
    mem_free(&store->conninfo);
    mem_free(&store->append_role);
    mem_free(&store->reader_role);
    mem_free(address);
}

const char *role_user(const struct store *store, enum store_role role)
{
    return role == STORE_APPEND ? store->append_role : store->reader_role;
}

const char *role_name(enum store_role role)
{
    return role == STORE_APPEND ? "append" : role == STORE_LISTENER ? "listener" : "reader";
}

/* ---- queues */

void store_dispatch_later(struct store *store)
{
    loop_timer_start(store->soon, 0, 0);
}

static void queued(struct store *store, struct request *request)
{
    request->expires_at_ms = loop_now_ms(store->loop) + store->statement_ms;
    request->queued_us = clock_monotonic_us();
    if (!store->is_delivering) {
        store_dispatch(store);
    }
}

void store_read(struct store *store, struct request *request)
{
    request->context = *log_context();
    list_append(&store->reads, request);
    queued(store, request);
}

void store_write(struct store *store, struct conn *writer, struct request *request)
{
    list_append(&writer->queue, request);
    queued(store, request);
}

void store_read_again(struct store *store, struct request *request)
{
    if (++request->tries < READ_TRIES_MAX) {
        list_prepend(&store->reads, request);
    } else {
        list_append(&store->failed, request);
        store_dispatch_later(store);
    }
}

static bool can_append(const struct conn *conn)
{
    return conn->state == CONN_READY && !conn->is_broken;
}

static unsigned work_of(const struct conn *conn)
{
    unsigned count = conn->in_flight.first != NULL;
    for (const struct request *request = conn->queue.first; request; request = request->next) {
        count++;
    }
    return count;
}

static bool is_better(const struct conn *conn, const struct conn *than)
{
    return can_append(conn) != can_append(than) ? can_append(conn) : work_of(conn) < work_of(than);
}

struct conn *store_free_writer(struct store *store)
{
    struct conn *best = &store->writers[0];
    for (unsigned i = 1; i < store->writer_count; i++) {
        best = is_better(&store->writers[i], best) ? &store->writers[i] : best;
    }
    return best;
}

struct conn *store_side_writer(struct store *store)
{
    struct conn *best = &store->writers[store->writer_count - 1];
    for (unsigned i = store->writer_count - 1; i > 0; i--) {
        best = is_better(&store->writers[i - 1], best) ? &store->writers[i - 1] : best;
    }
    return best;
}

unsigned store_writers(const struct store *store, unsigned *idle)
{
    unsigned all = 0;
    *idle = 0;
    for (unsigned i = 0; i < store->writer_count; i++) {
        all += can_append(&store->writers[i]);
        *idle += can_append(&store->writers[i]) && work_of(&store->writers[i]) == 0;
    }
    return all;
}

static void dispatch_alone(struct store *store, struct conn *conn)
{
    if (conn->state != CONN_READY || conn->is_broken || conn->in_flight.first) {
        return;
    }
    if (conn->unsettled.first && loop_now_ms(store->loop) >= conn->settle_at_ms) {
        settle_next(conn);
    } else if (conn->queue.first) {
        conn_submit(conn, list_take(&conn->queue));
    }
}

static bool has_big(const struct conn *conn)
{
    for (const struct request *request = conn->in_flight.first; request; request = request->next) {
        if (request->is_big) {
            return true;
        }
    }
    return false;
}

static bool may_more_big(const struct store *store)
{
    unsigned busy_with_big = 0;
    for (unsigned i = 0; i < store->reader_count; i++) {
        busy_with_big += has_big(&store->readers[i]);
    }
    return busy_with_big < (store->reader_count > 1 ? store->reader_count - 1 : 1);
}

/* The reader with the fewest requests in flight, of those without a big one that have fewer than so many, but not this one. */
static struct conn *least_busy(struct store *store, unsigned below, const struct conn *but)
{
    struct conn *best = NULL;
    for (unsigned i = 0; i < store->reader_count; i++) {
        struct conn *conn = &store->readers[i];
        if (conn == but || conn->state != CONN_READY || conn->is_broken || has_big(conn) || conn->in_flight_count >= below) {
            continue;
        }
        if (!best || conn->in_flight_count < best->in_flight_count) {
            best = conn;
        }
    }
    return best;
}

/* A big one wants a reader to itself, and leaves one for the small ones. */
static struct conn *pick_reader(struct store *store, bool is_big, const struct conn *kept)
{
    if (!is_big) {
        return least_busy(store, READER_DEPTH, kept);
    }
    return may_more_big(store) ? least_busy(store, 1, NULL) : NULL;
}

/* Behind everything that is there already, without looking at each. */
static void append_all(struct request_list *list, struct request_list *more)
{
    if (more->first) {
        *list->last = more->first;
        list->last = more->last;
        list_init(more);
    }
}

/* It ends where nothing can be taken any more, since a thousand may wait: then each of them would be looked at whenever one of them comes or goes. A reader that
 * has no room for a small one has none for a big one. Where a big one waits for a reader to itself, one gets no more of those that came after it: else small ones
 * might never leave it any. */
static void dispatch_readers(struct store *store)
{
    struct request_list waiting;
    const struct conn *kept = NULL;
    list_init(&waiting);
    append_all(&waiting, &store->reads);
    while (waiting.first && pick_reader(store, false, kept)) {
        struct request *request = list_take(&waiting);
        struct conn *conn = pick_reader(store, request->is_big, kept);
        if (conn) {
            conn_submit(conn, request);
            continue;
        }
        list_append(&store->reads, request);
        if (!kept && may_more_big(store)) {
            kept = least_busy(store, UINT_MAX, NULL);
        }
    }
    append_all(&store->reads, &waiting);
}

void store_dispatch_writers(struct store *store)
{
    for (unsigned i = 0; i < store->writer_count; i++) {
        dispatch_alone(store, &store->writers[i]);
    }
}

void store_dispatch(struct store *store)
{
    store_dispatch_writers(store);
    if (store->holder) {
        dispatch_alone(store, store->holder);
    }
    if (store->counter) {
        dispatch_alone(store, store->counter);
    }
    dispatch_readers(store);
    listener_dispatch(store);
}

/* ---- what has waited too long */

static void expire(struct store *store, struct request_list *list, uint64_t now_ms)
{
    struct request_list waiting = *list;
    if (!waiting.first) {
        return;
    }
    list_init(list);
    for (struct request *request; (request = list_take(&waiting));) {
        list_append(now_ms >= request->expires_at_ms ? &store->failed : list, request);
    }
}

static void answer_failed(struct store *store)
{
    struct request_list failed = store->failed;
    if (!failed.first) {
        return;
    }
    list_init(&store->failed);
    for (struct request *request; (request = list_take(&failed));) {
        log_set_context(&request->context);
        request->kind->done(request, NULL, GL_E_STORE_DOWN);
        log_set_context(NULL);
    }
}

static void on_tick(void *ctx)
{
    struct store *store = ctx;
    uint64_t now_ms = loop_now_ms(store->loop);
    for (unsigned i = 0; i < store->writer_count; i++) {
        conn_tick(&store->writers[i], now_ms);
        expire(store, &store->writers[i].queue, now_ms);
    }
    if (store->holder) {
        conn_tick(store->holder, now_ms);
        expire(store, &store->holder->queue, now_ms);
    }
    if (store->counter) {
        conn_tick(store->counter, now_ms);
        expire(store, &store->counter->queue, now_ms);
    }
    for (unsigned i = 0; i < store->reader_count; i++) {
        conn_tick(&store->readers[i], now_ms);
    }
    listener_tick(store, now_ms);
    expire(store, &store->reads, now_ms);
    answer_failed(store);
    store_dispatch(store);
}

static void on_soon(void *ctx)
{
    struct store *store = ctx;
    answer_failed(store);
    store_dispatch(store);
}

/* ---- the rest */

bool store_is_up(const struct store *store)
{
    unsigned idle;
    return store_writers(store, &idle) > 0 && listener_knows_others(store);
}

bool store_confirms_appends(const struct store *store)
{
    return !store->unsettled || loop_now_ms(store->loop) - store->unsettled_at_ms <= SETTLED_WITHIN_MS;
}

bool store_takes_appends(const struct store *store)
{
    return !store->refused_at_ms || loop_now_ms(store->loop) - store->refused_at_ms > REFUSED_FOR_MS;
}

size_t store_in_flight(const struct store *store)
{
    return store->count;
}

/* The sample that took the shortest is the best one: its middle is nearest to the moment of the reading. */
static const struct clock_sample *best_clock(const struct store *store)
{
    size_t best = 0, count = store->clock_count < CLOCK_SAMPLES ? store->clock_count : CLOCK_SAMPLES;
    for (size_t i = 1; i < count; i++) {
        if (store->clock[i].took_ms < store->clock[best].took_ms) {
            best = i;
        }
    }
    return count ? &store->clock[best] : NULL;
}

/* Kept against the loop's clock, which nobody can set: the wall clock of a machine may be moved by a year, and no op may say so. */
int64_t store_now_ms(const struct store *store)
{
    const struct clock_sample *best = best_clock(store);
    return best ? (int64_t)loop_now_ms(store->loop) + best->offset_ms : loop_unix_ms(store->loop);
}

int64_t store_clock_offset_ms(const struct store *store)
{
    return store_now_ms(store) - loop_unix_ms(store->loop);
}

void store_take_clock(struct store *store, int64_t database_ms, uint64_t sent_at_ms)
{
    uint64_t now_ms = loop_now_ms(store->loop);
    const struct clock_sample sample = {.offset_ms = database_ms - (int64_t)(sent_at_ms + (now_ms - sent_at_ms) / 2),
                                        .took_ms = now_ms - sent_at_ms};
    const struct clock_sample *best = best_clock(store);
    if (best && llabs(sample.offset_ms - best->offset_ms) > (int64_t)(sample.took_ms + best->took_ms) / 2 + CLOCK_DRIFT_MS) {
        store->clock_count = 0; /* both cannot be true: the database's clock was moved */
    }
    store->clock[store->clock_count++ % CLOCK_SAMPLES] = sample;
}

/* ---- plain queries */

struct rows_request {
    struct request request;
    enum store_query_id query;
    struct params params;
    bool has_account;
    gl_uuid account;
    PGresult *result;
    store_rows_fn fn;
    void *ctx;
};

static void rows_drop(struct request *request)
{
    struct rows_request *rows = (struct rows_request *)request;
    PQclear(rows->result);
    params_fini(&rows->params);
    rows->request.store->count--;
    mem_free(&rows);
}

/* Whether an op is in the log, and where a log begins, is told to people as durable. */
static bool must_be_confirmed(enum store_query_id query)
{
    return query == STORE_Q_ops_by_id || query == STORE_Q_session_cut || query == STORE_Q_annotation_ends;
}

/* What brings megabytes: nothing small is to stand behind it. */
static bool is_big(enum store_query_id query)
{
    return query == STORE_Q_document_bytes;
}

/* What may take as long as it likes, and is asked by few: neither small nor large ones are to wait for it, only others of its kind. */
static bool is_counted(enum store_query_id query)
{
    return query == STORE_Q_session_show;
}

static struct conn *counter(struct store *store)
{
    if (!store->counter) {
        store->counter = mem_alloc(sizeof(*store->counter));
        conn_init(store->counter, store, STORE_READER, store->reader_count);
    }
    return store->counter;
}

static void rows_send(struct request *request, struct conn *conn)
{
    struct rows_request *rows = (struct rows_request *)request;
    conn_send_account(conn, request, rows->has_account ? &rows->account : NULL);
    conn_send(conn, request, rows->query, &rows->params);
    if (must_be_confirmed(rows->query)) {
        conn_send(conn, request, STORE_Q_confirmed, NULL);
    }
}

static bool rows_result(struct request *request, unsigned statement, PGresult *result)
{
    struct rows_request *rows = (struct rows_request *)request;
    if (statement != 1) {
        return false;
    }
    PQclear(rows->result);
    rows->result = result;
    return true;
}

static void rows_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct rows_request *rows = (struct rows_request *)request;
    struct store_rows answer = {.result = rows->result};
    (void)conn;
    if (code == GL_OK && !rows->result) {
        code = GL_E_INTERNAL;
    }
    if (code == GL_E_INTERNAL) {
        log_failure(LOG_ERROR, store_queries[rows->query].name, request->sqlstate, request->constraint);
    }
    rows->fn(rows->ctx, code, code == GL_OK ? &answer : NULL);
    rows_drop(request);
}

static void rows_lost(struct request *request, struct conn *conn)
{
    struct rows_request *rows = (struct rows_request *)request;
    PQclear(rows->result);
    rows->result = NULL;
    if (conn == request->store->counter) { /* it may have taken too long, and would again */
        rows_done(request, conn, GL_E_STORE_DOWN);
    } else if (conn->role == STORE_READER) {
        store_read_again(request->store, request);
    } else {
        rows_done(request, conn, GL_E_UNKNOWN_OUTCOME);
    }
}

static const struct request_kind rows_kind = {
    .name = "query", .send = rows_send, .result = rows_result, .done = rows_done, .lost = rows_lost, .drop = rows_drop};

void store_query(struct store *store, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx)
{
    struct rows_request *rows = mem_alloc(sizeof(*rows));
    rows->request.kind = &rows_kind;
    rows->request.store = store;
    rows->request.is_big = is_big(query);
    rows->query = query;
    rows->fn = fn;
    rows->ctx = ctx;
    rows->has_account = account != NULL;
    if (account) {
        rows->account = *account;
    }
    params_init(&rows->params);
    params_from(&rows->params, store_queries[query].params, params, count);
    store->count++;
    if (store_queries[query].role == STORE_APPEND) {
        store_write(store, store_side_writer(store), &rows->request);
    } else if (is_counted(query)) {
        rows->request.context = *log_context();
        store_write(store, counter(store), &rows->request);
    } else {
        store_read(store, &rows->request);
    }
}
