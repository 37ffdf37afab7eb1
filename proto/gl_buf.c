/*
 * gl_buf.c - buffers with a ceiling.
 */
#include "proto/gl_buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAP 256

void gl_buf_init(struct gl_buf *buf, size_t max_bytes)
{
    /* One byte more is always allocated, for the NUL of gl_buf_cstr. */
    *buf = (struct gl_buf){.max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void gl_buf_fini(struct gl_buf *buf)
{
    free(buf->data);
    *buf = (struct gl_buf){.max = buf->max};
}

void gl_buf_clear(struct gl_buf *buf)
{
    buf->len = 0;
    buf->code = GL_OK;
}

static size_t next_cap(const struct gl_buf *buf, size_t needed)
{
    size_t cap = buf->cap < FIRST_CAP ? FIRST_CAP : buf->cap;
    while (cap < needed && cap <= buf->max / 2) {
        cap *= 2;
    }
    if (cap < needed || cap > buf->max) {
        cap = buf->max;
    }
    return cap;
}

/* Room for `more` bytes and a NUL behind them. */
static bool reserve(struct gl_buf *buf, size_t more)
{
    if (buf->code != GL_OK) {
        return false;
    }
    if (more > buf->max - buf->len) {
        buf->code = GL_E_TOO_LARGE;
        return false;
    }
    size_t needed = buf->len + more;
    if (buf->data && needed <= buf->cap) {
        return true;
    }
    size_t cap = next_cap(buf, needed);
    char *data = realloc(buf->data, cap + 1);
    if (!data) {
        buf->code = GL_E_NOMEM;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

char *gl_buf_take(struct gl_buf *buf, size_t *len)
{
    if (!gl_buf_cstr(buf)) {
        return NULL;
    }
    char *data = buf->data;
    if (len) {
        *len = buf->len;
    }
    *buf = (struct gl_buf){.max = buf->max};
    return data;
}

void gl_buf_reserve(struct gl_buf *buf, size_t more)
{
    reserve(buf, more);
}

char *gl_buf_grow(struct gl_buf *buf, size_t len)
{
    if (!reserve(buf, len)) {
        return NULL;
    }
    char *room = buf->data + buf->len;
    buf->len += len;
    return room;
}

void gl_buf_put_slow(struct gl_buf *buf, const void *data, size_t len)
{
    if (len > 0 && reserve(buf, len)) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
}

void gl_buf_u64(struct gl_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    gl_buf_put(buf, digits + at, sizeof(digits) - at);
}

void gl_buf_i64(struct gl_buf *buf, int64_t value)
{
    if (value < 0) {
        gl_buf_byte(buf, '-');
        gl_buf_u64(buf, (uint64_t)(-(value + 1)) + 1); /* INT64_MIN has no positive twin */
    } else {
        gl_buf_u64(buf, (uint64_t)value);
    }
}

void gl_buf_hex(struct gl_buf *buf, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    if (len > SIZE_MAX / 2) {
        buf->code = buf->code ? buf->code : GL_E_TOO_LARGE;
        return;
    }
    char *out = gl_buf_grow(buf, len * 2);
    const unsigned char *in = bytes;
    for (size_t i = 0; out && i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
}

void gl_buf_printf(struct gl_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0) {
        buf->code = buf->code ? buf->code : GL_E_INTERNAL;
    } else if (reserve(buf, (size_t)len)) {
        va_start(args, fmt);
        vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
        va_end(args);
        buf->len += (size_t)len;
    }
}

const char *gl_buf_cstr(struct gl_buf *buf)
{
    if (!reserve(buf, 0)) {
        return NULL;
    }
    buf->data[buf->len] = '\0';
    return buf->data;
}

/* clang-format off */
#define NONE_16 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
const signed char gl_hex_values[256] = {
    NONE_16, NONE_16, NONE_16,
     0,  1,  2,  3,  4,  5,  6,  7,  8,  9, -1, -1, -1, -1, -1, -1,
    NONE_16, NONE_16,
    -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    NONE_16, NONE_16, NONE_16, NONE_16, NONE_16, NONE_16, NONE_16, NONE_16, NONE_16,
};
/* clang-format on */

bool gl_hex_decode(struct gl_slice hex, void *out, size_t out_len)
{
    if (hex.len % 2 != 0 || hex.len / 2 != out_len) {
        return false;
    }
    unsigned char *bytes = out;
    for (size_t i = 0; i < out_len; i++) {
        int high = gl_hex_values[(unsigned char)hex.data[2 * i]];
        int low = gl_hex_values[(unsigned char)hex.data[2 * i + 1]];
        if ((high | low) < 0) {
            return false;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
