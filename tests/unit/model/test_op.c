/* test_op.c - the payload of an op. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *entries;

START_TEST(op__is_written_as_it_was_read)
{
    json_t *payload = row_get(json_array_get(entries, (size_t)_i), "payload");
    char *expected = canonical_of(payload);
    struct gl_op op;
    struct gl_err err;
    struct gl_buf buf;
    assert_code("read", gl_op_read(payload, &op, &err), GL_OK, &err);
    gl_buf_init(&buf, SIZE_MAX);
    gl_op_write(&buf, &op);
    ck_assert_int_eq(buf.code, GL_OK);
    ck_assert_msg(gl_slice_is(gl_buf_peek(&buf), expected), "%.*s", (int)buf.len, buf.data);
    gl_buf_fini(&buf);
    gl_op_fini(&op);
    free(expected);
}
END_TEST

START_TEST(op__outlives_the_value_it_was_read_from)
{
    json_t *payload = json_deep_copy(row_get(json_array_get(entries, 0), "payload"));
    struct gl_op op;
    ck_assert_int_eq(gl_op_read(payload, &op, NULL), GL_OK);
    json_decref(payload);
    ck_assert_uint_eq(json_array_size(op.effects), 1);
    ck_assert(json_is_object(op.intent));
    gl_op_fini(&op);
    ck_assert_ptr_null(op.root);
    gl_op_fini(&op);
}
END_TEST

START_TEST(op__that_is_none_is_refused)
{
    static const struct {
        const char *member, *value;
        enum gl_code code;
    } rows[] = {
        {"account", "", GL_E_MALFORMED},
        {"at", "'yesterday'", GL_E_MALFORMED},
        {"at", "''", GL_E_MALFORMED},
        {"codebook", "-1", GL_E_MALFORMED},
        {"effects", "{}", GL_E_MALFORMED},
        {"effects", "[1]", GL_E_MALFORMED},
        {"effects", "[{'ids':['x'],'prev':{},'set':{}}]", GL_E_MALFORMED},
        {"effects", "[{'ids':[],'prev':{}}]", GL_E_MALFORMED},
        {"effects", "[{'ids':[],'prev':{},'set':{},'unset':[]}]", GL_E_UPGRADE},
        {"intent", "", GL_E_MALFORMED},
        {"kind", "'annotation.move'", GL_E_UPGRADE},
        {"kind", "7", GL_E_MALFORMED},
        {"op", "'x'", GL_E_MALFORMED},
        {"seq", "9007199254740992", GL_E_MALFORMED},
        {"step", "17", GL_E_MALFORMED},
        {"signature", "'x'", GL_E_UPGRADE},
    };
    json_t *payload = json_deep_copy(row_get(json_array_get(entries, 0), "payload"));
    struct gl_op op;
    struct gl_err err;
    if (*rows[_i].value) {
        char quoted[128];
        snprintf(quoted, sizeof quoted, "[%s]", rows[_i].value);
        json_t *list = json_from(quoted);
        json_object_set(payload, rows[_i].member, json_array_get(list, 0));
        json_decref(list);
    } else {
        json_object_del(payload, rows[_i].member);
    }
    enum gl_code code = gl_op_read(payload, &op, &err);
    ck_assert_msg(code == rows[_i].code, "%s %s: %s", rows[_i].member, rows[_i].value, gl_code_name(code));
    ck_assert_ptr_null(op.root);
    gl_op_fini(&op);
    json_decref(payload);
}
END_TEST

START_TEST(op__refuses_what_is_no_object)
{
    json_t *list = json_array();
    struct gl_op op;
    ck_assert_int_eq(gl_op_read(list, &op, NULL), GL_E_MALFORMED);
    json_decref(list);
}
END_TEST

/* The bytes of the request serve its hash and the payload; both are what they are without. */
START_TEST(request__is_written_once_for_hash_and_payload)
{
    json_t *payload = row_get(json_array_get(entries, (size_t)_i), "payload");
    struct gl_op op;
    struct gl_buf request, once, twice;
    ck_assert_int_eq(gl_op_read(payload, &op, NULL), GL_OK);
    const json_t *base = json_object_get(op.intent, "base"), *change = json_object_get(op.intent, "change");
    gl_buf_init(&request, SIZE_MAX);
    gl_buf_init(&once, SIZE_MAX);
    gl_buf_init(&twice, SIZE_MAX);
    gl_hash hash = gl_op_request_canonical(&request, &op.account, base, change, &op.intent_canonical);
    assert_hash_equal("of the request", hash, gl_op_request_hash(&op.account, base, change));
    gl_op_write(&once, &op);
    op.intent_canonical = gl_slice_of(NULL, 0);
    gl_op_write(&twice, &op);
    ck_assert_msg(gl_slice_equal(gl_buf_peek(&once), gl_buf_peek(&twice)), "%.*s", (int)once.len, once.data);
    gl_buf_fini(&request);
    gl_buf_fini(&once);
    gl_buf_fini(&twice);
    gl_op_fini(&op);
}
END_TEST

START_TEST(request__without_a_canonical_form_has_no_bytes)
{
    json_t *change = json_pack("{s:f}", "number", 1.5);
    const gl_uuid nobody = {{0}};
    struct gl_slice intent;
    struct gl_buf request;
    gl_buf_init(&request, SIZE_MAX);
    gl_op_request_canonical(&request, &nobody, NULL, change, &intent);
    ck_assert_int_eq(request.code, GL_E_INVALID_PARAMS);
    ck_assert_uint_eq(intent.len, 0);
    gl_buf_fini(&request);
    json_decref(change);
}
END_TEST

START_TEST(kind__has_a_name_both_ways)
{
    enum gl_op_kind kind;
    for (int i = 0; i < GL_OP_KIND_COUNT; i++) {
        ck_assert(gl_op_kind_parse(gl_slice_str(gl_op_kind_name((enum gl_op_kind)i)), &kind));
        ck_assert_int_eq((int)kind, i);
    }
    ck_assert(!gl_op_kind_parse(GL_SLICE("annotation"), &kind));
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load("log.json");
    entries = json_object_get(vectors, "ops");
    Suite *suite = suite_create("op");
    TCase *tcase = tcase_create("op");
    tcase_add_loop_test(tcase, op__is_written_as_it_was_read, 0, (int)json_array_size(entries));
    tcase_add_test(tcase, op__outlives_the_value_it_was_read_from);
    tcase_add_loop_test(tcase, op__that_is_none_is_refused, 0, 16);
    tcase_add_test(tcase, op__refuses_what_is_no_object);
    tcase_add_loop_test(tcase, request__is_written_once_for_hash_and_payload, 0, (int)json_array_size(entries));
    tcase_add_test(tcase, request__without_a_canonical_form_has_no_bytes);
    tcase_add_test(tcase, kind__has_a_name_both_ways);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
