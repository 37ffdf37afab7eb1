/* What administrators ask of every worker: it comes with the heartbeat's answer, and goes back over the same connection. */
#include "service/store/store_priv.h"

struct answering {
    struct request request;
    gl_uuid ask;
    char *json; /* owned */
    size_t len;
};

static void answering_free(struct request *request)
{
    struct answering *answering = (struct answering *)request;
    mem_free(&answering->json);
    mem_free(&answering);
}

static void answering_send(struct request *request, struct conn *conn)
{
    struct answering *answering = (struct answering *)request;
    struct params params;
    params_init(&params);
    params_uuid(&params, &answering->ask);
    params_uuid(&params, listener_worker(request->store));
    params_text(&params, gl_slice_of(answering->json, answering->len));
    conn_send(conn, request, STORE_Q_answer, &params);
    params_fini(&params);
}

static bool nothing_to_keep(struct request *request, unsigned statement, PGresult *result)
{
    (void)request, (void)statement, (void)result;
    return false;
}

static void answering_done(struct request *request, struct conn *conn, enum gl_code code)
{
    (void)conn;
    if (code != GL_OK)
        log_failure(LOG_WARN, "answer", request->sqlstate, NULL);
    answering_free(request);
}

static void answering_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    answering_free(request);
}

static const struct request_kind answering_kind = {.name = "answer",
                                                   .send = answering_send,
                                                   .result = nothing_to_keep,
                                                   .done = answering_done,
                                                   .lost = answering_lost,
                                                   .drop = answering_free};

void store_hear_asked(struct store *store, store_asked_fn fn, void *ctx)
{
    store->asked = fn;
    store->asked_ctx = ctx;
}

void store_answer(struct store *store, const gl_uuid *ask, struct gl_slice json)
{
    struct answering *answering = mem_alloc(sizeof *answering);
    answering->request.kind = &answering_kind;
    answering->request.store = store;
    answering->ask = *ask;
    answering->json = mem_copy(json.data, json.len);
    answering->len = json.len;
    list_append(&store->answers, &answering->request); /* within the reading of its connection nothing is sent */
}

void asked_dispatch(struct store *store)
{
    struct conn *conn = listener_conn(store);
    for (struct request *request; (request = list_take(&store->answers));)
        if (conn && conn->state == CONN_READY && !conn->is_broken)
            conn_submit(conn, request);
        else
            answering_free(request);
}

void asked_fini(struct store *store)
{
    for (struct request *request; (request = list_take(&store->answers));)
        answering_free(request);
}

void asked_take(struct store *store, const PGresult *result, int column)
{
    for (int row = 0; store->asked && row < PQntuples(result); row++) {
        if (PQgetisnull(result, row, column))
            continue;
        const struct store_asked asked = {row_uuid(result, row, column), row_slice(result, row, column + 1),
                                          row_slice(result, row, column + 2)};
        store->asked(store->asked_ctx, &asked);
    }
}
