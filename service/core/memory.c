/*
 * memory.c - which sessions a worker has in memory: what each costs, on whose behalf it is there, and which one goes when another is wanted.
 *
 * A session is charged to the account that asked for it, and when others have joined it and that account has not, to one of them. An account that
 * has its share loses its own idle sessions first, and is refused when it is joined to all of them; so whoever opens a thousand
 * sessions stands in nobody's way but their own. Nobody loses a session that somebody has joined.
 *
 * Its largest session is not counted against an account's share: whoever works in a large one can have it, and others beside it. Nor is what a large one
 * needs asked of the whole in advance: it is admitted while there is anything left, so that the whole can be exceeded by one session.
 */
#include "service/core/core_priv.h"

/* About what a session takes, measured: itself, an annotation (its record as bytes), an op id that is remembered. */
#define SESSION_COST  65536
#define RECORD_COST   1280
#define KNOWN_COST    192
#define OWN_PART      4 /* an account has at most one part in so many of the memory, beside its largest session */
#define FULL_RETRY_MS 1000

struct tally {
    size_t sessions, bytes, largest;
    struct session *oldest; /* that is idle; NULL: none */
};

static size_t cost_at_first(uint64_t text_bytes, uint64_t records)
{
    return SESSION_COST + 2 * (size_t)text_bytes + (size_t)records * RECORD_COST;
}

/* One that is being read costs what it will, for all that is known. */
static size_t cost_of(const struct session *session)
{
    return cost_at_first(session->document.bytes, session->state ? session->state->count : session->expected) +
           session->recent_bytes + session->recent_cap * sizeof(struct recent_op) + session->known_count * KNOWN_COST;
}

static void add_cost(struct tally *tally, size_t cost)
{
    tally->sessions++;
    tally->bytes += cost;
    tally->largest = cost > tally->largest ? cost : tally->largest;
}

static void add(struct tally *tally, struct session *session)
{
    add_cost(tally, cost_of(session));
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

static bool has_share(const struct core *core, const gl_uuid *account, const struct tally *own)
{
    const uint64_t most = quota_of(core, QUOTA_max_account_sessions, account);
    return most > 0 && own->sessions >= most;
}

/* With the one that is wanted. */
static bool is_beyond(const struct core_limits *limits, struct tally own, size_t wanted)
{
    add_cost(&own, wanted);
    return limits->sessions_bytes > 0 && own.bytes - own.largest > limits->sessions_bytes / OWN_PART;
}

enum gl_code memory_make_room(struct core *core, const gl_uuid *account, const struct store_session *wanted)
{
    const struct core_limits *limits = &core->limits;
    const size_t cost = cost_at_first(wanted->document.bytes, wanted->live);
    struct tally tally;
    while (tally = count(core, account), has_share(core, account, &tally) || is_beyond(limits, tally, cost)) {
        if (!tally.oldest)
            return quota_is_known(core) ? GL_E_LIMIT : GL_E_BUSY;
        session_unload(tally.oldest);
    }
    while (tally = count(core, NULL), limits->sessions_bytes > 0 && tally.bytes >= limits->sessions_bytes) {
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

/* Which of the two it has: so many of them, or so much in them. */
static void refuse_share(struct request *request)
{
    const struct core_limits *limits = &request->core->limits;
    const struct tally own = count(request->core, &request->account);
    struct gl_err err;
    if (has_share(request->core, &request->account, &own)) {
        gl_fail_at(
            &err, GL_E_LIMIT, request->method->scope_param,
            "%zu sessions are open here on your account's behalf, on this connection and others; leave one, then join this one",
            own.sessions);
        request_fail_data(request, &err, quota_data(request->core, QUOTA_max_account_sessions, &request->account));
        return;
    }
    const size_t share = limits->sessions_bytes / OWN_PART;
    gl_fail_at(
        &err, GL_E_LIMIT, request->method->scope_param,
        "beside this session, those that are open here on your account's behalf would take more than the %zu MiB of memory that one "
        "account may have beside its largest session; leave a large one, then join this one",
        share >> 20);
    request_fail_data(request, &err, json_pack("{s:I}", "limit_bytes", (json_int_t)share));
}

void memory_refuse(struct request *request, enum gl_code code)
{
    struct gl_err err = {0};
    if (code == GL_E_LIMIT) {
        refuse_share(request);
    } else if (code == GL_E_BUSY) {
        gl_fail(&err, code, "the server has as many sessions open as it has memory for; try again in a while");
        request_fail_data(request, &err, json_pack("{s:i}", "retry_after_ms", FULL_RETRY_MS));
    } else {
        request_fail(request, code, "%s", gl_code_sentence(code));
    }
}
