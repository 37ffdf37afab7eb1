/*
 * connection.c - connecting, signing in, what messages there are, and coming back after a loss.
 */
#include <stdio.h>

#include "clients/lib/lib_priv.h"

#define RETRY_FIRST_MS  100
#define RETRY_CAP_MS    5000
#define MOVE_ANSWERS_MS 10000 /* for what was asked before the server said that it is going */
#define MOVE_LATEST_MS  60000 /* no server keeps people away for longer */
#define GOOD_AFTER_MS   2000  /* a connection that lived so long was a good one */

/* ---- connecting, and coming back */

void lg_connection_begin(struct gloss *g)
{
    g->state = LG_CONNECTING;
    lg_transport_connect(g->transport, g->connect_timeout_ms);
}

int gloss_connect(struct gloss *g)
{
    if (g->state != LG_IDLE && g->state != LG_STOPPED) {
        return GLOSS_OK;
    }
    gloss_error_clear(&g->final_error);
    g->failures = 0;
    g->drops = false;
    g->state = LG_WAITING;
    g->retry_ms = lg_now_ms();
    g->is_due = true;
    return GLOSS_OK;
}

static void stop(struct gloss *g, const struct gloss_error *error)
{
    const struct gloss_event event = {.type = GLOSS_EV_ERROR, .error = error};
    g->state = LG_STOPPED;
    lg_error_copy(&g->final_error, error);
    lg_emit(g, &event);
    lg_calls_fail(g, error);
    lg_jobs_fail(g, error);
}

static bool is_final(const struct gloss *g, const struct gloss_error *error)
{
    return (g->once && !g->was_ready) || gl_code_retry(gl_code_from_wire(error->code)) != GL_LATER;
}

/* The connection is gone, or did not come to be. */
static void down(struct gloss *g, const struct gloss_error *error, bool is_last)
{
    uint64_t now = lg_now_ms();
    bool was_good = g->state == LG_READY && now - g->ready_ms >= GOOD_AFTER_MS;
    lg_transport_close(g->transport);
    g->failures = was_good ? 0 : g->failures;
    uint64_t delay = g->failures == 0 ? lg_backoff(g, 0, 50, 50) : lg_backoff(g, g->failures - 1, RETRY_FIRST_MS, RETRY_CAP_MS);
    if ((uint64_t)error->retry_after_ms > delay) {
        delay = (uint64_t)error->retry_after_ms;
    }
    if (g->is_moving && g->move_after_ms > delay) {
        delay = g->move_after_ms;
    }
    g->is_moving = false;
    g->failures++;
    g->state = LG_WAITING;
    g->drops = false;
    g->retry_ms = now + delay;
    g->ops_in_flight = 0;
    lg_wake_at(g, g->retry_ms);
    lg_names_down(g);
    lg_jobs_down(g);
    for (struct gloss_session *session = g->sessions; session; session = session->next) {
        lg_session_down(session);
    }
    const struct gloss_event event = {.type = GLOSS_EV_DISCONNECTED, .error = error, .retry_in_ms = is_last ? -1 : (int)delay};
    lg_emit(g, &event);
    lg_calls_down(g, error);
    if (is_last && !lg_is_over(g)) {
        stop(g, error);
    }
}

/* The server said that it is going. It closes the connection when everything is answered; one that does not is left. */
static void on_server_notice(struct gloss *g, json_t *params)
{
    struct gl_server_notice_notice notice;
    struct gl_reader reader;
    gl_reader_init(&reader, &g->arena);
    if (gl_server_notice_notice_read(&reader, params, &notice) == GL_OK && gl_slice_is(notice.what, "closing") && !g->is_moving) {
        g->is_moving = true;
        g->move_after_ms = notice.has_retry_after_ms && notice.retry_after_ms < MOVE_LATEST_MS ? notice.retry_after_ms
                           : notice.has_retry_after_ms                                         ? MOVE_LATEST_MS
                                                                                               : 0;
        g->moving_ms = lg_now_ms();
    }
}

void lg_connection_look_moved(struct gloss *g, uint64_t now)
{
    if (!g->is_moving) {
        return;
    }
    const uint64_t until = g->moving_ms + (lg_calls_wait(g) ? MOVE_ANSWERS_MS : MOVE_ANSWERS_MS / 10);
    if (now >= until) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "moving", "the server said that it is going");
    } else {
        lg_wake_at(g, until);
    }
}

void lg_connection_check(struct gloss *g)
{
    if (g->drops && !lg_is_over(g)) {
        struct gloss_error error = g->drop_error;
        memset(&g->drop_error, 0, sizeof(g->drop_error));
        down(g, &error, is_final(g, &error) && g->state != LG_READY);
        gloss_error_clear(&error);
    }
}

/* ---- signing in */

static void take_account(struct gloss *g, const gl_uuid *id)
{
    char account[GLOSS_ID];
    gl_uuid_format(id, account);
    const bool is_another = g->account_id[0] && strcmp(account, g->account_id) != 0;
    memcpy(g->account_id, account, sizeof(account));
    for (struct gloss_session *session = g->sessions; session && is_another; session = session->next) {
        lg_session_account_changed(session);
    }
}

static void take_hello(struct gloss *g, json_t *result, const struct gl_hello_result *hello)
{
    json_decref(g->hello);
    g->hello = json_incref(result);
    g->limits = hello->limits;
    take_account(g, &hello->account.account);
    (void)snprintf(g->account_name, sizeof(g->account_name), "%.*s", (int)hello->account.name.len, hello->account.name.data);
    g->state = LG_READY;
    g->was_ready = true;
    g->ready_ms = lg_now_ms();
    g->ping_ms = 0;
    gloss_error_clear(&g->complaint);
    lg_queue_remember(g);
}

static void on_hello(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gl_hello_result hello;
    struct gl_reader reader;
    (void)arg;
    if (error) {
        lg_drop(g, error->code, "refused", "%s", error->message);
        json_decref(g->drop_error.data);
        g->drop_error.data = json_incref(error->data);
        g->drop_error.retry_after_ms = error->retry_after_ms;
        return;
    }
    const char *protocol = json_string_value(json_object_get(result, "protocol"));
    gl_reader_init(&reader, &g->arena);
    if (protocol && strcmp(protocol, "gloss.v1") != 0) {
        lg_drop(g, GLOSS_E_UPGRADE, "upgrade", "the server speaks %.32s, this program gloss.v1: one of the two needs an upgrade",
                protocol);
        return;
    }
    if (gl_hello_result_read(&reader, result, &hello) != GL_OK) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "bad_message", "the server's answer to hello cannot be read: %.300s", reader.err.detail);
        return;
    }
    take_hello(g, result, &hello);
    char server[257];
    (void)snprintf(server, sizeof(server), "%.*s", (int)hello.server.len, hello.server.data);
    const struct gloss_event event = {.type = GLOSS_EV_CONNECTED, .account = g->account_id, .server = server, .hello = g->hello};
    lg_emit(g, &event);
    for (struct gloss_session *session = g->sessions; session && !lg_is_over(g); session = session->next) {
        lg_session_up(session);
    }
}

static void say_hello(struct gloss *g)
{
    struct gl_buf buf;
    struct gl_hello_params params = {.has_client = true, .client = gl_slice_str(g->client)};
    if (g->token[0]) {
        params.has_token = true;
        params.token = gl_slice_str(g->token);
    } else {
        params.has_account = params.has_password = true;
        params.account = gl_slice_str(g->account);
        params.password = gl_slice_str(g->password);
    }
    g->state = LG_GREETING;
    gl_buf_init(&buf, SIZE_MAX);
    gl_hello_params_write(&buf, &params);
    if (buf.code != GL_OK || lg_call(g, g, "hello", gl_buf_peek(&buf), g->connect_timeout_ms, on_hello, NULL) != GLOSS_OK) {
        lg_drop_nomem(g);
    }
    if (buf.data) {
        explicit_bzero(buf.data, buf.len);
    }
    gl_buf_fini(&buf);
}

static void arrive(struct gloss *g)
{
    say_hello(g);
    for (struct gloss_session *session = g->sessions; session && !g->drops && !lg_is_over(g); session = session->next) {
        lg_session_up_early(session);
    }
}

/* ---- messages */

static void on_notice(struct gloss *g, const struct gl_envelope *envelope)
{
    json_t *params = (json_t *)(uintptr_t)envelope->params; /* counted up by who keeps it */
    if (gl_slice_is(envelope->name, "session.ops")) {
        lg_replica_on_ops(g, params);
    } else if (gl_slice_is(envelope->name, "project.ops")) {
        lg_names_on_ops(g, params);
    } else if (gl_slice_is(envelope->name, "session.presence")) {
        lg_presence_on_people(g, params);
    } else if (gl_slice_is(envelope->name, "session.notice")) {
        lg_session_on_notice(g, params);
    } else if (gl_slice_is(envelope->name, "server.notice")) {
        on_server_notice(g, params);
    }
}

static void on_message(struct gloss *g, struct gl_slice text)
{
    json_t *message = NULL;
    struct gl_err err = {0};
    struct gl_envelope envelope;
    enum gl_code code = gl_json_load(text, &message, &err);
    if (code == GL_OK) {
        code = gl_envelope_read(message, &envelope, &err);
    }
    if (code == GL_E_NOMEM) {
        lg_drop_nomem(g);
    } else if (code != GL_OK) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "bad_message", "the server sent a message that cannot be read: %.300s", err.detail);
    } else if (envelope.kind == GL_ENVELOPE_RESULT || envelope.kind == GL_ENVELOPE_ERROR) {
        lg_calls_answer(g, &envelope);
    } else if (envelope.kind == GL_ENVELOPE_NOTICE && g->state == LG_READY) {
        on_notice(g, &envelope);
    }
    json_decref(message);
    gl_arena_reset(&g->arena);
}

static void on_transport_down(struct gloss *g, const struct lg_transport_event *event)
{
    struct gloss_error error = {0};
    if (g->complaint.code != 0) {
        lg_error_copy(&error, &g->complaint); /* what the server said before it closed */
        gloss_error_clear(&g->complaint);
        down(g, &error, (g->state != LG_READY || event->close_code == LG_CLOSE_POLICY) && is_final(g, &error));
    } else {
        lg_error_take_gl(&error, &event->err);
        error.data = json_pack("{s:s}", "reason", lg_reason_name(event->reason));
        if (error.data && event->close_code) {
            (void)json_object_set_new(error.data, "close_code", json_integer((json_int_t)event->close_code));
        }
        if (error.data && event->http_status) {
            (void)json_object_set_new(error.data, "http_status", json_integer((json_int_t)event->http_status));
        }
        down(g, &error, event->close_code == LG_CLOSE_KICKED || is_final(g, &error));
    }
    gloss_error_clear(&error);
}

void lg_connection_event(struct gloss *g, const struct lg_transport_event *event)
{
    switch (event->type) {
    case LG_UP: arrive(g); break;
    case LG_MESSAGE: on_message(g, event->message); break;
    case LG_DOWN: on_transport_down(g, event); break;
    }
}
