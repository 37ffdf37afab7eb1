/*
 * answers.c - what the server said to the ops of one message, and the program's callbacks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

/* ---- called back */

static void tell(struct gloss_session *session, const struct lg_op *op)
{
    const struct gloss_result result = {.op = op->id,
                                        .index = op->index,
                                        .seq = op->seq,
                                        .repeated = op->is_repeated,
                                        .annotation = op->annotation[0] ? op->annotation : NULL,
                                        .error = op->error.code != 0 ? &op->error : NULL};
    const struct gloss_event event = {
        .type = GLOSS_EV_RESULT, .session = session, .seq = op->seq, .op = op->id, .error = result.error, .result = &result};
    if (op->fn) {
        op->fn(session, &result, op->arg);
    } else if (op->is_left_over) {
        lg_emit(session->g, &event);
    }
}

/* The first op that is not kept, if it is done and the next start will not send it after all: out of the list. */
static struct lg_op *take_done(struct gloss_session *session)
{
    struct lg_op **at = &session->ops;
    while (*at && (*at)->state == LG_OP_KEPT) {
        at = &(*at)->next;
    }
    struct lg_op *op = *at;
    if (!op || op->state != LG_OP_DONE || (session->journal && lg_queue_may_send_again(op))) {
        return NULL;
    }
    *at = op->next;
    if (!op->next) {
        session->ops_end = at;
    }
    session->looked_at = NULL;
    session->unanswered--;
    return op;
}

/* A callback may submit more, and may leave. */
void lg_answers_call_back(struct gloss_session *session)
{
    struct lg_op *op;
    lg_queue_settle(session);
    while ((op = take_done(session)) != NULL) {
        tell(session, op);
        lg_op_free(op);
    }
}

/* ---- one answer */

static void wait_again(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    op->state = LG_OP_WAITING;
    lg_error_copy(&op->error, error);
    uint64_t at = lg_now_ms() + lg_retry_delay(session->g, error, session->submit_failures);
    if (at > session->submit_not_before_ms) {
        session->submit_not_before_ms = at;
    }
}

/* Whether the op that this one builds on is still to be sent: then "it was refused" only means that it was not there in time. What
 * is in the same step went with it. */
static bool base_still_waits(const struct gloss_session *session, const struct lg_op *op)
{
    for (const struct lg_op *at = session->ops; at && at != op && op->base[0]; at = at->next) {
        if (strcmp(at->id, op->base) == 0) {
            return at->state != LG_OP_DONE && !lg_op_shares_step(op, at);
        }
    }
    return false;
}

static void answered(struct lg_op *op, const struct gloss_error *error)
{
    lg_op_done(op, error);
    op->is_answered = true;
}

/* Refused because of what others did: looking again may help, and the program may want to. */
static bool is_conflict(const struct lg_op *op, const struct gloss_error *error)
{
    return gl_code_retry(gl_code_from_wire(error->code)) == GL_REFRESH || error->code == GLOSS_E_DEPENDS_ON_REFUSED ||
           (op->group && error->code == GLOSS_E_ATOMIC_REFUSED);
}

/* Whether it is sent again without a word to the program. */
static bool must_repeat(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    if (error->code == GLOSS_E_ID_REUSED && op->original) { /* it had got there before its base was lowered */
        return lg_op_restore(session, op) == GLOSS_OK;
    }
    bool is_of_past = error->code == GLOSS_E_RESYNC && !error->path[0]; /* the log went back while it waited; "rejoin" follows */
    bool is_early = error->code != GLOSS_E_ATOMIC_REFUSED && base_still_waits(session, op);
    bool is_later = lg_error_is_later(error) && !(MUTATION(unknown_taken_for_refused) && error->code == GLOSS_E_UNKNOWN_OUTCOME);
    if (is_later && error->code == GLOSS_E_INTERNAL && ++op->failures >= LG_INTERNAL_MAX) {
        is_later = false;
    }
    return is_later || is_of_past || (is_early && !MUTATION(early_is_final));
}

/* Nobody has a callback for what an earlier run left: whatever the reason, it is somebody's work, and stays until it is given up. A role that was taken for a
 * day, a label that was retired, a server that fails: all that may be mended. */
static void over(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    if (op->is_left_over || (is_conflict(op, error) && session->g->on_conflict)) {
        op->state = LG_OP_REFUSED;
        lg_error_copy(&op->error, error);
    } else {
        answered(op, error);
    }
}

static void refused(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    if (must_repeat(session, op, error)) {
        wait_again(session, op, error);
    } else {
        over(session, op, error);
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
    op->seq = (uint64_t)json_integer_value(json_object_get(result, "seq")) + (MUTATION(told_next_seq) && op->group);
    op->is_repeated = json_is_true(json_object_get(result, "repeated"));
    (void)snprintf(op->annotation, sizeof(op->annotation), "%s", annotation ? annotation : "");
    lg_accepted_add(session, op);
    answered(op, NULL);
}

static bool fits(const struct lg_batch *batch, const json_t *results)
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
static bool must_repeat_group(struct gloss_session *session, const struct lg_batch *batch, const json_t *results)
{
    for (size_t i = 0; batch->ops[0]->group && i < batch->count; i++) {
        struct gloss_error error = {0};
        json_t *wire = json_object_get(json_array_get(results, i), "error");
        if (wire) {
            lg_error_take_json(&error, wire);
        }
        bool is_repeated = wire && must_repeat(session, batch->ops[i], &error);
        gloss_error_clear(&error);
        if (is_repeated) {
            return true;
        }
    }
    return false;
}

static void repeat_group(struct gloss_session *session, struct lg_batch *batch)
{
    struct gloss_error error = {0};
    lg_error_set(&error, GLOSS_E_BUSY, "%s", "");
    for (size_t i = 0; i < batch->count; i++) {
        wait_again(session, batch->ops[i], &error);
    }
    gloss_error_clear(&error);
}

/* A step is the program's to decide on if everything that was refused in it is: otherwise all of it is over. */
static void settle_group(struct lg_batch *batch)
{
    bool is_asked = false, is_over = false;
    for (size_t i = 0; i < batch->count; i++) {
        is_asked |= batch->ops[i]->state == LG_OP_REFUSED && batch->ops[i]->error.code != GLOSS_E_ATOMIC_REFUSED;
        is_over |= batch->ops[i]->state == LG_OP_DONE;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i]->state == LG_OP_REFUSED && (is_over || !is_asked)) {
            batch->ops[i]->state = LG_OP_DONE;
            batch->ops[i]->is_answered = true;
        }
    }
}

static void take_results(struct gloss_session *session, struct lg_batch *batch, json_t *results)
{
    if (must_repeat_group(session, batch, results)) {
        repeat_group(session, batch);
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        take_result(session, batch->ops[i], json_array_get(results, i));
    }
    if (batch->ops[0]->group) {
        settle_group(batch);
    }
}

/* The message as a whole; a step stays together. */
static void refuse_all(struct gloss_session *session, struct lg_batch *batch, const struct gloss_error *error)
{
    bool is_step = batch->ops[0]->group != 0;
    bool is_repeated = is_step && must_repeat(session, batch->ops[0], error);
    for (size_t i = 0; i < batch->count; i++) {
        if (is_repeated) {
            wait_again(session, batch->ops[i], error);
        } else if (is_step) {
            over(session, batch->ops[i], error);
        } else {
            refused(session, batch->ops[i], error);
        }
    }
    if (is_step) {
        settle_group(batch);
    }
}

/* ---- what cannot be sent */

void lg_answers_refuse(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error)
{
    for (struct lg_op *at = op; at && lg_op_shares_step(op, at); at = at->next) {
        if (at->state == LG_OP_WAITING && at->is_left_over) {
            at->state = LG_OP_REFUSED; /* nobody has a callback for it: it is kept */
            lg_error_copy(&at->error, error);
        } else if (at->state == LG_OP_WAITING) {
            answered(at, error);
        }
    }
    session->looked_at = NULL;
    session->has_answers = session->g->is_due = true;
}

/* ---- the answer to a message */

void lg_answers_take(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct lg_batch *batch = arg;
    struct gloss_session *session = batch->session;
    json_t *results = json_object_get(result, "results");
    uint64_t wait_before = session->submit_not_before_ms;
    g->ops_in_flight -= batch->count < g->ops_in_flight ? batch->count : g->ops_in_flight;
    if (error && error->code == GLOSS_E_TIMED_OUT) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "silence", "the server did not answer session.submit");
    } else if (error) {
        refuse_all(session, batch, error);
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
    session->looked_at = NULL;
    session->has_answers = true;
    lg_pending_ask(session);
    if (!session->is_left && !lg_is_over(g)) {
        lg_answers_call_back(session);
    }
}
