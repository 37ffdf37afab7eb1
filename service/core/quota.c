/* quota.c - what was set for single accounts and projects, and what holds for one of them. */
#include "service/core/quota.h"

#include "service/core/quota_priv.h"

#define TOLD_EVERY_MS    60000
#define CONNECT_AGAIN_MS 5000 /* others may have gone by then; who is lost is given up after some pings */

/* What was set for one account or project. */
struct own {
    gl_uuid id;
    uint64_t most[QUOTA_COUNT];
    bool is_set[QUOTA_COUNT];
};

struct quotas *quotas_new(void)
{
    struct quotas *quotas = mem_alloc(sizeof *quotas);
    map_init(&quotas->own);
    map_init(&quotas->buckets);
    map_init(&quotas->told);
    quotas->number = QUOTAS_UNKNOWN;
    return quotas;
}

static void free_all(struct map *map)
{
    void *each;
    for (size_t at = 0; (each = map_next(map, &at));)
        mem_free(&each);
    map_fini(map);
}

void quotas_free(struct quotas **quotas)
{
    if (!*quotas)
        return;
    free_all(&(*quotas)->own);
    free_all(&(*quotas)->buckets);
    free_all(&(*quotas)->told);
    mem_free(quotas);
}

uint64_t quota_of(const struct core *core, enum quota quota, const gl_uuid *subject)
{
    const struct own *own = core->quotas->own.count > 0 ? map_get(&core->quotas->own, subject) : NULL;
    return own && own->is_set[quota] ? own->most[quota] : core->limits.quotas[quota];
}

bool quota_is_own(const struct core *core, enum quota quota, const gl_uuid *subject)
{
    const struct own *own = map_get(&core->quotas->own, subject);
    return own && own->is_set[quota];
}

bool quota_is_known(const struct core *core)
{
    return core->quotas->is_known;
}

json_t *quota_data(const struct core *core, enum quota quota, const gl_uuid *subject)
{
    const struct quota_kind *kind = &quota_kinds[quota];
    return json_pack("{s:s, s:s, s:I}", "of", quota_of_name(kind->of), "what", kind->what, "limit",
                     (json_int_t)quota_of(core, quota, subject));
}

/* ---- in the log, now and then */

struct told {
    gl_uuid key;
    uint64_t at_ms;
};

void quota_tell(struct core *core, enum quota quota, const gl_uuid *subject)
{
    const struct quota_kind *kind = &quota_kinds[quota];
    const gl_uuid key = gl_uuid_derive(kind->what, subject->bytes, sizeof subject->bytes);
    if (map_get(&core->quotas->told, &key))
        return;
    struct told *told = mem_alloc(sizeof *told);
    *told = (struct told){key, loop_now_ms(core->loop)};
    map_put(&core->quotas->told, &key, told);
    log_event(LOG_WARN, EV_quota_reached, F_ID(quota_of_name(kind->of), subject), F_STR("what", kind->what),
              F_U64("limit", quota_of(core, quota, subject)));
}

void quota_sweep(struct core *core, uint64_t now_ms)
{
    struct map *all = &core->quotas->told;
    struct told *told;
    for (size_t at = 0; (told = map_next(all, &at));) {
        if (now_ms - told->at_ms < TOLD_EVERY_MS)
            continue;
        map_remove(all, &told->key);
        mem_free(&told);
    }
    quota_rate_sweep(core, now_ms);
}

/* ---- what was set: asked for once a second, and read when it has changed */

static void take_row(struct map *all, const struct store_rows *rows, size_t row)
{
    const bool is_of_account = !store_is_null(rows, row, 1);
    const gl_uuid id = store_uuid(rows, row, is_of_account ? 1 : 2);
    const enum quota quota = quota_find(is_of_account ? QUOTA_OF_ACCOUNT : QUOTA_OF_PROJECT, store_text(rows, row, 3));
    if (quota == QUOTA_COUNT) /* of a later version */
        return;
    struct own *own = map_get(all, &id);
    if (!own) {
        own = mem_alloc(sizeof *own);
        own->id = id;
        map_put(all, &id, own);
    }
    own->most[quota] = store_u64(rows, row, 4);
    own->is_set[quota] = true;
}

static void on_quotas(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct core *core = ctx;
    struct quotas *quotas = core->quotas;
    quotas->is_asking = false;
    if (code != GL_OK)
        return; /* the next look asks again */
    if (!quotas->is_known)
        writer_kick(core); /* what waited for it */
    quotas->is_known = true;
    if (store_rows_count(rows) == 0)
        return; /* nothing has changed */
    free_all(&quotas->own);
    map_init(&quotas->own);
    quotas->number = store_u64(rows, 0, 0);
    for (size_t i = 0; i < store_rows_count(rows) && !store_is_null(rows, i, 3); i++)
        take_row(&quotas->own, rows, i);
    if (quotas->number > 0)
        log_event(LOG_INFO, EV_quota_read, F_U64("number", quotas->number), F_U64("subjects", quotas->own.count));
}

void quota_look(struct core *core)
{
    struct quotas *quotas = core->quotas;
    if (quotas->is_asking)
        return;
    if (quotas->generation != store_generation(core->store)) { /* perhaps of a database that went back in time */
        quotas->generation = store_generation(core->store);
        quotas->number = QUOTAS_UNKNOWN;
    }
    quotas->is_asking = true;
    store_query(core->store, STORE_Q_quotas, NULL, (struct store_param[]){P_U64(quotas->number)}, 1, on_quotas, core);
}

/* ---- connections */

static size_t connections_of(const struct core *core, const gl_uuid *account)
{
    size_t count = 0;
    for (const struct peer *peer = core->peers; peer; peer = peer->next)
        count += peer->is_signed_in && !peer->is_closing && gl_uuid_equal(&peer->account, account);
    return count;
}

bool quota_may_connect(const struct core *core, const gl_uuid *account)
{
    const uint64_t most = quota_of(core, QUOTA_max_account_connections, account);
    return most == 0 || connections_of(core, account) < most;
}

void quota_refuse_connection(struct request *request, const gl_uuid *account)
{
    struct core *core = request->core;
    const uint64_t most = quota_of(core, QUOTA_max_account_connections, account);
    struct gl_err err = {0};
    quota_tell(core, QUOTA_max_account_connections, account);
    json_t *data = quota_data(core, QUOTA_max_account_connections, account);
    json_object_set_new(data, "retry_after_ms", json_integer(CONNECT_AGAIN_MS));
    gl_fail(&err, GL_E_RATE_LIMITED,
            "your account has as many connections here as it may have, %llu; end one, or wait until one has gone",
            (unsigned long long)most);
    request_fail_data(request, &err, data);
}
