/* quota_methods.c - what a project may have, told to its members; and all quotas, seen and set by administrators. */
#include "service/core/administer.h"
#include "service/core/quota_priv.h"

/* ---- told */

struct told_quotas {
    struct gl_quota list[QUOTA_COUNT];
    size_t count;
};

/* Columns of project_stored. */
static bool take_used(const struct store_rows *rows, enum quota quota, uint64_t *used)
{
    static const enum quota columns[] = {QUOTA_max_project_annotations, QUOTA_max_project_documents, QUOTA_max_project_bytes};
    for (size_t i = 0; rows && i < sizeof columns / sizeof columns[0]; i++)
        if (columns[i] == quota) {
            *used = store_u64(rows, 0, i);
            return true;
        }
    return false;
}

/* stored: of a project; NULL: of an account. */
static void tell(const struct core *core, enum quota_of of, const gl_uuid *subject, const struct store_rows *stored,
                 struct told_quotas *told)
{
    told->count = 0;
    for (enum quota quota = 0; quota < QUOTA_COUNT; quota++) {
        if (quota_kinds[quota].of != of)
            continue;
        struct gl_quota *it = &told->list[told->count++];
        *it = (struct gl_quota){.what = gl_slice_str(quota_kinds[quota].what), .limit = quota_of(core, quota, subject)};
        it->has_used = take_used(stored, quota, &it->used);
        it->has_own = it->own = quota_is_own(core, quota, subject);
    }
}

static void on_project(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct told_quotas told;
    if (rows_failed(request, code, rows, "project"))
        return;
    tell(request->core, QUOTA_OF_PROJECT, &request->project, rows, &told);
    struct gl_project_quota_result result = {.quotas = told.list, .quotas_count = told.count};
    request_reply(request, project_quota, &result);
}

void handle_project_quota(struct request *request)
{
    store_query(request->core->store, STORE_Q_project_stored, NULL, (struct store_param[]){P_UUID(request->project)}, 1,
                on_project, request);
}

static void reply_list(struct request *request, const struct told_quotas *told)
{
    struct gl_admin_quota_list_result result = {.quotas = (struct gl_quota *)(uintptr_t)told->list, .quotas_count = told->count};
    request_reply(request, admin_quota_list, &result);
}

static void list_account(struct request *request, const gl_uuid *account)
{
    struct told_quotas told;
    tell(request->core, QUOTA_OF_ACCOUNT, account, NULL, &told);
    reply_list(request, &told);
}

static void on_any_project(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_admin_quota_list_params params = {0};
    struct told_quotas told;
    if (rows_failed(request, code, rows, "project") || !request_read(request, admin_quota_list, &params))
        return;
    tell(request->core, QUOTA_OF_PROJECT, &params.project, rows, &told);
    reply_list(request, &told);
}

/* A quota is of one account or one project. */
static bool names_one(struct request *request, bool has_account, bool has_project)
{
    if (has_account != has_project)
        return true;
    request_fail_at(request, GL_E_INVALID_PARAMS, "project", "whose? Name an account or a project, one of both");
    return false;
}

/* Both are answered from memory or with what any member is told, so whether who asks administrates still is asked first. */
static void on_administers(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_admin_quota_list_params params = {0};
    if (administers_failed(request, code, rows) || !request_read(request, admin_quota_list, &params))
        return;
    if (params.has_account)
        administer_find(request, params.account, "account", list_account);
    else
        store_query(request->core->store, STORE_Q_project_stored, NULL, (struct store_param[]){P_UUID(params.project)}, 1,
                    on_any_project, request);
}

void handle_admin_quota_list(struct request *request)
{
    struct gl_admin_quota_list_params params = {0};
    if (request_read(request, admin_quota_list, &params) && names_one(request, params.has_account, params.has_project))
        store_query(request->core->store, STORE_Q_administers, &request->account, NULL, 0, on_administers, request);
}

/* ---- set */

static void on_set(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_admin_quota_set_result result = {0};
    if (code == GL_OK && (store_rows_count(rows) == 0 || store_is_null(rows, 0, 0)))
        request_fail_at(request, GL_E_NOT_FOUND, "project", "%s", gl_code_sentence(GL_E_NOT_FOUND));
    else if (!rows_failed(request, code, rows, NULL))
        request_reply(request, admin_quota_set, &result);
}

static void set(struct request *request, enum quota_of of, const gl_uuid *subject)
{
    struct gl_admin_quota_set_params params = {0};
    struct gl_buf quotas;
    if (!request_read(request, admin_quota_set, &params))
        return;
    gl_buf_init(&quotas, 256);
    gl_buf_printf(&quotas, "{\"%s\":", quota_kinds[quota_find(of, params.what)].what);
    if (params.has_limit)
        gl_buf_printf(&quotas, "%llu}", (unsigned long long)params.limit);
    else
        gl_buf_str(&quotas, "null}");
    const struct gl_slice text = gl_slice_of(gl_arena_copy(&request->arena, gl_buf_peek(&quotas)), quotas.len);
    gl_buf_fini(&quotas);
    store_query(request->core->store, STORE_Q_quota_set, &request->account,
                (struct store_param[]){of == QUOTA_OF_ACCOUNT ? P_UUID(*subject) : P_NULL,
                                       of == QUOTA_OF_PROJECT ? P_UUID(*subject) : P_NULL, P_TEXT(text),
                                       administer_from(request)},
                4, on_set, request);
}

static void set_of_account(struct request *request, const gl_uuid *account)
{
    set(request, QUOTA_OF_ACCOUNT, account);
}

void handle_admin_quota_set(struct request *request)
{
    struct gl_admin_quota_set_params params = {0};
    if (!request_read(request, admin_quota_set, &params) || !names_one(request, params.has_account, params.has_project))
        return;
    if (quota_find(params.has_account ? QUOTA_OF_ACCOUNT : QUOTA_OF_PROJECT, params.what) == QUOTA_COUNT)
        request_fail_at(request, GL_E_INVALID_PARAMS, "what", "%s has no such quota",
                        params.has_account ? "an account" : "a project");
    else if (params.has_account)
        administer_find(request, params.account, "account", set_of_account);
    else
        set(request, QUOTA_OF_PROJECT, &params.project);
}
