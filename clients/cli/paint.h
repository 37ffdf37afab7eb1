/*
 * paint.h - colours and other renditions, and where there are none.
 *
 * One place decides how something looks, so that NO_COLOR, a file, a dumb terminal and a colourful one are the same case everywhere else.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none; out remembers when memory is out.
 * Source    ECMA-48 SGR; https://no-color.org.
 */
#ifndef CLI_PAINT_H
#define CLI_PAINT_H

#include "proto/gl_buf.h"

enum paint_mode {
    PAINT_PLAIN, /* not a terminal, or TERM=dumb: no escape sequence at all */
    PAINT_MONO,  /* a terminal without colour (NO_COLOR): bold and underline */
    PAINT_16,    /* the eight old colours */
    PAINT_256,
};

/* The colour of a label: one of so many, or PAINT_RGB + 0xrrggbb for one that the codebook gives. */
#define PAINT_COLOURS 8
#define PAINT_RGB     0x1000000u
#define PAINT_NONE    UINT32_MAX

enum paint_role { PAINT_NORMAL, PAINT_TITLE, PAINT_FAINT, PAINT_BAD, PAINT_GOOD };

void paint_role(struct gl_buf *out, enum paint_mode mode, enum paint_role role);
/* A highlight of that colour, lying over depth - 1 others. */
void paint_highlight(struct gl_buf *out, enum paint_mode mode, unsigned colour, unsigned depth);
/* Letters (not the ground) in a label's colour. */
void paint_label(struct gl_buf *out, enum paint_mode mode, unsigned colour);
/* "#rrggbb" as a colour; PAINT_NONE when it is none (or NULL). */
unsigned paint_rgb(const char *text);
void paint_reset(struct gl_buf *out, enum paint_mode mode);

#endif
