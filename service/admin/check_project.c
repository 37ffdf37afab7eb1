/* check_project.c - a project's tables against its log: name, policy, codebook, members, documents. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"

void project_mirror_init(struct project_mirror *mirror)
{
    *mirror = (struct project_mirror){
        .terms = gl_codebook_new(), .members = json_object(), .documents = json_object(), .others_may_edit = true};
}

void project_mirror_fini(struct project_mirror *mirror)
{
    gl_codebook_free(&mirror->terms);
    json_decref(mirror->members);
    json_decref(mirror->documents);
}

static void keep(struct checking *checking, json_t *table, const struct gl_op *op, const char *id, const char *value)
{
    if (!id || !value) {
        report_problem(&checking->report, "seq %" PRIu64 ": a %s lacks what it is about", op->seq, gl_op_kind_name(op->kind));
        return;
    }
    json_object_set_new(table, id, json_string(value));
}

static const char *text_of(const json_t *set, const char *name)
{
    return json_string_value(json_object_get(set, name));
}

static void take_settings(struct project_mirror *mirror, const json_t *set)
{
    const char *name = text_of(set, "name");
    const json_t *others = json_object_get(set, "others_may_edit");
    if (name) {
        snprintf(mirror->name, sizeof(mirror->name), "%s", name);
    }
    if (others) {
        mirror->others_may_edit = json_is_true(others);
    }
}

/* Made, or changed: each member of set that the row has too replaces what was there, null takes it away. */
static void take_document(struct checking *checking, const struct gl_op *op, const char *id, const json_t *set)
{
    static const char *const members[] = {"sha256", "title",  "filename", "authors", "publisher",
                                          "date",   "source", "language", "folder",  "tags"};
    json_t *documents = checking->project.documents, *document = id ? json_object_get(documents, id) : NULL;
    if (!id || (op->kind == GL_OP_DOCUMENT_UPDATE) != (document != NULL)) {
        report_problem(&checking->report, "seq %" PRIu64 ": a %s of a document that is%s there", op->seq,
                       gl_op_kind_name(op->kind), document ? "" : " not");
        return;
    }
    if (!document) {
        json_object_set_new(documents, id, document = json_object());
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *value = json_object_get(set, members[i]);
        if (json_is_null(value)) {
            json_object_del(document, members[i]);
        } else if (value) {
            json_object_set(document, members[i], value);
        }
    }
}

void project_mirror_apply(struct checking *checking, const struct gl_op *op)
{
    struct project_mirror *mirror = &checking->project;
    const json_t *effect = json_array_get(op->effects, 0), *set = json_object_get(effect, "set");
    struct gl_err err = {0};
    switch (op->kind) {
    case GL_OP_PROJECT_CREATE:
        snprintf(mirror->name, sizeof(mirror->name), "%s", text_of(set, "name") ? text_of(set, "name") : "");
        break;
    case GL_OP_LABEL_CREATE:
    case GL_OP_LABEL_UPDATE:
    case GL_OP_ATTRIBUTE_CREATE:
    case GL_OP_ATTRIBUTE_UPDATE:
    case GL_OP_RELATION_CREATE:
    case GL_OP_RELATION_UPDATE:
    case GL_OP_CODEBOOK_POLICY:
        if (gl_codebook_apply(mirror->terms, op, &err) != GL_OK) {
            report_problem(&checking->report, "seq %" PRIu64 ": %s", op->seq, err.detail);
        }
        mirror->codebook = op->seq;
        break;
    case GL_OP_PROJECT_UPDATE: take_settings(mirror, set); break;
    case GL_OP_DOCUMENT_CREATE: take_document(checking, op, text_of(set, "document"), set); break;
    case GL_OP_DOCUMENT_UPDATE:
        take_document(checking, op, json_string_value(json_array_get(json_object_get(effect, "ids"), 0)), set);
        break;
    case GL_OP_MEMBER_SET:
        keep(checking, mirror->members, op, text_of(set, "account"), text_of(set, "role") ? text_of(set, "role") : "");
        break;
    default:
        report_problem(&checking->report, "seq %" PRIu64 ": a %s in a project's log", op->seq, gl_op_kind_name(op->kind));
        break;
    }
}

/* ---- rows against the mirror: each one is taken out, and nothing may be left */

struct comparing {
    struct checking *checking;
    const char *what;
    json_t *expected;
};

static bool is_as_expected(struct gl_slice text, const json_t *expected)
{
    json_t *row = NULL;
    if (json_is_string(expected)) {
        return gl_slice_is(text, json_string_value(expected));
    }
    bool is_same = gl_json_load(text, &row, NULL) == GL_OK && json_equal(row, (json_t *)(uintptr_t)expected);
    json_decref(row);
    return is_same;
}

static enum gl_code compare_row(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct comparing *comparing = ctx;
    char id[GL_UUID_TEXT + 1];
    gl_uuid row_id = store_uuid(row, 0, 0);
    (void)err;
    gl_uuid_format(&row_id, id);
    const json_t *expected = json_object_get(comparing->expected, id);
    if (!expected) {
        report_problem(&comparing->checking->report, "%s %s: the log does not know it", comparing->what, id);
    } else if (!is_as_expected(store_text(row, 0, 1), expected)) {
        report_problem(&comparing->checking->report, "%s %s: the row is not what the log says", comparing->what, id);
    }
    json_object_del(comparing->expected, id);
    return GL_OK;
}

static enum gl_code compare_table(struct checking *checking, const char *what, enum store_query_id query, json_t *expected,
                                  struct gl_err *err)
{
    struct comparing comparing = {checking, what, expected};
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = admin_db_each(checking->db, query, &param, 1, compare_row, &comparing, err);
    const char *id;
    json_t *value;
    json_object_foreach(expected, id, value)
    {
        report_problem(&checking->report, "%s %s: the log has it, but there is no row", what, id);
    }
    return code;
}

/* ---- terms */

static enum gl_code compare_term(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct checking *checking = ctx;
    char id[GL_UUID_TEXT + 1];
    gl_uuid row_id = store_uuid(row, 0, 0);
    const struct gl_term *term = gl_codebook_find(checking->project.terms, &row_id);
    (void)err;
    gl_uuid_format(&row_id, id);
    checking->rows++;
    if (!term) {
        report_problem(&checking->report, "term %s: the log does not know it", id);
    } else if (!gl_slice_equal(store_text(row, 0, 1), term->canonical)) {
        report_problem(&checking->report, "term %s: the row is not what the log says", id);
    } else if (!gl_slice_is(store_text(row, 0, 2), gl_term_kind_name(term->kind)) ||
               !gl_slice_equal(store_text(row, 0, 3), term->name) || store_u64(row, 0, 4) != term->seq) {
        report_problem(&checking->report, "term %s: the row's columns are not what its record says", id);
    }
    return GL_OK;
}

static enum gl_code compare_terms(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    size_t expected = 0;
    checking->rows = 0;
    for (int kind = 0; kind < GL_TERM_KIND_COUNT; kind++) {
        expected += gl_codebook_count(checking->project.terms, (enum gl_term_kind)kind);
    }
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_terms, &param, 1, compare_term, checking, err);
    if (code == GL_OK && checking->rows < expected) {
        report_problem(&checking->report, "there are %zu rows of terms, the log makes %zu", checking->rows, expected);
    }
    return code;
}

static void compare_project(struct checking *checking, const struct store_rows *row)
{
    const struct project_mirror *mirror = &checking->project;
    if (!gl_slice_is(store_text(row, 0, 0), mirror->name)) {
        report_problem(&checking->report, "the project's name is not the one in the log");
    }
    if (store_bool(row, 0, 1) != gl_codebook_is_open(mirror->terms)) {
        report_problem(&checking->report, "the codebook is %s, the log says otherwise",
                       store_bool(row, 0, 1) ? "open" : "closed");
    }
    if (store_bool(row, 0, 3) != mirror->others_may_edit) {
        report_problem(&checking->report, "whether annotators may change what others made is not what the log says");
    }
    if (store_u64(row, 0, 2) != mirror->codebook) {
        report_problem(&checking->report, "the codebook's version is %" PRIu64 ", the log says %" PRIu64, store_u64(row, 0, 2),
                       mirror->codebook);
    }
}

enum gl_code check_project(struct checking *checking, struct gl_err *err)
{
    struct store_rows *rows;
    struct store_param param = P_UUID(checking->stream);
    struct project_mirror *mirror = &checking->project;
    if (checking->is_erased) {
        return GL_OK; /* what is gone cannot be compared */
    }
    enum gl_code code = admin_db_query(checking->db, STORE_Q_check_project, &param, 1, &rows, err);
    if (code != GL_OK) {
        return code;
    }
    if (store_rows_count(rows) > 0) {
        compare_project(checking, rows);
    } else {
        report_problem(&checking->report, "there is no project of this stream");
    }
    admin_rows_free(&rows);
    code = compare_terms(checking, err);
    if (code == GL_OK) {
        code = compare_table(checking, "member", STORE_Q_check_members, mirror->members, err);
    }
    return code == GL_OK ? compare_table(checking, "document", STORE_Q_check_documents, mirror->documents, err) : code;
}
