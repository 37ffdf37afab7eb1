/* A text with highlights and notes, laid out. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/layout.h"
#include "clients/cli/wrap.h"
#include "tests/support/suite.h"

#define FSI       "\xe2\x81\xa8"
#define PDI       "\xe2\x81\xa9"
#define MARKS_MAX 6

struct row {
    const char *what;
    unsigned columns;
    enum paint_mode paint;
    const char *text;
    struct layout_mark marks[MARKS_MAX];
    size_t mark_count;
    struct layout_note notes[MARKS_MAX];
    size_t note_count;
    const char *expected;
};

#define NOTE(at, number, head, body)                                                                                             \
    {                                                                                                                            \
        at, number, number - 1, GL_SLICE(head), GL_SLICE(body), NULL, 0                                                          \
    }
#define ENGLISH                                                                                                                  \
    "China and Russia both seek closer ties with the Taliban in Kabul, even as they have refrained from fully recognising it.\n"

static const struct row rows[] = {
    {"words go to the next line, paragraphs are numbered", 40, PAINT_PLAIN, ENGLISH "\nSecond.\n",
     .expected = " 1  China and Russia both seek closer\n"
                 "    ties with the Taliban in Kabul, even\n"
                 "    as they have refrained from fully\n"
                 "    recognising it.\n"
                 "\n"
                 " 2  Second.\n"},
    {"nested and overlapping, plain, notes beneath",
     50,
     PAINT_PLAIN,
     ENGLISH,
     {{0, 16, 1, 0}, {6, 44, 2, 1}, {10, 16, 3, 2}},
     3,
     {NOTE(0, 1, "claim · ana", ""), NOTE(6, 2, "evidence · ben", "A note that is long enough to be wrapped\nand a second line"),
      NOTE(10, 3, "x", "")},
     3,
     " 1  [1|China [2|and [3|Russia|3]|1] both seek\n"
     "    closer ties with |2]the Taliban in Kabul, even\n"
     "    as they have refrained from fully recognising\n"
     "    it.\n"
     "      1 claim · ana\n"
     "      2 evidence · ben\n"
     "        A note that is long enough to be wrapped\n"
     "        and a second line\n"
     "      3 x\n"},
    {"notes beside, the second paragraph waits for the margin",
     100,
     PAINT_PLAIN,
     "One two three.\nFour five six.\n",
     {{0, 3, 1, 0}, {4, 7, 2, 1}, {15, 19, 3, 2}},
     3,
     {NOTE(0, 1, "claim · ana", "a note of the first"), NOTE(4, 2, "b", ""), NOTE(15, 3, "c", "")},
     3,
     " 1  [1|One|1] [2|two|2] three.                                        │ 1 claim · ana\n"
     "                                                                      │   a note of the first\n"
     "                                                                      │ 2 b\n"
     " 2  [3|Four|3] five six.                                              │ 3 c\n"},
    {"colours: the innermost's ground, underlined where they overlap",
     60,
     PAINT_256,
     "One two three.\n",
     {{0, 7, 1, 0}, {4, 7, 2, 1}, {8, 8, 3, 2}},
     3,
     {{0}},
     0,
     "\x1b[2m 1\x1b[0m  \x1b[0;38;5;16;48;5;222mOne \x1b[0;38;5;16;48;5;153;4mtwo\x1b[0;38;5;75m²\x1b[0;38;5;214m·¹\x1b[0m \x1b[0;38;5;77m‸³\x1b[0mthree.\n"},
    {"a terminal without colours: underlined, numbers on both sides",
     60,
     PAINT_MONO,
     "One two three.\n",
     {{0, 7, 1, 0}, {4, 7, 2, 1}},
     2,
     {{0}},
     0,
     "\x1b[2m 1\x1b[0m  \x1b[0;1m¹\x1b[0;4mOne \x1b[0;1m²\x1b[0;1;4mtwo\x1b[0;1m²\x1b[0;1m·¹\x1b[0m three.\n"},
    {"Chinese: two columns each, broken between, stops stay",
     40,
     PAINT_PLAIN,
     "中国和俄罗斯都寻求与喀布尔的塔，建立更密切的联系。\n",
     {{3, 6, 1, 0}},
     1,
     {{0}},
     0,
     " 1  中国和[1|俄罗斯|1]都寻求与喀布尔的\n"
     "    塔，建立更密切的联系。\n"},
    {"Arabic on a terminal: isolated, the margin stays in its column",
     100,
     PAINT_16,
     "مرحبا بالعالم\n",
     {{0, 5, 1, 0}},
     1,
     {NOTE(0, 1, "وسم · ana", "")},
     1,
     "\x1b[2m 1\x1b[0m  " FSI "\x1b[0;30;43mمرحبا\x1b[0;33m¹\x1b[0m بالعالم" PDI
     "                                                   "
     "\x1b[2m │ \x1b[0m\x1b[0;33m1\x1b[0m " FSI "وسم · ana" PDI "\n"},
    {"Arabic in a file: logical order and nothing else",
     60,
     PAINT_PLAIN,
     "مرحبا بالعالم\n",
     {{0, 5, 1, 0}},
     1,
     {{0}},
     0,
     " 1  [1|مرحبا|1] بالعالم\n"},
    {"emoji and marks: one cluster, never cut", 40, PAINT_PLAIN,
     "👩‍👩‍👧‍👦🇦🇫👍🏽é 👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦\n",
     .expected =
         " 1  👩‍👩‍👧‍👦🇦🇫👍🏽é 👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦\n"
         "    👩‍👩‍👧‍👦\n"},
    {"what is not harmless", 60, PAINT_256, "a\x1b[31m\xe2\x80\xae\tb\r\nc\x7f\n",
     .expected = "\x1b[2m 1\x1b[0m  a\\x1b[31m\\u202e    b\n"
                 "\x1b[2m 2\x1b[0m  c\\x7f\n"},
    {"a word longer than the line", 40, PAINT_PLAIN, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz end\n",
     .expected = " 1  abcdefghijklmnopqrstuvwxyzabcdefghij\n"
                 "    klmnopqrstuvwxyz end\n"},
    {"blank lines stay, a mark on one takes no number",
     40,
     PAINT_PLAIN,
     "a\n \n\nb",
     {{2, 4, 1, 0}},
     1,
     {{0}},
     0,
     " 1  a\n"
     "    [1|\n"
     "    |1]\n"
     " 2  b\n"},
    {"a line that begins with a dash, and a mark that ends behind it",
     40,
     PAINT_PLAIN,
     "ab\n—cd ef\n",
     {{0, 4, 1, 0}},
     1,
     {{0}},
     0,
     " 1  [1|ab\n"
     " 2  —|1]cd ef\n"},
    {"at the text's end",
     40,
     PAINT_PLAIN,
     "end",
     {{0, 3, 1, 0}, {3, 3, 2, 0}},
     2,
     {NOTE(3, 2, "here", "")},
     1,
     " 1  [1|end|1][2||2]\n      2 here\n"},
    {"nothing", 40, PAINT_PLAIN, "", .expected = ""},
};

static struct layout layout_of(const struct row *row)
{
    return (struct layout){.columns = row->columns,
                           .paint = row->paint,
                           .marks = row->marks,
                           .mark_count = row->mark_count,
                           .notes = row->notes,
                           .note_count = row->note_count};
}

START_TEST(layout_text__gives_the_sheet)
{
    struct gl_buf out;
    struct layout layout = layout_of(&rows[_i]);
    gl_buf_init(&out, SIZE_MAX);
    layout_text(&out, gl_slice_str(rows[_i].text), &layout);
    ck_assert_msg(gl_slice_is(gl_buf_peek(&out), rows[_i].expected), "%s:\n%.*s---", rows[_i].what, (int)out.len, out.data);
    gl_buf_fini(&out);
}
END_TEST

/* ---- whatever the text, the width and the marks --------------------------------------------------------------------- */

static const char mixed[] =
    "Plain words and 中国和俄罗斯都寻求 with e\xcc\x81 accents, مرحبا بالعالم هذا نص طويل and 👩‍👩‍👧‍👦 🇦🇫 flags.\n\n"
    "A second paragraph-with-hyphens and averyveryverylongwordthatdoesnotfitanywhereatallinfortycolumnsofatext.\r\n"
    "שלום עולם and \x1b[31m controls \xe2\x80\xae too\tand tabs. 한국어 텍스트도 있습니다.\n";

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Without escape sequences and isolates: what takes columns. */
static size_t shown_columns(struct gl_slice line, size_t *separator)
{
    struct gl_buf shown;
    gl_buf_init(&shown, SIZE_MAX);
    for (size_t i = 0; i < line.len;) {
        if (line.data[i] == '\x1b') {
            while (line.data[i] != 'm') {
                i++;
            }
            i++;
        } else if (line.len - i >= 3 && (memcmp(line.data + i, FSI, 3) == 0 || memcmp(line.data + i, PDI, 3) == 0)) {
            i += 3;
        } else {
            gl_buf_byte(&shown, line.data[i++]);
        }
    }
    const char *bar = shown.len == 0 ? NULL : memmem(shown.data, shown.len, " │ ", 5);
    *separator = bar ? text_columns(gl_slice_of(shown.data, (size_t)(bar - shown.data))) : 0;
    size_t columns = text_columns(gl_buf_peek(&shown));
    gl_buf_fini(&shown);
    return columns;
}

static void check_lines(const struct gl_buf *out, const struct layout *layout)
{
    size_t separator_column = 0;
    for (size_t begin = 0; begin < out->len;) {
        const char *end = memchr(out->data + begin, '\n', out->len - begin);
        ck_assert_ptr_nonnull(end);
        size_t separator, len = (size_t)(end - out->data) - begin;
        size_t columns = shown_columns(gl_slice_of(out->data + begin, len), &separator);
        ck_assert_msg(columns <= layout->columns, "%zu columns of %u: %.*s", columns, layout->columns, (int)len,
                      out->data + begin);
        if (separator) {
            separator_column = separator_column ? separator_column : separator;
            ck_assert_msg(separator == separator_column, "margin at %zu, not %zu: %.*s", separator, separator_column, (int)len,
                          out->data + begin);
        }
        begin += len + 1;
    }
}

static int by_begin(const void *left, const void *right)
{
    const struct layout_mark *a = left, *b = right;
    if (a->begin_cp != b->begin_cp) {
        return a->begin_cp < b->begin_cp ? -1 : 1;
    }
    return a->end_cp > b->end_cp ? -1 : a->end_cp < b->end_cp;
}

START_TEST(layout_text__whatever_the_marks__no_line_is_too_wide_and_the_margin_is_straight)
{
    enum { COUNT = 12 };
    unsigned seed = 3;
    for (unsigned columns = 40; columns <= 200; columns += 3) {
        struct layout_mark marks[COUNT];
        struct layout_note notes[COUNT];
        for (unsigned i = 0; i < COUNT; i++) {
            size_t begin = next_random(&seed) % 240;
            marks[i] = (struct layout_mark){begin, begin + next_random(&seed) % 60, 0, i};
        }
        qsort(marks, COUNT, sizeof *marks, by_begin);
        for (unsigned i = 0; i < COUNT; i++) {
            marks[i].number = i + 1;
            notes[i] = (struct layout_note){marks[i].begin_cp,
                                            i + 1,
                                            i,
                                            GL_SLICE("标签 · آنا · 12345678"),
                                            GL_SLICE("مرحبا 中文 a note with some words\n\x1b[31m"),
                                            NULL,
                                            0};
        }
        struct layout layout = {.columns = columns,
                                .paint = (enum paint_mode)(columns % 4),
                                .marks = marks,
                                .mark_count = COUNT,
                                .notes = notes,
                                .note_count = COUNT};
        struct gl_buf out;
        gl_buf_init(&out, SIZE_MAX);
        layout_text(&out, gl_slice_str(mixed), &layout);
        check_lines(&out, &layout);
        gl_buf_fini(&out);
    }
}
END_TEST

struct taken {
    struct gl_buf all;
    unsigned times, most;
};

static bool take(void *ctx, struct gl_buf *out)
{
    struct taken *taken = ctx;
    gl_buf_slice(&taken->all, gl_buf_peek(out));
    gl_buf_clear(out);
    return ++taken->times < taken->most;
}

/* _i: 0 and 1 are read to the end, beneath and in the margin; 2 and 3 not. */
START_TEST(layout_text__that_is_taken_while_it_is_laid_out__is_the_same_or_ends)
{
    /* given */
    struct gl_buf text, whole, rest;
    struct taken taken = {.most = _i < 2 ? UINT_MAX : 2};
    struct layout_note notes[400];
    size_t codepoints = 0;
    for (const char *at = mixed; *at; at++) {
        codepoints += (*at & 0xC0) != 0x80;
    }
    gl_buf_init(&text, SIZE_MAX);
    gl_buf_init(&whole, SIZE_MAX);
    gl_buf_init(&rest, SIZE_MAX);
    gl_buf_init(&taken.all, SIZE_MAX);
    for (unsigned i = 0; i < 400; i++) {
        notes[i] = (struct layout_note){i * codepoints, i + 1, i, GL_SLICE("head"), GL_SLICE("a note"), NULL, 0};
        gl_buf_str(&text, mixed);
    }
    struct layout layout = {.columns = _i % 2 ? 120 : 80, .notes = notes, .note_count = 400};
    layout_text(&whole, gl_buf_peek(&text), &layout);
    /* when  */
    layout.take = take;
    layout.take_ctx = &taken;
    layout_text(&rest, gl_buf_peek(&text), &layout);
    /* then  */
    gl_buf_slice(&taken.all, gl_buf_peek(&rest));
    ck_assert_uint_gt(taken.times, 1);
    ck_assert_uint_lt(rest.len, whole.len / 2);
    if (_i < 2) {
        ck_assert(gl_slice_equal(gl_buf_peek(&taken.all), gl_buf_peek(&whole)));
    } else {
        ck_assert_uint_eq(taken.times, 2);
        ck_assert_uint_lt(taken.all.len, whole.len / 2);
        ck_assert_int_eq(memcmp(taken.all.data, whole.data, taken.all.len), 0);
    }
    gl_buf_fini(&text);
    gl_buf_fini(&whole);
    gl_buf_fini(&rest);
    gl_buf_fini(&taken.all);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, layout_text__that_is_taken_while_it_is_laid_out__is_the_same_or_ends, 0, 4);
    tcase_add_loop_test(tests, layout_text__gives_the_sheet, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, layout_text__whatever_the_marks__no_line_is_too_wide_and_the_margin_is_straight);
}

int main(void)
{
    return suite_run("layout", add);
}
