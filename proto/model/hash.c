/* hash.c - SHA-256 of leaves and chains, and 256-bit sums. */
#include "proto/model/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#include "proto/gl_mutation.h"

#define CHAIN_DOMAIN "gloss.v1"

/* Looking the algorithm up costs a third of hashing a record, so it is done once. The handle is a constant of the process, never given back. */
static const EVP_MD *sha256(void)
{
    static _Atomic(EVP_MD *) kept;
    EVP_MD *there = atomic_load(&kept);
    if (there) {
        return there;
    }
    EVP_MD *fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!atomic_compare_exchange_strong(&kept, &there, fetched)) {
        EVP_MD_free(fetched);
        return there;
    }
    return fetched;
}

/* Several pieces, hashed as one. One piece goes through here as well, so that there is one place where OpenSSL can fail. */
static gl_hash hash_pieces(const struct gl_slice *pieces, size_t count)
{
    gl_hash hash;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx && EVP_DigestInit_ex(ctx, sha256(), NULL);
    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].len);
    }
    ok = ok && EVP_DigestFinal_ex(ctx, hash.bytes, NULL);
    EVP_MD_CTX_free(ctx);
    assert(ok && "SHA-256 is always there");
    return hash;
}

gl_hash gl_sha256(const void *data, size_t len)
{
    struct gl_slice piece = {data, len};
    return hash_pieces(&piece, 1);
}

gl_hash gl_leaf(const uint8_t salt[GL_SALT_BYTES], struct gl_slice payload)
{
    struct gl_slice pieces[] = {{(const char *)salt, GL_SALT_BYTES - MUTATION(leaf_of_half_the_salt)}, payload};
    return hash_pieces(pieces, 2);
}

gl_hash gl_chain_start(const gl_uuid *stream, const uint8_t revision_sha256[32])
{
    static const uint8_t no_revision[32];
    const uint8_t *revision = revision_sha256 ? revision_sha256 : no_revision;
    struct gl_slice pieces[] = {
        GL_SLICE(CHAIN_DOMAIN), {(const char *)stream->bytes, sizeof stream->bytes}, {(const char *)revision, 32}};
    return hash_pieces(pieces, 3);
}

gl_hash gl_chain_next(const gl_hash *chain, const gl_hash *leaf)
{
    struct gl_slice pieces[] = {{(const char *)chain->bytes, 32}, {(const char *)leaf->bytes, 32}};
    return hash_pieces(pieces, 2);
}

void gl_sum_add(gl_hash *sum, const gl_hash *item)
{
    unsigned carry = 0;
    for (size_t i = 32; i-- > 0;) {
        carry += (unsigned)sum->bytes[i] + item->bytes[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

void gl_sum_sub(gl_hash *sum, const gl_hash *item)
{
    unsigned borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        unsigned difference = 256u + sum->bytes[i] - item->bytes[i] - borrow;
        sum->bytes[i] = (uint8_t)difference;
        borrow = difference < 256u;
    }
}
