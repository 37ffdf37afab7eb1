/* store_append.c - an append cut into units, and each unit on its way to an outcome. */
#include <assert.h>

#include "service/store/append_priv.h"

#define TRIES_MAX 5 /* of class 40: deadlock, serialization */

static const struct request_kind unit_kind;

static struct unit *unit_new(struct store *store, struct append *append, size_t room)
{
    struct unit *unit = mem_alloc(sizeof(*unit));
    unit->request.kind = &unit_kind;
    unit->request.store = store;
    unit->append = append;
    unit->streams = mem_array(room, sizeof(struct append_stream *));
    append->units++;
    return unit;
}

static void unit_free(struct unit *unit)
{
    mem_free(&unit->streams);
    mem_free(&unit->hits);
    mem_free(&unit);
}

/* Frees what was found, and touches no stream: those belong to the caller, who may have freed them in the callback, or before store_free(). */
static void append_free(struct append *append)
{
    for (size_t i = 0; i < append->count; i++) {
        mem_free(&append->found[i]);
    }
    mem_free(&append->found);
    mem_free(&append);
}

void unit_outcome(struct unit *unit, size_t index, enum append_outcome outcome)
{
    struct append_stream *stream = unit->streams[index];
    append_forget(stream);
    unit->append->found[stream - unit->append->streams] = NULL;
    stream->outcome = outcome;
}

static void set_outcome(struct unit *unit, enum append_outcome outcome)
{
    for (size_t i = 0; i < unit->count; i++) {
        unit_outcome(unit, i, outcome);
    }
}

void unit_finish(struct unit *unit)
{
    struct append *append = unit->append;
    struct store *store = unit->request.store;
    unit_free(unit);
    if (--append->units > 0) {
        return;
    }
    store->count--;
    /* Down is said only when nothing at all was written; else those streams look locked, which says the same of each. */
    append->fn(append->ctx, append->down == append->count ? append->code : GL_OK, append->streams, append->count);
    append_free(append);
}

void unit_drop(struct request *request)
{
    struct unit *unit = (struct unit *)request;
    struct append *append = unit->append;
    unit_free(unit);
    if (--append->units == 0) {
        append_free(append);
    }
}

static void unit_not_written(struct unit *unit, enum gl_code code)
{
    set_outcome(unit, APPEND_LOCKED);
    unit->append->down += unit->count;
    unit->append->code = code;
    unit_finish(unit);
}

struct sending {
    struct unit *unit;
    struct conn *conn;
};

static bool send_statement(void *ctx, enum store_query_id query, struct params *params)
{
    struct sending *sending = ctx;
    conn_send(sending->conn, &sending->unit->request, query, params);
    return true;
}

static void unit_send(struct request *request, struct conn *conn)
{
    struct unit *unit = (struct unit *)request;
    struct sending sending = {unit, conn};
    set_outcome(unit, APPEND_LOCKED); /* what the answer does not name was locked */
    append_write(unit->streams, unit->count, send_statement, &sending);
    if (unit->is_held) {
        conn_send(conn, request, STORE_Q_hold_commit, NULL);
    }
}

static bool unit_result(struct request *request, unsigned statement, PGresult *result)
{
    struct unit *unit = (struct unit *)request;
    if (statement == 0) {
        append_take(unit->streams, unit->count, result);
        for (size_t i = 0; i < unit->count; i++) {
            unit->append->found[unit->streams[i] - unit->append->streams] = unit->streams[i]->found;
        }
    }
    return false;
}

void unit_part(struct unit **from, struct unit **singles)
{
    struct unit *unit = *from;
    for (size_t i = 0; i < unit->count; i++) {
        struct unit *single = singles[i] = unit_new(unit->request.store, unit->append, 1);
        single->streams[0] = unit->streams[i];
        single->count = 1;
        single->request.kind = unit->request.kind;
        single->request.expires_at_ms = unit->request.expires_at_ms;
        single->backend_pid = unit->backend_pid;
        single->backend_start_us = unit->backend_start_us;
    }
    unit->append->units--;
    unit_free(unit);
    *from = NULL;
}

/* The database refused the statement for what one of the streams brought: each goes by itself, so that the others do not suffer. */
static void split(struct unit *unit, struct conn *conn)
{
    size_t count = unit->count;
    struct unit **singles = mem_array(count, sizeof(*singles));
    unit_part(&unit, singles);
    while (count > 0) {
        list_prepend(&conn->queue, &singles[--count]->request);
    }
    mem_free(&singles);
}

static void unit_refused(struct unit *unit, struct conn *conn, enum gl_code code)
{
    struct request *request = &unit->request;
    if (code == GL_E_BUSY) {
        bool again = !unit->is_held && request->sqlstate[0] == '4' && ++request->tries < TRIES_MAX;
        if (again) {
            list_prepend(&conn->queue, request);
        } else if (unit->count > 1) {
            split(unit, conn); /* one of them met a lock that the statement could not step around */
        } else {
            set_outcome(unit, APPEND_LOCKED);
            unit->streams[0]->has_waited = true;
            unit_finish(unit);
        }
    } else if (code == GL_E_STORE_DOWN) {
        log_failure(LOG_WARN, "append", request->sqlstate, NULL);
        unit_not_written(unit, code);
    } else if (unit->count > 1) {
        split(unit, conn);
    } else {
        log_failure(code == GL_E_EXISTS ? LOG_INFO : LOG_ERROR, "append", request->sqlstate, request->constraint);
        set_outcome(unit, code == GL_E_EXISTS && append_is_project(unit->streams[0]) ? APPEND_EXISTS : APPEND_FAILED);
        unit_finish(unit);
    }
}

/* No disk, no memory, a primary that is none any more: it would be the same for whoever writes next. A statement that took too long says nothing of others. */
static bool is_of_all(const char *sqlstate)
{
    return !strncmp(sqlstate, "53", 2) || !strncmp(sqlstate, "58", 2) || !strcmp(sqlstate, "25006");
}

static void unit_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct unit *unit = (struct unit *)request;
    if (conn && (code == GL_OK || is_of_all(request->sqlstate))) {
        request->store->refused_at_ms = code == GL_OK ? 0 : loop_now_ms(request->store->loop);
    }
    if (unit->is_held) {
        hold_over(request->store, code);
    }
    if (code == GL_OK) {
        unit_finish(unit);
    } else if (!conn) { /* it never left the queue */
        unit_not_written(unit, code);
    } else {
        unit_refused(unit, conn, code);
    }
}

static void unit_lost(struct request *request, struct conn *conn)
{
    if (((struct unit *)request)->is_held) {
        hold_over(request->store, GL_OK); /* its transaction went with the connection */
    }
    settle_begin((struct unit *)request, conn);
}

static const struct request_kind unit_kind = {.name = "append",
                                              .is_judged = true,
                                              .send = unit_send,
                                              .result = unit_result,
                                              .done = unit_done,
                                              .lost = unit_lost,
                                              .drop = unit_drop};

/* ---- the call */

/* It writes more than ops and annotations: what that may meet should hold up nobody else. */
static bool goes_alone(const struct append_stream *stream)
{
    return append_is_project(stream) || stream->erased_count > 0;
}

/* The unit of those streams that write nothing but ops and annotations. */
static struct unit *shared_unit(struct store *store, struct append *append)
{
    struct unit *unit = NULL;
    for (size_t i = 0; i < append->count; i++) {
        if (goes_alone(&append->streams[i])) {
            continue;
        }
        if (!unit) {
            unit = unit_new(store, append, append->count);
        }
        unit->streams[unit->count++] = &append->streams[i];
    }
    return unit;
}

static struct append *append_new(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx)
{
    assert(count > 0);
    struct append *append = mem_alloc(sizeof(*append));
    *append = (struct append){.streams = streams, .count = count, .fn = fn, .ctx = ctx};
    append->found = mem_array(count, sizeof(*append->found));
    store->count++;
    for (size_t i = 0; i < count; i++) {
        streams[i].has_waited = false;
        streams[i].found = NULL;
        streams[i].found_count = 0;
        assert(streams[i].op_count > 0);
    }
    return append;
}

void store_hold_append(struct store *store, struct append_stream *stream, store_append_fn fn, void *ctx)
{
    assert(store->is_holding);
    struct unit *unit = unit_new(store, append_new(store, stream, 1, fn, ctx), 1);
    unit->streams[unit->count++] = stream;
    unit->is_held = true;
    store_write(store, store->holder, &unit->request);
}

void store_append(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx)
{
    struct append *append = append_new(store, streams, count, fn, ctx);
    append->units++; /* until all are queued */
    struct unit *shared = shared_unit(store, append);
    if (shared) {
        store_write(store, store_free_writer(store), &shared->request);
    }
    for (size_t i = 0; i < count; i++) {
        if (goes_alone(&streams[i])) {
            struct unit *unit = unit_new(store, append, 1);
            unit->streams[unit->count++] = &streams[i];
            store_write(store, store_free_writer(store), &unit->request);
        }
    }
    append->units--;
    if (store->is_delivering) { /* the database works on it while the caller goes on with what it has just been told */
        store_dispatch_writers(store);
    }
}
