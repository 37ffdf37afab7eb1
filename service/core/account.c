/* account.c - hello, and one's own tokens. */
#include <stdio.h>

#include "service/auth/token.h"
#include "service/core/library.h"
#include "service/core/sign_ins.h"

struct token_sign_in {
    struct request *request;
    uint8_t digest[32];
    bool has_session; /* one was asked for, too: that of the first request behind hello */
};
struct sign_in { /* a password that is being checked */
    struct request *request;
    gl_uuid account;
    struct gl_slice name;
    bool is_known, is_admin, may;
};

static void note(const struct request *request, bool is_welcome, const gl_uuid *account, const gl_uuid *token, const char *how)
{
    struct core *core = request->core;
    if (core->limits.audit_sign_ins > 0)
        sign_ins_note(core->sign_ins, is_welcome, account, token, how, peer_address(request->peer));
}

static void welcome(struct request *request, const gl_uuid *account, struct gl_slice name, bool is_admin, const gl_uuid *token)
{
    struct core *core = request->core;
    const struct core_limits *limits = &core->limits;
    request->peer->is_signing_in = false; /* it is over: either way */
    if (!quota_may_connect(core, account)) {
        note(request, false, account, token, "connections");
        quota_refuse_connection(request, account);
        return;
    }
    struct gl_hello_result result = {.account = {.account = *account, .name = name, .has_admin = is_admin, .admin = is_admin},
                                     .server = gl_slice_str(core->server_name),
                                     .protocol = GL_SLICE("gloss.v1"),
                                     .time = core_stream_time(core, 0),
                                     .limits = {.frame_bytes = limits->frame_bytes,
                                                .ops_in_flight = limits->ops_in_flight,
                                                .has_bytes_in_flight = true,
                                                .bytes_in_flight = limits->bytes_in_flight,
                                                .pages_in_flight = PAGES_IN_FLIGHT,
                                                .page_bytes = 65536,
                                                .document_bytes = limits->document_bytes,
                                                .chunk_bytes = CHUNK_BYTES}};
    result.limits.has_ops_rate = result.limits.has_ops_burst =
        quota_ops_of_account(core, account, &result.limits.ops_rate, &result.limits.ops_burst);
    peer_sign_in(request->peer, account, name, is_admin, token);
    note(request, true, account, token, token ? "token" : "password");
    log_event(LOG_INFO, EV_peer_connected, F_ID("account", account), F_STR("address", peer_address(request->peer)));
    request_reply(request, hello, &result);
}

/* account: the one that somebody wants to be, NULL when there is none. */
static void turn_away(struct request *request, const gl_uuid *account, const char *why)
{
    note(request, false, account, NULL, why);
    log_event(LOG_WARN, EV_peer_refused, F_STR("address", peer_address(request->peer)), F_STR("why", why));
    request->peer->is_signing_in = false;
    request_fail(request, GL_E_BAD_CREDENTIALS, "%s", gl_code_sentence(GL_E_BAD_CREDENTIALS));
}

static void fail(struct request *request, enum gl_code code)
{
    request->peer->is_signing_in = false;
    request_fail(request, code, "%s", gl_code_sentence(code));
}

static void on_token(void *ctx, enum gl_code code, const struct store_signed_in *who, enum gl_code opened_code,
                     const struct store_session *session)
{
    struct token_sign_in *sign_in = ctx;
    struct request *request = sign_in->request;
    struct peer *peer = request->peer;
    const struct opened opened = {opened_code, session};
    const bool has_opened = sign_in->has_session;
    peer_ref(peer); /* the answer frees the request */
    if (code != GL_OK)
        fail(request, code);
    else if (!who)
        turn_away(request, NULL, "token");
    else if (who->is_disabled)
        turn_away(request, &who->account, "disabled");
    else
        welcome(request, &who->account, who->name, who->is_admin, &who->token);
    behind_admit(peer, has_opened ? &opened : NULL);
    peer_unref(peer);
}

/* Not before the rest of what came with hello has been read: mostly it says which session is wanted. */
static void ask_token(void *ctx)
{
    struct token_sign_in *sign_in = ctx;
    const struct request *request = sign_in->request;
    gl_uuid session;
    log_set_context(&request->context);
    sign_in->has_session = behind_session(request->peer, &session);
    store_sign_in(request->core->store, sign_in->digest, sign_in->has_session ? &session : NULL, on_token, sign_in);
    log_set_context(NULL);
}

static void on_password(void *ctx, enum gl_code code, bool is_right)
{
    struct sign_in *sign_in = ctx;
    struct request *request = sign_in->request;
    struct peer *peer = request->peer;
    peer_ref(peer); /* the answer frees the request */
    if (code != GL_OK)
        fail(request, code);
    else if (!is_right || !sign_in->may)
        turn_away(request, sign_in->is_known ? &sign_in->account : NULL, "password");
    else
        welcome(request, &sign_in->account, sign_in->name, sign_in->is_admin, NULL);
    behind_admit(peer, NULL);
    peer_unref(peer);
}

static void on_account(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct sign_in *sign_in = ctx;
    struct request *request = sign_in->request;
    struct gl_slice stored = {0};
    if (code != GL_OK) {
        on_password(sign_in, code, false);
        return;
    }
    if (store_rows_count(rows) > 0) {
        sign_in->is_known = true;
        sign_in->account = store_uuid(rows, 0, 0);
        sign_in->name = gl_slice_str(gl_arena_copy(&request->arena, store_text(rows, 0, 1)));
        sign_in->is_admin = store_bool(rows, 0, 2);
        sign_in->may = !store_bool(rows, 0, 3) && !store_is_null(rows, 0, 4);
        if (sign_in->may)
            stored = gl_slice_str(gl_arena_copy(&request->arena, store_text(rows, 0, 4)));
    }
    /* Unknown, disabled, without a password: the same time is spent, and the same said. */
    const json_t *password = json_object_get(request->params, "password");
    const struct core_helpers *helpers = &request->core->helpers;
    helpers->check_password(helpers->ctx, stored, gl_slice_of(json_string_value(password), json_string_length(password)),
                            on_password, sign_in);
}

void handle_hello(struct request *request)
{
    struct gl_hello_params params = {0};
    struct peer *peer = request->peer;
    struct core *core = request->core;
    if (!request_read(request, hello, &params))
        return;
    if (peer->is_signed_in || peer->is_signing_in) {
        request_fail(request, GL_E_INVALID_REQUEST,
                     "hello was said on this connection already; open a new one to be somebody else");
        return;
    }
    if (params.has_client && !peer->client)
        peer->client = mem_copy(params.client.data, params.client.len);
    if (params.has_token) {
        if (!token_is_well_formed(params.token)) {
            turn_away(request, NULL, "token form");
            return;
        }
        struct token_sign_in *sign_in = gl_arena_alloc(&request->arena, sizeof *sign_in);
        sign_in->request = request;
        token_digest(params.token, sign_in->digest);
        peer->is_signing_in = true;
        loop_defer(core->loop, ask_token, sign_in);
    } else if (params.has_account && params.has_password && core->helpers.check_password) {
        struct sign_in *sign_in = gl_arena_alloc(&request->arena, sizeof *sign_in);
        sign_in->request = request;
        peer->is_signing_in = true;
        store_query(core->store, STORE_Q_sign_in_name, NULL, (struct store_param[]){P_TEXT(params.account)}, 1, on_account,
                    sign_in);
    } else {
        request_fail_at(request, GL_E_INVALID_PARAMS, "token", "hello needs a token, or account and password");
    }
}

/* ---- tokens */

struct new_token {
    struct request *request;
    gl_uuid id;
    char secret[TOKEN_TEXT + 1];
    int64_t expires_ms;
};

static void on_token_made(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct new_token *made = ctx;
    (void)rows;
    if (code != GL_OK) {
        request_fail(made->request, code, "%s", gl_code_sentence(code));
        return;
    }
    struct gl_token_create_result result = {.token = made->id,
                                            .secret = gl_slice_str(made->secret),
                                            .has_expires = made->expires_ms > 0,
                                            .expires = made->expires_ms};
    request_reply(made->request, token_create, &result);
}

void handle_token_create(struct request *request)
{
    struct gl_token_create_params params = {0};
    struct core *core = request->core;
    uint8_t digest[32];
    if (!request_read(request, token_create, &params))
        return;
    struct new_token *made = gl_arena_alloc(&request->arena, sizeof *made);
    made->request = request;
    made->id = gl_uuid_v7((uint64_t)loop_unix_ms(core->loop));
    token_make(made->secret);
    token_digest(gl_slice_str(made->secret), digest);
    if (params.has_days)
        made->expires_ms = core_stream_time(core, 0) + (int64_t)params.days * 86400000;
    store_query(core->store, STORE_Q_token_create, &request->account,
                (struct store_param[]){P_UUID(made->id), P_TEXT(params.has_label ? params.label : GL_SLICE("")),
                                       P_BYTES(digest, sizeof digest), params.has_days ? P_TIME(made->expires_ms) : P_NULL,
                                       P_TEXT(gl_slice_str(peer_address(request->peer)))},
                5, on_token_made, made);
}

struct gl_token_info *tokens_of_rows(struct request *request, const struct store_rows *rows)
{
    size_t count = store_rows_count(rows);
    struct gl_token_info *tokens = gl_arena_alloc(&request->arena, (count + 1) * sizeof *tokens);
    for (size_t i = 0; i < count; i++) {
        tokens[i] = (struct gl_token_info){
            .token = store_uuid(rows, i, 0), .label = store_text(rows, i, 1), .created = store_time(rows, i, 2)};
        tokens[i].has_expires = !store_is_null(rows, i, 3);
        if (tokens[i].has_expires)
            tokens[i].expires = store_time(rows, i, 3);
        tokens[i].has_revoked = tokens[i].revoked = store_bool(rows, i, 4);
    }
    return tokens;
}

static void on_tokens(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_token_list_result result = {.tokens = tokens_of_rows(request, rows), .tokens_count = store_rows_count(rows)};
    request_reply(request, token_list, &result);
}

void handle_token_list(struct request *request)
{
    store_query(request->core->store, STORE_Q_token_list, &request->account, NULL, 0, on_tokens, request);
}

static void on_token_revoked(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct core *core = request->core;
    if (code == GL_OK && store_rows_count(rows) == 0)
        code = GL_E_NOT_FOUND;
    if (code != GL_OK) {
        request_fail_at(request, code, "token", "%s", gl_code_sentence(code));
        return;
    }
    gl_uuid token = store_uuid(rows, 0, 0);
    struct gl_token_revoke_result result = {0};
    request_reply(request, token_revoke, &result);
    core_end_token(core, &token);
}

void handle_token_revoke(struct request *request)
{
    struct gl_token_revoke_params params = {0};
    if (!request_read(request, token_revoke, &params))
        return;
    store_query(request->core->store, STORE_Q_token_revoke, &request->account,
                (struct store_param[]){P_UUID(params.token), P_TEXT(gl_slice_str(peer_address(request->peer)))}, 2,
                on_token_revoked, request);
}
