/* test_codebook.c - terms: what ops make of them, and what they allow. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

#include "proto/model/codebook.h"

static json_t *steps, *attributes, *ends, *refused;

static void apply(struct gl_codebook *codebook, json_t *payload, enum gl_code expected)
{
    struct gl_op op;
    struct gl_err err;
    assert_code("read", gl_op_read(payload, &op, &err), GL_OK, &err);
    assert_code(gl_op_kind_name(op.kind), gl_codebook_apply(codebook, &op, &err), expected, &err);
    gl_op_fini(&op);
}

static struct gl_codebook *codebook_until(size_t count)
{
    struct gl_codebook *codebook = gl_codebook_new();
    for (size_t i = 0; i < count; i++) {
        apply(codebook, row_get(json_array_get(steps, i), "payload"), GL_OK);
    }
    return codebook;
}

static size_t count_all(const struct gl_codebook *codebook)
{
    size_t count = 0;
    for (int kind = 0; kind < GL_TERM_KIND_COUNT; kind++) {
        count += gl_codebook_count(codebook, (enum gl_term_kind)kind);
    }
    return count;
}

static void assert_records(const struct gl_codebook *codebook, const json_t *records)
{
    size_t i;
    json_t *text;
    ck_assert_uint_eq(count_all(codebook), json_array_size(records));
    json_array_foreach((json_t *)(uintptr_t)records, i, text)
    {
        json_t *record = json_loads(json_string_value(text), 0, NULL);
        gl_uuid id = row_uuid(record, "id");
        const struct gl_term *term = gl_codebook_find(codebook, &id);
        ck_assert_msg(term && gl_slice_is(term->canonical, json_string_value(text)), "%s\n%.*s", json_string_value(text),
                      term ? (int)term->canonical.len : 0, term ? term->canonical.data : "");
        ck_assert(gl_slice_equal(term->name, row_text(record, "name")) && term->seq == row_u64(record, "seq"));
        ck_assert_int_eq(term->is_retired, json_object_get(record, "retired") != NULL);
        ck_assert_ptr_eq(gl_codebook_by_name(codebook, term->kind, term->name), term);
        json_decref(record);
    }
}

START_TEST(op__makes_the_records_of_the_vectors)
{
    struct gl_codebook *codebook = codebook_until((size_t)_i + 1);
    assert_records(codebook, row_get(json_array_get(steps, (size_t)_i), "records"));
    gl_codebook_free(&codebook);
    ck_assert_ptr_null(codebook);
}
END_TEST

START_TEST(records__and_later_ops_give_what_all_ops_give)
{
    struct gl_codebook *codebook = gl_codebook_new();
    const json_t *records = row_get(json_array_get(steps, (size_t)_i), "records");
    size_t last = json_array_size(steps) - 1, i;
    json_t *text;
    struct gl_err err;
    json_array_foreach((json_t *)(uintptr_t)records, i, text)
    {
        json_t *record = json_loads(json_string_value(text), 0, NULL);
        assert_code("put", gl_codebook_put(codebook, record, &err), GL_OK, &err);
        json_decref(record);
    }
    for (i = 0; i <= last; i++) { /* those that the records hold already are met again, and change nothing */
        apply(codebook, row_get(json_array_get(steps, i), "payload"), GL_OK);
    }
    assert_records(codebook, row_get(json_array_get(steps, last), "records"));
    ck_assert(!gl_codebook_is_open(codebook));
    gl_codebook_free(&codebook);
}
END_TEST

static const gl_uuid *id_or_null(const json_t *row, const char *name, gl_uuid *id)
{
    if (json_is_null(row_get(row, name))) {
        return NULL;
    }
    *id = row_uuid(row, name);
    return id;
}

static void assert_verdict(const char *what, const json_t *row, enum gl_code code, const struct gl_err *err)
{
    const char *name = code == GL_OK ? "ok" : gl_code_name(code);
    ck_assert_msg(gl_slice_is(row_text(row, "expected"), name), "%s: %s (%s)", what, name, code == GL_OK ? "" : err->detail);
}

START_TEST(attribute__is_checked_as_in_the_vectors)
{
    const json_t *row = json_array_get(attributes, (size_t)_i);
    struct gl_codebook *codebook = codebook_until(json_array_size(steps));
    struct gl_err err;
    gl_uuid label;
    gl_codebook_set_open(codebook, json_is_true(row_get(row, "open")));
    enum gl_code code = gl_codebook_check_attribute(codebook, row_text(row, "name"), row_get(row, "value"),
                                                    id_or_null(row, "label", &label), &err);
    assert_verdict(row_text(row, "name").data, row, code, &err);
    gl_codebook_free(&codebook);
}
END_TEST

START_TEST(ends__are_checked_as_in_the_vectors)
{
    const json_t *row = json_array_get(ends, (size_t)_i);
    struct gl_codebook *codebook = codebook_until(json_array_size(steps));
    struct gl_err err;
    gl_uuid relation = row_uuid(row, "relation"), from, to;
    enum gl_code code =
        gl_codebook_check_ends(codebook, &relation, id_or_null(row, "from", &from), id_or_null(row, "to", &to), &err);
    assert_verdict("ends", row, code, &err);
    gl_codebook_free(&codebook);
}
END_TEST

static enum gl_term_kind kind_named(struct gl_slice name)
{
    int kind = 0;
    while (!gl_slice_is(name, gl_term_kind_name((enum gl_term_kind)kind))) {
        kind++;
    }
    return (enum gl_term_kind)kind;
}

START_TEST(effect__that_is_none_is_refused)
{
    const json_t *row = json_array_get(refused, (size_t)_i), *record = row_get(row, "before");
    enum gl_term_kind kind = kind_named(row_text(row, "kind"));
    struct gl_codebook *codebook = gl_codebook_new();
    gl_uuid id = uuid_of(7);
    struct gl_term *after;
    struct gl_err err = {0};
    if (!json_is_null(record)) {
        ck_assert_int_eq(gl_codebook_put(codebook, record, NULL), GL_OK);
        id = row_uuid(record, "id");
    }
    const struct gl_term *before = gl_codebook_find(codebook, &id);
    enum gl_code code = gl_term_apply(before, kind, &id, row_get(row, "set"), &id, 99, &after, &err);
    ck_assert_msg(gl_slice_is(row_text(row, "name"), gl_code_name(code)), "%s: %s (%s)", row_what(row), gl_code_name(code),
                  err.detail);
    ck_assert_ptr_null(after);
    gl_codebook_free(&codebook);
}
END_TEST

START_TEST(fields__that_somebody_asks_for_are_refused_with_their_name)
{
    static const struct {
        enum gl_term_kind kind;
        bool is_new;
        const char *fields, *path; /* NULL: they are good */
    } rows[] = {
        {GL_TERM_LABEL, true, "{'name':'claim'}", NULL},
        {GL_TERM_LABEL, true, "{'colour':'#000000'}", "name"},
        {GL_TERM_LABEL, true, "{'name':'claim','kind':'label'}", "kind"},
        {GL_TERM_LABEL, true, "{'name':'claim','seq':3}", "seq"},
        {GL_TERM_LABEL, false, "{'colour':null,'parent':null}", NULL},
        {GL_TERM_LABEL, false, "{'retired':true}", NULL},
        {GL_TERM_LABEL, false, "{'retired':null}", "retired"},
        {GL_TERM_LABEL, false, "{'hotkey':''}", "hotkey"},
        {GL_TERM_ATTRIBUTE, true, "{'name':'a','type':'integer','minimum':1}", NULL},
        {GL_TERM_ATTRIBUTE, true, "{'name':'a'}", "type"},
        {GL_TERM_ATTRIBUTE, true, "{'name':'9','type':'text'}", "name"},
        {GL_TERM_ATTRIBUTE, true, "{'name':'a','type':'enum','values':[]}", "values"},
        {GL_TERM_ATTRIBUTE, true, "{'name':'a','type':'enum','values':['x',1]}", "values"},
        {GL_TERM_RELATION, true, "{'name':'supports','symmetric':true}", NULL},
        {GL_TERM_RELATION, true, "{'name':'supports','symmetric':1}", "symmetric"},
        {GL_TERM_RELATION, false, "{'from':null,'to':['x']}", "to"},
        {GL_TERM_LABEL, true, "{'name':'0190d5e2-7a3b-7c4d-8e5f-a0b1c2d3e4f5'}", "name"},
        {GL_TERM_LABEL, false, "{'name':'0190d5e2-7a3b-7c4d-8e5f-a0b1c2d3e4f5'}", "name"},
        {GL_TERM_RELATION, true, "{'name':'0190d5e2-7a3b-7c4d-8e5f-a0b1c2d3e4f5'}", "name"},
        {GL_TERM_LABEL, true, "{'name':'0190d5e2-7a3b-7c4d-8e5f-a0b1c2d3e4f'}", NULL},
        {GL_TERM_ATTRIBUTE, true, "{'name':'a190d5e2-7a3b-7c4d-8e5f-a0b1c2d3e4f5','type':'text'}", NULL},
    };
    struct gl_err err = {0};
    json_t *fields = json_from(rows[_i].fields);
    enum gl_code code = gl_term_check_fields(rows[_i].kind, fields, rows[_i].is_new, &err);
    assert_code(rows[_i].fields, code, rows[_i].path ? GL_E_INVALID_PARAMS : GL_OK, &err);
    ck_assert_msg(!rows[_i].path || strcmp(err.path, rows[_i].path) == 0, "%s: %s", rows[_i].fields, err.path);
    json_decref(fields);
}
END_TEST

/* ---- a codebook as large as bulk posting makes it */

static void put_label(struct gl_codebook *codebook, unsigned number, const char *name, uint64_t seq)
{
    char id[GL_UUID_TEXT + 1];
    struct gl_err err;
    gl_uuid uuid = uuid_of(number);
    gl_uuid_format(&uuid, id);
    json_t *record = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "by", id, "id", id, "kind", "label", "name", name, "created",
                               (json_int_t)1, "seq", (json_int_t)seq);
    assert_code(name, gl_codebook_put(codebook, record, &err), GL_OK, &err);
    json_decref(record);
}

static void assert_full_at(const struct gl_codebook *codebook)
{
    size_t bytes = 0;
    for (size_t i = 0; i < gl_codebook_count(codebook, GL_TERM_LABEL); i++) {
        bytes += gl_codebook_any(codebook, GL_TERM_LABEL, i)->canonical.len;
    }
    ck_assert(gl_codebook_has_room(codebook, 0, GL_CODEBOOK_MAX_BYTES - bytes));
    ck_assert(!gl_codebook_has_room(codebook, 0, GL_CODEBOOK_MAX_BYTES - bytes + 1));
}

START_TEST(codebook__has_room_for_so_many_terms_and_bytes)
{
    struct gl_codebook *codebook = gl_codebook_new();
    char name[16];
    for (unsigned i = 1; i < GL_TERMS_MAX; i++) {
        snprintf(name, sizeof name, "%u", i);
        put_label(codebook, i, name, 1);
    }
    assert_full_at(codebook);
    ck_assert(gl_codebook_has_room(codebook, 1, 0));
    ck_assert(!gl_codebook_has_room(codebook, 2, 0));
    put_label(codebook, 1, "a longer name", 2);
    put_label(codebook, 9999, "9", 2);
    ck_assert(gl_codebook_has_room(codebook, 1, 0));
    put_label(codebook, GL_TERMS_MAX, "the last", 1);
    ck_assert(!gl_codebook_has_room(codebook, 1, 0));
    assert_full_at(codebook);
    gl_codebook_free(&codebook);
}
END_TEST

START_TEST(terms__are_found_by_name_and_listed_in_order_after_many_renames)
{
    enum { COUNT = 3000 };
    struct gl_codebook *codebook = gl_codebook_new();
    uint64_t random = 11;
    char name[32];
    for (uint64_t round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            snprintf(name, sizeof name, "%03u %u", (unsigned)random_below(&random, 500), i);
            put_label(codebook, i, name, round);
            const gl_uuid id = uuid_of(i);
            ck_assert(gl_uuid_equal(&gl_codebook_by_name(codebook, GL_TERM_LABEL, gl_slice_str(name))->id, &id));
        }
    }
    ck_assert_uint_eq(gl_codebook_count(codebook, GL_TERM_LABEL), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const struct gl_term *term = gl_codebook_at(codebook, GL_TERM_LABEL, i);
        ck_assert_ptr_eq(gl_codebook_by_name(codebook, GL_TERM_LABEL, term->name), term);
        ck_assert(i == 0 || strcmp(gl_codebook_at(codebook, GL_TERM_LABEL, i - 1)->name.data, term->name.data) < 0);
    }
    ck_assert_ptr_null(gl_codebook_by_name(codebook, GL_TERM_RELATION, gl_codebook_at(codebook, GL_TERM_LABEL, 0)->name));
    gl_codebook_free(&codebook);
}
END_TEST

/* A page of an older state can hold a name that another term has by now. */
START_TEST(name__of_two_terms_means_the_newer)
{
    struct gl_codebook *codebook = gl_codebook_new();
    gl_uuid newer = uuid_of(2);
    put_label(codebook, 2, "claim", 6);
    put_label(codebook, 1, "claim", 1);
    put_label(codebook, 1, "thesis", 5);
    ck_assert(gl_uuid_equal(&gl_codebook_by_name(codebook, GL_TERM_LABEL, GL_SLICE("claim"))->id, &newer));
    put_label(codebook, 1, "older again", 3);
    ck_assert_ptr_null(gl_codebook_by_name(codebook, GL_TERM_LABEL, GL_SLICE("older again")));
    gl_codebook_free(&codebook);
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load("codebook.json");
    steps = json_object_get(vectors, "ops");
    attributes = json_object_get(vectors, "attributes");
    ends = json_object_get(vectors, "ends");
    refused = json_object_get(vectors, "refused");
    Suite *suite = suite_create("codebook");
    TCase *tcase = tcase_create("codebook");
    tcase_add_loop_test(tcase, op__makes_the_records_of_the_vectors, 0, (int)json_array_size(steps));
    tcase_add_loop_test(tcase, records__and_later_ops_give_what_all_ops_give, 0, (int)json_array_size(steps));
    tcase_add_loop_test(tcase, attribute__is_checked_as_in_the_vectors, 0, (int)json_array_size(attributes));
    tcase_add_loop_test(tcase, ends__are_checked_as_in_the_vectors, 0, (int)json_array_size(ends));
    tcase_add_loop_test(tcase, effect__that_is_none_is_refused, 0, (int)json_array_size(refused));
    tcase_add_loop_test(tcase, fields__that_somebody_asks_for_are_refused_with_their_name, 0, 21);
    tcase_add_test(tcase, codebook__has_room_for_so_many_terms_and_bytes);
    tcase_add_test(tcase, terms__are_found_by_name_and_listed_in_order_after_many_renames);
    tcase_add_test(tcase, name__of_two_terms_means_the_newer);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
