/*
 * ahead.c - the next part of a session, judged while the one before is being committed.
 *
 * A session is a chain, judged in order by one worker and appended in order by one backend. So that these two need not take turns, what waits is judged upon
 * what is in flight as if that had committed already, and goes as soon as it has, before it is delivered. Nobody sees or hears anything of it before. Whatever
 * it supposed must have come true then: that the log ends where it said, and that project, rights and those who asked are as they were. If anything is not,
 * it waits again, and is judged by what is true. So it is when something in it is not simply accepted: a refusal, a label that is not there, what comes twice.
 * Reasons and figures: service/decisions/judging.md.
 *
 * Owns      session->ahead, one part at most, while another one of that session is in flight; all of them together have no more ops than an append.
 */
#include "service/core/group_priv.h"

#define LEAST_OPS 8 /* that wait; fewer are judged as soon in their turn */

void ahead_give_back(struct session *session)
{
    struct part *part = session->ahead;
    if (!part)
        return;
    session->ahead = NULL;
    session->core->counts.ops_ahead_again += part->tried_count;
    part_undo(part);
}

const gl_uuid *ahead_any_account(const struct session *session)
{
    const struct part *part = session->ahead;
    for (size_t i = 0; part && i < part->tried_count; i++)
        if (part->tried[i].op->role >= GL_VIEWER)
            return &part->tried[i].op->account;
    return NULL;
}

/* ---- judging it */

static struct part *begin(struct session *session, const struct part *in_flight)
{
    const struct project *project = session->project;
    struct part *part = part_new(session, in_flight);
    part->ahead = (struct ahead){.seq = in_flight->view.seq,
                                 .chain = in_flight->view.chain,
                                 .epoch = project->epoch,
                                 .project_head = project->head,
                                 .repaired = project->repaired};
    return part;
}

static bool is_same_project(const struct part *part)
{
    const struct project *project = part->session->project;
    if (MUTATION(ahead_kept_by_old_rights))
        return true;
    return part->ahead.epoch == project->epoch && part->ahead.project_head == project->head &&
           part->ahead.repaired == project->repaired;
}

static bool has_enough(const struct session *session)
{
    const size_t least = session->core->limits.ahead_ops > 0 ? session->core->limits.ahead_ops : LEAST_OPS;
    size_t count = 0;
    for (const struct waiting_op *op = session->waiting; op && count < least; op = op->next)
        count++;
    return count >= least;
}

/* An erasure is of the log, too, and what comes behind it is judged when it is there. */
static bool may_judge(const struct part *in_flight)
{
    const struct session *session = in_flight->session;
    return in_flight->erased_count == 0 && !session->must_prove && project_may(session->project) && quota_may_judge(session) &&
           (session->ahead || has_enough(session));
}

static size_t ops_of(const struct session *session)
{
    return session->ahead ? session->ahead->tried_count : 0;
}

/* Those of this session, of which so many more may be judged. */
static void judge_behind(const struct part *in_flight, size_t left)
{
    struct session *session = in_flight->session;
    const size_t budget = share_ahead(session->core, ops_of(session) + left);
    if (session->ahead && !is_same_project(session->ahead))
        ahead_give_back(session);
    if (session->ahead && (session->ahead->ahead.is_over || ops_of(session) >= budget))
        return;
    session_drop_abandoned(session);
    words_set_aside(session);
    if (!session->waiting || session_goes_alone(session) || !may_judge(in_flight))
        return;
    if (!session->ahead)
        session->ahead = begin(session, in_flight);
    session_set_busy(session);
    session->ahead->ahead.budget = budget;
    part_judge(session->ahead, budget);
}

static size_t ops_behind(const struct group *group)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++)
        count += group->parts[i]->session ? ops_of(group->parts[i]->session) : 0;
    return count;
}

void ahead_judge(struct core *core)
{
    const size_t most = core->limits.append_max_ops;
    size_t count = 0;
    for (const struct group *group = core->groups; group; group = group->next)
        count += ops_behind(group);
    for (const struct group *group = core->groups; group; group = group->next)
        for (size_t i = 0; i < group->count && count < most; i++) {
            const struct session *session = group->parts[i]->session;
            if (!session || !session->waiting)
                continue;
            count -= ops_of(session);
            judge_behind(group->parts[i], most - count - ops_of(session));
            count += ops_of(session);
        }
}

/* ---- sending it */

void ahead_stands(const struct session *session)
{
    struct part *part = session->ahead;
    if (!part)
        return;
    part->upon = NULL;
    judge_view_stands(&part->view);
}

static bool is_awaited(const struct part *part)
{
    for (size_t i = 0; i < part->tried_count; i++)
        if (!submit_is_awaited(part->tried[i].op->submit) && !MUTATION(abandoned_judged))
            return false;
    return true;
}

/* All that it supposed is so. */
static bool has_come_true(const struct part *part)
{
    const struct gl_state *state = part->session->state;
    if (MUTATION(ahead_kept_after_a_lost_fence))
        return true;
    return !part->upon && part->ahead.seq == state->seq && gl_hash_equal(&part->ahead.chain, &state->chain) &&
           is_same_project(part) && is_awaited(part) && (part->view.grown <= 0 || part->view.grown <= part->room);
}

struct part *ahead_take(struct session *session, size_t budget)
{
    struct part *part = session->ahead;
    if (part)
        part->room = quota_room(session->project);
    if (part && ((part->tried_count > budget && part->ahead.budget > budget) || !has_come_true(part))) {
        ahead_give_back(session);
        part = NULL;
    }
    session->ahead = NULL;
    session->core->counts.ops_ahead += part ? part->tried_count : 0;
    return part;
}
