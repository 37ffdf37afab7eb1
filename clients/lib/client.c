/*
 * client.c - a client's life: configuration, one turn of gloss_process, the end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "clients/lib/lib_priv.h"

#ifndef GLOSS_VERSION
#define GLOSS_VERSION "0"
#endif

#define FRAME_BYTES_BEFORE_HELLO (256u * 1024)
#define TRACEPARENT_MAX          64 /* bytes; 55 in the version of today. It counts as envelope of a submit, which has room for so much */
#define RETRY_CAP_MS             5000

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
    return g->state == LG_READY && !g->drops && !g->is_moving;
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

void gloss_config_init_sized(struct gloss_config *config, size_t size)
{
    memset(config, 0, size);
    config->size = size;
}

/* The name in parentheses is the function, not the macro: programs built for version 0.1 call it with the struct of then. */
#define CONFIG_BYTES_0_1 offsetof(struct gloss_config, queue_dir)
void(gloss_config_init)(struct gloss_config *config)
{
    gloss_config_init_sized(config, CONFIG_BYTES_0_1);
}

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static enum gl_code check_config(const struct gloss_config *config, struct gl_err *err)
{
    gl_uuid id;
    if (config->account_id && !gl_uuid_parse(gl_slice_str(config->account_id), &id)) {
        return gl_fail(err, GL_E_SETTING, "account_id is a UUID: 36 lower case characters");
    }
    if (!config->url) {
        return gl_fail(err, GL_E_SETTING, "there is no url");
    }
    if (config->traceparent && (strlen(config->traceparent) > TRACEPARENT_MAX ||
                                config->traceparent[strspn(config->traceparent, "0123456789abcdef-")] != '\0')) {
        return gl_fail(err, GL_E_SETTING, "traceparent is a W3C trace context: 55 characters");
    }
    if (!config->token && !(config->account && config->password)) {
        return gl_fail(err, GL_E_SETTING, "there is neither a token nor an account with its password");
    }
    return GL_OK;
}

static enum gl_code fill(struct gloss *g, const struct gloss_config *config, struct gl_err *err)
{
    g->token = copy(config->token);
    g->account = copy(config->account);
    g->password = copy(config->password);
    g->client = copy(config->client ? config->client : "libgloss/" GLOSS_VERSION);
    g->url = copy(config->url);
    g->queue_dir = config->queue_dir ? copy(config->queue_dir) : NULL;
    g->traceparent = config->traceparent ? copy(config->traceparent) : NULL;
    if (!g->url || (config->queue_dir && !g->queue_dir) || (config->traceparent && !g->traceparent) || !g->token || !g->account ||
        !g->password || !g->client) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    (void)snprintf(g->account_id, sizeof(g->account_id), "%s", config->account_id ? config->account_id : "");
    lg_queue_recall(g);
    g->on_event = config->on_event;
    g->on_conflict = config->on_conflict;
    g->arg = config->arg;
    g->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms : 10000;
    g->silence_timeout_ms = config->silence_timeout_ms > 0 ? config->silence_timeout_ms : 20000;
    g->once = config->once;
    g->wake_ms = LG_NEVER;
    g->limits.frame_bytes = FRAME_BYTES_BEFORE_HELLO;
    if (getrandom(&g->random, sizeof(g->random), 0) != (ssize_t)sizeof(g->random) || g->random == 0) {
        g->random = lg_now_ms() | 1;
    }
    return lg_transport_new(config->url, config->ca_file, &g->transport, err);
}

static struct gloss *make(const struct gloss_config *given, struct gl_err *err)
{
    struct gloss_config all = {0}, *config = &all;
    if (given->size < CONFIG_BYTES_0_1) {
        (void)gl_fail(err, GL_E_SETTING, "gloss_config_init was not called");
        return NULL;
    }
    memcpy(config, given, given->size < sizeof(all) ? given->size : sizeof(all));
    if (check_config(config, err) != GL_OK) {
        return NULL;
    }
    struct gloss *g = calloc(1, sizeof(*g));
    if (!g) {
        (void)gl_fail(err, GL_E_NOMEM, "out of memory");
        return NULL;
    }
    gl_arena_init(&g->arena);
    g->calls_end = &g->calls;
    if (fill(g, config, err) != GL_OK) {
        gloss_free(&g);
    }
    return g;
}

struct gloss *gloss_new(const struct gloss_config *config, struct gloss_error *error)
{
    struct gl_err err = {0};
    struct gloss *g = make(config, &err);
    if (error) {
        memset(error, 0, sizeof(*error));
    }
    if (!g && error) {
        lg_error_take_gl(error, &err);
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
        if (all || (session->is_left && session->awaited == 0)) {
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
    g->is_doomed = g->is_inside = true; /* who is called back now may neither wait nor free it once more */
    for (struct gloss_session *session = g->sessions; session; session = session->next) {
        if (!session->is_left) {
            lg_cache_keep(session, true);
        }
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
    free(g->url);
    free(g->queue_dir);
    free(g->traceparent);
    free(g);
}

void gloss_free(struct gloss **client)
{
    struct gloss *g = *client;
    *client = NULL;
    if (!g || g->is_doomed) {
        return;
    }
    if (g->is_inside || g->holds > 0) {
        g->is_doomed = true; /* it is freed on the way out */
    } else {
        if (g->transport && g->state >= LG_GREETING && g->state != LG_STOPPED) {
            lg_transport_goodbye(g->transport);
        }
        free_now(g);
    }
}

void lg_hold(struct gloss *g)
{
    g->holds++;
}

void lg_let_go(struct gloss *g)
{
    if (--g->holds == 0 && g->is_doomed && !g->is_inside) {
        free_now(g);
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
            lg_connection_begin(g);
        } else {
            lg_wake_at(g, g->retry_ms);
        }
    }
    if (g->state == LG_READY && !g->drops) {
        check_silence(g, now);
        lg_connection_look_moved(g, now);
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
        lg_connection_event(g, &event);
        lg_connection_check(g);
    }
    if (!lg_is_over(g)) {
        uint64_t now = lg_now_ms();
        timers(g, now);
        if (!lg_is_over(g)) {
            pump(g, now);
        }
        lg_connection_check(g);
    }
    g->is_inside = false;
    if (lg_is_over(g)) {
        if (g->holds == 0) {
            free_now(g);
        }
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
    return g->account_id[0] ? g->account_id : NULL;
}

const char *gloss_account_name(const struct gloss *g)
{
    return g->hello ? g->account_name : NULL;
}

const json_t *gloss_limits(const struct gloss *g)
{
    return json_object_get(g->hello, "limits");
}
