/* Text of unknown origin in a log line. */
#include <stdlib.h>

#include "service/base/escape.h"
#include "tests/support/suite.h"

static const struct {
    const char *what;
    struct gl_slice given;
    const char *expected;
} rows[] = {
    {"plain text", GL_SLICE("naïve – 中文 🙂"), "naïve – 中文 🙂"},
    {"quotes and backslashes", GL_SLICE("a\"b\\c"), "a\\\"b\\\\c"},
    {"line ends", GL_SLICE("a\r\nb\tc"), "a\\r\\nb\\tc"},
    {"a NUL", GL_SLICE("a\0b"), "a\\u0000b"},
    {"an escape sequence", GL_SLICE("\x1b[31mred"), "\\u001b[31mred"},
    {"DEL and C1 controls", GL_SLICE("\x7f\xc2\x9b"), "\\u007f\\u009b"},
    {"a right-to-left override", GL_SLICE("a\xe2\x80\xae"), "a\\u202e"},
    {"isolates and marks", GL_SLICE("\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c"), "\\u2066\\u200f\\u061c"},
    {"zero width and byte order marks", GL_SLICE("\xe2\x80\x8b\xef\xbb\xbf"), "\\u200b\\ufeff"},
    {"line and paragraph separators", GL_SLICE("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029"},
    {"invisible tags", GL_SLICE("\xf3\xa0\x81\x81"), "\\udb40\\udc41"},
    {"a byte that is not UTF-8",
     GL_SLICE("a\xff"
              "b"),
     "a\\ufffdb"},
    {"a sequence cut off", GL_SLICE("a\xe2\x80"), "a\\ufffd\\ufffd"},
    {"an overlong slash", GL_SLICE("\xc0\xaf"), "\\ufffd\\ufffd"},
    {"a surrogate", GL_SLICE("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd"},
    {"nothing", GL_SLICE(""), ""},
};

START_TEST(escape_text__gives_what_a_line_can_hold)
{
    char out[256];
    size_t used, len = escape_text(out, sizeof(out), rows[_i].given, &used);
    ck_assert_msg(len == strlen(rows[_i].expected) && !memcmp(out, rows[_i].expected, len), "%s: got %.*s", rows[_i].what,
                  (int)len, out);
    ck_assert_uint_eq(used, rows[_i].given.len);
    ck_assert_msg(escape_is_needed(rows[_i].given) == !gl_slice_is(rows[_i].given, rows[_i].expected), "%s", rows[_i].what);
}
END_TEST

START_TEST(escape_text__when_there_is_no_room__cuts_between_characters)
{
    char out[8];
    size_t used;
    ck_assert_uint_eq(escape_text(out, 4, GL_SLICE("ab中"), &used), 2);
    ck_assert_uint_eq(used, 2);
    ck_assert_uint_eq(escape_text(out, 6, GL_SLICE("a\x01"), &used), 1);
    ck_assert_uint_eq(used, 1);
    ck_assert_uint_eq(escape_text(out, 0, GL_SLICE("a"), &used), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, escape_text__gives_what_a_line_can_hold, 0, sizeof(rows) / sizeof(*rows));
    tcase_add_test(tests, escape_text__when_there_is_no_room__cuts_between_characters);
}

int main(void)
{
    return suite_run("escape", add);
}
