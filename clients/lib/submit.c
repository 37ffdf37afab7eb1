/*
 * submit.c - ops that have no answer yet: in order, sent as many at a time as the server takes, again after a loss, each called
 * back once.
 *
 * Every op stays in the session's list from gloss_submit until its callback. WAITING ones are sent, in order; SENT ones become
 * WAITING again when the connection goes or the server says "later"; DONE ones are called back as soon as everything before them
 * was. The ids make all repetition harmless.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clients/lib/lib_priv.h"

#define OPS_AT_ONCE    64  /* in one message, of those that stand for themselves */
#define ENVELOPE_BYTES 256 /* what is around the ops in a message */
#define FAILURES_MAX   8   /* "internal" so many times in a row for one op is believed */

/* ---- what was asked for */

void gloss_new_id(char id[GLOSS_ID])
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    gl_uuid uuid = gl_uuid_v7((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
    gl_uuid_format(&uuid, id);
}

static bool needs_base(const json_t *change)
{
    const char *kind = json_string_value(json_object_get(change, "kind"));
    return kind && strcmp(kind, "annotation.create") != 0 && strncmp(kind, "annotation.", 11) == 0;
}

static int take_id(struct gloss *g, const json_t *asked, struct lg_op *op)
{
    const json_t *given = json_object_get(asked, "id");
    gl_uuid id;
    if (!given) {
        gloss_new_id(op->id);
        return GLOSS_OK;
    }
    if (!json_is_string(given) || !gl_uuid_parse(gl_slice_of(json_string_value(given), json_string_length(given)), &id)) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "the id of an op is a UUID: 36 lower case characters");
    }
    gl_uuid_format(&id, op->id);
    return GLOSS_OK;
}

static int write_request(struct gloss_session *session, const json_t *asked, struct lg_op *op)
{
    const json_t *base = json_object_get(asked, "base"), *change = json_object_get(asked, "change");
    const char *base_text = json_string_value(base);
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_buf_byte(&buf, '{');
    if (base) {
        gl_write_json(&buf, "base", base, (struct gl_slice){NULL, 0});
        (void)snprintf(op->base, sizeof(op->base), "%s", base_text ? base_text : "");
    } else if (needs_base(change)) {
        gl_write_u64(&buf, "base", session->seq);
    }
    gl_write_json(&buf, "change", change, (struct gl_slice){NULL, 0});
    gl_write_str(&buf, "id", gl_slice_str(op->id));
    gl_buf_byte(&buf, '}');
    enum gl_code code = buf.code;
    op->request = gl_buf_take(&buf, &op->len);
    gl_buf_fini(&buf);
    if (!op->request) {
        return code == GL_E_NOMEM || code == GL_OK
                   ? lg_fail_nomem(session->g)
                   : lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "a change must be JSON without real numbers, with ASCII names");
    }
    return GLOSS_OK;
}

static void op_free(struct lg_op *op)
{
    free(op->request);
    gloss_error_clear(&op->error);
    free(op);
}

static int make_op(struct gloss_session *session, const json_t *asked, struct lg_op **out)
{
    struct gloss *g = session->g;
    const json_t *change = json_object_get(asked, "change"), *base = json_object_get(asked, "base");
    *out = NULL;
    if (!json_is_object(change) || (base && !json_is_integer(base) && !json_is_string(base))) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "an op is {\"id\", \"base\", \"change\"}; base is a seq or the id of an op");
    }
    if (!base && needs_base(change) && !session->has_position) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS,
                       "the session is not joined yet, so it is not known what you have seen: give a base");
    }
    struct lg_op *op = calloc(1, sizeof(*op));
    if (!op) {
        return lg_fail_nomem(g);
    }
    int code = take_id(g, asked, op);
    if (code == GLOSS_OK) {
        code = write_request(session, asked, op);
    }
    if (code == GLOSS_OK && op->len + ENVELOPE_BYTES > g->limits.frame_bytes) {
        code = lg_fail(g, GLOSS_E_TOO_LARGE, "an op of %zu bytes does not fit into a message", op->len);
    }
    if (code != GLOSS_OK) {
        op_free(op);
        op = NULL;
    }
    *out = op;
    return code;
}

static void free_list(struct lg_op *list)
{
    while (list) {
        struct lg_op *op = list;
        list = op->next;
        op_free(op);
    }
}

/* An atomic submit is one message, so all of it must fit. */
static int check_group(struct gloss_session *session, struct lg_op *list, size_t count)
{
    size_t bytes = ENVELOPE_BYTES, left = count;
    uint64_t most = session->g->limits.ops_in_flight;
    uint64_t group = ++session->g->next_group;
    for (struct lg_op *op = list; op; op = op->next) {
        bytes += op->len + 1;
        op->group = group;
        op->group_left = left--;
    }
    if (bytes > session->g->limits.frame_bytes || (most > 0 && count > most)) {
        return lg_fail(session->g, GLOSS_E_TOO_LARGE,
                       "%zu ops in %zu bytes do not fit into one message, which an atomic step must", count, bytes);
    }
    return GLOSS_OK;
}

int gloss_submit(struct gloss_session *session, json_t *ops, bool atomic, gloss_result_fn fn, void *arg)
{
    struct lg_op *list = NULL, **end = &list;
    size_t count = json_array_size(ops);
    int code = GLOSS_OK;
    if (session->state == LG_FAILED) {
        lg_error_copy(&session->g->last_error, &session->error);
        return session->error.code;
    }
    if (!json_is_array(ops) || session->is_left || lg_is_over(session->g)) {
        return lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "ops is an array, of a session that was not left");
    }
    for (size_t i = 0; i < count && code == GLOSS_OK; i++) {
        code = make_op(session, json_array_get(ops, i), end);
        if (code == GLOSS_OK) {
            (*end)->index = i;
            (*end)->fn = fn;
            (*end)->arg = arg;
            end = &(*end)->next;
        }
    }
    if (code == GLOSS_OK && atomic && list) {
        code = check_group(session, list, count);
    }
    if (code != GLOSS_OK || !list) {
        free_list(list);
        return code;
    }
    *session->ops_end = list;
    session->ops_end = end;
    session->unanswered += count;
    session->g->is_due = true;
    return GLOSS_OK;
}

int gloss_submit_change(struct gloss_session *session, json_t *change, json_t *base, char id_out[GLOSS_ID], gloss_result_fn fn,
                        void *arg)
{
    char id[GLOSS_ID];
    gloss_new_id(id);
    json_t *ops = json_pack("[{s:s, s:O?, s:O?}]", "id", id, "change", change, "base", base);
    if (!ops) {
        return lg_fail_nomem(session->g);
    }
    if (!base) {
        (void)json_object_del(json_array_get(ops, 0), "base");
    }
    int code = gloss_submit(session, ops, false, fn, arg);
    json_decref(ops);
    if (id_out) {
        memcpy(id_out, id, GLOSS_ID);
    }
    return code;
}

size_t gloss_unanswered(const struct gloss_session *session)
{
    return session->unanswered;
}

/* ---- sending */

/* The ops of one message, while it has no answer; the session holds the ops themselves. */
struct batch {
    struct gloss_session *session;
    size_t count;
    struct lg_op *ops[];
};

static void on_results(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

static void batch_add(struct gl_buf *buf, struct batch *batch, struct lg_op *op)
{
    if (batch->count > 0) {
        gl_buf_byte(buf, ',');
    }
    gl_buf_put(buf, op->request, op->len);
    batch->ops[batch->count++] = op;
}

/* Takes what follows from op on: a whole group, or as many single ops as may go into one message. */
static void fill(struct gl_buf *buf, struct batch *batch, struct lg_op *op, size_t most)
{
    struct gloss_session *session = batch->session;
    uint64_t group = op->group;
    size_t at_once = group ? op->group_left : (most < OPS_AT_ONCE ? most : OPS_AT_ONCE);
    gl_buf_str(buf, "{\"atomic\":");
    gl_buf_str(buf, group ? "true" : "false");
    gl_buf_str(buf, ",\"ops\":[");
    for (; op && batch->count < at_once; op = op->next) {
        bool fits = batch->count == 0 || buf->len + op->len + ENVELOPE_BYTES <= session->g->limits.frame_bytes;
        if (op->state != LG_OP_WAITING || op->group != group || !fits) {
            break;
        }
        batch_add(buf, batch, op);
    }
    gl_buf_str(buf, "],\"session\":\"");
    gl_buf_str(buf, session->id);
    gl_buf_str(buf, "\"}");
}

/* How many ops may be sent from op on; 0: none now. */
static size_t room(const struct gloss_session *session, const struct lg_op *op)
{
    const struct gloss *g = session->g;
    uint64_t limit = g->limits.ops_in_flight > 0 ? g->limits.ops_in_flight : 1;
    uint64_t left = limit > g->ops_in_flight ? limit - g->ops_in_flight : 0;
    size_t wanted = op->group ? op->group_left : 1;
    return wanted <= left ? (size_t)left : 0;
}

static struct lg_op *first_waiting(const struct gloss_session *session)
{
    struct lg_op *op = session->ops;
    while (op && op->state != LG_OP_WAITING) {
        op = op->next;
    }
    return op;
}

static bool send_from(struct gloss_session *session, struct lg_op *op, size_t most)
{
    struct gloss *g = session->g;
    size_t at_most = op->group ? op->group_left : OPS_AT_ONCE;
    struct batch *batch = calloc(1, sizeof(*batch) + at_most * sizeof(batch->ops[0]));
    struct gl_buf buf;
    if (!batch) {
        return false;
    }
    batch->session = session;
    gl_buf_init(&buf, SIZE_MAX);
    fill(&buf, batch, op, most);
    /* The batch belongs to its call: on_results frees it, or lg_submit_down. The call's owner is not the session itself: its
     * other calls may be forgotten alone. */
    bool is_sent = buf.code == GL_OK && lg_call(g, &session->unanswered, "session.submit", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS,
                                                on_results, batch) == GLOSS_OK;
    gl_buf_fini(&buf);
    if (!is_sent) {
        free(batch);
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        batch->ops[i]->state = LG_OP_SENT;
    }
    g->ops_in_flight += batch->count;
    return true;
}

static void call_back_done(struct gloss_session *session);

void lg_submit_pump(struct gloss_session *session, uint64_t now)
{
    struct gloss *g = session->g;
    struct lg_op *op;
    call_back_done(session);
    if (session->is_left || lg_is_over(g) || session->state != LG_JOINED) {
        return;
    }
    if (now < session->submit_not_before_ms) {
        lg_wake_at(g, session->submit_not_before_ms);
        return;
    }
    while ((op = first_waiting(session)) != NULL && lg_is_ready(g)) {
        size_t most = room(session, op);
        if (most == 0 || lg_transport_waiting(g->transport) >= LG_SEND_LOW) {
            return;
        }
        if (!send_from(session, op, most)) {
            lg_drop_nomem(g);
            return;
        }
        lg_calls_send(g);
    }
}

/* ---- answers */

/* Calls back what is done, in the order of the list; a callback may submit more, and may leave. */
static void call_back_done(struct gloss_session *session)
{
    while (session->ops && session->ops->state == LG_OP_DONE) {
        struct lg_op *op = session->ops;
        const struct gloss_result result = {.op = op->id,
                                            .index = op->index,
                                            .seq = op->seq,
                                            .repeated = op->is_repeated,
                                            .annotation = op->annotation[0] ? op->annotation : NULL,
                                            .error = op->error.code != 0 ? &op->error : NULL};
        session->ops = op->next;
        if (!session->ops) {
            session->ops_end = &session->ops;
        }
        session->unanswered--;
        if (op->fn) {
            op->fn(session, &result, op->arg);
        }
        op_free(op);
    }
}

static void done(struct lg_op *op, const struct gloss_error *error)
{
    op->state = LG_OP_DONE;
    free(op->request);
    op->request = NULL;
    if (error) {
        lg_error_copy(&op->error, error);
    }
}

static void wait_again(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    op->state = LG_OP_WAITING;
    uint64_t at = lg_now_ms() + lg_retry_delay(session->g, error, session->submit_failures);
    if (at > session->submit_not_before_ms) {
        session->submit_not_before_ms = at;
    }
}

/* Whether the op that this one builds on is still to be sent: then "it was refused" only means that it was not there in time. */
static bool base_still_waits(const struct gloss_session *session, const struct lg_op *op)
{
    for (const struct lg_op *at = session->ops; at && at != op && op->base[0]; at = at->next) {
        if (strcmp(at->id, op->base) == 0) {
            return at->state != LG_OP_DONE;
        }
    }
    return false;
}

static void refused(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    bool is_early = error->code != GLOSS_E_ATOMIC_REFUSED && base_still_waits(session, op);
    bool is_later = lg_error_is_later(error);
    if (is_later && error->code == GLOSS_E_INTERNAL && ++op->failures >= FAILURES_MAX) {
        is_later = false;
    }
    if (is_later || is_early) {
        wait_again(session, op, error);
    } else {
        done(op, error);
    }
}

static void take_result(struct gloss_session *session, struct lg_op *op, json_t *result)
{
    json_t *wire = json_object_get(result, "error");
    const char *annotation = json_string_value(json_object_get(result, "annotation"));
    if (wire) {
        struct gloss_error error = {0};
        lg_error_take_json(&error, wire);
        refused(session, op, &error);
        gloss_error_clear(&error);
        return;
    }
    op->seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    op->is_repeated = json_is_true(json_object_get(result, "repeated"));
    (void)snprintf(op->annotation, sizeof(op->annotation), "%s", annotation ? annotation : "");
    done(op, NULL);
}

static bool fits(const struct batch *batch, const json_t *results)
{
    bool is_fit = json_array_size(results) == batch->count;
    for (size_t i = 0; is_fit && i < batch->count; i++) {
        const json_t *result = json_array_get(results, i);
        const char *id = json_string_value(json_object_get(result, "id"));
        bool is_answer = json_object_get(result, "error") || json_integer_value(json_object_get(result, "seq")) > 0;
        is_fit = id && strcmp(id, batch->ops[i]->id) == 0 && is_answer;
    }
    return is_fit;
}

/* In an atomic step one "later" sends all of it again, not only the ops that say so. */
static bool must_repeat_group(const struct batch *batch, const json_t *results)
{
    for (size_t i = 0; batch->ops[0]->group && i < batch->count; i++) {
        struct gloss_error error = {0};
        json_t *wire = json_object_get(json_array_get(results, i), "error");
        if (wire) {
            lg_error_take_json(&error, wire);
        }
        bool is_later = wire && lg_error_is_later(&error) && error.code != GLOSS_E_INTERNAL;
        gloss_error_clear(&error);
        if (is_later) {
            return true;
        }
    }
    return false;
}

static void repeat_group(struct gloss_session *session, struct batch *batch)
{
    struct gloss_error error = {0};
    lg_error_set(&error, GLOSS_E_BUSY, "%s", "");
    for (size_t i = 0; i < batch->count; i++) {
        wait_again(session, batch->ops[i], &error);
    }
    gloss_error_clear(&error);
}

static void take_results(struct gloss_session *session, struct batch *batch, json_t *results)
{
    if (must_repeat_group(batch, results)) {
        repeat_group(session, batch);
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        take_result(session, batch->ops[i], json_array_get(results, i));
    }
}

static void on_results(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct batch *batch = arg;
    struct gloss_session *session = batch->session;
    json_t *results = json_object_get(result, "results");
    uint64_t wait_before = session->submit_not_before_ms;
    g->ops_in_flight -= batch->count < g->ops_in_flight ? batch->count : g->ops_in_flight;
    if (error && error->code == GLOSS_E_TIMED_OUT) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "silence", "the server did not answer session.submit");
    } else if (error) {
        for (size_t i = 0; i < batch->count; i++) {
            refused(session, batch->ops[i], error);
        }
    } else if (!fits(batch, results)) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "bad_message", "the server's answer to session.submit does not fit the question");
    } else {
        take_results(session, batch, results);
        lg_progress(g);
    }
    if (session->submit_not_before_ms != wait_before) {
        session->submit_failures++;
    } else if (!g->drops) {
        session->submit_failures = 0;
    }
    free(batch);
    call_back_done(session);
}

/* ---- losses */

void lg_submit_down(struct gloss_session *session)
{
    struct gloss *g = session->g;
    for (struct lg_call *call = g->calls; call; call = call->next) {
        if (call->owner == &session->unanswered && call->fn == on_results) {
            struct batch *batch = call->arg;
            g->ops_in_flight -= batch->count < g->ops_in_flight ? batch->count : g->ops_in_flight;
            free(batch);
            call->fn = NULL;
        }
    }
    for (struct lg_op *op = session->ops; op; op = op->next) {
        if (op->state == LG_OP_SENT) {
            op->state = LG_OP_WAITING;
        }
    }
    session->submit_not_before_ms = 0;
    session->submit_failures = 0;
}

void lg_submit_fail(struct gloss_session *session, const struct gloss_error *error)
{
    lg_submit_down(session);
    for (struct lg_op *op = session->ops; op; op = op->next) {
        if (op->state != LG_OP_DONE) {
            done(op, error);
        }
    }
    call_back_done(session);
}

void lg_submit_free(struct gloss_session *session)
{
    lg_submit_down(session);
    free_list(session->ops);
    session->ops = NULL;
    session->ops_end = &session->ops;
    session->unanswered = 0;
}
