/*
 * operator_op.h - one op that whoever administers the server appends to a stream that need not be theirs: a member's role, a session's mode.
 *
 * Owns      the payload that its parameters point to.
 * Lifetime  operator_op_member or operator_op_mode, then operator_op_fini.
 * Thread    any.
 * Errors    none (mem.h).
 * Source    migration 0017; PROTOCOL.md, "Administration": such ops carry the nil account, and audit says whose they are.
 *
 * It is written for the head that was read; when the statement says that the stream has moved, that is read again and another one is written.
 */
#ifndef OPERATOR_OP_H
#define OPERATOR_OP_H

#include "service/store/store.h"

/* Columns of the query operator_head. */
enum {
    OPERATOR_IS_SESSION,
    OPERATOR_PROJECT,
    OPERATOR_HEAD,
    OPERATOR_CHAIN,
    OPERATOR_SUM,
    OPERATOR_MODE,
    OPERATOR_MODE_SEQ,
    OPERATOR_CODEBOOK,
    OPERATOR_AT,
    OPERATOR_ROLE,
    OPERATOR_OWNERS
};
#define OPERATOR_TRIES_MAX 20 /* so often the stream may have moved meanwhile */

#define OPERATOR_OP_PARAMS 15
struct operator_op {
    struct gl_op op; /* while it is built */
    struct gl_buf payload;
    uint8_t salt[GL_SALT_BYTES];
    gl_hash before, chain, sum, request_hash;
    struct store_param params[OPERATOR_OP_PARAMS]; /* of the query operator_append */
};
/* from: who, from where, for audit; empty: as glossd's verbs have said. role GL_NOBODY: no longer a member. */
void operator_op_member(struct operator_op *it, const gl_uuid *project, const struct store_rows *head, const gl_uuid *account,
                        enum gl_role role, struct gl_slice from);
void operator_op_mode(struct operator_op *it, const gl_uuid *session, const struct store_rows *head, struct gl_slice mode,
                      struct gl_slice from);
void operator_op_fini(struct operator_op *it);

#endif
