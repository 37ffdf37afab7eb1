/* request.c - from a message to the function behind its method, and from there to an answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service/core/core_priv.h"

#define ANSWER_BYTES_LEAST ((size_t)1 << 20)

static const handler_fn HANDLERS[] = {
#define GL_METHOD(name, c_name, ...) [GL_METHOD_##c_name] = handle_##c_name,
#include "proto/methods.def"
};

/* ---- joins in flight: answers of the store come in any order, but the last word of the client about a session is the one that counts */

bool request_supersede_joins(struct peer *peer, const gl_uuid *session)
{
    bool is_any = false;
    for (struct request *it = peer->joins; it; it = it->next_join)
        if (gl_uuid_equal(&it->join_session, session))
            is_any = it->is_superseded = true;
    return is_any;
}

static void begin_join(struct request *request, const gl_uuid *session)
{
    request_supersede_joins(request->peer, session);
    request->is_joining = true;
    request->join_session = *session;
    request->next_join = request->peer->joins;
    request->peer->joins = request;
}

static void end_join(struct request *request)
{
    struct request **at = &request->peer->joins;
    while (*at != request)
        at = &(*at)->next_join;
    *at = request->next_join;
}

/* ---- submits in flight: what one client changes is done in the order in which it said so, though the store says in any order who may */

static void begin_in_order(struct request *request)
{
    request->is_in_order = true;
    TAILQ_INSERT_TAIL(&request->peer->in_order, request, of_in_order);
}

static void end_in_order(struct request *request)
{
    request->is_in_order = false;
    TAILQ_REMOVE(&request->peer->in_order, request, of_in_order);
}

/* ---- answering */

/* Each request has a line at level debug; one of a trace that is being recorded at info. */
static void tell_done(const struct request *request, uint64_t took_us)
{
    enum log_level level = request->context.trace.is_sampled ? LOG_INFO : LOG_DEBUG;
    if (!log_would(level))
        return;
    const struct log_context before = *log_context();
    log_set_context(&request->context);
    log_event(level, EV_request_done, F_STR("method", request->method ? request->method->name : ""),
              F_CODE("code", request->outcome), F_U64("took_us", took_us));
    log_set_context(&before);
}

void request_free(struct request *request)
{
    struct peer *peer = request->peer;
    const uint64_t took_us = clock_monotonic_us() - request->arrived_us;
    metric_observe(request, took_us);
    tell_done(request, took_us);
    if (request->is_joining)
        end_join(request);
    if (request->is_in_order)
        end_in_order(request);
    LIST_REMOVE(request, of_core);
    peer->requests_in_flight--;
    peer->bytes_in_flight -= request->bytes;
    gl_buf_fini(&request->out);
    json_decref(request->root);
    gl_arena_fini(&request->arena);
    mem_free(&request);
    peer_look_moved(peer);
    if (peer->requests_in_flight == 0 && !peer->is_closed)
        core_look_drained_later(peer->core);
    peer_unref(peer);
}

void requests_drop(struct core *core)
{
    struct request *request;
    while ((request = LIST_FIRST(&core->requests))) {
        request->outcome = GL_E_SHUTTING_DOWN;
        request_free(request);
    }
}

/* An answer is written where it will be sent from. */
static struct gl_buf *begin_out(struct request *request)
{
    gl_buf_clear(&request->out);
    gl_buf_grow(&request->out, FRAME_HEADROOM);
    return &request->out;
}

static void send_out(struct request *request)
{
    struct frame *frame = frame_take(&request->out);
    peer_send(request->peer, &frame);
}

struct gl_buf *request_result(struct request *request)
{
    begin_out(request);
    gl_result_begin(&request->out, &request->id);
    return &request->out;
}

void request_send(struct request *request)
{
    gl_envelope_end(&request->out);
    if (request->out.code != GL_OK) {
        request_fail(request, GL_E_INTERNAL, "the answer could not be written");
        return;
    }
    send_out(request);
    request_free(request);
}

void request_fail_data(struct request *request, const struct gl_err *err, json_t *data)
{
    metric_add_at(requests_refused, err->code);
    request->outcome = err->code;
    if (!data && gl_code_retry(err->code) == GL_LATER)
        data = json_pack("{s:i}", "retry_after_ms", RETRY_AFTER_MS);
    gl_refusal_write(begin_out(request), &request->id, err, data);
    if (request->out.code != GL_OK) /* what others wrote, told as the current value, does not fit: the refusal does */
        gl_refusal_write(begin_out(request), &request->id, err, NULL);
    json_decref(data);
    send_out(request);
    if (err->code == GL_E_SHUTTING_DOWN)
        request->peer->is_moving = true; /* it ends when everything else that it asked is answered */
    else if (!gl_code_keeps_connection(err->code))
        peer_end(request->peer, 1008, gl_code_name(err->code));
    request_free(request);
}

void request_fail(struct request *request, enum gl_code code, const char *fmt, ...)
{
    struct gl_err err = {.code = code};
    va_list args;
    va_start(args, fmt);
    vsnprintf(err.detail, sizeof err.detail, fmt, args);
    va_end(args);
    request_fail_data(request, &err, NULL);
}

void request_fail_at(struct request *request, enum gl_code code, const char *path, const char *fmt, ...)
{
    struct gl_err err = {.code = code};
    va_list args;
    snprintf(err.path, sizeof err.path, "%s", path);
    va_start(args, fmt);
    vsnprintf(err.detail, sizeof err.detail, fmt, args);
    va_end(args);
    request_fail_data(request, &err, NULL);
}

bool request_read_done(struct request *request, enum gl_code code)
{
    if (code == GL_OK)
        return true;
    request_fail_data(request, &request->reader.err, NULL);
    return false;
}

/* ---- may it? The table's row says which role, and for what; the store says what the role is */

static void run(struct request *request)
{
    if (request->peer->is_closed) {
        request_free(request);
        return;
    }
    HANDLERS[request->method - gl_methods](request);
}

static bool has_role(struct request *request, enum gl_role role)
{
    request->role = role;
    if (role >= request->method->role)
        return true;
    request_fail(request, GL_E_FORBIDDEN, "%s needs the role %s; yours is %s", request->method->name,
                 gl_role_name(request->method->role), gl_role_name(role));
    return false;
}

static void keep_scope(struct request *request, const struct store_session *session)
{
    request->scope = *session;
    request->project = session->project;
    struct gl_document_info *info = &request->scope.document;
    info->title = gl_slice_of(gl_arena_copy(&request->arena, info->title), info->title.len);
    info->filename = gl_slice_of(gl_arena_copy(&request->arena, info->filename), info->filename.len);
}

static void scope_known(struct request *request)
{
    if (request->scope_code != GL_OK)
        request_fail_at(request, request->scope_code, request->method->scope_param, "%s", gl_code_sentence(request->scope_code));
    else if (has_role(request, request->scope.role))
        run(request);
}

/* Those whose turn has come. */
static void run_in_order(struct peer *peer)
{
    struct request *request;
    peer_ref(peer);
    while ((request = TAILQ_FIRST(&peer->in_order)) && request->is_scope_known) {
        end_in_order(request);
        scope_known(request);
    }
    peer_unref(peer);
}

static void on_scope_session(void *ctx, enum gl_code code, const struct store_session *session)
{
    struct request *request = ctx;
    request->scope_code = code;
    if (code == GL_OK)
        keep_scope(request, session);
    request->is_scope_known = true;
    if (request->is_in_order)
        run_in_order(request->peer);
    else
        scope_known(request);
}

/* Columns of role_of_project and role_of_document: project, role. */
static void on_scope_role(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    enum gl_role role;
    if (code == GL_OK && store_rows_count(rows) == 0)
        code = GL_E_NOT_FOUND;
    if (code != GL_OK) {
        request_fail_at(request, code, request->method->scope_param, "%s", gl_code_sentence(code));
        return;
    }
    request->project = store_uuid(rows, 0, 0);
    if (request->method->scope == GL_SCOPE_PROJECT)
        request->scope.epoch = store_u64(rows, 0, 3);
    if (!gl_role_parse(store_text(rows, 0, 1), &role))
        role = GL_SIGNED_IN;
    if (has_role(request, role))
        run(request);
}

static void check_scope(struct request *request)
{
    bool has;
    gl_uuid id = gl_read_uuid(&request->reader, request->params, request->method->scope_param, GL_REQUIRED, &has);
    if (!request_read_done(request, request->reader.code))
        return;
    struct core *core = request->core;
    if (request->method == &gl_methods[GL_METHOD_session_join])
        begin_join(request, &id);
    if (request->method->scope == GL_SCOPE_SESSION) {
        struct subscription *joined = subscription_find(request->peer, &id);
        const struct opened *opened = request->opened;
        request->opened = NULL; /* lent until we return */
        const bool is_submit = request->method == &gl_methods[GL_METHOD_session_submit];
        if (opened) {
            on_scope_session(request, opened->code, opened->session);
        } else if (!joined || (is_submit && !TAILQ_EMPTY(&request->peer->in_order))) {
            if (is_submit)
                begin_in_order(request);
            store_session_open(core->store, &request->account, &id, on_scope_session, request);
        } else if (has_role(request, joined->role)) {
            request->project = joined->session->project->id;
            request->scope_is_joined = joined;
            run(request);
        }
        return;
    }
    enum store_query_id query = request->method->scope == GL_SCOPE_PROJECT ? STORE_Q_role_of_project : STORE_Q_role_of_document;
    store_query(core->store, query, &request->account, (struct store_param[]){P_UUID(id)}, 1, on_scope_role, request);
}

void request_admit(struct request *request)
{
    const struct peer *peer = request->peer;
    enum gl_role role = !peer->is_signed_in ? GL_NOBODY : peer->is_admin ? GL_ADMIN : GL_SIGNED_IN;
    const bool is_leave =
        request->method - gl_methods == GL_METHOD_session_leave; /* it ends what is under way, and begins nothing */
    if ((request->core->is_draining || peer->is_moving) && !is_leave) {
        request_fail(request, GL_E_SHUTTING_DOWN, "%s", gl_code_sentence(GL_E_SHUTTING_DOWN));
    } else if (role == GL_NOBODY && request->method->role != GL_NOBODY) {
        request_fail(request, GL_E_SIGN_IN_FIRST, "%s is for those who have signed in: say hello first", request->method->name);
    } else if (request->method->scope == GL_SCOPE_NONE) {
        if (has_role(request, role))
            run(request);
    } else {
        check_scope(request);
    }
}

/* What others wrote into a record, and how many results there are, does not depend on how large this server's messages may be: an op that was appended must
 * be answered. */
static size_t answer_bytes_max(const struct core *core)
{
    const size_t most = core->limits.frame_bytes * 4;
    return most > ANSWER_BYTES_LEAST ? most : ANSWER_BYTES_LEAST;
}

/* ---- a message arrives */

/* As snprintf would, for a tenth of the time: it is done for each request, whether a line is written or not. */
static void write_number(char *text, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        *text++ = '-';
    memcpy(text, digits + at, sizeof digits - at);
}

/* The lines of the log from here on are for this request. A client's id is cut where it is longer than most. */
static void set_context(struct request *request, const struct gl_envelope *envelope)
{
    struct log_context *context = &request->context; /* zeroes */
    const struct gl_request_id *id = &envelope->id;
    context->connection = request->peer->link.number;
    if (id->kind == GL_ID_NUMBER)
        write_number(context->request, id->number);
    else if (id->kind == GL_ID_TEXT)
        memcpy(context->request, id->text, id->len < LOG_REQUEST_MAX ? id->len : LOG_REQUEST_MAX);
    if (!trace_read(envelope->traceparent, &context->trace))
        context->trace = request->peer->link.trace;
    log_set_context(context);
}

static struct request *request_new(struct peer *peer, json_t *root, size_t bytes)
{
    struct request *request = mem_alloc(sizeof *request);
    request->core = peer->core;
    request->peer = peer;
    request->account = peer->account;
    request->root = root;
    gl_arena_init(&request->arena);
    gl_reader_init(&request->reader, &request->arena);
    gl_buf_init(&request->out, answer_bytes_max(peer->core));
    peer_ref(peer);
    LIST_INSERT_HEAD(&peer->core->requests, request, of_core);
    peer->requests_in_flight++;
    peer->bytes_in_flight += request->bytes = bytes;
    request->arrived_us = clock_monotonic_us();
    return request;
}

void peer_receive(struct peer *peer, struct gl_slice message)
{
    struct gl_err err = {0};
    struct gl_envelope envelope = {0};
    json_t *root = NULL;
    if (peer->is_closing || peer->is_closed)
        return;
    enum gl_code code = gl_json_load(message, &root, &err);
    if (code == GL_OK)
        code = gl_envelope_read(root, &envelope, &err);
    struct request *request = request_new(peer, root, message.len);
    request->id = envelope.id;
    set_context(request, &envelope);
    if (code == GL_OK && envelope.kind != GL_ENVELOPE_REQUEST)
        code = gl_fail(&err, GL_E_INVALID_REQUEST, "only requests, with an id, are understood");
    if (code == GL_OK && !(request->method = gl_method_find(envelope.name)))
        code = gl_fail_at(&err, GL_E_UNKNOWN_METHOD, "method", "there is no method of that name; PROTOCOL.md lists them");
    if (code == GL_OK && peer->requests_in_flight > peer->core->limits.requests_in_flight)
        code = gl_fail(&err, GL_E_BUSY, "%zu requests are under way on this connection; wait for answers",
                       peer->requests_in_flight - 1);
    if (code == GL_OK && peer->bytes_in_flight > peer->core->limits.bytes_in_flight)
        code = gl_fail(&err, GL_E_BUSY, "%zu bytes of requests are under way on this connection; wait for answers",
                       peer->bytes_in_flight - message.len);
    if (code != GL_OK) {
        request_fail_data(request, &err, code == GL_E_BUSY ? json_pack("{s:i}", "retry_after_ms", 50) : NULL);
        return;
    }
    request->params = envelope.params;
    if (!behind_keep(request))
        request_admit(request);
}
