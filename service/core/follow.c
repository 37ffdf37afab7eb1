/*
 * follow.c - a session in memory follows its log: what other workers appended is read from the tail, applied, proved by the chain, and delivered.
 *
 * Owns      whoever waits for the tail, until it is answered. One read is under way at a time; who asks meanwhile is answered by the next one.
 */
#include <stdlib.h>

#include "service/core/core_priv.h"
#include "service/core/loading.h"

/* A redact that another worker appended: its words go from here, too. */
static void follow_redact(struct session *session, const json_t *logged)
{
    struct gl_op op;
    if (gl_op_read(json_object_get(logged, "payload"), &op, NULL) != GL_OK)
        return;
    if (op.kind == GL_OP_REDACT)
        session_erase(session, gl_op_erased(&op));
    gl_op_fini(&op);
}

static bool is_redact(const json_t *logged)
{
    const char *kind = json_string_value(json_object_get(json_object_get(logged, "payload"), "kind"));
    return kind && strcmp(kind, gl_op_kind_name(GL_OP_REDACT)) == 0;
}

static enum gl_code follow(struct session *session, const struct store_tail_op *from, struct gl_err *err)
{
    struct gl_slice logged = logged_op(from);
    json_t *parsed = NULL;
    enum gl_code code = gl_json_load(logged, &parsed, err);
    if (code == GL_OK)
        code = gl_state_append(session->state, parsed, err);
    if (code == GL_OK && !gl_hash_equal(&session->state->chain, &from->chain))
        code =
            gl_fail(err, GL_E_CHAIN_BROKEN, "the chain of op %llu is not the one in the database", (unsigned long long)from->seq);
    if (code == GL_OK && !MUTATION(stamp_not_followed))
        session_take_stamp(session, parsed);
    if (code == GL_OK && is_redact(parsed))
        follow_redact(session, parsed);
    json_decref(parsed);
    if (code != GL_OK) {
        free((void *)logged.data);
        return code;
    }
    struct recent_op op = {.seq = from->seq,
                           .chain = from->chain,
                           .sum = session->state->sum,
                           .has_sum = true,
                           .id = from->op,
                           .account = from->account,
                           .request_hash = from->request_hash,
                           .logged = logged};
    struct known_op known = {.seq = from->seq, .account = from->account, .request_hash = from->request_hash};
    session_push_recent(session, &op);
    session_remember_op(session, &from->op, &known);
    return GL_OK;
}

static void answer_catch_waiters(struct session *session, enum gl_code code, const gl_uuid *account);

/* Memory is of no use any more: everybody joins anew, or (UPGRADE) not at all. */
static void give_up(struct session *session, const struct gl_err *err)
{
    const bool is_too_old = err->code == GL_E_UPGRADE;
    const enum gl_code code = is_too_old ? GL_E_UPGRADE : GL_E_RESYNC;
    log_event(LOG_ERROR, EV_session_diverged, F_ID("session", &session->id), F_CODE("code", err->code),
              F_STR("why", err->detail));
    session->uses++;
    session->phase = SESSION_FAILED;
    map_remove(&session->core->sessions, &session->id);
    words_take_back(session);
    while (session->waiting) {
        struct waiting_op *op = session->waiting;
        struct op_outcome outcome = {.code = code};
        session->waiting = op->next;
        gl_fail(&outcome.err, code, "%s", gl_code_sentence(code));
        submit_settle(op, &outcome);
        waiting_op_free(&op);
    }
    session->waiting_tail = &session->waiting;
    while (session->subscriptions) {
        struct subscription *subscription = session->subscriptions;
        struct gl_session_notice_notice notice = {.session = session->id,
                                                  .what = is_too_old ? GL_SLICE("upgrade") : GL_SLICE("rejoin")};
        send_session_notice(subscription->peer, &notice);
        subscription_free(subscription);
    }
    session->core->counts.resyncs++;
    answer_catch_waiters(session, code, NULL);
    session_release(session);
}

/* What is held may have been read from rows that were wrong until they were repaired: the log is the same, only the sum tells. */
static enum gl_code prove(struct session *session, const struct store_tail *tail, struct gl_err *err)
{
    if (!session->is_proving || session->state->seq != tail->head)
        return GL_OK;
    if (tail->has_sum && !gl_hash_equal(&tail->sum, &session->state->sum))
        return gl_fail(err, GL_E_RESYNC, "the state in memory is not the one that the database was repaired to");
    session->must_prove = session->is_proving = false;
    return GL_OK;
}

/* ---- what was erased before this worker had read it cannot be followed: the state is read anew, and its people join again */

static void tail_failed(struct session *session, enum gl_code code);

static void renewed(struct session *session, enum gl_code code)
{
    struct gl_err err = {0};
    session->is_catching_up = false;
    session->must_prove = session->is_proving = false; /* the sum was compared */
    if (code != GL_OK) {
        gl_fail(&err, code, "what was read anew does not hold together");
        give_up(session, &err);
    }
    answer_catch_waiters(session, code == GL_OK ? code : GL_E_RESYNC, NULL);
    session_heard(session, 0);
    session_refresh_if_free(session);
    writer_kick(session->core);
    session_release(session);
}

/* Piece by piece, as any session: until the last one what is in memory stays, and nobody is let in. */
static void on_renewed(void *ctx, enum gl_code code, const struct store_state *from)
{
    struct session *session = ctx;
    if (code != GL_OK) {
        session->is_catching_up = false;
        tail_failed(session, code); /* the poll sees it again */
        session_release(session);
        return;
    }
    while (session->subscriptions)
        subscription_rejoin(session->subscriptions);
    session_forget_recent(session);
    session->loading = loading_start(session, from, renewed);
}

static void renew(struct session *session)
{
    log_event(LOG_INFO, EV_session_renewed, F_ID("session", &session->id), F_U64("seq", session->state->seq));
    session->is_catching_up = true;
    session->reads++;
    session->uses++;
    store_session_load(session->core->store, &session->tail_account, &session->id, session->core->limits.recent_ops, on_renewed,
                       session);
}

static bool has_erased(const struct store_tail *tail)
{
    for (size_t i = 0; i < tail->count; i++)
        if (tail->ops[i].payload.len == 0)
            return true;
    return false;
}

void session_went_back(struct session *session)
{
    struct gl_err err = {0};
    gl_fail(&err, GL_E_RESYNC, "the log in the database is not the one in memory: it went back in time");
    give_up(session, &err);
}

static void follow_all(struct session *session, const struct store_tail *tail)
{
    struct gl_err err = {0};
    enum gl_code code;
    uint64_t from_seq = session->state->seq + 1;
    if (tail->head < session->state->seq || !gl_hash_equal(&tail->chain_before, &session->state->chain)) {
        session_went_back(session);
        return;
    }
    if (has_erased(tail) && !MUTATION(erased_op_followed)) {
        renew(session);
        return;
    }
    for (size_t i = 0; i < tail->count; i++) {
        if ((code = follow(session, &tail->ops[i], &err)) != GL_OK) {
            give_up(session, &err);
            return;
        }
    }
    if (prove(session, tail, &err) != GL_OK) {
        give_up(session, &err);
        return;
    }
    if (tail->count > (size_t)MUTATION(one_followed_op_untold))
        deliver_live(session, from_seq);
    if ((session->state->seq < tail->head && !MUTATION(tail_read_once)) || session->must_prove)
        session_catch_up(session);
    else
        session_heard(session, 0);
    if (!session->is_catching_up)
        writer_kick(session->core);
}

/* account: only those of it; NULL: all. A read that had begun before somebody asked may not have what they know of: it is an answer to them
 * only when it failed. */
static void answer_catch_waiters(struct session *session, enum gl_code code, const gl_uuid *account)
{
    struct session_waiter *waiter = session->catch_waiters, *next;
    const uint64_t reads = session->reads; /* whoever is answered may begin another */
    session->catch_waiters = NULL;
    for (; waiter; waiter = next) {
        next = waiter->next;
        const bool is_later = code == GL_OK && waiter->read > reads && !MUTATION(late_waiter_answered);
        if (is_later || (account && !gl_uuid_equal(&waiter->account, account))) {
            waiter->next = session->catch_waiters;
            session->catch_waiters = waiter;
            session_set_busy(session);
            continue;
        }
        waiter->fn(waiter->ctx, code, session);
        mem_free(&waiter);
    }
}

static void tail_failed(struct session *session, enum gl_code code)
{
    if (code == GL_E_NOT_FOUND) { /* hidden from that account only: its role is read anew, and somebody else asked for */
        project_refresh_account(session->project, &session->tail_account);
        answer_catch_waiters(session, code, &session->tail_account);
        session_refresh_if_free(session);
        return;
    }
    session->not_before_ms = loop_now_ms(session->core->loop) + READ_BACK_OFF_MS; /* the poll sees it again */
    answer_catch_waiters(session, code, NULL);
}

static void on_tail(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct session *session = ctx;
    session->is_catching_up = false;
    if (code != GL_OK)
        tail_failed(session, code);
    else
        follow_all(session, tail);
    if (code == GL_OK && !session->is_catching_up)
        answer_catch_waiters(session, session->phase == SESSION_FAILED ? GL_E_RESYNC : code, NULL);
    session_refresh_if_free(session);
    session_release(session);
}

static void read_tail(struct session *session, const gl_uuid *account)
{
    session->is_catching_up = true;
    session->is_proving = session->must_prove;
    session->reads++;
    session->tail_account = *account;
    session->uses++;
    store_tail_read(session->core->store, account, &session->id, session->state->seq, session->core->limits.append_max_ops,
                    session->core->limits.frame_bytes, on_tail, session);
}

void session_must_prove(struct session *session)
{
    session->must_prove = true;
    session->is_proving = false; /* what is being read may be from before */
    session_catch_up(session);
}

void session_catch_up(struct session *session)
{
    const gl_uuid *account = session_any_account(session);
    if (session->is_catching_up || session->is_in_flight || session->is_looking_up || session->phase != SESSION_READY)
        return;
    if (account)
        read_tail(session, account);
}

void session_heard(struct session *session, uint64_t head)
{
    if (head > session->heard)
        session->heard = head;
    if (session->is_catching_up || session->is_in_flight || session->is_looking_up || session->phase != SESSION_READY)
        return; /* whatever ends that looks here again */
    head = session->heard;
    session->heard = 0; /* it is read once for being told: a head that is not there is no reason to go on asking */
    if (head > session->state->seq)
        session_catch_up(session);
}

void session_refresh(struct session *session, const gl_uuid *account, session_fn fn, void *ctx)
{
    struct session_waiter *waiter = mem_alloc(sizeof *waiter);
    *waiter =
        (struct session_waiter){session->catch_waiters, fn, ctx, *account, loop_now_ms(session->core->loop), session->reads + 1};
    session->catch_waiters = waiter;
    session_set_busy(session);
    session_refresh_if_free(session);
}

void session_expire(struct session *session, uint64_t before_ms)
{
    struct session_waiter **at = &session->catch_waiters, *waiter, *late = NULL;
    while ((waiter = *at)) {
        if (waiter->since_ms > before_ms) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = late;
        late = waiter;
    }
    for (; (waiter = late); mem_free(&waiter)) {
        late = waiter->next;
        waiter->fn(waiter->ctx, GL_E_STORE_DOWN, session);
    }
}

/* Not while an append is under way: the tail could have its ops before its outcome is told. The writer looks here again. */
void session_refresh_if_free(struct session *session)
{
    if (session->catch_waiters && !session->is_catching_up && !session->is_in_flight && !session->is_looking_up &&
        session->phase == SESSION_READY)
        read_tail(session, &session->catch_waiters->account);
}

const gl_uuid *session_any_account(const struct session *session)
{
    for (const struct waiting_op *op = session->waiting; op; op = op->next)
        if (op->role >= GL_VIEWER)
            return &op->account;
    const gl_uuid *ahead = ahead_any_account(session);
    if (ahead)
        return ahead;
    if (session->catch_waiters)
        return &session->catch_waiters->account;
    return session->subscriptions ? &session->subscriptions->peer->account : NULL;
}
