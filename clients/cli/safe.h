/*
 * safe.h - strings from outside, made harmless for a terminal.
 *
 * Titles, labels, notes, names, error messages and the texts themselves come from other people. Printed as they are they could move the
 * cursor, rename the window, hide words or turn them round. So everything that does not go to a machine (--json, cat) goes through here.
 *
 * Owns      nothing.
 * Thread    any.
 * Units     bytes.
 * Errors    none of its own; the buffer remembers when memory is out.
 * Source    Unicode property Bidi_Control; ECMA-48 for C0 and C1.
 */
#ifndef CLI_SAFE_H
#define CLI_SAFE_H

#include "proto/gl_buf.h"

enum safe_lines {
    SAFE_ONE_LINE, /* line ends are shown as \n: the string cannot begin a line of its own */
    SAFE_LINES,    /* line feeds stay (CR before LF is dropped), tabs become spaces */
};

/* Whether a code point must not reach a terminal: C0, DEL, C1, bidirectional controls, line and paragraph separators. */
bool safe_is_harmful(int32_t cp);
/* Appends what is shown in place of a harmful code point: \x1b, \n, \u202e. */
void safe_escape(struct gl_buf *out, int32_t cp);
void safe_escape_byte(struct gl_buf *out, unsigned char byte); /* of what is not UTF-8 */
/* Appends text, with every harmful code point and every invalid byte replaced by printable ASCII. */
void safe_put(struct gl_buf *out, struct gl_slice text, enum safe_lines lines);
static inline void safe_put_str(struct gl_buf *out, const char *text)
{
    safe_put(out, gl_slice_str(text), SAFE_ONE_LINE);
}
/* The same with at most max_columns columns, ending in an ellipsis when something had to go. */
void safe_put_short(struct gl_buf *out, struct gl_slice text, size_t max_columns);

#endif
