/*
 * quota_rate.c - ops a second: a bucket for each account and project that is limited.
 *
 * A bucket fills with the rate up to the burst, and a request takes as many ops as it has. Who finds at least one op in it takes what it needs, if need be
 * into debt, so that no request is too large for ever; who finds less is told when there will be one. What other workers took is told by them and taken here as
 * well: so over all of them the rate holds in the long run, and at once each may give the burst.
 */
#include "service/core/quota_priv.h"

#define WHOLE        1000 /* of an op: with a rate of one op a second that is one a millisecond */
#define BURST_S      10
#define RATE_MOST    1000000 /* as of the settings: more is as much as comes, and larger numbers would overflow */
#define BURST_MOST   1000000000
#define FULL_MS      3600000 /* idle for so long: full, whatever the rate */
#define WORD         0x51    /* begins what workers say about this; presence begins otherwise */
#define RECORD_BYTES (1 + 16 + 4)

struct bucket {
    gl_uuid id;
    enum quota_of of;
    int64_t left; /* thousandths of an op */
    uint64_t at_ms;
    uint32_t spent; /* here, and not yet told to the other workers */
};
struct rate {
    uint64_t a_second, burst; /* 0 a second: as many as come */
};

static struct rate rate_of(const struct core *core, enum quota_of of, const gl_uuid *id)
{
    const bool is_account = of == QUOTA_OF_ACCOUNT;
    uint64_t a_second = quota_of(core, is_account ? QUOTA_account_ops_rate : QUOTA_project_ops_rate, id),
             burst = quota_of(core, is_account ? QUOTA_account_ops_burst : QUOTA_project_ops_burst, id);
    a_second = a_second < RATE_MOST ? a_second : RATE_MOST;
    burst = burst < BURST_MOST ? burst : BURST_MOST;
    return (struct rate){a_second, burst ? burst : a_second * BURST_S};
}

bool quota_ops_of_account(const struct core *core, const gl_uuid *account, uint64_t *rate, uint64_t *burst)
{
    const struct rate its = rate_of(core, QUOTA_OF_ACCOUNT, account);
    *rate = its.a_second;
    *burst = its.burst;
    return its.a_second > 0;
}

static void fill(struct bucket *bucket, struct rate rate, uint64_t now_ms)
{
    const int64_t most = (int64_t)rate.burst * WHOLE;
    const uint64_t idle_ms = now_ms - bucket->at_ms;
    bucket->left = idle_ms >= FULL_MS ? most : bucket->left + (int64_t)(idle_ms * rate.a_second);
    bucket->left = bucket->left < most ? bucket->left : most;
    bucket->at_ms = now_ms;
}

/* As it is now; NULL: there is no limit. */
static struct bucket *bucket_of(struct core *core, enum quota_of of, const gl_uuid *id)
{
    const struct rate rate = rate_of(core, of, id);
    const uint64_t now_ms = loop_now_ms(core->loop);
    if (rate.a_second == 0)
        return NULL;
    struct bucket *bucket = map_get(&core->quotas->buckets, id);
    if (!bucket) {
        bucket = mem_alloc(sizeof *bucket);
        *bucket = (struct bucket){.id = *id, .of = of, .left = (int64_t)rate.burst * WHOLE, .at_ms = now_ms};
        map_put(&core->quotas->buckets, id, bucket);
    }
    fill(bucket, rate, now_ms);
    return bucket;
}

static void refuse(struct request *request, const struct bucket *bucket)
{
    struct core *core = request->core;
    const bool is_account = bucket->of == QUOTA_OF_ACCOUNT;
    const enum quota quota = is_account ? QUOTA_account_ops_rate : QUOTA_project_ops_rate;
    const uint64_t rate = rate_of(core, bucket->of, &bucket->id).a_second;
    const uint64_t wait_ms = ((uint64_t)(WHOLE - bucket->left) + rate - 1) / rate;
    struct gl_err err = {0};
    quota_tell(core, quota, &bucket->id);
    gl_fail(&err, GL_E_RATE_LIMITED,
            "%s may make %llu ops a second and has made more; nothing of this request was judged, send it again after %llu ms",
            is_account ? "your account" : "the project", (unsigned long long)rate, (unsigned long long)wait_ms);
    json_t *data = quota_data(core, quota, &bucket->id);
    json_object_set_new(data, "retry_after_ms", json_integer((json_int_t)wait_ms));
    request_fail_data(request, &err, data);
}

static void take(struct bucket *bucket, size_t ops)
{
    if (!bucket)
        return;
    bucket->left -= (int64_t)ops * WHOLE;
    bucket->spent += (uint32_t)ops;
}

bool quota_take_ops(struct request *request, const gl_uuid *project, size_t ops)
{
    struct bucket *own = bucket_of(request->core, QUOTA_OF_ACCOUNT, &request->account),
                  *of_project = bucket_of(request->core, QUOTA_OF_PROJECT, project),
                  *empty = own && own->left < WHOLE                 ? own
                           : of_project && of_project->left < WHOLE ? of_project
                                                                    : NULL;
    if (ops == 0)
        return true;
    if (empty) {
        refuse(request, empty);
        return false;
    }
    take(own, ops);
    take(of_project, ops);
    return true;
}

void quota_rate_sweep(struct core *core, uint64_t now_ms)
{
    struct map *all = &core->quotas->buckets;
    struct bucket *bucket;
    for (size_t at = 0; (bucket = map_next(all, &at));) {
        const struct rate rate = rate_of(core, bucket->of, &bucket->id);
        fill(bucket, rate, now_ms);
        if (rate.a_second > 0 && (bucket->spent > 0 || bucket->left < (int64_t)rate.burst * WHOLE))
            continue;
        map_remove(all, &bucket->id);
        mem_free(&bucket);
    }
}

/* ---- between workers */

static void put_spent(struct gl_buf *buf, struct bucket *bucket)
{
    gl_buf_byte(buf, (char)bucket->of);
    gl_buf_put(buf, bucket->id.bytes, sizeof bucket->id.bytes);
    for (int shift = 24; shift >= 0; shift -= 8)
        gl_buf_byte(buf, (char)(uint8_t)(bucket->spent >> shift));
    bucket->spent = 0;
}

void quota_say(struct core *core)
{
    const struct map *all = &core->quotas->buckets;
    const enum store_saying may = all->count > 0 ? store_may_say(core->store) : STORE_SAY_LATER;
    struct bucket *bucket;
    struct gl_buf buf;
    if (may == STORE_SAY_LATER)
        return;
    gl_buf_init(&buf, STORE_SAY_MAX);
    gl_buf_byte(&buf, WORD);
    size_t at = core->quotas->say_at, before = at;
    for (; (bucket = map_next(all, &at)); before = at) {
        if (may == STORE_SAY_NOBODY)
            bucket->spent = 0;
        else if (bucket->spent > 0 && buf.len + RECORD_BYTES > STORE_SAY_MAX)
            break;
        else if (bucket->spent > 0)
            put_spent(&buf, bucket);
    }
    core->quotas->say_at = bucket ? before : 0; /* who had no room goes first the next time */
    if (buf.len > 1)
        store_say(core->store, buf.data, buf.len);
    gl_buf_fini(&buf);
}

bool quota_is_said(struct gl_slice bytes)
{
    return bytes.len > 0 && bytes.data[0] == WORD;
}

void quota_heard(struct core *core, struct gl_slice bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data + 1, *end = (const uint8_t *)bytes.data + bytes.len;
    for (; (size_t)(end - at) >= RECORD_BYTES; at += RECORD_BYTES) {
        gl_uuid id;
        memcpy(id.bytes, at + 1, sizeof id.bytes);
        struct bucket *bucket = bucket_of(core, at[0] == QUOTA_OF_ACCOUNT ? QUOTA_OF_ACCOUNT : QUOTA_OF_PROJECT, &id);
        const uint32_t ops = (uint32_t)at[17] << 24 | (uint32_t)at[18] << 16 | (uint32_t)at[19] << 8 | at[20];
        if (bucket)
            bucket->left -= (int64_t)ops * WHOLE;
    }
}
