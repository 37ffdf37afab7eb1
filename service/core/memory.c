/*
 * memory.c - which sessions a worker has in memory: what each costs, on whose behalf it is there, and which one goes when another is wanted.
 *
 * A session is charged to the account that asked for it, and when others have joined it and that account has not, to one of them. An account that
 * has its share loses its own idle sessions first, and is refused when it is joined to all of them; so whoever opens a thousand
 * sessions stands in nobody's way but their own. Nobody loses a session that somebody has joined.
 */
#include "service/core/core_priv.h"

/* About what a session takes, measured: itself, an annotation (its record as bytes and parsed), an op id that is remembered. */
#define SESSION_COST  65536
#define RECORD_COST   4608
#define KNOWN_COST    192
#define OWN_PART      4 /* an account has at most one part in so many of the memory */
#define FULL_RETRY_MS 1000

struct tally {
    size_t sessions, bytes;
    struct session *oldest; /* that is idle; NULL: none */
};

/* One that is being read costs what it will, for all that is known. */
static size_t cost_of(const struct session *session)
{
    const size_t records = session->state ? session->state->count : 0;
    return SESSION_COST + 2 * (size_t)session->document.bytes + records * RECORD_COST + session->recent_bytes +
           session->recent_cap * sizeof(struct recent_op) + session->known_count * KNOWN_COST;
}

static void add(struct tally *tally, struct session *session)
{
    tally->sessions++;
    tally->bytes += cost_of(session);
    if (session_is_idle(session) && (!tally->oldest || session->idle_since_ms < tally->oldest->idle_since_ms))
        tally->oldest = session;
}

static struct tally count(const struct core *core, const gl_uuid *account)
{
    struct tally tally = {0};
    struct session *session;
    for (size_t at = 0; (session = map_next(&core->sessions, &at));)
        if (!account || gl_uuid_equal(&session->charged, account))
            add(&tally, session);
    return tally;
}

static bool is_full(const struct tally *tally, size_t sessions, size_t bytes)
{
    return (sessions > 0 && tally->sessions >= sessions) || (bytes > 0 && tally->bytes >= bytes);
}

enum gl_code memory_make_room(struct core *core, const gl_uuid *account)
{
    const struct core_limits *limits = &core->limits;
    struct tally tally;
    while (tally = count(core, account), is_full(&tally, limits->account_sessions, limits->sessions_bytes / OWN_PART)) {
        if (!tally.oldest)
            return GL_E_LIMIT;
        session_unload(tally.oldest);
    }
    while (tally = count(core, NULL), is_full(&tally, 0, limits->sessions_bytes)) {
        if (!tally.oldest)
            return GL_E_BUSY;
        session_unload(tally.oldest);
    }
    return GL_OK;
}

void memory_joined_or_left(struct session *session)
{
    const struct subscription *first = session->subscriptions;
    for (const struct subscription *it = first; it; it = it->next_of_session)
        if (gl_uuid_equal(&it->peer->account, &session->charged))
            return;
    if (first)
        session->charged = first->peer->account;
}

void memory_refuse(struct request *request, enum gl_code code)
{
    const struct core *core = request->core;
    struct gl_err err = {0};
    if (code == GL_E_LIMIT) {
        const struct tally own = count(core, &request->account);
        gl_fail_at(
            &err, code, request->method->scope_param,
            "%zu sessions are open here on your account's behalf, on this connection and others; leave one, then join this one",
            own.sessions);
        request_fail_data(request, &err, json_pack("{s:I}", "limit", (json_int_t)core->limits.account_sessions));
    } else if (code == GL_E_BUSY) {
        gl_fail(&err, code, "the server has as many sessions open as it has memory for; try again in a while");
        request_fail_data(request, &err, json_pack("{s:i}", "retry_after_ms", FULL_RETRY_MS));
    } else {
        request_fail(request, code, "%s", gl_code_sentence(code));
    }
}
