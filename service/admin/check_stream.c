/* check_stream.c - one stream: its row, its log, and what both make of each other. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/admin/check_repair.h"
#include "service/base/mem.h"

/* Columns of check_stream. */
enum {
    KIND,
    HEAD,
    CHAIN_START,
    CHAIN,
    SUM,
    MODE,
    MODE_SEQ,
    LIVE,
    RETAINED_FROM,
    LAST_AT,
    PROJECT,
    REVISION,
    SHA256,
    BYTES,
    CODEPOINTS,
    BYTE_COUNT,
    IS_OF_PROJECT
};

gl_hash check_hash(const struct store_rows *rows, size_t column)
{
    gl_hash hash = {{0}};
    struct gl_slice bytes = store_bytes(rows, 0, column);
    if (bytes.len == sizeof(hash.bytes)) {
        memcpy(hash.bytes, bytes.data, bytes.len);
    } else if (!store_is_null(rows, 0, column)) {
        memset(hash.bytes, 0xff, sizeof(hash.bytes));
    }
    return hash;
}

void checking_init(struct checking *checking, struct check_run *run, const gl_uuid *stream)
{
    *checking = (struct checking){.run = run, .db = run->db, .stream = *stream};
    report_init(&checking->report);
}

void checking_fini(struct checking *checking)
{
    gl_text_free(&checking->text);
    check_snapshots_fini(checking);
    check_inbox_fini(checking);
    gl_state_free(&checking->state);
    mem_free(&checking->bad_segments);
    report_fini(&checking->report);
}

/* ---- the stream's row, and the text */

/* The chain begins with the text's SHA-256: it tells whether the bytes are wrong, or what the row says of them. */
static gl_hash take_text(struct checking *checking, const struct store_rows *rows)
{
    struct gl_err err = {0};
    gl_hash said = check_hash(rows, SHA256);
    struct gl_slice bytes = store_bytes(rows, 0, BYTES);
    gl_hash found = gl_sha256(bytes.data, bytes.len);
    gl_hash start = gl_chain_start(&checking->stream, said.bytes);
    if (!gl_hash_equal(&said, &found) && gl_hash_equal(&start, &checking->chain_start)) {
        report_problem(&checking->report, CHECK_REVISION_BYTES, AT("revision", &checking->revision),
                       "the revision's bytes do not have its SHA-256: annotations cannot be compared with the text");
        return said;
    }
    const bool is_text = gl_text_new(bytes, &checking->text, &err) == GL_OK;
    if (!is_text) {
        report_problem(&checking->report, CHECK_REVISION_BYTES, AT("revision", &checking->revision),
                       "the revision's bytes are no text: %s", err.detail);
    }
    if (!gl_hash_equal(&said, &found) || store_u64(rows, 0, BYTE_COUNT) != bytes.len || !store_bool(rows, 0, IS_OF_PROJECT) ||
        (is_text && gl_text_length(checking->text) != store_u64(rows, 0, CODEPOINTS))) {
        report_problem(
            &checking->report, CHECK_REVISION_COLUMNS, AT("revision", &checking->revision),
            "SHA-256, bytes or code points in the revision's row are not those of its text, or its project is another one");
        repair_revision(checking, found, bytes.len, is_text ? gl_text_length(checking->text) : 0);
    }
    return found;
}

static void take_columns(struct checking *checking, const struct store_rows *rows)
{
    struct gl_slice mode = store_text(rows, 0, MODE);
    checking->is_session = gl_slice_is(store_text(rows, 0, KIND), "session");
    checking->head = store_u64(rows, 0, HEAD);
    checking->chain_start = check_hash(rows, CHAIN_START);
    checking->chain = check_hash(rows, CHAIN);
    checking->sum = check_hash(rows, SUM);
    snprintf(checking->mode, sizeof(checking->mode), "%.*s", (int)mode.len, mode.data);
    checking->mode_seq = store_u64(rows, 0, MODE_SEQ);
    checking->live = store_u64(rows, 0, LIVE);
    checking->retained_from = store_u64(rows, 0, RETAINED_FROM);
    checking->last_at_ms = store_time(rows, 0, LAST_AT);
    checking->project = store_uuid(rows, 0, PROJECT);
}

static void take_row(struct checking *checking, const struct store_rows *rows)
{
    take_columns(checking, rows);
    const bool has_text = !store_is_null(rows, 0, SHA256);
    gl_hash sha256 = {{0}};
    if (has_text) {
        checking->revision = store_uuid(rows, 0, REVISION);
        sha256 = take_text(checking, rows);
    }
    checking->state = gl_state_new(&checking->stream, has_text ? sha256.bytes : NULL);
    checking->start = checking->is_session == has_text ? checking->state->chain : checking->chain_start;
    if (checking->is_session != has_text) {
        report_problem(&checking->report, CHECK_STREAM_KIND, HERE, "a stream of the kind %s %s a session",
                       checking->is_session ? "session" : "project", has_text ? "has" : "has no row of");
        checking->state->chain = checking->chain_start;
    } else if (!gl_hash_equal(&checking->chain_start, &checking->state->chain)) {
        report_problem(&checking->report, CHECK_STREAM_START, HERE,
                       "chain(0) is not the one that follows from the stream's id and the revision");
        repair_stream(checking);
    }
}

static enum gl_code read_row(struct checking *checking, struct gl_err *err)
{
    struct store_rows *rows;
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = admin_db_query(checking->db, STORE_Q_check_stream, &param, 1, &rows, err);
    if (code == GL_OK && store_rows_count(rows) == 0) {
        code = gl_fail(err, GL_E_NOT_FOUND, "there is no such stream");
    } else if (code == GL_OK) {
        take_row(checking, rows);
    }
    if (code == GL_OK || code == GL_E_NOT_FOUND) {
        admin_rows_free(&rows);
    }
    return code;
}

/* ---- where the log ends, and where the row says it does */

/* Only the number is wrong when chain and time are those of the newest op; else ops are missing at the end. */
static bool compare_head(struct checking *checking)
{
    const struct gl_state *state = checking->state;
    const bool is_chain = gl_hash_equal(&state->chain, &checking->chain);
    if (state->seq >= checking->head || is_chain) {
        if (state->seq != checking->head) {
            report_problem(&checking->report, CHECK_STREAM_HEAD, HERE,
                           "the log ends at seq %" PRIu64 ", the stream's row says %" PRIu64, state->seq, checking->head);
        }
        return true;
    }
    report_problem(&checking->report, CHECK_LOG_GAP, AT_SEQ(state->seq + 1),
                   "the log ends at seq %" PRIu64 ", the stream's row says %" PRIu64 ": what was behind it is lost", state->seq,
                   checking->head);
    checking->is_broken = true;
    return false;
}

static void compare_state(struct checking *checking)
{
    struct report *report = &checking->report;
    const struct gl_state *state = checking->state;
    if (strcmp(state->mode, checking->mode) != 0 || state->mode_seq != checking->mode_seq) {
        report_problem(report, CHECK_STREAM_MODE, HERE,
                       "the mode is %s since seq %" PRIu64 ", the stream's row says %s since seq %" PRIu64, state->mode,
                       state->mode_seq, checking->mode, checking->mode_seq);
    }
    if (!gl_hash_equal(&state->sum, &checking->sum)) {
        report_problem(report, CHECK_STREAM_SUM, HERE, "the state sum rebuilt from the log is not the one in the stream's row");
    }
    if (state->live_count != checking->live) {
        report_problem(report, CHECK_STREAM_LIVE, HERE, "%zu annotations are live, the stream's row says %" PRIu64,
                       state->live_count, checking->live);
    }
}

static void compare_ends(struct checking *checking)
{
    const uint64_t before = checking->report.total;
    if (!compare_head(checking)) {
        return;
    }
    if (!checking->is_newest_erased && checking->at_ms != checking->last_at_ms) {
        report_problem(&checking->report, CHECK_STREAM_TIME, HERE,
                       "the time of the newest op is not the one in the stream's row");
    }
    if (!gl_hash_equal(&checking->state->chain, &checking->chain)) {
        report_problem(&checking->report, CHECK_STREAM_CHAIN, HERE, "the chain at the head is not the one in the stream's row");
    }
    if (checking->is_session && can_rebuild(checking)) {
        compare_state(checking);
    }
    if (checking->report.total > before) {
        repair_stream(checking);
    }
}

enum gl_code check_stream(struct checking *checking, struct gl_err *err)
{
    enum gl_code code = read_row(checking, err);
    if (code == GL_OK) {
        code = check_log(checking, err);
    }
    if (code == GL_OK) {
        compare_ends(checking);
        code = checking->is_session ? check_rows(checking, err) : check_project(checking, err);
    }
    if (code == GL_OK && checking->is_session) {
        code = check_inbox(checking, err);
    }
    return code;
}
