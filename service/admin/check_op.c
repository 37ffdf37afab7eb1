/* check_op.c - one op: its payload as the wire knows it, its columns, its request, and what it makes of the state. */
#include <inttypes.h>

#include "service/admin/check_priv.h"

static void check_columns(struct checking *checking, const struct logged *it, const struct gl_op *op)
{
    struct report *report = &checking->report;
    if (op->seq != it->seq) {
        report_problem(report, CHECK_LOG_COLUMNS, AT_SEQ(it->seq), "seq %" PRIu64 ": the payload says seq %" PRIu64, it->seq,
                       op->seq);
    }
    if (!gl_uuid_equal(&op->id, &it->op) || !gl_uuid_equal(&op->account, &it->account) ||
        !gl_slice_is(it->kind, gl_op_kind_name(op->kind))) {
        report_problem(report, CHECK_LOG_COLUMNS, AT_SEQ(it->seq),
                       "seq %" PRIu64 ": id, account or kind are not those of the payload", it->seq);
    }
    if (op->at_ms < checking->at_ms) {
        report_problem(report, CHECK_LOG_TIME, AT_SEQ(it->seq), "seq %" PRIu64 ": its time is before that of the op before",
                       it->seq);
    }
    checking->at_ms = op->at_ms;
}

/* By its hash a request that comes again is told from another one with the same id. */
static void check_request(struct checking *checking, const struct logged *it, const struct gl_op *op)
{
    const json_t *change = json_object_get(op->intent, "change");
    gl_hash hash = gl_op_request_hash(&op->account, json_object_get(op->intent, "base"), change);
    if (change && !gl_hash_equal(&hash, &it->request_hash)) {
        report_problem(&checking->report, CHECK_LOG_REQUEST, AT_SEQ(it->seq),
                       "seq %" PRIu64 ": the request's hash is not that of what was asked; sent again, the op would be refused",
                       it->seq);
    }
}

static void check_codebook(struct checking *checking, const struct gl_op *op)
{
    const struct project_mirror *project = &checking->run->project;
    const bool is_known = gl_uuid_equal(&project->project, &checking->project) && project->is_whole;
    if (op->codebook < checking->codebook || (checking->is_session && is_known && op->codebook > project->head)) {
        report_problem(&checking->report, CHECK_LOG_CODEBOOK, AT_SEQ(op->seq),
                       "seq %" PRIu64 ": the codebook's version %" PRIu64 " is %s", op->seq, op->codebook,
                       op->codebook < checking->codebook ? "before that of the op before" : "not in the project's log");
    }
    checking->codebook = op->codebook;
}

/* ---- what it makes */

static struct gl_annotation *first_of(const struct checking *checking, const struct gl_op *op)
{
    const char *text = json_string_value(json_array_get(json_object_get(json_array_get(op->effects, 0), "ids"), 0));
    gl_uuid id;
    return text && gl_uuid_parse(gl_slice_str(text), &id) ? gl_state_find(checking->state, &id) : NULL;
}

static void apply_to_session(struct checking *checking, const struct gl_op *op)
{
    struct gl_err err = {0};
    struct gl_annotation *before = first_of(checking, op);
    if (before) {
        gl_annotation_ref(before);
    }
    if (gl_state_apply(checking->state, op, &err) != GL_OK) {
        report_problem(&checking->report, CHECK_LOG_EFFECTS, AT_SEQ(op->seq),
                       "seq %" PRIu64 ": its effects cannot be applied: %s", op->seq, err.detail);
        checking->is_broken = true;
    } else if (first_of(checking, op)) {
        check_tells(checking, op, before, first_of(checking, op));
    }
    gl_annotation_unref(&before);
}

static void apply(struct checking *checking, const struct gl_op *op)
{
    check_erased_by(checking, op);
    if (!can_rebuild(checking)) {
        return;
    }
    if (checking->is_session) {
        apply_to_session(checking, op);
    } else {
        project_mirror_apply(checking, op);
    }
}

static void check_form(struct checking *checking, const struct logged *it, const json_t *payload)
{
    struct gl_buf canonical;
    gl_buf_init(&canonical, it->payload.len + 1);
    gl_canon_write(&canonical, payload);
    if (canonical.code != GL_OK || !gl_slice_equal(gl_buf_peek(&canonical), it->payload)) {
        report_problem(&checking->report, CHECK_LOG_FORM, AT_SEQ(it->seq),
                       "seq %" PRIu64 ": the payload is not in canonical form", it->seq);
    }
    gl_buf_fini(&canonical);
}

static void no_op(struct checking *checking, const struct logged *it, const struct gl_err *err)
{
    report_problem(&checking->report, CHECK_LOG_FORM, AT_SEQ(it->seq), "seq %" PRIu64 ": the payload is no op: %s", it->seq,
                   err->detail);
    checking->is_broken = true;
}

void check_op(struct checking *checking, const struct logged *it)
{
    struct gl_err err = {0};
    struct gl_op op;
    json_t *payload = NULL;
    if (gl_json_load(it->payload, &payload, &err) != GL_OK) {
        no_op(checking, it, &err);
        return;
    }
    check_form(checking, it, payload);
    if (gl_op_read(payload, &op, &err) != GL_OK) {
        no_op(checking, it, &err);
    } else {
        across_account(checking->run, &op.account);
        check_columns(checking, it, &op);
        check_request(checking, it, &op);
        check_codebook(checking, &op);
        apply(checking, &op);
        gl_op_fini(&op);
    }
    json_decref(payload);
}
