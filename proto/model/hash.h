/*
 * hash.h - leaves, chains and state sums: how two replicas know that they hold the same.
 *
 * Owns      nothing.
 * Thread    any; plain values.
 * Errors    none. SHA-256 comes from OpenSSL; a failure there ends the process.
 * Source    PROTOCOL.md, "Hashes"; vectors/hash.json.
 */
#ifndef GL_HASH_H
#define GL_HASH_H

#include <stdint.h>

#include "proto/gl_buf.h"
#include "proto/gl_uuid.h"

#define GL_SALT_BYTES 16

typedef struct {
    uint8_t bytes[32];
} gl_hash;

static inline bool gl_hash_equal(const gl_hash *a, const gl_hash *b)
{
    return memcmp(a->bytes, b->bytes, 32) == 0;
}
gl_hash gl_sha256(const void *data, size_t len);
gl_hash gl_leaf(const uint8_t salt[GL_SALT_BYTES], struct gl_slice payload);
gl_hash gl_chain_start(const gl_uuid *stream, const uint8_t revision_sha256[32]); /* NULL: a project's stream, 32 zero bytes */
gl_hash gl_chain_next(const gl_hash *chain, const gl_hash *leaf);
/* The state sum: addition and subtraction of 256-bit big-endian numbers modulo 2^256. It starts at zero. */
void gl_sum_add(gl_hash *sum, const gl_hash *item);
void gl_sum_sub(gl_hash *sum, const gl_hash *item);

#endif
