/*
 * pending.c - unsent work as the program sees it, and what it decides about ops that were refused because of what others did.
 *
 * What is decided about an op of an atomic step is decided about the step.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define ASK_AGAIN_MS 50 /* when there was no memory to ask */

/* ---- what is there now */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t seq_of(const json_t *object, const char *name)
{
    json_int_t seq = json_integer_value(json_object_get(object, name));
    return seq > 0 ? (uint64_t)seq : 0;
}

/* The newest op that a record shows. */
static uint64_t shown_in(const json_t *record)
{
    const char *field;
    json_t *seq;
    uint64_t newest = seq_of(record, "created");
    json_object_foreach(json_object_get(record, "seqs"), field, seq)
    {
        newest = larger(newest, (uint64_t)json_integer_value(seq));
    }
    return newest;
}

/* The annotation as it is now: as the refusal told, or as the replica has it if that is newer. */
static const json_t *current_of(const struct gloss_session *session, const struct lg_op *op)
{
    const json_t *told = json_object_get(op->error.data, "current");
    const struct gl_annotation *here = gloss_annotation_find(session, op->subject);
    if (here && (!json_is_object(told) || here->changed_seq > shown_in(told))) {
        return gl_annotation_record(here);
    }
    return json_is_object(told) ? told : NULL;
}

/* What somebody has seen who was shown the refusal, and current with it (NULL: what the refusal tells of it). 0: nothing of that. */
static uint64_t shown(const struct lg_op *op, const json_t *current)
{
    const json_t *told = json_object_get(op->error.data, "current"), *fields = json_object_get(op->error.data, "fields");
    uint64_t base = larger(shown_in(current ? current : told), seq_of(op->error.data, "seq"));
    for (size_t i = 0; i < json_array_size(fields); i++) {
        base = larger(base, seq_of(json_array_get(fields, i), "seq"));
    }
    return base;
}

/* Whether the refusal is about what stands there. Others (a closed session, a right, a label) say nothing of what others wrote: the op has the base that it
 * had, or it would overwrite what nobody was shown. */
static bool is_about_content(const struct gloss_error *error)
{
    return error->code == GLOSS_E_STALE || error->code == GLOSS_E_CONFLICT || error->code == GLOSS_E_GONE ||
           error->code == GLOSS_E_LOST;
}

void lg_pending_unshow(struct gloss_session *session, struct lg_op *op, uint64_t same)
{
    if (op->state != LG_OP_DONE && is_about_content(&op->error) && shown(op, NULL) > same) {
        json_decref(op->error.data);
        op->error.data = NULL;
        if (op->state == LG_OP_KEPT) {
            lg_queue_keep(session, op);
        }
    }
}

/* What a refusal told of an annotation goes with the words that were erased from it. Whoever was told may have kept the answer: a copy loses them. */
static bool forget_told(const struct gloss_session *session, struct lg_op *op)
{
    const json_t *told = json_object_get(op->error.data, "current");
    const char *id = json_string_value(json_object_get(told, "id"));
    const struct gl_annotation *here = id ? gloss_annotation_find(session, id) : NULL;
    if (!here || seq_of(json_object_get(gl_annotation_record(here), "seqs"), "redacted") <= shown_in(told)) {
        return false;
    }
    if (!json_object_get(told, "note") && !json_object_get(told, "attributes")) {
        return false;
    }
    json_t *data = json_deep_copy(op->error.data), *left = json_object_get(data, "current"); /* NULL: then all of it goes */
    (void)json_object_del(left, "note");
    (void)json_object_del(left, "attributes");
    json_decref(op->error.data);
    op->error.data = data;
    return true;
}

bool lg_pending_forget(struct gloss_session *session)
{
    bool is_less = false;
    for (struct lg_op *op = session->ops; op; op = op->next) {
        is_less |= forget_told(session, op);
    }
    return is_less;
}

/* ---- deciding */

static void keep(struct gloss_session *session, struct lg_op *op)
{
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at) && at->state != LG_OP_KEPT) {
            at->state = LG_OP_KEPT;
            session->kept++;
            lg_base_keep(session, at);
            lg_queue_keep(session, at);
        }
    }
}

/* What was kept and builds on an op that is given up builds on what that one was made on. If it cannot be written, the server refuses it as depending on a
 * refused one. */
static void rebase(struct gloss_session *session, struct lg_op *given_up)
{
    const json_t *base = json_object_get(lg_op_asked(given_up), "base");
    for (struct lg_op *at = base ? session->ops : NULL; at; at = at->next) {
        bool builds_on_it = strcmp(at->base, given_up->id) == 0 && !lg_op_shares_step(given_up, at);
        if (builds_on_it && at->state == LG_OP_KEPT) {
            at->view = given_up->view;
            at->is_base_known = !at->is_left_over || !given_up->is_left_over || given_up->is_base_known;
        }
        if (builds_on_it && at->state == LG_OP_KEPT && lg_op_renew(session, at, base, NULL) == GLOSS_OK) {
            at->is_doubted = given_up->is_doubted;
            lg_queue_keep(session, at); /* renewed does not mean that it is to be sent */
        }
    }
}

static void give_up(struct gloss_session *session, struct lg_op *op)
{
    session->has_answers = true;
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at)) {
            rebase(session, at);
        }
    }
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at)) {
            struct gloss_error error = {0};
            session->kept -= at->state == LG_OP_KEPT;
            lg_error_copy(&error, &at->error);
            lg_op_done(at, &error);
            gloss_error_clear(&error);
            at->is_answered = true;
        }
    }
}

static void wait_for_turn(struct gloss_session *session, const struct lg_op *op)
{
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at) && (at->state == LG_OP_KEPT || at->state == LG_OP_REFUSED)) {
            session->kept -= at->state == LG_OP_KEPT;
            at->state = LG_OP_WAITING;
        }
    }
}

/* Other ops that were kept because they build on op wait again, too, each with its step. */
static void send_step(struct gloss_session *session, struct lg_op *op)
{
    wait_for_turn(session, op);
    for (struct lg_op *at = session->ops; at; at = at->next) {
        const struct lg_op *base = at->base[0] ? lg_op_find(session, at->base) : NULL;
        if (at->state == LG_OP_KEPT && at->error.code == GLOSS_E_DEPENDS_ON_REFUSED && base && base->state == LG_OP_WAITING) {
            wait_for_turn(session, at);
        }
    }
}

/* base: what was shown of the annotation; 0: nothing. */
static int renew(struct gloss_session *session, struct lg_op *op, uint64_t base, const json_t *instead)
{
    json_t *seq = base > 0 ? json_integer((json_int_t)base) : NULL;
    const json_t *old = json_object_get(lg_op_asked(op), "base");
    if (base > 0 && !seq) {
        return lg_fail_nomem(session->g);
    }
    if (seq) {
        lg_base_see(session, op);
        op->is_base_known = true;
    }
    int code = lg_op_renew(session, op, seq ? seq : old, instead);
    op->is_doubted = op->is_doubted && !(seq && code == GLOSS_OK);
    json_decref(seq);
    return code;
}

/* current: what the program was shown of it now. */
static int send_anew(struct gloss_session *session, struct lg_op *op, const json_t *current, const json_t *instead)
{
    bool is_new = instead || is_about_content(&op->error);
    int code = is_new ? renew(session, op, shown(op, current), instead) : GLOSS_OK;
    if (code == GLOSS_OK) {
        send_step(session, op);
    }
    return code;
}

static struct lg_op *first_refused(const struct gloss_session *session)
{
    struct lg_op *op = session->ops;
    while (op && (op->state != LG_OP_REFUSED || (op->group && op->error.code == GLOSS_E_ATOMIC_REFUSED))) {
        op = op->next;
    }
    return op;
}

static void decide(struct gloss_session *session, struct lg_op *op, enum gloss_choice choice, const json_t *current,
                   const json_t *instead)
{
    if (choice == GLOSS_DROP) {
        give_up(session, op);
    } else if (choice != GLOSS_SEND_ANEW || send_anew(session, op, current, instead) != GLOSS_OK) {
        keep(session, op); /* what could not be made anew is not lost */
    }
}

/* Shows one refusal. The program may leave the session or free the client meanwhile, so that nothing here is lent from the op. */
static void show(struct gloss_session *session, struct lg_op *op, json_t *asked)
{
    struct gloss *g = session->g;
    struct gloss_error error = {0};
    char id[GLOSS_ID], subject[GLOSS_ID];
    json_t *current = json_incref((json_t *)(uintptr_t)current_of(session, op));
    lg_error_copy(&error, &op->error);
    memcpy(id, op->id, sizeof(id));
    memcpy(subject, op->subject, sizeof(subject));
    struct gloss_conflict conflict = {.op = id,
                                      .annotation = subject[0] ? subject : NULL,
                                      .change = json_object_get(asked, "change"),
                                      .base = json_object_get(asked, "base"),
                                      .since_ms = op->since_ms,
                                      .error = &error,
                                      .current = current};
    enum gloss_choice choice = g->on_conflict ? g->on_conflict(session, &conflict, g->arg) : GLOSS_KEEP;
    if (!session->is_left && !lg_is_over(g) && session->state != LG_FAILED) {
        decide(session, op, choice, current, conflict.instead);
    }
    json_decref(conflict.instead);
    json_decref(current);
    gloss_error_clear(&error);
}

void lg_pending_ask(struct gloss_session *session)
{
    struct lg_op *op;
    while (!session->is_left && !lg_is_over(session->g) && (op = first_refused(session)) != NULL) {
        json_t *asked = json_incref((json_t *)(uintptr_t)lg_op_asked(op));
        if (!asked) {
            lg_wake_at(session->g, lg_now_ms() + ASK_AGAIN_MS);
            return;
        }
        show(session, op, asked);
        json_decref(asked);
    }
}

void lg_pending_hold(struct gloss_session *session)
{
    for (struct lg_op *op = session->kept > 0 ? session->ops : NULL; op; op = op->next) {
        const struct lg_op *base = op->state == LG_OP_WAITING && op->base[0] ? lg_op_find(session, op->base) : NULL;
        if (base && base->state == LG_OP_KEPT) {
            lg_error_set(&op->error, GLOSS_E_DEPENDS_ON_REFUSED, "the op that this one builds on was refused, and is kept");
            keep(session, op);
        }
    }
}

/* ---- looking */

size_t gloss_pending_count(const struct gloss_session *session)
{
    size_t count = 0;
    for (const struct lg_op *op = session->ops; op; op = op->next) {
        count += op->state != LG_OP_DONE;
    }
    return count;
}

static struct lg_op *find_at(struct gloss_session *session, size_t index)
{
    bool goes_on = session->looked_at && session->looked_at_index <= index;
    struct lg_op *op = goes_on ? session->looked_at : session->ops;
    size_t at = goes_on ? session->looked_at_index : 0;
    while (op && (op->state == LG_OP_DONE || at < index)) {
        at += op->state != LG_OP_DONE;
        op = op->next;
    }
    session->looked_at = op;
    session->looked_at_index = index;
    return op;
}

bool gloss_pending_at(struct gloss_session *session, size_t index, struct gloss_pending *pending)
{
    struct lg_op *op = find_at(session, index);
    const json_t *asked = op ? lg_op_asked(op) : NULL;
    memset(pending, 0, sizeof(*pending));
    if (!asked) {
        return false;
    }
    *pending = (struct gloss_pending){.op = op->id,
                                      .annotation = op->subject[0] ? op->subject : NULL,
                                      .change = json_object_get(asked, "change"),
                                      .base = json_object_get(asked, "base"),
                                      .since_ms = op->since_ms,
                                      .state = op->state == LG_OP_SENT   ? GLOSS_PENDING_SENT
                                               : op->state == LG_OP_KEPT ? GLOSS_PENDING_KEPT
                                                                         : GLOSS_PENDING_WAITING,
                                      .is_atomic = op->group != 0,
                                      .error = op->error.code != 0 ? &op->error : NULL};
    return true;
}

/* ---- what the program decides later */

int gloss_pending_send(struct gloss_session *session, const char *id)
{
    struct lg_op *op = lg_op_find(session, id);
    if (!op || op->state != LG_OP_KEPT) {
        return lg_fail(session->g, GLOSS_E_NOT_FOUND, "no op of this id is kept");
    }
    if (session->is_left || session->state == LG_FAILED) {
        return lg_fail(session->g, GLOSS_E_DISCONNECTED, "the session was left, or stopped");
    }
    struct lg_op *reason = op;
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at) && at->error.code != GLOSS_E_ATOMIC_REFUSED) {
            reason = at;
        }
    }
    session->looked_at = NULL;
    session->g->is_due = true;
    return send_anew(session, reason, NULL, NULL);
}

int gloss_pending_drop(struct gloss_session *session, const char *id)
{
    struct lg_op *op = lg_op_find(session, id);
    if (!op || op->state == LG_OP_DONE) {
        return lg_fail(session->g, GLOSS_E_NOT_FOUND, "no op of this id waits");
    }
    if (op->state == LG_OP_SENT || op->state == LG_OP_REFUSED) {
        return lg_fail(session->g, GLOSS_E_BUSY, "the op was sent; its answer decides");
    }
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at)) {
            lg_error_set(&at->error, GLOSS_E_DISCONNECTED, "the op was given up before it had an answer");
        }
    }
    give_up(session, op);
    lg_queue_settle(session);
    session->looked_at = NULL;
    session->g->is_due = true;
    return GLOSS_OK;
}
