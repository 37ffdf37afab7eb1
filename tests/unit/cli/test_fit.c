/* Sentences on a terminal: broken between words, colours take no room, what cannot be broken stays whole. */
#include "clients/cli/fit.h"
#include "tests/support/suite.h"

static const struct {
    const char *what, *text;
    size_t columns, indent;
    const char *expected;
} rows[] = {
    {"fits", "one two\n", 7, 2, "one two\n"},
    {"is broken", "one two three\n", 9, 2, "one two\n  three\n"},
    {"every line counts", "one two\nthree four\n", 7, 1, "one two\nthree\n four\n"},
    {"spaces inside stay", "  a  b\n", 10, 0, "  a  b\n"},
    {"spaces at a break go", "aaa    bbb\n", 5, 0, "aaa\nbbb\n"},
    {"a long word stays whole", "see 0123456789abcdef now\n", 8, 2, "see\n  0123456789abcdef\n  now\n"},
    {"colours take no room", "\x1b[1mone\x1b[0m two\n", 7, 2, "\x1b[1mone\x1b[0m two\n"},
    {"colours stay with their words", "one \x1b[1mtwo\x1b[0m\n", 5, 0, "one\n\x1b[1mtwo\x1b[0m\n"},
    {"wide letters are two columns", "中国和俄罗斯\n", 6, 0, "中国和\n俄罗斯\n"},
    {"an indent leaves room for words", "aaaa bbbb cccc\n", 8, 30, "aaaa\n    bbbb\n    cccc\n"},
    {"nothing", "", 40, 2, ""},
    {"no line end", "one two", 4, 0, "one\ntwo"},
};

START_TEST(fit__text_of_the_table__is_broken_as_there)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    fit_text(&out, gl_slice_str(rows[_i].text), rows[_i].columns, rows[_i].indent);
    ck_assert_msg(strcmp(gl_buf_cstr(&out), rows[_i].expected) == 0, "%s: %s", rows[_i].what, gl_buf_cstr(&out));
    gl_buf_fini(&out);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, fit__text_of_the_table__is_broken_as_there, 0, sizeof rows / sizeof *rows);
}

int main(void)
{
    return suite_run("fit", add);
}
