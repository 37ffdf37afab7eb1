/*
 * archive.c - the part of a session's log that the server has archived, read with session.log before joining where the log begins.
 *
 * The session is joined without ops meanwhile (live: false): that tells the document, the role and where the log ends. What comes is proved as
 * every op is: each answer must follow from the chain here, and at the end the server's chain must be ours.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

bool lg_archive_wanted(const struct gloss_session *session, const struct gloss_error *error)
{
    return error->code == GLOSS_E_ARCHIVED && session->from == GLOSS_FROM_LOG && session->wants_archive;
}

void lg_archive_pump(struct gloss_session *session)
{
    struct gloss *g = session->g;
    if (!session->is_reading_log || session->state != LG_JOINED || session->is_left || session->frames || g->drops ||
        lg_is_over(g) || lg_calls_have(g, session, on_log)) {
        return;
    }
    if (session->seq + 1 >= session->log_retained_from) {
        session->is_reading_log = false;
        lg_session_rejoin(session); /* from here on it comes by itself */
        return;
    }
    if (lg_now_ms() < session->log_not_before_ms) {
        lg_wake_at(g, session->log_not_before_ms);
        return;
    }
    struct gl_session_log_params params = {.session = session->uuid, .after = session->seq};
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_session_log_params_write(&buf, &params);
    if (buf.code != GL_OK ||
        lg_call(g, session, "session.log", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_log, session) != GLOSS_OK) {
        lg_drop_nomem(g);
    }
    gl_buf_fini(&buf);
}

static void take_log(struct gloss_session *session, json_t *result)
{
    gl_hash before;
    const json_t *first = json_object_get(result, "first");
    size_t count = json_array_size(json_object_get(result, "ops"));
    if (!lg_json_hash(result, "chain_before", &before) || (uint64_t)json_integer_value(first) != session->seq + 1 || count == 0) {
        lg_drop(session->g, GLOSS_E_DISCONNECTED, "bad_message", "the server's answer to session.log cannot be understood");
        return;
    }
    if (!gl_hash_equal(&before, &session->chain)) {
        struct gl_err err = {0};
        (void)gl_fail(&err, GL_E_CHAIN_BROKEN, "the hash chain at op %llu is not what was computed from the ops received",
                      (unsigned long long)session->seq);
        lg_session_fail_gl(session, &err);
        return;
    }
    if (!lg_replica_push(session, result, true)) {
        lg_drop_nomem(session->g);
        return;
    }
    lg_replica_run(session);
}

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    if (session->state != LG_JOINED || !session->is_reading_log) {
        return;
    }
    if (error && lg_error_is_later(error)) {
        session->log_not_before_ms = lg_now_ms() + lg_retry_delay(g, error, 0);
        lg_wake_at(g, session->log_not_before_ms);
    } else if (error) {
        lg_session_fail(session, error);
    } else {
        take_log(session, result);
    }
}
