/*
 * session.c - a session's life: joined, resumed after every loss, left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

static void on_joined(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

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

/* Signed in: what is on disk is open, or was opened before for this very account. */
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

void gloss_leave(struct gloss_session **out)
{
    struct gloss_session *session = *out;
    struct gloss_error error = {0};
    *out = NULL;
    if (!session || session->is_left) {
        return;
    }
    lg_cache_keep(session, true);
    session->is_left = true;
    lg_calls_forget(session->g, session);
    if (lg_is_ready(session->g) && (session->state == LG_JOINED || session->state == LG_JOINING)) {
        tell_server(session);
    }
    lg_error_set(&error, GLOSS_E_DISCONNECTED, "the session was left before an answer came");
    lg_submit_fail(session, &error);
    gloss_error_clear(&error);
    lg_replica_drop(session);
    session->g->is_due = true; /* gloss_process frees it */
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

/* ---- joining */

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
    session->seq = 0;
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
    if (lg_archive_wanted(session, error)) {
        session->log_retained_from = (uint64_t)json_integer_value(json_object_get(error->data, "retained_from"));
        session->is_reading_log = true;
        lg_session_up(session);
    } else if (error->code == GLOSS_E_RESYNC || error->code == GLOSS_E_ARCHIVED) {
        lg_session_read_anew(session, error);
    } else if (error->code == GLOSS_E_TIMED_OUT) {
        lg_drop(session->g, GLOSS_E_DISCONNECTED, "silence", "the server did not answer session.join");
    } else if (lg_error_is_later(error)) {
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
