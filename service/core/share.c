/*
 * share.c - how many ops of one session an append may take, so that nobody waits long behind somebody else's.
 *
 * An append's time grows with its ops, and whoever asks while one is in flight waits for it and for the next. So where several sessions are at work one that
 * has many ops waiting brings some of them at a time, fewer the more there are of its kind; those with few are taken whole. A session that has the worker to
 * itself brings a quarter of what an append takes: enough that the append's own cost is little, and few enough that there is something to judge, and for
 * clients to answer, while it is being committed. Reasons and figures: service/decisions/shares.md.
 */
#include "service/core/group_priv.h"

#define ALONE_MS   2000 /* with no op of any other session for so long, one has the worker to itself */
#define ALONE_PART 4    /* of what an append takes: its; */
#define BULK_PART  8    /* otherwise those with many, together; */
#define LEAST_PART 32   /* and each of them, however many they are */

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

static size_t share_among(const struct core *core, size_t with_more, size_t left)
{
    const struct share *share = &core->share;
    const size_t most = core->limits.append_max_ops, among = with_more > 0 ? with_more : 1;
    const size_t least = most / LEAST_PART > 0 ? most / LEAST_PART : 1;
    const bool is_alone = !share->has_others || loop_now_ms(core->loop) - share->others_ms >= ALONE_MS;
    size_t ops = is_alone ? most / ALONE_PART : most / BULK_PART / among;
    ops = ops > least ? ops : least;
    return ops < left ? ops : left;
}

size_t share_of(const struct core *core, size_t left)
{
    return share_among(core, core->share.with_more_before, left);
}

size_t share_ahead(const struct core *core, size_t left)
{
    return share_among(core, core->share.with_more, left);
}

void share_taken(struct core *core, const struct session *session)
{
    core->share.with_more += session->waiting != NULL;
}
