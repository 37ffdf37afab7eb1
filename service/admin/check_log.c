/*
 * check_log.c - the log from its beginning, through the archive: no gap, no op twice, every leaf and chain.
 *
 * Where an op's chain does not follow from what stands there, the op is held until the next one: if that follows from the chain as it should be, only the
 * column was wrong; if it follows from the column, what the op says is not what it was, and nothing behind it can be rebuilt.
 */
#include <inttypes.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/base/mem.h"

#define PROGRESS_OPS 1024

/* Columns of check_ops. */
enum { SEQ, OP, ACCOUNT, KIND, PAYLOAD, SALT, LEAF, CHAIN, IS_OF_PROJECT, IS_LOST, REQUEST_HASH, IS_TWICE };

static struct logged logged_from(const struct store_rows *row)
{
    struct logged it = {.seq = store_u64(row, 0, SEQ),
                        .op = store_uuid(row, 0, OP),
                        .account = store_uuid(row, 0, ACCOUNT),
                        .kind = store_text(row, 0, KIND),
                        .payload = store_text(row, 0, PAYLOAD),
                        .chain = check_hash(row, CHAIN),
                        .request_hash = check_hash(row, REQUEST_HASH),
                        .has_payload = !store_is_null(row, 0, PAYLOAD),
                        .has_leaf = !store_is_null(row, 0, LEAF),
                        .stored_leaf = check_hash(row, LEAF)};
    struct gl_slice salt = store_bytes(row, 0, SALT);
    it.leaf = !it.has_payload || salt.len != GL_SALT_BYTES ? it.stored_leaf : gl_leaf((const uint8_t *)salt.data, it.payload);
    return it;
}

/* ---- an op in its place */

static void pass(struct checking *checking, const struct logged *it, bool is_sound)
{
    if (is_sound && it->has_payload) {
        check_op(checking, it);
    }
    checking->is_newest_erased = !it->has_payload || !is_sound;
    checking->was_unsure |= !can_rebuild(checking);
    check_snapshot_here(checking);
}

static void hold(struct checking *checking, const struct logged *it, const gl_hash *computed)
{
    struct held_op *held = &checking->held;
    *held = (struct held_op){.is_held = true, .it = *it, .computed = *computed};
    held->bytes = mem_alloc(it->kind.len + it->payload.len + 1);
    memcpy(held->bytes, it->kind.data, it->kind.len);
    if (it->payload.len > 0) {
        memcpy(held->bytes + it->kind.len, it->payload.data, it->payload.len);
    }
    held->it.kind = gl_slice_of(held->bytes, it->kind.len);
    held->it.payload = gl_slice_of(held->bytes + it->kind.len, it->payload.len);
}

static void settle(struct checking *checking, bool is_only_chain)
{
    struct held_op *held = &checking->held;
    if (is_only_chain) {
        report_problem(&checking->report, CHECK_LOG_CHAIN, AT_SEQ(held->it.seq),
                       "seq %" PRIu64 ": the chain is not the one that follows from the op, which fits those beside it",
                       held->it.seq);
        checking->state->chain = held->computed;
    } else {
        report_problem(&checking->report, CHECK_LOG_PAYLOAD, AT_SEQ(held->it.seq),
                       "seq %" PRIu64 ": the chain does not follow from the payload and the op before; nothing behind it can be "
                       "rebuilt",
                       held->it.seq);
        checking->is_broken = true;
        checking->state->chain = held->it.chain;
    }
    pass(checking, &held->it, is_only_chain);
    mem_free(&held->bytes);
    held->is_held = false;
}

/* The op behind a held one is here: it tells which of the two it follows. */
static void settle_before(struct checking *checking, const struct logged *next)
{
    gl_hash with_leaf = gl_chain_next(&checking->held.computed, &next->leaf);
    gl_hash with_stored = gl_chain_next(&checking->held.computed, &next->stored_leaf);
    settle(checking, next->seq == checking->held.it.seq + 1 && (gl_hash_equal(&with_leaf, &next->chain) ||
                                                                (next->has_leaf && gl_hash_equal(&with_stored, &next->chain))));
}

/* ---- leaves */

/* An op of the archive has both its words and its leaf: the chain tells which of them is wrong. */
static bool check_archived(struct checking *checking, const struct logged *it, const gl_hash *computed)
{
    gl_hash with_stored = gl_chain_next(&checking->state->chain, &it->stored_leaf);
    if (gl_hash_equal(&it->leaf, &it->stored_leaf)) {
        return false;
    }
    if (gl_hash_equal(&with_stored, &it->chain)) {
        if (!check_is_in_bad_segment(checking, it->seq)) {
            report_problem(&checking->report, CHECK_ARCHIVE_PAYLOAD, AT_SEQ(it->seq),
                           "seq %" PRIu64 ": the archived payload and salt do not have the op's leaf", it->seq);
        }
        checking->is_broken = true;
        checking->state->chain = it->chain;
        pass(checking, it, false);
        return true;
    }
    if (gl_hash_equal(computed, &it->chain)) {
        report_problem(&checking->report, CHECK_LOG_LEAF, AT_SEQ(it->seq),
                       "seq %" PRIu64 ": the leaf is not that of the payload and salt in the archive", it->seq);
    }
    return false;
}

static void check_chain(struct checking *checking, const struct logged *it)
{
    gl_hash computed = gl_chain_next(&checking->state->chain, &it->leaf);
    if (it->has_leaf && it->has_payload && check_archived(checking, it, &computed)) {
        return;
    }
    if (!gl_hash_equal(&computed, &it->chain)) {
        hold(checking, it, &computed);
        return;
    }
    checking->state->chain = it->chain;
    pass(checking, it, true);
}

/* ---- places */

static void tell_lost(struct checking *checking)
{
    if (checking->lost_from > 0) {
        report_problem(&checking->report, CHECK_LOG_LOST, AT_SEQ(checking->lost_from),
                       "seq %" PRIu64 " to %" PRIu64 ": the ops are archived, but the archive does not have them",
                       checking->lost_from, checking->lost_to);
    }
    checking->lost_from = checking->lost_to = 0;
}

static void check_is_lost(struct checking *checking, uint64_t seq, bool is_lost)
{
    if (!is_lost || check_is_in_bad_segment(checking, seq)) {
        tell_lost(checking);
        return;
    }
    checking->lost_from = checking->lost_from > 0 ? checking->lost_from : seq;
    checking->lost_to = seq;
}

/* False: the op is not in its place, and not looked at. */
static bool check_place(struct checking *checking, const struct logged *it)
{
    const uint64_t before = checking->state->seq;
    if (it->seq == before && checking->has_overlap) {
        return false; /* two segments have it: the same row again */
    }
    const bool is_known = map_put(&checking->ops, &it->op, checking) != NULL;
    if (it->seq <= before) {
        report_problem(&checking->report, CHECK_LOG_REPEATED, AT_SEQ(it->seq), "seq %" PRIu64 ": it is there twice", it->seq);
        return false;
    }
    if (is_known) {
        report_problem(&checking->report, CHECK_LOG_REPEATED, AT_SEQ(it->seq),
                       "seq %" PRIu64 ": the op's id is that of an earlier op", it->seq);
    }
    if (it->seq > before + 1) {
        report_problem(&checking->report, CHECK_LOG_GAP, AT_SEQ(before + 1),
                       "seq %" PRIu64 " follows seq %" PRIu64 ": what was between is lost", it->seq, before);
        checking->is_broken = true;
    }
    return true;
}

static enum gl_code take_op(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    struct logged it = logged_from(row);
    (void)err;
    if (checking->held.is_held) {
        settle_before(checking, &it);
    }
    const bool is_behind_gap = it.seq > checking->state->seq + 1;
    if (!check_place(checking, &it)) {
        return GL_OK;
    }
    if (!store_bool(row, 0, IS_OF_PROJECT)) {
        report_problem(&checking->report, CHECK_LOG_COLUMNS, AT_SEQ(it.seq),
                       "seq %" PRIu64 ": the op belongs to another project than its stream", it.seq);
    }
    if (store_bool(row, 0, IS_TWICE)) {
        report_problem(&checking->report, CHECK_ARCHIVE_TWICE, AT_SEQ(it.seq),
                       "seq %" PRIu64 ": the archive has the op, and the log has it still", it.seq);
    }
    check_is_lost(checking, it.seq, store_bool(row, 0, IS_LOST));
    if (!it.has_payload && store_bool(row, 0, IS_LOST)) {
        checking->is_broken = true;
    } else if (!it.has_payload) {
        checking->is_erased = true;
        check_erased_note(checking, it.seq);
    }
    checking->state->seq = it.seq;
    if (is_behind_gap) { /* its chain cannot be proved; what comes behind it can */
        checking->state->chain = it.chain;
        pass(checking, &it, true);
    } else {
        check_chain(checking, &it);
    }
    if (it.seq % PROGRESS_OPS == 0) {
        progress_tell(&checking->run->progress, it.seq, checking->head);
    }
    return GL_OK;
}

enum gl_code check_log(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    map_init(&checking->ops);
    enum gl_code code = check_snapshots(checking, err);
    if (code == GL_OK) {
        code = admin_db_each(checking->db, STORE_Q_check_ops, &param, 1, take_op, checking, err);
    }
    if (checking->held.is_held) {
        settle(checking, gl_hash_equal(&checking->held.computed, &checking->chain));
    }
    tell_lost(checking);
    check_erased_end(checking);
    check_snapshots_end(checking);
    map_fini(&checking->ops);
    return code;
}
