/*
 * client.c - a client's life: configuration, connecting and coming back, one turn of gloss_process.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "clients/lib/lib_priv.h"

#ifndef GLOSS_VERSION
#define GLOSS_VERSION "0"
#endif

#define FRAME_BYTES_BEFORE_HELLO (256u * 1024)
#define RETRY_FIRST_MS           100
#define RETRY_CAP_MS             5000
#define GOOD_AFTER_MS            2000 /* a connection that lived so long was a good one */

const char *gloss_version(void)
{
    return GLOSS_VERSION;
}

/* ---- small things that everybody uses */

bool lg_is_over(const struct gloss *g)
{
    return g->is_doomed;
}

bool lg_is_ready(const struct gloss *g)
{
    return g->state == LG_READY && !g->drops;
}

void lg_emit(struct gloss *g, const struct gloss_event *event)
{
    if (g->on_event && !lg_is_over(g)) {
        g->on_event(g, event, g->arg);
    }
}

void lg_drop(struct gloss *g, int code, const char *reason, const char *fmt, ...)
{
    char message[sizeof(g->drop_error.message)];
    va_list args;
    if (g->drops) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    lg_error_set(&g->drop_error, code, "%s", message);
    g->drop_error.data = json_pack("{s:s}", "reason", reason);
    g->drops = true;
}

void lg_drop_nomem(struct gloss *g)
{
    lg_drop(g, GLOSS_E_NOMEM, "out_of_memory", "%s", "");
}

void lg_progress(struct gloss *g)
{
    g->failures = 0;
}

void lg_wake_at(struct gloss *g, uint64_t ms)
{
    if (ms < g->wake_ms) {
        g->wake_ms = ms;
    }
}

static uint64_t next_random(struct gloss *g)
{
    g->random ^= g->random << 13;
    g->random ^= g->random >> 7;
    g->random ^= g->random << 17;
    return g->random;
}

uint64_t lg_backoff(struct gloss *g, unsigned failures, uint64_t first_ms, uint64_t cap_ms)
{
    uint64_t most = first_ms << (failures > 16 ? 16 : failures);
    if (most > cap_ms) {
        most = cap_ms;
    }
    return most / 2 + next_random(g) % (most / 2 + 1);
}

uint64_t lg_retry_delay(struct gloss *g, const struct gloss_error *error, unsigned failures)
{
    uint64_t delay = lg_backoff(g, failures, 50, RETRY_CAP_MS);
    uint64_t asked = (uint64_t)error->retry_after_ms;
    return delay > asked ? delay : asked + next_random(g) % (asked / 8 + 1);
}

/* ---- made and freed */

void gloss_config_init(struct gloss_config *config)
{
    memset(config, 0, sizeof(*config));
    config->size = sizeof(*config);
}

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static enum gl_code check_config(const struct gloss_config *config, struct gl_err *err)
{
    if (config->size < sizeof(*config)) {
        return gl_fail(err, GL_E_SETTING, "gloss_config_init was not called");
    }
    if (!config->url) {
        return gl_fail(err, GL_E_SETTING, "there is no url");
    }
    if (!config->token && !(config->account && config->password)) {
        return gl_fail(err, GL_E_SETTING, "there is neither a token nor an account with its password");
    }
    return GL_OK;
}

static enum gl_code make_transport(struct gloss *g, const struct gloss_config *config, struct gl_err *err)
{
    const struct lg_transport_config transport = {.url = config->url, .ca_file = config->ca_file, .user_agent = g->client};
    return lg_transport_new(&transport, &g->transport, err);
}

static enum gl_code fill(struct gloss *g, const struct gloss_config *config, struct gl_err *err)
{
    g->token = copy(config->token);
    g->account = copy(config->account);
    g->password = copy(config->password);
    g->client = copy(config->client ? config->client : "libgloss/" GLOSS_VERSION);
    if (!g->token || !g->account || !g->password || !g->client) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    g->on_event = config->on_event;
    g->arg = config->arg;
    g->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms : 10000;
    g->silence_timeout_ms = config->silence_timeout_ms > 0 ? config->silence_timeout_ms : 20000;
    g->once = config->once;
    g->wake_ms = LG_NEVER;
    g->limits.frame_bytes = FRAME_BYTES_BEFORE_HELLO;
    if (getrandom(&g->random, sizeof(g->random), 0) != (ssize_t)sizeof(g->random) || g->random == 0) {
        g->random = lg_now_ms() | 1;
    }
    return make_transport(g, config, err);
}

struct gloss *gloss_new(const struct gloss_config *config, struct gloss_error *error)
{
    struct gl_err err = {0};
    struct gloss *g = calloc(1, sizeof(*g));
    enum gl_code code = g ? check_config(config, &err) : gl_fail(&err, GL_E_NOMEM, "out of memory");
    if (g) {
        gl_arena_init(&g->arena);
        g->calls_end = &g->calls;
    }
    if (code == GL_OK) {
        code = fill(g, config, &err);
    }
    if (error) {
        memset(error, 0, sizeof(*error));
    }
    if (code != GL_OK) {
        if (error) {
            lg_error_take_gl(error, &err);
        }
        gloss_free(&g);
    }
    return g;
}

static void wipe_free(char **text)
{
    if (*text) {
        explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}

static void reap_sessions(struct gloss *g, bool all)
{
    for (struct gloss_session **at = &g->sessions; *at;) {
        struct gloss_session *session = *at;
        if (all || session->is_left) {
            *at = session->next;
            lg_session_free(session);
        } else {
            at = &session->next;
        }
    }
}

static void free_now(struct gloss *g)
{
    struct gloss_error error = {0};
    lg_error_set(&error, GLOSS_E_DISCONNECTED, "the client was closed before an answer came");
    g->is_doomed = true;
    for (struct gloss_session *session = g->sessions; session; session = session->next) {
        lg_submit_fail(session, &error);
    }
    lg_jobs_fail(g, &error);
    lg_calls_down(g, &error);
    lg_calls_fail(g, &error);
    gloss_error_clear(&error);
    reap_sessions(g, true);
    lg_jobs_reap(g);
    lg_transport_free(&g->transport);
    json_decref(g->hello);
    gloss_error_clear(&g->drop_error);
    gloss_error_clear(&g->complaint);
    gloss_error_clear(&g->last_error);
    gloss_error_clear(&g->final_error);
    gl_arena_fini(&g->arena);
    wipe_free(&g->token);
    wipe_free(&g->password);
    free(g->account);
    free(g->client);
    free(g);
}

void gloss_free(struct gloss **client)
{
    struct gloss *g = *client;
    *client = NULL;
    if (!g || g->is_doomed) {
        return;
    }
    if (g->is_inside) {
        g->is_doomed = true; /* gloss_process frees it on its way out */
    } else {
        if (g->transport && g->state >= LG_GREETING && g->state != LG_STOPPED) {
            lg_transport_goodbye(g->transport);
        }
        free_now(g);
    }
}

/* ---- connecting, and coming back */

static void connect_now(struct gloss *g)
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
    uint64_t delay = g->failures == 0 ? next_random(g) % 50 : lg_backoff(g, g->failures - 1, RETRY_FIRST_MS, RETRY_CAP_MS);
    if ((uint64_t)error->retry_after_ms > delay) {
        delay = (uint64_t)error->retry_after_ms;
    }
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

static void down_if_dropped(struct gloss *g)
{
    if (g->drops && !lg_is_over(g)) {
        struct gloss_error error = g->drop_error;
        memset(&g->drop_error, 0, sizeof(g->drop_error));
        down(g, &error, is_final(g, &error) && g->state != LG_READY);
        gloss_error_clear(&error);
    }
}

/* ---- signing in */

static void take_hello(struct gloss *g, json_t *result, const struct gl_hello_result *hello)
{
    json_decref(g->hello);
    g->hello = json_incref(result);
    g->limits = hello->limits;
    gl_uuid_format(&hello->account.account, g->account_id);
    (void)snprintf(g->account_name, sizeof(g->account_name), "%.*s", (int)hello->account.name.len, hello->account.name.data);
    g->state = LG_READY;
    g->was_ready = true;
    g->ready_ms = lg_now_ms();
    g->ping_ms = 0;
    gloss_error_clear(&g->complaint);
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

/* ---- messages */

static void on_notice(struct gloss *g, const struct gl_envelope *envelope)
{
    json_t *params = (json_t *)(uintptr_t)envelope->params; /* counted up by who keeps it */
    if (gl_slice_is(envelope->name, "session.ops")) {
        lg_replica_on_ops(g, params);
    } else if (gl_slice_is(envelope->name, "project.ops")) {
        lg_names_on_ops(g, params);
    } else if (gl_slice_is(envelope->name, "session.notice")) {
        lg_session_on_notice(g, params);
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
        down(g, &error, g->state != LG_READY && is_final(g, &error));
    } else {
        lg_error_take_gl(&error, &event->err);
        error.data = json_pack("{s:s}", "reason", lg_reason_name(event->reason));
        if (error.data && event->close_code) {
            (void)json_object_set_new(error.data, "close_code", json_integer((json_int_t)event->close_code));
        }
        if (error.data && event->http_status) {
            (void)json_object_set_new(error.data, "http_status", json_integer((json_int_t)event->http_status));
        }
        down(g, &error, is_final(g, &error));
    }
    gloss_error_clear(&error);
}

static void on_transport_event(struct gloss *g, const struct lg_transport_event *event)
{
    switch (event->type) {
    case LG_UP: say_hello(g); break;
    case LG_MESSAGE: on_message(g, event->message); break;
    case LG_DOWN: on_transport_down(g, event); break;
    }
}

/* ---- a turn */

static void check_silence(struct gloss *g, uint64_t now)
{
    uint64_t heard = lg_transport_heard_ms(g->transport), limit = (uint64_t)g->silence_timeout_ms;
    if (now >= heard + limit) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "silence", "the server said nothing for %d seconds", g->silence_timeout_ms / 1000);
    } else if (now >= heard + limit / 2) {
        if (g->ping_ms <= heard) {
            g->ping_ms = now;
            lg_transport_ping(g->transport);
        }
        lg_wake_at(g, heard + limit);
    } else {
        lg_wake_at(g, heard + limit / 2);
    }
}

static void timers(struct gloss *g, uint64_t now)
{
    g->wake_ms = LG_NEVER;
    lg_calls_timers(g, now);
    if (g->state == LG_WAITING) {
        if (now >= g->retry_ms) {
            connect_now(g);
        } else {
            lg_wake_at(g, g->retry_ms);
        }
    }
    if (g->state == LG_READY && !g->drops) {
        check_silence(g, now);
    }
    lg_names_timers(g, now);
}

static void pump(struct gloss *g, uint64_t now)
{
    lg_sessions_run(g);
    for (struct gloss_session *session = g->sessions; session && !lg_is_over(g); session = session->next) {
        if (!session->is_left) {
            lg_session_pump(session, now);
        }
    }
    if (!lg_is_over(g)) {
        lg_jobs_pump(g, now);
    }
    lg_calls_send(g);
}

int gloss_process(struct gloss *g)
{
    struct lg_transport_event event;
    if (g->is_inside) {
        return lg_fail(g, GLOSS_E_SETTING, "gloss_process was called from inside a callback");
    }
    g->is_inside = true;
    g->is_due = false;
    lg_transport_run(g->transport);
    while (!lg_is_over(g) && lg_transport_next(g->transport, &event)) {
        on_transport_event(g, &event);
        down_if_dropped(g);
    }
    if (!lg_is_over(g)) {
        uint64_t now = lg_now_ms();
        timers(g, now);
        if (!lg_is_over(g)) {
            pump(g, now);
        }
        down_if_dropped(g);
    }
    g->is_inside = false;
    if (lg_is_over(g)) {
        free_now(g);
        return GLOSS_OK;
    }
    reap_sessions(g, false);
    lg_jobs_reap(g);
    return g->state == LG_STOPPED ? g->final_error.code : GLOSS_OK;
}

int gloss_fd(const struct gloss *g)
{
    return lg_transport_fd(g->transport);
}

int gloss_timeout_ms(const struct gloss *g)
{
    if (g->is_due) {
        return 0;
    }
    int timeout = lg_transport_timeout(g->transport);
    if (g->wake_ms != LG_NEVER) {
        uint64_t now = lg_now_ms();
        uint64_t left = g->wake_ms > now ? g->wake_ms - now : 0;
        int own = left > 3600000 ? 3600000 : (int)left;
        timeout = timeout < 0 || own < timeout ? own : timeout;
    }
    return timeout;
}

/* ---- looking */

bool gloss_is_connected(const struct gloss *g)
{
    return g->state == LG_READY;
}

const char *gloss_account(const struct gloss *g)
{
    return g->hello ? g->account_id : NULL;
}

const char *gloss_account_name(const struct gloss *g)
{
    return g->hello ? g->account_name : NULL;
}

const json_t *gloss_limits(const struct gloss *g)
{
    return json_object_get(g->hello, "limits");
}
