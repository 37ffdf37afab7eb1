/* project.c - a project in memory: its codebook, its policy, and where its stream stands. */
#include <assert.h>
#include <stdlib.h>

#include "service/core/core_priv.h"

struct project_waiter {
    struct project_waiter *next;
    project_fn fn;
    void *ctx;
    gl_uuid account;
};
/* ---- terms that somebody used before they were there */

static gl_uuid want_key(const struct project_op *op)
{
    const json_t *name = json_object_get(op->change, "name"), *kind = json_object_get(op->change, "kind");
    return gl_uuid_derive(json_string_value(kind), json_string_value(name), json_string_length(name));
}

void project_not_wanted(struct project *project, const struct project_op *op)
{
    if (!op->is_wanted)
        return;
    gl_uuid key = want_key(op);
    map_remove(&project->wanted, &key);
}

void project_want_term(struct project *project, const gl_uuid *account, enum gl_term_kind kind, struct gl_slice name)
{
    const uint64_t now_ms = (uint64_t)loop_unix_ms(project->core->loop);
    const enum gl_op_kind op_kind = kind == GL_TERM_RELATION ? GL_OP_RELATION_CREATE : GL_OP_LABEL_CREATE;
    if (gl_codebook_by_name(project->terms, kind, name))
        return;
    struct project_op op = {
        .id = gl_uuid_v7(now_ms), .account = *account, .asker_role = GL_ANNOTATOR, .is_wanted = true, .is_quiet = true};
    const gl_uuid term = gl_uuid_v7(now_ms);
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(&term, id);
    op.change =
        json_pack("{s:s, s:s, s:s%}", "kind", gl_op_kind_name(op_kind), gl_term_kind_name(kind), id, "name", name.data, name.len);
    gl_uuid key = want_key(&op);
    if (map_put(&project->wanted, &key, project))
        json_decref(op.change);
    else
        project_enqueue(project, &op);
}

/* ---- waiting ops */

void project_enqueue(struct project *project, const struct project_op *op)
{
    struct project_op *kept = mem_alloc(sizeof *kept);
    *kept = *op;
    kept->next = NULL;
    kept->request_hash = gl_op_request_hash(&op->account, op->base, op->change);
    kept->since_ms = loop_now_ms(project->core->loop);
    *project->waiting_tail = kept;
    project->waiting_tail = &kept->next;
    if (op->asker_epoch > 0 && op->asker_epoch < project->epoch)
        project_refresh_account(project, &op->account);
    writer_kick(project->core);
}

void project_op_free(struct project_op **op)
{
    json_decref((*op)->base);
    json_decref((*op)->change);
    json_decref((*op)->facts.meta);
    project_verdict_fini(&(*op)->verdict);
    if ((*op)->end)
        (*op)->end((*op)->ctx);
    mem_free(op);
}

void project_op_done(struct project *project, struct project_op *op, struct op_outcome *outcome)
{
    project_not_wanted(project, op);
    if (op->done && !op->is_answered)
        op->done(op->ctx, outcome);
    json_decref(outcome->data);
    outcome->data = NULL;
    project_op_free(&op);
}

static struct op_outcome failure(enum gl_code code)
{
    struct op_outcome outcome = {.code = code};
    gl_fail(&outcome.err, code, "%s", gl_code_sentence(code));
    if (gl_code_retry(code) == GL_LATER)
        outcome.data = json_pack("{s:i}", "retry_after_ms", RETRY_AFTER_MS);
    return outcome;
}

void project_op_fail(struct project *project, struct project_op *op, enum gl_code code)
{
    struct op_outcome outcome = failure(code);
    project_op_done(project, op, &outcome);
}

void project_op_answer(struct project_op *op, enum gl_code code)
{
    struct op_outcome outcome = failure(code);
    if (op->done && !op->is_answered) {
        op->is_answered = true;
        op->peer = NULL;
        op->done(op->ctx, &outcome);
    }
    json_decref(outcome.data);
}

void project_expire(struct project *project, uint64_t before_ms)
{
    struct project_op **at = &project->waiting;
    while (*at) {
        struct project_op *op = *at;
        if (op->since_ms > before_ms) {
            at = &op->next;
            continue;
        }
        *at = op->next;
        project_op_fail(project, op, GL_E_STORE_DOWN);
    }
    project->waiting_tail = at;
}

void project_sweep(struct core *core, uint64_t now_ms)
{
    struct project *project;
    for (size_t at = 0; (project = map_next(&core->projects, &at));) {
        if (project->must_refresh && project->is_ready)
            project_refresh_roles(project);
        if (project->uses > 0 || project->waiting || project->is_in_flight || project->is_loading || project->refreshing > 0 ||
            !project->is_ready || now_ms - project->idle_since_ms < core->limits.idle_session_ms)
            continue;
        map_remove(&core->projects, &project->id);
        project_free(project);
    }
}

/* ---- loading */

static void new_codebook(struct project *project)
{
    gl_codebook_free(&project->terms);
    if (!(project->terms = gl_codebook_new()))
        abort(); /* as mem.h does */
}

static void take_term(struct project *project, struct gl_slice text)
{
    struct gl_err err = {0};
    json_t *record = NULL;
    enum gl_code code = gl_json_load(text, &record, &err);
    if (code == GL_OK)
        code = gl_codebook_put(project->terms, record, &err);
    if (code != GL_OK)
        log_event(LOG_ERROR, EV_project_term, F_ID("project", &project->id), F_CODE("code", code), F_STR("why", err.detail));
    json_decref(record);
}

void project_set_name(struct project *project, struct gl_slice name)
{
    char *copy = mem_copy(name.data, name.len);
    mem_free(&project->name);
    project->name = copy;
    project->name_slice = gl_slice_of(copy, name.len);
}

static void take(struct project *project, const struct store_project *from)
{
    for (size_t i = MUTATION(term_not_read) && project->head > 0; i < from->record_count; i++)
        take_term(project, from->records[i]);
    gl_codebook_set_open(project->terms, from->is_open);
    project_set_name(project, from->name);
    project->head = from->head;
    project->repaired = from->repaired;
    if (!MUTATION(epoch_not_read) || project->epoch == 0)
        project->epoch = from->epoch;
    project->codebook = from->codebook;
    project->chain = from->chain;
    project->is_open = from->is_open;
    project->others_may_edit = from->others_may_edit;
    project->last_at_ms = from->last_at_ms;
}

static void answer(struct project_waiter *waiter, enum gl_code code, struct project *project)
{
    for (struct project_waiter *next; waiter; waiter = next) {
        next = waiter->next;
        if (project)
            project->uses++;
        waiter->fn(waiter->ctx, code, project);
        mem_free(&waiter);
    }
}

static void load(struct project *project, const gl_uuid *account);

/* Those who asked as the account that it was asked for; all of them, unless it is only hidden from that one. */
static struct project_waiter *take_refused(struct project *project, enum gl_code code)
{
    struct project_waiter **at = &project->waiters, *waiter, *taken = NULL;
    while ((waiter = *at)) {
        if (code == GL_E_NOT_FOUND && !gl_uuid_equal(&waiter->account, &project->load_account)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = taken;
        taken = waiter;
    }
    return taken;
}

static void on_first_load(void *ctx, enum gl_code code, const struct store_project *from)
{
    struct project *project = ctx;
    struct project_waiter *waiters = code == GL_OK ? project->waiters : take_refused(project, code);
    if (code == GL_OK) {
        project->is_loading = false;
        project->waiters = NULL;
        take(project, from);
        project->told = project->head;
        project->told_chain = project->chain;
        project->is_ready = true;
        project->idle_since_ms = loop_now_ms(project->core->loop);
        answer(waiters, GL_OK, project);
        return;
    }
    if (project->waiters) {
        load(project, &project->waiters->account);
    } else {
        map_remove(&project->core->projects, &project->id); /* who asks again in the callback begins anew */
        project_free(project);
    }
    answer(waiters, code, NULL);
}

static void load(struct project *project, const gl_uuid *account)
{
    project->load_account = *account;
    project->is_loading = true;
    store_project_load(project->core->store, &project->load_account, &project->id, 0, on_first_load, project);
}

struct ready {
    struct project *project;
    project_fn fn;
    void *ctx;
};

static void say_ready(void *ctx)
{
    struct ready *ready = ctx;
    ready->fn(ready->ctx, GL_OK, ready->project);
    mem_free(&ready);
}

void project_acquire(struct core *core, const gl_uuid *account, const gl_uuid *id, project_fn fn, void *ctx)
{
    struct project *project = map_get(&core->projects, id);
    if (project && project->is_ready) {
        struct ready *ready = mem_alloc(sizeof *ready);
        *ready = (struct ready){project, fn, ctx};
        project->uses++;
        loop_defer(core->loop, say_ready, ready);
        return;
    }
    struct project_waiter *waiter = mem_alloc(sizeof *waiter);
    *waiter = (struct project_waiter){.fn = fn, .ctx = ctx, .account = *account};
    if (!project) {
        project = mem_alloc(sizeof *project);
        project->core = core;
        project->id = *id;
        project->waiting_tail = &project->waiting;
        new_codebook(project);
        known_init(&project->known, PROJECT_KNOWN);
        map_init(&project->wanted);
        map_put(&core->projects, id, project);
        load(project, account);
    }
    waiter->next = project->waiters;
    project->waiters = waiter;
}

void project_release(struct project *project)
{
    assert(project->uses > 0);
    if (--project->uses == 0)
        project->idle_since_ms = loop_now_ms(project->core->loop);
}

void project_refuse_waiters(struct project *project)
{
    struct project_waiter *waiters = project->waiters;
    project->waiters = NULL;
    answer(waiters, GL_E_STORE_DOWN, NULL);
}

void project_free(struct project *project)
{
    gl_codebook_free(&project->terms);
    map_fini(&project->wanted);
    known_fini(&project->known);
    mem_free(&project->name);
    for (size_t i = 0; i < PROJECT_RECENT; i++)
        frame_unref(&project->recent[i]);
    while (project->waiting) {
        struct project_op *op = project->waiting;
        project->waiting = op->next;
        project_op_free(&op);
    }
    mem_free(&project);
}

/* ---- what others appended, or somebody's right that changed */

static const gl_uuid *any_account(const struct project *project)
{
    struct session *session;
    for (const struct project_op *op = project->waiting; op; op = op->next)
        if (op->asker_role >= GL_VIEWER)
            return &op->account;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        if (session->project == project && session->phase == SESSION_READY && session_any_account(session))
            return session_any_account(session);
    return NULL;
}

struct reload {
    struct project *project;
    gl_uuid account;
    bool is_whole; /* all terms were asked for */
};

/* A moment's pause: what would be judged now would lose the fence, and be read in vain again. */
static void put_off(struct project *project)
{
    struct session *session;
    project->not_before_ms = loop_now_ms(project->core->loop) + READ_BACK_OFF_MS;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        if (session->project == project)
            session->not_before_ms = project->not_before_ms;
}

/* Rows were made again from the log: terms are taken anew, and each session must show that it holds what the log says. */
static void take_repaired(struct project *project, const struct store_project *from)
{
    struct session *session;
    new_codebook(project);
    project->repaired = from->repaired;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        if (session->project == project)
            session->must_prove = true;
}

static void prove_sessions(struct project *project)
{
    struct session *session;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        if (session->project == project && session->must_prove)
            session_must_prove(session);
}

static void on_reloaded(void *ctx, enum gl_code code, const struct store_project *from)
{
    struct reload *reload = ctx;
    struct project *project = reload->project;
    uint64_t epoch = project->epoch;
    if (code == GL_OK && from->repaired != project->repaired && !reload->is_whole) {
        reload->is_whole = true;
        store_project_load(project->core->store, &reload->account, &project->id, 0, on_reloaded, reload);
        return;
    }
    project->is_loading = false;
    if (code == GL_OK && reload->is_whole)
        take_repaired(project, from);
    if (code == GL_OK &&
        (from->head < project->head || (from->head == project->head && !gl_hash_equal(&from->chain, &project->chain)))) {
        project_went_back(project);
    } else if (code == GL_OK) {
        take(project, from);
        if (reload->is_whole)
            prove_sessions(project);
        if (project->epoch != epoch && !MUTATION(roles_not_refreshed))
            project_refresh_roles(project);
        project_deliver_all(project);
        if (project->told < project->head)
            project_reload(project); /* more was appended between the two questions */
        else
            project_heard(project, 0);
    } else if (code == GL_E_NOT_FOUND) { /* hidden from that account: then somebody else must be asked for */
        project_refresh_account(project, &reload->account);
    } else {
        put_off(project);
    }
    project_release(project);
    writer_kick(project->core);
    mem_free(&reload);
}

/* How many of them are in what was loaded, though they have not become a frame: who joined since begins behind these, in no frame's middle. */
static size_t joined_already(const struct project *project, const struct store_tail *tail)
{
    size_t count = 0;
    while (count < tail->count && tail->ops[count].seq <= project->head)
        count++;
    return count;
}

static void push_tail(struct project *project, const struct store_tail *tail, size_t from, size_t to)
{
    if (from == to)
        return;
    struct gl_slice *logged = mem_array(to - from, sizeof *logged);
    for (size_t i = from; i < to; i++)
        logged[i - from] = logged_op(&tail->ops[i]);
    project_push_recent(project, tail->ops[from].seq, &tail->ops[to - 1].chain, logged, to - from);
    for (size_t i = from; i < to; i++)
        free((void *)logged[i - from].data);
    mem_free(&logged);
}

static void on_tail(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct reload *reload = ctx;
    struct project *project = reload->project;
    if (code == GL_OK && (tail->head < project->told || !gl_hash_equal(&tail->chain_before, &project->told_chain))) {
        project->is_loading = false;
        project_went_back(project);
        project_release(project);
        mem_free(&reload);
        return;
    }
    if (code != GL_OK) {
        on_reloaded(reload, code, NULL);
        return;
    }
    if (tail->count > 0) {
        for (size_t i = 0; i < tail->count; i++)
            project_remember(project, &tail->ops[i]);
        const size_t joined = joined_already(project, tail);
        push_tail(project, tail, 0, joined);
        push_tail(project, tail, joined, tail->count);
    }
    store_project_load(project->core->store, &reload->account, &project->id, project->head, on_reloaded, reload);
}

static void on_looked(void *ctx, enum gl_code code, const struct store_head *heads, size_t count)
{
    struct project *project = ctx;
    project->is_looking = false;
    if (code == GL_OK && count > 0 &&
        (heads[0].head != project->head || heads[0].epoch != project->epoch ||
         (heads[0].has_chain && !gl_hash_equal(&heads[0].chain, &project->chain))))
        project_reload(project);
    project_release(project);
    writer_kick(project->core);
}

void project_heard(struct project *project, uint64_t head)
{
    if (head > project->heard)
        project->heard = head;
    if (project->is_loading || project->is_in_flight || !project->is_ready)
        return;
    head = project->heard;
    project->heard = 0;
    if (head > project->head)
        project_reload(project);
}

void project_look(struct project *project)
{
    if (project->is_looking)
        return;
    project->is_looking = true;
    project->uses++;
    store_heads_read(project->core->store, &project->id, 1, on_looked, project);
}

#define MEANWHILE_MS 500

/* Its own append stands in the way of reading it anew, for as long as nobody knows what became of that. Who may see it is asked for all the same. */
static void refresh_roles_meanwhile(struct project *project)
{
    const uint64_t now_ms = loop_now_ms(project->core->loop);
    if (project->refreshing > 0 || now_ms < project->in_flight_since_ms + MEANWHILE_MS ||
        now_ms < project->roles_asked_ms + MEANWHILE_MS)
        return;
    project_refresh_roles(project);
}

void project_reload(struct project *project)
{
    const gl_uuid *account = any_account(project);
    if (project->is_loading || project->is_lost || !project->is_ready || !account)
        return;
    if (project->is_in_flight) {
        refresh_roles_meanwhile(project);
        return;
    }
    struct reload *reload = mem_alloc(sizeof *reload);
    *reload = (struct reload){project, *account, false};
    project->is_loading = true;
    project->uses++;
    store_tail_read(project->core->store, account, &project->id,
                    project->told + (MUTATION(project_op_untold) && project->told > 2), 256,
                    project->core->limits.frame_bytes / 2, on_tail, reload);
}
