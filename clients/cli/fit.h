/*
 * fit.h - sentences on a terminal, broken between words so that none is cut where the screen ends.
 *
 * Owns      nothing.
 * Thread    any.
 * Units     columns.
 * Errors    none; out remembers when memory is out.
 *
 * The text is harmless already and may have colours in it (ECMA-48 SGR), which take no room. A word that is longer than a line, an id or a hash,
 * stays whole, so that it can be copied.
 */
#ifndef CLI_FIT_H
#define CLI_FIT_H

#include "proto/gl_buf.h"

/* Lines behind the first of each are indented by so many spaces. */
void fit_text(struct gl_buf *out, struct gl_slice text, size_t columns, size_t indent);

#endif
