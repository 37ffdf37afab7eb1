/*
 * hold.c - one stream appended to under its row's lock, because its fence was lost several times in a row.
 *
 * The fence lets whoever is fastest go first. A worker far from the database, or one among many, could lose it for ever. So after three losses it waits for
 * the row like anybody, reads what it lacks while nobody else can append, judges, and appends in the same transaction. One stream at a time, on a connection
 * of its own: everything else goes on in the writer's groups. The lock makes way and nothing more; whether the append counts is decided by the fence.
 */
#include "service/core/group_priv.h"

#define HOLD_MS 1000 /* from the lock to the append: others wait meanwhile */

struct hold {
    struct core *core;
    struct session *session; /* or */
    struct project *project;
    struct loop_timer *deadline;
    struct group *group; /* being appended */
    bool is_locked, is_late;
    bool must_read, is_reading; /* the log, as it is under the lock */
    bool is_scheduled;
};

static void step(void *ctx);

struct group *hold_group(const struct core *core)
{
    return core->hold ? core->hold->group : NULL;
}

/* ---- its end */

static void forget(struct core *core)
{
    struct hold *hold = core->hold;
    core->hold = NULL;
    loop_timer_free(&hold->deadline);
    if (hold->session) {
        hold->session->is_held = false;
        session_release(hold->session);
    } else {
        hold->project->is_held = false;
        project_release(hold->project);
    }
    mem_free(&hold);
}

static void let_go(struct core *core)
{
    if (core->hold->is_locked)
        store_release(core->store);
    forget(core);
    writer_kick(core);
    core_look_drained(core);
}

void hold_free(struct core *core)
{
    if (core->hold)
        forget(core);
}

/* ---- under the lock */

static void on_appended(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct group *group = ctx;
    (void)count;
    forget(group->core);
    group_settle(group, code, streams);
}

static void append(struct hold *hold, struct part *part)
{
    struct group *group = mem_alloc(sizeof *group);
    group->core = hold->core;
    group->started_ms = loop_now_ms(hold->core->loop);
    group_add(group, part);
    group->streams = mem_array(1, sizeof *group->streams);
    group->streams[0] = part->stream;
    hold->group = group;
    store_hold_append(hold->core->store, group->streams, on_appended, group);
}

static void on_read(void *ctx, enum gl_code code, struct session *session)
{
    struct core *core = ctx;
    struct hold *hold = core->hold;
    if (!hold || hold->session != session) /* it was let go meanwhile */
        return;
    hold->is_reading = false;
    hold->is_late |= code != GL_OK;
    hold_kick(core);
}

/* False: nobody is left to read it for. */
static bool read_session(struct hold *hold)
{
    const gl_uuid *account = session_any_account(hold->session);
    if (!account)
        return false;
    const gl_uuid reader = *account;
    hold->must_read = false;
    hold->is_reading = true;
    project_look(hold->session->project); /* the fence compares the project's epoch as well */
    session_refresh(hold->session, &reader, on_read, hold->core);
    return true;
}

/* True: there is something to wait for. */
static bool step_session(struct hold *hold)
{
    struct session *session = hold->session;
    if (session->phase != SESSION_READY || !session->waiting)
        return false;
    if (session->is_catching_up || session->is_looking_up || session->must_prove || hold->is_reading ||
        !project_may(session->project) || !quota_may_judge(session))
        return true;
    if (hold->must_read)
        return read_session(hold);
    const struct waiting_op *first = session->waiting;
    struct part *part = part_from_session(session, hold->core->limits.append_max_ops);
    if (part)
        append(hold, part);
    else if (session->waiting && session->waiting != first) /* some were answered without an append */
        hold_kick(hold->core);
    return part || session->waiting;
}

static bool step_project(struct hold *hold)
{
    struct project *project = hold->project;
    if (!project->waiting)
        return false;
    if (!project_may(project))
        return true;
    if (hold->must_read) {
        hold->must_read = false;
        project_reload(project);
        return project->is_loading;
    }
    if (project->not_before_ms > loop_now_ms(hold->core->loop))
        return false; /* it could not be read: what is appended now would lose the fence again */
    struct part *part = part_from_project(project);
    if (part)
        append(hold, part);
    return part || !project_may(project); /* it asks the store something first */
}

static void step(void *ctx)
{
    struct core *core = ctx;
    struct hold *hold = core->hold;
    if (!hold || !hold->is_scheduled)
        return;
    hold->is_scheduled = false;
    if (!hold->is_locked || hold->group)
        return;
    if (hold->is_late || !(hold->session ? step_session : step_project)(hold))
        let_go(core);
}

void hold_kick(struct core *core)
{
    if (!core->hold || core->hold->is_scheduled)
        return;
    core->hold->is_scheduled = true;
    loop_defer(core->loop, step, core);
}

/* ---- its beginning */

static void on_deadline(void *ctx)
{
    struct core *core = ctx;
    core->hold->is_late = true;
    hold_kick(core);
}

static void on_locked(void *ctx, enum gl_code code)
{
    struct core *core = ctx;
    struct hold *hold = core->hold;
    if (code != GL_OK) {
        let_go(core);
        return;
    }
    hold->is_locked = true;
    hold->must_read = true;
    core->counts.holds++;
    loop_timer_start(hold->deadline, HOLD_MS, 0);
    hold_kick(core);
}

static struct hold *hold_new(struct core *core, const gl_uuid *stream)
{
    if (core->hold || !store_hold(core->store, stream, on_locked, core))
        return NULL;
    struct hold *hold = mem_alloc(sizeof *hold);
    hold->core = core;
    hold->deadline = loop_timer_new(core->loop, on_deadline, core);
    core->hold = hold;
    return hold;
}

void hold_session(struct session *session)
{
    struct hold *hold = hold_new(session->core, &session->id);
    if (!hold)
        return;
    hold->session = session;
    session->is_held = true;
    session->uses++;
}

void hold_project(struct project *project)
{
    struct hold *hold = hold_new(project->core, &project->id);
    if (!hold)
        return;
    hold->project = project;
    project->is_held = true;
    project->uses++;
}
