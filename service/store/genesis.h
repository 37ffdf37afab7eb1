/*
 * genesis.h - the first two ops of a project's stream, and how any op of a project's stream is written.
 *
 * Owns      struct genesis owns the payloads that its parameters point to.
 * Lifetime  genesis_init / genesis_fini.
 * Thread    any.
 * Errors    none (mem.h).
 * Source    PROTOCOL.md, "Projects": the payload has intent {"change":{"kind",…}} and one effect {"ids":[],"prev":{},"set":{… the change without kind}}.
 *
 * A project is made by one statement (project_create) so that it is never there without its log; everything later goes through store_append().
 */
#ifndef GENESIS_H
#define GENESIS_H

#include "service/store/store.h"

/* Appends the canonical payload of an op of a project's stream to buf. change is the whole change with "kind". */
void project_op_write(struct gl_buf *buf, enum gl_op_kind kind, const gl_uuid *op, const gl_uuid *account, uint64_t seq,
                      int64_t at_ms, uint64_t codebook, const json_t *change);

#define GENESIS_PARAMS 14
struct genesis {
    gl_uuid project;
    struct gl_buf payloads[2];
    gl_hash chain_start, hashes[2], chains[2];
    uint8_t salts[2][GL_SALT_BYTES];
    struct store_param params[GENESIS_PARAMS]; /* of the query project_create, as the owner's account */
};
void genesis_init(struct genesis *genesis, const gl_uuid *project, struct gl_slice name, const gl_uuid *owner, int64_t at_ms);
void genesis_fini(struct genesis *genesis);

#endif
