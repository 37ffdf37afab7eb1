/*
 * writer.c - group commit: while one append is in flight new ops gather, then everything that waits, in all sessions and projects, becomes the next.
 *
 * There is no timer in the normal way: a kick takes effect in the next turn of the loop, or when the append in flight has its outcome.
 */
#include <assert.h>

#include "service/core/group_priv.h"

#define RETRY_MS           50
#define LOCKED_BACK_OFF_MS 20
#define LEAST_MS           1000 /* that an append may take, however long its ops have waited before */
#define LOSSES_MAX         3    /* in a row, of one stream: then it is appended to under its lock */

void group_add(struct group *group, struct part *part)
{
    if (!part)
        return;
    group->parts = mem_grow(group->parts, &group->cap, group->count + 1, sizeof *group->parts);
    group->parts[group->count++] = part;
}

void group_free(struct group *group)
{
    mem_free(&group->parts);
    mem_free(&group->streams);
    mem_free(&group);
}

/* ---- outcomes */

static void session_lost(struct session *session)
{
    if (++session->fences_lost >= LOSSES_MAX)
        hold_session(session);
}

static void project_lost(struct project *project)
{
    if (++project->fences_lost >= LOSSES_MAX)
        hold_project(project);
}

static void session_outcome(struct part *part)
{
    struct session *session = part->session;
    struct core *core = session->core;
    switch (MUTATION(lost_fence_taken_for_won) ? APPEND_COMMITTED : part->stream.outcome) {
    case APPEND_COMMITTED: part_commit(part); return;
    case APPEND_FOUND: part_found(part); return;
    case APPEND_EXISTS: /* said of projects only */
    case APPEND_FAILED: part_fail(part); return;
    case APPEND_LOCKED:
        part_give_back(part);
        session->not_before_ms = loop_now_ms(core->loop) + LOCKED_BACK_OFF_MS;
        session_lost(session);
        return;
    case APPEND_FENCE_LOST:
        part_give_back(part);
        core->counts.fence_losses++;
        log_event(LOG_DEBUG, EV_append_fence_lost, F_ID("session", &session->id));
        session_lost(session);
        session_catch_up(session);
        project_reload(session->project);
        return;
    }
}

static void project_outcome(struct part *part)
{
    struct project *project = part->project;
    if (part->stream.outcome == APPEND_COMMITTED) {
        project->fences_lost = 0;
        project_part_commit(part);
        return;
    }
    if (part->stream.outcome == APPEND_EXISTS || part->stream.outcome == APPEND_FAILED) {
        project_part_fail(part, part->stream.outcome == APPEND_EXISTS ? GL_E_EXISTS : GL_E_INTERNAL);
        return;
    }
    if (part->stream.outcome == APPEND_FOUND) {
        project_part_found(part);
        return;
    }
    enum append_outcome outcome = part->stream.outcome;
    project_part_give_back(part);
    project_lost(project);
    if (outcome == APPEND_LOCKED)
        project->not_before_ms = loop_now_ms(project->core->loop) + LOCKED_BACK_OFF_MS;
    else
        project_reload(project);
    project->core->counts.fence_losses += outcome == APPEND_FENCE_LOST;
}

/* The other workers read what they lack. And whoever was told of others' appends while this one was under way looks now. */
static void tell(struct core *core, const struct append_stream *streams, size_t count)
{
    struct store_head *moved = mem_array(count, sizeof *moved);
    size_t moved_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct session *session = map_get(&core->sessions, &streams[i].stream);
        struct project *project = map_get(&core->projects, &streams[i].stream);
        if (streams[i].outcome == APPEND_COMMITTED)
            moved[moved_count++] =
                (struct store_head){.stream = streams[i].stream, .head = streams[i].expected_head + streams[i].op_count};
        if (session)
            session_heard(session, 0);
        if (project)
            project_heard(project, 0);
    }
    if (moved_count > 0 && !MUTATION(others_not_told))
        store_notify(core->store, moved, moved_count);
    mem_free(&moved);
}

void group_settle(struct group *group, enum gl_code code, struct append_stream *streams)
{
    struct core *core = group->core;
    for (size_t i = 0; i < group->count; i++) { /* projects stand first: labels are told before the ops that name them */
        struct part *part = group->parts[i];
        part->stream = streams[i];
        if (MUTATION(outcome_of_another) && group->count > 1)
            part->stream.outcome = streams[group->count - 1 - i].outcome;
        if (part->project)
            (code == GL_OK ? project_outcome : project_part_give_back)(part);
        else
            (code == GL_OK || MUTATION(failed_append_taken_for_done) ? session_outcome : part_give_back)(part);
    }
    if (code == GL_OK)
        tell(core, streams, group->count);
    group_free(group);
    if (code != GL_OK)
        loop_timer_start(core->retry, RETRY_MS, 0);
    else
        writer_kick(core);
    core_look_drained(core);
}

static void on_appended(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct group *group = ctx;
    assert(group->count == count);
    group->core->append_is_in_flight = false;
    group->core->group = NULL;
    group_settle(group, code, streams);
}

/* ---- building one */

bool project_may(const struct project *project)
{
    return project->is_ready && !project->is_lost && !project->is_loading && !project->is_looking && !project->is_asking &&
           project->refreshing == 0 && !project->must_refresh;
}

static bool session_may(const struct session *session, uint64_t now_ms)
{
    return session->waiting && session->phase == SESSION_READY && !session->is_held && !session->is_in_flight &&
           !session->is_catching_up && !session->is_looking_up && !session->must_prove && session->not_before_ms <= now_ms &&
           project_may(session->project);
}

/* Whether somebody's ops were answered without an append, and more of them wait: then nothing but us will come back to them. */
static bool gather(struct core *core, struct group *group)
{
    uint64_t now_ms = loop_now_ms(core->loop);
    bool has_more = false;
    size_t left = core->limits.append_max_ops;
    struct project *project;
    struct session *session;
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        if (project->waiting && !project->is_held && !project->is_in_flight && project->not_before_ms <= now_ms &&
            project_may(project))
            group_add(group, part_from_project(project));
    size_t at = core->gather_at < core->sessions.cap ? core->gather_at : 0;
    for (size_t seen = 0; left > 0 && seen < core->sessions.count; seen++) {
        if (!(session = map_next(&core->sessions, &at))) {
            at = 0;
            session = map_next(&core->sessions, &at);
        }
        session_refresh_if_free(session);
        const struct waiting_op *first = session->waiting;
        struct part *part = session_may(session, now_ms) ? part_from_session(session, left) : NULL;
        has_more |= session->waiting && session->waiting != first && session_may(session, now_ms);
        left -= !part ? 0 : part->row_count < left ? part->row_count : left;
        group_add(group, part);
    }
    core->gather_at = at;
    return has_more;
}

static bool anybody_waits(struct core *core)
{
    struct session *session;
    struct project *project;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        if (session->waiting && session->not_before_ms > 0)
            return true;
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        if (project->waiting && project->not_before_ms > 0)
            return true;
    return false;
}

static void write_group(void *ctx)
{
    struct core *core = ctx;
    core->writer_is_scheduled = false;
    if (core->append_is_in_flight)
        return;
    if (!store_is_up(core->store) || !compare_is_done(core)) {
        loop_timer_start(core->retry, RETRY_MS, 0);
        return;
    }
    struct group *group = mem_alloc(sizeof *group);
    group->core = core;
    const bool has_more = gather(core, group);
    if (group->count == 0) {
        group_free(group);
        if (has_more)
            writer_kick(core);
        else if (anybody_waits(core))
            loop_timer_start(core->retry, LOCKED_BACK_OFF_MS, 0);
        core_look_drained(core);
        return;
    }
    group->started_ms = loop_now_ms(core->loop);
    group->streams = mem_array(group->count, sizeof *group->streams);
    for (size_t i = 0; i < group->count; i++)
        group->streams[i] = group->parts[i]->stream;
    core->append_is_in_flight = true;
    core->group = group;
    store_append(core->store, group->streams, group->count, on_appended, group);
}

void writer_kick(struct core *core)
{
    hold_kick(core);
    if (core->writer_is_scheduled || core->append_is_in_flight)
        return;
    core->writer_is_scheduled = true;
    loop_defer(core->loop, write_group, core);
}

void writer_kick_from_timer(void *core)
{
    writer_kick(core);
}

static void each_in_flight(const struct group *group, const struct project *project, void (*fn)(void *ctx, struct waiting_op *op),
                           void (*fn_of_project)(void *ctx, struct project_op *op), void *ctx)
{
    for (size_t i = 0; group && i < group->count; i++) {
        const struct part *part = group->parts[i];
        for (struct project_op *op = part->project == project ? part->project_ops : NULL; op; op = op->next)
            fn_of_project(ctx, op);
        for (size_t k = 0; part->session && part->session->project == project && k < part->tried_count; k++)
            fn(ctx, part->tried[k].op);
    }
}

void writer_each_op(const struct project *project, void (*fn)(void *ctx, struct waiting_op *op),
                    void (*fn_of_project)(void *ctx, struct project_op *op), void *ctx)
{
    const struct core *core = project->core;
    struct session *session;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        for (struct waiting_op *op = session->project == project ? session->waiting : NULL; op; op = op->next)
            fn(ctx, op);
    for (struct project_op *op = project->waiting; op; op = op->next)
        fn_of_project(ctx, op);
    each_in_flight(core->group, project, fn, fn_of_project, ctx);
    each_in_flight(hold_group(core), project, fn, fn_of_project, ctx);
}

/* ---- deadlines of our own: nobody waits for ever */

static void expire(struct waiting_op *op, enum gl_code code)
{
    struct op_outcome outcome = {.code = code};
    if (!op->submit)
        return;
    gl_fail(&outcome.err, code, "%s", gl_code_sentence(code));
    outcome.data = json_pack("{s:i}", "retry_after_ms", RETRY_AFTER_MS);
    submit_settle(op, &outcome);
}

static void expire_waiting(struct session *session, uint64_t before_ms)
{
    struct waiting_op **at = &session->waiting;
    while (*at) {
        struct waiting_op *op = *at;
        if (op->since_ms > before_ms && submit_is_awaited(op->submit)) { /* whose peer is gone leave their memory, too */
            at = &op->next;
            continue;
        }
        *at = op->next;
        expire(op, GL_E_STORE_DOWN);
        waiting_op_free(&op);
    }
    session->waiting_tail = at;
}

static void expire_in_flight(struct group *group, uint64_t before_ms, uint64_t started_before_ms)
{
    if (!group || group->started_ms > started_before_ms)
        return;
    for (size_t i = 0; i < group->count; i++) {
        const struct part *part = group->parts[i];
        for (size_t k = 0; part->session && k < part->tried_count; k++)
            if (part->tried[k].op->since_ms <= before_ms)
                expire(part->tried[k].op, MUTATION(unknown_said_refused) ? GL_E_GONE : GL_E_UNKNOWN_OUTCOME);
        for (struct project_op *op = part->project_ops; op; op = op->next)
            if (op->since_ms <= before_ms)
                project_op_answer(op, GL_E_UNKNOWN_OUTCOME);
    }
}

/* before_ms: of whatever was asked before. Nothing that was sent to the store after started_before_ms is given up: it had no chance yet. */
static void expire_before(struct core *core, uint64_t before_ms, uint64_t started_before_ms)
{
    struct session *session;
    struct project *project;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        session_expire(session, before_ms);
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        expire_waiting(session, before_ms);
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        project_expire(project, before_ms);
    expire_in_flight(core->group, before_ms, started_before_ms);
    expire_in_flight(hold_group(core), before_ms, started_before_ms);
}

void writer_expire(struct core *core, uint64_t now_ms)
{
    const uint64_t append_ms = core->limits.append_ms, least_ms = append_ms < LEAST_MS ? append_ms : LEAST_MS;
    if (now_ms >= append_ms)
        expire_before(core, now_ms - append_ms, now_ms - least_ms);
}

void writer_expire_all(struct core *core)
{
    expire_before(core, UINT64_MAX, UINT64_MAX);
}

static void give_back(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->parts[i]->session)
            part_give_back(group->parts[i]);
        else
            project_part_give_back(group->parts[i]);
    }
    group_free(group);
}

void writer_free(struct core *core)
{
    struct group *held = hold_group(core);
    if (core->group)
        give_back(core->group);
    if (held)
        give_back(held);
    core->group = NULL;
    hold_free(core);
}
