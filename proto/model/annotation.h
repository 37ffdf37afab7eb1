/*
 * annotation.h - one annotation as every replica holds it, and its canonical record.
 *
 * Owns      an annotation is one immutable, counted object: a change makes a new one. So an earlier state can be kept by keeping pointers,
 *           and nobody sees half a change.
 * Lifetime  gl_annotation_ref / gl_annotation_unref.
 * Thread    one at a time (the count is not atomic).
 * Units     seqs count ops of the session's stream; confidence is in thousandths; positions are code points.
 * Errors    GL_E_NOMEM; GL_E_MALFORMED for a record or effect that is none, GL_E_UPGRADE for a field, status or type of target that this
 *           version does not know.
 * Source    PROTOCOL.md, "Annotation records"; vectors/annotation.json.
 */
#ifndef GL_ANNOTATION_H
#define GL_ANNOTATION_H

#include "proto/gl_json.h"
#include "proto/model/hash.h"
#include "proto/model/text.h"

#define GL_SPANS_MAX           64
#define GL_EXACT_MAX_CP        16384
#define GL_NOTE_MAX_BYTES      65536
#define GL_ATTRIBUTES_MAX      64
#define GL_ATTRIBUTE_MAX_BYTES 4096
#define GL_LABEL_MAX_BYTES     256
#define GL_AGENT_MAX_BYTES     256
#define GL_REASON_MAX_BYTES    1024

enum gl_target_kind { GL_TARGET_DOCUMENT, GL_TARGET_SPANS, GL_TARGET_ANNOTATION, GL_TARGET_RELATION };

/* What a target other than a piece of the document names. Of a reply: from, the annotation it answers, in the same session. Of a relation: both ends; the far
 * one in any session of the project, and perhaps no longer there. */
struct gl_link {
    gl_uuid from, to, to_session;
};

enum gl_status { GL_PROPOSED, GL_ACTIVE, GL_ACCEPTED, GL_REJECTED, GL_RESOLVED, GL_STATUS_COUNT };
const char *gl_status_name(enum gl_status status);
bool gl_status_parse(struct gl_slice name, enum gl_status *status) GL_MUST_USE;

/* An annotation is its record: canonical bytes in the form of PROTOCOL.md, with what is asked often beside them. */
struct gl_annotation {
    unsigned refs;
    gl_uuid id;
    gl_uuid creator;
    uint64_t created_seq;
    uint64_t changed_seq; /* the largest of its seqs */
    enum gl_status status;
    bool is_deleted;
    bool has_label;
    gl_uuid label;
    enum gl_target_kind target_kind;
    struct gl_link link; /* all zeroes unless target_kind is GL_TARGET_ANNOTATION or GL_TARGET_RELATION */
    size_t span_count;
    uint64_t begin_cp, end_cp; /* of the first span's begin and the last span's end; 0,0 without spans */
    struct gl_slice canonical; /* the record's canonical bytes, owned */
    gl_hash hash;              /* SHA-256 of them */
    json_t *tree;              /* of gl_annotation_record(); NULL: nobody has asked yet */
};

struct gl_annotation *gl_annotation_ref(struct gl_annotation *annotation);
void gl_annotation_unref(struct gl_annotation **annotation);
/* From a record (a page, a row). Takes no reference to record's own object: it is copied. */
enum gl_code gl_annotation_from_record(const json_t *record, struct gl_annotation **out, struct gl_err *err) GL_MUST_USE;

/* The record as an object, lent: read from the bytes when it is first asked for, and kept; never changed. NULL: out of memory. */
const json_t *gl_annotation_record(const struct gl_annotation *annotation);
/* The object is not needed any more, for now: a tree takes several times the room of its bytes. */
void gl_annotation_put_away(struct gl_annotation *annotation);

/* Which op set a field last, 0 (and nobody) when none has; field is "label", "note", "status", "target", "deleted" or "attributes.NAME". */
uint64_t gl_annotation_field_seq(const struct gl_annotation *annotation, const char *field);
gl_uuid gl_annotation_field_author(const struct gl_annotation *annotation, const char *field);
/* The note (empty when there is none), lent. */
struct gl_slice gl_annotation_note(const struct gl_annotation *annotation);
/* Spans of the target, lent; how many there are: 0 for the whole document, a reply and a relation. */
struct gl_span {
    uint64_t begin_cp, end_cp;
    struct gl_slice exact, prefix, suffix;
};
size_t gl_annotation_spans(const struct gl_annotation *annotation, struct gl_span *spans, size_t max);

/* Applies one effect (of an op by account with this seq) to one annotation: before is NULL for a create, and is left as it is. This is the only
 * code that turns effects into state; the judge, the replicas and `glossd check` all call it. Unknown fields give GL_E_UPGRADE. */
enum gl_code gl_annotation_apply(const struct gl_annotation *before, const gl_uuid *id, const json_t *set, const gl_uuid *account,
                                 uint64_t seq, struct gl_annotation **after, struct gl_err *err) GL_MUST_USE;

/* What kind of target a stored one is, and its link. */
enum gl_target_kind gl_target_read(const json_t *stored, struct gl_link *link);

/* What a requested target is resolved against: the session it is asked in. */
struct gl_target_scope {
    const struct gl_text *text;
    gl_uuid revision, session;
};
/* Resolves a requested target: position, quote or both, each span to {"start","end","exact","prefix","suffix"}; the whole becomes the stored form with
 * "revision". Of a reply and a relation only the form is looked at: whether the annotations that they name are there is the judge's business. *err has code, path (below the target: "spans[0].start") and what is wrong; *data (may be NULL) gets what helps:
 * {"candidates":[...]} for an ambiguous quote, {"found":"..."} for a mismatch, {"length":n} out of range, {"nearest":[a,b]} for a split. */
enum gl_code gl_target_resolve(const json_t *requested, const struct gl_target_scope *scope, json_t **stored, json_t **data,
                               struct gl_err *err) GL_MUST_USE;

#endif
