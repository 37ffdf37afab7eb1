/*
 * session_join.c - a session joined, and resumed after every loss: what is asked of the server, and where its answer puts the session.
 */
#include <stdio.h>

#include "clients/lib/lib_priv.h"

static void on_joined(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

/* It is known who one is: what is on disk is open, or was opened before for this very account. */
static bool has_disk(struct gloss_session *session)
{
    struct gloss *g = session->g;
    struct gloss_error error = {0};
    if (lg_cache_recall(session) != GLOSS_OK) {
        lg_drop_nomem(g);
        return false;
    }
    if (!lg_queue_is_wanted(session)) {
        return true;
    }
    int code = session->journal && strcmp(session->queue_account, g->account_id) != 0
                   ? lg_fail(g, GLOSS_E_SETTING, "the queue was opened for another account than the one that signed in")
                   : lg_queue_open(session);
    if (code == GLOSS_E_NOMEM) {
        lg_drop_nomem(g);
    } else if (code != GLOSS_OK) {
        lg_error_copy(&error, &g->last_error);
        lg_session_fail(session, &error);
        gloss_error_clear(&error);
    }
    return code == GLOSS_OK;
}

/* The state is not kept and not computed from the log: only what comes from now on is of interest, so where "now" is has to be
 * asked first. */
static bool looks_first(const struct gloss_session *session)
{
    return session->from == GLOSS_FROM_STATE && !session->wants_replica && !session->is_submit_only && !session->has_position;
}

static bool resumes(const struct gloss_session *session)
{
    return !session->is_submit_only && (session->has_position || session->is_paging || session->from == GLOSS_FROM_LOG);
}

/* A burst of ops comes before the names that are asked for behind it. Over a line that breaks in every such burst no op would ever be told. */
static bool reads_names_first(struct gloss_session *session)
{
    if (!session->wants_names_first || session->names->is_loaded) {
        return false;
    }
    lg_names_up(session->names);
    return true; /* the pump comes back to it */
}

void lg_session_up(struct gloss_session *session)
{
    struct gloss *g = session->g;
    struct gl_session_join_params params = {.session = session->uuid};
    struct gl_buf buf;
    if (session->is_left || session->state != LG_AWAY || !has_disk(session) || reads_names_first(session)) {
        return;
    }
    if (looks_first(session) || session->is_submit_only || session->is_reading_log) {
        params.has_live = true; /* live: false */
    } else if (resumes(session)) {
        params.has_since = true;
        params.since = session->seq - (MUTATION(since_before) && session->seq > 0);
        params.has_chain = session->seq > 0;
        memcpy(params.chain, MUTATION(since_with_sum) && session->replica ? session->replica->sum.bytes : session->chain.bytes,
               32);
    }
    gl_buf_init(&buf, SIZE_MAX);
    gl_session_join_params_write(&buf, &params);
    if (buf.code != GL_OK ||
        lg_call(g, session, "session.join", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_joined, session) != GLOSS_OK) {
        lg_drop_nomem(g);
    } else {
        session->state = LG_JOINING;
    }
    gl_buf_fini(&buf);
}

/* Where nothing on disk waits to know whose it is, and nothing is to be read before, the server need not have answered hello. */
void lg_session_up_early(struct gloss_session *session)
{
    const bool is_known = session->g->account_id[0] || (!session->wants_cache && !lg_queue_is_wanted(session));
    if (is_known && !session->wants_names_first) {
        lg_session_up(session);
    }
}

void lg_session_down(struct gloss_session *session)
{
    if (session->state == LG_JOINED || session->state == LG_JOINING) {
        session->state = LG_AWAY;
    }
    session->is_synced = false;
    session->wants_names_first = session->names && session->frames;
    lg_presence_drop(session);
    lg_replica_pause(session);
    lg_submit_down(session);
}

/* On the same connection, from where it is. */
void lg_session_rejoin(struct gloss_session *session)
{
    lg_calls_forget(session->g, session);
    lg_submit_down(session); /* their answers are not heard any more: they are sent again */
    lg_replica_drop(session);
    session->is_synced = false;
    session->state = LG_AWAY;
    lg_session_up(session);
}

void lg_session_read_anew(struct gloss_session *session, const struct gloss_error *why)
{
    if (session->from == GLOSS_FROM_LOG) {
        lg_session_fail(session, why); /* what was told of the log cannot be taken back */
        return;
    }
    lg_lost_doubt(session, session->has_position && session->seq > 0);
    session->has_position = session->is_unconfirmed = false;
    session->seq = session->pages_as_of = 0;
    lg_cache_drop(session);
    lg_replica_drop(session);
    lg_queue_forget(session); /* perhaps of what was erased meanwhile */
    gl_state_free(&session->replica);
    const struct gloss_event event = {.type = GLOSS_EV_RESYNC, .session = session, .error = why};
    lg_emit(session->g, &event);
    if (!session->is_left && lg_is_ready(session->g) && !lg_is_over(session->g)) {
        lg_session_rejoin(session);
    }
}

/* Where an answer to session.join puts the session. */
static enum gl_code take_position(struct gloss_session *session, const struct gl_session_join_result *result, struct gl_err *err)
{
    bool is_new = !session->has_position && !session->is_paging;
    if (is_new && session->from == GLOSS_FROM_LOG) {
        session->seq = 0;
        session->chain = gl_chain_start(&session->uuid, result->document.sha256);
    } else if (is_new) {
        session->seq = result->seq;
        memcpy(session->chain.bytes, result->chain, 32);
    } else if (session->is_submit_only) {
        session->seq = result->seq > session->seq ? result->seq : session->seq;
    }
    if (is_new && session->wants_replica) {
        gl_state_free(&session->replica);
        session->replica = gl_state_new(&session->uuid, result->document.sha256);
        if (!session->replica) {
            return gl_fail(err, GL_E_NOMEM, "out of memory");
        }
        if (session->from == GLOSS_FROM_STATE) {
            session->replica->seq = session->seq;
            session->replica->chain = session->chain;
            session->replica->is_partial = session->is_paging = true;
            char mode[sizeof(session->replica->mode)];
            (void)snprintf(mode, sizeof(mode), "%.*s", (int)result->mode.len, result->mode.data);
            gl_state_set_mode(session->replica, mode, result->mode_seq);
        }
    }
    /* A replica that is still being read has no position of its own: is_paging, until the last page. */
    session->has_position = !session->is_paging;
    return GL_OK;
}

static void take_description(struct gloss_session *session, json_t *result, const struct gl_session_join_result *read)
{
    (void)snprintf(session->role, sizeof(session->role), "%.*s", (int)read->role.len, read->role.data);
    (void)snprintf(session->mode, sizeof(session->mode), "%.*s", (int)read->mode.len, read->mode.data);
    json_decref(session->document);
    session->document = json_incref(json_object_get(result, "document"));
    session->head = read->seq;
    session->has_target = !session->is_submit_only;
    session->target_seq = read->seq;
    memcpy(session->target_chain.bytes, read->chain, 32);
    memcpy(session->target_sum.bytes, read->state, 32);
}

static bool take_names(struct gloss_session *session, const struct gl_session_join_result *read)
{
    char project[GLOSS_ID];
    if (!session->wants_names) {
        return true;
    }
    gl_uuid_format(&read->document.project, project);
    if (!session->names && lg_names_get(session->g, project, &session->names) != GLOSS_OK) {
        return false;
    }
    lg_names_up(session->names);
    return true;
}

static void joined(struct gloss_session *session, json_t *result, const struct gl_session_join_result *read)
{
    struct gl_err err = {0};
    bool is_look = looks_first(session), is_proven = resumes(session);
    if (take_position(session, read, &err) != GL_OK) {
        lg_session_fail_gl(session, &err);
        return;
    }
    if (is_look) {
        session->state = LG_AWAY;
        lg_session_up(session);
        return;
    }
    take_description(session, result, read);
    if (!take_names(session, read)) {
        lg_drop_nomem(session->g);
        return;
    }
    session->state = LG_JOINED;
    session->join_failures = 0;
    lg_lost_joined(session, is_proven);
    const struct gloss_event event = {
        .type = GLOSS_EV_JOINED, .session = session, .seq = session->seq, .resumed = session->was_joined && !session->is_paging};
    session->was_joined = true;
    lg_emit(session->g, &event);
    if (session->state == LG_JOINED && !session->is_left) {
        lg_replica_around(session);
        lg_replica_page(session);
        lg_archive_pump(session);
        lg_replica_arrived(session);
    }
}

static void not_joined(struct gloss_session *session, const struct gloss_error *error)
{
    session->state = LG_AWAY;
    if ((error->code == GLOSS_E_SIGN_IN_FIRST || error->code == GLOSS_E_TIMED_OUT) && session->g->state == LG_GREETING) {
        return; /* a server that keeps nothing behind hello, or is slow to answer that: once more, when it has */
    }
    if (lg_archive_wanted(session, error)) {
        session->log_retained_from = (uint64_t)json_integer_value(json_object_get(error->data, "retained_from"));
        session->is_reading_log = true;
        lg_session_up(session);
    } else if (error->code == GLOSS_E_RESYNC || error->code == GLOSS_E_ARCHIVED) {
        lg_session_read_anew(session, error);
    } else if (error->code == GLOSS_E_TIMED_OUT) {
        lg_drop(session->g, GLOSS_E_DISCONNECTED, "silence", "the server did not answer session.join");
    } else if (lg_error_is_later(error)) {
        lg_error_copy(&session->g->last_error, error); /* who waits may want to know why */
        session->join_not_before_ms = lg_now_ms() + lg_retry_delay(session->g, error, session->join_failures++);
    } else {
        lg_session_fail(session, error);
    }
}

static void on_joined(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    struct gl_session_join_result read;
    struct gl_reader reader;
    if (session->state != LG_JOINING) {
        return;
    }
    if (error) {
        not_joined(session, error);
        return;
    }
    gl_reader_init(&reader, &g->arena);
    if (gl_session_join_result_read(&reader, result, &read) != GL_OK) {
        lg_session_fail_gl(session, &reader.err);
        return;
    }
    bool is_behind_us = resumes(session) && session->seq > read.seq;
    if (is_behind_us) { /* a log that is shorter than what was told: it went back in time */
        struct gloss_error resync = {0};
        lg_error_set(&resync, GLOSS_E_RESYNC, "%s", "");
        session->state = LG_AWAY;
        lg_session_read_anew(session, &resync);
        gloss_error_clear(&resync);
        return;
    }
    joined(session, result, &read);
}
