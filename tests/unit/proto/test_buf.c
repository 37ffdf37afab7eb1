/* test_buf.c - errors, buffers with a ceiling, hex, base64, the arena. */
#include <stdint.h>

#include "tests/unit/proto/suite.h"

/* ---- gl_err */

START_TEST(error__has_a_lower_case_name_and_a_number_and_both_lead_back)
{
    for (unsigned i = 1; i < GL_CODE_COUNT; i++) {
        enum gl_code code = (enum gl_code)i;
        ck_assert_int_eq(gl_code_from_wire(gl_code_wire(code)), code);
        ck_assert_int_eq(gl_code_from_name(gl_code_name(code)), code);
        for (const char *c = gl_code_name(code); *c; c++) {
            ck_assert((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_');
        }
    }
    ck_assert_str_eq(gl_code_name(GL_E_DEPENDS_ON_REFUSED), "depends_on_refused");
    ck_assert_int_eq(gl_code_wire(GL_E_STALE), 1200);
}
END_TEST

START_TEST(error__that_is_unknown__counts_as_internal)
{
    ck_assert_int_eq(gl_code_from_wire(77), GL_E_INTERNAL);
    ck_assert_int_eq(gl_code_from_name("never heard of"), GL_E_INTERNAL);
    ck_assert_str_eq(gl_code_name((enum gl_code)4711), "internal");
}
END_TEST

START_TEST(fail__may_quote_the_error_it_fills_in)
{
    struct gl_err err;
    gl_fail_at(&err, GL_E_STALE, "ops[0]", "first");
    ck_assert_int_eq(gl_fail_at(&err, GL_E_GONE, err.path, "%s, then second", err.detail), GL_E_GONE);
    ck_assert_str_eq(err.detail, "first, then second");
    ck_assert_str_eq(err.path, "ops[0]");
    ck_assert_int_eq(gl_fail(NULL, GL_E_BUSY, "nobody listens"), GL_E_BUSY);
}
END_TEST

START_TEST(fail__with_too_many_words__is_cut_between_characters)
{
    struct gl_err err;
    char words[GL_ERR_DETAIL_MAX + 100];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(words, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(words); i += 3) {
            memcpy(words + i, "\xe2\x82\xac", 4); /* with its NUL */
        }
        gl_fail(&err, GL_E_BUSY, "%s", words);
        size_t len = strlen(err.detail);
        ck_assert(len < GL_ERR_DETAIL_MAX && len > GL_ERR_DETAIL_MAX - 5);
        ck_assert_uint_eq((len - shift) % 3, 0);
    }
}
END_TEST

/* ---- gl_buf */

START_TEST(buf__with_room_reserved__is_not_moved_as_it_grows_and_still_has_its_ceiling)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 70000);
    gl_buf_str(&buf, "begun");
    gl_buf_reserve(&buf, 60000);
    const char *data = buf.data;
    ck_assert_uint_eq(buf.len, 5);
    for (int i = 0; i < 60000; i++)
        gl_buf_byte(&buf, 'x');
    ck_assert_ptr_eq(buf.data, data);
    ck_assert_int_eq(memcmp(buf.data, "begunxx", 7), 0);
    gl_buf_reserve(&buf, 10000);
    ck_assert_int_eq(buf.code, GL_E_TOO_LARGE);
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(buf__at_its_ceiling__fails_once_and_ignores_the_rest)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 5);
    gl_buf_str(&buf, "abc");
    gl_buf_str(&buf, "def");
    gl_buf_byte(&buf, 'x');
    ck_assert_int_eq(buf.code, GL_E_TOO_LARGE);
    ck_assert_uint_eq(buf.len, 3);
    ck_assert_ptr_null(gl_buf_cstr(&buf));
    ck_assert_ptr_null(gl_buf_take(&buf, NULL));
    gl_buf_clear(&buf);
    gl_buf_str(&buf, "abcde");
    ck_assert_str_eq(gl_buf_cstr(&buf), "abcde"); /* the NUL does not count */
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(buf__grows_in_steps_and_keeps_what_it_has)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < 100000; i++) {
        gl_buf_byte(&buf, (char)('a' + i % 26));
    }
    ck_assert_int_eq(buf.code, GL_OK);
    ck_assert_uint_eq(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        ck_assert_int_eq(buf.data[i], 'a' + (int)(i % 26));
    }
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(buf__taken__is_empty_and_can_be_used_again)
{
    struct gl_buf buf;
    size_t len = 99;
    gl_buf_init(&buf, 100);
    char *nothing = gl_buf_take(&buf, &len);
    ck_assert_uint_eq(len, 0);
    ck_assert_str_eq(nothing, "");
    gl_buf_str(&buf, "one");
    char *one = gl_buf_take(&buf, &len);
    gl_buf_str(&buf, "two");
    ck_assert_uint_eq(len, 3);
    ck_assert_str_eq(one, "one");
    assert_bytes(&buf, GL_SLICE("two"));
    free(nothing);
    free(one);
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(buf__writes_numbers)
{
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_buf_u64(&buf, 0);
    gl_buf_byte(&buf, ' ');
    gl_buf_u64(&buf, UINT64_MAX);
    gl_buf_byte(&buf, ' ');
    gl_buf_i64(&buf, INT64_MIN);
    gl_buf_byte(&buf, ' ');
    gl_buf_i64(&buf, -1);
    gl_buf_printf(&buf, " %s-%d", "x", 7);
    assert_bytes(&buf, GL_SLICE("0 18446744073709551615 -9223372036854775808 -1 x-7"));
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(slice__of_nothing__equals_the_empty_one)
{
    ck_assert(gl_slice_equal((struct gl_slice){0}, GL_SLICE("")));
    ck_assert(gl_slice_is((struct gl_slice){0}, ""));
    ck_assert(!gl_slice_is(GL_SLICE("a"), "ab"));
}
END_TEST

/* ---- hex and base64 */

START_TEST(hex__is_lower_case_and_as_long_as_asked)
{
    unsigned char bytes[3];
    struct gl_buf buf;
    gl_buf_init(&buf, 6);
    gl_buf_hex(&buf, "\x00\xaf\xff", 3);
    assert_bytes(&buf, GL_SLICE("00afff"));
    ck_assert(gl_hex_decode(GL_SLICE("00afff"), bytes, 3));
    ck_assert_mem_eq(bytes, "\x00\xaf\xff", 3);
    ck_assert(!gl_hex_decode(GL_SLICE("00AFFF"), bytes, 3));
    ck_assert(!gl_hex_decode(GL_SLICE("00aff"), bytes, 3));
    ck_assert(!gl_hex_decode(GL_SLICE("00afff"), bytes, 2));
    ck_assert(!gl_hex_decode(GL_SLICE("00affg"), bytes, 3));
    gl_buf_fini(&buf);
}
END_TEST

/* RFC 4648, section 10 */
static const struct {
    const char *plain, *encoded;
} base64_rows[] = {{"", ""},
                   {"f", "Zg=="},
                   {"fo", "Zm8="},
                   {"foo", "Zm9v"},
                   {"foob", "Zm9vYg=="},
                   {"fooba", "Zm9vYmE="},
                   {"foobar", "Zm9vYmFy"},
                   {"\xff\xfe\xfd", "//79"},
                   {"\xfb\xef", "++8="}};

START_TEST(base64__goes_there_and_back)
{
    struct gl_buf encoded, decoded;
    gl_buf_init(&encoded, 100);
    gl_buf_init(&decoded, 100);
    gl_buf_base64(&encoded, base64_rows[_i].plain, strlen(base64_rows[_i].plain));
    assert_bytes(&encoded, gl_slice_str(base64_rows[_i].encoded));
    ck_assert_int_eq(gl_base64_decode(gl_buf_peek(&encoded), &decoded, NULL), GL_OK);
    assert_bytes(&decoded, gl_slice_str(base64_rows[_i].plain));
    gl_buf_fini(&encoded);
    gl_buf_fini(&decoded);
}
END_TEST

static const struct {
    const char *text, *why;
} not_base64[] = {
    {"Zg", "multiple of 4"},       {"Zg=", "multiple of 4"},     {"====", "character 0 "}, {"Z===", "character 1 "},
    {"Zm9v\nZg=", "character 4 "}, {"Zg==Zg==", "character 2 "}, {"Zh==", "character 1 "}, {"Zm9=", "character 2 "},
    {"Zm9-", "character 3 "},      {"Zm9_", "character 3 "},
};

START_TEST(base64__that_is_none__is_refused_with_the_place)
{
    struct gl_buf decoded;
    struct gl_err err = {0};
    gl_buf_init(&decoded, 100);
    ck_assert_int_eq(gl_base64_decode(gl_slice_str(not_base64[_i].text), &decoded, &err), GL_E_INVALID_PARAMS);
    ck_assert_msg(strstr(err.detail, not_base64[_i].why), "%s: %s", not_base64[_i].text, err.detail);
    gl_buf_fini(&decoded);
}
END_TEST

START_TEST(base64__larger_than_the_buffer__is_too_large)
{
    struct gl_buf decoded;
    gl_buf_init(&decoded, 4);
    ck_assert_int_eq(gl_base64_decode(GL_SLICE("Zm9vYmFy"), &decoded, NULL), GL_E_TOO_LARGE);
    gl_buf_fini(&decoded);
}
END_TEST

/* ---- gl_arena */

START_TEST(arena__gives_zeroed_aligned_pieces_that_do_not_overlap)
{
    struct gl_arena arena;
    gl_arena_init(&arena);
    unsigned char *pieces[200];
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 200; i++) {
            size_t len = i * 37 % 900;
            pieces[i] = gl_arena_alloc(&arena, len);
            ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < len; k++) {
                ck_assert_uint_eq(pieces[i][k], 0);
            }
            memset(pieces[i], (int)i, len);
        }
        for (size_t i = 0; i < 200; i++) {
            for (size_t k = 0; k < i * 37 % 900; k++) {
                ck_assert_uint_eq(pieces[i][k], i);
            }
        }
        gl_arena_reset(&arena);
        ck_assert_uint_eq(arena.used_bytes, 0);
    }
    gl_arena_fini(&arena);
}
END_TEST

START_TEST(arena__takes_what_is_larger_than_a_block_and_refuses_what_cannot_be)
{
    struct gl_arena arena;
    gl_arena_init(&arena);
    char *large = gl_arena_alloc(&arena, 100000);
    memset(large, 1, 100000);
    ck_assert_ptr_null(gl_arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(gl_arena_alloc(&arena, SIZE_MAX - 64));
    ck_assert_str_eq(gl_arena_copy(&arena, GL_SLICE("copy")), "copy");
    ck_assert_str_eq(gl_arena_copy(&arena, (struct gl_slice){0}), "");
    gl_arena_reset(&arena);
    ck_assert_ptr_nonnull(gl_arena_alloc(&arena, 1));
    gl_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_test(tcase, error__has_a_lower_case_name_and_a_number_and_both_lead_back);
    tcase_add_test(tcase, error__that_is_unknown__counts_as_internal);
    tcase_add_test(tcase, fail__may_quote_the_error_it_fills_in);
    tcase_add_test(tcase, fail__with_too_many_words__is_cut_between_characters);
    tcase_add_test(tcase, buf__at_its_ceiling__fails_once_and_ignores_the_rest);
    tcase_add_test(tcase, buf__grows_in_steps_and_keeps_what_it_has);
    tcase_add_test(tcase, buf__taken__is_empty_and_can_be_used_again);
    tcase_add_test(tcase, buf__writes_numbers);
    tcase_add_test(tcase, slice__of_nothing__equals_the_empty_one);
    tcase_add_test(tcase, buf__with_room_reserved__is_not_moved_as_it_grows_and_still_has_its_ceiling);
    tcase_add_test(tcase, hex__is_lower_case_and_as_long_as_asked);
    tcase_add_loop_test(tcase, base64__goes_there_and_back, 0, COUNT(base64_rows));
    tcase_add_loop_test(tcase, base64__that_is_none__is_refused_with_the_place, 0, COUNT(not_base64));
    tcase_add_test(tcase, base64__larger_than_the_buffer__is_too_large);
    tcase_add_test(tcase, arena__gives_zeroed_aligned_pieces_that_do_not_overlap);
    tcase_add_test(tcase, arena__takes_what_is_larger_than_a_block_and_refuses_what_cannot_be);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
