/*
 * check_mend.c - one stream made again from its log, while people work.
 *
 * The transaction holds the row that every append to the stream takes first, so what is found wrong there cannot move until it is mended; appends to the
 * stream wait meanwhile, those to others do not. Then the stream is checked again, still inside: what was written must be what the log says, or all of it is
 * rolled back. The project's epoch moves, so that nothing judged before is appended after; see service/decisions/repair.md for how workers notice.
 */
#include <stdlib.h>

#include "service/admin/check_repair.h"

struct mending {
    struct check_run run;
    const gl_uuid *stream;
    bool is_project;
    gl_uuid project;
    struct gl_err *err;
};

/* A check of the stream within the transaction; with a repair it is written, too. */
static enum gl_code look(struct mending *it, bool is_repair, struct report *found)
{
    struct checking checking;
    enum gl_code code = check_inbox_begin(&it->run, it->stream, it->err);
    project_mirror_fini(&it->run.project);
    project_mirror_init(&it->run.project);
    if (code == GL_OK && !it->is_project) {
        code = check_project_quietly(&it->run, &it->project, it->err);
    }
    checking_init(&checking, &it->run, it->stream);
    checking.repair = is_repair ? repair_new() : NULL;
    if (code == GL_OK) {
        code = check_stream(&checking, it->err);
    }
    check_inbox_end(&it->run);
    if (code == GL_OK) {
        code = admin_db_query(it->run.db, STORE_Q_check_inbox_close, NULL, 0, NULL, it->err);
    }
    if (code == GL_OK && is_repair) {
        code = repair_write(&checking, it->err);
    }
    report_take(found, &checking.report);
    if (is_repair) {
        repair_free(&checking.repair);
    }
    checking_fini(&checking);
    return code;
}

static enum gl_code find(struct mending *it)
{
    struct store_rows *rows;
    struct store_param param = P_UUID(*it->stream);
    enum gl_code code = admin_db_query(it->run.db, STORE_Q_repair_lock, &param, 1, NULL, it->err);
    if (code == GL_OK) {
        code = admin_db_query(it->run.db, STORE_Q_check_streams, &param, 1, &rows, it->err);
    }
    if (code != GL_OK) {
        return code;
    }
    const bool is_there = store_rows_count(rows) > 0;
    if (is_there) {
        it->project = store_uuid(rows, 0, 1);
        it->is_project = store_bool(rows, 0, 2);
    }
    admin_rows_free(&rows);
    return is_there ? GL_OK : gl_fail(it->err, GL_E_NOT_FOUND, "the stream is gone");
}

static enum gl_code tell_all(struct mending *it, const struct report *before)
{
    json_t *counts = report_counts(before);
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    gl_canon_write(&text, counts);
    const struct store_param params[] = {P_UUID(it->project), P_UUID(*it->stream), P_TEXT(gl_buf_peek(&text))};
    enum gl_code code = admin_db_query(it->run.db, STORE_Q_repair_done, params, 3, NULL, it->err);
    gl_buf_fini(&text);
    json_decref(counts);
    return code;
}

/* What cannot be rebuilt (the log is broken before it) stays as it was; nothing may be new. */
static bool has_more(const struct report *after, const struct report *before)
{
    for (int kind = 0; kind < CHECK_KIND_COUNT; kind++) {
        if (after->counts[kind] > before->counts[kind]) {
            return true;
        }
    }
    return false;
}

static enum gl_code mend(struct mending *it, struct report *before, struct report *after)
{
    enum gl_code code = find(it);
    if (code == GL_OK) {
        code = look(it, true, before);
    }
    if (code == GL_OK) {
        code = look(it, false, after);
    }
    if (code == GL_OK && has_more(after, before)) {
        code = gl_fail(it->err, GL_E_INTERNAL, "what was written is not what the log says; nothing was changed");
    }
    if (code == GL_OK && before->total > after->total) {
        code = tell_all(it, before);
    }
    return code;
}

enum gl_code look_at_stream(struct admin_db *db, int64_t inbox_since_ms, const gl_uuid *stream, struct report *found,
                            struct gl_err *err)
{
    struct mending it = {.run = {.db = db, .inbox_since_ms = inbox_since_ms}, .stream = stream, .err = err};
    project_mirror_init(&it.run.project);
    map_init(&it.run.accounts);
    map_init(&it.run.missing);
    enum gl_code code = find(&it);
    if (code == GL_OK) {
        code = look(&it, false, found);
    }
    across_fini(&it.run);
    project_mirror_fini(&it.run.project);
    return code;
}

enum gl_code mend_stream(struct check_run *run, const gl_uuid *stream, bool is_dry, struct report *before, struct report *after,
                         struct gl_err *err)
{
    struct mending it = {.run = {.db = run->db, .inbox_since_ms = run->inbox_since_ms}, .stream = stream, .err = err};
    project_mirror_init(&it.run.project);
    map_init(&it.run.accounts);
    map_init(&it.run.missing);
    enum gl_code code = admin_db_begin(run->db, err);
    if (code == GL_OK) {
        code = mend(&it, before, after);
    }
    if (code == GL_OK && !is_dry) {
        code = admin_db_commit(run->db, err);
    } else {
        admin_db_rollback(run->db);
    }
    across_fini(&it.run);
    project_mirror_fini(&it.run.project);
    return code;
}
