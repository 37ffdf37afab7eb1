/* session.c - a session in memory: read from the store when first asked for, kept while somebody uses it. */
#include <assert.h>

#include "service/core/core_priv.h"
#include "service/core/loading.h"

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

/* Who came last stands first. */
static struct session_waiter *take_waiters(struct session *session)
{
    struct session_waiter *waiter, *as_they_came = NULL;
    while ((waiter = session->waiters)) {
        session->waiters = waiter->next;
        waiter->next = as_they_came;
        as_they_came = waiter;
    }
    return as_they_came;
}

static void answer_waiters(struct session *session, enum gl_code code)
{
    struct session_waiter *waiter = take_waiters(session);
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
    session->expected = from->live;
    session->phase = SESSION_LOADING;
    session->uses = 1;
    session->waiting_tail = &session->waiting;
    map_init(&session->known);
    map_init(&session->people);
    take_document(session, &from->document);
    map_put(&core->sessions, &session->id, session);
    return session;
}

void session_acquire(struct core *core, const gl_uuid *account, const struct store_session *from, session_fn fn, void *ctx)
{
    struct session *session = map_get(&core->sessions, &from->session);
    const enum gl_code code = session ? GL_OK : memory_make_room(core, account, from);
    if (code != GL_OK) {
        fn(ctx, code, NULL);
        return;
    }
    if (session && session->phase == SESSION_READY) {
        session->uses++;
        fn(ctx, GL_OK, session);
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

/* The worker ends. Who is answered gives the session back, which must not free it once more. */
static void refuse_waiters(struct session *session)
{
    struct session_waiter *waiter;
    session->uses++;
    while ((waiter = session->waiters)) {
        session->waiters = waiter->next;
        waiter->fn(waiter->ctx, GL_E_STORE_DOWN, NULL);
        mem_free(&waiter);
    }
    while ((waiter = session->catch_waiters)) {
        session->catch_waiters = waiter->next;
        waiter->fn(waiter->ctx, GL_E_STORE_DOWN, session);
        mem_free(&waiter);
    }
}

void session_free(struct session *session)
{
    struct known_op *known;
    loading_free(&session->loading);
    refuse_waiters(session);
    session_forget_recent(session);
    mem_free(&session->recent);
    for (size_t at = 0; (known = map_next(&session->known, &at));)
        mem_free(&known);
    map_fini(&session->known);
    presence_free(session);
    mem_free(&session->known_order);
    words_forget(session);
    words_take_back(session);
    while (session->waiting) {
        struct waiting_op *op = session->waiting;
        session->waiting = op->next;
        waiting_op_free(&op);
    }
    session_unset_busy(session);
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
