/*
 * document_meta.h - what may be said of a document beside its text: title, authors, publisher, date, source, language, folder, tags.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    GL_E_INVALID_PARAMS, the member's name as the path.
 * Source    PROTOCOL.md, "Metadata".
 */
#ifndef DOCUMENT_META_H
#define DOCUMENT_META_H

#include <jansson.h>

#include "proto/gl_err.h"

/* What somebody asks for. An import has no title in its metadata, and nothing to take away (null) yet. */
enum gl_code document_meta_check(const json_t *meta, bool is_import, struct gl_err *err) GL_MUST_USE;
/* What is there, as changed: a new object. */
json_t *document_meta_merge(const json_t *now, const json_t *change);

#endif
