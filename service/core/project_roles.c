/* project_roles.c - who may do what, read anew when the project's epoch moved; and project.ops to everybody who has joined one of its sessions. */
#include "service/core/core_priv.h"

struct refresh {          /* a question after somebody's role */
    struct refresh *next; /* of those that have no answer yet, the latest first */
    struct project *project;
    gl_uuid account;
    uint64_t epoch;   /* the project's when it was asked */
    bool is_outdated; /* a later one has been answered */
};

void subscription_set_role(struct subscription *subscription, enum gl_role role)
{
    struct gl_session_notice_notice notice = {.session = subscription->session->id, .what = GL_SLICE("rights")};
    if (subscription->role == role)
        return;
    if (!MUTATION(joined_keep_role) || role == GL_NOBODY)
        subscription->role = role;
    notice.has_role = role >= GL_VIEWER;
    if (notice.has_role)
        notice.role = gl_slice_str(gl_role_name(role));
    send_session_notice(subscription->peer, &notice);
    if (role < GL_VIEWER && !MUTATION(revoked_keeps_reading))
        subscription_free(subscription);
}

struct given {
    gl_uuid account;
    enum gl_role role;
};

static void give_role(void *ctx, struct waiting_op *op)
{
    const struct given *given = ctx;
    if (gl_uuid_equal(&op->account, &given->account))
        op->role = given->role;
}

static void give_asker_role(void *ctx, struct project_op *op)
{
    const struct given *given = ctx;
    if (gl_uuid_equal(&op->account, &given->account))
        op->asker_role = given->role;
}

static void set_roles(struct project *project, const gl_uuid *account, enum gl_role role)
{
    struct session *session;
    struct given given = {*account, role};
    if (!MUTATION(waiting_keep_role))
        writer_each_op(project, give_role, give_asker_role, &given);
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));) {
        if (session->project != project)
            continue;
        for (struct subscription *it = session->subscriptions, *next; it; it = next) {
            next = it->next_of_session;
            if (gl_uuid_equal(&it->peer->account, account))
                subscription_set_role(it, role);
        }
    }
}

/* Answers of the store come in any order, and what was asked first may be from before a change that the later answer has seen. */
static void unlink_refresh(struct refresh *refresh, bool is_known)
{
    struct refresh **at = &refresh->project->refreshes;
    while (*at != refresh)
        at = &(*at)->next;
    *at = refresh->next;
    for (struct refresh *it = *at; it && is_known; it = it->next)
        it->is_outdated |= gl_uuid_equal(&it->account, &refresh->account) && !MUTATION(late_role_counts);
}

/* Of which change the answer is. */
static uint64_t epoch_of(const struct refresh *refresh, const struct store_rows *rows)
{
    return rows && store_rows_count(rows) > 0 ? store_u64(rows, 0, 3) : refresh->epoch;
}

static bool is_asked_since(const struct refresh *refresh)
{
    for (const struct refresh *it = refresh->project->refreshes; it != refresh; it = it->next)
        if (gl_uuid_equal(&it->account, &refresh->account))
            return true;
    return false;
}

/* Nothing is judged with an old right while this is not known. */
static void ask_again(struct refresh *refresh, bool is_answered, uint64_t epoch)
{
    if (is_answered && epoch >= refresh->epoch)
        project_refresh_account(refresh->project, &refresh->account);
    else
        refresh->project->must_refresh = true; /* the sweep does */
}

static void on_role(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct refresh *refresh = ctx;
    struct project *project = refresh->project;
    enum gl_role role = GL_NOBODY;
    if (code == GL_OK && store_rows_count(rows) > 0 && !gl_role_parse(store_text(rows, 0, 1), &role))
        role = GL_NOBODY;
    /* It may have changed since this was read. Whoever had gone when the epoch moved was not asked for then, and may be back by now with what holds. */
    const bool is_old = epoch_of(refresh, rows) < project->epoch && !MUTATION(late_role_counts);
    const bool is_answered = code == GL_OK || code == GL_E_NOT_FOUND, is_asked_anew = is_asked_since(refresh);
    unlink_refresh(refresh, is_answered && !is_old);
    if (refresh->is_outdated || (is_old && is_asked_anew))
        ; /* what it says was true once */
    else if (is_answered && !is_old)
        set_roles(project, &refresh->account, role);
    else
        ask_again(refresh, is_answered, epoch_of(refresh, rows));
    project->refreshing--;
    project_release(project);
    mem_free(&refresh);
    writer_kick(project->core);
}

void project_refresh_account(struct project *project, const gl_uuid *account)
{
    struct refresh *refresh = mem_alloc(sizeof *refresh);
    *refresh = (struct refresh){project->refreshes, project, *account, project->epoch, false};
    project->refreshes = refresh;
    project->refreshing++;
    project->uses++;
    store_query(project->core->store, STORE_Q_role_of_project, account, (struct store_param[]){P_UUID(project->id)}, 1, on_role,
                refresh);
}

struct seen {
    struct project *project;
    struct map accounts;
};

static void refresh_once(struct seen *seen, const gl_uuid *account)
{
    if (!map_put(&seen->accounts, account, seen->project))
        project_refresh_account(seen->project, account);
}

static void refresh_of_op(void *ctx, struct waiting_op *op)
{
    refresh_once(ctx, &op->account);
}
static void refresh_of_project_op(void *ctx, struct project_op *op)
{
    refresh_once(ctx, &op->account);
}

void project_refresh_roles(struct project *project)
{
    struct session *session;
    struct seen seen = {.project = project};
    project->must_refresh = false;
    project->roles_asked_ms = loop_now_ms(project->core->loop);
    map_init(&seen.accounts);
    writer_each_op(project, refresh_of_op, refresh_of_project_op, &seen);
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));) {
        if (session->project != project)
            continue;
        for (struct subscription *it = session->subscriptions; it; it = it->next_of_session)
            refresh_once(&seen, &it->peer->account);
    }
    map_fini(&seen.accounts);
}

/* ---- project.ops */

void project_push_recent(struct project *project, uint64_t first, const gl_hash *chain, const struct gl_slice *logged,
                         size_t count)
{
    size_t at = project->recent_count++ % PROJECT_RECENT;
    frame_unref(&project->recent[at]);
    project->recent[at] = ops_frame("project.ops", "project", &project->id, first, chain, NULL, logged, count);
    project->told_chain = *chain;
    project->recent_first[at] = first;
    project->recent_last[at] = project->told = first + count - 1;
}

/* A peer that has joined several sessions of a project hears of it once. */
static struct subscription *first_of_project(const struct peer *peer, const struct project *project)
{
    struct subscription *it = peer->subscriptions;
    while (it && (it->session->project != project || !it->is_live))
        it = it->next_of_peer;
    return it;
}

uint64_t project_cursor(const struct peer *peer, const struct project *project)
{
    const struct subscription *first = first_of_project(peer, project);
    return first ? first->project_cursor : project->head;
}

static void was_told(struct peer *peer, const struct project *project, uint64_t seq)
{
    for (struct subscription *it = peer->subscriptions; it; it = it->next_of_peer)
        if (it->session->project == project)
            it->project_cursor = seq;
}

void project_deliver(struct subscription *subscription)
{
    struct project *project = subscription->session->project;
    if (subscription->project_cursor >= project->head || first_of_project(subscription->peer, project) != subscription)
        return;
    size_t oldest = project->recent_count > PROJECT_RECENT ? project->recent_count - PROJECT_RECENT : 0;
    for (size_t i = oldest; i < project->recent_count && peer_has_room(subscription->peer); i++) {
        size_t at = i % PROJECT_RECENT;
        if (project->recent_first[at] <= subscription->project_cursor + MUTATION(project_op_skipped))
            continue; /* had it: who lacks older ones sees the gap and reads the codebook */
        subscription->peer->link.write(subscription->peer->link.ctx, project->recent[at]);
        was_told(subscription->peer, project, project->recent_last[at]);
    }
}

bool project_is_told(struct subscription *subscription, uint64_t version)
{
    const struct peer *peer = subscription->peer;
    if (subscription->project_cursor >= version)
        return true;
    project_deliver(first_of_project(peer, subscription->session->project)); /* there was no room for it, and now there is */
    return subscription->project_cursor >= version || peer_has_room(peer);
}

void project_deliver_all(struct project *project)
{
    struct session *session;
    for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
        for (struct subscription *it = session->project == project ? session->subscriptions : NULL; it; it = it->next_of_session)
            if (it->is_live && !it->peer->outbox) {
                project_deliver(it);
                if (it->cursor < session->state->seq)
                    peer_pump_later(it->peer); /* ops that waited for this */
            }
}
