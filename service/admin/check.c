/*
 * glossd check: every stream again from its log, in one snapshot each, and compared with what the database says of it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/base/mem.h"

void report_problem(struct report *report, const char *fmt, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    if (json_array_size(report->problems) < PROBLEMS_MAX) {
        json_array_append_new(report->problems, json_string(sentence));
    } else {
        report->more++;
    }
}

/* ---- the stream's row */

static gl_hash hash_at(const struct store_rows *rows, size_t column)
{
    gl_hash hash = {{0}};
    struct gl_slice bytes = store_bytes(rows, 0, column);
    memcpy(hash.bytes, bytes.data, bytes.len < sizeof(hash.bytes) ? bytes.len : sizeof(hash.bytes));
    return hash;
}

static void take_text(struct checking *checking, const struct store_rows *rows)
{
    struct gl_err err = {0};
    gl_hash said = hash_at(rows, 10);
    struct gl_slice bytes = store_bytes(rows, 0, 11);
    gl_hash found = gl_sha256(bytes.data, bytes.len);
    if (!gl_hash_equal(&said, &found)) {
        report_problem(&checking->report, "the revision's bytes do not have its SHA-256");
    }
    if (gl_text_new(bytes, &checking->text, &err) != GL_OK) {
        report_problem(&checking->report, "the revision's bytes are no text: %s", err.detail);
    } else if (gl_text_length(checking->text) != store_u64(rows, 0, 12)) {
        report_problem(&checking->report, "the revision has %zu code points, its row says %" PRIu64,
                       gl_text_length(checking->text), store_u64(rows, 0, 12));
    }
}

static void take_row(struct checking *checking, const struct store_rows *rows)
{
    checking->is_session = gl_slice_is(store_text(rows, 0, 0), "session");
    checking->head = store_u64(rows, 0, 1);
    checking->chain = hash_at(rows, 3);
    checking->sum = hash_at(rows, 4);
    struct gl_slice mode = store_text(rows, 0, 5);
    snprintf(checking->mode, sizeof(checking->mode), "%.*s", (int)mode.len, mode.data);
    checking->mode_seq = store_u64(rows, 0, 6);
    checking->live = store_u64(rows, 0, 7);
    checking->retained_from = store_u64(rows, 0, 8);
    checking->last_at_ms = store_time(rows, 0, 9);
    bool has_text = !store_is_null(rows, 0, 10);
    gl_hash start = hash_at(rows, 2), sha256 = hash_at(rows, 10);
    checking->state = gl_state_new(&checking->stream, has_text ? sha256.bytes : NULL);
    if (checking->is_session != has_text) {
        report_problem(&checking->report, "a stream of the kind %s %s a session", checking->is_session ? "session" : "project",
                       has_text ? "has" : "has no row of");
    } else if (!gl_hash_equal(&start, &checking->state->chain)) {
        report_problem(&checking->report, "chain(0) is not the one that follows from the stream's id and the revision");
    }
    if (has_text) {
        take_text(checking, rows);
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

/* ---- the stream */

static void compare_ends(struct checking *checking)
{
    struct report *report = &checking->report;
    const struct gl_state *state = checking->state;
    if (state->seq != checking->head) {
        report_problem(report, "the log ends at seq %" PRIu64 ", the stream's row says %" PRIu64, state->seq, checking->head);
    } else if (!gl_hash_equal(&state->chain, &checking->chain)) {
        report_problem(report, "the chain at the head is not the one in the stream's row");
    }
    if (checking->at_ms != checking->last_at_ms && !checking->is_newest_erased) {
        report_problem(report, "the time of the newest op is not the one in the stream's row");
    }
    if (!checking->is_session || checking->is_erased) {
        return;
    }
    if (!gl_hash_equal(&state->sum, &checking->sum)) {
        report_problem(report, "the state sum rebuilt from the log is not the one in the stream's row");
    }
    if (strcmp(state->mode, checking->mode) != 0 || state->mode_seq != checking->mode_seq) {
        report_problem(report, "the mode is %s since seq %" PRIu64 ", the stream's row says %s since seq %" PRIu64, state->mode,
                       state->mode_seq, checking->mode, checking->mode_seq);
    }
    if (state->live_count != checking->live) {
        report_problem(report, "%zu annotations are live, the stream's row says %" PRIu64, state->live_count, checking->live);
    }
}

static enum gl_code check_stream(struct checking *checking, struct gl_err *err)
{
    enum gl_code code = admin_db_begin_snapshot(checking->db, err);
    if (code == GL_OK) {
        code = read_row(checking, err);
    }
    if (code == GL_OK) {
        code = check_log(checking, err);
    }
    if (code == GL_OK) {
        compare_ends(checking);
        code = checking->is_session ? check_rows(checking, err) : check_project(checking, err);
    }
    admin_db_rollback(checking->db);
    return code;
}

static json_t *json_hash(const gl_hash *hash)
{
    struct gl_buf hex;
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, hash->bytes, sizeof(hash->bytes));
    json_t *text = json_stringn(hex.data, hex.len);
    gl_buf_fini(&hex);
    return text;
}

static void tell_problems(const struct report *report, const char *stream)
{
    for (size_t i = 0; i < json_array_size(report->problems); i++) {
        admin_complain("%s: %s", stream, json_string_value(json_array_get(report->problems, i)));
    }
    if (report->more > 0) {
        admin_complain("%s: and %zu more", stream, report->more);
    }
}

static bool tell(const struct checking *checking, bool json)
{
    const struct gl_state *state = checking->state;
    const struct report *report = &checking->report;
    bool is_good = json_array_size(report->problems) == 0;
    char stream[GL_UUID_TEXT + 1];
    gl_uuid_format(&checking->stream, stream);
    if (json) {
        json_t *it = json_pack("{s:s, s:s, s:I, s:o, s:o, s:I, s:b, s:O}", "stream", stream, "kind",
                               checking->is_session ? "session" : "project", "seq", (json_int_t)state->seq, "chain",
                               json_hash(&state->chain), "state", json_hash(checking->is_erased ? &checking->sum : &state->sum),
                               "annotations", (json_int_t)(checking->is_erased ? checking->live : state->live_count), "ok",
                               is_good, "problems", report->problems);
        if (report->more > 0) {
            json_object_set_new(it, "more_problems", json_integer((json_int_t)report->more));
        }
        print_json(it);
    } else {
        printf("%s  %s  %s  seq %" PRIu64 ", %zu annotations\n", is_good ? "ok " : "BAD", stream,
               checking->is_session ? "session" : "project", state->seq, state->live_count);
        fflush(stdout);
        tell_problems(report, stream);
    }
    return is_good;
}

/* ---- all of them */

struct streams {
    gl_uuid *ids;
    size_t count, cap;
};

static enum gl_code take_stream(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct streams *streams = ctx;
    (void)err;
    streams->ids = mem_grow(streams->ids, &streams->cap, streams->count + 1, sizeof(*streams->ids));
    streams->ids[streams->count++] = store_uuid(row, 0, 0);
    return GL_OK;
}

static enum gl_code take_orphan(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    char stream[GL_UUID_TEXT + 1];
    gl_uuid id = store_uuid(row, 0, 1);
    struct gl_slice table = store_text(row, 0, 0);
    (void)err;
    gl_uuid_format(&id, stream);
    admin_complain("the table %.*s has rows of a stream %s that is not there", (int)table.len, table.data, stream);
    ++*(size_t *)ctx;
    return GL_OK;
}

static enum gl_code check_one(struct admin_db *db, const gl_uuid *stream, bool json, size_t *bad, struct gl_err *err)
{
    struct checking checking = {.db = db, .stream = *stream, .report = {.problems = json_array()}};
    project_mirror_init(&checking.project);
    enum gl_code code = check_stream(&checking, err);
    if (code == GL_OK) {
        *bad += !tell(&checking, json);
    }
    project_mirror_fini(&checking.project);
    gl_text_free(&checking.text);
    check_snapshots_fini(&checking);
    gl_state_free(&checking.state);
    json_decref(checking.report.problems);
    return code;
}

static int check_all(struct admin_db *db, const gl_uuid *only, bool json)
{
    struct streams streams = {.count = 0};
    struct store_param param = only ? P_UUID(*only) : P_NULL;
    struct gl_err err = {0};
    size_t bad = 0;
    enum gl_code code = admin_db_each(db, STORE_Q_check_streams, &param, 1, take_stream, &streams, &err);
    for (size_t i = 0; i < streams.count && code == GL_OK; i++) {
        code = check_one(db, &streams.ids[i], json, &bad, &err);
    }
    if (code == GL_OK && !only) {
        code = admin_db_each(db, STORE_Q_check_orphans, NULL, 0, take_orphan, &bad, &err);
    }
    mem_free(&streams.ids);
    if (code != GL_OK) {
        return database_failed(&err);
    }
    if (only && streams.count == 0) {
        admin_complain("there is no such stream; a stream is a session's or a project's id");
        return ADMIN_FAILED;
    }
    if (!json) {
        printf("%zu streams, %zu findings\n", streams.count, bad);
    }
    return bad > 0 ? ADMIN_FAILED : ADMIN_OK;
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false;
    gl_uuid only;
    const struct admin_option options[] = {{"json", NULL, &json}, {0}};
    if (!admin_options(&admin_check, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (argc > 1) {
        return admin_usage(&admin_check, "\"%s\" is one word too many", argv[1]);
    }
    if (argc == 1 && !gl_uuid_parse(gl_slice_str(argv[0]), &only)) {
        return admin_usage(&admin_check, "\"%s\" is no id of a stream", argv[0]);
    }
    struct admin_db *db;
    int exit_code = database_open(settings, &db);
    if (exit_code == ADMIN_OK) {
        exit_code = check_all(db, argc ? &only : NULL, json);
        admin_db_close(&db);
    }
    return exit_code;
}

const struct admin_verb admin_check = {
    .name = "check",
    .usage = "[STREAM] [--json]",
    .help = "rebuild every stream from its log and compare it with what is stored",
    .run = run,
};
