/* watch.c - see watch.h. */
#include "tests/sim/watch.h"

#include "service/core/core_priv.h"
#include "tests/sim/database.h"

#define ABSENT "absent"

static const char *known[WORKERS_MAX][LOGS];
static bool is_watched[WORKERS_MAX];

static bool has_anybody_behind(const struct session *session)
{
    for (const struct subscription *it = session->subscriptions; it; it = it->next_of_session)
        if (it->is_behind)
            return true;
    return false;
}

/* What it is busy with, first. */
static const char *state_of(const struct worker *worker, size_t log)
{
    const struct session *session = map_get(&worker->core->sessions, &database.logs[log].id);
    if (!session)
        return ABSENT;
    if (session->phase == SESSION_LOADING)
        return "loading";
    if (session->is_in_flight)
        return "appending";
    if (session->is_catching_up)
        return "reading";
    if (session->is_looking_up)
        return "looking up";
    if (session->is_held)
        return "held";
    if (has_anybody_behind(session))
        return "behind";
    return session->uses > 0 || session->waiting ? "followed" : "idle";
}

void watch_begin(const struct worker *worker)
{
    for (size_t i = 0; i < LOGS; i++)
        known[worker->index][i] = ABSENT;
    is_watched[worker->index] = true;
}

void watch_end(const struct worker *worker)
{
    for (size_t i = FIRST_SESSION; i < LOGS; i++)
        cover(COVER_HELD, known[worker->index][i], "killed");
    is_watched[worker->index] = false;
}

void watch_came(const struct worker *worker, const gl_uuid *session, const char *event)
{
    if (!is_watched[worker->index] || !worker->core || world.is_over)
        return;
    for (size_t i = FIRST_SESSION; i < LOGS; i++) {
        const char **before = &known[worker->index][i], *after = state_of(worker, i);
        if (session ? gl_uuid_equal(session, &database.logs[i].id) : after != *before)
            cover(COVER_HELD, *before, event);
        if (after != *before)
            cover(COVER_MOVED, *before, after);
        *before = after;
    }
}
