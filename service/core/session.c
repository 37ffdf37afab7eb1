/* session.c - a session in memory: read from the store when first asked for, kept while somebody uses it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/core/core_priv.h"
#include "service/core/loading.h"

struct session_waiter {
    struct session_waiter *next;
    session_fn fn;
    void *ctx;
    gl_uuid account; /* who asked */
    uint64_t since_ms;
    uint64_t read; /* of the log's tail: the first one that began after this was asked */
};

/* ---- the recent ops, and what op ids stand for */

static struct recent_op *recent_at(const struct session *session, size_t i)
{
    return &session->recent[(session->recent_at + i) % session->recent_cap];
}

static gl_hash leaf_of(struct gl_slice logged)
{
    json_t *parsed = NULL;
    gl_hash leaf = {{0}};
    if (gl_json_load(logged, &parsed, NULL) != GL_OK || !gl_logged_leaf(parsed, &leaf))
        abort(); /* it is our own writing: only memory can have run out */
    json_decref(parsed);
    return leaf;
}

static void recent_drop_oldest(struct session *session)
{
    struct recent_op *oldest = recent_at(session, 0);
    session->recent_chain = oldest->chain;
    session->recent_bytes -= oldest->logged.len;
    free((void *)oldest->logged.data);
    session->recent_at = (session->recent_at + 1) % session->recent_cap;
    session->recent_count--;
}

static void recent_grow(struct session *session)
{
    size_t cap = session->recent_cap ? session->recent_cap * 2 : 64;
    struct recent_op *bigger = mem_array(cap, sizeof *bigger);
    for (size_t i = 0; i < session->recent_count; i++)
        bigger[i] = *recent_at(session, i);
    mem_free(&session->recent);
    session->recent = bigger;
    session->recent_cap = cap;
    session->recent_at = 0;
}

void session_push_recent(struct session *session, const struct recent_op *op)
{
    const struct core_limits *limits = &session->core->limits;
    while (session->recent_count > 0 &&
           (session->recent_count >= limits->recent_ops || session->recent_bytes + op->logged.len > limits->recent_bytes))
        recent_drop_oldest(session);
    if (session->recent_count == session->recent_cap)
        recent_grow(session);
    *recent_at(session, session->recent_count++) = *op;
    session->recent_bytes += op->logged.len;
}

const struct recent_op *session_recent_find(const struct session *session, uint64_t seq)
{
    if (session->recent_count == 0)
        return NULL;
    uint64_t oldest = recent_at(session, 0)->seq;
    return seq < oldest || seq >= oldest + session->recent_count
               ? NULL
               : recent_at(session, (size_t)(seq - oldest) - (MUTATION(recent_off_by_one) && seq > oldest));
}

static void forget_words(struct session *session, const json_t *seqs)
{
    for (size_t i = 0; i < json_array_size(seqs); i++) {
        const uint64_t seq = (uint64_t)json_integer_value(json_array_get(seqs, i));
        struct recent_op *op = (struct recent_op *)(uintptr_t)session_recent_find(session, seq);
        if (seq > session->erased_to)
            session->erased_to = seq;
        if (!op)
            continue;
        const struct store_tail_op erased = {.leaf = leaf_of(op->logged)};
        session->recent_bytes -= op->logged.len;
        free((void *)op->logged.data);
        op->logged = logged_op(&erased);
        session->recent_bytes += op->logged.len;
    }
}

void session_erase(struct session *session, const json_t *seqs)
{
    forget_words(session, seqs);
    for (struct subscription *it = session->subscriptions, *next; it; it = next) {
        next = it->next_of_session;
        if (it->is_live && it->cursor < session->erased_to)
            subscription_rejoin(it);
    }
}

void session_remember_op(struct session *session, const gl_uuid *op, const struct known_op *known)
{
    struct known_op *kept = map_get(&session->known, op);
    if (kept) {
        *kept = *known;
        return;
    }
    if (session->known_cap == 0) {
        const struct core_limits *limits = &session->core->limits;
        session->known_cap =
            limits->recent_ops * 4 + limits->append_max_ops * 4; /* what one lookup finds is not pushed out by itself */
        session->known_order = mem_array(session->known_cap, sizeof *session->known_order);
    }
    if (session->known_count == session->known_cap) {
        struct known_op *oldest = map_remove(&session->known, &session->known_order[session->known_at]);
        mem_free(&oldest);
        session->known_at = (session->known_at + 1) % session->known_cap;
        session->known_count--;
    }
    kept = mem_alloc(sizeof *kept);
    *kept = *known;
    map_put(&session->known, op, kept);
    session->known_order[(session->known_at + session->known_count++) % session->known_cap] = *op;
}

const struct known_op *session_known_op(const struct session *session, const gl_uuid *op)
{
    return map_get(&session->known, op);
}

/* ---- reading it from the store */

static void take_document(struct session *session, const struct gl_document_info *info)
{
    session->document = *info;
    session->document_text = mem_alloc(info->title.len + info->filename.len + 1);
    memcpy(session->document_text, info->title.data, info->title.len);
    if (info->filename.len)
        memcpy(session->document_text + info->title.len, info->filename.data, info->filename.len);
    session->document.title = gl_slice_of(session->document_text, info->title.len);
    session->document.filename = gl_slice_of(session->document_text + info->title.len, info->filename.len);
}

/* What the next op must not fall behind: the time and the codebook's version of this one. */
static void take_stamp(struct session *session, const json_t *logged)
{
    const json_t *payload = json_object_get(logged, "payload"), *at = json_object_get(payload, "at");
    json_int_t codebook = json_integer_value(json_object_get(payload, "codebook"));
    int64_t at_ms;
    if (json_is_string(at) && gl_time_parse(gl_slice_of(json_string_value(at), json_string_length(at)), &at_ms) &&
        at_ms > session->last_at_ms)
        session->last_at_ms = at_ms;
    if (codebook > 0 && (uint64_t)codebook > session->codebook)
        session->codebook = (uint64_t)codebook;
}

void session_take_newest_stamp(struct session *session)
{
    json_t *logged = NULL;
    struct gl_err err = {0};
    if (session->recent_count > 0 && gl_json_load(recent_at(session, session->recent_count - 1)->logged, &logged, &err) == GL_OK)
        take_stamp(session, logged);
    json_decref(logged);
}

static void answer_waiters(struct session *session, enum gl_code code)
{
    struct session_waiter *waiter = session->waiters;
    session->waiters = NULL;
    while (waiter) {
        struct session_waiter *next = waiter->next;
        if (code == GL_OK)
            session->uses++;
        waiter->fn(waiter->ctx, code, code == GL_OK ? session : NULL);
        mem_free(&waiter);
        waiter = next;
    }
    session->uses--; /* the loading itself */
    session->idle_since_ms = loop_now_ms(session->core->loop);
    if (code != GL_OK) {
        map_remove(&session->core->sessions, &session->id);
        session_free(session);
    }
}

static void load(struct session *session, const gl_uuid *account);

/* What is hidden from the one it was asked for is not said of the others: it is asked again for one of them. */
static void load_failed(struct session *session, enum gl_code code)
{
    struct session_waiter **at = &session->waiters, *waiter, *hidden = NULL;
    while (code == GL_E_NOT_FOUND && (waiter = *at)) {
        if (!gl_uuid_equal(&waiter->account, &session->tail_account)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = hidden;
        hidden = waiter;
    }
    if (!hidden || !session->waiters) {
        session->waiters = hidden ? hidden : session->waiters;
        answer_waiters(session, code);
        return;
    }
    load(session, &session->waiters->account);
    for (; (waiter = hidden); mem_free(&waiter)) {
        hidden = waiter->next;
        waiter->fn(waiter->ctx, code, NULL);
    }
}

static void on_loaded(struct session *session, enum gl_code code)
{
    if (code == GL_OK) {
        session->phase = SESSION_READY;
        log_event(LOG_INFO, EV_session_loaded, F_ID("session", &session->id), F_U64("seq", session->state->seq),
                  F_U64("annotations", session->state->count));
        answer_waiters(session, code);
        session_heard(session, 0); /* what other workers appended meanwhile */
    } else {
        load_failed(session, code);
    }
}

static void on_state(void *ctx, enum gl_code code, const struct store_state *from)
{
    struct session *session = ctx;
    if (code == GL_OK)
        session->loading = loading_start(session, from, on_loaded);
    else
        load_failed(session, code);
}

static void on_project(void *ctx, enum gl_code code, struct project *project)
{
    struct session *session = ctx;
    session->project = project;
    if (code == GL_OK)
        load(session, &session->tail_account);
    else
        load_failed(session, code);
}

/* The project first, then the session's own state. */
static void load(struct session *session, const gl_uuid *account)
{
    struct core *core = session->core;
    session->tail_account = *account;
    if (session->project)
        store_session_load(core->store, &session->tail_account, &session->id, core->limits.recent_ops, on_state, session);
    else
        project_acquire(core, &session->tail_account, &session->document.project, on_project, session);
}

static struct session *session_start(struct core *core, const gl_uuid *account, const struct store_session *from)
{
    struct session *session = mem_alloc(sizeof *session);
    session->core = core;
    session->id = from->session;
    session->charged = *account;
    session->phase = SESSION_LOADING;
    session->uses = 1;
    session->waiting_tail = &session->waiting;
    map_init(&session->known);
    map_init(&session->people);
    take_document(session, &from->document);
    map_put(&core->sessions, &session->id, session);
    return session;
}

struct ready { /* the answer for who asks for a session that is there, or for which there is no room: never inside the call */
    struct session *session; /* NULL: code says why */
    enum gl_code code;
    session_fn fn;
    void *ctx;
};

static void say_ready(void *ctx)
{
    struct ready *ready = ctx;
    if (!ready->session) {
        ready->fn(ready->ctx, ready->code, NULL);
        mem_free(&ready);
        return;
    }
    const bool has_failed = ready->session->phase == SESSION_FAILED; /* meanwhile: nothing would ever come of it */
    ready->fn(ready->ctx, has_failed ? GL_E_RESYNC : GL_OK, has_failed ? NULL : ready->session);
    if (has_failed)
        session_release(ready->session);
    mem_free(&ready);
}

void session_acquire(struct core *core, const gl_uuid *account, const struct store_session *from, session_fn fn, void *ctx)
{
    struct session *session = map_get(&core->sessions, &from->session);
    const enum gl_code code = session ? GL_OK : memory_make_room(core, account);
    if (code != GL_OK || (session && session->phase == SESSION_READY)) {
        struct ready *ready = mem_alloc(sizeof *ready);
        *ready = (struct ready){session, code, fn, ctx};
        if (session)
            session->uses++;
        loop_defer(core->loop, say_ready, ready);
        return;
    }
    struct session_waiter *waiter = mem_alloc(sizeof *waiter);
    *waiter = (struct session_waiter){.fn = fn, .ctx = ctx, .account = *account};
    const bool is_first = !session;
    if (is_first)
        session = session_start(core, account, from);
    waiter->next = session->waiters;
    session->waiters = waiter;
    if (is_first)
        load(session, account);
}

void session_release(struct session *session)
{
    assert(session->uses > 0);
    if (--session->uses > 0)
        return;
    session->idle_since_ms = loop_now_ms(session->core->loop);
    if (session->phase == SESSION_FAILED)
        session_free(session);
}

void session_free(struct session *session)
{
    struct known_op *known;
    struct session_waiter *waiter;
    loading_free(&session->loading);
    while ((waiter = session->waiters)) { /* the worker ends */
        session->waiters = waiter->next;
        waiter->fn(waiter->ctx, GL_E_STORE_DOWN, NULL);
        mem_free(&waiter);
    }
    while (session->recent_count > 0)
        recent_drop_oldest(session);
    mem_free(&session->recent);
    for (size_t at = 0; (known = map_next(&session->known, &at));)
        mem_free(&known);
    map_fini(&session->known);
    presence_free(session);
    mem_free(&session->known_order);
    while (session->waiting) {
        struct waiting_op *op = session->waiting;
        session->waiting = op->next;
        waiting_op_free(&op);
    }
    gl_state_free(&session->state);
    gl_text_free(&session->text);
    mem_free(&session->document_text);
    if (session->project)
        project_release(session->project);
    mem_free(&session);
}

bool session_is_idle(const struct session *session)
{
    return session->uses == 0 && session->phase == SESSION_READY && !session->waiting && !session->is_in_flight &&
           !session->is_catching_up && !session->is_looking_up;
}

void session_unload(struct session *session)
{
    log_event(LOG_INFO, EV_session_unloaded, F_ID("session", &session->id));
    map_remove(&session->core->sessions, &session->id);
    session_free(session);
}

void session_sweep(struct core *core, uint64_t now_ms)
{
    struct session *session;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        if (session_is_idle(session) && now_ms - session->idle_since_ms >= core->limits.idle_session_ms)
            session_unload(session);
}

/* ---- following what other workers appended */

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
        take_stamp(session, parsed);
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

static void answer_catch_waiters(struct session *session, enum gl_code code, const gl_uuid *account);
static void tail_failed(struct session *session, enum gl_code code);

static void on_renewed(void *ctx, enum gl_code code, const struct store_state *from)
{
    struct session *session = ctx;
    struct gl_err err = {0};
    session->is_catching_up = false;
    if (code != GL_OK) {
        tail_failed(session, code); /* the poll sees it again */
        session_release(session);
        return;
    }
    while (session->subscriptions)
        subscription_rejoin(session->subscriptions);
    while (session->recent_count > 0)
        recent_drop_oldest(session);
    gl_state_free(&session->state);
    gl_text_free(&session->text);
    code = loading_at_once(session, from, &err);
    session->must_prove = session->is_proving = false; /* the sum was compared */
    if (code != GL_OK)
        give_up(session, &err);
    answer_catch_waiters(session, code == GL_OK ? code : GL_E_RESYNC, NULL);
    session_heard(session, 0);
    session_refresh_if_free(session);
    writer_kick(session->core);
    session_release(session);
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
    if (has_erased(tail)) {
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
    if (session->catch_waiters)
        return &session->catch_waiters->account;
    return session->subscriptions ? &session->subscriptions->peer->account : NULL;
}

/* ---- subscriptions */

struct subscription *subscription_find(const struct peer *peer, const gl_uuid *session)
{
    for (struct subscription *it = peer->subscriptions; it; it = it->next_of_peer)
        if (gl_uuid_equal(&it->session->id, session))
            return it;
    return NULL;
}

struct subscription *subscription_new(struct peer *peer, struct session *session, enum gl_role role)
{
    struct subscription *subscription = mem_alloc(sizeof *subscription);
    subscription->peer = peer;
    subscription->session = session;
    subscription->role = role;
    subscription->cursor = session->state->seq;
    subscription->project_cursor = project_cursor(peer, session->project);
    subscription->pages_tail = &subscription->pages;
    subscription->next_of_peer = peer->subscriptions;
    peer->subscriptions = subscription;
    peer->subscription_count++;
    subscription->next_of_session = session->subscriptions;
    if (session->subscriptions)
        session->subscriptions->prev_of_session = subscription;
    session->subscriptions = subscription;
    session->uses++;
    memory_joined_or_left(session);
    return subscription;
}

void subscription_rejoin(struct subscription *subscription)
{
    struct gl_session_notice_notice notice = {.session = subscription->session->id, .what = GL_SLICE("rejoin")};
    subscription->peer->core->counts.resyncs++;
    send_session_notice(subscription->peer, &notice);
    subscription_free(subscription);
}

void subscription_free(struct subscription *subscription)
{
    struct session *session = subscription->session;
    struct peer *peer = subscription->peer;
    struct subscription **at = &peer->subscriptions;
    while (*at != subscription)
        at = &(*at)->next_of_peer;
    *at = subscription->next_of_peer;
    peer->subscription_count--;
    if (subscription->reading)
        *subscription->reading = NULL;
    presence_leave(subscription);
    if (subscription->prev_of_session)
        subscription->prev_of_session->next_of_session = subscription->next_of_session;
    else
        session->subscriptions = subscription->next_of_session;
    if (subscription->next_of_session)
        subscription->next_of_session->prev_of_session = subscription->prev_of_session;
    while (subscription->pages) {
        struct request *page = subscription->pages;
        subscription->pages = page->next;
        request_fail(page, GL_E_RESYNC, "the session was left before this page was sent");
    }
    mem_free(&subscription);
    memory_joined_or_left(session);
    submit_flush(peer, &session->id);
    session_release(session);
}
