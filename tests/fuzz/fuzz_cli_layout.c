/* fuzz_cli_layout.c - any bytes as a text with highlights and notes, at any width: the sheet is harmless and no line of it is too wide. */
#include <assert.h>
#include <stdlib.h>

#include "clients/cli/layout.h"
#include "clients/cli/safe.h"
#include "clients/cli/width.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARKS 4

static int by_begin(const void *left, const void *right)
{
    const struct layout_mark *a = left, *b = right;
    if (a->begin_cp != b->begin_cp) {
        return a->begin_cp < b->begin_cp ? -1 : 1;
    }
    return a->end_cp > b->end_cp ? -1 : a->end_cp < b->end_cp;
}

/* Plain output: printable characters and line feeds, every line within its width. */
static void check_plain(const struct gl_buf *out, size_t columns)
{
    for (size_t begin = 0; begin < out->len;) {
        const char *end = memchr(out->data + begin, '\n', out->len - begin);
        assert(end);
        struct gl_slice line = gl_slice_of(out->data + begin, (size_t)(end - out->data) - begin);
        struct gl_buf safe;
        gl_buf_init(&safe, SIZE_MAX);
        safe_put(&safe, line, SAFE_ONE_LINE);
        assert(gl_slice_equal(gl_buf_peek(&safe), line)); /* nothing was left to escape */
        gl_buf_fini(&safe);
        assert(text_columns(line) <= columns);
        begin += line.len + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layout_mark marks[MARKS];
    struct layout_note notes[MARKS];
    if (size < 2 + 2 * MARKS) {
        return 0;
    }
    struct layout layout = {
        .columns = 40u + data[0] % 161u, .paint = (enum paint_mode)(data[1] % 4), .marks = marks, .notes = notes};
    layout.mark_count = layout.note_count = MARKS;
    for (unsigned i = 0; i < MARKS; i++) {
        marks[i] = (struct layout_mark){data[2 + 2 * i], data[2 + 2 * i] + data[3 + 2 * i] % 32u, 0, i};
    }
    qsort(marks, MARKS, sizeof *marks, by_begin);
    struct gl_slice text = gl_slice_of(data + 2 + 2 * MARKS, size - 2 - 2 * MARKS);
    for (unsigned i = 0; i < MARKS; i++) {
        marks[i].number = i + 1;
        notes[i] = (struct layout_note){marks[i].begin_cp, i + 1, i, gl_slice_of(text.data, text.len / 4),
                                        gl_slice_of(text.data, text.len / 2)};
    }
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    layout_text(&out, text, &layout);
    assert(out.code == GL_OK);
    if (layout.paint == PAINT_PLAIN) {
        check_plain(&out, layout.columns);
    }
    gl_buf_fini(&out);
    return 0;
}
