/* check_log.c - the log from its beginning, through the archive: no gap, every leaf and chain, every op what its columns say; applied to a fresh state. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "service/admin/check_priv.h"

/* One row of check_ops. */
struct logged {
    uint64_t seq;
    gl_uuid op, account;
    struct gl_slice kind, payload;
    gl_hash leaf, stored_leaf, chain;
    bool is_erased, has_leaf;
};

static gl_hash hash_of(struct gl_slice bytes)
{
    gl_hash hash = {{0}};
    memcpy(hash.bytes, bytes.data, bytes.len < sizeof(hash.bytes) ? bytes.len : sizeof(hash.bytes));
    return hash;
}

static struct logged logged_from(const struct store_rows *row)
{
    struct logged it = {.seq = store_u64(row, 0, 0),
                        .op = store_uuid(row, 0, 1),
                        .account = store_uuid(row, 0, 2),
                        .kind = store_text(row, 0, 3),
                        .payload = store_text(row, 0, 4),
                        .chain = hash_of(store_bytes(row, 0, 7)),
                        .is_erased = store_is_null(row, 0, 4)};
    struct gl_slice salt = store_bytes(row, 0, 5);
    it.has_leaf = !store_is_null(row, 0, 6);
    it.stored_leaf = hash_of(store_bytes(row, 0, 6));
    it.leaf = it.is_erased || salt.len != GL_SALT_BYTES ? it.stored_leaf : gl_leaf((const uint8_t *)salt.data, it.payload);
    return it;
}

static void check_columns(struct checking *checking, const struct logged *it, const struct gl_op *op)
{
    struct report *report = &checking->report;
    if (op->seq != it->seq) {
        report_problem(report, "seq %" PRIu64 ": the payload says seq %" PRIu64, it->seq, op->seq);
    }
    if (!gl_uuid_equal(&op->id, &it->op) || !gl_uuid_equal(&op->account, &it->account) ||
        !gl_slice_is(it->kind, gl_op_kind_name(op->kind))) {
        report_problem(report, "seq %" PRIu64 ": id, account or kind are not those of the payload", it->seq);
    }
    if (op->at_ms < checking->at_ms) {
        report_problem(report, "seq %" PRIu64 ": its time is before that of the op before", it->seq);
    }
    checking->at_ms = op->at_ms;
}

static void apply(struct checking *checking, const struct logged *it, const struct gl_op *op)
{
    struct gl_err err = {0};
    if (!checking->is_session) {
        project_mirror_apply(checking, op);
    } else if (!checking->is_erased && gl_state_apply(checking->state, op, &err) != GL_OK) {
        report_problem(&checking->report, "seq %" PRIu64 ": its effects cannot be applied: %s", it->seq, err.detail);
    }
}

static void check_payload(struct checking *checking, const struct logged *it)
{
    struct gl_err err = {0};
    struct gl_op op;
    json_t *payload;
    if (gl_json_load(it->payload, &payload, &err) != GL_OK) {
        report_problem(&checking->report, "seq %" PRIu64 ": the payload cannot be read: %s", it->seq, err.detail);
        return;
    }
    struct gl_buf canonical;
    gl_buf_init(&canonical, it->payload.len + 1);
    gl_canon_write(&canonical, payload);
    if (canonical.code != GL_OK || !gl_slice_equal(gl_buf_peek(&canonical), it->payload)) {
        report_problem(&checking->report, "seq %" PRIu64 ": the payload is not in canonical form", it->seq);
    }
    gl_buf_fini(&canonical);
    if (gl_op_read(payload, &op, &err) != GL_OK) {
        report_problem(&checking->report, "seq %" PRIu64 ": the payload is no op: %s", it->seq, err.detail);
    } else {
        check_columns(checking, it, &op);
        apply(checking, it, &op);
        gl_op_fini(&op);
    }
    json_decref(payload);
}

static enum gl_code check_op(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    struct gl_state *state = checking->state;
    struct logged it = logged_from(row);
    (void)err;
    if (it.seq != state->seq + 1) {
        report_problem(&checking->report, "seq %" PRIu64 " follows seq %" PRIu64, it.seq, state->seq);
    }
    gl_hash chain = gl_chain_next(&state->chain, &it.leaf);
    if (!gl_hash_equal(&chain, &it.chain)) {
        report_problem(&checking->report, "seq %" PRIu64 ": the chain does not follow from the payload and the op before",
                       it.seq);
    }
    if (!store_bool(row, 0, 8)) {
        report_problem(&checking->report, "seq %" PRIu64 ": the op belongs to another project than its stream", it.seq);
    }
    if (it.has_leaf && !gl_hash_equal(&it.leaf, &it.stored_leaf)) {
        report_problem(&checking->report, "seq %" PRIu64 ": the archived payload and salt do not have the op's leaf", it.seq);
    }
    if (store_bool(row, 0, 9)) {
        report_problem(&checking->report, "seq %" PRIu64 ": the op is archived, but the archive does not have it", it.seq);
    }
    if (it.is_erased) {
        checking->is_erased = true;
    } else {
        check_payload(checking, &it);
    }
    checking->is_newest_erased = it.is_erased;
    state->seq = it.seq;
    state->chain = it.chain; /* so that one wrong op is one problem */
    check_snapshot_here(checking);
    return GL_OK;
}

enum gl_code check_log(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = check_snapshots(checking, err);
    if (code == GL_OK) {
        code = admin_db_each(checking->db, STORE_Q_check_ops, &param, 1, check_op, checking, err);
    }
    for (size_t i = checking->snapshots_passed; i < checking->snapshot_count && code == GL_OK; i++) {
        report_problem(&checking->report, "there is a snapshot at seq %" PRIu64 ", where the log has no op",
                       checking->snapshots[i].seq);
    }
    return code;
}
