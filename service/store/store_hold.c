/*
 * One stream held: a transaction on a connection of its own locks the row, stays open while the caller reads the log and judges, and ends with the append.
 * It only makes way: whether the append counts is decided by the fence as ever, so a hold that was lost on the way costs nothing but the advantage.
 */
#include <assert.h>

#include "service/store/store_priv.h"

struct hold {
    struct request request;
    gl_uuid stream;
    bool is_locked;
    store_hold_fn fn;
    void *ctx;
};
enum { HOLD_BEGIN, HOLD_LOCK };

/* ---- ending it without an append */

static void rollback_send(struct request *request, struct conn *conn)
{
    conn_send(conn, request, STORE_Q_hold_rollback, NULL);
}

static bool nothing_to_keep(struct request *request, unsigned statement, PGresult *result)
{
    (void)request, (void)statement, (void)result;
    return false;
}

static void rollback_done(struct request *request, struct conn *conn, enum gl_code code)
{
    (void)conn;
    if (code != GL_OK) {
        log_failure(LOG_WARN, "hold_rollback", request->sqlstate, NULL);
    }
    mem_free(&request);
}

static void rollback_lost(struct request *request, struct conn *conn)
{
    (void)conn; /* and the transaction with it */
    mem_free(&request);
}

static void plain_drop(struct request *request)
{
    mem_free(&request);
}

static const struct request_kind rollback_kind = {.name = "hold_rollback",
                                                  .send = rollback_send,
                                                  .result = nothing_to_keep,
                                                  .done = rollback_done,
                                                  .lost = rollback_lost,
                                                  .drop = plain_drop};

void hold_over(struct store *store, enum gl_code code)
{
    store->is_holding = false;
    if (code == GL_OK) {
        return;
    }
    struct request *request = mem_alloc(sizeof(*request));
    request->kind = &rollback_kind;
    request->store = store;
    store_write(store, store->holder, request);
}

void store_release(struct store *store)
{
    assert(store->is_holding);
    hold_over(store, GL_E_BUSY);
}

/* ---- beginning it */

static void hold_send(struct request *request, struct conn *conn)
{
    struct hold *hold = (struct hold *)request;
    struct params params;
    hold->is_locked = false;
    conn_send(conn, request, STORE_Q_hold_begin, NULL);
    params_init(&params);
    params_uuid(&params, &hold->stream);
    conn_send(conn, request, STORE_Q_hold_lock, &params);
    params_fini(&params);
}

static bool hold_result(struct request *request, unsigned statement, PGresult *result)
{
    if (statement == HOLD_LOCK) {
        ((struct hold *)request)->is_locked = PQntuples(result) > 0;
    }
    return false;
}

static void hold_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct hold *hold = (struct hold *)request;
    struct store *store = request->store;
    if (code == GL_OK && !hold->is_locked) {
        code = GL_E_NOT_FOUND;
    }
    if (code == GL_E_INTERNAL) {
        log_failure(LOG_ERROR, "hold", request->sqlstate, request->constraint);
    }
    if (code != GL_OK) {
        hold_over(store, conn ? code : GL_OK); /* without a connection it never left the queue */
    }
    store->count--;
    hold->fn(hold->ctx, code);
    mem_free(&hold);
}

static void hold_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    hold_done(request, NULL, GL_E_STORE_DOWN);
}

static const struct request_kind hold_kind = {
    .name = "hold", .send = hold_send, .result = hold_result, .done = hold_done, .lost = hold_lost, .drop = plain_drop};

/* Nothing may come between on this connection: a failure would take the hold's transaction with it. */
static bool is_free(const struct store *store)
{
    const struct conn *holder = store->holder;
    return !store->is_holding && !(holder && (holder->in_flight.first || holder->queue.first || holder->unsettled.first));
}

bool store_hold(struct store *store, const gl_uuid *stream, store_hold_fn fn, void *ctx)
{
    if (!is_free(store)) {
        return false;
    }
    if (!store->holder) {
        store->holder = mem_alloc(sizeof(*store->holder));
        conn_init(store->holder, store, STORE_APPEND, store->writer_count);
    }
    struct hold *hold = mem_alloc(sizeof(*hold));
    *hold = (struct hold){.request = {.kind = &hold_kind, .store = store}, .stream = *stream, .fn = fn, .ctx = ctx};
    store->is_holding = true;
    store->count++;
    store_write(store, store->holder, &hold->request);
    return true;
}
