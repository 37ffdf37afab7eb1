/* Lines from a descriptor, however they arrive. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/cli/lines.h"
#include "tests/support/suite.h"

#define MAX 16

static const struct {
    const char *what;
    const char *written;
    const char *lines[6]; /* "!" for one that is too long */
} rows[] = {
    {"lines", "a\nbc\n\nd\n", {"a", "bc", "", "d"}},
    {"no end at the end", "a\nb", {"a", "b"}},
    {"just as long as may be", "0123456789abcdef\nx\n", {"0123456789abcdef", "x"}},
    {"one byte too long", "0123456789abcdefg\nx\n", {"!", "x"}},
    {"too long at the end", "x\n0123456789abcdefghijklmnopq", {"x", "!"}},
    {"nothing", "", {NULL}},
};

static void check(const char *written, const char *const *expected, size_t at_once)
{
    int fds[2];
    struct lines lines;
    struct line line;
    size_t count = 0, len = strlen(written), sent = 0;
    ck_assert_int_eq(pipe(fds), 0);
    lines_init(&lines, fds[0], MAX);
    for (;;) {
        while (lines_next(&lines, &line)) {
            ck_assert_ptr_nonnull(expected[count]);
            bool is_too_long = strcmp(expected[count], "!") == 0;
            ck_assert(line.is_too_long == is_too_long);
            ck_assert(gl_slice_is(line.text, is_too_long ? "" : expected[count]));
            ck_assert_uint_eq(line.number, ++count);
        }
        if (lines.is_over) {
            break;
        }
        size_t step = len - sent < at_once ? len - sent : at_once;
        if (step > 0) {
            ck_assert_int_eq(write(fds[1], written + sent, step), (ssize_t)step);
            sent += step;
        } else {
            close(fds[1]);
        }
        ck_assert(lines_read(&lines));
    }
    ck_assert_ptr_null(expected[count]);
    ck_assert_uint_eq(lines.bytes, len);
    close(fds[0]);
    lines_fini(&lines);
}

START_TEST(lines_next__whatever_the_pieces__gives_the_same_lines)
{
    for (size_t at_once = 1; at_once <= 40; at_once++) {
        check(rows[_i].written, rows[_i].lines, at_once);
    }
}
END_TEST

START_TEST(lines_next__a_line_of_megabytes__takes_no_more_memory)
{
    char path[] = "/tmp/gloss-lines.XXXXXX", block[4096];
    struct lines lines;
    struct line line;
    int fd = mkstemp(path);
    unlink(path);
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 1024; i++) {
        ck_assert_int_eq(write(fd, block, sizeof block), (ssize_t)sizeof block);
    }
    ck_assert_int_eq(write(fd, "\nshort\n", 7), 7);
    lseek(fd, 0, SEEK_SET);
    lines_init(&lines, fd, 65536);
    size_t cap = lines.cap, count = 0;
    while (!lines.is_over) {
        ck_assert(lines_read(&lines));
        while (lines_next(&lines, &line)) {
            ck_assert(line.is_too_long == (count == 0));
            count++;
        }
    }
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(lines.cap, cap);
    ck_assert_uint_eq(lines.bytes, 1024 * sizeof block + 7);
    close(fd);
    lines_fini(&lines);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, lines_next__whatever_the_pieces__gives_the_same_lines, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, lines_next__a_line_of_megabytes__takes_no_more_memory);
}

int main(void)
{
    return suite_run("lines", add);
}
