/*
 * writer.c - group commit: while an append is in flight new ops gather, then everything that waits, in all sessions, becomes the next.
 *
 * There is no timer in the normal way: a kick takes effect in the next turn of the loop, or when what is in flight has its outcome. But nobody waits longer than
 * PATIENCE_MS for others: an append whose backend stands still, or whose outcome must be found out, keeps its own streams and one connection, and the rest goes on
 * over the others. What may meet a stranger's lock (projects, redacts, whoever met one) goes in an append of its own from the start, while there is a connection
 * left for the rest.
 */
#include <assert.h>

#include "service/core/group_priv.h"

#define LEAST_MS 1000 /* that an append may take, however long its ops have waited before */

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

static void on_appended(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct group *group = ctx, **at = &group->core->groups;
    assert(group->count == count);
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    group_settle(group, code, streams);
}

/* ---- building one */

/* What was read of it must have become frames first: what is appended now becomes the next one. */
bool project_may(const struct project *project)
{
    return project->is_ready && !project->is_lost && !project->is_loading && project->told >= project->head &&
           !project->is_looking && !project->is_asking && project->refreshing == 0 && !project->must_refresh;
}

static bool session_may(const struct session *session, uint64_t now_ms)
{
    return (session->waiting || session->ahead) && session->phase == SESSION_READY && !session->is_held &&
           !session->is_in_flight && !session->is_catching_up && !session->is_looking_up && !session->must_prove &&
           session->not_before_ms <= now_ms && project_may(session->project) && quota_may_judge(session);
}

static bool project_has_work(const struct project *project, uint64_t now_ms)
{
    return project->waiting && !project->is_held && !project->is_in_flight && project->not_before_ms <= now_ms &&
           project_may(project);
}

/* Round and round from where the last one ended. */
static void *next_in_turn(const struct map *map, size_t *at)
{
    void *next = map_next(map, at);
    if (!next) {
        *at = 0;
        next = map_next(map, at);
    }
    return next;
}

void session_set_busy(struct session *session)
{
    if (session->is_busy)
        return;
    session->is_busy = true;
    TAILQ_INSERT_TAIL(&session->core->busy, session, of_busy);
    session->core->busy_count++;
}

void session_unset_busy(struct session *session)
{
    if (!session->is_busy)
        return;
    session->is_busy = false;
    TAILQ_REMOVE(&session->core->busy, session, of_busy);
    session->core->busy_count--;
}

/* The first of those that may have something to do, which goes behind the others, or leaves them: so who was not come to is first the next time. */
static struct session *next_busy(struct core *core)
{
    struct session *session = TAILQ_FIRST(&core->busy);
    session_unset_busy(session);
    if (session->waiting || session->ahead || session->catch_waiters)
        session_set_busy(session);
    return session;
}

struct gathering {
    struct core *core;
    uint64_t now_ms;
    bool
        has_more; /* somebody's ops were answered without an append, and more of them wait: then nothing but us will come back to them */
};

static struct part *take_session(struct gathering *of, struct session *session, size_t budget)
{
    const struct waiting_op *first = session->waiting;
    struct part *part = part_from_session(session, budget);
    of->has_more |= session->waiting && session->waiting != first && session_may(session, of->now_ms);
    return part;
}

static void gather(struct gathering *of, struct group *group, bool with_alone)
{
    struct core *core = of->core;
    size_t left = core->limits.append_max_ops;
    share_next_append(core);
    struct project *project;
    struct session *session;
    for (size_t at = 0; with_alone && (project = map_next(&core->projects, &at));)
        if (project_has_work(project, of->now_ms))
            group_add(group, part_from_project(project));
    for (size_t seen = 0, count = core->busy_count; left > 0 && seen < count; seen++) {
        session = next_busy(core);
        session_refresh_if_free(session);
        if (!session_may(session, of->now_ms) || (session_goes_alone(session) && !with_alone))
            continue;
        struct part *part = take_session(of, session, share_of(session, left));
        share_taken(core, session);
        left -= !part ? 0 : part->row_count < left ? part->row_count : left;
        group_add(group, part);
    }
}

static bool anybody_waits(struct core *core)
{
    struct session *session;
    struct project *project;
    TAILQ_FOREACH(session, &core->busy, of_busy)
    if (session->waiting && session->not_before_ms > 0)
        return true;
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        if (project->waiting && project->not_before_ms > 0)
            return true;
    return false;
}

/* False: there was nothing in it. */
static bool send(struct group *group)
{
    struct core *core = group->core;
    if (group->count == 0) {
        group_free(group);
        return false;
    }
    group->started_ms = loop_now_ms(core->loop);
    group->streams = mem_array(group->count, sizeof *group->streams);
    for (size_t i = 0; i < group->count; i++)
        group->streams[i] = group->parts[i]->stream;
    group->next = core->groups;
    core->groups = group;
    store_append(core->store, group->streams, group->count, on_appended, group);
    return true;
}

static struct group *group_new(struct core *core)
{
    struct group *group = mem_alloc(sizeof *group);
    group->core = core;
    return group;
}

static bool send_part(struct core *core, struct part *part)
{
    struct group *group = group_new(core);
    group_add(group, part);
    return send(group);
}

/* At most so many. Those of sessions first: a redact waits seldom, and a project may have something all the time. */
static unsigned send_alone(struct gathering *of, unsigned most)
{
    struct core *core = of->core;
    unsigned sent = 0;
    for (size_t seen = 0, count = core->busy_count; sent < most && seen < count; seen++) {
        struct session *session = next_busy(core);
        if (!session_goes_alone(session))
            continue;
        session_refresh_if_free(session);
        if (session_may(session, of->now_ms))
            sent += send_part(core, take_session(of, session, core->limits.append_max_ops));
    }
    size_t at = core->alone_at < core->projects.cap ? core->alone_at : 0;
    for (size_t seen = 0; sent < most && seen < core->projects.count; seen++) {
        struct project *project = next_in_turn(&core->projects, &at);
        if (project_has_work(project, of->now_ms))
            sent += send_part(core, part_from_project(project));
    }
    core->alone_at = at;
    return sent;
}

/* How long what is in flight may still keep the others waiting. */
static uint64_t patience_left(const struct core *core, uint64_t now_ms)
{
    uint64_t left = 0;
    for (const struct group *group = core->groups; group; group = group->next) {
        const uint64_t until_ms = group->started_ms + PATIENCE_MS;
        left = until_ms > now_ms && until_ms - now_ms > left ? until_ms - now_ms : left;
    }
    return left;
}

/* False: there was nothing to send. */
static bool write_groups(struct gathering *of)
{
    struct core *core = of->core;
    unsigned idle, all = store_writers(core->store, &idle), sent = 0;
    const bool is_free = idle > 0 || !core->groups, has_one_way = all <= 1 || (idle <= 1 && !core->groups);
    if (idle > 1)
        sent = send_alone(of, idle - 1);
    if (is_free) {
        struct group *group = group_new(core);
        gather(of, group, has_one_way);
        sent += send(group);
    }
    if (of->has_more)
        writer_kick(core);
    else if (core->groups || anybody_waits(core))
        loop_timer_start(core->retry, PATIENCE_MS, 0); /* who could not go now, or must not be waited for */
    return sent > 0;
}

bool writer_write(struct core *core)
{
    struct gathering of = {.core = core, .now_ms = loop_now_ms(core->loop)};
    const uint64_t patience_ms = patience_left(core, of.now_ms);
    const uint64_t pause_ms = core->write_not_before_ms > of.now_ms ? core->write_not_before_ms - of.now_ms : 0;
    const uint64_t left_ms = patience_ms > pause_ms ? patience_ms : pause_ms;
    if (left_ms > 0)
        loop_timer_start(core->retry, left_ms, 0);
    else if (!store_is_up(core->store) || !compare_is_done(core))
        loop_timer_start(core->retry, RETRY_MS, 0);
    else
        return write_groups(&of);
    return true;
}

static void write_now(void *ctx)
{
    struct core *core = ctx;
    core->writer_is_scheduled = false;
    if (!writer_write(core))
        core_look_drained(core);
    ahead_judge(core);
}

void writer_kick(struct core *core)
{
    hold_kick(core);
    if (core->writer_is_scheduled)
        return;
    core->writer_is_scheduled = true;
    loop_defer(core->loop, write_now, core);
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
    for (size_t at = 0; (session = map_next(&core->sessions, &at));) {
        if (session->project != project)
            continue;
        words_take_back(session);
        if (!MUTATION(ahead_kept_by_old_rights))
            ahead_give_back(session);
        for (struct waiting_op *op = session->waiting; op; op = op->next)
            fn(ctx, op);
    }
    for (struct project_op *op = project->waiting; op; op = op->next)
        fn_of_project(ctx, op);
    for (const struct group *group = core->groups; group; group = group->next)
        each_in_flight(group, project, fn, fn_of_project, ctx);
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
    words_take_back(session);
    ahead_give_back(session);
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
    for (struct group *group = core->groups; group; group = group->next)
        expire_in_flight(group, before_ms, started_before_ms);
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
    for (struct group *group = core->groups, *next; group; group = next) {
        next = group->next;
        give_back(group);
    }
    if (held)
        give_back(held);
    core->groups = NULL;
    hold_free(core);
}
