/*
 * escape.h - text of unknown origin, made fit for a log line or a terminal.
 *
 * Owns      nothing.
 * Thread    any.
 * Units     bytes.
 * Errors    none: bytes that are not UTF-8 become \ufffd.
 *
 * Escaped as in JSON: quotes, backslashes, control characters (C0, DEL, C1), line and paragraph separators, and what is invisible or turns the direction of
 * writing (bidi controls, zero-width characters, byte order marks), with which a line could be made to look like another.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include "proto/gl_buf.h"

/* Writes at most room bytes, whole characters only, without quotes around and without a NUL; *used says how many bytes of text are in it. */
size_t escape_text(char *out, size_t room, struct gl_slice text, size_t *used);
bool escape_is_needed(struct gl_slice text);

#endif
