/*
 * share.c - how many ops of one session an append may take, so that nobody waits long behind somebody else's.
 *
 * An append's time grows with its ops, and whoever asks while one is in flight waits for it and for the next. So where several sessions are at work one that
 * has many ops waiting brings some of them at a time, fewer the more there are of its kind; those with few are taken whole. A session that has the worker to
 * itself brings a quarter of what an append takes, and half of what it has waiting where nothing was judged ahead: enough that the append's own cost is little,
 * and few enough that there is something to judge, and for clients to answer, while it is being committed. Not where many read along: each append is a record to
 * each of them. Reasons and figures: service/decisions/shares.md.
 */
#include "service/core/group_priv.h"

#define ALONE_MS     2000 /* with no op of any other session for so long, one has the worker to itself */
#define ALONE_PART   4    /* of what an append takes: its; */
#define BULK_PART    8    /* otherwise those with many, together; */
#define LEAST_PART   32   /* and each of them, however many they are */
#define HALF_LEAST   16   /* ops of one that is alone; where half of those that wait are fewer, all go */
#define READERS_FEW  32   /* of this worker: fewer than so many */
#define HALF_MOST_MS 8    /* that the last append took: where commits are slow, two cost more than waiting for each other does */

void share_asked(struct core *core, const struct session *session)
{
    struct share *share = &core->share;
    const uint64_t now_ms = loop_now_ms(core->loop);
    if (!gl_uuid_equal(&share->asked_by, &session->id)) {
        share->has_others = share->was_asked;
        share->others_ms = share->asked_ms;
        share->was_asked = true;
        share->asked_by = session->id;
    }
    share->asked_ms = now_ms;
}

void share_next_append(struct core *core)
{
    struct share *share = &core->share;
    share->with_more_before = share->with_more;
    share->with_more = 0;
}

static bool is_alone(const struct core *core)
{
    const struct share *share = &core->share;
    return !share->has_others || loop_now_ms(core->loop) - share->others_ms >= ALONE_MS;
}

static size_t share_among(const struct core *core, size_t with_more, size_t left)
{
    const size_t most = core->limits.append_max_ops, among = with_more > 0 ? with_more : 1;
    const size_t least = most / LEAST_PART > 0 ? most / LEAST_PART : 1;
    size_t ops = is_alone(core) ? most / ALONE_PART : most / BULK_PART / among;
    ops = ops > least ? ops : least;
    return ops < left ? ops : left;
}

/* Half of what waits, to the end of a request, if that is less than `share`: the other half is judged while this one is being committed, where it may be.
 * A request is answered when the last of its ops is there, so dividing it only makes that later. */
static size_t half_of(const struct session *session, size_t share)
{
    const struct waiting_op *op = session->waiting;
    size_t count = 0, ops = 1;
    for (const struct waiting_op *it = op; it && count < 2 * share; it = it->next)
        count++;
    if (count / 2 < HALF_LEAST)
        return share;
    for (; op->next && ops < share && (ops < count / 2 || op->next->submit == op->submit); op = op->next)
        ops++;
    return ops;
}

size_t share_of(const struct session *session, size_t left)
{
    const struct core *core = session->core;
    const size_t share = share_among(core, core->share.with_more_before, left);
    const bool is_halved = !session->ahead && session->subscription_count < READERS_FEW &&
                           core->share.append_ms <= HALF_MOST_MS && is_alone(core) && !session_goes_alone(session);
    return is_halved ? half_of(session, share) : share;
}

size_t share_ahead(const struct core *core, size_t left)
{
    return share_among(core, core->share.with_more, left);
}

void share_settled(struct core *core, uint64_t took_ms)
{
    core->share.append_ms = took_ms;
}

void share_taken(struct core *core, const struct session *session)
{
    core->share.with_more += session->waiting != NULL;
}
