/* test_sign_ins.c - what becomes of people signing in until it is in the database: gathered, bounded, and not lost while the database is away. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/gl_json.h"
#include "service/core/sign_ins.h"
#include "tests/support/suite.h"

/* ---- a store that keeps what it was asked until the test answers */

static struct {
    bool is_down;
    size_t asked;
    json_t *rows;
    store_rows_fn fn;
    void *ctx;
} store;

bool store_is_up(const struct store *it)
{
    (void)it;
    return !store.is_down;
}

void store_query(struct store *it, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx)
{
    struct gl_err err = {0};
    (void)it;
    ck_assert_int_eq(query, STORE_Q_sign_ins);
    ck_assert_ptr_null(account);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_null(store.fn); /* one after the other */
    json_decref(store.rows);
    ck_assert_int_eq(gl_json_load(params[0].slice, &store.rows, &err), GL_OK);
    store.asked++;
    store.fn = fn;
    store.ctx = ctx;
}

static void answer(enum gl_code code)
{
    store_rows_fn fn = store.fn;
    ck_assert_ptr_nonnull(fn);
    store.fn = NULL;
    fn(store.ctx, code, NULL);
}

static struct sign_ins *sign_ins;

static void setup(void)
{
    sign_ins = sign_ins_new(NULL);
}

static void teardown(void)
{
    json_decref(store.rows);
    store.rows = NULL;
    store.fn = NULL;
    store.asked = 0;
    store.is_down = false;
    sign_ins_free(&sign_ins);
}

/* ---- given, then */

static gl_uuid id(unsigned char last)
{
    gl_uuid it = {{0}};
    it.bytes[15] = last;
    return it;
}

static void refuse_from(unsigned host)
{
    char address[32];
    snprintf(address, sizeof address, "10.0.%u.%u:%u", host / 256, host % 256, 1000 + host);
    sign_ins_note(sign_ins, false, NULL, NULL, "token", address);
}

static const char *text_of(size_t row, const char *name)
{
    return json_string_value(json_object_get(json_array_get(store.rows, row), name));
}

static json_int_t detail_of(size_t row, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(json_array_get(store.rows, row), "detail"), name));
}

START_TEST(what_one_did_from_one_address__is_one_row)
{
    const gl_uuid ana = id(1), ben = id(2), token = id(3);
    sign_ins_note(sign_ins, true, &ana, &token, "token", "192.0.2.1:1000");
    sign_ins_note(sign_ins, true, &ana, &token, "token", "192.0.2.1:1001");
    sign_ins_note(sign_ins, true, &ana, NULL, "password", "192.0.2.1:1002");
    sign_ins_note(sign_ins, false, &ana, NULL, "password", "192.0.2.1:1003");
    sign_ins_note(sign_ins, true, &ben, &token, "token", "[2001:db8::1]:1004");
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(json_array_size(store.rows), 4);
    ck_assert_str_eq(text_of(0, "action"), "sign_in");
    ck_assert_str_eq(text_of(0, "address"), "192.0.2.1");
    ck_assert_int_eq(detail_of(0, "times"), 2);
    ck_assert_str_eq(text_of(0, "subject"), "00000000-0000-0000-0000-000000000003");
    ck_assert_ptr_null(text_of(1, "subject"));
    ck_assert_str_eq(text_of(2, "action"), "sign_in.refused");
    ck_assert_str_eq(text_of(2, "account"), "00000000-0000-0000-0000-000000000001");
    ck_assert_str_eq(text_of(3, "address"), "[2001:db8::1]");
}
END_TEST

START_TEST(a_flood__makes_so_many_rows_and_one_that_counts_the_rest)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned host = 0; host < 1000; host++)
            refuse_from(host);
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(json_array_size(store.rows), SIGN_INS_MOST + 1);
    json_int_t all = detail_of(SIGN_INS_MOST, "refused");
    for (size_t i = 0; i < SIGN_INS_MOST; i++)
        all += detail_of(i, "times");
    ck_assert_int_eq(all, 3000);
    ck_assert_str_eq(text_of(SIGN_INS_MOST, "action"), "sign_in.more");
    ck_assert_int_eq(detail_of(SIGN_INS_MOST, "welcome"), 0);
}
END_TEST

START_TEST(nothing_new__asks_for_nothing)
{
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(store.asked, 0);
    refuse_from(1);
    sign_ins_write(sign_ins);
    sign_ins_write(sign_ins);
    answer(GL_OK);
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(store.asked, 1);
}
END_TEST

START_TEST(what_comes_while_one_is_under_way__goes_with_the_next)
{
    refuse_from(1);
    sign_ins_write(sign_ins);
    refuse_from(2);
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(store.asked, 1);
    answer(GL_OK);
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(json_array_size(store.rows), 1);
    ck_assert_str_eq(text_of(0, "address"), "10.0.0.2");
}
END_TEST

START_TEST(what_could_not_be_written__waits_and_is_counted_together)
{
    refuse_from(1);
    store.is_down = true;
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(store.asked, 0);
    store.is_down = false;
    sign_ins_write(sign_ins);
    refuse_from(1);
    answer(GL_E_STORE_DOWN);
    for (unsigned host = 0; host < 1000; host++)
        refuse_from(host);
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(json_array_size(store.rows), SIGN_INS_MOST + 1);
    ck_assert_int_eq(detail_of(0, "times"), 3);
    ck_assert_int_eq(detail_of(SIGN_INS_MOST, "refused"), 1000 - SIGN_INS_MOST);
    answer(GL_E_STORE_DOWN);
    sign_ins_write(sign_ins);
    ck_assert_int_eq(detail_of(SIGN_INS_MOST, "refused"), 1000 - SIGN_INS_MOST);
}
END_TEST

START_TEST(what_may_have_been_written__is_not_written_twice)
{
    refuse_from(1);
    sign_ins_write(sign_ins);
    answer(GL_E_UNKNOWN_OUTCOME);
    sign_ins_write(sign_ins);
    ck_assert_uint_eq(store.asked, 1);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_one_did_from_one_address__is_one_row);
    tcase_add_test(tests, a_flood__makes_so_many_rows_and_one_that_counts_the_rest);
    tcase_add_test(tests, nothing_new__asks_for_nothing);
    tcase_add_test(tests, what_comes_while_one_is_under_way__goes_with_the_next);
    tcase_add_test(tests, what_could_not_be_written__waits_and_is_counted_together);
    tcase_add_test(tests, what_may_have_been_written__is_not_written_twice);
}

int main(void)
{
    return suite_run("sign_ins", add);
}
