/*
 * wait.c - for programs without a loop of their own: the same, waiting. Built on the public functions; what a callback frees or leaves
 * meanwhile stays until the wait is over.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

int gloss_wait(struct gloss *g, int timeout_ms)
{
    if (g->is_inside) {
        return lg_fail(g, GLOSS_E_SETTING, "a function that waits was called from inside a callback");
    }
    int own = gloss_timeout_ms(g);
    bool is_programs_limit = timeout_ms >= 0 && (own < 0 || timeout_ms < own);
    struct pollfd fd = {.fd = gloss_fd(g), .events = POLLIN};
    int ready = poll(&fd, 1, is_programs_limit ? timeout_ms : own);
    if (ready < 0 && errno != EINTR) {
        return lg_fail(g, GLOSS_E_SYSTEM, "poll failed");
    }
    lg_hold(g);
    int code = gloss_process(g);
    if (code == GLOSS_OK && ready == 0 && is_programs_limit && !lg_is_over(g)) {
        code = lg_fail(g, GLOSS_E_TIMED_OUT, "%s", "");
    }
    lg_let_go(g);
    return code;
}

/* ---- until something has happened */

struct limit {
    uint64_t until_ms;
};

static struct limit limit_from(int timeout_ms)
{
    return (struct limit){timeout_ms < 0 ? LG_NEVER : lg_now_ms() + (uint64_t)timeout_ms};
}

/* One wait towards something, of whoever holds it. 0: look again; otherwise it will not happen (in time), and why is in last_error. */
static int wait_more(struct gloss *g, const struct limit *limit)
{
    uint64_t now = lg_now_ms();
    if (g->is_inside) {
        return lg_fail(g, GLOSS_E_SETTING, "a function that waits was called from inside a callback");
    }
    if (g->state == LG_IDLE) {
        (void)gloss_connect(g);
    }
    if (limit->until_ms != LG_NEVER && now >= limit->until_ms) {
        return lg_fail(g, GLOSS_E_TIMED_OUT, "%s", "");
    }
    uint64_t left = limit->until_ms == LG_NEVER ? 0 : limit->until_ms - now;
    int code = gloss_wait(g, limit->until_ms == LG_NEVER ? -1 : (left > 3600000 ? 3600000 : (int)left));
    if (lg_is_over(g)) {
        return lg_fail(g, GLOSS_E_DISCONNECTED, "the client was closed while it was waited for");
    }
    if (code != GLOSS_OK && code != GLOSS_E_TIMED_OUT && g->state == LG_STOPPED) {
        lg_error_copy(&g->last_error, &g->final_error);
    }
    return code == GLOSS_E_TIMED_OUT ? GLOSS_OK : code;
}

/* The end of a wait: g may be gone behind it. */
static int hand_over(struct gloss *g, int code, struct gloss_error *error)
{
    if (error) {
        memset(error, 0, sizeof(*error));
        if (code != GLOSS_OK) {
            lg_error_copy(error, &g->last_error);
        }
    }
    lg_let_go(g);
    return code;
}

/* What a callback leaves for its waiter. If the waiter gave up first, the callback frees it. */
struct waiting {
    bool is_done, is_abandoned;
    struct gloss_error error;
    json_t *result;
    bool existing;
    struct gl_text *text;
    uint64_t seq;
    char annotation[GLOSS_ID];
};

static void waiting_free(struct waiting *waiting)
{
    gloss_error_clear(&waiting->error);
    json_decref(waiting->result);
    gl_text_free(&waiting->text);
    free(waiting);
}

static void answered(struct waiting *waiting, const struct gloss_error *error)
{
    waiting->is_done = true;
    if (error) {
        lg_error_copy(&waiting->error, error);
    }
    if (waiting->is_abandoned) {
        waiting_free(waiting);
    }
}

/* Waits until waiting is done; its error becomes the last one. */
static int wait_for(struct gloss *g, struct waiting *waiting, const struct limit *limit)
{
    int code = GLOSS_OK;
    while (!waiting->is_done && code == GLOSS_OK) {
        code = wait_more(g, limit);
    }
    if (!waiting->is_done) {
        return code;
    }
    if (waiting->error.code != 0) {
        lg_error_copy(&g->last_error, &waiting->error);
    }
    return waiting->error.code;
}

static void put_down(struct waiting *waiting)
{
    if (waiting->is_done) {
        waiting_free(waiting);
    } else {
        waiting->is_abandoned = true;
    }
}

/* ---- any method */

static void on_answer(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct waiting *waiting = arg;
    (void)g;
    waiting->result = json_incref(result);
    answered(waiting, error);
}

static bool only_reads(const char *method)
{
    static const char *const verbs[] = {".get", ".list", ".text", ".find", ".locate", ".history", ".at"};
    const char *dot = strrchr(method, '.');
    for (size_t i = 0; dot && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(dot, verbs[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int call_once(struct gloss *g, const char *method, json_t *params, const struct limit *limit, json_t **result)
{
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (!waiting) {
        return lg_fail_nomem(g);
    }
    int code = gloss_call(g, method, params, -1, on_answer, waiting);
    if (code != GLOSS_OK) {
        free(waiting);
        return code;
    }
    code = wait_for(g, waiting, limit);
    if (code == GLOSS_OK && result) {
        *result = waiting->result;
        waiting->result = NULL;
    }
    put_down(waiting);
    return code;
}

int gloss_call_wait(struct gloss *g, const char *method, json_t *params, int timeout_ms, json_t **result,
                    struct gloss_error *error)
{
    const struct limit limit = limit_from(timeout_ms);
    if (result) {
        *result = NULL;
    }
    lg_hold(g);
    int code = call_once(g, method, params, &limit, result);
    while (code == GLOSS_E_DISCONNECTED && g->state != LG_STOPPED && !lg_is_over(g) && only_reads(method)) {
        code = call_once(g, method, params, &limit, result);
    }
    return hand_over(g, code, error);
}

/* ---- sessions */

static int wait_synced(struct gloss_session *session, const struct limit *limit)
{
    struct gloss *g = session->g;
    int code = GLOSS_OK;
    while (code == GLOSS_OK) {
        if (session->state == LG_FAILED) {
            lg_error_copy(&g->last_error, &session->error);
            return session->error.code;
        }
        if (session->is_left) {
            return lg_fail(g, GLOSS_E_DISCONNECTED, "the session was left while it was waited for");
        }
        if (session->is_synced || (session->is_submit_only && session->state == LG_JOINED)) {
            return GLOSS_OK;
        }
        code = wait_more(g, limit);
    }
    return code;
}

int gloss_synced_wait(struct gloss_session *session, int timeout_ms)
{
    struct gloss *g = session->g;
    const struct limit limit = limit_from(timeout_ms);
    lg_hold(g);
    session->awaited++;
    int code = wait_synced(session, &limit);
    session->awaited--;
    g->is_due = g->is_due || session->is_left;
    return hand_over(g, code, NULL);
}

static void on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct waiting *waiting = arg;
    (void)session;
    waiting->seq = result->seq;
    if (result->annotation) {
        memcpy(waiting->annotation, result->annotation, GLOSS_ID);
    }
    answered(waiting, result->error);
}

int gloss_submit_wait(struct gloss_session *session, json_t *op, int timeout_ms, uint64_t *seq, char annotation[GLOSS_ID],
                      struct gloss_error *error)
{
    struct gloss *g = session->g;
    const struct limit limit = limit_from(timeout_ms);
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    json_t *ops = json_pack("[O]", op);
    lg_hold(g);
    int code = waiting && ops ? gloss_submit(session, ops, false, on_result, waiting) : lg_fail_nomem(g);
    json_decref(ops);
    if (code != GLOSS_OK) {
        free(waiting);
        return hand_over(g, code, error);
    }
    code = wait_for(g, waiting, &limit);
    if (seq) {
        *seq = waiting->is_done ? waiting->seq : 0;
    }
    if (annotation) {
        memcpy(annotation, waiting->annotation, GLOSS_ID);
    }
    put_down(waiting);
    return hand_over(g, code, error);
}

/* ---- texts */

static void on_text(struct gloss *g, struct gl_text *text, json_t *document, const struct gloss_error *error, void *arg)
{
    struct waiting *waiting = arg;
    (void)g;
    (void)document;
    waiting->text = text;
    answered(waiting, error);
}

int gloss_fetch_text_wait(struct gloss *g, const char *document, int timeout_ms, struct gl_text **text, struct gloss_error *error)
{
    const struct limit limit = limit_from(timeout_ms);
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    *text = NULL;
    lg_hold(g);
    int code = waiting ? gloss_fetch_text(g, document, on_text, waiting) : lg_fail_nomem(g);
    if (code != GLOSS_OK) {
        free(waiting);
        return hand_over(g, code, error);
    }
    code = wait_for(g, waiting, &limit);
    if (code == GLOSS_OK) {
        *text = waiting->text;
        waiting->text = NULL;
    }
    put_down(waiting);
    return hand_over(g, code, error);
}

static void on_imported(struct gloss *g, json_t *document, bool existing, const struct gloss_error *error, void *arg)
{
    struct waiting *waiting = arg;
    (void)g;
    waiting->result = json_incref(document);
    waiting->existing = existing;
    answered(waiting, error);
}

int gloss_import_wait(struct gloss *g, const struct gloss_import *import, int timeout_ms, json_t **document, bool *existing,
                      struct gloss_error *error)
{
    const struct limit limit = limit_from(timeout_ms);
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (document) {
        *document = NULL;
    }
    lg_hold(g);
    int code = waiting ? gloss_import(g, import, on_imported, waiting) : lg_fail_nomem(g);
    if (code != GLOSS_OK) {
        free(waiting);
        return hand_over(g, code, error);
    }
    code = wait_for(g, waiting, &limit);
    if (code == GLOSS_OK && document) {
        *document = waiting->result;
        waiting->result = NULL;
    }
    if (existing) {
        *existing = waiting->existing;
    }
    bool is_given_up = !waiting->is_done;
    put_down(waiting);
    if (is_given_up) {
        lg_import_cancel(g, waiting);
    }
    return hand_over(g, code, error);
}
