/*
 * gl_buf.h - bytes: slices to look at, buffers to build, and a scratch arena for what one message needs.
 *
 * Owns      a gl_buf owns its bytes; a gl_slice owns nothing and is valid as long as what it points into.
 * Lifetime  gl_buf: init/fini, embedded in yours. gl_arena: init/fini, everything allocated from it goes at once with reset or fini.
 * Thread    any one at a time.
 * Units     bytes.
 * Errors    a gl_buf remembers its first failure (GL_E_TOO_LARGE at its ceiling, GL_E_NOMEM) and ignores what is appended after it, so that
 *           writers need no branches; look at buf->code once at the end. Arena allocations return NULL when memory is out.
 */
#ifndef GL_BUF_H
#define GL_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/gl_err.h"

struct gl_slice {
    const char *data;
    size_t len;
};

#define GL_SLICE(literal) ((struct gl_slice){"" literal, sizeof(literal) - 1})
static inline struct gl_slice gl_slice_of(const void *data, size_t len)
{
    return (struct gl_slice){data, len};
}
static inline struct gl_slice gl_slice_str(const char *text)
{
    return (struct gl_slice){text, text ? strlen(text) : 0};
}
static inline bool gl_slice_equal(struct gl_slice a, struct gl_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool gl_slice_is(struct gl_slice a, const char *text)
{
    return gl_slice_equal(a, gl_slice_str(text));
}

struct gl_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* ceiling in bytes */
    enum gl_code code;
};

void gl_buf_init(struct gl_buf *buf, size_t max_bytes);
void gl_buf_fini(struct gl_buf *buf);
void gl_buf_clear(struct gl_buf *buf); /* empty, no error, memory kept */
/* Hands over malloc'd bytes, with a NUL behind len; buf is empty after. NULL on error. */
char *gl_buf_take(struct gl_buf *buf, size_t *len) GL_MUST_USE;
void gl_buf_reserve(struct gl_buf *buf, size_t more); /* what is about to be appended: so that it is not moved as it grows */
char *gl_buf_grow(struct gl_buf *buf, size_t len);    /* room for len bytes at the end, counted as written; NULL on error */
void gl_buf_put_slow(struct gl_buf *buf, const void *data, size_t len);
/* Here, because nearly everything that is written is a few bytes for which there is room. */
static inline void gl_buf_put(struct gl_buf *buf, const void *data, size_t len)
{
    if (buf->code == GL_OK && len > 0 && len <= buf->cap - buf->len) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    } else {
        gl_buf_put_slow(buf, data, len);
    }
}
static inline void gl_buf_byte(struct gl_buf *buf, char byte)
{
    if (buf->code == GL_OK && buf->len < buf->cap) {
        buf->data[buf->len++] = byte;
    } else {
        gl_buf_put_slow(buf, &byte, 1);
    }
}
static inline void gl_buf_slice(struct gl_buf *buf, struct gl_slice slice)
{
    gl_buf_put(buf, slice.data, slice.len);
}
static inline void gl_buf_str(struct gl_buf *buf, const char *text)
{
    gl_buf_put(buf, text, strlen(text));
}
void gl_buf_u64(struct gl_buf *buf, uint64_t value);
void gl_buf_i64(struct gl_buf *buf, int64_t value);
void gl_buf_hex(struct gl_buf *buf, const void *bytes, size_t len);
void gl_buf_base64(struct gl_buf *buf, const void *bytes, size_t len);
void gl_buf_printf(struct gl_buf *buf, const char *fmt, ...) GL_PRINTF(2, 3);
/* Room and a NUL behind the last byte, not counted in len: for a library that insists. NULL on error. */
const char *gl_buf_cstr(struct gl_buf *buf);
static inline struct gl_slice gl_buf_peek(const struct gl_buf *buf)
{
    return (struct gl_slice){buf->data, buf->len};
}

extern const signed char gl_hex_values[256];                                    /* of a lower case digit; -1: it is none */
bool gl_hex_decode(struct gl_slice hex, void *out, size_t out_len) GL_MUST_USE; /* exactly out_len bytes, lower case only */
/* Decodes RFC 4648 base64 with padding into buf; GL_E_INVALID_PARAMS with the offset when it is not that. */
enum gl_code gl_base64_decode(struct gl_slice text, struct gl_buf *out, struct gl_err *err) GL_MUST_USE;

struct gl_arena {
    struct gl_arena_block *blocks;
    size_t used_bytes;
};
void gl_arena_init(struct gl_arena *arena);
void gl_arena_fini(struct gl_arena *arena);
void gl_arena_reset(struct gl_arena *arena);                        /* keeps one block for the next turn */
void *gl_arena_alloc(struct gl_arena *arena, size_t bytes);         /* zeroed, aligned for anything */
char *gl_arena_copy(struct gl_arena *arena, struct gl_slice slice); /* NUL-terminated copy */

#endif
