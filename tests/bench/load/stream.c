#include "tests/bench/load/stream.h"

#include <libdeflate.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/base/mem.h"
#include "tests/bench/load/scan.h"

#define PLAIN_BYTES (1u << 20) /* the most that a frame may become */

static const char begins[] = "{\"jsonrpc\":\"2.0\",\"method\":\"session.ops\",\"params\":";

void faults_note(struct faults *faults, uint64_t *count, const char *fmt, ...)
{
    va_list args;
    ++*count;
    if (faults->first[0])
        return;
    va_start(args, fmt);
    vsnprintf(faults->first, sizeof faults->first, fmt, args);
    va_end(args);
}

void stream_init(struct stream *stream, const gl_uuid *id, struct faults *faults, stream_due_fn due, void *ctx)
{
    *stream = (struct stream){.id = *id,
                              .faults = faults,
                              .due = due,
                              .ctx = ctx,
                              .hash = EVP_MD_CTX_new(),
                              .inflater = libdeflate_alloc_decompressor()};
    if (!stream->hash || !stream->inflater)
        abort(); /* only memory can have run out */
    stream->ops = mem_array(STREAM_OPS, sizeof *stream->ops);
    gl_buf_init(&stream->plain, PLAIN_BYTES);
}

void stream_fini(struct stream *stream)
{
    for (size_t i = 0; i < STREAM_FRAMES; i++)
        mem_free(&stream->frames[i].bytes);
    mem_free(&stream->ops);
    gl_buf_fini(&stream->plain);
    EVP_MD_CTX_free(stream->hash);
    libdeflate_free_decompressor(stream->inflater);
}

bool stream_is_ops(struct gl_slice message)
{
    return message.len > sizeof begins && memcmp(message.data, begins, sizeof begins - 1) == 0;
}

uint64_t stream_due(const struct stream *stream, uint64_t seq)
{
    const struct stream_op *op = &stream->ops[seq % STREAM_OPS];
    return op->seq == seq ? op->due_us : 0;
}

/* ---- a frame that was not seen before */

static void sha256(struct stream *stream, const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[32])
{
    EVP_DigestInit_ex(stream->hash, EVP_sha256(), NULL);
    EVP_DigestUpdate(stream->hash, a, a_len);
    EVP_DigestUpdate(stream->hash, b, b_len);
    EVP_DigestFinal_ex(stream->hash, out, NULL);
}

enum { PAYLOAD, SALT, LEAF, LOGGED };
static const char *const logged_names[LOGGED] = {[PAYLOAD] = "payload", [SALT] = "salt", [LEAF] = "leaf"};

/* leaf = SHA-256(salt, payload); what was erased comes as its leaf. */
static bool leaf_of(struct stream *stream, const struct gl_slice logged[LOGGED], uint8_t leaf[32])
{
    uint8_t salt[16];
    if (logged[PAYLOAD].len == 0)
        return gl_hex_decode(scan_text(logged[LEAF]), leaf, 32);
    if (!gl_hex_decode(scan_text(logged[SALT]), salt, sizeof salt))
        return false;
    sha256(stream, salt, sizeof salt, logged[PAYLOAD].data, logged[PAYLOAD].len, leaf);
    return true;
}

/* An op that was seen before must be the same op; a new one is remembered. chain: before it, and then after it. */
static bool take_op(struct stream *stream, struct gl_slice op, uint64_t seq, bool is_proved, uint8_t chain[32])
{
    struct stream_op *known = &stream->ops[seq % STREAM_OPS];
    struct gl_slice logged[LOGGED];
    uint8_t leaf[32];
    gl_uuid id;
    scan_members(op, LOGGED, logged_names, logged);
    if (!leaf_of(stream, logged, leaf))
        return false;
    sha256(stream, chain, 32, leaf, 32, chain);
    stream->ops_read++;
    if (known->seq == seq) {
        if (is_proved && memcmp(known->chain, chain, 32) != 0)
            faults_note(stream->faults, &stream->faults->wrong_chain, "op %llu came in two forms", (unsigned long long)seq);
        return true;
    }
    if (known->seq > seq)
        return true; /* long ago */
    *known = (struct stream_op){.seq = seq};
    memcpy(known->chain, chain, 32);
    if (gl_uuid_parse(scan_text(scan_member(logged[PAYLOAD], "op")), &id))
        known->due_us = stream->due(stream->ctx, &id, seq);
    if (seq > stream->head)
        stream->head = seq;
    return true;
}

/* The frame's own chain is believed only where nothing is known of the op before. */
static bool take_ops(struct stream *stream, struct stream_frame *frame, struct gl_slice ops)
{
    const struct stream_op *before = &stream->ops[(frame->first - 1) % STREAM_OPS];
    bool is_proved = before->seq == frame->first - 1 && frame->first > 1;
    uint8_t chain[32] = {0}, told[32];
    size_t at = 0;
    struct gl_slice logged;
    if (is_proved)
        memcpy(chain, before->chain, 32);
    frame->last = frame->first - 1;
    while ((logged = scan_item(ops, &at)).len > 0)
        if (!take_op(stream, logged, ++frame->last, is_proved, chain))
            return false;
    if (frame->last < frame->first || !gl_hex_decode(gl_slice_of(frame->chain, CHAIN_TEXT), told, sizeof told))
        return false;
    stream->frames_read++;
    if (is_proved && memcmp(chain, told, 32) != 0)
        faults_note(stream->faults, &stream->faults->wrong_chain, "the chain after op %llu is not the one that was told",
                    (unsigned long long)frame->last);
    if (is_proved)
        stream->ops_proved += frame->last - frame->first + 1;
    else if (stream->ops[frame->last % STREAM_OPS].seq == frame->last)
        memcpy(stream->ops[frame->last % STREAM_OPS].chain, told, 32);
    return true;
}

/* Nothing when it is not what it should be. */
static struct gl_slice inflated(struct stream *stream, struct gl_slice message)
{
    struct gl_buf *plain = &stream->plain;
    size_t len = 0;
    gl_buf_clear(plain);
    char *room = gl_buf_grow(plain, PLAIN_BYTES);
    const bool is_whole =
        libdeflate_deflate_decompress(stream->inflater, message.data, message.len, room, PLAIN_BYTES, &len) == LIBDEFLATE_SUCCESS;
    return is_whole ? gl_slice_of(room, len) : (struct gl_slice){0};
}

/* message: as it came, by which it will be known. */
static const struct stream_frame *read_frame(struct stream *stream, struct stream_frame *frame, struct gl_slice plain,
                                             struct gl_slice message)
{
    enum { FIRST, CHAIN, SESSION, OPS, PARAMS };
    static const char *const names[PARAMS] = {[FIRST] = "first", [CHAIN] = "chain", [SESSION] = "session", [OPS] = "ops"};
    struct gl_slice params[PARAMS];
    if (!stream_is_ops(plain) || plain.data[plain.len - 1] != '}')
        return NULL;
    scan_members(gl_slice_of(plain.data + sizeof begins - 1, plain.len - (sizeof begins - 1)), PARAMS, names, params);
    const struct gl_slice chain = scan_text(params[CHAIN]);
    gl_uuid id;
    mem_free(&frame->bytes);
    frame->len = 0;
    if (!scan_number(params[FIRST], &frame->first) || frame->first == 0 || chain.len != CHAIN_TEXT ||
        !gl_uuid_parse(scan_text(params[SESSION]), &id) || !gl_uuid_equal(&id, &stream->id))
        return NULL;
    memcpy(frame->chain, chain.data, CHAIN_TEXT);
    if (!take_ops(stream, frame, params[OPS]))
        return NULL;
    frame->bytes = mem_copy(message.data, message.len);
    frame->len = message.len;
    return frame;
}

/* A few bytes out of all of it: frames differ in their chains, wherever those stand. */
static size_t place_of(struct gl_slice message)
{
    const size_t stride = message.len / 61 + 1;
    uint32_t hash = 2166136261u ^ (uint32_t)message.len;
    for (size_t i = 0; i < message.len; i += stride)
        hash = (hash ^ (uint8_t)message.data[i]) * 16777619u;
    return (hash ^ hash >> 16) % STREAM_FRAMES;
}

const struct stream_frame *stream_take(struct stream *stream, struct gl_slice message, bool is_deflated)
{
    struct stream_frame *known = &stream->frames[place_of(message)];
    if (known->len == message.len && memcmp(known->bytes, message.data, message.len) == 0)
        return known;
    const struct stream_frame *frame = read_frame(stream, known, is_deflated ? inflated(stream, message) : message, message);
    if (!frame)
        faults_note(stream->faults, &stream->faults->unreadable, "a frame of ops cannot be read: %.120s", message.data);
    return frame;
}
