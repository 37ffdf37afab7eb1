/* check_rows.c - the annotation rows of a session: the state that the log gives, in the same bytes, and at the right place of the text. */
#include <inttypes.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/base/mem.h"

static struct gl_annotation *read_record(struct checking *checking, const char *id, struct gl_slice record)
{
    struct gl_err err = {0};
    struct gl_annotation *annotation = NULL;
    json_t *json;
    enum gl_code code = gl_json_load(record, &json, &err);
    if (code == GL_OK) {
        code = gl_annotation_from_record(json, &annotation, &err);
        json_decref(json);
    }
    if (code != GL_OK) {
        report_problem(&checking->report, "annotation %s: the record cannot be read: %s", id, err.detail);
    } else if (!gl_slice_equal(annotation->canonical, record)) {
        report_problem(&checking->report, "annotation %s: the record is not in canonical form", id);
    }
    return annotation;
}

static void check_columns(struct checking *checking, const char *id, const struct store_rows *row, const struct gl_annotation *it)
{
    gl_uuid row_id = store_uuid(row, 0, 0), creator = store_uuid(row, 0, 1), label = store_uuid(row, 0, 3);
    bool is_same = gl_uuid_equal(&row_id, &it->id) && gl_uuid_equal(&creator, &it->creator) &&
                   store_u64(row, 0, 2) == it->created_seq && store_is_null(row, 0, 3) != it->has_label &&
                   (!it->has_label || gl_uuid_equal(&label, &it->label)) &&
                   gl_slice_is(store_text(row, 0, 4), gl_status_name(it->status)) && store_u64(row, 0, 5) == it->begin_cp &&
                   store_u64(row, 0, 6) == it->end_cp && store_bool(row, 0, 7) == it->is_deleted;
    if (!is_same) {
        report_problem(&checking->report, "annotation %s: the row's columns are not what its record says", id);
    }
    if (!store_bool(row, 0, 9)) {
        report_problem(&checking->report, "annotation %s: the row belongs to another project than its stream", id);
    }
}

static void check_span(struct checking *checking, const char *id, const struct gl_span *span)
{
    size_t length = gl_text_length(checking->text);
    if (span->begin_cp > span->end_cp || span->end_cp > length) {
        report_problem(&checking->report, "annotation %s: %" PRIu64 " to %" PRIu64 " is outside the text", id, span->begin_cp,
                       span->end_cp);
        return;
    }
    size_t before = span->begin_cp < GL_CONTEXT_CP ? 0 : (size_t)span->begin_cp - GL_CONTEXT_CP;
    size_t behind = length - span->end_cp < GL_CONTEXT_CP ? length : (size_t)span->end_cp + GL_CONTEXT_CP;
    bool is_there = gl_slice_equal(gl_text_slice(checking->text, span->begin_cp, span->end_cp), span->exact) &&
                    gl_slice_equal(gl_text_slice(checking->text, before, span->begin_cp), span->prefix) &&
                    gl_slice_equal(gl_text_slice(checking->text, span->end_cp, behind), span->suffix);
    if (!is_there) {
        report_problem(&checking->report, "annotation %s: the words it quotes do not stand at %" PRIu64, id, span->begin_cp);
    }
}

/* What an annotation is about must be there; the far end of a relation may be elsewhere, and gone. */
static void check_link(struct checking *checking, const char *id, const struct gl_annotation *it)
{
    bool is_link = it->target_kind == GL_TARGET_ANNOTATION || it->target_kind == GL_TARGET_RELATION;
    if (is_link && !checking->is_erased && !gl_state_find(checking->state, &it->link.from)) {
        report_problem(&checking->report, "annotation %s: what it is about is not in its session", id);
    }
    bool is_here = it->target_kind == GL_TARGET_RELATION && gl_uuid_equal(&it->link.to_session, &checking->stream);
    if (is_here && !checking->is_erased && !gl_state_find(checking->state, &it->link.to)) {
        report_problem(&checking->report, "annotation %s: what it leads to is not in its session", id);
    }
}

static enum gl_code check_row(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    char id[GL_UUID_TEXT + 1];
    gl_uuid row_id = store_uuid(row, 0, 0);
    struct gl_span spans[GL_SPANS_MAX];
    (void)err;
    gl_uuid_format(&row_id, id);
    checking->rows++;
    struct gl_annotation *it = read_record(checking, id, store_text(row, 0, 8));
    if (!it) {
        return GL_OK;
    }
    gl_sum_add(&checking->row_sum, &it->hash);
    checking->rows_live += !it->is_deleted;
    check_columns(checking, id, row, it);
    const struct gl_annotation *rebuilt = gl_state_find(checking->state, &row_id);
    if (!checking->is_erased && !rebuilt) {
        report_problem(&checking->report, "annotation %s: the log does not know it", id);
    } else if (!checking->is_erased && !gl_slice_equal(rebuilt->canonical, it->canonical)) {
        report_problem(&checking->report, "annotation %s: the row is not what the log says", id);
    }
    size_t count = gl_annotation_spans(it, spans, GL_SPANS_MAX);
    for (size_t i = 0; i < count && checking->text; i++) {
        check_span(checking, id, &spans[i]);
    }
    check_link(checking, id, it);
    gl_annotation_unref(&it);
    return GL_OK;
}

/* The rows' sum by itself: it still holds where erased ops keep the log from being replayed. */
static void compare_sum(struct checking *checking)
{
    gl_hash item;
    if (gl_state_mode_item(checking->mode, checking->mode_seq, &item)) {
        gl_sum_add(&checking->row_sum, &item);
    }
    if (!gl_hash_equal(&checking->row_sum, &checking->sum)) {
        report_problem(&checking->report, "the state sum over the rows is not the one in the stream's row");
    }
    if (checking->rows_live != checking->live) {
        report_problem(&checking->report, "%zu rows are live, the stream's row says %" PRIu64, checking->rows_live,
                       checking->live);
    }
}

enum gl_code check_rows(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_annotations, &param, 1, check_row, checking, err);
    if (code != GL_OK) {
        return code;
    }
    if (!checking->is_erased && checking->rows != checking->state->count) {
        report_problem(&checking->report, "there are %zu rows, the log makes %zu annotations", checking->rows,
                       checking->state->count);
    }
    compare_sum(checking);
    return GL_OK;
}
