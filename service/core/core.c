/* core.c - one worker's core: made, swept once a second, drained, freed. */
#include <assert.h>

#include "service/core/administer.h"
#include "service/core/group_priv.h"
#include "service/core/sign_ins.h"

#define SWEEP_MS      1000
#define POLL_MS       500
#define MOVE_EVERY_MS 10 /* and a connection for each of them at least */

static void sweep_peers(struct core *core, uint64_t now_ms)
{
    for (struct peer *peer = core->peers, *next; peer; peer = next) {
        next = peer->next;
        upload_sweep(peer, now_ms);
        if (!peer->is_signed_in && now_ms - peer->since_ms > core->limits.hello_ms)
            peer_end(peer, 1008, gl_code_name(GL_E_SIGN_IN_TIMEOUT));
        else
            peer_pump(peer); /* whoever waited for a store that was down */
    }
}

static void on_sweep(void *ctx)
{
    struct core *core = ctx;
    uint64_t now_ms = loop_now_ms(core->loop);
    sweep_peers(core, now_ms);
    writer_expire(core, now_ms);
    presence_sweep(core, now_ms);
    session_sweep(core, now_ms);
    project_sweep(core, now_ms);
    quota_sweep(core, now_ms);
    compare_sweep(core);
    revoked_look(core);
    sign_ins_write(core->sign_ins);
    quota_look(core);
    writer_kick(core);
}

/* ---- the poll behind the notifications */

static void on_poll(void *ctx)
{
    struct core *core = ctx;
    quota_say(core);
    if (!core->poll_is_in_flight)
        compare_now(core);
}

/* ---- and what the other workers tell before that */

static void on_moved(void *ctx, const struct store_head *moved, size_t count)
{
    struct core *core = ctx;
    for (size_t i = 0; i < count; i++) {
        struct session *session = map_get(&core->sessions, &moved[i].stream);
        struct project *project = map_get(&core->projects, &moved[i].stream);
        if (session)
            session_heard(session, moved[i].head);
        if (project)
            project_heard(project, moved[i].head);
    }
    if (count == 0)
        compare_now(core);
}

static void on_said(void *ctx, const gl_uuid *worker, struct gl_slice bytes)
{
    if (quota_is_said(bytes))
        quota_heard(ctx, bytes);
    else
        presence_heard(ctx, worker, bytes);
}

/* ---- moving people elsewhere */

static size_t still_here(const struct core *core)
{
    size_t count = 0;
    for (const struct peer *peer = core->peers; peer; peer = peer->next)
        count += !peer->is_moving && !peer->is_closing;
    return count;
}

/* So many that, at this pace, all are told in time. */
static size_t moving_share(const struct core *core, size_t here)
{
    const uint64_t now_ms = loop_now_ms(core->loop), left_ms = core->move_until_ms > now_ms ? core->move_until_ms - now_ms : 0;
    const uint64_t turns = left_ms / MOVE_EVERY_MS + 1, share = (here + turns - 1) / turns;
    return share > MOVE_EVERY_MS ? share : MOVE_EVERY_MS;
}

static void move_some(void *ctx)
{
    struct core *core = ctx;
    const size_t here = still_here(core);
    size_t share = moving_share(core, here);
    for (struct peer *peer = core->peers, *next; peer && share > 0; peer = next) {
        next = peer->next;
        if (peer->is_moving || peer->is_closing)
            continue;
        peer_move(peer, 0);
        share--;
    }
    void (*done)(void *) = core->moved;
    if (share == 0 || !done) /* not all yet, or all are told already and this one came late */
        return;
    core->moved = NULL;
    done(core->moved_ctx);
}

void core_move(struct core *core, uint64_t spread_ms, void (*done)(void *), void *ctx)
{
    core->moved = done;
    core->moved_ctx = ctx;
    core->move_until_ms = loop_now_ms(core->loop) + spread_ms;
    loop_timer_start(core->move, MOVE_EVERY_MS, MOVE_EVERY_MS);
}

/* ---- lifetime */

struct core *core_new(struct loop *loop, struct store *store, const struct core_limits *limits,
                      const struct core_helpers *helpers, const char *server_name)
{
    struct core *core = mem_alloc(sizeof *core);
    core->loop = loop;
    core->store = store;
    core->limits = *limits;
    if (helpers)
        core->helpers = *helpers;
    core->server_name = mem_copy(server_name, strlen(server_name));
    core->sign_ins = sign_ins_new(store);
    map_init(&core->sessions);
    TAILQ_INIT(&core->busy);
    LIST_INIT(&core->requests);
    map_init(&core->projects);
    core->quotas = quotas_new();
    core->sweep = loop_timer_new(loop, on_sweep, core);
    core->poll = loop_timer_new(loop, on_poll, core);
    core->retry = loop_timer_new(loop, writer_kick_from_timer, core);
    core->merge = loop_timer_new(loop, presence_merge, core);
    core->move = loop_timer_new(loop, move_some, core);
    loop_timer_start(core->sweep, SWEEP_MS, SWEEP_MS);
    loop_timer_start(core->poll, POLL_MS, POLL_MS);
    store_listen(store, on_moved, core);
    store_hear(store, on_said, core);
    quota_look(core);
    return core;
}

static bool has_work(struct core *core)
{
    struct session *session;
    struct project *project;
    if (core->is_drain_over)
        return false;
    if (core->groups || core->hold)
        return true;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        if (session->waiting || session->aside)
            return true;
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        if (project->waiting)
            return true;
    for (const struct peer *peer = core->peers; peer; peer = peer->next)
        if (peer->requests_in_flight && !peer->is_closing)
            return true;
    return false;
}

/* All at once: so they are told different times at which to come back. */
static void goodbye(struct core *core)
{
    const size_t here = still_here(core);
    const uint64_t spread_ms = core->limits.spread_ms < here ? core->limits.spread_ms : here;
    size_t told = 0;
    for (struct peer *peer = core->peers, *next; peer; peer = next) {
        next = peer->next;
        if (!peer->is_moving && !peer->is_closing)
            peer_move(peer, told++ * spread_ms / here);
        peer_end_moved(peer);
    }
}

void core_look_drained(struct core *core)
{
    if (!core->is_draining || !core->drained || has_work(core))
        return;
    goodbye(core);
    if (core->peers)
        return; /* peer_closed looks again */
    void (*drained)(void *) = core->drained;
    core->drained = NULL;
    drained(core->drained_ctx);
}

static void look_drained(void *ctx)
{
    core_look_drained(ctx);
}

void core_look_drained_later(struct core *core)
{
    if (core->is_draining && core->drained)
        loop_defer(core->loop, look_drained, core);
}

void core_drain(struct core *core, void (*done)(void *), void *ctx)
{
    core->is_draining = true;
    sign_ins_write(core->sign_ins);
    loop_timer_stop(core->move);
    core->moved = NULL;
    core->drained = done;
    core->drained_ctx = ctx;
    loop_defer(core->loop, look_drained, core);
}

void core_end_drain(struct core *core)
{
    writer_expire_all(core);
    core->is_drain_over = true;
    core_look_drained(core);
}

void core_free(struct core **address)
{
    struct core *core = *address;
    struct session *session;
    struct project *project;
    if (!core)
        return;
    assert(!core->peers);
    store_listen(core->store, NULL, NULL);
    administer_end(core);
    loop_timer_free(&core->sweep);
    loop_timer_free(&core->poll);
    loop_timer_free(&core->retry);
    loop_timer_free(&core->merge);
    loop_timer_free(&core->move);
    writer_free(core);
    mem_free(&core->revoked_asked[0]);
    mem_free(&core->revoked_asked[1]);
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        project_refuse_waiters(project); /* sessions among them, which are gone then */
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        session_free(session);
    for (size_t at = 0; (project = map_next(&core->projects, &at));)
        project_free(project);
    while ((project = core->lost_projects)) {
        core->lost_projects = project->next_lost;
        project_free(project);
    }
    requests_drop(core);
    sign_ins_free(&core->sign_ins);
    map_fini(&core->sessions);
    map_fini(&core->projects);
    quotas_free(&core->quotas);
    mem_free(&core->server_name);
    mem_free(address);
}

void core_counts(const struct core *core, struct core_counts *counts)
{
    *counts = core->counts;
    counts->sessions = core->sessions.count;
    counts->projects = core->projects.count;
    for (const struct group *group = core->groups; group; group = group->next)
        counts->appends_in_flight++;
}

int64_t core_stream_time(struct core *core, int64_t last_at_ms)
{
    int64_t now_ms = store_now_ms(core->store);
    return now_ms > last_at_ms || MUTATION(time_goes_back) ? now_ms : last_at_ms;
}

enum gl_code core_check_kind(const struct core *core, enum gl_op_kind kind, struct gl_err *err)
{
    if (store_kind_known(core->store, kind))
        return GL_OK;
    return gl_fail(err, GL_E_UPGRADE, "a server of this installation is still of an older version");
}

void core_set_limits(struct core *core, const struct core_limits *limits)
{
    core->limits = *limits;
}

void core_show_settings(struct core *core, const struct settings *settings)
{
    core->settings = settings;
}

const struct core_limits *core_get_limits(const struct core *core)
{
    return &core->limits;
}
const struct core_helpers *core_get_helpers(const struct core *core)
{
    return &core->helpers;
}
const char *core_server_name(const struct core *core)
{
    return core->server_name;
}
struct store *core_store(const struct core *core)
{
    return core->store;
}
struct loop *core_loop(const struct core *core)
{
    return core->loop;
}
bool core_is_draining(const struct core *core)
{
    return core->is_draining;
}
