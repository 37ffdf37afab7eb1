/* session_methods.c - joining, reading the state in pages, leaving. */
#include <stdio.h>

#include "service/core/core_priv.h"
#include "service/core/log_methods.h"

struct join {
    struct request *request;
    struct gl_session_join_params params;
    struct session *session;
    unsigned roles_asked; /* once more, because it had waited */
};

#define ROLES_ASKED_MAX 3

static void finish(struct join *join)
{
    session_release(join->session);
    mem_free(&join);
}

static void write_joined(struct request *request, const struct session *session, enum gl_role role)
{
    const struct gl_state *state = session->state;
    struct gl_session_join_result result = {.seq = state->seq - (MUTATION(joined_before_the_end) && state->seq > 0),
                                            .mode = gl_slice_str(state->mode),
                                            .mode_seq = state->mode_seq,
                                            .retained_from = session->retained_from,
                                            .role = gl_slice_str(gl_role_name(role)),
                                            .annotations = state->live_count,
                                            .records = state->count,
                                            .document = session->document};
    memcpy(result.chain, state->chain.bytes, sizeof result.chain);
    memcpy(result.state, state->sum.bytes, sizeof result.state);
    result.document.has_seq = result.document.has_annotations = result.document.has_role = true;
    result.document.seq = state->seq;
    result.document.annotations = state->live_count;
    result.document.role = result.role;
    request_reply(request, session_join, &result);
}

/* The ops that it lacks cannot all be had: to it they are like archived ones. */
static void refuse_erased(struct join *join)
{
    const struct session *session = join->session;
    const uint64_t first = session->erased_to + 1;
    struct gl_err err = {0};
    gl_fail_at(&err, GL_E_ARCHIVED, "since", "op %llu was erased; join without since and read the state anew",
               (unsigned long long)session->erased_to);
    request_fail_data(join->request, &err,
                      json_pack("{s:I, s:I}", "retained_from", (json_int_t)first, "seq", (json_int_t)session->state->seq));
    finish(join);
}

static void subscribe(struct join *join, uint64_t cursor, const gl_hash *chain)
{
    struct request *request = join->request;
    struct peer *peer = request->peer;
    struct session *session = join->session;
    struct subscription *joined = subscription_find(peer, &session->id);
    if (request->is_superseded && !MUTATION(late_join_counts)) {
        request_fail(request, GL_E_BUSY, "a later session.join or session.leave of this connection took its place");
        finish(join);
        return;
    }
    if (join->params.has_since && cursor < session->erased_to) { /* erased while the chain was looked up */
        refuse_erased(join);
        return;
    }
    enum gl_role role = joined ? joined->role : request->role;
    const uint64_t told = joined && joined->is_live ? joined->project_cursor : project_cursor(peer, session->project);
    if (!joined && !peer->is_closed && peer->subscription_count >= peer->core->limits.sessions) {
        struct gl_err err = {0};
        gl_fail_at(&err, GL_E_LIMIT, "session",
                   "%zu sessions are joined on this connection, and no more may be; leave one, then join this one",
                   peer->subscription_count);
        request_fail_data(request, &err, json_pack("{s:I}", "limit", (json_int_t)peer->core->limits.sessions));
        finish(join);
        return;
    }
    if (joined)
        subscription_end(joined); /* joined again: from the new place, and what was not answered yet waits for that */
    if (!peer->is_closed) {
        struct subscription *subscription = subscription_new(peer, session, role);
        subscription->is_live = !join->params.has_live || join->params.live;
        subscription->cursor = cursor - (MUTATION(resume_repeats_one) && cursor > 0) + (MUTATION(resume_skips_one) && cursor > 0);
        subscription->cursor_chain = *chain;
        subscription->project_cursor = told;
        presence_enter(subscription);
    }
    if (!peer->is_closed)
        peer_pump_later(peer);
    peer_ref(peer);
    write_joined(request, session, role);
    submit_flush(peer, &session->id);
    peer_unref(peer);
    finish(join);
}

static void refuse_resync(struct join *join, const char *why)
{
    struct gl_err err = {0};
    gl_fail_at(&err, GL_E_RESYNC, "since", "%s; join without since and read the state anew", why);
    join->session->core->counts.resyncs++;
    request_fail_data(join->request, &err, json_pack("{s:I}", "seq", (json_int_t)join->session->state->seq));
    finish(join);
}

static void on_cut(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct join *join = ctx;
    struct gl_err err = {0};
    if (code == GL_OK && store_rows_count(rows) == 0)
        code = GL_E_NOT_FOUND;
    if (code == GL_OK) {
        gl_fail_at(&err, GL_E_ARCHIVED, "since", "ops up to %llu are archived; begin with session.snapshot, or without since",
                   (unsigned long long)store_u64(rows, 0, 1));
        request_fail_data(join->request, &err, cut_data(rows));
    } else {
        request_fail(join->request, code, "%s", gl_code_sentence(code));
    }
    finish(join);
}

/* What is archived can be had by whoever asks for it (session.log), but not as a way to go on. */
static void refuse_archived(struct join *join)
{
    struct session *session = join->session;
    store_query(session->core->store, STORE_Q_session_cut, &join->request->account,
                (struct store_param[]){P_UUID(session->id), P_U64(NO_PARTS)}, 2, on_cut, join);
}

static void compare_chain(struct join *join, const gl_hash *chain)
{
    if (join->params.has_chain && memcmp(join->params.chain, chain->bytes, sizeof chain->bytes) != 0)
        refuse_resync(join, "the chain at since is not the one here: these are different logs");
    else
        subscribe(join, join->params.since, chain);
}

/* Rights changed while it waited, for the session or for the store: nobody is let in by the one they had. */
static bool is_role_old(const struct join *join)
{
    const struct request *request = join->request;
    return !subscription_find(request->peer, &join->session->id) && request->scope.epoch < join->session->project->epoch;
}

static void on_current(void *ctx, enum gl_code code, struct session *session);

static void on_role_now(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct join *join = ctx;
    struct request *request = join->request;
    if (code == GL_OK &&
        (store_rows_count(rows) == 0 || !gl_role_parse(store_text(rows, 0, 1), &request->role) || request->role < GL_VIEWER))
        code = GL_E_NOT_FOUND;
    if (code == GL_OK && join->session->phase == SESSION_FAILED)
        code = GL_E_RESYNC;
    if (code != GL_OK) {
        request_fail_at(request, code, request->method->scope_param, "%s", gl_code_sentence(code));
        finish(join);
        return;
    }
    request->scope.epoch = store_u64(rows, 0, 3);
    on_current(join, GL_OK, join->session);
}

/* And then all over. */
static void ask_role(struct join *join)
{
    if (join->roles_asked++ == ROLES_ASKED_MAX) {
        request_fail(join->request, GL_E_BUSY, "rights change faster than they can be read here; join again");
        finish(join);
        return;
    }
    store_query(join->session->core->store, STORE_Q_role_of_project, &join->request->account,
                (struct store_param[]){P_UUID(join->session->project->id)}, 1, on_role_now, join);
}

static void on_old_chain(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct join *join = ctx;
    if (code == GL_OK && join->session->phase == SESSION_FAILED)
        code = GL_E_RESYNC;
    if (code != GL_OK) {
        request_fail(join->request, code, "%s", gl_code_sentence(code));
        finish(join);
    } else if (is_role_old(join)) {
        ask_role(join);
    } else {
        compare_chain(join, &tail->chain_before);
    }
}

static void join_since(struct join *join)
{
    struct session *session = join->session;
    uint64_t since = join->params.since;
    const struct recent_op *op = session_recent_find(session, since);
    if (since > 0 && !join->params.has_chain) {
        request_fail_at(join->request, GL_E_INVALID_PARAMS, "chain",
                        "chain is required with since above 0: the chain that you have at since");
        finish(join);
    } else if (since > session->state->seq) {
        refuse_resync(join, "since is beyond the log: the database went back in time");
    } else if (since + 1 < session->retained_from) {
        refuse_archived(join);
    } else if (since < session->erased_to) {
        refuse_erased(join);
    } else if (since == session->state->seq) {
        compare_chain(join, &session->state->chain);
    } else if (since == 0) {
        gl_hash start = gl_chain_start(&session->id, gl_text_sha256(session->text));
        compare_chain(join, &start);
    } else if (op) {
        compare_chain(join, &op->chain);
    } else {
        store_tail_read(session->core->store, &join->request->account, &session->id, since, 1, 1, on_old_chain, join);
    }
}

static void on_current(void *ctx, enum gl_code code, struct session *session)
{
    struct join *join = ctx;
    if (code != GL_OK) {
        request_fail(join->request, code, "%s", gl_code_sentence(code));
        finish(join);
    } else if (is_role_old(join)) {
        ask_role(join);
    } else if (join->params.has_since) {
        join_since(join);
    } else {
        subscribe(join, session->state->seq, &session->state->chain);
    }
}

/* Another worker may have appended what this one has not read yet; whoever was told of it must find it here. */
static void on_session(void *ctx, enum gl_code code, struct session *session)
{
    struct join *join = ctx;
    if (code != GL_OK) {
        memory_refuse(join->request, code);
        mem_free(&join);
        return;
    }
    join->session = session;
    if (join->request->scope.retained_from > session->retained_from)
        session->retained_from = join->request->scope.retained_from;
    uint64_t known = join->request->scope.head > join->params.since ? join->request->scope.head : join->params.since;
    if (known > session->state->seq && !MUTATION(join_without_look))
        session_refresh(session, &join->request->account, on_current, join);
    else
        on_current(join, GL_OK, session);
}

void handle_session_join(struct request *request)
{
    struct gl_session_join_params params = {0};
    if (!request_read(request, session_join, &params))
        return;
    struct join *join = mem_alloc(sizeof *join);
    join->request = request;
    join->params = params;
    if (request->scope_is_joined) {
        request->scope_is_joined->session->uses++;
        on_session(join, GL_OK, request->scope_is_joined->session);
    } else {
        session_acquire(request->core, &request->account, &request->scope, on_session, join);
    }
}

void handle_session_page(struct request *request)
{
    struct gl_session_page_params params = {0};
    struct subscription *subscription = request->scope_is_joined;
    if (!request_read(request, session_page, &params))
        return;
    if (!subscription) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "session", "join the session first, on this connection");
        return;
    }
    if (subscription->page_count >= PAGES_IN_FLIGHT) {
        struct gl_err err = {0};
        gl_fail(&err, GL_E_BUSY, "%d pages are under way; wait for one", PAGES_IN_FLIGHT);
        request_fail_data(request, &err, json_pack("{s:i}", "retry_after_ms", 10));
        return;
    }
    if (params.has_start != params.has_end || (params.has_end && params.end <= params.start)) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "end", "start and end go together, and end is larger");
        return;
    }
    if (params.has_start) {
        struct page_range *range = gl_arena_alloc(&request->arena, sizeof *range);
        *range = (struct page_range){params.start, params.end};
        request->user = range;
    } else if (params.has_from) {
        const size_t count = subscription->session->state->count; /* fewer only where somebody made the number up */
        subscription->page_at = params.from < count ? (size_t)params.from : count;
    } else if (params.has_restart && params.restart) {
        subscription->page_at = 0;
    }
    *subscription->pages_tail = request;
    subscription->pages_tail = &request->next;
    subscription->page_count++;
    deliver_pages(subscription);
}

void handle_session_leave(struct request *request)
{
    struct gl_session_leave_params params = {0};
    if (!request_read(request, session_leave, &params))
        return;
    struct subscription *subscription = subscription_find(request->peer, &params.session);
    if (!request_supersede_joins(request->peer, &params.session) && !subscription) {
        request_fail_at(request, GL_E_NOT_FOUND, "session", "the session is not joined on this connection");
        return;
    }
    if (subscription)
        subscription_free(subscription);
    struct gl_session_leave_result result = {0};
    request_reply(request, session_leave, &result);
}
