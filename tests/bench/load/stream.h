/*
 * stream.h - what the generator knows of one session's stream, from what its clients were sent: every distinct frame is read and proved once,
 * all further ones are compared with it byte by byte, so that a thousand subscribers cost a comparison each.
 *
 * Owns      the newest frames, the chain and the due time of the newest ops.
 * Lifetime  stream_init / stream_fini.
 * Thread    one at a time.
 * Units     microseconds.
 * Errors    what is wrong with a frame goes to the faults; it is told as not taken.
 * Source    PROTOCOL.md, "Hashes".
 */
#ifndef STREAM_H
#define STREAM_H

#include <openssl/evp.h>

#include "proto/gl_uuid.h"

#define STREAM_FRAMES 256   /* distinct ones that are kept, each at a place that follows from its bytes */
#define STREAM_OPS    16384 /* ops whose chain and time are kept */
#define CHAIN_TEXT    64    /* hexadecimal digits */

/* What must never happen, counted, and the first case in words. */
struct faults {
    uint64_t lost, twice, disorder, wrong_chain, unreadable;
    char first[256];
};
void faults_note(struct faults *faults, uint64_t *count, const char *fmt, ...) GL_PRINTF(3, 4);

/* Who asks when an op was due that has just been seen for the first time, and tells of it; 0: nobody here made it. */
typedef uint64_t (*stream_due_fn)(void *ctx, const gl_uuid *op, uint64_t seq);

struct stream_frame {
    char *bytes; /* of the whole message, owned */
    size_t len;
    uint64_t first, last;
    char chain[CHAIN_TEXT]; /* after last */
};
struct stream_op {
    uint64_t seq, due_us;
    uint8_t chain[32];
};
struct stream {
    gl_uuid id;
    struct stream_frame frames[STREAM_FRAMES];
    struct stream_op *ops; /* ring: seq % STREAM_OPS */
    uint64_t head;         /* newest op seen by anybody */
    uint64_t told;         /* newest one that was acknowledged */
    struct faults *faults;
    stream_due_fn due;
    void *ctx;
    EVP_MD_CTX *hash;
    struct libdeflate_decompressor *inflater;
    struct gl_buf plain; /* of one that came compressed */
    uint64_t frames_read, ops_read, ops_proved;
};
void stream_init(struct stream *stream, const gl_uuid *id, struct faults *faults, stream_due_fn due, void *ctx);
void stream_fini(struct stream *stream);
bool stream_is_ops(struct gl_slice message); /* a session.ops notification? */
/* The frame as it is known, lent until the next call; NULL: it is none, or not right. */
const struct stream_frame *stream_take(struct stream *stream, struct gl_slice message, bool is_deflated);
uint64_t stream_due(const struct stream *stream, uint64_t seq); /* 0: not known (any more) */

#endif
