/* administer.c - everybody's accounts and their tokens, for administrators. */
#include "service/core/administer.h"

#include "service/auth/account_name.h"
#include "service/auth/token.h"

#define LIMIT_DEFAULT 100
#define DAY_MS        86400000

/* ---- what they share */

struct store_param administer_from(const struct request *request)
{
    return P_TEXT(gl_slice_str(peer_address(request->peer)));
}

bool administers_failed(struct request *request, enum gl_code code, const struct store_rows *rows)
{
    if (rows_failed(request, code, rows, NULL))
        return true;
    if (store_bool(rows, 0, 0))
        return false;
    request_fail(request, GL_E_FORBIDDEN, "%s", gl_code_sentence(GL_E_FORBIDDEN));
    return true;
}

struct finding {
    struct request *request;
    const char *path;
    void (*fn)(struct request *request, const gl_uuid *account);
};

static void on_found(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct finding *finding = ctx;
    if (rows_failed(finding->request, code, rows, finding->path))
        return;
    const gl_uuid account = store_uuid(rows, 0, 0);
    finding->fn(finding->request, &account);
}

void administer_find(struct request *request, struct gl_slice name, const char *path,
                     void (*fn)(struct request *request, const gl_uuid *account))
{
    struct finding *finding = gl_arena_alloc(&request->arena, sizeof *finding);
    *finding = (struct finding){request, path, fn};
    store_query(request->core->store, STORE_Q_account_by_name, &request->account, (struct store_param[]){P_TEXT(name)}, 1,
                on_found, finding);
}

/* ---- accounts */

/* Columns of account_list and account_update. */
static struct gl_admin_account account_of(const struct store_rows *rows, size_t row)
{
    struct gl_admin_account it = {.account = store_uuid(rows, row, 0),
                                  .name = store_text(rows, row, 1),
                                  .admin = store_bool(rows, row, 2),
                                  .disabled = store_bool(rows, row, 3),
                                  .password = store_bool(rows, row, 4),
                                  .created = store_time(rows, row, 5),
                                  .tokens = store_u64(rows, row, 6)};
    it.has_admin = it.admin;
    it.has_disabled = it.disabled;
    it.has_password = it.password;
    return it;
}

static void on_accounts(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    const size_t limit = (size_t)(uintptr_t)request->user;
    if (rows_failed(request, code, rows, NULL))
        return;
    const size_t count = store_rows_count(rows);
    struct gl_admin_account *accounts = gl_arena_alloc(&request->arena, (count + 1) * sizeof *accounts);
    for (size_t i = 0; i < count; i++)
        accounts[i] = account_of(rows, i);
    struct gl_admin_account_list_result result = {.accounts = accounts, .accounts_count = count < limit ? count : limit};
    if ((result.has_next = count > limit))
        result.next = cursor_write(request, accounts[limit - 1].name, &accounts[limit - 1].account);
    request_reply(request, admin_account_list, &result);
}

void handle_admin_account_list(struct request *request)
{
    struct gl_admin_account_list_params params = {0};
    struct page_cursor cursor;
    if (!request_read(request, admin_account_list, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    const size_t limit = params.has_limit && params.limit > 0 ? (size_t)params.limit : LIMIT_DEFAULT;
    request->user = (void *)(uintptr_t)limit;
    store_query(request->core->store, STORE_Q_account_list, &request->account,
                (struct store_param[]){cursor.name.data ? P_TEXT(cursor.name) : P_NULL, P_U64(limit + 1)}, 2, on_accounts,
                request);
}

/* An account that is made or changed, once its password is a record. */
struct account_change {
    struct request *request;
    gl_uuid account; /* the new one */
    struct gl_slice name;
    bool has_admin, admin, has_disabled, disabled;
    bool has_password;
};

static void on_account_made(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    const struct account_change *change = ctx;
    struct request *request = change->request;
    if (code == GL_E_EXISTS) {
        request_fail_at(request, code, "name", "there is an account of that name already");
        return;
    }
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_admin_account_create_result result = {.account = {.account = change->account,
                                                                .name = change->name,
                                                                .has_admin = change->admin,
                                                                .admin = change->admin,
                                                                .has_password = change->has_password,
                                                                .password = change->has_password,
                                                                .created = store_time(rows, 0, 0)}};
    request_reply(request, admin_account_create, &result);
}

static void on_account_updated(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    const struct account_change *change = ctx;
    struct request *request = change->request;
    if (rows_failed(request, code, rows, "account"))
        return;
    struct gl_admin_account_update_result result = {.account = account_of(rows, 0)};
    request_reply(request, admin_account_update, &result);
}

static struct store_param bool_or_null(bool has, bool value)
{
    return has ? P_BOOL(value) : P_NULL;
}

static void write_account(struct account_change *change, struct store_param record)
{
    struct request *request = change->request;
    const struct store_param name = P_TEXT(change->name), from = administer_from(request);
    if (request->method == &gl_methods[GL_METHOD_admin_account_create])
        store_query(request->core->store, STORE_Q_account_make, &request->account,
                    (struct store_param[]){P_UUID(change->account), name, P_BOOL(change->admin), record, from}, 5,
                    on_account_made, change);
    else
        store_query(request->core->store, STORE_Q_account_update, &request->account,
                    (struct store_param[]){name, bool_or_null(change->has_admin, change->admin),
                                           bool_or_null(change->has_disabled, change->disabled), record, from},
                    5, on_account_updated, change);
}

static void on_hashed(void *ctx, enum gl_code code, struct gl_slice record)
{
    struct account_change *change = ctx;
    if (code != GL_OK)
        request_fail(change->request, code, "%s", gl_code_sentence(code));
    else
        write_account(change, P_TEXT(record));
}

/* password: what it is to be; empty for none. */
static void hash_and_write(struct account_change *change, bool has_password, struct gl_slice password)
{
    const struct core_helpers *helpers = &change->request->core->helpers;
    change->has_password = has_password && password.len > 0;
    if (!has_password)
        write_account(change, P_NULL);
    else if (password.len == 0)
        write_account(change, P_TEXT(password));
    else if (helpers->hash_password)
        helpers->hash_password(helpers->ctx, password, on_hashed, change);
    else
        request_fail(change->request, GL_E_INTERNAL, "%s", gl_code_sentence(GL_E_INTERNAL));
}

void handle_admin_account_create(struct request *request)
{
    struct gl_admin_account_create_params params = {0};
    if (!request_read(request, admin_account_create, &params))
        return;
    if (!account_name_is_good(params.name)) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "name", "that is no name for an account; take %s", ACCOUNT_NAME_RULE);
        return;
    }
    if (params.has_password && params.password.len == 0) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "password", "an empty password is none; leave it out");
        return;
    }
    struct account_change *change = gl_arena_alloc(&request->arena, sizeof *change);
    *change = (struct account_change){.request = request,
                                      .account = gl_uuid_v7((uint64_t)loop_unix_ms(request->core->loop)),
                                      .name = params.name,
                                      .admin = params.has_admin && params.admin};
    hash_and_write(change, params.has_password, params.password);
}

void handle_admin_account_update(struct request *request)
{
    struct gl_admin_account_update_params params = {0};
    if (!request_read(request, admin_account_update, &params))
        return;
    if ((params.has_admin || params.has_disabled) && gl_slice_is(params.account, request->peer->account_name)) {
        request_fail_at(request, GL_E_FORBIDDEN, "account",
                        "whether you administrate, or may sign in, somebody else must change");
        return;
    }
    struct account_change *change = gl_arena_alloc(&request->arena, sizeof *change);
    *change = (struct account_change){.request = request,
                                      .name = params.account,
                                      .has_admin = params.has_admin,
                                      .admin = params.admin,
                                      .has_disabled = params.has_disabled,
                                      .disabled = params.disabled};
    hash_and_write(change, params.has_password, params.password);
}

/* ---- tokens */

static void on_tokens(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_admin_token_list_result result = {.tokens_count = store_rows_count(rows)};
    result.tokens = tokens_of_rows(request, rows);
    request_reply(request, admin_token_list, &result);
}

static void list_tokens(struct request *request, const gl_uuid *account)
{
    struct gl_admin_token_list_params params = {0};
    (void)account;
    if (request_read(request, admin_token_list, &params))
        store_query(request->core->store, STORE_Q_account_tokens, &request->account,
                    (struct store_param[]){P_TEXT(params.account)}, 1, on_tokens, request);
}

void handle_admin_token_list(struct request *request)
{
    struct gl_admin_token_list_params params = {0};
    if (request_read(request, admin_token_list, &params))
        administer_find(request, params.account, "account", list_tokens);
}

struct new_token {
    struct request *request;
    gl_uuid id;
    char secret[TOKEN_TEXT + 1];
    int64_t expires_ms; /* 0: it does not */
};

static void on_token_made(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct new_token *made = ctx;
    struct request *request = made->request;
    if (code == GL_OK && store_is_null(rows, 0, 0)) {
        request_fail_at(request, GL_E_NOT_FOUND, "account", "%s", gl_code_sentence(GL_E_NOT_FOUND));
        return;
    }
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_admin_token_create_result result = {.token = made->id,
                                                  .secret = gl_slice_str(made->secret),
                                                  .has_expires = made->expires_ms > 0,
                                                  .expires = made->expires_ms};
    request_reply(request, admin_token_create, &result);
}

void handle_admin_token_create(struct request *request)
{
    struct gl_admin_token_create_params params = {0};
    uint8_t digest[32];
    if (!request_read(request, admin_token_create, &params))
        return;
    struct new_token *made = gl_arena_alloc(&request->arena, sizeof *made);
    made->request = request;
    made->id = gl_uuid_v7((uint64_t)loop_unix_ms(request->core->loop));
    made->expires_ms = params.has_days ? store_now_ms(request->core->store) + (int64_t)params.days * DAY_MS : 0;
    token_make(made->secret);
    token_digest(gl_slice_str(made->secret), digest);
    store_query(request->core->store, STORE_Q_account_token_add, &request->account,
                (struct store_param[]){P_UUID(made->id), P_TEXT(params.account),
                                       P_TEXT(params.has_label ? params.label : GL_SLICE("")), P_BYTES(digest, sizeof digest),
                                       params.has_days ? P_TIME(made->expires_ms) : P_NULL, administer_from(request)},
                6, on_token_made, made);
}

static void on_token_ended(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct core *core = request->core;
    if (code == GL_OK && store_is_null(rows, 0, 0)) {
        request_fail_at(request, GL_E_NOT_FOUND, "token", "%s", gl_code_sentence(GL_E_NOT_FOUND));
        return;
    }
    if (rows_failed(request, code, rows, NULL))
        return;
    const gl_uuid token = store_uuid(rows, 0, 0);
    struct gl_admin_token_revoke_result result = {0};
    request_reply(request, admin_token_revoke, &result);
    core_end_token(core, &token);
}

void handle_admin_token_revoke(struct request *request)
{
    struct gl_admin_token_revoke_params params = {0};
    if (request_read(request, admin_token_revoke, &params))
        store_query(request->core->store, STORE_Q_account_token_end, &request->account,
                    (struct store_param[]){P_UUID(params.token), administer_from(request)}, 2, on_token_ended, request);
}
