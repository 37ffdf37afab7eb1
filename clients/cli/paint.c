#include "clients/cli/paint.h"

/* Light grounds that black letters are easy to read on, next ones far from each other; and the same as letters. */
static const struct {
    unsigned ground, letters; /* of 256 */
    unsigned old;             /* of 8: 1 red ... 6 cyan */
} palette[PAINT_COLOURS] = {
    {222, 214, 3}, {153, 75, 4}, {157, 77, 2}, {218, 205, 5}, {159, 44, 6}, {216, 209, 1}, {183, 141, 5}, {187, 143, 3},
};

void paint_role(struct gl_buf *out, enum paint_mode mode, enum paint_role role)
{
    if (mode == PAINT_PLAIN) {
        return;
    }
    bool has_colour = mode >= PAINT_16;
    switch (role) {
    case PAINT_NORMAL: break;
    case PAINT_TITLE: gl_buf_str(out, "\x1b[1m"); break;
    case PAINT_FAINT: gl_buf_str(out, "\x1b[2m"); break;
    case PAINT_BAD: gl_buf_str(out, has_colour ? "\x1b[1;31m" : "\x1b[1m"); break;
    case PAINT_GOOD: gl_buf_str(out, has_colour ? "\x1b[32m" : ""); break;
    }
}

void paint_highlight(struct gl_buf *out, enum paint_mode mode, unsigned colour, unsigned depth)
{
    const char *weight = depth > 2 ? ";1;4" : depth > 1 ? ";4" : "";
    colour %= PAINT_COLOURS;
    switch (mode) {
    case PAINT_PLAIN: break;
    case PAINT_MONO: gl_buf_str(out, depth > 1 ? "\x1b[0;1;4m" : "\x1b[0;4m"); break;
    case PAINT_16: gl_buf_printf(out, "\x1b[0;30;%u%sm", 40 + palette[colour].old, weight); break;
    case PAINT_256: gl_buf_printf(out, "\x1b[0;38;5;16;48;5;%u%sm", palette[colour].ground, weight); break;
    }
}

void paint_label(struct gl_buf *out, enum paint_mode mode, unsigned colour)
{
    colour %= PAINT_COLOURS;
    switch (mode) {
    case PAINT_PLAIN: break;
    case PAINT_MONO: gl_buf_str(out, "\x1b[0;1m"); break;
    case PAINT_16: gl_buf_printf(out, "\x1b[0;%um", 30 + palette[colour].old); break;
    case PAINT_256: gl_buf_printf(out, "\x1b[0;38;5;%um", palette[colour].letters); break;
    }
}

void paint_reset(struct gl_buf *out, enum paint_mode mode)
{
    if (mode != PAINT_PLAIN) {
        gl_buf_str(out, "\x1b[0m");
    }
}
