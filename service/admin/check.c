/* glossd check: every stream again from its log, all of them as of one moment, and compared with what the database says of it. Nothing is locked. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/admin/check_repair.h"
#include "service/base/mem.h"

/* ---- telling */

static json_t *json_hash(const gl_hash *hash)
{
    struct gl_buf hex;
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, hash->bytes, sizeof(hash->bytes));
    json_t *text = json_stringn(hex.data, hex.len);
    gl_buf_fini(&hex);
    return text;
}

static void add_findings(json_t *line, const struct report *report)
{
    json_object_set_new(line, "ok", json_boolean(report->total == 0));
    json_object_set(line, "problems", report->problems);
    if (report->total > 0) {
        json_object_set_new(line, "counts", report_counts(report));
    }
    print_json(line);
}

static void tell_json(const struct checking *checking, const char *stream)
{
    const struct gl_state *state = checking->state;
    const bool is_rebuilt = can_rebuild(checking);
    json_t *line = json_pack("{s:s, s:s, s:I, s:o, s:o, s:I}", "stream", stream, "kind",
                             checking->is_session ? "session" : "project", "seq", (json_int_t)state->seq, "chain",
                             json_hash(&state->chain), "state", json_hash(is_rebuilt ? &state->sum : &checking->sum),
                             "annotations", (json_int_t)(is_rebuilt ? state->live_count : checking->live));
    add_findings(line, &checking->report);
}

static void tell(struct checking *checking)
{
    struct check_run *run = checking->run;
    char stream[GL_UUID_TEXT + 1];
    gl_uuid_format(&checking->stream, stream);
    progress_clear(&run->progress);
    run->findings += checking->report.total;
    if (run->json) {
        tell_json(checking, stream);
        return;
    }
    printf("%s  %s  %s  seq %" PRIu64 ", %zu annotations\n", checking->report.total == 0 ? "ok " : "BAD", stream,
           checking->is_session ? "session" : "project", checking->state->seq, checking->state->live_count);
    fflush(stdout);
    report_tell(&checking->report, stream);
}

/* ---- the streams */

struct stream_of {
    gl_uuid id, project;
    bool is_project, has_repairable;
};

struct streams {
    struct stream_of *items;
    size_t count, cap;
};

static enum gl_code take_stream(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct streams *streams = ctx;
    (void)err;
    streams->items = mem_grow(streams->items, &streams->cap, streams->count + 1, sizeof(*streams->items));
    streams->items[streams->count++] =
        (struct stream_of){.id = store_uuid(row, 0, 0), .project = store_uuid(row, 0, 1), .is_project = store_bool(row, 0, 2)};
    return GL_OK;
}

static void begin_project(struct check_run *run)
{
    project_mirror_fini(&run->project);
    project_mirror_init(&run->project);
}

static enum gl_code check_one(struct check_run *run, struct stream_of *stream, struct gl_err *err)
{
    struct checking checking;
    if (stream->is_project) {
        begin_project(run);
    }
    checking_init(&checking, run, &stream->id);
    enum gl_code code = check_stream(&checking, err);
    if (code == GL_OK) {
        tell(&checking);
        stream->has_repairable = report_count_repairable(&checking.report) > 0;
    }
    checking_fini(&checking);
    return code;
}

enum gl_code check_project_quietly(struct check_run *run, const gl_uuid *project, struct gl_err *err)
{
    struct checking checking;
    begin_project(run);
    checking_init(&checking, run, project);
    enum gl_code code = check_stream(&checking, err);
    checking_fini(&checking);
    return code;
}

static enum gl_code check_across(struct check_run *run, struct gl_err *err)
{
    struct report report;
    report_init(&report);
    enum gl_code code = across_check(run, &report, err);
    run->findings += report.total;
    progress_clear(&run->progress);
    if (code == GL_OK && report.total > 0 && run->json) {
        add_findings(json_pack("{s:s}", "kind", "database"), &report);
    } else if (code == GL_OK && report.total > 0) {
        report_tell(&report, "database");
    }
    report_fini(&report);
    return code;
}

static enum gl_code check_streams(struct check_run *run, const struct streams *streams, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    if (!run->is_whole && streams->count == 1 && !streams->items[0].is_project) {
        code = check_project_quietly(run, &streams->items[0].project, err);
    }
    progress_init(&run->progress, streams->count);
    for (size_t i = 0; i < streams->count && code == GL_OK; i++) {
        run->progress.at = i + 1;
        progress_tell(&run->progress, 0, 0);
        code = check_one(run, &streams->items[i], err);
    }
    return code == GL_OK ? check_across(run, err) : code;
}

static enum gl_code take_time(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    (void)err;
    *(int64_t *)ctx = store_time(row, 0, 0);
    return GL_OK;
}

/* All that is read is as of one moment: of a stream that is written meanwhile, and between streams. */
static enum gl_code check_all(struct check_run *run, const gl_uuid *only, struct streams *streams, struct gl_err *err)
{
    struct store_param param = only ? P_UUID(*only) : P_NULL;
    enum gl_code code = admin_db_begin_snapshot(run->db, err);
    if (code == GL_OK) {
        code = admin_db_each(run->db, STORE_Q_check_inbox_since, NULL, 0, take_time, &run->inbox_since_ms, err);
    }
    if (code == GL_OK) {
        code = admin_db_each(run->db, STORE_Q_check_streams, &param, 1, take_stream, streams, err);
    }
    if (code == GL_OK) {
        code = check_inbox_begin(run, only, err);
    }
    if (code == GL_OK) {
        code = check_streams(run, streams, err);
    }
    check_inbox_end(run);
    admin_db_rollback(run->db);
    return code;
}

/* ---- repair */

struct options {
    bool json, is_repair, is_dry;
};

static void tell_mended(const struct stream_of *stream, const struct options *options, const struct report *before,
                        const struct report *after)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(&stream->id, id);
    json_t *mended = report_counts_less(before, after);
    if (options->json) {
        print_json(json_pack("{s:s, s:O, s:b, s:o}", "stream", id, "repaired", mended, "dry_run", options->is_dry, "left",
                             report_counts(after)));
    } else {
        const char *kind;
        json_t *count;
        json_object_foreach(mended, kind, count)
        {
            printf("%s  %s: %" JSON_INTEGER_FORMAT " of %s\n", options->is_dry ? "would repair" : "repaired", id,
                   json_integer_value(count), kind);
        }
        fflush(stdout);
    }
    json_decref(mended);
}

/* One that cannot be repaired keeps no other from it. */
static uint64_t mend_one(struct check_run *run, const struct stream_of *stream, const struct options *options, struct gl_err *err)
{
    struct report before, after;
    report_init(&before);
    report_init(&after);
    uint64_t mended = 0;
    if (mend_stream(run, &stream->id, options->is_dry, &before, &after, err) == GL_OK) {
        tell_mended(stream, options, &before, &after);
        mended = before.total - after.total;
    } else {
        char id[GL_UUID_TEXT + 1];
        gl_uuid_format(&stream->id, id);
        admin_complain("%s: it was not repaired: %s", id, err->detail);
    }
    report_fini(&before);
    report_fini(&after);
    return mended;
}

static enum gl_code mend_all(struct check_run *run, const struct streams *streams, const struct options *options,
                             struct gl_err *err)
{
    uint64_t mended = 0;
    for (size_t i = 0; i < streams->count && err->code != GL_E_STORE_DOWN; i++) {
        mended += streams->items[i].has_repairable ? mend_one(run, &streams->items[i], options, err) : 0;
    }
    const uint64_t left = run->findings > mended ? run->findings - mended : 0;
    if (!options->json) {
        printf("%" PRIu64 " %s, %" PRIu64 " left\n", mended, options->is_dry ? "would be repaired" : "repaired", left);
    }
    run->findings = options->is_dry ? run->findings : left;
    return err->code == GL_E_STORE_DOWN ? err->code : GL_OK;
}

/* ---- the verb */

static int run_check(struct admin_db *db, const gl_uuid *only, const struct options *options)
{
    struct check_run run = {.db = db, .json = options->json, .is_whole = !only};
    struct streams streams = {.count = 0};
    struct gl_err err = {0};
    project_mirror_init(&run.project);
    map_init(&run.accounts);
    map_init(&run.missing);
    enum gl_code code = check_all(&run, only, &streams, &err);
    if (code == GL_OK && only && streams.count == 0) {
        admin_complain("there is no such stream; a stream is a session's or a project's id");
        run.findings++;
    } else if (code == GL_OK && !options->json) {
        printf("%zu streams, %" PRIu64 " findings\n", streams.count, run.findings);
    }
    if (code == GL_OK && options->is_repair) {
        code = mend_all(&run, &streams, options, &err);
    }
    across_fini(&run);
    project_mirror_fini(&run.project);
    mem_free(&streams.items);
    return code != GL_OK ? database_failed(&err) : run.findings > 0 ? ADMIN_FAILED : ADMIN_OK;
}

static int run(struct settings *settings, int argc, char **argv)
{
    struct options it = {.json = false};
    gl_uuid only;
    const struct admin_option options[] = {
        {"json", NULL, &it.json}, {"repair", NULL, &it.is_repair}, {"dry-run", NULL, &it.is_dry}, {0}};
    if (!admin_options(&admin_check, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (argc > 1) {
        return admin_usage(&admin_check, "\"%s\" is one word too many", argv[1]);
    }
    if (argc == 1 && !gl_uuid_parse(gl_slice_str(argv[0]), &only)) {
        return admin_usage(&admin_check, "\"%s\" is no id of a stream", argv[0]);
    }
    if (it.is_dry && !it.is_repair) {
        return admin_usage(&admin_check, "--dry-run belongs to --repair");
    }
    struct admin_db *db;
    int exit_code = database_open(settings, &db);
    if (exit_code == ADMIN_OK) {
        exit_code = run_check(db, argc ? &only : NULL, &it);
        admin_db_close(&db);
    }
    return exit_code;
}

const struct admin_verb admin_check = {
    .name = "check",
    .usage = "[STREAM] [--repair [--dry-run]] [--json]",
    .help = "rebuild every stream from its log and compare it with what is stored; --repair: write that",
    .run = run,
};
