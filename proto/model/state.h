/*
 * state.h - the state of one session's stream: a pure function of its log.
 *
 * Owns      the annotations (a reference each), in the order in which they were made, and where the log stands: seq, chain, state sum, mode.
 * Lifetime  gl_state_new / gl_state_free.
 * Thread    one at a time.
 * Errors    GL_E_CHAIN_BROKEN when an op does not follow; the state is as it was before that op.
 * Source    PROTOCOL.md, "Replicas".
 */
#ifndef GL_STATE_H
#define GL_STATE_H

#include "proto/model/op.h"

struct gl_reach { /* of an annotation: from its first span's begin to its last one's end; 0,0 without spans */
    uint32_t begin_cp, end_cp;
};
struct gl_state {
    gl_uuid stream;
    uint64_t seq;
    gl_hash chain;
    gl_hash sum;
    char mode[16];
    uint64_t mode_seq;
    bool is_partial;   /* pages are still to come: a change to an annotation that is not here yet is skipped, its page has it */
    size_t live_count; /* annotations that are not deleted */
    struct gl_annotation **items; /* in the order made; tombstones stay in their place */
    struct gl_reach *reaches;     /* of each, beside each other: who looks for those in a part of the text looks here */
    size_t count;
    struct gl_state_index *index;     /* id -> position */
    struct gl_state_replies *replies; /* annotation -> what answers it */
};

struct gl_state *gl_state_new(const gl_uuid *stream, const uint8_t revision_sha256[32]); /* at seq 0; NULL: out of memory */
void gl_state_free(struct gl_state **state);
struct gl_annotation *gl_state_find(const struct gl_state *state, const gl_uuid *id); /* lent; NULL when there is none */
/* What answers an annotation directly, deleted or not, in no certain order; lent. NULL: no (more) replies. A reply never changes what it answers. */
struct gl_annotation *gl_state_reply_first(const struct gl_state *state, const gl_uuid *parent);
struct gl_annotation *gl_state_reply_next(const struct gl_state *state, const struct gl_annotation *reply);
/* Puts an annotation in its place (behind the others when it is new) and keeps the sum; takes a reference of its own. */
enum gl_code gl_state_put(struct gl_state *state, struct gl_annotation *annotation) GL_MUST_USE;
/* What a mode adds to the state sum: SHA-256 of canonical {"mode","seq"}; false, and nothing, for "shared". */
bool gl_state_mode_item(const char *mode, uint64_t seq, gl_hash *item);
void gl_state_set_mode(struct gl_state *state, const char *mode, uint64_t seq); /* keeps the sum */
/* Applies the effects of op. Records that are newer already (page_as_of: the state was read in pages) are left alone: an annotation whose
 * changed_seq >= op->seq is skipped. seq and chain are not touched. */
enum gl_code gl_state_apply(struct gl_state *state, const struct gl_op *op, struct gl_err *err) GL_MUST_USE;
/* The leaf of a logged op, or the one that stands there. */
bool gl_logged_leaf(const json_t *logged, gl_hash *leaf) GL_MUST_USE;
/* One logged op, {"payload","salt"} or {"leaf"}: checks that it follows, applies it, moves seq and chain. */
enum gl_code gl_state_append(struct gl_state *state, const json_t *logged, struct gl_err *err) GL_MUST_USE;

#endif
