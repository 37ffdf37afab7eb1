#include "clients/cli/paint.h"

#include <stdio.h>

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

unsigned paint_rgb(const char *text)
{
    unsigned rgb;
    int end = 0;
    bool is_colour = text && sscanf(text, "#%6x%n", &rgb, &end) == 1 && end == 7 && text[end] == '\0';
    return is_colour ? PAINT_RGB + rgb : PAINT_NONE;
}

/* One of three parts of a colour that has PAINT_RGB: 0 red, 1 green, 2 blue. */
static unsigned part(unsigned colour, unsigned which)
{
    return colour >> (16 - 8 * which) & 0xff;
}

/* The nearest of the 6 x 6 x 6 colours that terminals with 256 have. */
static unsigned nearest_of_256(unsigned colour)
{
    unsigned cube[3];
    for (unsigned i = 0; i < 3; i++) {
        unsigned value = part(colour, i);
        cube[i] = value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
    }
    return 16 + 36 * cube[0] + 6 * cube[1] + cube[2];
}

/* The nearest of the eight old ones: a part counts when it is more than half of the largest. Greys become cyan, which any ground shows. */
static unsigned nearest_of_8(unsigned colour)
{
    unsigned red = part(colour, 0), green = part(colour, 1), blue = part(colour, 2);
    unsigned most = red > green ? red : green;
    most = (most > blue ? most : blue) / 2;
    unsigned old = (red > most) | (unsigned)(green > most) << 1 | (unsigned)(blue > most) << 2;
    return old == 0 || old == 7 ? 6 : old;
}

static bool is_dark(unsigned colour)
{
    return 299 * part(colour, 0) + 587 * part(colour, 1) + 114 * part(colour, 2) < 128 * 1000;
}

static unsigned old_colour(unsigned colour)
{
    return colour & PAINT_RGB ? nearest_of_8(colour) : palette[colour % PAINT_COLOURS].old;
}

void paint_highlight(struct gl_buf *out, enum paint_mode mode, unsigned colour, unsigned depth)
{
    const char *weight = depth > 2 ? ";1;4" : depth > 1 ? ";4" : "";
    bool is_rgb = (colour & PAINT_RGB) != 0;
    switch (mode) {
    case PAINT_PLAIN: break;
    case PAINT_MONO: gl_buf_str(out, depth > 1 ? "\x1b[0;1;4m" : "\x1b[0;4m"); break;
    case PAINT_16: gl_buf_printf(out, "\x1b[0;30;%u%sm", 40 + old_colour(colour), weight); break;
    case PAINT_256:
        gl_buf_printf(out, "\x1b[0;38;5;%u;48;5;%u%sm", is_rgb && is_dark(colour) ? 231 : 16,
                      is_rgb ? nearest_of_256(colour) : palette[colour % PAINT_COLOURS].ground, weight);
        break;
    }
}

void paint_label(struct gl_buf *out, enum paint_mode mode, unsigned colour)
{
    switch (mode) {
    case PAINT_PLAIN: break;
    case PAINT_MONO: gl_buf_str(out, "\x1b[0;1m"); break;
    case PAINT_16: gl_buf_printf(out, "\x1b[0;%um", 30 + old_colour(colour)); break;
    case PAINT_256:
        gl_buf_printf(out, "\x1b[0;38;5;%um",
                      colour & PAINT_RGB ? nearest_of_256(colour) : palette[colour % PAINT_COLOURS].letters);
        break;
    }
}

void paint_reset(struct gl_buf *out, enum paint_mode mode)
{
    if (mode != PAINT_PLAIN) {
        gl_buf_str(out, "\x1b[0m");
    }
}
