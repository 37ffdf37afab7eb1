/* check_snapshot.c - the snapshots of a session against the log that they stand in, and the archive's segments: none overlaps, none is missing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/base/mem.h"

static gl_hash hash_at(const struct store_rows *row, size_t column)
{
    gl_hash hash = {{0}};
    struct gl_slice bytes = store_bytes(row, 0, column);
    memcpy(hash.bytes, bytes.data, bytes.len < sizeof(hash.bytes) ? bytes.len : sizeof(hash.bytes));
    return hash;
}

/* ---- the archive */

static enum gl_code check_segment(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    uint64_t first = store_u64(row, 0, 0), last = store_u64(row, 0, 1);
    (void)err;
    if (first != checking->archived_to + 1) {
        report_problem(&checking->report, "the archive has seq %" PRIu64 " to %" PRIu64 " behind seq %" PRIu64, first, last,
                       checking->archived_to);
    }
    if (store_u64(row, 0, 2) != last - first + 1) {
        report_problem(&checking->report, "the archive's segment of seq %" PRIu64 " to %" PRIu64 " has %" PRIu64 " ops in it",
                       first, last, store_u64(row, 0, 2));
    }
    if (!store_bool(row, 0, 3)) {
        report_problem(&checking->report, "the archive at seq %" PRIu64 " belongs to another project than its stream", first);
    }
    checking->archived_to = last;
    return GL_OK;
}

static enum gl_code check_archive(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_archive, &param, 1, check_segment, checking, err);
    if (checking->archived_to >= checking->retained_from) {
        report_problem(&checking->report, "the archive ends at seq %" PRIu64 ", but the log begins at seq %" PRIu64,
                       checking->archived_to, checking->retained_from);
    }
    return code;
}

/* ---- snapshots by themselves */

static void snapshot_problem(struct checking *checking, const struct check_snapshot *it, const char *what)
{
    report_problem(&checking->report, "the snapshot at seq %" PRIu64 " %s", it->seq, what);
}

static enum gl_code take_snapshot(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    struct gl_slice mode = store_text(row, 0, 3);
    char name[16];
    (void)err;
    checking->snapshots =
        mem_grow(checking->snapshots, &checking->snapshot_cap, checking->snapshot_count + 1, sizeof(*checking->snapshots));
    struct check_snapshot *it = &checking->snapshots[checking->snapshot_count++];
    *it = (struct check_snapshot){.seq = store_u64(row, 0, 0),
                                  .chain = hash_at(row, 1),
                                  .live = store_u64(row, 0, 5),
                                  .state = gl_state_new(&checking->stream, NULL)};
    snprintf(name, sizeof(name), "%.*s", (int)mode.len, mode.data);
    gl_state_set_mode(it->state, name, store_u64(row, 0, 4));
    it->sum = hash_at(row, 2);
    if (!store_bool(row, 0, 6)) {
        snapshot_problem(checking, it, "belongs to another project than its stream");
    }
    return GL_OK;
}

static enum gl_code put_record(struct gl_state *state, struct gl_slice line, struct gl_err *err)
{
    struct gl_annotation *annotation = NULL;
    json_t *record;
    enum gl_code code = gl_json_load(line, &record, err);
    if (code == GL_OK) {
        code = gl_annotation_from_record(record, &annotation, err);
        json_decref(record);
    }
    if (code == GL_OK && state->count > 0 && state->items[state->count - 1]->created_seq > annotation->created_seq) {
        code = gl_fail(err, GL_E_MALFORMED, "its records are not in the order in which they were made");
    }
    if (code == GL_OK) {
        code = gl_state_put(state, annotation);
    }
    gl_annotation_unref(&annotation);
    return code;
}

struct reading {
    struct checking *checking;
    struct check_snapshot *snapshot;
};

static enum gl_code take_part(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct reading *reading = ctx;
    struct gl_slice lines = store_text(row, 0, 0);
    struct gl_err why = {0};
    (void)err;
    while (lines.len > 0 && !why.code) {
        const char *end = memchr(lines.data, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.data) : lines.len;
        why.code = put_record(reading->snapshot->state, gl_slice_of(lines.data, len), &why);
        lines = end ? gl_slice_of(end + 1, lines.len - len - 1) : gl_slice_of(NULL, 0);
    }
    if (why.code) {
        report_problem(&reading->checking->report, "the snapshot at seq %" PRIu64 " cannot be read: %s", reading->snapshot->seq,
                       why.detail);
    }
    if (!store_bool(row, 0, 1)) {
        snapshot_problem(reading->checking, reading->snapshot, "has records of another project");
    }
    return GL_OK;
}

enum gl_code check_snapshots(struct checking *checking, struct gl_err *err)
{
    struct store_param params[] = {P_UUID(checking->stream), P_U64(0)};
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_snapshots, params, 1, take_snapshot, checking, err);
    for (size_t i = 0; i < checking->snapshot_count && code == GL_OK; i++) {
        struct check_snapshot *it = &checking->snapshots[i];
        struct reading reading = {checking, it};
        params[1] = P_U64(it->seq);
        code = admin_db_each(checking->db, STORE_Q_check_parts, params, 2, take_part, &reading, err);
        it->is_good = gl_hash_equal(&it->sum, &it->state->sum);
        if (!it->is_good) {
            snapshot_problem(checking, it, "has records that do not make its state sum");
        }
        if (it->live != it->state->live_count) {
            snapshot_problem(checking, it, "has another number of live annotations than it says");
        }
    }
    if (checking->retained_from > 1 &&
        (checking->snapshot_count == 0 || checking->snapshots[0].seq != checking->retained_from - 1)) {
        report_problem(&checking->report, "ops below seq %" PRIu64 " are archived, but there is no snapshot there",
                       checking->retained_from);
    }
    return code == GL_OK ? check_archive(checking, err) : code;
}

/* ---- on the way through the log */

/* What was erased cannot be replayed; behind a snapshot that holds by itself the rest can. */
static void begin_anew(struct checking *checking, struct check_snapshot *it)
{
    it->state->seq = checking->state->seq;
    it->state->chain = checking->state->chain;
    gl_state_free(&checking->state);
    checking->state = it->state;
    it->state = NULL;
    checking->is_erased = false;
}

void check_snapshot_here(struct checking *checking)
{
    const struct gl_state *state = checking->state;
    if (checking->snapshots_passed == checking->snapshot_count ||
        checking->snapshots[checking->snapshots_passed].seq != state->seq) {
        return;
    }
    struct check_snapshot *it = &checking->snapshots[checking->snapshots_passed++];
    if (!gl_hash_equal(&it->chain, &state->chain)) {
        snapshot_problem(checking, it, "does not have the log's chain there");
    }
    if (checking->is_erased) {
        if (it->is_good) {
            begin_anew(checking, it);
        }
    } else if (!gl_hash_equal(&it->sum, &state->sum)) {
        snapshot_problem(checking, it, "is not the state that the log gives there");
    } else if (strcmp(it->state->mode, state->mode) != 0 || it->state->mode_seq != state->mode_seq) {
        snapshot_problem(checking, it, "has another mode than the log gives there");
    }
}

void check_snapshots_fini(struct checking *checking)
{
    for (size_t i = 0; i < checking->snapshot_count; i++) {
        gl_state_free(&checking->snapshots[i].state);
    }
    mem_free(&checking->snapshots);
}
