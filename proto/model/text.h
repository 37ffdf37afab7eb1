/*
 * text.h - a document's text: checked once, indexed by code points, searched by quote.
 *
 * Owns      a copy of the bytes and a sparse index from code points to bytes.
 * Lifetime  gl_text_new / gl_text_free.
 * Thread    immutable once made: any.
 * Units     positions are Unicode code points, end exclusive; *_byte is in bytes.
 * Errors    GL_E_INVALID_UTF8 and GL_E_CONTAINS_NUL with the byte offset in the detail, GL_E_NOMEM.
 * Source    PROTOCOL.md, "Places in a text"; utf8proc for graphemes and normalisation.
 */
#ifndef GL_TEXT_H
#define GL_TEXT_H

#include <stdint.h>

#include "proto/gl_buf.h"

#define GL_CONTEXT_CP 32

struct gl_text;

/* Valid UTF-8 without NUL? Otherwise says at which byte, and what stands there. */
enum gl_code gl_utf8_check(struct gl_slice bytes, struct gl_err *err) GL_MUST_USE;
size_t gl_utf8_count(struct gl_slice valid); /* code points of valid UTF-8 */

enum gl_code gl_text_new(struct gl_slice bytes, struct gl_text **text, struct gl_err *err) GL_MUST_USE;
void gl_text_free(struct gl_text **text);
struct gl_slice gl_text_bytes(const struct gl_text *text);
size_t gl_text_length(const struct gl_text *text);             /* code points */
const uint8_t *gl_text_sha256(const struct gl_text *text);     /* 32 bytes */
size_t gl_text_byte_of(const struct gl_text *text, size_t cp); /* cp <= length; O(1) */
size_t gl_text_cp_of(const struct gl_text *text, size_t byte); /* byte on a code point's first byte or the end; O(log n) */
struct gl_slice gl_text_slice(const struct gl_text *text, size_t begin_cp, size_t end_cp); /* lent; begin <= end <= length */
/* Whether no grapheme cluster (UAX 29, extended) reaches across cp: 0, length, and every boundary between. A CR LF is one cluster. */
bool gl_text_is_grapheme_boundary(const struct gl_text *text, size_t cp);

struct gl_match {
    size_t begin_cp, end_cp;
};
/* Every place where quote stands (overlapping ones too), between prefix and suffix when these are not empty; at most max are stored, *count
 * says how many there are in all (counting stops at 10 000). Exact comparison; when that finds nothing, comparison under NFC with typographic
 * quotes and runs of white space left as they are. */
enum gl_code gl_text_find(const struct gl_text *text, struct gl_slice quote, struct gl_slice prefix, struct gl_slice suffix,
                          struct gl_match *matches, size_t max, size_t *count) GL_MUST_USE;

struct gl_candidate {
    size_t begin_cp, end_cp;
    unsigned score_thousandths; /* 1000: identical */
};
/* The places most like quote when it is not there: slow (up to seconds on a long text), so the service runs it in a helper process. Case,
 * typographic quotes and dashes, and white space count little. Best first; those below 500 are not told. */
enum gl_code gl_text_nearest(const struct gl_text *text, struct gl_slice quote, struct gl_candidate *candidates, size_t max,
                             size_t *count) GL_MUST_USE;

#endif
