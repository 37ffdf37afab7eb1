/*
 * How workers wake each other: one connection that listens, tells, and keeps this worker's row fresh. Its loss costs the others' poll and ours.
 *
 * A notification is records of 24 bytes as base64: who tells and a flag, then for each stream its id and where it stands. What an append moved is told in
 * one notification; what moves while one is under way is merged into the next.
 */
#include <assert.h>
#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "proto/model/op.h"
#include "service/store/store_priv.h"

#define HEARTBEAT_MS 1000
#define NODE_MAX     64
#define RECORD       (sizeof(gl_uuid) + 8)
#define STREAMS_MAX  248 /* with the first record 7968 characters: PostgreSQL takes less than 8000 */

enum { TOLD_STREAMS, TOLD_EVERYTHING };

struct listener {
    struct conn conn;
    gl_uuid worker;
    store_moved_fn fn;
    void *ctx;
    uint64_t heartbeat_at_ms; /* the next one is due */
    bool is_heartbeat_under_way, is_notify_under_way;
    bool is_alone;       /* by the last heartbeat's answer, and nobody was heard since */
    bool must_say_hello; /* so that whoever was alone learns of us at once */
    struct store_head moved[STREAMS_MAX];
    size_t moved_count;
    bool is_everything; /* more moved than fits */
    store_said_fn said; /* words that nothing keeps */
    void *said_ctx;
    bool is_saying;   /* such a word is under way */
    bool knows_kinds; /* the answer to a heartbeat was there */
    bool is_lacking[GL_OP_KIND_COUNT];
};

struct conn *listener_conn(struct store *store)
{
    return store->listener ? &store->listener->conn : NULL;
}

const gl_uuid *listener_worker(const struct store *store)
{
    return &store->listener->worker;
}

/* ---- telling */

static void forget_moved(struct listener *listener)
{
    listener->moved_count = 0;
    listener->is_everything = false;
}

static void add_moved(struct listener *listener, const struct store_head *moved)
{
    for (size_t i = 0; i < listener->moved_count; i++) {
        if (gl_uuid_equal(&listener->moved[i].stream, &moved->stream)) {
            listener->moved[i].head = moved->head;
            return;
        }
    }
    if (listener->moved_count == STREAMS_MAX) {
        listener->is_everything = true;
    } else {
        listener->moved[listener->moved_count++] = *moved;
    }
}

static uint8_t *put_record(uint8_t *at, const gl_uuid *id, uint64_t number)
{
    number = htobe64(number);
    memcpy(at, id->bytes, sizeof(id->bytes));
    memcpy(at + sizeof(id->bytes), &number, sizeof(number));
    return at + RECORD;
}

static uint64_t record_number(const uint8_t *at)
{
    uint64_t number;
    memcpy(&number, at + sizeof(gl_uuid), sizeof(number));
    return be64toh(number);
}

static void notify_send(struct request *request, struct conn *conn)
{
    struct listener *listener = request->store->listener;
    uint8_t records[(1 + STREAMS_MAX) * RECORD];
    uint8_t *end = put_record(records, &listener->worker, listener->is_everything ? TOLD_EVERYTHING : TOLD_STREAMS);
    struct gl_buf text;
    struct params params;
    for (size_t i = 0; i < listener->moved_count && !listener->is_everything; i++) {
        end = put_record(end, &listener->moved[i].stream, listener->moved[i].head);
    }
    gl_buf_init(&text, 8000);
    gl_buf_base64(&text, records, (size_t)(end - records));
    params_init(&params);
    params_text(&params, gl_buf_peek(&text));
    conn_send(conn, request, STORE_Q_notify, &params);
    params_fini(&params);
    gl_buf_fini(&text);
    forget_moved(listener);
    listener->must_say_hello = false;
    listener->is_notify_under_way = true;
}

static bool nothing_to_keep(struct request *request, unsigned statement, PGresult *result)
{
    (void)request, (void)statement, (void)result;
    return false;
}

static void plain_drop(struct request *request)
{
    mem_free(&request);
}

static void notify_done(struct request *request, struct conn *conn, enum gl_code code)
{
    (void)conn;
    request->store->listener->is_notify_under_way = false;
    if (code != GL_OK) {
        log_failure(LOG_WARN, "notify", request->sqlstate, NULL);
    }
    mem_free(&request);
}

static void notify_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    request->store->listener->is_notify_under_way = false;
    mem_free(&request);
}

static const struct request_kind notify_kind = {.name = "notify",
                                                .send = notify_send,
                                                .result = nothing_to_keep,
                                                .done = notify_done,
                                                .lost = notify_lost,
                                                .drop = plain_drop};

/* ---- words that nothing keeps: on a channel of their own, one at a time */

struct saying {
    struct request request;
    struct gl_buf text;
};

static void saying_free(struct request *request)
{
    struct saying *saying = (struct saying *)request;
    gl_buf_fini(&saying->text);
    mem_free(&saying);
}

static void saying_send(struct request *request, struct conn *conn)
{
    struct params params;
    params_init(&params);
    params_text(&params, gl_buf_peek(&((struct saying *)request)->text));
    conn_send(conn, request, STORE_Q_notify_presence, &params);
    params_fini(&params);
}

static void saying_done(struct request *request, struct conn *conn, enum gl_code code)
{
    (void)conn;
    request->store->listener->is_saying = false;
    if (code != GL_OK) {
        log_failure(LOG_WARN, "notify_presence", request->sqlstate, NULL);
    }
    saying_free(request);
}

static void saying_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    request->store->listener->is_saying = false;
    saying_free(request);
}

static const struct request_kind saying_kind = {.name = "notify_presence",
                                                .send = saying_send,
                                                .result = nothing_to_keep,
                                                .done = saying_done,
                                                .lost = saying_lost,
                                                .drop = saying_free};

enum store_saying store_may_say(const struct store *store)
{
    const struct listener *listener = store->listener;
    if (!listener) {
        return STORE_SAY_NOBODY;
    }
    if (listener->conn.state != CONN_READY || listener->conn.is_broken || listener->is_saying) {
        return STORE_SAY_LATER;
    }
    return listener->is_alone ? STORE_SAY_NOBODY : STORE_SAY_NOW;
}

void store_say(struct store *store, const void *bytes, size_t len)
{
    struct listener *listener = store->listener;
    uint8_t said[sizeof(gl_uuid) + STORE_SAY_MAX];
    assert(len <= STORE_SAY_MAX && store_may_say(store) == STORE_SAY_NOW);
    struct saying *saying = mem_alloc(sizeof(*saying));
    saying->request.kind = &saying_kind;
    saying->request.store = store;
    memcpy(said, listener->worker.bytes, sizeof(gl_uuid));
    memcpy(said + sizeof(gl_uuid), bytes, len);
    gl_buf_init(&saying->text, 8000);
    gl_buf_base64(&saying->text, said, sizeof(gl_uuid) + len);
    listener->is_saying = true;
    conn_submit(&listener->conn, &saying->request);
}

void store_hear(struct store *store, store_said_fn fn, void *ctx)
{
    assert(store->listener);
    store->listener->said = fn;
    store->listener->said_ctx = ctx;
}

static void take_said(struct listener *listener, const char *payload)
{
    struct gl_buf said;
    struct gl_err err;
    gl_uuid worker;
    gl_buf_init(&said, 8000);
    if (listener->said && gl_base64_decode(gl_slice_str(payload), &said, &err) == GL_OK && said.len >= sizeof(worker)) {
        memcpy(worker.bytes, said.data, sizeof(worker));
        if (!gl_uuid_equal(&worker, &listener->worker)) {
            listener->said(listener->said_ctx, &worker, gl_slice_of(said.data + sizeof(worker), said.len - sizeof(worker)));
        }
    }
    gl_buf_fini(&said);
}

/* ---- this worker's row */

static void put_kinds(struct params *params)
{
    params_array(params, 't');
    for (int kind = 0; kind < GL_OP_KIND_COUNT; kind++) {
        const char *name = gl_op_kind_name((enum gl_op_kind)kind);
        array_bytes(params, name, strlen(name));
    }
    params_array_end(params);
}

static void take_lacking(struct listener *listener, struct gl_slice names)
{
    memset(listener->is_lacking, 0, sizeof(listener->is_lacking));
    listener->knows_kinds = true;
    while (names.len > 0) {
        const char *space = memchr(names.data, ' ', names.len);
        size_t len = space ? (size_t)(space - names.data) : names.len;
        enum gl_op_kind kind;
        if (gl_op_kind_parse(gl_slice_of(names.data, len), &kind)) {
            listener->is_lacking[kind] = true;
        }
        len += space != NULL;
        names = gl_slice_of(names.data + len, names.len - len);
    }
}

/* Those that every program knows which can have a row at all: the default of worker.kinds. */
static bool is_of_the_first_version(enum gl_op_kind kind)
{
    switch (kind) {
    case GL_OP_ANNOTATION_CREATE:
    case GL_OP_ANNOTATION_UPDATE:
    case GL_OP_ANNOTATION_DELETE:
    case GL_OP_ANNOTATION_RESTORE:
    case GL_OP_SESSION_MODE:
    case GL_OP_PROJECT_CREATE:
    case GL_OP_LABEL_CREATE:
    case GL_OP_CODEBOOK_POLICY:
    case GL_OP_DOCUMENT_CREATE:
    case GL_OP_MEMBER_SET: return true;
    default: return false;
    }
}

bool store_kind_known(const struct store *store, enum gl_op_kind kind)
{
    return !store->listener || is_of_the_first_version(kind) || !store->listener->is_lacking[kind];
}

bool listener_knows_others(const struct store *store)
{
    return !store->listener || store->listener->knows_kinds;
}

static void heartbeat_send(struct request *request, struct conn *conn)
{
    struct listener *listener = request->store->listener;
    char node[NODE_MAX] = "";
    struct params params;
    gethostname(node, sizeof(node) - 1);
    params_init(&params);
    params_uuid(&params, &listener->worker);
    params_text(&params, gl_slice_str(node));
    params_u64(&params, (uint64_t)getpid());
    params_text(&params, gl_slice_str(request->store->version));
    put_kinds(&params);
    conn_send(conn, request, STORE_Q_worker_seen, &params);
    params_fini(&params);
    listener->is_heartbeat_under_way = true;
    listener->heartbeat_at_ms = loop_now_ms(request->store->loop) + HEARTBEAT_MS;
}

static bool heartbeat_result(struct request *request, unsigned statement, PGresult *result)
{
    (void)statement;
    if (rows_fit(result, 6)) {
        request->store->listener->is_alone = row_u64(result, 0, 0) == 0;
        take_lacking(request->store->listener, row_slice(result, 0, 1));
        asked_take(request->store, result, 3);
    }
    return false;
}

static void heartbeat_done(struct request *request, struct conn *conn, enum gl_code code)
{
    (void)conn;
    request->store->listener->is_heartbeat_under_way = false;
    if (code != GL_OK) { /* who is there is not known */
        request->store->listener->is_alone = false;
        log_failure(LOG_WARN, "worker_seen", request->sqlstate, NULL);
    }
    mem_free(&request);
}

static void heartbeat_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    request->store->listener->is_heartbeat_under_way = false;
    mem_free(&request);
}

static const struct request_kind heartbeat_kind = {.name = "worker_seen",
                                                   .send = heartbeat_send,
                                                   .result = heartbeat_result,
                                                   .done = heartbeat_done,
                                                   .lost = heartbeat_lost,
                                                   .drop = plain_drop};

/* ---- hearing */

static void take(struct listener *listener, const char *payload)
{
    struct store_head moved[STREAMS_MAX];
    struct gl_buf records;
    struct gl_err err;
    size_t count = 0;
    gl_buf_init(&records, 8000);
    bool is_known = gl_base64_decode(gl_slice_str(payload), &records, &err) == GL_OK && records.len >= RECORD &&
                    records.len % RECORD == 0 && records.len / RECORD <= 1 + STREAMS_MAX;
    const uint8_t *at = (const uint8_t *)records.data;
    bool is_ours = is_known && memcmp(at, listener->worker.bytes, sizeof(gl_uuid)) == 0;
    bool is_everything = !is_known || record_number(at) != TOLD_STREAMS;
    for (size_t i = RECORD; is_known && i < records.len; i += RECORD) {
        memcpy(moved[count].stream.bytes, at + i, sizeof(gl_uuid));
        moved[count].head = record_number(at + i);
        moved[count++].epoch = 0;
    }
    gl_buf_fini(&records);
    if (is_ours) {
        return;
    }
    listener->is_alone = false;
    if (is_everything || count > 0) {
        listener->fn(listener->ctx, moved, is_everything ? 0 : count);
    }
}

void listener_receive(struct store *store)
{
    for (PGnotify *notify; (notify = PQnotifies(store->listener->conn.pg));) {
        (strcmp(notify->relname, "gloss") == 0 ? take : take_said)(store->listener, notify->extra);
        PQfreemem(notify);
    }
}

/* What was told while nobody listened is lost. */
void listener_ready(struct store *store)
{
    struct listener *listener = store->listener;
    forget_moved(listener);
    listener->heartbeat_at_ms = 0;
    listener->is_alone = false;
    listener->must_say_hello = true;
    listener->fn(listener->ctx, NULL, 0);
}

/* ---- when */

static void submit(struct listener *listener, const struct request_kind *kind)
{
    struct request *request = mem_alloc(sizeof(*request));
    request->kind = kind;
    request->store = listener->conn.store;
    conn_submit(&listener->conn, request);
}

void listener_dispatch(struct store *store)
{
    struct listener *listener = store->listener;
    if (!listener || listener->conn.state != CONN_READY || listener->conn.is_broken) {
        return;
    }
    if (!listener->is_heartbeat_under_way && loop_now_ms(store->loop) >= listener->heartbeat_at_ms) {
        submit(listener, &heartbeat_kind);
    }
    if (!listener->is_notify_under_way && !listener->conn.is_broken && (listener->moved_count > 0 || listener->must_say_hello)) {
        submit(listener, &notify_kind);
    }
    asked_dispatch(store);
}

void listener_tick(struct store *store, uint64_t now_ms)
{
    if (store->listener) {
        conn_tick(&store->listener->conn, now_ms);
    }
}

void store_notify(struct store *store, const struct store_head *moved, size_t count)
{
    struct listener *listener = store->listener;
    if (!listener || listener->conn.state != CONN_READY || listener->is_alone) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        add_moved(listener, &moved[i]);
    }
    if (!store->is_delivering) {
        listener_dispatch(store);
    }
}

void store_listen(struct store *store, store_moved_fn fn, void *ctx)
{
    assert(!store->is_delivering);
    if (store->listener) {
        conn_fini(&store->listener->conn);
        mem_free(&store->listener);
    }
    if (!fn) {
        return;
    }
    store->listener = mem_alloc(sizeof(*store->listener));
    store->listener->worker = gl_uuid_v7((uint64_t)loop_unix_ms(store->loop));
    store->listener->fn = fn;
    store->listener->ctx = ctx;
    conn_init(&store->listener->conn, store, STORE_LISTENER, 0);
}
