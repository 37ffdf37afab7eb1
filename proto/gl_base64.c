/*
 * gl_base64.c - RFC 4648 base64 with padding, as document.chunk carries it. Part of gl_buf.h.
 */
#include "proto/gl_buf.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gl_buf_base64(struct gl_buf *buf, const void *bytes, size_t len)
{
    if (len > SIZE_MAX / 2) {
        buf->code = buf->code ? buf->code : GL_E_TOO_LARGE;
        return;
    }
    char *out = gl_buf_grow(buf, (len + 2) / 3 * 4);
    const unsigned char *in = bytes;
    if (!out) {
        return;
    }
    for (; len >= 3; len -= 3, in += 3) {
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        *out++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        *out++ = alphabet[in[2] & 63];
    }
    if (len > 0) {
        unsigned second = len == 2 ? in[1] : 0;
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 3u) << 4 | second >> 4];
        *out++ = len == 2 ? alphabet[(second & 15) << 2] : '=';
        *out++ = '=';
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `padding` are '='. Gives the index of the one that is wrong, or 4. */
static size_t decode_four(const char *four, size_t padding, char out[3])
{
    unsigned bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? value_of(four[i]) : 0;
        if (value < 0) {
            return i;
        }
        bits = bits << 6 | (unsigned)value;
    }
    /* Bits that belong to no byte must be zero, so that there is one way to write each text. */
    if (bits & ((1u << (8 * padding)) - 1)) {
        return 3 - padding;
    }
    out[0] = (char)(bits >> 16);
    out[1] = (char)(bits >> 8 & 255);
    out[2] = (char)(bits & 255);
    return 4;
}

enum gl_code gl_base64_decode(struct gl_slice text, struct gl_buf *out, struct gl_err *err)
{
    if (text.len % 4 != 0) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "base64 has a multiple of 4 characters; here are %zu", text.len);
    }
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=') {
        padding++;
    }
    for (size_t at = 0; at < text.len; at += 4) {
        size_t here = at + 4 == text.len ? padding : 0;
        char bytes[3];
        size_t wrong = decode_four(text.data + at, here, bytes);
        if (wrong < 4) {
            return gl_fail(err, GL_E_INVALID_PARAMS, "character %zu is not base64", at + wrong);
        }
        gl_buf_put(out, bytes, 3 - here);
    }
    return out->code == GL_OK ? GL_OK : gl_fail(err, out->code, "%s", gl_code_sentence(out->code));
}
