/*
 * call.c - requests that have no answer yet.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

static void call_free(struct lg_call *call)
{
    free(call->message);
    free(call);
}

/* Calls back, once; call is not in the list any more. */
static void finish(struct gloss *g, struct lg_call *call, json_t *result, const struct gloss_error *error)
{
    if (call->fn && !(call->is_internal && lg_is_over(g))) {
        call->fn(g, result, error, call->arg);
    }
    call_free(call);
}

static bool compose(const struct gloss *g, struct lg_call *call, const char *method, struct gl_slice params)
{
    struct gl_buf buf;
    struct gl_request_id id = gl_request_id(call->id);
    gl_buf_init(&buf, SIZE_MAX);
    gl_request_begin(&buf, &id, method);
    gl_buf_slice(&buf, params);
    if (g->traceparent) {
        gl_write_str(&buf, "traceparent", gl_slice_str(g->traceparent));
    }
    gl_envelope_end(&buf);
    call->message = gl_buf_take(&buf, &call->len);
    gl_buf_fini(&buf);
    return call->message != NULL;
}

int lg_call(struct gloss *g, const void *owner, const char *method, struct gl_slice params, int deadline_ms, gloss_answer_fn fn,
            void *arg)
{
    struct lg_call *call = lg_is_over(g) ? NULL : calloc(1, sizeof(*call));
    if (!call) {
        return lg_is_over(g) ? lg_fail(g, GLOSS_E_DISCONNECTED, "the client is being closed") : lg_fail_nomem(g);
    }
    call->id = ++g->next_call;
    call->is_internal = owner != NULL;
    call->owner = owner;
    call->fn = fn;
    call->arg = arg;
    call->deadline_ms = deadline_ms < 0 ? LG_NEVER : lg_now_ms() + (uint64_t)deadline_ms;
    if (!compose(g, call, method, params)) {
        call_free(call);
        return lg_fail_nomem(g);
    }
    if (call->len > g->limits.frame_bytes) {
        int code = lg_fail(g, GLOSS_E_TOO_LARGE, "a message of %zu bytes is larger than the %llu that the server takes",
                           call->len, (unsigned long long)g->limits.frame_bytes);
        call_free(call);
        return code;
    }
    *g->calls_end = call;
    g->calls_end = &call->next;
    g->is_due = true;
    lg_wake_at(g, call->deadline_ms);
    return GLOSS_OK;
}

bool lg_call_log(struct gloss_session *session, uint64_t after, gloss_answer_fn fn)
{
    struct gl_session_log_params params = {.session = session->uuid, .after = after, .has_limit = true, .limit = 1};
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_session_log_params_write(&buf, &params);
    bool is_asked = buf.code == GL_OK &&
                    lg_call(session->g, session, "session.log", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, fn, session) == GLOSS_OK;
    gl_buf_fini(&buf);
    return is_asked;
}

/* Takes *at out of the list. */
static struct lg_call *unlink_at(struct gloss *g, struct lg_call **at)
{
    struct lg_call *call = *at;
    *at = call->next;
    if (g->calls_end == &call->next) {
        g->calls_end = at;
    }
    call->next = NULL;
    return call;
}

static struct lg_call *take(struct gloss *g, uint64_t id)
{
    for (struct lg_call **at = &g->calls; *at; at = &(*at)->next) {
        if ((*at)->id == id && (*at)->is_sent) {
            return unlink_at(g, at);
        }
    }
    return NULL;
}

void lg_calls_answer(struct gloss *g, const struct gl_envelope *envelope)
{
    struct lg_call *call = envelope->id.kind == GL_ID_NUMBER ? take(g, (uint64_t)envelope->id.number) : NULL;
    struct gloss_error error = {0};
    json_t *result = (json_t *)(uintptr_t)envelope->result; /* lent to a callback, which may count it up */
    if (envelope->error) {
        lg_error_take_json(&error, (json_t *)(uintptr_t)envelope->error);
    }
    if (call) {
        if (!call->is_internal) {
            lg_progress(g);
        }
        finish(g, call, result, envelope->error ? &error : NULL);
    } else if (envelope->error && envelope->id.kind == GL_ID_NONE) {
        lg_error_copy(&g->complaint, &error); /* about the connection, which will be closed */
    }
    gloss_error_clear(&error);
}

static bool may_send(const struct gloss *g, const struct lg_call *call)
{
    return !call->is_sent && ((g->state == LG_READY && !g->is_moving) || (g->state == LG_GREETING && call->is_internal));
}

void lg_calls_send(struct gloss *g)
{
    for (struct lg_call *call = g->calls; call && !g->drops; call = call->next) {
        if (!may_send(g, call)) {
            continue;
        }
        if (lg_transport_waiting(g->transport) >= LG_SEND_LOW) {
            return; /* again when something was sent: the descriptor tells */
        }
        enum gl_code code = lg_transport_send(g->transport, gl_slice_of(call->message, call->len));
        if (code == GL_E_NOMEM) {
            lg_drop_nomem(g);
        }
        if (code != GL_OK) {
            return;
        }
        call->is_sent = true;
        free(call->message);
        call->message = NULL;
    }
}

/* Takes those out of the list that test picks, and calls them back with error. The list may grow meanwhile. */
static void finish_those(struct gloss *g, bool (*test)(const struct lg_call *call, uint64_t now), uint64_t now,
                         const struct gloss_error *error)
{
    struct lg_call *picked = NULL, **picked_end = &picked;
    for (struct lg_call **at = &g->calls; *at;) {
        if (!test(*at, now)) {
            at = &(*at)->next;
            continue;
        }
        *picked_end = unlink_at(g, at);
        picked_end = &(*picked_end)->next;
    }
    while (picked) {
        struct lg_call *call = picked;
        picked = call->next;
        finish(g, call, NULL, error);
    }
}

static bool is_late(const struct lg_call *call, uint64_t now)
{
    return call->deadline_ms <= now;
}

void lg_calls_timers(struct gloss *g, uint64_t now)
{
    struct gloss_error error = {0};
    bool is_any_late = false;
    for (const struct lg_call *call = g->calls; call; call = call->next) {
        is_any_late |= is_late(call, now);
    }
    if (is_any_late) {
        lg_error_set(&error, GLOSS_E_TIMED_OUT, "%s", "");
        finish_those(g, is_late, now, &error);
        gloss_error_clear(&error);
    }
    for (const struct lg_call *call = g->calls; call; call = call->next) {
        lg_wake_at(g, call->deadline_ms);
    }
}

static bool is_gone_with_connection(const struct lg_call *call, uint64_t now)
{
    (void)now;
    return call->is_sent && !call->is_internal;
}

static bool is_programs(const struct lg_call *call, uint64_t now)
{
    (void)now;
    return !call->is_internal;
}

void lg_calls_down(struct gloss *g, const struct gloss_error *error)
{
    for (struct lg_call **at = &g->calls; *at;) {
        if ((*at)->is_internal) {
            call_free(unlink_at(g, at));
        } else {
            at = &(*at)->next;
        }
    }
    finish_those(g, is_gone_with_connection, 0, error);
}

void lg_calls_fail(struct gloss *g, const struct gloss_error *error)
{
    finish_those(g, is_programs, 0, error);
}

void lg_calls_forget(struct gloss *g, const void *owner)
{
    for (struct lg_call *call = g->calls; call; call = call->next) {
        if (call->owner == owner) {
            call->fn = NULL;
        }
    }
}

bool lg_calls_wait(const struct gloss *g)
{
    for (const struct lg_call *call = g->calls; call; call = call->next) {
        if (call->is_sent) {
            return true;
        }
    }
    return false;
}

bool lg_calls_have(const struct gloss *g, const void *owner, gloss_answer_fn fn)
{
    for (const struct lg_call *call = g->calls; call; call = call->next) {
        if (call->owner == owner && call->fn == fn) {
            return true;
        }
    }
    return false;
}

int gloss_call(struct gloss *g, const char *method, json_t *params, int deadline_ms, gloss_answer_fn fn, void *arg)
{
    struct gl_buf buf;
    if (g->state == LG_STOPPED) {
        lg_error_copy(&g->last_error, &g->final_error);
        return g->final_error.code;
    }
    gl_buf_init(&buf, SIZE_MAX);
    if (params) {
        gl_canon_write(&buf, params);
    } else {
        gl_buf_str(&buf, "{}");
    }
    int code = buf.code == GL_OK
                   ? lg_call(g, NULL, method, gl_buf_peek(&buf), deadline_ms == 0 ? LG_CALL_DEADLINE_MS : deadline_ms, fn, arg)
               : buf.code == GL_E_NOMEM
                   ? lg_fail_nomem(g)
                   : lg_fail(g, GLOSS_E_INVALID_PARAMS, "params must be JSON without real numbers, with ASCII names");
    gl_buf_fini(&buf);
    return code;
}
