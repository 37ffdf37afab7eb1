/* test_uuid.c - ids and times. */
#include <time.h>

#include "tests/unit/proto/suite.h"

START_TEST(uuid__goes_there_and_back)
{
    static const char text[] = "01937f6b-1a00-7c00-8000-0000000000a1";
    gl_uuid id;
    char again[GL_UUID_TEXT + 1];
    ck_assert(gl_uuid_parse(gl_slice_str(text), &id));
    gl_uuid_format(&id, again);
    ck_assert_str_eq(again, text);
    ck_assert_mem_eq(id.bytes, "\x01\x93\x7f\x6b\x1a\x00\x7c\x00\x80\x00\x00\x00\x00\x00\x00\xa1", 16);
}
END_TEST

static const char *const not_uuids[] = {
    "",
    "01937f6b",
    "01937F6B-1A00-7C00-8000-0000000000A1",
    "01937f6b-1a00-7c00-8000-0000000000a",
    "01937f6b-1a00-7c00-8000-0000000000a10",
    "01937f6b11a00-7c00-8000-0000000000a1",
    "{1937f6b-1a00-7c00-8000-0000000000a}",
    "01937f6b-1a00-7c00-8000-0000000000g1",
    "01937f6b1a007c0080000000000000a1----",
    " 1937f6b-1a00-7c00-8000-0000000000a1",
};

START_TEST(uuid__in_any_other_form__is_refused_and_gives_the_nil_one)
{
    gl_uuid id = {{1}};
    ck_assert_msg(!gl_uuid_parse(gl_slice_str(not_uuids[_i]), &id), "%s", not_uuids[_i]);
    ck_assert(gl_uuid_is_nil(&id));
}
END_TEST

START_TEST(uuid_v7__has_the_time_first_and_is_never_the_same)
{
    gl_uuid one = gl_uuid_v7(0x0123456789ab), two = gl_uuid_v7(0x0123456789ab), later = gl_uuid_v7(0x0123456789ac);
    ck_assert_mem_eq(one.bytes, "\x01\x23\x45\x67\x89\xab", 6);
    ck_assert_uint_eq(one.bytes[6] >> 4, 7);
    ck_assert_uint_eq(one.bytes[8] >> 6, 2);
    ck_assert(!gl_uuid_equal(&one, &two));
    ck_assert_int_lt(gl_uuid_compare(&one, &later), 0);
}
END_TEST

START_TEST(uuid_derive__is_the_same_everywhere)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid id = gl_uuid_derive("x", "y", 1); /* SHA-256 of 78 00 79 begins ce3890a8 16f5 237a 17aa 7e1436113bba */
    gl_uuid_format(&id, text);
    ck_assert_str_eq(text, "ce3890a8-16f5-837a-97aa-7e1436113bba");
    gl_uuid other = gl_uuid_derive("xy", "", 0);
    ck_assert(!gl_uuid_equal(&id, &other));
}
END_TEST

/* ---- times */

static const struct {
    int64_t unix_ms;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {1795286595123, "2026-11-21T18:43:15.123Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {4107542399999, "2100-02-28T23:59:59.999Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
};

START_TEST(time__goes_there_and_back)
{
    char text[GL_TIME_TEXT + 1];
    int64_t unix_ms;
    gl_time_format(times[_i].unix_ms, text);
    ck_assert_str_eq(text, times[_i].text);
    ck_assert(gl_time_parse(gl_slice_str(text), &unix_ms));
    ck_assert_int_eq(unix_ms, times[_i].unix_ms);
}
END_TEST

START_TEST(time__agrees_with_the_c_library)
{
    for (int64_t unix_ms = -2208988800000; unix_ms < 7258118400000; unix_ms += 86400000 * 13 + 12345678) {
        char ours[GL_TIME_TEXT + 1], theirs[40];
        time_t seconds = (time_t)((unix_ms - (unix_ms % 1000 + 1000) % 1000) / 1000);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        size_t len = strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &parts);
        gl_time_format(unix_ms, ours);
        ck_assert_msg(strncmp(ours, theirs, len) == 0, "%s and %s", ours, theirs);
    }
}
END_TEST

START_TEST(time__out_of_range__is_the_nearest_that_can_be_written)
{
    char text[GL_TIME_TEXT + 1];
    gl_time_format(INT64_MIN, text);
    ck_assert_str_eq(text, "0000-01-01T00:00:00.000Z");
    gl_time_format(INT64_MAX, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
END_TEST

static const char *const not_times[] = {
    "2026-11-21T18:43:15Z",     "2026-11-21T18:43:15.12Z",  "2026-11-21T18:43:15.1234Z",
    "2026-11-21 18:43:15.123Z", "2026-11-21T18:43:15.123z", "2026-11-21T18:43:15.123+",
    "2026-13-21T18:43:15.123Z", "2026-00-21T18:43:15.123Z", "2026-11-00T18:43:15.123Z",
    "2026-11-31T18:43:15.123Z", "2025-02-29T18:43:15.123Z", "2100-02-29T18:43:15.123Z",
    "2026-11-21T24:00:00.000Z", "2026-11-21T18:60:15.123Z", "2026-11-21T18:43:60.123Z",
    "+026-11-21T18:43:15.123Z", "2026-11-21T18:43:15,123Z", "",
};

START_TEST(time__in_any_other_form__is_refused)
{
    int64_t unix_ms = 1;
    ck_assert_msg(!gl_time_parse(gl_slice_str(not_times[_i]), &unix_ms), "%s", not_times[_i]);
    ck_assert_int_eq(unix_ms, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uuid");
    TCase *tcase = tcase_create("uuid");
    tcase_add_test(tcase, uuid__goes_there_and_back);
    tcase_add_loop_test(tcase, uuid__in_any_other_form__is_refused_and_gives_the_nil_one, 0, COUNT(not_uuids));
    tcase_add_test(tcase, uuid_v7__has_the_time_first_and_is_never_the_same);
    tcase_add_test(tcase, uuid_derive__is_the_same_everywhere);
    tcase_add_loop_test(tcase, time__goes_there_and_back, 0, COUNT(times));
    tcase_add_test(tcase, time__agrees_with_the_c_library);
    tcase_add_test(tcase, time__out_of_range__is_the_nearest_that_can_be_written);
    tcase_add_loop_test(tcase, time__in_any_other_form__is_refused, 0, COUNT(not_times));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
