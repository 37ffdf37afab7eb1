/*
 * annotation_priv.h - what annotation.c and annotation_apply.c share. Nobody else includes it.
 *
 * The table of fields is here because a record, what a create sets and what an update sets are three views of the same fields.
 */
#ifndef GL_ANNOTATION_PRIV_H
#define GL_ANNOTATION_PRIV_H

#include "proto/gl_mutation.h"
#include "proto/model/annotation.h"

enum field_kind {
    FIELD_TEXT,
    FIELD_UUID,
    FIELD_SEQ,
    FIELD_CONFIDENCE,
    FIELD_STATUS,
    FIELD_TARGET,
    FIELD_ATTRIBUTES,
    FIELD_DELETED,
    FIELD_REDACTED,
    FIELD_SEQS,
    FIELD_WHO
};

/* Where a field may stand, and where it must. */
enum {
    ON_CREATE = 1 << 0,
    ON_UPDATE = 1 << 1,
    ON_RECORD = 1 << 2,
    NULL_ON_UPDATE = 1 << 3, /* null takes it away */
    NEEDS_ON_CREATE = 1 << 4,
    NEEDS_ON_RECORD = 1 << 5,
    IS_TRACKED = 1 << 6, /* has an entry in seqs, under its own name */
    EVERYWHERE = ON_CREATE | ON_UPDATE | ON_RECORD
};

struct field {
    const char *name;
    enum field_kind kind;
    unsigned flags;
};

/* Checks every member of object (a record, or the set of an effect) against the table: place is ON_CREATE, ON_UPDATE or ON_RECORD.
 * GL_E_UPGRADE for a field, status or type of target that is not known; GL_E_MALFORMED for a value of the wrong kind or a missing one. */
enum gl_code fields_check(const json_t *object, unsigned place, struct gl_err *err) GL_MUST_USE;
const struct field *field_find(const char *name);
extern const struct field field_table[]; /* by name */
extern const size_t field_count;

#define FIELD_NAME_MAX 256 /* with "attributes." */

/* Targets that name annotations: target_link.c. The link of a stored one (false: it is none), and a requested one brought into the stored form. */
bool link_read(const json_t *stored, struct gl_link *link) GL_MUST_USE;
enum gl_code link_resolve(const json_t *requested, bool is_relation, const gl_uuid *session, json_t **stored,
                          struct gl_err *err) GL_MUST_USE;

/* A copy of object that shares its members. jansson's own json_copy leaves out what it has no memory for, without a word. NULL: out of memory. */
json_t *record_copy(const json_t *object) GL_MUST_USE;

/* Makes the annotation of a record that was built or copied for it, and has the form of fields_check. The reference to record is taken, also on failure. */
enum gl_code annotation_freeze(json_t *record, struct gl_annotation **out, struct gl_err *err) GL_MUST_USE;

/* The record's bytes: begun with room for a usual one, and sealed: annotation takes a copy, and its hash. Both ends free what buf has. */
void annotation_begin(struct gl_buf *buf);
enum gl_code annotation_seal(struct gl_annotation *annotation, struct gl_buf *buf) GL_MUST_USE;
bool annotation_read_set(struct gl_annotation *annotation, const json_t *members) GL_MUST_USE;

/* The annotation that set makes, without a tree: annotation_create.c. set has passed fields_check, and its creator is the op's account. *after is NULL, and
 * the code GL_OK, when it is not plain enough for that. */
enum gl_code annotation_create(const gl_uuid *id, const json_t *set, const gl_uuid *creator, uint64_t seq,
                               struct gl_annotation **after) GL_MUST_USE;

#endif
