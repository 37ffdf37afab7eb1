/* test_hash.c - leaves, chains and sums against the vectors. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *vectors;

static const json_t *row_of(const char *list, int i)
{
    return json_array_get(json_object_get(vectors, list), (size_t)i);
}

static int size_of(const char *list)
{
    return (int)json_array_size(json_object_get(vectors, list));
}

START_TEST(leaf__is_the_hash_of_salt_and_payload)
{
    const json_t *row = row_of("leaf", _i);
    uint8_t salt[GL_SALT_BYTES];
    ck_assert(gl_hex_decode(row_text(row, "salt"), salt, sizeof salt));
    assert_hash_equal("leaf", gl_leaf(salt, row_text(row, "payload")), row_hash(row, "leaf"));
}
END_TEST

START_TEST(chain__begins_with_stream_and_revision)
{
    const json_t *row = row_of("chain_start", _i);
    gl_uuid stream = row_uuid(row, "stream");
    gl_hash revision = {{0}};
    bool has_revision = !json_is_null(row_get(row, "revision"));
    if (has_revision) {
        revision = row_hash(row, "revision");
    }
    assert_hash_equal("chain(0)", gl_chain_start(&stream, has_revision ? revision.bytes : NULL), row_hash(row, "chain"));
}
END_TEST

START_TEST(chain__goes_on_with_each_leaf)
{
    const json_t *row = row_of("chain_next", _i);
    gl_hash chain = row_hash(row, "chain"), leaf = row_hash(row, "leaf");
    assert_hash_equal("chain(n)", gl_chain_next(&chain, &leaf), row_hash(row, "next"));
}
END_TEST

static void each_item(const json_t *list, gl_hash *sum, void (*act)(gl_hash *, const gl_hash *))
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        gl_hash item;
        ck_assert(gl_hex_decode(gl_slice_of(json_string_value(text), json_string_length(text)), item.bytes, sizeof item.bytes));
        act(sum, &item);
    }
}

START_TEST(sum__adds_and_subtracts_modulo_2_to_256)
{
    const json_t *row = row_of("sum", _i);
    gl_hash sum = {{0}};
    each_item(row_get(row, "add"), &sum, gl_sum_add);
    each_item(row_get(row, "remove"), &sum, gl_sum_sub);
    assert_hash_equal(row_what(row), sum, row_hash(row, "sum"));
}
END_TEST

START_TEST(mode__adds_to_the_sum_unless_it_is_shared)
{
    const json_t *row = row_of("mode", _i), *expected = row_get(row, "item");
    gl_hash item;
    bool has_item = gl_state_mode_item(json_string_value(row_get(row, "mode")), row_u64(row, "seq"), &item);
    ck_assert_int_eq(has_item, !json_is_null(expected));
    if (has_item) {
        assert_hash_equal("mode", item, row_hash(row, "item"));
    }
}
END_TEST

START_TEST(annotation_id__follows_from_the_op)
{
    const json_t *row = row_of("annotation_id", _i);
    gl_uuid op = row_uuid(row, "op"), expected = row_uuid(row, "annotation"), got = gl_op_annotation_id(&op);
    ck_assert_mem_eq(got.bytes, expected.bytes, sizeof got.bytes);
}
END_TEST

START_TEST(request_hash__covers_account_base_and_change)
{
    const json_t *row = row_of("request", _i);
    gl_uuid account = row_uuid(row, "account");
    gl_hash got = gl_op_request_hash(&account, json_object_get(row, "base"), row_get(row, "change"));
    assert_hash_equal("request", got, row_hash(row, "hash"));
}
END_TEST

START_TEST(request_hash__takes_null_for_no_base)
{
    gl_uuid account = uuid_of(1);
    json_t *change = json_from("{'kind':'session.mode','mode':'closed'}"), *null = json_null();
    assert_hash_equal("no base", gl_op_request_hash(&account, null, change), gl_op_request_hash(&account, NULL, change));
    json_decref(change);
}
END_TEST

START_TEST(sha256__of_nothing_is_the_known_one)
{
    gl_hash expected, got = gl_sha256(NULL, 0);
    ck_assert(gl_hex_decode(GL_SLICE("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), expected.bytes, 32));
    assert_hash_equal("SHA-256 of nothing", got, expected);
}
END_TEST

int main(void)
{
    vectors = vectors_load("hash.json");
    Suite *suite = suite_create("hash");
    TCase *tcase = tcase_create("hash");
    tcase_add_loop_test(tcase, leaf__is_the_hash_of_salt_and_payload, 0, size_of("leaf"));
    tcase_add_loop_test(tcase, chain__begins_with_stream_and_revision, 0, size_of("chain_start"));
    tcase_add_loop_test(tcase, chain__goes_on_with_each_leaf, 0, size_of("chain_next"));
    tcase_add_loop_test(tcase, sum__adds_and_subtracts_modulo_2_to_256, 0, size_of("sum"));
    tcase_add_loop_test(tcase, mode__adds_to_the_sum_unless_it_is_shared, 0, size_of("mode"));
    tcase_add_loop_test(tcase, annotation_id__follows_from_the_op, 0, size_of("annotation_id"));
    tcase_add_loop_test(tcase, request_hash__covers_account_base_and_change, 0, size_of("request"));
    tcase_add_test(tcase, request_hash__takes_null_for_no_base);
    tcase_add_test(tcase, sha256__of_nothing_is_the_known_one);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
