/*
 * replica.c - what comes from a session's stream: ops in order, each checked against the chain; and when everything is here.
 *
 * Frames wait in a list while an op in them names what is not known yet (a new label, a new member), so that nothing is told out
 * of
 * order. While pages come (pages.c) the ops are applied at once, but not told: SYNCED says from which seq on they are.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define SUM_WAIT_MS 1000 /* for a frame that has a state sum, before it is asked for */

bool lg_json_hash(const json_t *object, const char *name, gl_hash *hash)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) &&
           gl_hex_decode(gl_slice_of(json_string_value(value), json_string_length(value)), hash->bytes, 32);
}

static void broken(struct gloss_session *session, const char *what)
{
    struct gloss_error error = {0};
    lg_error_set(&error, GLOSS_E_CHAIN_BROKEN, "%s at op %llu is not what was computed from the ops received", what,
                 (unsigned long long)session->seq);
    if (session->is_unconfirmed) {
        lg_session_read_anew(session, &error);
    } else {
        lg_session_fail(session, &error);
    }
    gloss_error_clear(&error);
}

/* ---- is everything here? */

static bool is_whole(const struct gloss_session *session)
{
    bool has_names = !session->wants_names || session->names->is_loaded;
    return session->state == LG_JOINED && !session->is_paging && !session->is_reading_log && !session->frames && has_names &&
           session->seq >= session->target_seq && (!session->replica || session->seq >= session->pages_as_of);
}

/* The newest sum that the server told, against ours. False: the session failed. */
static bool check_sum(struct gloss_session *session)
{
    bool is_comparable = session->replica && !session->is_blind && !session->is_paging && session->has_sum &&
                         session->sum_seq == session->seq && session->seq >= session->pages_as_of;
    if (is_comparable && !gl_hash_equal(&session->sum, &session->replica->sum)) {
        broken(session, "the state sum");
        return false;
    }
    return true;
}

void lg_replica_arrived(struct gloss_session *session)
{
    if (session->state != LG_JOINED || session->is_left || lg_is_over(session->g)) {
        return;
    }
    if (session->has_target && session->seq == session->target_seq) {
        session->has_target = false;
        session->has_sum = true;
        session->sum_seq = session->target_seq;
        session->sum = session->target_sum;
        if (!gl_hash_equal(&session->chain, &session->target_chain)) {
            broken(session, "the hash chain");
            return;
        }
    }
    if (!check_sum(session) || session->is_synced || !is_whole(session) || session->is_submit_only) {
        return;
    }
    if (session->replica && (!session->has_sum || session->sum_seq != session->seq)) {
        if (session->sum_due_ms == 0) {
            session->sum_due_ms = lg_now_ms() + SUM_WAIT_MS;
            lg_wake_at(session->g, session->sum_due_ms);
        }
        return;
    }
    session->sum_due_ms = 0;
    session->is_synced = true;
    session->is_unconfirmed = false;
    lg_cache_keep(session, true);
    bool has_told = lg_pending_forget(session), has_made = lg_accepted_erase(session, NULL);
    if (has_told || has_made) {
        lg_queue_forget(session);
    }
    const struct gloss_event event = {.type = GLOSS_EV_SYNCED, .session = session, .seq = session->seq};
    lg_emit(session->g, &event);
}

/* ---- one op */

static enum gl_code next_in_chain(const struct gloss_session *session, const json_t *logged, gl_hash *chain, struct gl_err *err)
{
    const json_t *payload = json_object_get(logged, "payload"), *salt_text = json_object_get(logged, "salt");
    uint8_t salt[GL_SALT_BYTES];
    gl_hash leaf;
    if (payload) {
        struct gl_buf bytes;
        if (!gl_hex_decode(gl_slice_of(json_string_value(salt_text), json_string_length(salt_text)), salt, sizeof(salt)) ||
            (uint64_t)json_integer_value(json_object_get(payload, "seq")) != session->seq + 1) {
            return gl_fail(err, GL_E_CHAIN_BROKEN, "after op %llu came something that is not the next one",
                           (unsigned long long)session->seq);
        }
        gl_buf_init(&bytes, SIZE_MAX);
        gl_canon_write(&bytes, payload);
        enum gl_code code = bytes.code;
        leaf = gl_leaf(salt, gl_buf_peek(&bytes));
        gl_buf_fini(&bytes);
        if (code != GL_OK) {
            return gl_fail(err, code == GL_E_NOMEM ? code : GL_E_MALFORMED, "op %llu cannot be read",
                           (unsigned long long)session->seq + 1);
        }
    } else if (!lg_json_hash(logged, "leaf", &leaf)) {
        return gl_fail(err, GL_E_MALFORMED, "op %llu has neither words nor their hash", (unsigned long long)session->seq + 1);
    }
    *chain = gl_chain_next(&session->chain, &leaf);
    return GL_OK;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool first_annotation(const json_t *payload, gl_uuid *id)
{
    const json_t *effect = json_array_get(json_object_get(payload, "effects"), 0);
    const char *text = json_string_value(json_array_get(json_object_get(effect, "ids"), 0));
    return text && gl_uuid_parse(gl_slice_str(text), id);
}

static void tell(struct gloss_session *session, json_t *logged, struct gl_annotation *before, const gl_uuid *id)
{
    json_t *payload = json_object_get(logged, "payload");
    const struct gloss_event event = {
        .type = GLOSS_EV_OP,
        .session = session,
        .seq = session->seq,
        .erased = payload == NULL,
        .op = text_of(payload, "op"),
        .kind = text_of(payload, "kind"),
        .account = text_of(payload, "account"),
        .at = text_of(payload, "at"),
        .payload = payload,
        .logged = logged,
        .annotation = id ? gl_state_find(session->replica, id) : NULL,
        .before = before,
    };
    lg_progress(session->g);
    lg_emit(session->g, &event);
}

/* A log that is read from its beginning, and has an op in it whose words were erased: the chain goes on, what that op did is not known. */
static void go_blind(struct gloss_session *session)
{
    session->is_blind = true;
    if (session->replica) {
        session->replica->is_partial = true; /* others may change what it made */
    }
}

/* What is on disk has the words, too. */
static void forget_words(struct gloss_session *session, const json_t *redact)
{
    bool was_cached = session->is_cached;
    lg_cache_keep(session, was_cached);
    if (was_cached && !session->is_cached) {
        lg_cache_drop(session); /* it could not be written anew */
    }
    (void)lg_pending_forget(session);
    (void)lg_accepted_erase(session, redact);
    lg_queue_forget(session);
}

static bool is_redact(const json_t *payload)
{
    const char *kind = text_of(payload, "kind");
    return kind && strcmp(kind, gl_op_kind_name(GL_OP_REDACT)) == 0;
}

/* Applies and tells the op that follows. Not GL_OK: the session failed, or the connection goes; nothing was applied then. */
static enum gl_code take_op(struct gloss_session *session, json_t *logged)
{
    struct gl_err err = {0};
    gl_uuid id;
    gl_hash chain;
    bool has_id = session->replica && first_annotation(json_object_get(logged, "payload"), &id);
    struct gl_annotation *before = has_id ? gl_state_find(session->replica, &id) : NULL;
    json_t *payload = json_object_get(logged, "payload");
    if (session->is_paging && !MUTATION(overtaking_ops_forgotten) && payload &&
        json_array_append(session->meanwhile, payload) != 0) {
        lg_drop_nomem(session->g);
        return GL_E_NOMEM;
    }
    if (before) {
        gl_annotation_ref(before);
    }
    if (!payload) {
        go_blind(session);
    }
    enum gl_code code =
        session->replica ? gl_state_append(session->replica, logged, &err) : next_in_chain(session, logged, &chain, &err);
    if (code == GL_OK) {
        session->seq++;
        session->chain = session->replica ? session->replica->chain : chain;
        if (is_redact(payload)) {
            forget_words(session, payload);
        }
        if (!session->is_paging) {
            tell(session, logged, before, has_id ? &id : NULL);
        }
    } else {
        lg_session_fail_gl(session, &err);
    }
    gl_annotation_unref(&before);
    return code;
}

/* ---- frames of ops */

static void pop_frame(struct gloss_session *session)
{
    struct lg_frame *frame = session->frames;
    session->frames = frame->next;
    if (!session->frames) {
        session->frames_end = &session->frames;
    }
    json_decref(frame->params);
    free(frame);
}

static bool goes_on(const struct gloss_session *session)
{
    return session->state == LG_JOINED && !session->is_left && !session->g->drops && !lg_is_over(session->g);
}

/* All of the frame was taken: the server says what chain and state are now. */
static void end_frame(struct gloss_session *session)
{
    const json_t *params = session->frames->params;
    uint64_t last =
        (uint64_t)json_integer_value(json_object_get(params, "first")) + json_array_size(json_object_get(params, "ops")) - 1;
    gl_hash chain, sum;
    bool is_log = session->frames->is_log;
    bool is_here = last == session->seq;
    bool has_chain = lg_json_hash(params, "chain", &chain), has_sum = lg_json_hash(params, "state", &sum);
    pop_frame(session);
    if (is_here && !is_log && (!has_chain || !gl_hash_equal(&chain, &session->chain))) {
        broken(session, "the hash chain");
        return;
    }
    if (is_here && has_sum) {
        session->has_sum = true;
        session->sum_seq = last;
        session->sum = sum;
        (void)check_sum(session);
    }
}

/* False: it cannot go on now. */
static bool run_frame(struct gloss_session *session)
{
    struct lg_frame *frame = session->frames;
    json_t *ops = json_object_get(frame->params, "ops");
    uint64_t first = (uint64_t)json_integer_value(json_object_get(frame->params, "first"));
    while (frame->at < json_array_size(ops)) {
        uint64_t seq = first + frame->at;
        json_t *logged = json_array_get(ops, frame->at);
        if (seq <= session->seq) {
            frame->at++; /* had it already */
            continue;
        }
        if (seq != session->seq + 1) {
            lg_drop(session->g, GLOSS_E_DISCONNECTED, "gap", "after op %llu the server sent op %llu",
                    (unsigned long long)session->seq, (unsigned long long)seq);
            return false;
        }
        if (session->wants_names && !session->is_paging && !lg_names_know(session->names, json_object_get(logged, "payload"))) {
            return false;
        }
        frame->at++;
        if (take_op(session, logged) != GL_OK || !goes_on(session)) {
            return false;
        }
        lg_replica_arrived(session);
        if (!goes_on(session)) {
            return false;
        }
    }
    end_frame(session);
    return goes_on(session);
}

void lg_replica_run(struct gloss_session *session)
{
    bool can_go_on = true;
    while (can_go_on && goes_on(session) && session->frames) {
        json_t *held = json_incref(session->frames->params); /* a callback that leaves the session still looks at its event */
        can_go_on = run_frame(session);
        json_decref(held);
        lg_replica_arrived(session);
    }
    lg_archive_pump(session);
}

bool lg_replica_push(struct gloss_session *session, json_t *params, bool is_log)
{
    struct lg_frame *frame = calloc(1, sizeof(*frame));
    if (!frame) {
        return false;
    }
    frame->params = json_incref(params);
    frame->is_log = is_log;
    *session->frames_end = frame;
    session->frames_end = &frame->next;
    return true;
}

void lg_replica_on_ops(struct gloss *g, json_t *params)
{
    gl_uuid id;
    const json_t *text = json_object_get(params, "session"), *first = json_object_get(params, "first");
    struct gloss_session *session = NULL;
    if (json_is_string(text) && gl_uuid_parse(gl_slice_of(json_string_value(text), json_string_length(text)), &id)) {
        session = lg_session_find(g, &id);
    }
    if (!session || session->state != LG_JOINED || session->is_submit_only) {
        return;
    }
    if (!json_is_integer(first) || json_integer_value(first) < 1 || json_array_size(json_object_get(params, "ops")) == 0) {
        lg_drop(g, GLOSS_E_DISCONNECTED, "bad_message", "the server sent a session.ops that cannot be read");
        return;
    }
    if (!lg_replica_push(session, params, false)) {
        lg_drop_nomem(g);
        return;
    }
    uint64_t last = (uint64_t)json_integer_value(first) + json_array_size(json_object_get(params, "ops")) - 1;
    session->head = last > session->head ? last : session->head;
    lg_replica_run(session);
}

/* ---- the connection is gone */

static void forget_connection(struct gloss_session *session)
{
    while (session->frames) {
        pop_frame(session);
    }
    session->page_not_before_ms = session->sum_due_ms = 0;
    session->has_target = session->has_sum = false;
}

/* A line that never lasts for the whole of a large session must get there all the same. */
void lg_replica_pause(struct gloss_session *session)
{
    if (!session->is_paging || session->pages_next == 0) {
        lg_replica_drop(session);
        return;
    }
    forget_connection(session);
    session->says_from = true;
    session->is_unconfirmed = true; /* a page may be newer than the op whose chain is compared on the next connection */
}

void lg_replica_drop(struct gloss_session *session)
{
    forget_connection(session);
    json_decref(session->meanwhile);
    session->meanwhile = NULL;
    if (session->is_paging) { /* what was read in part has no position */
        session->pages_as_of = 0;
    }
    session->is_paging = session->is_out_of_order = session->says_from = false;
    session->pages_next = 0;
    if (session->seq < session->pages_as_of) { /* all was read, and not yet all ops until then: as above */
        session->is_unconfirmed = true;
    }
}
