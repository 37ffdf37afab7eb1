/*
 * codebook_priv.h - what the files of the codebook share. Nobody else includes it.
 *
 * An index finds a term by its id, or by its kind and name: open addressing, linear probing, at most half full. Names come from people, so they are mixed
 * with a secret of the index.
 */
#ifndef GL_CODEBOOK_PRIV_H
#define GL_CODEBOOK_PRIV_H

#include "proto/model/codebook.h"

struct term_index {
    bool is_by_name;
    uint64_t secret[2];
    size_t slots; /* a power of two, or 0 */
    size_t count;
    struct gl_term **terms;
};
void term_index_init(struct term_index *index, bool is_by_name);
void term_index_fini(struct term_index *index);
bool term_index_reserve(struct term_index *index, size_t count) GL_MUST_USE; /* adding up to so many cannot fail then */
struct gl_term *term_index_by_id(const struct term_index *index, const gl_uuid *id);
struct gl_term *term_index_by_name(const struct term_index *index, enum gl_term_kind kind, struct gl_slice name);
/* Takes the place of one with the same key, or a new one. */
void term_index_put(struct term_index *index, struct gl_term *term);
/* Nothing when another term has the key. */
void term_index_remove(struct term_index *index, const struct gl_term *term);

/* Where fields stand. */
enum term_place { TERM_RECORD, TERM_SET_NEW, TERM_SET };
/* Checks the members of object. GL_E_UPGRADE for a field that is not known there; GL_E_MALFORMED for a value of the wrong kind or a missing one. */
enum gl_code term_fields_check(enum gl_term_kind kind, const json_t *object, enum term_place place,
                               struct gl_err *err) GL_MUST_USE;
/* Whether the fields of a record go together. NULL, or what is wrong, and *path. */
const char *term_contradiction(enum gl_term_kind kind, const json_t *record, const char **path);
/* A term of a record, which is copied. */
enum gl_code term_from_record(const json_t *record, struct gl_term **out, struct gl_err *err) GL_MUST_USE;

static inline struct gl_slice term_text(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}
static inline bool term_uuid(const json_t *value, gl_uuid *id)
{
    return json_is_string(value) && gl_uuid_parse(term_text(value), id);
}

#endif
