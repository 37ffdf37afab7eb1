/* Strings from outside on their way to a terminal. */
#include <stdlib.h>

#include "clients/cli/safe.h"
#include "tests/support/suite.h"

static const struct {
    const char *what;
    struct gl_slice given;
    enum safe_lines lines;
    const char *expected;
} rows[] = {
    {"plain text", GL_SLICE("naïve – 中文 🙂"), SAFE_ONE_LINE, "naïve – 中文 🙂"},
    {"Arabic and Persian, with a zero width non-joiner", GL_SLICE("می‌خواهم"), SAFE_ONE_LINE, "می‌خواهم"},
    {"a family joined by ZWJ", GL_SLICE("👩‍👩‍👧"), SAFE_ONE_LINE, "👩‍👩‍👧"},
    {"an escape sequence", GL_SLICE("\x1b[31mred\x1b]0;title\x07"), SAFE_ONE_LINE, "\\x1b[31mred\\x1b]0;title\\x07"},
    {"NUL, backspace, DEL", GL_SLICE("a\0b\x08\x7f"), SAFE_ONE_LINE, "a\\x00b\\x08\\x7f"},
    {"C1 as code points",
     GL_SLICE("\xc2\x9b"
              "31m\xc2\x90"),
     SAFE_ONE_LINE, "\\x9b31m\\x90"},
    {"C1 as bytes",
     GL_SLICE("\x9b"
              "31m"),
     SAFE_ONE_LINE, "\\x9b31m"},
    {"line ends in one line", GL_SLICE("a\r\nb\tc"), SAFE_ONE_LINE, "a\\r\\nb\\tc"},
    {"line ends in lines", GL_SLICE("a\r\nb\tc\rd"), SAFE_LINES, "a\nb    c\\rd"},
    {"overrides and isolates",
     GL_SLICE("a\xe2\x80\xae"
              "b\xe2\x81\xa6\xe2\x81\xa9"),
     SAFE_ONE_LINE, "a\\u202eb\\u2066\\u2069"},
    {"direction marks", GL_SLICE("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"), SAFE_LINES, "\\u200e\\u200f\\u061c"},
    {"line and paragraph separators", GL_SLICE("\xe2\x80\xa8\xe2\x80\xa9"), SAFE_LINES, "\\u2028\\u2029"},
    {"overlong and cut off", GL_SLICE("\xc0\xaf\xe2\x80"), SAFE_ONE_LINE, "\\xc0\\xaf\\xe2\\x80"},
    {"a surrogate", GL_SLICE("\xed\xa0\x80"), SAFE_ONE_LINE, "\\xed\\xa0\\x80"},
    {"nothing", GL_SLICE(""), SAFE_ONE_LINE, ""},
};

START_TEST(safe_put__leaves_nothing_that_moves_a_cursor_or_turns_words)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    safe_put(&out, rows[_i].given, rows[_i].lines);
    ck_assert_msg(gl_slice_is(gl_buf_peek(&out), rows[_i].expected), "%s: got %.*s", rows[_i].what, (int)out.len, out.data);
    gl_buf_fini(&out);
}
END_TEST

START_TEST(safe_put__whatever_the_bytes__gives_harmless_UTF_8)
{
    unsigned seed = 1;
    for (int round = 0; round < 2000; round++) {
        char bytes[24];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(seed >> 24);
        }
        struct gl_buf out;
        gl_buf_init(&out, SIZE_MAX);
        safe_put(&out, gl_slice_of(bytes, sizeof bytes), SAFE_ONE_LINE);
        for (size_t i = 0; i < out.len; i++) {
            unsigned char c = (unsigned char)out.data[i];
            bool is_c1 = c == 0xc2 && i + 1 < out.len && (unsigned char)out.data[i + 1] < 0xa0;
            ck_assert_msg(c >= 0x20 && c != 0x7f && !is_c1, "byte %02x in round %d", c, round);
        }
        gl_buf_fini(&out);
    }
}
END_TEST

static const struct {
    const char *given;
    size_t columns;
    const char *expected;
} cuts[] = {
    {"short", 5, "short"},
    {"longer", 5, "long…"},
    {"中文中文", 5, "中文…"},
    {"中文中文", 4, "中…"},
    {"中文", 4, "中文"},
    {"\x1b[31m", 6, "\\x1b[…"},
    {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
    {"", 3, ""},
};

START_TEST(safe_put_short__cuts_between_clusters_and_says_so)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    safe_put_short(&out, gl_slice_str(cuts[_i].given), cuts[_i].columns);
    ck_assert_msg(gl_slice_is(gl_buf_peek(&out), cuts[_i].expected), "%s to %zu: got %.*s", cuts[_i].given, cuts[_i].columns,
                  (int)out.len, out.data);
    gl_buf_fini(&out);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, safe_put__leaves_nothing_that_moves_a_cursor_or_turns_words, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, safe_put__whatever_the_bytes__gives_harmless_UTF_8);
    tcase_add_loop_test(tests, safe_put_short__cuts_between_clusters_and_says_so, 0, sizeof cuts / sizeof *cuts);
}

int main(void)
{
    return suite_run("safe", add);
}
