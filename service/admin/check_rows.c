/* check_rows.c - the annotation rows of a session: the state that the log gives, in the same bytes, and at the right place of the text. */
#include <inttypes.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/admin/check_repair.h"
#include "service/base/mem.h"

/* Columns of check_annotations. */
enum { ID, CREATOR, CREATED_SEQ, LABEL, STATUS, START, END, DELETED, RECORD, IS_OF_PROJECT };

struct reading {
    struct checking *checking;
    struct map seen;
    uint64_t before; /* problems, when the rows began */
};

static struct gl_annotation *read_record(struct gl_slice record)
{
    struct gl_annotation *annotation = NULL;
    json_t *json = NULL;
    if (gl_json_load(record, &json, NULL) == GL_OK && gl_annotation_from_record(json, &annotation, NULL) == GL_OK &&
        !gl_slice_equal(annotation->canonical, record)) {
        gl_annotation_unref(&annotation);
    }
    json_decref(json);
    return annotation;
}

static bool columns_fit(const struct store_rows *row, const struct gl_annotation *it)
{
    gl_uuid row_id = store_uuid(row, 0, ID), creator = store_uuid(row, 0, CREATOR), label = store_uuid(row, 0, LABEL);
    return gl_uuid_equal(&row_id, &it->id) && gl_uuid_equal(&creator, &it->creator) &&
           store_u64(row, 0, CREATED_SEQ) == it->created_seq && store_is_null(row, 0, LABEL) != it->has_label &&
           (!it->has_label || gl_uuid_equal(&label, &it->label)) &&
           gl_slice_is(store_text(row, 0, STATUS), gl_status_name(it->status)) && store_u64(row, 0, START) == it->begin_cp &&
           store_u64(row, 0, END) == it->end_cp && store_bool(row, 0, DELETED) == it->is_deleted &&
           store_bool(row, 0, IS_OF_PROJECT);
}

/* ---- what it names must be there */

static void check_span(struct checking *checking, const struct gl_annotation *it, const char *id, const struct gl_span *span)
{
    size_t length = gl_text_length(checking->text);
    if (span->begin_cp > span->end_cp || span->end_cp > length) {
        report_problem(&checking->report, CHECK_ANNOTATION_TEXT, AT("annotation", &it->id),
                       "annotation %s: %" PRIu64 " to %" PRIu64 " is outside the text", id, span->begin_cp, span->end_cp);
        return;
    }
    size_t before = span->begin_cp < GL_CONTEXT_CP ? 0 : (size_t)span->begin_cp - GL_CONTEXT_CP;
    size_t behind = length - span->end_cp < GL_CONTEXT_CP ? length : (size_t)span->end_cp + GL_CONTEXT_CP;
    bool is_there = gl_slice_equal(gl_text_slice(checking->text, span->begin_cp, span->end_cp), span->exact) &&
                    gl_slice_equal(gl_text_slice(checking->text, before, span->begin_cp), span->prefix) &&
                    gl_slice_equal(gl_text_slice(checking->text, span->end_cp, behind), span->suffix);
    if (!is_there) {
        report_problem(&checking->report, CHECK_ANNOTATION_TEXT, AT("annotation", &it->id),
                       "annotation %s: the words it quotes do not stand at %" PRIu64, id, span->begin_cp);
    }
}

static void check_revision(struct checking *checking, const struct gl_annotation *it, const char *id)
{
    const json_t *named = json_object_get(json_object_get(gl_annotation_record(it), "target"), "revision");
    gl_uuid revision;
    if (named && (!gl_uuid_parse(gl_slice_of(json_string_value(named), json_string_length(named)), &revision) ||
                  !gl_uuid_equal(&revision, &checking->revision))) {
        report_problem(&checking->report, CHECK_ANNOTATION_REVISION, AT("annotation", &it->id),
                       "annotation %s: its revision is none of its document", id);
    }
}

/* Of a relation the far end may lie in another session: whether it is there is asked for all of them at the end. */
static void check_link(struct checking *checking, const struct gl_annotation *it, const char *id)
{
    struct check_run *run = checking->run;
    const bool is_relation = it->target_kind == GL_TARGET_RELATION;
    if (!is_relation && it->target_kind != GL_TARGET_ANNOTATION) {
        return;
    }
    if (can_rebuild(checking) && !gl_state_find(checking->state, &it->link.from)) {
        report_problem(&checking->report, CHECK_ANNOTATION_PARENT, AT("annotation", &it->id),
                       "annotation %s: what it is about is not in its session", id);
    }
    if (is_relation && !gl_uuid_equal(&it->link.to_session, &checking->stream)) {
        run->far = mem_grow(run->far, &run->far_cap, run->far_count + 1, sizeof(*run->far));
        run->far[run->far_count++] = (struct far_end){checking->stream, it->id, it->link.to_session, it->link.to};
    } else if (is_relation && can_rebuild(checking) && !gl_state_find(checking->state, &it->link.to)) {
        report_problem(&checking->report, CHECK_ANNOTATION_FAR, AT("annotation", &it->id),
                       "annotation %s: what it leads to is not in its session", id);
    }
}

static void check_label(struct checking *checking, const struct gl_annotation *it, const char *id)
{
    const struct project_mirror *project = &checking->run->project;
    const bool is_known = project->is_whole && gl_uuid_equal(&project->project, &checking->project);
    const struct gl_term *term = it->has_label && is_known ? gl_codebook_find(project->terms, &it->label) : NULL;
    const enum gl_term_kind kind = it->target_kind == GL_TARGET_RELATION ? GL_TERM_RELATION : GL_TERM_LABEL;
    if (it->has_label && is_known && (!term || term->kind != kind)) {
        report_problem(&checking->report, CHECK_ANNOTATION_LABEL, AT("annotation", &it->id),
                       "annotation %s: its label is not in the project's codebook", id);
    }
}

static void check_references(struct checking *checking, const struct gl_annotation *it, const char *id)
{
    struct gl_span spans[GL_SPANS_MAX];
    size_t count = gl_annotation_spans(it, spans, GL_SPANS_MAX);
    for (size_t i = 0; i < count && checking->text; i++) {
        check_span(checking, it, id, &spans[i]);
    }
    check_revision(checking, it, id);
    check_link(checking, it, id);
    check_label(checking, it, id);
}

/* ---- rows */

/* The record as it should be, or as it is where the log cannot tell; NULL after saying what is wrong. */
static const struct gl_annotation *compare_record(struct checking *checking, const gl_uuid *row_id, const char *id,
                                                  const struct gl_annotation *it)
{
    const struct gl_annotation *rebuilt = gl_state_find(checking->state, row_id);
    if (can_rebuild(checking) && !rebuilt) {
        report_problem(&checking->report, CHECK_ANNOTATION_UNKNOWN, AT("annotation", row_id),
                       "annotation %s: the log does not know it", id);
        repair_annotation(checking, row_id);
        return NULL;
    }
    if (!it || (can_rebuild(checking) && !gl_slice_equal(rebuilt->canonical, it->canonical))) {
        report_problem(&checking->report, CHECK_ANNOTATION_RECORD, AT("annotation", row_id), "annotation %s: the record %s", id,
                       it ? "is not what the log says" : "cannot be read");
        repair_annotation(checking, row_id);
        return NULL;
    }
    return it;
}

static enum gl_code check_row(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct reading *reading = ctx;
    struct checking *checking = reading->checking;
    char id[GL_UUID_TEXT + 1];
    gl_uuid row_id = store_uuid(row, 0, ID);
    (void)err;
    gl_uuid_format(&row_id, id);
    map_put(&reading->seen, &row_id, reading);
    struct gl_annotation *it = read_record(store_text(row, 0, RECORD));
    if (compare_record(checking, &row_id, id, it)) {
        gl_sum_add(&checking->row_sum, &it->hash);
        checking->rows_live += !it->is_deleted;
        if (!columns_fit(row, it)) {
            report_problem(&checking->report, CHECK_ANNOTATION_COLUMNS, AT("annotation", &row_id),
                           "annotation %s: the row's columns are not what its record says", id);
            repair_annotation(checking, &row_id);
        }
        check_references(checking, it, id);
    }
    gl_annotation_unref(&it);
    return GL_OK;
}

static void tell_missing(struct reading *reading)
{
    struct checking *checking = reading->checking;
    char id[GL_UUID_TEXT + 1];
    for (size_t i = 0; i < checking->state->count; i++) {
        const struct gl_annotation *it = checking->state->items[i];
        if (map_get(&reading->seen, &it->id)) {
            continue;
        }
        gl_uuid_format(&it->id, id);
        report_problem(&checking->report, CHECK_ANNOTATION_MISSING, AT("annotation", &it->id),
                       "annotation %s: the log makes it, but there is no row", id);
        map_put(&checking->run->missing, &it->id, checking->run);
        repair_annotation(checking, &it->id);
        check_references(checking, it, id);
    }
}

/* The rows' sum by itself: it still holds where the log cannot be replayed. */
static void compare_sum(struct reading *reading)
{
    struct checking *checking = reading->checking;
    gl_hash item;
    if (gl_state_mode_item(checking->mode, checking->mode_seq, &item)) {
        gl_sum_add(&checking->row_sum, &item);
    }
    if (checking->report.total == reading->before &&
        (!gl_hash_equal(&checking->row_sum, &checking->sum) || checking->rows_live != checking->live)) {
        report_problem(
            &checking->report, CHECK_ANNOTATION_SUM, HERE,
            "the rows do not make the state sum or the number of annotations in the stream's row, and the log cannot be "
            "replayed");
    }
}

enum gl_code check_rows(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    struct reading reading = {.checking = checking, .before = checking->report.total};
    map_init(&reading.seen);
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_annotations, &param, 1, check_row, &reading, err);
    if (code == GL_OK && can_rebuild(checking)) {
        tell_missing(&reading);
    } else if (code == GL_OK) {
        compare_sum(&reading);
    }
    map_fini(&reading.seen);
    return code == GL_OK ? across_far(checking->run, err) : code;
}
