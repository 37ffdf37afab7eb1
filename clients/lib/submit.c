/*
 * submit.c - ops that have no answer yet: in order, sent as many at a time as the server takes, again after a loss, each called
 * back once.
 *
 * Every op stays in the session's list from gloss_submit until its callback. WAITING ones are sent, in order; SENT ones become
 * WAITING again when the connection goes or the server says "later" (answers.c); KEPT ones stay until the program says
 * (pending.c); DONE ones are called back as soon as everything before them was. The ids make all repetition harmless.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define OPS_AT_ONCE    64  /* in one message, of those that stand for themselves */
#define ENVELOPE_BYTES 256 /* what is around the ops in a message */

/* ---- what was asked for */

/* An atomic submit is one message, so all of it must fit. */
static int check_group(struct gloss_session *session, struct lg_op *list, size_t count)
{
    size_t bytes = ENVELOPE_BYTES;
    uint64_t most = session->g->limits.ops_in_flight;
    for (const struct lg_op *op = list; op; op = op->next) {
        bytes += op->len + 1;
    }
    lg_ops_group(session->g, list, count);
    if (bytes > session->g->limits.frame_bytes || (most > 0 && count > most)) {
        return lg_fail(session->g, GLOSS_E_TOO_LARGE,
                       "%zu ops in %zu bytes do not fit into one message, which an atomic step must", count, bytes);
    }
    return GLOSS_OK;
}

static int may_submit(struct gloss_session *session, const json_t *ops)
{
    if (session->state == LG_FAILED) {
        lg_error_copy(&session->g->last_error, &session->error);
        return session->error.code;
    }
    if (!json_is_array(ops) || session->is_left || lg_is_over(session->g)) {
        return lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "ops is an array, of a session that was not left");
    }
    return GLOSS_OK;
}

/* Until all of them are good they are in a list of their own; one of them may build on another. */
static int make_ops(struct gloss_session *session, const json_t *ops, struct lg_op **list, struct lg_op ***end)
{
    int code = GLOSS_OK;
    for (size_t i = 0; i < json_array_size(ops) && code == GLOSS_OK; i++) {
        code = lg_op_make(session, json_array_get(ops, i), *list, *end);
        if (code == GLOSS_OK) {
            (**end)->index = i;
            *end = &(**end)->next;
        }
    }
    return code;
}

int gloss_submit(struct gloss_session *session, json_t *ops, bool atomic, gloss_result_fn fn, void *arg)
{
    struct lg_op *list = NULL, **end = &list;
    size_t count = json_array_size(ops);
    int code = may_submit(session, ops);
    if (code == GLOSS_OK) {
        code = make_ops(session, ops, &list, &end);
    }
    if (code == GLOSS_OK && atomic && list) {
        code = check_group(session, list, count);
    }
    for (struct lg_op *op = list; op; op = op->next) {
        lg_base_see(session, op);
    }
    if (code == GLOSS_OK && list) {
        code = lg_queue_put(session, list);
    }
    if (code != GLOSS_OK || !list) {
        lg_ops_free(list);
        return code;
    }
    for (struct lg_op *op = list; op; op = op->next) {
        op->fn = fn;
        op->arg = arg;
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

static void batch_add(struct gl_buf *buf, struct lg_batch *batch, struct lg_op *op)
{
    if (batch->count > 0) {
        gl_buf_byte(buf, ',');
    }
    gl_buf_put(buf, op->request, op->len);
    batch->ops[batch->count++] = op;
}

/* Takes what follows from op on: a whole group, or as many single ops as may go into one message. */
static void fill(struct gl_buf *buf, struct lg_batch *batch, struct lg_op *op, size_t most)
{
    struct gloss_session *session = batch->session;
    uint64_t group = op->group;
    size_t at_once = group && !MUTATION(step_sent_in_parts) ? op->group_left
                     : group                                ? 1
                                                            : (most < OPS_AT_ONCE ? most : OPS_AT_ONCE);
    gl_buf_str(buf, "{\"atomic\":");
    gl_buf_str(buf, group ? "true" : "false");
    gl_buf_str(buf, ",\"ops\":[");
    for (; op && batch->count < at_once; op = op->next) {
        bool fits = group || batch->count == 0 || buf->len + op->len + ENVELOPE_BYTES <= session->g->limits.frame_bytes;
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

/* What is left of a step without the rest is not what was asked for. */
static bool is_whole(const struct lg_op *op)
{
    size_t count = 0;
    for (const struct lg_op *at = op; at && lg_op_shares_step(op, at) && at->state == LG_OP_WAITING; at = at->next) {
        count++;
    }
    return !op->group || (op->index == 0 && count == op->group_left);
}

/* Made without a connection, before the server's limits were known, or with others. */
static bool is_too_large(const struct gloss_session *session, const struct lg_op *op)
{
    const struct gloss *g = session->g;
    size_t bytes = ENVELOPE_BYTES, left = op->group ? op->group_left : 1;
    bool is_long = g->limits.ops_in_flight > 0 && left > g->limits.ops_in_flight;
    for (const struct lg_op *at = op; at && left > 0; at = at->next, left--) {
        bytes += at->len + 1;
    }
    return is_long || bytes > g->limits.frame_bytes;
}

/* What would stand in the way of everything behind it. */
static bool is_refused_here(struct gloss_session *session, struct lg_op *op)
{
    struct gloss_error error = {0};
    if (!is_whole(op)) {
        lg_error_set(&error, GLOSS_E_DEPENDS_ON_REFUSED, "a part of its atomic step is not there any more");
    } else if (is_too_large(session, op)) {
        lg_error_set(&error, GLOSS_E_TOO_LARGE, "it does not fit into one message to this server, which an op or a step must");
    }
    bool is_refused = error.code != 0;
    if (is_refused) {
        lg_answers_refuse(session, op, &error);
    }
    gloss_error_clear(&error);
    return is_refused;
}

static bool send_from(struct gloss_session *session, struct lg_op *op, size_t most)
{
    struct gloss *g = session->g;
    size_t at_most = op->group ? op->group_left : OPS_AT_ONCE;
    struct lg_batch *batch = calloc(1, sizeof(*batch) + at_most * sizeof(batch->ops[0]));
    struct gl_buf buf;
    if (!batch) {
        return false;
    }
    batch->session = session;
    gl_buf_init(&buf, SIZE_MAX);
    fill(&buf, batch, op, most);
    /* The batch belongs to its call: lg_answers_take frees it, or lg_submit_down. The call's owner is not the session itself: its
     * other calls may be forgotten alone. */
    bool is_sent = buf.code == GL_OK && lg_call(g, &session->unanswered, "session.submit", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS,
                                                lg_answers_take, batch) == GLOSS_OK;
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

void lg_submit_pump(struct gloss_session *session, uint64_t now)
{
    struct gloss *g = session->g;
    struct lg_op *op;
    if (session->is_left || lg_is_over(g) || session->state != LG_JOINED || session->doubt.is_there || session->has_bases) {
        return;
    }
    lg_pending_hold(session);
    if (now < session->submit_not_before_ms) {
        lg_wake_at(g, session->submit_not_before_ms);
        return;
    }
    if (!lg_own_pump(session, now)) {
        return;
    }
    while ((op = first_waiting(session)) != NULL && lg_is_ready(g)) {
        if (is_refused_here(session, op)) {
            continue;
        }
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

/* ---- losses */

void lg_submit_down(struct gloss_session *session)
{
    struct gloss *g = session->g;
    for (struct lg_call *call = g->calls; call; call = call->next) {
        if (call->owner == &session->unanswered && call->fn == lg_answers_take) {
            struct lg_batch *batch = call->arg;
            g->ops_in_flight -= batch->count < g->ops_in_flight ? batch->count : g->ops_in_flight;
            free(batch);
            call->fn = NULL;
        }
    }
    for (struct lg_op *op = session->ops; op; op = op->next) {
        if (op->state == LG_OP_SENT && !MUTATION(sent_op_forgotten)) {
            op->state = LG_OP_WAITING;
            if (MUTATION(retry_with_new_id))
                op->request[op->len - 4] = op->request[op->len - 4] == '0' ? '1' : '0';
        }
    }
    session->submit_not_before_ms = 0;
    session->submit_failures = 0;
}

void lg_submit_fail(struct gloss_session *session, const struct gloss_error *error)
{
    lg_submit_down(session);
    session->settle_not_before_ms = 0;
    lg_queue_settle(session);
    lg_queue_close(session); /* what has no answer stays there */
    for (struct lg_op *op = session->ops; op; op = op->next) {
        if (op->state != LG_OP_DONE || lg_queue_may_send_again(op)) {
            lg_op_done(op, error);
        }
    }
    session->kept = 0;
    lg_answers_call_back(session);
}

void lg_submit_free(struct gloss_session *session)
{
    lg_submit_down(session);
    lg_accepted_drop(session);
    lg_ops_free(session->ops);
    session->ops = NULL;
    session->ops_end = &session->ops;
    session->unanswered = session->kept = 0;
    session->looked_at = NULL;
}
