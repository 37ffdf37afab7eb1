/* administer_ops.c - projects made for somebody, and ops that administrators append to streams that are not theirs: a member's role, a session's mode. */
#include "service/core/administer.h"
#include "service/store/genesis.h"
#include "service/store/operator_op.h"

/* ---- a project for somebody */

struct making {
    struct request *request;
    struct genesis genesis;
};

static void on_made(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct making *making = ctx;
    struct request *request = making->request;
    struct gl_admin_project_create_result result = {.project = making->genesis.project};
    genesis_fini(&making->genesis);
    if (code == GL_E_EXISTS)
        request_fail_at(request, code, "name", "its owner belongs to a project of that name already; choose another");
    else if (!rows_failed(request, code, rows, NULL))
        request_reply(request, admin_project_create, &result);
}

static void make_project(struct request *request, const gl_uuid *owner)
{
    struct gl_admin_project_create_params params = {0};
    struct store_param all[GENESIS_PARAMS + 2];
    struct core *core = request->core;
    if (!request_read(request, admin_project_create, &params))
        return;
    struct making *making = gl_arena_alloc(&request->arena, sizeof *making);
    const gl_uuid project = gl_uuid_v7((uint64_t)loop_unix_ms(core->loop));
    making->request = request;
    genesis_init(&making->genesis, &project, params.name, owner, core_stream_time(core, 0));
    all[0] = administer_from(request);
    memcpy(&all[1], &making->genesis.params[0], 2 * sizeof *all); /* project, name */
    all[3] = P_UUID(*owner);
    memcpy(&all[4], &making->genesis.params[2], (GENESIS_PARAMS - 2) * sizeof *all);
    store_query(core->store, STORE_Q_project_make, &request->account, all, GENESIS_PARAMS + 2, on_made, making);
}

void handle_admin_project_create(struct request *request)
{
    struct gl_admin_project_create_params params = {0};
    if (!request_read(request, admin_project_create, &params))
        return;
    if (params.name.len == 0)
        request_fail_at(request, GL_E_INVALID_PARAMS, "name", "a project needs a name");
    else
        administer_find(request, params.owner, "owner", make_project);
}

/* ---- an op behind the head of a stream, whoever appends to it at the same time */

struct operating {
    struct request *request;
    gl_uuid stream, account; /* account: of a member */
    enum gl_role role;       /* GL_NOBODY: no longer a member */
    struct gl_slice mode;    /* of a session; data NULL: it is about a member */
    unsigned tries;
    struct operator_op op;
};

static void read_head(struct operating *operating);

static void answer(const struct operating *operating, uint64_t seq)
{
    struct request *request = operating->request;
    struct gl_admin_session_mode_result of_mode = {.has_seq = seq > 0, .seq = seq};
    struct gl_admin_member_set_result of_member = {0};
    if (operating->mode.data)
        request_reply(request, admin_session_mode, &of_mode);
    else
        request_reply(request, admin_member_set, &of_member);
}

static void on_appended(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct operating *operating = ctx;
    const uint64_t seq = operating->op.op.seq;
    operator_op_fini(&operating->op);
    if (rows_failed(operating->request, code, rows, NULL))
        return;
    if (store_bool(rows, 0, 0))
        answer(operating, seq);
    else if (++operating->tries < OPERATOR_TRIES_MAX)
        read_head(operating);
    else
        request_fail(operating->request, GL_E_BUSY, "%s", gl_code_sentence(GL_E_BUSY));
}

static void append(struct operating *operating, const struct store_rows *head)
{
    struct request *request = operating->request;
    const struct gl_slice from = gl_slice_str(peer_address(request->peer));
    if (operating->mode.data)
        operator_op_mode(&operating->op, &operating->stream, head, operating->mode, from);
    else
        operator_op_member(&operating->op, &operating->stream, head, &operating->account, operating->role, from);
    store_query(request->core->store, STORE_Q_operator_append, &request->account, operating->op.params, OPERATOR_OP_PARAMS,
                on_appended, operating);
}

static void on_head(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct operating *operating = ctx;
    struct request *request = operating->request;
    const bool is_mode = operating->mode.data != NULL;
    if (code == GL_OK && (store_rows_count(rows) == 0 || store_bool(rows, 0, OPERATOR_IS_SESSION) != is_mode))
        code = GL_E_NOT_FOUND;
    if (code == GL_E_NOT_FOUND) {
        request_fail_at(request, code, is_mode ? "session" : "project", "%s", gl_code_sentence(code));
        return;
    }
    if (rows_failed(request, code, rows, NULL))
        return;
    enum gl_role now = GL_NOBODY;
    if (!is_mode && !store_is_null(rows, 0, OPERATOR_ROLE) && !gl_role_parse(store_text(rows, 0, OPERATOR_ROLE), &now))
        now = GL_NOBODY;
    if (is_mode ? gl_slice_equal(store_text(rows, 0, OPERATOR_MODE), operating->mode) : now == operating->role)
        answer(operating, 0);
    else if (!is_mode && now == GL_OWNER && store_u64(rows, 0, OPERATOR_OWNERS) <= 1)
        request_fail_at(request, GL_E_FORBIDDEN, "role", "a project keeps at least one owner; make somebody else owner first");
    else
        append(operating, rows);
}

static void read_head(struct operating *operating)
{
    struct request *request = operating->request;
    store_query(request->core->store, STORE_Q_operator_head, &request->account,
                (struct store_param[]){P_UUID(operating->stream), operating->mode.data ? P_NULL : P_UUID(operating->account)}, 2,
                on_head, operating);
}

static void set_member(struct request *request, const gl_uuid *account)
{
    struct operating *operating = request->user;
    operating->account = *account;
    read_head(operating);
}

void handle_admin_member_set(struct request *request)
{
    struct gl_admin_member_set_params params = {0};
    enum gl_role role = GL_NOBODY;
    if (!request_read(request, admin_member_set, &params))
        return;
    if (params.has_role && !gl_role_parse(params.role, &role)) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "role", "role must be viewer, annotator, curator or owner");
        return;
    }
    struct operating *operating = request->user = gl_arena_alloc(&request->arena, sizeof *operating);
    *operating = (struct operating){.request = request, .stream = params.project, .role = role};
    administer_find(request, params.account, "account", set_member);
}

void handle_admin_session_mode(struct request *request)
{
    struct gl_admin_session_mode_params params = {0};
    if (!request_read(request, admin_session_mode, &params))
        return;
    if (!gl_slice_is(params.mode, "shared") && !gl_slice_is(params.mode, "closed")) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "mode", "mode must be shared or closed");
        return;
    }
    struct operating *operating = gl_arena_alloc(&request->arena, sizeof *operating);
    *operating = (struct operating){.request = request, .stream = params.session, .mode = params.mode};
    read_head(operating);
}
