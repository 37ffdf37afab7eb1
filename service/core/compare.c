/*
 * compare.c - is what memory has what the database has? Asked every half second, and before anything is judged after a connection was lost.
 *
 * Other workers append, and notifications get lost: then the log is read on. But the database may also have gone back in time, when an asynchronous standby
 * was promoted: then it ends earlier, or has other ops at the same seqs, which the chain shows. A session finds out when it reads the log's tail, and gives
 * up what it has. A project that did takes its sessions with it: their ops were judged under a codebook that is not there any more.
 */
#include "service/core/core_priv.h"

static bool is_otherwise(const struct store_head *stands, uint64_t head, const gl_hash *chain)
{
    return stands->head != head || (stands->has_chain && !gl_hash_equal(&stands->chain, chain));
}

/* ---- sessions */

static bool session_is_quiet(const struct session *session)
{
    return session->phase == SESSION_READY && !session->is_in_flight && !session->is_catching_up && !session->is_looking_up &&
           !session->is_held;
}

static void compare_session(struct session *session, const struct store_head *stands)
{
    const bool is_gone = stands->head == UINT64_MAX;
    if (session->phase != SESSION_READY) /* it may be another one than when this was asked */
        return;
    const bool is_other = is_otherwise(stands, session->state->seq, &session->state->chain) && !MUTATION(notification_trusted);
    if (!is_other && !session->must_prove)
        return;
    if (!is_gone && session_any_account(session))
        session_catch_up(session); /* what we were told may be older than what we have: the tail decides */
    else if (is_other && is_gone && session_is_quiet(session))
        session_went_back(session);
    else if (is_other && session_is_quiet(session) && session_is_idle(session))
        session_unload(
            session); /* nobody is here for whom it could be read: whoever comes reads all of it, whether others went on or time went back */
}

/* ---- projects */

/* False: something of it is under way still. */
static bool is_quiet(const struct project *project)
{
    struct session *session;
    if (project->is_loading || project->is_in_flight || project->is_looking || project->is_asking || project->is_held ||
        project->refreshing > 0)
        return false;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        if (session->project == project && !session_is_quiet(session))
            return false;
    return true;
}

static struct session *session_of(const struct project *project)
{
    struct session *session;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        if (session->project == project)
            return session;
    return NULL;
}

static void give_up(struct project *project)
{
    struct core *core = project->core;
    struct session *session;
    if (!is_quiet(project))
        return; /* the next time */
    log_event(LOG_ERROR, EV_project_diverged, F_ID("project", &project->id), F_U64("seq", project->head));
    map_remove(&core->projects, &project->id);
    project->next_lost = core->lost_projects;
    core->lost_projects = project;
    while ((session = session_of(project)))
        session_went_back(session);
}

void project_went_back(struct project *project)
{
    project->is_lost = true; /* nothing is judged by it any more */
    compare_now(project->core);
}

static void compare_project(struct project *project, const struct store_head *stands)
{
    if (!project->is_ready)
        return;
    const bool is_older =
        stands->head >= project->asked && stands->head < project->head; /* than what was appended since it was asked */
    const bool is_other = !is_older && is_otherwise(stands, project->head, &project->chain);
    if ((is_other || stands->epoch != project->epoch || project->told < project->head) && !project->is_lost) {
        project_reload(project); /* and the tail decides; if there is nobody to read it for, nobody is hurt by reading all anew */
        project->is_lost = is_other && !project->is_loading && !project->is_in_flight &&
                           (stands->head <= project->head || stands->head == UINT64_MAX);
    }
    if (project->is_lost)
        give_up(project);
}

static void fail_waiting(struct project *project)
{
    while (project->waiting) {
        struct project_op *op = project->waiting;
        project->waiting = op->next;
        project_op_fail(project, op, GL_E_RESYNC);
    }
    project->waiting_tail = &project->waiting;
}

void compare_sweep(struct core *core)
{
    struct project **at = &core->lost_projects;
    while (*at) {
        struct project *project = *at;
        fail_waiting(project);
        if (project->uses > 0 || project->is_loading || project->is_in_flight) {
            at = &project->next_lost;
            continue;
        }
        *at = project->next_lost;
        project_free(project);
    }
}

/* ---- asking */

static void compare(struct core *core, const struct store_head *heads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct session *session = map_get(&core->sessions, &heads[i].stream);
        if (session)
            compare_session(session, &heads[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct project *project = map_get(&core->projects, &heads[i].stream);
        if (project)
            compare_project(project, &heads[i]);
    }
    core->compared = core->comparing;
}

/* Until all are compared, nothing is asked anew: an answer is held against what stood when it was asked. */
static void on_heads(void *ctx, enum gl_code code, const struct store_head *heads, size_t count)
{
    struct core *core = ctx;
    const uint64_t compared = core->compared;
    if (code == GL_OK)
        compare(core, heads, count);
    core->poll_is_in_flight = false;
    if (core->must_poll)
        compare_now(core);
    if (core->compared != compared)
        writer_kick(core);
}

/* What is asked about; of projects, where they stand at this moment. */
static size_t streams_in_memory(struct core *core, gl_uuid *ids)
{
    size_t count = 0;
    struct session *session;
    struct project *project;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        if (session->phase == SESSION_READY)
            ids[count++] = session->id;
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        if (project->is_ready) {
            ids[count++] = project->id;
            project->asked = project->head;
        }
    return count;
}

void compare_now(struct core *core)
{
    if (core->poll_is_in_flight) {
        core->must_poll = true;
        return;
    }
    core->must_poll = false;
    gl_uuid *ids = mem_array(core->sessions.count + core->projects.count + 1, sizeof *ids);
    size_t count = streams_in_memory(core, ids);
    core->comparing = store_generation(core->store);
    core->poll_is_in_flight = count > 0;
    if (count > 0)
        store_heads_read(core->store, ids, count, on_heads, core);
    else
        core->compared = core->comparing;
    mem_free(&ids);
}

bool compare_is_done(struct core *core)
{
    if (core->compared == store_generation(core->store))
        return true;
    if (core->comparing != store_generation(core->store) || !core->poll_is_in_flight)
        compare_now(core);
    return core->compared == store_generation(core->store);
}
