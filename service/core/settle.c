/*
 * settle.c - what becomes of an append: of each stream in it, of who waits for an answer, of the next one, of whoever must hear of it.
 *
 * When it has committed, the backend gets what waits before anybody is told; when it has not, its ops wait again, in their order.
 */
#include "service/core/group_priv.h"

#define FAILURES_FREE      3   /* in a row, after which it is tried less often */
#define RETRY_LAST_MS      800 /* of a database that answers, but cannot write: its disk may be full, and each try fills its log */
#define LOCKED_BACK_OFF_MS 20
#define LOSSES_MAX         3 /* in a row, of one stream: then it is appended to under its lock */

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

/* True: it is committed, and has still to be told. */
static bool session_outcome(struct part *part)
{
    struct session *session = part->session;
    struct core *core = session->core;
    switch (MUTATION(lost_fence_taken_for_won) ? APPEND_COMMITTED : part->stream.outcome) {
    case APPEND_COMMITTED:
        session->has_waited = false;
        part_apply(part);
        return true;
    case APPEND_FOUND: part_found(part); break;
    case APPEND_EXISTS: /* said of projects only */
    case APPEND_FAILED: part_fail(part); break;
    case APPEND_LOCKED:
        session->has_waited |= part->stream.has_waited;
        part_give_back(part);
        session->not_before_ms = loop_now_ms(core->loop) + LOCKED_BACK_OFF_MS;
        session_lost(session);
        break;
    case APPEND_FENCE_LOST:
        part_give_back(part);
        core->counts.fence_losses++;
        log_event(LOG_DEBUG, EV_append_fence_lost, F_ID("session", &session->id));
        if (session->project->is_in_flight) /* perhaps to what that does, and until it has come back nobody knows */
            session->not_before_ms = loop_now_ms(core->loop) + PATIENCE_MS;
        else
            session_lost(session);
        session_catch_up(session);
        project_reload(session->project);
        break;
    }
    return false;
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

/* Of what is committed: the backend has the next group by now, if there is one. */
static void deliver(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct part *part = group->parts[i];
        if (!part)
            continue;
        if (!part->session->is_in_flight)
            ahead_give_back(part->session); /* it could not go */
        part_deliver(part);
    }
}

/* What was lost with a connection is tried as soon as there is one; what the database itself refuses, less and less often while nothing goes through. */
static void note_outcome(struct core *core, enum gl_code code)
{
    core->failures = code == GL_OK || !store_is_up(core->store) ? 0 : core->failures + 1;
    const unsigned more = core->failures < FAILURES_FREE ? 0 : core->failures - FAILURES_FREE + 1;
    const uint64_t delay_ms = more < 8 && RETRY_MS << more < RETRY_LAST_MS ? RETRY_MS << more : RETRY_LAST_MS;
    core->write_not_before_ms = more > 0 ? loop_now_ms(core->loop) + delay_ms : 0;
    if (code != GL_OK)
        loop_timer_start(core->retry, delay_ms, 0);
}

/* When all that was in this append waits again, or is done: so that nobody is left out who asked for some of it. */
static void refresh_roles(struct core *core)
{
    struct project *project;
    for (size_t at = 0; (project = map_next(&core->projects, &at));) {
        if (!project->member_was_set)
            continue;
        project->member_was_set = false;
        project_refresh_roles(project);
    }
}

void group_settle(struct group *group, enum gl_code code, struct append_stream *streams)
{
    struct core *core = group->core;
    for (size_t i = 0; i < group->count; i++) { /* projects stand first: labels are told before the ops that name them */
        struct part *part = group->parts[i];
        bool is_told = true;
        part->stream = streams[i];
        if (MUTATION(outcome_of_another) && group->count > 1)
            part->stream.outcome = streams[group->count - 1 - i].outcome;
        if (part->project)
            (code == GL_OK ? project_outcome : project_part_give_back)(part);
        else if (code == GL_OK || MUTATION(failed_append_taken_for_done))
            is_told = !session_outcome(part);
        else
            part_give_back(part);
        group->parts[i] = is_told ? NULL : part;
    }
    note_outcome(core, code);
    if (code == GL_OK)
        share_settled(core, loop_now_ms(core->loop) - group->started_ms);
    refresh_roles(core);
    if (code == GL_OK)
        writer_write(core); /* the backend works on what waits, in whatever session, while this is told */
    deliver(group);
    if (code == GL_OK)
        tell(core, streams, group->count);
    group_free(group);
    if (code == GL_OK)
        writer_kick(core);
    core_look_drained(core);
}
