/*
 * own.c - whether an op that an earlier run has left would undo what the same person did elsewhere since it was asked for.
 *
 * The server refuses what would overwrite the changes of others, never one's own: two things done one behind the other are meant so. What waited on disk
 * was not done behind, but before. So the fields that it sets are looked at here, and it is refused as the server refuses what is stale; the program decides.
 *
 * Two of one's own newer changes say nothing against it: those of ops that stood before it in the queue, and its own, when only the answer was lost. A replica
 * does not know which op set a field, so the server's log is asked, from each change of the field to the one before. Where the log does not tell any more, it
 * is sent: the server knows what it has accepted.
 */
#include <stdio.h>

#include "clients/lib/lib_priv.h"

#define NO_BASE UINT64_MAX

static const char *kind_of(struct lg_op *op)
{
    const char *kind = json_string_value(json_object_get(json_object_get(lg_op_asked(op), "change"), "kind"));
    return kind ? kind : "";
}

/* In view of which op it was asked for: 0 when that one is of a log that is not there any more. */
static uint64_t base_of(const struct gloss_session *session, const struct lg_op *op)
{
    const struct lg_accepted *at = session->accepted;
    if (op->base_seq > 0 || op->original) {
        return op->base_seq;
    }
    while (at && strcmp(at->id, op->base) != 0) {
        at = at->next;
    }
    return at ? at->seq : NO_BASE;
}

static bool is_open(const struct gloss_session *session, struct lg_op *op)
{
    bool is_looked_at =
        op->is_left_over && !op->is_own_known && op->state == LG_OP_WAITING && op->subject[0] && base_of(session, op) != NO_BASE;
    return is_looked_at && (strcmp(kind_of(op), "annotation.update") == 0 || strcmp(kind_of(op), "annotation.delete") == 0);
}

/* ---- what is newer than its base, and the same person's */

/* One that was asked for before it, and accepted. */
static bool is_of_queue(const struct gloss_session *session, const struct lg_op *op, uint64_t seq)
{
    const struct lg_accepted *at = session->accepted;
    while (at && !(at->seq == seq && at->since_ms <= op->since_ms)) {
        at = at->next;
    }
    return at != NULL;
}

static bool is_own(const struct gloss_session *session, const struct gl_annotation *here, const char *field)
{
    gl_uuid author = gl_annotation_field_author(here, field);
    char text[GLOSS_ID];
    gl_uuid_format(&author, text);
    return strcmp(text, session->g->account_id) == 0;
}

static void look_at(struct gloss_session *session, const struct lg_op *op, const struct gl_annotation *here, const char *field)
{
    struct lg_own *own = &session->own;
    uint64_t seq = gl_annotation_field_seq(here, field);
    if (seq > base_of(session, op) && seq > own->seq && is_own(session, here, field) && !is_of_queue(session, op, seq)) {
        (void)snprintf(own->field, sizeof(own->field), "%s", field);
        own->seq = own->first_seq = seq;
    }
}

static void look_at_update(struct gloss_session *session, const struct lg_op *op, const struct gl_annotation *here,
                           const json_t *change)
{
    static const char *const fields[] = {"target", "label", "note", "status"};
    char path[sizeof(session->own.field)];
    const char *name;
    json_t *value;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (json_object_get(change, fields[i])) {
            look_at(session, op, here, fields[i]);
        }
    }
    json_object_foreach(json_object_get(change, "attributes"), name, value)
    {
        (void)snprintf(path, sizeof(path), "attributes.%s", name);
        look_at(session, op, here, path);
    }
}

/* It takes all of the annotation away. Was it deleted and restored since, then perhaps by this very op. */
static void look_at_delete(struct gloss_session *session, const struct lg_op *op, const struct gl_annotation *here)
{
    const char *field;
    json_t *seq;
    look_at(session, op, here, "deleted");
    if (session->own.seq > 0) {
        return;
    }
    json_object_foreach(json_object_get(gl_annotation_record(here), "seqs"), field, seq)
    {
        if (strcmp(field, "redacted") != 0) {
            look_at(session, op, here, field);
        }
    }
}

/* The newest that stands against the op is in session->own then; false: nothing does. */
static bool is_against(struct gloss_session *session, struct lg_op *op)
{
    const json_t *change = json_object_get(lg_op_asked(op), "change");
    const struct gl_annotation *here = gloss_annotation_find(session, op->subject);
    session->own.seq = 0;
    if (here && !here->is_deleted && strcmp(kind_of(op), "annotation.update") == 0) {
        look_at_update(session, op, here, change);
    } else if (here && !here->is_deleted) {
        look_at_delete(session, op, here);
    }
    return session->own.seq > 0;
}

/* ---- whose it is */

static void refuse(struct gloss_session *session, struct lg_op *op)
{
    const struct lg_own *own = &session->own;
    const struct gl_annotation *here = gloss_annotation_find(session, op->subject);
    const json_t *record = here ? gl_annotation_record(here) : NULL;
    const char *author = session->g->account_id;
    json_int_t seq = (json_int_t)own->first_seq;
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (at != op && at->state == LG_OP_WAITING && lg_op_shares_step(op, at)) {
            at->state = LG_OP_REFUSED;
            lg_error_set(&at->error, GLOSS_E_ATOMIC_REFUSED, "another op of its step was refused");
        }
    }
    op->state = LG_OP_REFUSED;
    lg_error_set(&op->error, GLOSS_E_STALE, "you changed %s yourself at seq %llu, and it was asked for in view of %llu",
                 own->field, (unsigned long long)own->first_seq, (unsigned long long)base_of(session, op));
    op->error.data = json_pack("{s:s, s:s, s:s, s:I, s:O*, s:[{s:s, s:s, s:I}]}", "name", op->error.name, "field", own->field,
                               "author", author, "seq", seq, "current", record, "fields", "field", own->field, "author", author,
                               "seq", seq); /* or nothing */
    session->looked_at = NULL;
}

/* The op itself, or one that stands before it. */
static bool is_before(const struct gloss_session *session, const struct lg_op *op, const char *id)
{
    const struct lg_op *at = session->ops;
    while (at && at != op && strcmp(at->id, id) != 0) {
        at = at->next;
    }
    return at && strcmp(at->id, id) == 0;
}

/* Which op set the field before the one that is told. */
static uint64_t seq_before(const json_t *payload, const struct lg_op *op, const char *field)
{
    json_t *effect, *id;
    size_t i, k;
    json_array_foreach(json_object_get(payload, "effects"), i, effect)
    {
        json_array_foreach(json_object_get(effect, "ids"), k, id)
        {
            const char *text = json_string_value(id);
            if (text && strcmp(text, op->subject) == 0) {
                json_int_t seq = json_integer_value(json_object_get(json_object_get(effect, "prev"), field));
                return seq > 0 ? (uint64_t)seq : 0;
            }
        }
    }
    return 0;
}

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

static void ask(struct gloss_session *session)
{
    if (!lg_call_log(session, session->own.seq - 1, on_log)) {
        lg_drop_nomem(session->g);
    }
}

static void take_change(struct gloss_session *session, struct lg_op *op, const json_t *payload)
{
    struct lg_own *own = &session->own;
    const char *id = json_string_value(json_object_get(payload, "op"));
    uint64_t before = seq_before(payload, op, own->field);
    if (!id || is_before(session, op, id) || is_of_queue(session, op, own->seq)) {
        op->is_own_known = true;
    } else if (before > base_of(session, op) && before < own->seq) {
        own->seq = before;
        ask(session);
    } else {
        refuse(session, op);
    }
}

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    struct lg_own *own = &session->own;
    struct lg_op *op = lg_op_find(session, own->op);
    g->is_due = true;
    if (session->state != LG_JOINED || !op || !is_open(session, op)) {
        return; /* it is looked at anew, if it is still there */
    }
    if (error && lg_error_is_later(error) && (error->code != GLOSS_E_INTERNAL || ++own->failures < LG_INTERNAL_MAX)) {
        lg_error_copy(&op->error, error); /* who waits may want to know why */
        own->not_before_ms = lg_now_ms() + lg_retry_delay(g, error, 0);
    } else if (error) {
        op->is_own_known = true;
    } else {
        take_change(session, op, json_object_get(json_array_get(json_object_get(result, "ops"), 0), "payload"));
    }
}

bool lg_own_pump(struct gloss_session *session, uint64_t now)
{
    if (!session->wants_replica || lg_calls_have(session->g, session, on_log)) {
        return !session->wants_replica;
    }
    for (struct lg_op *op = session->ops; op; op = op->next) {
        if (!is_open(session, op)) {
            continue;
        }
        if (!session->is_synced) {
            return false; /* the pump comes back to it */
        }
        if (now < session->own.not_before_ms) {
            lg_wake_at(session->g, session->own.not_before_ms);
            return false;
        }
        if (is_against(session, op)) {
            session->own.failures = strcmp(session->own.op, op->id) == 0 ? session->own.failures : 0;
            memcpy(session->own.op, op->id, sizeof(session->own.op));
            ask(session);
            return false;
        }
        op->is_own_known = true;
    }
    return true;
}
