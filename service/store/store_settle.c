/*
 * An append whose connection was lost may or may not have committed, and its backend may still be at it. So: end that backend and wait until it is gone, lock
 * the rows (so that nobody else appends meanwhile), and ask by op id and chain in a statement of its own, whose snapshot is younger than the lock. Without the first
 * step a backend that had not come to the row yet could commit after we have said that it did not.
 */
#include "service/store/append_priv.h"

#define AGAIN_AFTER_MS 100

enum { SETTLE_BACKEND, SETTLE_LOCK, SETTLE_OPS };

static const struct request_kind settle_kind;

void settle_begin(struct unit *unit, struct conn *conn)
{
    unit->request.kind = &settle_kind;
    unit->request.expires_at_ms = 0;
    if (unit->request.store->unsettled++ == 0) {
        unit->request.store->unsettled_at_ms = loop_now_ms(unit->request.store->loop);
    }
    unit->backend_pid = conn->backend_pid;
    unit->backend_start_us = conn->backend_start_us;
    list_append(&conn->unsettled, &unit->request);
    conn->settle_at_ms = 0;
}

void settle_next(struct conn *conn)
{
    conn_submit(conn, list_take(&conn->unsettled));
}

static void put_ids(struct params *params, const struct unit *unit)
{
    params_array(params, 'u');
    for (size_t i = 0; i < unit->count; i++) {
        array_bytes(params, unit->streams[i]->stream.bytes, 16);
    }
    params_array_end(params);
}

static void put_ops(struct params *params, const struct unit *unit)
{
    params_array(params, 'u');
    for (size_t i = 0; i < unit->count; i++) {
        for (size_t n = 0; n < unit->streams[i]->op_count; n++) {
            array_bytes(params, unit->streams[i]->stream.bytes, 16);
        }
    }
    params_array_end(params);
    params_array(params, 'n');
    for (size_t i = 0; i < unit->count; i++) {
        for (size_t n = 0; n < unit->streams[i]->op_count; n++) {
            array_u64(params, unit->streams[i]->ops[n].seq);
        }
    }
    params_array_end(params);
    params_array(params, 'u');
    for (size_t i = 0; i < unit->count; i++) {
        for (size_t n = 0; n < unit->streams[i]->op_count; n++) {
            array_bytes(params, unit->streams[i]->ops[n].id.bytes, 16);
        }
    }
    params_array_end(params);
    params_array(params, 'b');
    for (size_t i = 0; i < unit->count; i++) {
        for (size_t n = 0; n < unit->streams[i]->op_count; n++) {
            array_bytes(params, unit->streams[i]->ops[n].chain.bytes, sizeof(unit->streams[i]->ops[n].chain.bytes));
        }
    }
    params_array_end(params);
}

static void settle_send(struct request *request, struct conn *conn)
{
    struct unit *unit = (struct unit *)request;
    struct params params;
    unit->is_running = false;
    unit->locked = 0;
    mem_free(&unit->hits);
    unit->hits = mem_array(unit->count, sizeof(*unit->hits));
    params_init(&params);
    params_u64(&params, unit->backend_pid);
    params_u64(&params, (uint64_t)unit->backend_start_us);
    conn_send(conn, request, STORE_Q_settle_backend, &params);
    params_clear(&params);
    put_ids(&params, unit);
    conn_send(conn, request, STORE_Q_settle_lock, &params);
    params_clear(&params);
    put_ops(&params, unit);
    conn_send(conn, request, STORE_Q_settle_ops, &params);
    params_fini(&params);
}

/* index counts the ops of all streams of the unit, from 1. */
static void count_hit(struct unit *unit, uint64_t index)
{
    for (size_t i = 0; i < unit->count; i++) {
        if (index <= unit->streams[i]->op_count) {
            unit->hits[i]++;
            return;
        }
        index -= unit->streams[i]->op_count;
    }
}

static bool settle_result(struct request *request, unsigned statement, PGresult *result)
{
    struct unit *unit = (struct unit *)request;
    switch (statement) {
    case SETTLE_BACKEND: unit->is_running = PQntuples(result) > 0; break;
    case SETTLE_LOCK: unit->locked = (size_t)PQntuples(result); break;
    default:
        for (int row = 0; row < PQntuples(result); row++) {
            count_hit(unit, row_u64(result, row, 0));
        }
    }
    return false;
}

static void settle_again(struct request *request, struct conn *conn)
{
    list_append(&conn->unsettled, request);
    conn->settle_at_ms = loop_now_ms(request->store->loop) + AGAIN_AFTER_MS;
}

/* All of them would have to be free at the same moment: each is settled by itself. */
static void settle_apart(struct unit *unit, struct conn *conn)
{
    const size_t count = unit->count;
    struct unit **singles = mem_array(count, sizeof(*singles));
    unit->request.store->unsettled += count - 1;
    unit_part(&unit, singles);
    for (size_t i = 0; i < count; i++) {
        list_append(&conn->unsettled, &singles[i]->request);
    }
    mem_free(&singles);
}

static void settle_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct unit *unit = (struct unit *)request;
    if (code == GL_OK && !unit->is_running && unit->locked < unit->count && unit->count > 1) {
        settle_apart(unit, conn);
        return;
    }
    if (code != GL_OK || unit->is_running || unit->locked < unit->count) {
        settle_again(request, conn);
        return;
    }
    size_t committed = 0;
    request->store->unsettled--;
    for (size_t i = 0; i < unit->count; i++) {
        struct append_stream *stream = unit->streams[i];
        unit_outcome(unit, i, unit->hits[i] == stream->op_count ? APPEND_COMMITTED : APPEND_FENCE_LOST);
        committed += stream->outcome == APPEND_COMMITTED;
    }
    log_event(LOG_INFO, EV_store_settled, F_U64("streams", unit->count), F_U64("committed", committed));
    unit_finish(unit);
}

static void settle_lost(struct request *request, struct conn *conn)
{
    settle_again(request, conn); /* still about the first backend: the one lost now wrote nothing */
}

static const struct request_kind settle_kind = {
    .name = "settle", .send = settle_send, .result = settle_result, .done = settle_done, .lost = settle_lost, .drop = unit_drop};
