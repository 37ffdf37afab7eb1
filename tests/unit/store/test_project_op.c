/* test_project_op.c - ops of a project: with each of the tables that they write, or none. */
#include "proto/model/op.h"
#include "tests/support/suite.h"
#include "tests/unit/store/two_scribes.h"

static void with_term(struct append_stream *stream, void *ctx)
{
    stream->terms = ctx;
    stream->term_count = 1;
}

static enum append_outcome make_label(const char *name)
{
    struct append_term label = {gl_uuid_v7(1), GL_TERM_LABEL, bench.project_head + 1, gl_slice_str(name), GL_SLICE("{}")};
    json_t *change = json_pack("{s:s, s:s}", "kind", "label.create", "name", name);
    enum append_outcome outcome = bench_project_op(&bench, GL_OP_LABEL_CREATE, change, with_term, &label);
    json_decref(change);
    return outcome;
}

START_TEST(project_op__that_makes_a_label__moves_the_codebook_but_not_the_epoch)
{
    /* given */
    uint64_t epoch = bench.epoch;
    /* when  */
    enum append_outcome outcome = make_label("claim");
    /* then  */
    ck_assert_int_eq(outcome, APPEND_COMMITTED);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from term where name = 'claim' and kind = 'label'"), 1);
    ck_assert_uint_eq(db_count(&bench.db, "select codebook from project where id = '%s'", text_of(&bench.project)),
                      bench.project_head);
    ck_assert_uint_eq(db_count(&bench.db, "select epoch from project where id = '%s'", text_of(&bench.project)), epoch);
}
END_TEST

START_TEST(project_op__with_a_label_that_is_there__exists_and_leaves_no_trace)
{
    /* given */
    make_label("claim");
    uint64_t head = bench.project_head;
    /* when  */
    enum append_outcome outcome = make_label("claim");
    /* then  */
    ck_assert_int_eq(outcome, APPEND_EXISTS);
    ck_assert_uint_eq(head_of(&bench.project), head);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from op where stream = '%s'", text_of(&bench.project)), head);
}
END_TEST

static void with_policy(struct append_stream *stream, void *ctx)
{
    stream->set_open = *(int *)ctx;
}

START_TEST(project_op__that_closes_the_codebook__moves_the_epoch)
{
    /* given */
    int open = 0;
    uint64_t epoch = bench.epoch;
    json_t *change = json_pack("{s:s, s:b}", "kind", "codebook.policy", "open", 0);
    /* when  */
    enum append_outcome outcome = bench_project_op(&bench, GL_OP_CODEBOOK_POLICY, change, with_policy, &open);
    /* then  */
    ck_assert_int_eq(outcome, APPEND_COMMITTED);
    ck_assert_uint_eq(db_count(&bench.db, "select epoch from project where id = '%s' and not is_open", text_of(&bench.project)),
                      epoch + 1);
    json_decref(change);
}
END_TEST

static void with_same_document(struct append_stream *stream, void *ctx)
{
    stream->document = ctx;
}

START_TEST(project_op__with_bytes_that_are_there__exists_and_leaves_no_trace)
{
    /* given */
    gl_hash sha256 = gl_sha256(TEXT, strlen(TEXT));
    struct append_document again = {.document = gl_uuid_v7(1),
                                    .revision = gl_uuid_v7(2),
                                    .session = gl_uuid_v7(3),
                                    .title = GL_SLICE("again"),
                                    .bytes = GL_SLICE(TEXT),
                                    .codepoints = strlen(TEXT)};
    memcpy(again.sha256, sha256.bytes, 32);
    json_t *change = json_pack("{s:s}", "kind", "document.create");
    uint64_t head = bench.project_head;
    /* when  */
    enum append_outcome outcome = bench_project_op(&bench, GL_OP_DOCUMENT_CREATE, change, with_same_document, &again);
    /* then  */
    ck_assert_int_eq(outcome, APPEND_EXISTS);
    ck_assert_uint_eq(head_of(&bench.project), head);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from document"), 1);
    json_decref(change);
}
END_TEST

START_TEST(project_op__whose_fence_is_lost__writes_none_of_its_tables)
{
    /* given */
    bench.project_head--; /* as somebody who has not seen the last op */
    /* when  */
    enum append_outcome outcome = make_label("late");
    /* then  */
    ck_assert_int_eq(outcome, APPEND_FENCE_LOST);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from term"), 0);
    ck_assert_uint_eq(db_count(&bench.db, "select codebook from project where id = '%s'", text_of(&bench.project)), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, scribes_setup, scribes_teardown);
    tcase_add_test(tests, project_op__that_makes_a_label__moves_the_codebook_but_not_the_epoch);
    tcase_add_test(tests, project_op__with_a_label_that_is_there__exists_and_leaves_no_trace);
    tcase_add_test(tests, project_op__that_closes_the_codebook__moves_the_epoch);
    tcase_add_test(tests, project_op__with_bytes_that_are_there__exists_and_leaves_no_trace);
    tcase_add_test(tests, project_op__whose_fence_is_lost__writes_none_of_its_tables);
}

int main(void)
{
    return suite_run("ops of a project", add);
}
