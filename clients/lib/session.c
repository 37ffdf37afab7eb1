/*
 * session.c - a session's life: made, looked after while it is joined (session_join.c), failed, left; and what it shows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

/* ---- made and freed */

void gloss_join_init(struct gloss_join *options)
{
    memset(options, 0, sizeof(*options));
    options->size = sizeof(*options);
    options->from = GLOSS_FROM_STATE;
    options->replica = options->names = true;
}

static int check_options(struct gloss *g, const char *id, const struct gloss_join *options, gl_uuid *uuid, gl_hash *chain)
{
    bool is_later = options->from == GLOSS_FROM_LOG && options->since > 0;
    if (options->size < sizeof(*options)) {
        return lg_fail(g, GLOSS_E_SETTING, "gloss_join_init was not called");
    }
    if (options->cache && (!g->queue_dir || !options->replica || options->from != GLOSS_FROM_STATE)) {
        return lg_fail(g, GLOSS_E_SETTING, "a cache is of a replica of the state, and in queue_dir");
    }
    if (!id || !gl_uuid_parse(gl_slice_str(id), uuid)) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "a session's id is a UUID: 36 lower case characters");
    }
    if (is_later && (!options->chain || !gl_hex_decode(gl_slice_str(options->chain), chain->bytes, 32))) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "to continue at a seq the chain there is needed: 64 hex digits");
    }
    if (options->replica && (options->submit_only || is_later)) {
        return lg_fail(g, GLOSS_E_SETTING, "a replica needs the state or the whole log, and live ops");
    }
    if (lg_session_find(g, uuid)) {
        return lg_fail(g, GLOSS_E_EXISTS, "this session is joined already");
    }
    return GLOSS_OK;
}

int gloss_join(struct gloss *g, const char *id, const struct gloss_join *given, struct gloss_session **out)
{
    struct gloss_join options;
    gl_uuid uuid;
    gl_hash chain = {{0}};
    gloss_join_init(&options);
    options = given ? *given : options;
    int code = lg_is_over(g) ? lg_fail(g, GLOSS_E_DISCONNECTED, "the client is being closed")
                             : check_options(g, id, &options, &uuid, &chain);
    struct gloss_session *session = code == GLOSS_OK ? calloc(1, sizeof(*session)) : NULL;
    *out = session;
    if (!session) {
        return code == GLOSS_OK ? lg_fail_nomem(g) : code;
    }
    session->g = g;
    session->uuid = uuid;
    gl_uuid_format(&uuid, session->id);
    session->from = options.from;
    session->wants_replica = options.replica;
    session->is_submit_only = options.submit_only;
    session->wants_names = options.names && !options.submit_only;
    session->wants_archive = options.archive;
    session->has_position = options.from == GLOSS_FROM_LOG && options.since > 0;
    session->seq = session->has_position ? options.since : 0;
    session->chain = chain;
    session->frames_end = &session->frames;
    session->ops_end = &session->ops;
    session->accepted_end = &session->accepted;
    session->no_queue = options.no_queue;
    session->wants_cache = options.cache;
    if (g->account_id[0]) { /* otherwise when it is known */
        code = lg_queue_open(session);
    }
    if (g->account_id[0] && code == GLOSS_OK) {
        code = lg_cache_recall(session);
    }
    if (code != GLOSS_OK) {
        lg_session_free(session);
        *out = NULL;
        return code;
    }
    session->next = g->sessions;
    g->sessions = session;
    g->is_due = true;
    return GLOSS_OK;
}

static void tell_server(struct gloss_session *session)
{
    struct gl_buf buf;
    struct gl_session_leave_params params = {.session = session->uuid};
    gl_buf_init(&buf, SIZE_MAX);
    gl_session_leave_params_write(&buf, &params);
    if (buf.code == GL_OK) {
        (void)lg_call(session->g, session, "session.leave", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, NULL, NULL);
    }
    gl_buf_fini(&buf);
}

/* The server was told to join it, on this connection; that may have been behind hello. */
static bool is_said(const struct gloss_session *session)
{
    const struct gloss *g = session->g;
    return (session->state == LG_JOINED || session->state == LG_JOINING) &&
           (lg_is_ready(g) || (g->state == LG_GREETING && !g->drops));
}

void lg_session_account_changed(struct gloss_session *session)
{
    if (session->state == LG_JOINING) {
        lg_calls_forget(session->g, session);
        tell_server(session);
        session->state = LG_AWAY;
    }
}

void gloss_leave(struct gloss_session **out)
{
    struct gloss_session *session = *out;
    struct gloss_error error = {0};
    *out = NULL;
    if (!session || session->is_left) {
        return;
    }
    struct gloss *g = session->g;
    lg_hold(g);
    lg_cache_keep(session, true);
    session->is_left = true;
    lg_calls_forget(g, session);
    if (is_said(session)) {
        tell_server(session);
    }
    lg_error_set(&error, GLOSS_E_DISCONNECTED, "the session was left before an answer came");
    lg_submit_fail(session, &error);
    gloss_error_clear(&error);
    lg_replica_drop(session);
    g->is_due = true; /* gloss_process frees it */
    lg_let_go(g);
}

void lg_session_free(struct gloss_session *session)
{
    lg_calls_forget(session->g, session);
    lg_presence_drop(session);
    lg_replica_drop(session);
    lg_submit_free(session);
    gl_state_free(&session->replica);
    lg_names_unref(&session->names);
    json_decref(session->document);
    gloss_error_clear(&session->error);
    free(session);
}

struct gloss_session *lg_session_find(struct gloss *g, const gl_uuid *id)
{
    for (struct gloss_session *session = g->sessions; session; session = session->next) {
        if (!session->is_left && gl_uuid_equal(&session->uuid, id)) {
            return session;
        }
    }
    return NULL;
}

/* ---- failing */

void lg_session_fail(struct gloss_session *session, const struct gloss_error *error)
{
    struct gloss *g = session->g;
    if (session->state == LG_FAILED || session->is_left) {
        return;
    }
    if (session->state == LG_JOINED && lg_is_ready(g)) {
        tell_server(session);
    }
    lg_error_copy(&session->error, error);
    if (error->code == GLOSS_E_CHAIN_BROKEN || error->code == GLOSS_E_NOT_FOUND || error->code == GLOSS_E_FORBIDDEN) {
        lg_cache_drop(session); /* it is wrong, or not ours to see any more */
    }
    session->state = LG_FAILED;
    session->is_synced = false;
    lg_calls_forget(g, session);
    lg_replica_drop(session);
    const struct gloss_event event = {.type = GLOSS_EV_ERROR, .session = session, .error = &session->error, .seq = session->seq};
    lg_emit(g, &event);
    lg_submit_fail(session, &session->error);
}

void lg_session_fail_gl(struct gloss_session *session, const struct gl_err *err)
{
    struct gloss_error error = {0};
    if (err->code == GL_E_NOMEM) {
        lg_drop_nomem(session->g);
        return;
    }
    lg_error_take_gl(&error, err);
    lg_session_fail(session, &error);
    gloss_error_clear(&error);
}

void lg_session_pump(struct gloss_session *session, uint64_t now)
{
    lg_pending_ask(session);
    lg_answers_call_back(session);
    session->looked_at = NULL;
    if (session->is_left || !lg_is_ready(session->g) || lg_is_over(session->g)) {
        return;
    }
    if (session->state == LG_AWAY) {
        if (now >= session->join_not_before_ms) {
            lg_session_up(session);
        } else {
            lg_wake_at(session->g, session->join_not_before_ms);
        }
    }
    if (session->state != LG_JOINED) {
        return;
    }
    if (session->sum_due_ms != 0 && now >= session->sum_due_ms) {
        lg_session_rejoin(session); /* its answer has the sum */
        return;
    }
    if (session->sum_due_ms != 0) {
        lg_wake_at(session->g, session->sum_due_ms);
    }
    lg_replica_around(session);
    lg_replica_page(session);
    lg_archive_pump(session);
    if (session->state != LG_JOINED || session->is_reading_log) {
        return;
    }
    lg_cache_keep(session, false);
    lg_presence_pump(session, now);
    lg_lost_pump(session, now);
    lg_base_pump(session, now);
    lg_submit_pump(session, now);
}

/* ---- what the server says about a session */

void lg_session_on_notice(struct gloss *g, const json_t *params)
{
    struct gl_session_notice_notice notice;
    struct gl_reader reader;
    gl_reader_init(&reader, &g->arena);
    if (gl_session_notice_notice_read(&reader, params, &notice) != GL_OK) {
        return;
    }
    struct gloss_session *session = lg_session_find(g, &notice.session);
    if (!session || session->state != LG_JOINED) {
        return;
    }
    char what[33], role[17];
    (void)snprintf(what, sizeof(what), "%.*s", (int)notice.what.len, notice.what.data);
    (void)snprintf(role, sizeof(role), "%.*s", notice.has_role ? (int)notice.role.len : 0,
                   notice.has_role ? notice.role.data : "");
    bool is_rights = strcmp(what, "rights") == 0;
    if (is_rights) {
        if (!MUTATION(new_role_not_kept))
            memcpy(session->role, role, sizeof(role));
    }
    const struct gloss_event event = {.type = GLOSS_EV_NOTICE,
                                      .session = session,
                                      .seq = notice.seq,
                                      .notice = what,
                                      .role = is_rights && role[0] ? role : NULL};
    lg_emit(g, &event);
    if (session->is_left || lg_is_over(g)) {
        return;
    }
    struct gloss_error error = {0};
    if (strcmp(what, "rejoin") == 0) {
        if (session->names) {
            lg_names_anew(session->names);
        }
        lg_session_rejoin(session);
    } else if (strcmp(what, "upgrade") == 0) {
        lg_error_set(&error, GLOSS_E_UPGRADE, "%s", "");
        lg_session_fail(session, &error);
    } else if (is_rights && !role[0]) {
        lg_error_set(&error, GLOSS_E_FORBIDDEN, "you are not a member of the project any more");
        lg_session_fail(session, &error);
    }
    gloss_error_clear(&error);
}

void lg_sessions_run(struct gloss *g)
{
    for (struct gloss_session *session = g->sessions; session && !lg_is_over(g); session = session->next) {
        if (session->state == LG_JOINED && !session->is_left && !g->drops) {
            lg_replica_run(session);
            lg_replica_arrived(session);
        }
    }
}

/* ---- looking */

struct gloss *gloss_session_client(const struct gloss_session *session)
{
    return session->g;
}

void gloss_session_set_data(struct gloss_session *session, void *data)
{
    session->data = data;
}

void *gloss_session_data(const struct gloss_session *session)
{
    return session->data;
}

const char *gloss_session_id(const struct gloss_session *session)
{
    return session->id;
}

const char *gloss_session_role(const struct gloss_session *session)
{
    return session->role;
}

const char *gloss_session_mode(const struct gloss_session *session)
{
    return session->replica && !session->is_paging ? session->replica->mode : session->mode;
}

const json_t *gloss_session_document(const struct gloss_session *session)
{
    return session->document;
}

bool gloss_session_is_joined(const struct gloss_session *session)
{
    return session->state == LG_JOINED;
}

bool gloss_session_is_synced(const struct gloss_session *session)
{
    return session->is_synced;
}

uint64_t gloss_session_seq(const struct gloss_session *session)
{
    return session->seq;
}

uint64_t gloss_session_head(const struct gloss_session *session)
{
    return session->head > session->seq ? session->head : session->seq;
}

void lg_hash_text(const gl_hash *hash, char hex[GLOSS_HASH])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        hex[2 * i] = digits[hash->bytes[i] >> 4];
        hex[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    hex[64] = '\0';
}

void gloss_session_chain(const struct gloss_session *session, char hex[GLOSS_HASH])
{
    lg_hash_text(&session->chain, hex);
}

bool gloss_session_state_sum(const struct gloss_session *session, char hex[GLOSS_HASH])
{
    static const gl_hash none;
    bool is_whole = session->replica && !session->is_blind;
    lg_hash_text(is_whole ? &session->replica->sum : &none, hex);
    return is_whole;
}
