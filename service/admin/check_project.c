/* check_project.c - a project's tables against its log: name, policy, codebook, members, documents. */
#include <inttypes.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/admin/check_repair.h"

/* ---- rows against the mirror: each one is taken out of expected, and nothing may be left */

struct comparing {
    struct checking *checking;
    json_t *expected;
    struct map seen; /* of terms */
};

static gl_uuid id_of(const char *text)
{
    gl_uuid id = {{0}};
    if (!gl_uuid_parse(gl_slice_str(text), &id)) {
        memset(&id, 0, sizeof(id)); /* no account and no document has that */
    }
    return id;
}

/* All rows that a query has, and then what of the log's is left. */
static enum gl_code compare_rows(struct checking *checking, enum store_query_id query, admin_row_fn compare,
                                 const json_t *expected, void (*tell_missing)(struct checking *, const gl_uuid *, const char *),
                                 struct gl_err *err)
{
    struct comparing comparing = {.checking = checking, .expected = json_copy((json_t *)(uintptr_t)expected)};
    struct store_param param = P_UUID(checking->stream);
    enum gl_code code = admin_db_each(checking->db, query, &param, 1, compare, &comparing, err);
    const char *id;
    json_t *value;
    json_object_foreach(comparing.expected, id, value)
    {
        gl_uuid missing = id_of(id);
        if (code == GL_OK) {
            tell_missing(checking, &missing, id);
        }
    }
    json_decref(comparing.expected);
    return code;
}

/* ---- members */

static enum gl_code compare_member(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct comparing *comparing = ctx;
    struct checking *checking = comparing->checking;
    char id[GL_UUID_TEXT + 1];
    gl_uuid account = store_uuid(row, 0, 0);
    (void)err;
    gl_uuid_format(&account, id);
    const char *expected = json_string_value(json_object_get(comparing->expected, id));
    if (!expected) {
        report_problem(&checking->report, CHECK_MEMBER_UNKNOWN, AT("account", &account), "member %s: the log does not know it",
                       id);
        repair_member(checking, &account);
    } else if (!gl_slice_is(store_text(row, 0, 1), expected)) {
        report_problem(&checking->report, CHECK_MEMBER_ROLE, AT("account", &account),
                       "member %s: the role is not what the log says", id);
        repair_member(checking, &account);
    }
    json_object_del(comparing->expected, id);
    return GL_OK;
}

static void tell_missing_member(struct checking *checking, const gl_uuid *account, const char *id)
{
    report_problem(&checking->report, CHECK_MEMBER_MISSING, AT("account", account),
                   "member %s: the log has it, but there is no row", id);
    repair_member(checking, account);
}

/* ---- documents */

static bool is_same(const json_t *expected, const json_t *row, const char *member)
{
    return json_equal(json_object_get(expected, member), json_object_get(row, member));
}

static void compare_columns(struct checking *checking, const gl_uuid *document, const char *id, const json_t *expected,
                            const json_t *row)
{
    if (!is_same(expected, row, "revision") || !is_same(expected, row, "session")) {
        report_problem(&checking->report, CHECK_DOCUMENT_SESSION, AT("document", document),
                       "document %s: its revision or its session is not there, or another one", id);
    }
    json_t *rest[] = {json_copy((json_t *)(uintptr_t)expected), json_copy((json_t *)(uintptr_t)row)};
    for (int i = 0; i < 2; i++) {
        json_object_del(rest[i], "revision");
        json_object_del(rest[i], "session");
    }
    if (!json_equal(rest[0], rest[1])) {
        report_problem(&checking->report, CHECK_DOCUMENT_COLUMNS, AT("document", document),
                       "document %s: the row is not what the log says", id);
        repair_document(checking, document);
    }
    json_decref(rest[0]);
    json_decref(rest[1]);
}

static enum gl_code compare_document(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct comparing *comparing = ctx;
    struct checking *checking = comparing->checking;
    char id[GL_UUID_TEXT + 1];
    json_t *columns = NULL;
    gl_uuid document = store_uuid(row, 0, 0);
    (void)err;
    gl_uuid_format(&document, id);
    const json_t *expected = json_object_get(comparing->expected, id);
    if (!expected) {
        report_problem(&checking->report, CHECK_DOCUMENT_UNKNOWN, AT("document", &document),
                       "document %s: the log does not know it", id);
    } else if (gl_json_load(store_text(row, 0, 1), &columns, NULL) == GL_OK) {
        compare_columns(checking, &document, id, expected, columns);
    }
    json_decref(columns);
    json_object_del(comparing->expected, id);
    return GL_OK;
}

static void tell_missing_document(struct checking *checking, const gl_uuid *document, const char *id)
{
    report_problem(&checking->report, CHECK_DOCUMENT_MISSING, AT("document", document),
                   "document %s: the log has it, but there is no row", id);
}

/* ---- terms */

static enum gl_code compare_term(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct comparing *comparing = ctx;
    struct checking *checking = comparing->checking;
    char id[GL_UUID_TEXT + 1];
    gl_uuid row_id = store_uuid(row, 0, 0);
    const struct gl_term *term = gl_codebook_find(checking->run->project.terms, &row_id);
    (void)err;
    gl_uuid_format(&row_id, id);
    map_put(&comparing->seen, &row_id, comparing);
    if (!term) {
        report_problem(&checking->report, CHECK_TERM_UNKNOWN, AT("term", &row_id), "term %s: the log does not know it", id);
        repair_term(checking, &row_id);
    } else if (!gl_slice_equal(store_text(row, 0, 1), term->canonical) ||
               !gl_slice_is(store_text(row, 0, 2), gl_term_kind_name(term->kind)) ||
               !gl_slice_equal(store_text(row, 0, 3), term->name) || store_u64(row, 0, 4) != term->seq) {
        report_problem(&checking->report, CHECK_TERM_RECORD, AT("term", &row_id), "term %s: the row is not what the log says",
                       id);
        repair_term(checking, &row_id);
    }
    return GL_OK;
}

static void tell_missing_terms(struct comparing *comparing)
{
    struct checking *checking = comparing->checking;
    const struct gl_codebook *terms = checking->run->project.terms;
    char id[GL_UUID_TEXT + 1];
    for (int kind = 0; kind < GL_TERM_KIND_COUNT; kind++) {
        for (size_t i = 0; i < gl_codebook_count(terms, (enum gl_term_kind)kind); i++) {
            const struct gl_term *term = gl_codebook_any(terms, (enum gl_term_kind)kind, i);
            if (!map_get(&comparing->seen, &term->id)) {
                gl_uuid_format(&term->id, id);
                report_problem(&checking->report, CHECK_TERM_MISSING, AT("term", &term->id),
                               "term %s: the log has it, but there is no row", id);
                repair_term(checking, &term->id);
            }
        }
    }
}

static enum gl_code compare_terms(struct checking *checking, struct gl_err *err)
{
    struct store_param param = P_UUID(checking->stream);
    struct comparing comparing = {.checking = checking};
    map_init(&comparing.seen);
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_terms, &param, 1, compare_term, &comparing, err);
    if (code == GL_OK) {
        tell_missing_terms(&comparing);
    }
    map_fini(&comparing.seen);
    return code;
}

/* ---- the project's row */

static void project_problem(struct checking *checking, const char *what)
{
    report_problem(&checking->report, CHECK_PROJECT_COLUMNS, HERE, "%s", what);
    repair_project(checking);
}

static void compare_project(struct checking *checking, const struct store_rows *row)
{
    const struct project_mirror *mirror = &checking->run->project;
    if (!gl_slice_is(store_text(row, 0, 0), mirror->name)) {
        project_problem(checking, "the project's name is not the one in the log");
    }
    if (store_bool(row, 0, 1) != gl_codebook_is_open(mirror->terms)) {
        project_problem(checking, "whether the codebook is open is not what the log says");
    }
    if (store_bool(row, 0, 3) != mirror->others_may_edit) {
        project_problem(checking, "whether annotators may change what others made is not what the log says");
    }
    if (store_u64(row, 0, 2) != mirror->codebook) {
        project_problem(checking, "the codebook's version is not the one in the log");
    }
}

enum gl_code check_project(struct checking *checking, struct gl_err *err)
{
    struct store_rows *rows;
    struct store_param param = P_UUID(checking->stream);
    struct project_mirror *mirror = &checking->run->project;
    mirror->project = checking->stream;
    mirror->head = checking->state->seq;
    mirror->is_whole = can_rebuild(checking);
    if (!mirror->is_whole) {
        return GL_OK; /* what is gone cannot be compared */
    }
    enum gl_code code = admin_db_query(checking->db, STORE_Q_check_project, &param, 1, &rows, err);
    if (code != GL_OK) {
        return code;
    }
    if (store_rows_count(rows) > 0) {
        compare_project(checking, rows);
    } else {
        report_problem(&checking->report, CHECK_PROJECT_MISSING, HERE, "there is no project of this stream");
    }
    admin_rows_free(&rows);
    code = compare_terms(checking, err);
    if (code == GL_OK) {
        code = compare_rows(checking, STORE_Q_check_members, compare_member, mirror->members, tell_missing_member, err);
    }
    return code == GL_OK
               ? compare_rows(checking, STORE_Q_check_documents, compare_document, mirror->documents, tell_missing_document, err)
               : code;
}
