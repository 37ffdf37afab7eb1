/*
 * codebook.h - what may stand on annotations: labels in a tree, attributes with their types, types of relations. Every one is a term.
 *
 * Owns      a codebook owns its terms. A term is never changed: a change makes a new one in its place.
 * Lifetime  gl_codebook_new / gl_codebook_free. Terms are lent until the codebook changes the next time.
 * Thread    one at a time, also for reading (what is listed is put in order when it is asked for).
 * Units     seqs count ops of the project's stream.
 * Errors    GL_E_NOMEM; GL_E_MALFORMED for a record or effect that is none, GL_E_UPGRADE for a field or kind that this version does not know.
 * Source    PROTOCOL.md, "The codebook"; vectors/codebook.json.
 */
#ifndef GL_CODEBOOK_H
#define GL_CODEBOOK_H

#include "proto/model/op.h"

#define GL_TERM_MAX_BYTES       32768              /* of a canonical record */
#define GL_TERMS_MAX            10000              /* of a project, retired ones among them */
#define GL_CODEBOOK_MAX_BYTES   (8u * 1024 * 1024) /* of all canonical records; what was there before the limit stays */
#define GL_DEFINITION_MAX_BYTES 8192
#define GL_EXAMPLES_MAX         32
#define GL_EXAMPLE_MAX_BYTES    1024
#define GL_VALUES_MAX           256
#define GL_VALUE_MAX_BYTES      256
#define GL_TERM_LABELS_MAX      256
#define GL_LABEL_DEPTH_MAX      16 /* a label and those above it */

enum gl_term_kind { GL_TERM_LABEL, GL_TERM_ATTRIBUTE, GL_TERM_RELATION, GL_TERM_KIND_COUNT };
const char *gl_term_kind_name(enum gl_term_kind kind); /* "label" */

struct gl_term {
    gl_uuid id;
    enum gl_term_kind kind;
    struct gl_slice name; /* lent from record */
    uint64_t created;     /* the op that made it */
    uint64_t seq;         /* the op that changed it last */
    gl_uuid by;           /* whose op that was */
    bool is_retired;      /* not for new use; what has it keeps it */
    bool has_parent;
    gl_uuid parent;
    json_t *record;            /* never changed after it is made */
    struct gl_slice canonical; /* its canonical bytes, owned */
};

struct gl_codebook;
struct gl_codebook *gl_codebook_new(void); /* empty and open; NULL: out of memory */
void gl_codebook_free(struct gl_codebook **codebook);

bool gl_codebook_is_open(const struct gl_codebook *codebook);
void gl_codebook_set_open(struct gl_codebook *codebook, bool is_open);
const struct gl_term *gl_codebook_find(const struct gl_codebook *codebook, const gl_uuid *id); /* NULL: there is none */
/* Retired terms keep their names. */
const struct gl_term *gl_codebook_by_name(const struct gl_codebook *codebook, enum gl_term_kind kind, struct gl_slice name);
/* Terms of a kind in the order of their names' bytes, retired ones among them: i is below the count. */
size_t gl_codebook_count(const struct gl_codebook *codebook, enum gl_term_kind kind);
const struct gl_term *gl_codebook_at(const struct gl_codebook *codebook, enum gl_term_kind kind, size_t i);
/* Likewise in no certain order, which need not be made first. */
const struct gl_term *gl_codebook_any(const struct gl_codebook *codebook, enum gl_term_kind kind, size_t i);
/* Whether so many new terms, with so many bytes more in all records, may come. */
bool gl_codebook_has_room(const struct gl_codebook *codebook, size_t terms, size_t bytes);
/* Whether label is the other one, or stands below it. */
bool gl_codebook_is_below(const struct gl_codebook *codebook, const gl_uuid *label, const gl_uuid *other);

/* A record (a row, a page) is put in its place, unless what is there is newer. Nothing of record is kept but counted references to its members. */
enum gl_code gl_codebook_put(struct gl_codebook *codebook, const json_t *record, struct gl_err *err) GL_MUST_USE;
/* Likewise one that gl_term_apply() made. The term is taken, also on failure. */
enum gl_code gl_codebook_take(struct gl_codebook *codebook, struct gl_term **term, struct gl_err *err) GL_MUST_USE;
/* The effects of an op of the project's stream: terms and policy. Other kinds, and what is known already, leave everything as it is. */
enum gl_code gl_codebook_apply(struct gl_codebook *codebook, const struct gl_op *op, struct gl_err *err) GL_MUST_USE;

/* Whether an annotation with this label (NULL: none) may have this value. GL_E_UNKNOWN_ATTRIBUTE only when the codebook is closed; GL_E_INVALID_ATTRIBUTE
 * with the limits in the sentence. A retired attribute is checked like any other: whether it is set anew only the caller knows (is_retired). Where labels
 * are named, those below them are meant, too. */
enum gl_code gl_codebook_check_attribute(const struct gl_codebook *codebook, struct gl_slice name, const json_t *value,
                                         const gl_uuid *label, struct gl_err *err) GL_MUST_USE;
/* Whether a relation of this type may go between annotations with these labels (NULL: none). GL_E_UNKNOWN_LABEL when there is no such type, else
 * GL_E_INVALID_ENDPOINT. Symmetric ones may go either way. */
enum gl_code gl_codebook_check_ends(const struct gl_codebook *codebook, const gl_uuid *relation, const gl_uuid *from_label,
                                    const gl_uuid *to_label, struct gl_err *err) GL_MUST_USE;

/* What somebody asks for: the fields of a new term, or those to be changed (null takes one away). Says with GL_E_INVALID_PARAMS, and the field's name as
 * the path, what is wrong with one of them by itself. */
enum gl_code gl_term_check_fields(enum gl_term_kind kind, const json_t *fields, bool is_new, struct gl_err *err) GL_MUST_USE;
/* Effects become terms here and nowhere else: before is NULL for a new one. GL_E_INVALID_PARAMS when fields contradict each other, GL_E_TOO_LARGE. */
enum gl_code gl_term_apply(const struct gl_term *before, enum gl_term_kind kind, const gl_uuid *id, const json_t *set,
                           const gl_uuid *account, uint64_t seq, struct gl_term **after, struct gl_err *err) GL_MUST_USE;
void gl_term_free(struct gl_term **term);

bool gl_is_attribute_name(struct gl_slice name); /* a letter or _, then up to 63 letters, digits, _ . and - */
bool gl_is_link(struct gl_slice text);           /* http:, https:, mailto:, urn: or doi:, without blanks */

#endif
