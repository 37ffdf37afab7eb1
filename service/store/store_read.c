/*
 * Reading sessions, tails, projects and heads. Each is one request of a reader: one transaction, one snapshot (the readers' isolation is repeatable read), the
 * account set first, by its id or by the token that signs in. What a callback is lent lives in the request's arena.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "service/store/kept.h"
#include "service/store/store_priv.h"

#define RECENT_BYTES_MAX ((uint64_t)8 << 20) /* of payloads, with a session's state */

struct read {
    struct request request;
    bool has_stream;
    gl_uuid account, stream;
    uint8_t digest[32]; /* of who signs in */
    bool is_somebody;
    struct store_signed_in who;
    uint64_t after, max_ops, max_bytes;
    struct gl_arena arena;
    bool is_found;
    union {
        struct store_session session;
        struct store_state state;
        struct store_tail tail;
        struct store_project project;
        struct {
            struct store_head *heads;
            size_t count;
        } heads;
    } of;
    size_t record_cap, op_cap;
    union {
        store_session_fn session;
        store_sign_in_fn sign_in;
        store_state_fn state;
        store_tail_fn tail;
        store_project_fn project;
        store_heads_fn heads;
    } fn;
    void *ctx;
};
enum { ACCOUNT, FIRST, SECOND, THIRD }; /* statements: setting the account comes first, by signing in or as it is */

static struct gl_slice keep(struct read *read, struct gl_slice slice)
{
    const char *copy = gl_arena_copy(&read->arena, slice);
    if (!copy) {
        abort(); /* as mem.h does */
    }
    return gl_slice_of(copy, slice.len);
}

/* ---- life */

static struct read *read_new(struct store *store, const struct request_kind *kind, const gl_uuid *account, const gl_uuid *stream,
                             void *ctx)
{
    struct read *read = mem_alloc(sizeof(*read));
    read->request.kind = kind;
    read->request.store = store;
    read->ctx = ctx;
    if (account) {
        read->account = *account;
    }
    read->has_stream = stream != NULL;
    if (stream) {
        read->stream = *stream;
    }
    gl_arena_init(&read->arena);
    store->count++;
    return read;
}

static void read_reset(struct read *read);
static const struct request_kind heads_kind;

static void read_drop(struct request *request)
{
    struct read *read = (struct read *)request;
    read_reset(read);
    if (request->kind == &heads_kind) {
        mem_free(&read->of.heads.heads);
    }
    gl_arena_fini(&read->arena);
    read->request.store->count--;
    mem_free(&read);
}

static void read_lost(struct request *request, struct conn *conn)
{
    (void)conn;
    read_reset((struct read *)request);
    store_read_again(request->store, request);
}

/* GL_OK, or what to tell instead. */
static enum gl_code read_code(const struct read *read, enum gl_code code)
{
    if (code == GL_E_INTERNAL) {
        log_failure(LOG_ERROR, read->request.kind->name, read->request.sqlstate, read->request.constraint);
    }
    return code == GL_OK && !read->is_found ? GL_E_NOT_FOUND : code;
}

static void send_for_stream(struct read *read, struct conn *conn, enum store_query_id query)
{
    struct params params;
    params_init(&params);
    params_uuid(&params, &read->stream);
    conn_send(conn, &read->request, query, &params);
    params_fini(&params);
}

/* What was read is told only when a synchronous standby has it, too. */
static void send_confirmed(struct read *read, struct conn *conn)
{
    conn_send(conn, &read->request, STORE_Q_confirmed, NULL);
}

static void stream_rows(struct request *request)
{
    request->streamed |= 1u << (request->statements - 1);
}

/* ---- columns */

static void take_document(struct read *read, const PGresult *row, struct gl_document_info *info)
{
    *info = (struct gl_document_info){
        .document = row_uuid(row, 0, 0),
        .project = row_uuid(row, 0, 1),
        .session = row_uuid(row, 0, 2),
        .revision = row_uuid(row, 0, 3),
        .title = keep(read, row_slice(row, 0, 4)),
        .has_filename = !PQgetisnull(row, 0, 5),
        .filename = keep(read, row_slice(row, 0, 5)),
        .bytes = row_u64(row, 0, 7),
        .codepoints = row_u64(row, 0, 8),
        .created = row_time(row, 0, 9),
    };
    gl_hash sha256 = row_hash(row, 0, 6);
    memcpy(info->sha256, sha256.bytes, sizeof(info->sha256));
}

static void take_op(struct read *read, const PGresult *result, int row, struct store_tail_op *op)
{
    *op = (struct store_tail_op){
        .seq = row_u64(result, row, 0),
        .chain = row_hash(result, row, 1),
        .payload = keep(read, row_slice(result, row, 2)),
        .leaf = row_hash(result, row, 4),
        .op = row_uuid(result, row, 5),
        .account = row_uuid(result, row, 6),
        .request_hash = row_hash(result, row, 7),
    };
    struct gl_slice salt = row_slice(result, row, 3);
    if (salt.len == sizeof(op->salt)) {
        memcpy(op->salt, salt.data, sizeof(op->salt));
    }
}

static void take_ops(struct read *read, const PGresult *result, struct store_tail_op **ops, size_t *count)
{
    size_t more = (size_t)PQntuples(result);
    *ops = mem_grow(*ops, &read->op_cap, *count + more, sizeof(**ops));
    for (size_t i = 0; i < more; i++) {
        take_op(read, result, (int)i, &(*ops)[(*count)++]);
    }
}

/* ---- may this account open the session? */

static void session_send(struct request *request, struct conn *conn)
{
    struct read *read = (struct read *)request;
    conn_send_account(conn, request, &read->account);
    send_for_stream(read, conn, STORE_Q_session_open);
}

static bool session_result(struct request *request, unsigned statement, PGresult *result)
{
    struct read *read = (struct read *)request;
    struct store_session *session = &read->of.session;
    if (statement == FIRST && rows_fit(result, 22)) {
        take_document(read, result, &session->document);
        session->session = read->stream;
        session->project = session->document.project;
        session->head = row_u64(result, 0, 10);
        session->live = row_u64(result, 0, 11);
        session->epoch = row_u64(result, 0, 20);
        session->retained_from = row_u64(result, 0, 21);
        read->is_found = gl_role_parse(row_slice(result, 0, 12), &session->role);
    }
    return false;
}

static void session_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct read *read = (struct read *)request;
    (void)conn;
    code = read_code(read, code);
    read->fn.session(read->ctx, code, code == GL_OK ? &read->of.session : NULL);
    read_drop(request);
}

static const struct request_kind session_kind = {.name = "session_open",
                                                 .send = session_send,
                                                 .result = session_result,
                                                 .done = session_done,
                                                 .lost = read_lost,
                                                 .drop = read_drop};

void store_session_open(struct store *store, const gl_uuid *account, const gl_uuid *session, store_session_fn fn, void *ctx)
{
    struct read *read = read_new(store, &session_kind, account, session, ctx);
    read->fn.session = fn;
    store_read(store, &read->request);
}

/* ---- whose token is it, and may they open the session? The first statement sets the account for the second. */

static void sign_in_send(struct request *request, struct conn *conn)
{
    struct read *read = (struct read *)request;
    struct params params;
    params_init(&params);
    params_bytes(&params, read->digest, sizeof(read->digest));
    conn_send(conn, request, STORE_Q_sign_in_token, &params);
    params_fini(&params);
    if (read->has_stream) {
        send_for_stream(read, conn, STORE_Q_session_open);
    }
}

static void take_who(struct read *read, const PGresult *row)
{
    read->who = (struct store_signed_in){
        .account = row_uuid(row, 0, 0),
        .name = keep(read, row_slice(row, 0, 1)),
        .is_admin = row_bool(row, 0, 2),
        .token = row_uuid(row, 0, 3),
        .is_disabled = row_bool(row, 0, 5),
    };
    read->is_somebody = true;
}

static bool sign_in_result(struct request *request, unsigned statement, PGresult *result)
{
    struct read *read = (struct read *)request;
    if (statement != ACCOUNT) {
        return session_result(request, statement, result);
    }
    if (rows_fit(result, 7)) {
        take_who(read, result);
    }
    return false;
}

static void sign_in_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct read *read = (struct read *)request;
    const enum gl_code opened = read_code(read, code);
    (void)conn;
    /* Who it is was known before the session could not be read: they are let in, and told about that. */
    read->fn.sign_in(read->ctx, read->is_somebody ? GL_OK : code, read->is_somebody ? &read->who : NULL, opened,
                     opened == GL_OK ? &read->of.session : NULL);
    read_drop(request);
}

static const struct request_kind sign_in_kind = {.name = "sign_in",
                                                 .send = sign_in_send,
                                                 .result = sign_in_result,
                                                 .done = sign_in_done,
                                                 .lost = read_lost,
                                                 .drop = read_drop};

void store_sign_in(struct store *store, const uint8_t *digest, const gl_uuid *session, store_sign_in_fn fn, void *ctx)
{
    struct read *read = read_new(store, &sign_in_kind, NULL, session, ctx);
    memcpy(read->digest, digest, sizeof(read->digest));
    read->fn.sign_in = fn;
    store_read(store, &read->request);
}

/* ---- a session's whole state */

static void state_send(struct request *request, struct conn *conn)
{
    struct read *read = (struct read *)request;
    struct params params;
    conn_send_account(conn, request, &read->account);
    send_for_stream(read, conn, STORE_Q_session_head);
    send_for_stream(read, conn, STORE_Q_session_records);
    stream_rows(request);
    params_init(&params);
    params_uuid(&params, &read->stream);
    params_u64(&params, read->max_ops);
    params_u64(&params, read->max_bytes);
    conn_send(conn, request, STORE_Q_stream_newest, &params);
    stream_rows(request);
    send_confirmed(read, conn);
    params_fini(&params);
}

static void take_head(struct read *read, const PGresult *row)
{
    struct store_state *state = &read->of.state;
    state->head = row_u64(row, 0, 0);
    state->chain = row_hash(row, 0, 1);
    state->sum = row_hash(row, 0, 2);
    state->epoch = row_u64(row, 0, 3);
    state->mode = keep(read, row_slice(row, 0, 4));
    state->mode_seq = row_u64(row, 0, 5);
    state->last_at_ms = row_time(row, 0, 6);
    state->text = keep(read, row_slice(row, 0, 7));
    state->retained_from = row_u64(row, 0, 8);
    state->codebook = row_u64(row, 0, 9);
    state->erased_to = row_u64(row, 0, 10);
    read->is_found = true;
}

static bool state_result(struct request *request, unsigned statement, PGresult *result)
{
    struct read *read = (struct read *)request;
    struct store_state *state = &read->of.state;
    if (statement == FIRST && rows_fit(result, 11)) {
        take_head(read, result);
    } else if (statement == SECOND) {
        size_t more = (size_t)PQntuples(result);
        state->records = mem_grow(state->records, &read->record_cap, state->record_count + more, sizeof(*state->records));
        for (size_t i = 0; i < more; i++) {
            state->records[state->record_count++] = keep(read, row_slice(result, (int)i, 0));
        }
    } else if (statement == THIRD) {
        take_ops(read, result, &state->recent, &state->recent_count);
    }
    return false;
}

/* They came newest first. */
static void turn_round(struct store_tail_op *ops, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct store_tail_op other = ops[i];
        ops[i] = ops[count - 1 - i];
        ops[count - 1 - i] = other;
    }
}

static void state_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct read *read = (struct read *)request;
    (void)conn;
    code = read_code(read, code);
    turn_round(read->of.state.recent, read->of.state.recent_count);
    read->fn.state(read->ctx, code, code == GL_OK ? &read->of.state : NULL);
    read_drop(request);
}

static const struct request_kind state_kind = {
    .name = "session_load", .send = state_send, .result = state_result, .done = state_done, .lost = read_lost, .drop = read_drop};

struct store_state *store_state_keep(const struct store_state *lent)
{
    struct read *read = (struct read *)((char *)(uintptr_t)lent - offsetof(struct read, of.state));
    struct kept *kept = mem_alloc(sizeof(*kept));
    kept->state = *lent;
    kept->arena = read->arena;
    gl_arena_init(&read->arena);
    read->of.state.records = NULL;
    read->of.state.recent = NULL;
    return &kept->state;
}

void store_session_load(struct store *store, const gl_uuid *account, const gl_uuid *session, size_t recent_max, store_state_fn fn,
                        void *ctx)
{
    struct read *read = read_new(store, &state_kind, account, session, ctx);
    read->request.is_big = true;
    read->max_ops = recent_max;
    read->max_bytes = RECENT_BYTES_MAX;
    read->fn.state = fn;
    store_read(store, &read->request);
}

/* ---- the log behind a seq */

static void tail_send(struct request *request, struct conn *conn)
{
    struct read *read = (struct read *)request;
    struct params params;
    conn_send_account(conn, request, &read->account);
    params_init(&params);
    params_uuid(&params, &read->stream);
    params_u64(&params, read->after);
    conn_send(conn, request, STORE_Q_stream_at, &params);
    params_u64(&params, read->max_ops);
    params_u64(&params, read->max_bytes);
    conn_send(conn, request, STORE_Q_stream_tail, &params);
    stream_rows(request);
    send_confirmed(read, conn);
    params_fini(&params);
}

static bool tail_result(struct request *request, unsigned statement, PGresult *result)
{
    struct read *read = (struct read *)request;
    struct store_tail *tail = &read->of.tail;
    if (statement == FIRST && rows_fit(result, 3)) {
        tail->head = row_u64(result, 0, 0);
        tail->sum = row_hash(result, 0, 1);
        tail->has_sum = true;
        tail->chain_before = row_hash(result, 0, 2);
        read->is_found = true;
    } else if (statement == SECOND) {
        take_ops(read, result, &tail->ops, &tail->count);
    }
    return false;
}

static void tail_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct read *read = (struct read *)request;
    (void)conn;
    code = read_code(read, code);
    read->fn.tail(read->ctx, code, code == GL_OK ? &read->of.tail : NULL);
    read_drop(request);
}

static const struct request_kind tail_kind = {
    .name = "tail_read", .send = tail_send, .result = tail_result, .done = tail_done, .lost = read_lost, .drop = read_drop};

void store_tail_read(struct store *store, const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops,
                     size_t max_bytes, store_tail_fn fn, void *ctx)
{
    struct read *read = read_new(store, &tail_kind, account, stream, ctx);
    read->after = after;
    read->max_ops = max_ops;
    read->max_bytes = max_bytes > 0 ? max_bytes : 1; /* the first one always */
    read->fn.tail = fn;
    store_read(store, &read->request);
}

/* ---- a project and its codebook */

static void project_send(struct request *request, struct conn *conn)
{
    struct read *read = (struct read *)request;
    struct params params;
    conn_send_account(conn, request, &read->account);
    send_for_stream(read, conn, STORE_Q_project_head);
    params_init(&params);
    params_uuid(&params, &read->stream);
    params_u64(&params, read->after);
    conn_send(conn, request, STORE_Q_project_terms, &params);
    stream_rows(request);
    send_confirmed(read, conn);
    params_fini(&params);
}

static void take_project(struct read *read, const PGresult *row)
{
    read->of.project = (struct store_project){
        .project = row_uuid(row, 0, 0),
        .name = keep(read, row_slice(row, 0, 1)),
        .head = row_u64(row, 0, 2),
        .epoch = row_u64(row, 0, 3),
        .codebook = row_u64(row, 0, 4),
        .chain = row_hash(row, 0, 5),
        .is_open = row_bool(row, 0, 6),
        .others_may_edit = row_bool(row, 0, 7),
        .last_at_ms = row_time(row, 0, 8),
        .repaired = row_u64(row, 0, 9),
    };
    read->is_found = true;
}

static bool project_result(struct request *request, unsigned statement, PGresult *result)
{
    struct read *read = (struct read *)request;
    struct store_project *project = &read->of.project;
    if (statement == FIRST && rows_fit(result, 10)) {
        take_project(read, result);
    } else if (statement == SECOND) {
        size_t more = (size_t)PQntuples(result);
        project->records = mem_grow(project->records, &read->record_cap, project->record_count + more, sizeof(*project->records));
        for (size_t i = 0; i < more; i++) {
            project->records[project->record_count++] = keep(read, row_slice(result, (int)i, 0));
        }
    }
    return false;
}

static void project_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct read *read = (struct read *)request;
    (void)conn;
    code = read_code(read, code);
    read->fn.project(read->ctx, code, code == GL_OK ? &read->of.project : NULL);
    read_drop(request);
}

static const struct request_kind project_kind = {.name = "project_load",
                                                 .send = project_send,
                                                 .result = project_result,
                                                 .done = project_done,
                                                 .lost = read_lost,
                                                 .drop = read_drop};

void store_project_load(struct store *store, const gl_uuid *account, const gl_uuid *project, uint64_t after, store_project_fn fn,
                        void *ctx)
{
    struct read *read = read_new(store, &project_kind, account, project, ctx);
    read->after = after;
    read->fn.project = fn;
    store_read(store, &read->request);
}

/* ---- where streams stand */

static void heads_send(struct request *request, struct conn *conn)
{
    struct read *read = (struct read *)request;
    struct params params;
    conn_send_account(conn, request, NULL);
    params_init(&params);
    params_array(&params, 'u');
    for (size_t i = 0; i < read->of.heads.count; i++) {
        array_bytes(&params, read->of.heads.heads[i].stream.bytes, sizeof(gl_uuid));
    }
    params_array_end(&params);
    conn_send(conn, request, STORE_Q_stream_heads, &params);
    params_fini(&params);
}

static bool heads_result(struct request *request, unsigned statement, PGresult *result)
{
    struct read *read = (struct read *)request;
    if (statement != FIRST) {
        return false;
    }
    for (int row = 0; row < PQntuples(result); row++) {
        uint64_t i = row_u64(result, row, 0);
        assert(i >= 1 && i <= read->of.heads.count);
        read->of.heads.heads[i - 1].head = row_u64(result, row, 1);
        read->of.heads.heads[i - 1].epoch = row_u64(result, row, 2);
        read->of.heads.heads[i - 1].chain = row_hash(result, row, 3);
        read->of.heads.heads[i - 1].has_chain = true;
    }
    read->is_found = true;
    return false;
}

static void heads_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct read *read = (struct read *)request;
    (void)conn;
    code = read_code(read, code);
    read->fn.heads(read->ctx, code, code == GL_OK ? read->of.heads.heads : NULL, code == GL_OK ? read->of.heads.count : 0);
    read_drop(request);
}

static const struct request_kind heads_kind = {
    .name = "heads_read", .send = heads_send, .result = heads_result, .done = heads_done, .lost = read_lost, .drop = read_drop};

static void heads_reset(struct read *read)
{
    for (size_t i = 0; i < read->of.heads.count; i++) {
        read->of.heads.heads[i].head = UINT64_MAX;
        read->of.heads.heads[i].epoch = 0;
        read->of.heads.heads[i].has_chain = false;
    }
}

void store_heads_read(struct store *store, const gl_uuid *streams, size_t count, store_heads_fn fn, void *ctx)
{
    struct read *read = read_new(store, &heads_kind, NULL, NULL, ctx);
    read->of.heads.heads = mem_array(count, sizeof(*read->of.heads.heads));
    read->of.heads.count = count;
    for (size_t i = 0; i < count; i++) {
        read->of.heads.heads[i].stream = streams[i];
    }
    heads_reset(read);
    read->fn.heads = fn;
    store_read(store, &read->request);
}

/* ---- what was read so far is of no use (the connection was lost), or is not needed any more */

static void read_reset(struct read *read)
{
    const struct request_kind *kind = read->request.kind;
    if (kind == &heads_kind) {
        heads_reset(read);
        return;
    }
    if (kind == &state_kind) {
        mem_free(&read->of.state.records);
        mem_free(&read->of.state.recent);
    } else if (kind == &tail_kind) {
        mem_free(&read->of.tail.ops);
    } else if (kind == &project_kind) {
        mem_free(&read->of.project.records);
    }
    memset(&read->of, 0, sizeof(read->of));
    read->record_cap = read->op_cap = 0;
    read->is_found = read->is_somebody = false;
    gl_arena_reset(&read->arena);
}
