/* check_snapshot.c - the snapshots of a session against the log that they stand in, and the archive's segments: none overlaps, none has too little. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/admin/check_repair.h"
#include "service/base/mem.h"

/* ---- the archive */

bool check_is_in_bad_segment(const struct checking *checking, uint64_t seq)
{
    for (size_t i = 0; i < checking->bad_segment_count; i++) {
        if (seq >= checking->bad_segments[i][0] && seq <= checking->bad_segments[i][1]) {
            return true;
        }
    }
    return false;
}

/* One that is missing shows in the ops that should be in it. */
static enum gl_code check_segment(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    uint64_t first = store_u64(row, 0, 0), last = store_u64(row, 0, 1), count = store_u64(row, 0, 2);
    (void)err;
    if (first <= checking->archived_to) {
        checking->has_overlap = true;
        report_problem(&checking->report, CHECK_ARCHIVE_ORDER, AT_SEQ(first),
                       "the archive has seq %" PRIu64 " to %" PRIu64 " behind seq %" PRIu64, first, last, checking->archived_to);
    }
    if (count != last - first + 1) {
        report_problem(&checking->report, CHECK_ARCHIVE_COUNT, AT_SEQ(first),
                       "the archive's segment of seq %" PRIu64 " to %" PRIu64 " has %" PRIu64 " ops in it", first, last, count);
        checking->bad_segments = mem_grow(checking->bad_segments, &checking->bad_segment_cap, checking->bad_segment_count + 1,
                                          sizeof(*checking->bad_segments));
        checking->bad_segments[checking->bad_segment_count][0] = first;
        checking->bad_segments[checking->bad_segment_count++][1] = last;
    }
    if (!store_bool(row, 0, 3)) {
        report_problem(&checking->report, CHECK_ARCHIVE_ORDER, AT_SEQ(first),
                       "the archive at seq %" PRIu64 " belongs to another project than its stream", first);
    }
    checking->archived_to = last > checking->archived_to ? last : checking->archived_to;
    return GL_OK;
}

/* The cut stands at the oldest snapshot, and behind everything that is archived. */
static void check_cut(struct checking *checking)
{
    const bool is_any = checking->snapshot_count > 0;
    const uint64_t oldest = is_any ? checking->snapshots[0].seq : 0;
    checking->cut = checking->retained_from;
    if (checking->archived_to >= checking->retained_from) {
        checking->cut = checking->archived_to + 1;
        report_problem(&checking->report, CHECK_STREAM_CUT, HERE,
                       "the archive ends at seq %" PRIu64 ", but the log begins at seq %" PRIu64, checking->archived_to,
                       checking->retained_from);
    } else if (is_any && checking->retained_from > 1 && oldest < checking->retained_from - 1) {
        checking->cut = oldest > checking->archived_to ? oldest + 1 : checking->archived_to + 1;
        report_problem(&checking->report, CHECK_STREAM_CUT, HERE,
                       "there is a snapshot at seq %" PRIu64 ", but the log begins at seq %" PRIu64, oldest,
                       checking->retained_from);
    }
    if (checking->cut != checking->retained_from) {
        repair_stream(checking);
    }
}

static bool has_snapshot(const struct checking *checking, uint64_t seq)
{
    for (size_t i = 0; i < checking->snapshot_count; i++) {
        if (checking->snapshots[i].seq == seq) {
            return true;
        }
    }
    return false;
}

/* ---- snapshots by themselves */

static void snapshot_problem(struct checking *checking, struct check_snapshot *it, enum check_kind kind, const char *what)
{
    if (!it->is_told) {
        report_problem(&checking->report, kind, AT_SEQ(it->seq), "the snapshot at seq %" PRIu64 " %s", it->seq, what);
    }
    it->is_told = true;
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
                                  .chain = check_hash(row, 1),
                                  .sum = check_hash(row, 2),
                                  .live = store_u64(row, 0, 5),
                                  .codebook = store_u64(row, 0, 7),
                                  .state = gl_state_new(&checking->stream, NULL),
                                  .is_good = true};
    snprintf(name, sizeof(name), "%.*s", (int)mode.len, mode.data);
    gl_state_set_mode(it->state, name, store_u64(row, 0, 4));
    if (!store_bool(row, 0, 6)) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_COLUMNS, "belongs to another project than its stream");
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
        reading->snapshot->is_good = false;
        snapshot_problem(reading->checking, reading->snapshot, CHECK_SNAPSHOT_STATE, "has records that cannot be read");
    }
    if (!store_bool(row, 0, 1)) {
        snapshot_problem(reading->checking, reading->snapshot, CHECK_SNAPSHOT_COLUMNS, "has records of another project");
    }
    return GL_OK;
}

static enum gl_code read_parts(struct checking *checking, struct check_snapshot *it, struct gl_err *err)
{
    struct store_param params[] = {P_UUID(checking->stream), P_U64(it->seq)};
    struct reading reading = {checking, it};
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_parts, params, 2, take_part, &reading, err);
    it->is_good = it->is_good && gl_hash_equal(&it->sum, &it->state->sum);
    if (!it->is_good) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_STATE, "has records that do not make its state sum");
    } else if (it->live != it->state->live_count) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_COLUMNS, "has another number of live annotations than it says");
    }
    return code;
}

enum gl_code check_snapshots(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_snapshots, &param, 1, take_snapshot, checking, err);
    for (size_t i = 0; i < checking->snapshot_count && code == GL_OK; i++) {
        code = read_parts(checking, &checking->snapshots[i], err);
    }
    if (code == GL_OK) {
        code = admin_db_each(checking->db, STORE_Q_check_archive, &param, 1, check_segment, checking, err);
    }
    check_cut(checking);
    return code;
}

/* ---- on the way through the log */

/* What was erased or is broken cannot be replayed; behind a snapshot that holds by itself, and stands in this log, the rest can. */
static void begin_anew(struct checking *checking, struct check_snapshot *it)
{
    it->state->seq = checking->state->seq;
    it->state->chain = checking->state->chain;
    gl_state_free(&checking->state);
    checking->state = it->state;
    it->state = NULL;
    checking->is_erased = checking->is_broken = false;
}

static void compare(struct checking *checking, struct check_snapshot *it)
{
    const struct gl_state *state = checking->state;
    if (!gl_hash_equal(&it->chain, &state->chain)) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_COLUMNS, "does not have the log's chain there");
    }
    if (it->codebook != checking->codebook && !checking->is_newest_erased) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_COLUMNS, "does not have the codebook's version of the op there");
    }
    if (!can_rebuild(checking)) {
        if (it->is_good && !it->is_told) {
            begin_anew(checking, it);
        }
    } else if (!gl_hash_equal(&it->sum, &state->sum)) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_STATE, "is not the state that the log gives there");
    } else if (strcmp(it->state->mode, state->mode) != 0 || it->state->mode_seq != state->mode_seq) {
        snapshot_problem(checking, it, CHECK_SNAPSHOT_COLUMNS, "has another mode than the log gives there");
    }
    if (it->is_told) {
        repair_snapshot(checking);
    }
}

void check_snapshot_here(struct checking *checking)
{
    const struct gl_state *state = checking->state;
    while (checking->snapshots_passed < checking->snapshot_count &&
           checking->snapshots[checking->snapshots_passed].seq < state->seq) {
        checking->snapshots_passed++; /* behind a gap */
    }
    if (checking->snapshots_passed < checking->snapshot_count &&
        checking->snapshots[checking->snapshots_passed].seq == state->seq) {
        compare(checking, &checking->snapshots[checking->snapshots_passed++]);
    } else if (state->seq == checking->cut - 1 && !has_snapshot(checking, state->seq)) {
        if (checking->cut == checking->retained_from) {
            report_problem(&checking->report, CHECK_SNAPSHOT_MISSING, AT_SEQ(state->seq),
                           "ops below seq %" PRIu64 " are archived, but there is no snapshot there", checking->cut);
        }
        repair_snapshot(checking);
    }
}

void check_snapshots_end(struct checking *checking)
{
    for (size_t i = 0; i < checking->snapshot_count && !checking->is_broken; i++) {
        struct check_snapshot *it = &checking->snapshots[i];
        if (it->seq > checking->state->seq) {
            snapshot_problem(checking, it, CHECK_SNAPSHOT_STATE, "stands where the log has no op");
            repair_no_snapshot(checking, it->seq);
        }
    }
}

void check_snapshots_fini(struct checking *checking)
{
    for (size_t i = 0; i < checking->snapshot_count; i++) {
        gl_state_free(&checking->snapshots[i].state);
    }
    mem_free(&checking->snapshots);
}
