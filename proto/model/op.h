/*
 * op.h - one op of a stream as it is stored, hashed and sent: the canonical payload, built and read.
 *
 * Owns      struct gl_op read from a payload keeps a reference to the parsed value; gl_op_fini drops it.
 * Thread    any one at a time.
 * Units     at is milliseconds since 1970, UTC.
 * Errors    GL_E_UPGRADE for a kind or effect that this version does not know; GL_E_MALFORMED.
 * Source    PROTOCOL.md, "Ops".
 */
#ifndef GL_OP_H
#define GL_OP_H

#include "proto/model/annotation.h"

enum gl_op_kind {
    GL_OP_ANNOTATION_CREATE,
    GL_OP_ANNOTATION_UPDATE,
    GL_OP_ANNOTATION_DELETE,
    GL_OP_ANNOTATION_RESTORE,
    GL_OP_SESSION_MODE,
    GL_OP_PROJECT_CREATE,
    GL_OP_LABEL_CREATE,
    GL_OP_CODEBOOK_POLICY,
    GL_OP_DOCUMENT_CREATE,
    GL_OP_MEMBER_SET,
    GL_OP_LABEL_UPDATE,
    GL_OP_ATTRIBUTE_CREATE,
    GL_OP_ATTRIBUTE_UPDATE,
    GL_OP_RELATION_CREATE,
    GL_OP_RELATION_UPDATE,
    GL_OP_PROJECT_UPDATE,
    GL_OP_DOCUMENT_UPDATE,
    GL_OP_REDACT,
#ifdef GLOSS_NEXT
    GL_OP_ANNOTATION_REMARK, /* what the next version will know, for the test of a rolling upgrade (tests/fire): an update by another name */
#endif
    GL_OP_KIND_COUNT
};
const char *gl_op_kind_name(enum gl_op_kind kind); /* "annotation.create" */
bool gl_op_kind_parse(struct gl_slice name, enum gl_op_kind *kind) GL_MUST_USE;
bool gl_op_is_of_session(enum gl_op_kind kind);
static inline bool gl_op_is_next(enum gl_op_kind kind)
{
#ifdef GLOSS_NEXT
    return kind == GL_OP_ANNOTATION_REMARK;
#else
    (void)kind;
    return false;
#endif
}
bool gl_op_is_of_codebook(enum gl_op_kind kind); /* changes terms, or whether unknown names make them */

struct gl_op {
    gl_uuid id;
    gl_uuid account;
    uint64_t seq;
    int64_t at_ms;
    uint64_t codebook;
    enum gl_op_kind kind;
    bool has_step;
    gl_uuid step;
    json_t *effects; /* array; borrowed from root when read */
    json_t *intent;
    struct gl_slice intent_canonical; /* when building, instead of intent: its bytes, borrowed */
    json_t *root;                     /* owned; NULL when building */
};

/* The ops that a redact erases: the seqs in its first effect, ascending and below its own. NULL: it has no such effect. */
const json_t *gl_op_erased(const struct gl_op *op);
/* Writes the canonical payload. Nothing of op is kept. */
void gl_op_write(struct gl_buf *buf, const struct gl_op *op);
/* Reads a payload; root gets a reference of its own. */
enum gl_code gl_op_read(json_t *payload, struct gl_op *op, struct gl_err *err) GL_MUST_USE;
void gl_op_fini(struct gl_op *op);
/* What a request is, for telling a repetition from a reuse of its id: SHA-256 of canonical {"account","base","change"}. */
gl_hash gl_op_request_hash(const gl_uuid *account, const json_t *base, const json_t *change);
/* The same, and the request's canonical bytes are left in buf, *intent in it: {"base","change"} as they stand in the payload. buf->code is not GL_OK when
 * they have no canonical form; then *intent is empty. base must not be JSON's null. */
gl_hash gl_op_request_canonical(struct gl_buf *buf, const gl_uuid *account, const json_t *base, const json_t *change,
                                struct gl_slice *intent);
gl_uuid gl_op_annotation_id(const gl_uuid *op); /* the id of the annotation that a create makes when the request names none */
gl_uuid gl_op_term_id(const gl_uuid *op);       /* likewise of a term of the codebook */

#endif
