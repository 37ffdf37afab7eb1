#include "service/store/operator_op.h"

#include <stdlib.h>
#include <string.h>

#include "service/base/clock.h"
#include "service/base/random.h"
#include "service/store/genesis.h"

#define PAYLOAD_MAX 4096

static gl_hash hash_of(const struct store_rows *head, size_t column)
{
    gl_hash hash;
    const struct gl_slice bytes = store_bytes(head, 0, column);
    memcpy(hash.bytes, bytes.data, sizeof hash.bytes);
    return hash;
}

static json_t *change_of(enum gl_op_kind kind)
{
    json_t *change = json_pack("{s:s}", "kind", gl_op_kind_name(kind));
    if (!change)
        abort(); /* no memory */
    return change;
}

static struct store_param text_or_null(struct gl_slice text)
{
    return text.len > 0 ? P_TEXT(text) : P_NULL;
}

static void begin(struct operator_op *it, enum gl_op_kind kind, const struct store_rows *head)
{
    *it = (struct operator_op){.op = {.id = gl_uuid_v7((uint64_t)clock_unix_ms()),
                                      .seq = store_u64(head, 0, OPERATOR_HEAD) + 1,
                                      .at_ms = store_time(head, 0, OPERATOR_AT),
                                      .codebook = store_u64(head, 0, OPERATOR_CODEBOOK),
                                      .kind = kind},
                               .before = hash_of(head, OPERATOR_CHAIN),
                               .sum = hash_of(head, OPERATOR_SUM)};
    gl_buf_init(&it->payload, PAYLOAD_MAX);
}

/* The payload is there: what follows from it, and the parameters. */
static void finish(struct operator_op *it, const gl_uuid *stream, const json_t *change, struct gl_slice from)
{
    const struct gl_slice payload = gl_buf_peek(&it->payload);
    const char *kind = gl_op_kind_name(it->op.kind);
    if (it->payload.code != GL_OK)
        abort();
    random_bytes(it->salt, sizeof it->salt);
    const gl_hash leaf = gl_leaf(it->salt, payload);
    it->chain = gl_chain_next(&it->before, &leaf);
    it->request_hash = gl_op_request_hash(&it->op.account, NULL, change);
    const struct store_param params[] = {P_UUID(*stream),
                                         P_U64(it->op.seq - 1),
                                         P_BYTES(it->before.bytes, sizeof it->before.bytes),
                                         P_UUID(it->op.id),
                                         P_TEXT(gl_slice_str(kind)),
                                         P_BYTES(it->request_hash.bytes, sizeof it->request_hash.bytes),
                                         P_TEXT(payload),
                                         P_BYTES(it->salt, sizeof it->salt),
                                         P_BYTES(it->chain.bytes, sizeof it->chain.bytes),
                                         P_BYTES(it->sum.bytes, sizeof it->sum.bytes),
                                         P_TIME(it->op.at_ms),
                                         P_NULL,
                                         P_NULL,
                                         P_NULL,
                                         text_or_null(from)};
    memcpy(it->params, params, sizeof params);
}

void operator_op_member(struct operator_op *it, const gl_uuid *project, const struct store_rows *head, const gl_uuid *account,
                        enum gl_role role, struct gl_slice from)
{
    char id[GL_UUID_TEXT + 1];
    const char *name = role == GL_NOBODY ? NULL : gl_role_name(role);
    begin(it, GL_OP_MEMBER_SET, head);
    json_t *change = change_of(it->op.kind);
    gl_uuid_format(account, id);
    json_object_set_new(change, "account", json_string(id));
    json_object_set_new(change, "role", name ? json_string(name) : json_null());
    project_op_write(&it->payload, it->op.kind, &it->op.id, &it->op.account, it->op.seq, it->op.at_ms, it->op.codebook, change);
    finish(it, project, change, from);
    it->params[12] = P_UUID(*account);
    it->params[13] = name ? P_TEXT(gl_slice_str(name)) : P_NULL;
    json_decref(change);
}

/* The mode's part of the state sum goes, and that of the new one comes. */
static void change_sum(struct operator_op *it, const struct store_rows *head, const char *mode)
{
    char before[16] = "";
    gl_hash item;
    const struct gl_slice text = store_text(head, 0, OPERATOR_MODE);
    memcpy(before, text.data, text.len < sizeof before ? text.len : sizeof before - 1);
    if (gl_state_mode_item(before, store_u64(head, 0, OPERATOR_MODE_SEQ), &item))
        gl_sum_sub(&it->sum, &item);
    if (gl_state_mode_item(mode, it->op.seq, &item))
        gl_sum_add(&it->sum, &item);
}

void operator_op_mode(struct operator_op *it, const gl_uuid *session, const struct store_rows *head, struct gl_slice mode,
                      struct gl_slice from)
{
    char name[16] = "";
    begin(it, GL_OP_SESSION_MODE, head);
    memcpy(name, mode.data, mode.len < sizeof name ? mode.len : sizeof name - 1);
    change_sum(it, head, name);
    json_t *change = change_of(it->op.kind);
    json_object_set_new(change, "mode", json_string(name));
    it->op.effects = json_pack("[{s:[], s:{s:I}, s:{s:s}}]", "ids", "prev", "mode",
                               (json_int_t)store_u64(head, 0, OPERATOR_MODE_SEQ), "set", "mode", name);
    it->op.intent = json_pack("{s:O}", "change", change);
    gl_op_write(&it->payload, &it->op);
    json_decref(it->op.effects);
    json_decref(it->op.intent);
    finish(it, session, change, from);
    it->params[11] = P_TEXT(mode);
    json_decref(change);
}

void operator_op_fini(struct operator_op *it)
{
    gl_buf_fini(&it->payload);
}
