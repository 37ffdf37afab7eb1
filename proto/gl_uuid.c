/*
 * gl_uuid.c - ids: read, written, made.
 */
#include "proto/gl_uuid.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

bool gl_uuid_is_nil(const gl_uuid *id)
{
    static const gl_uuid nil;
    return gl_uuid_equal(id, &nil);
}

static bool dash_follows(size_t byte)
{
    return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

bool gl_uuid_parse(struct gl_slice text, gl_uuid *id)
{
    *id = (gl_uuid){0};
    gl_uuid parsed;
    if (text.len != GL_UUID_TEXT) {
        return false;
    }
    const char *at = text.data;
    for (size_t i = 0; i < 16; i++) {
        int high = gl_hex_values[(unsigned char)at[0]], low = gl_hex_values[(unsigned char)at[1]];
        if ((high | low) < 0) {
            return false;
        }
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
        if (dash_follows(i) && *at++ != '-') {
            return false;
        }
    }
    *id = parsed;
    return true;
}

void gl_uuid_format(const gl_uuid *id, char text[GL_UUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        *text++ = digits[id->bytes[i] >> 4];
        *text++ = digits[id->bytes[i] & 15];
        if (dash_follows(i)) {
            *text++ = '-';
        }
    }
    *text = '\0';
}

void gl_buf_uuid(struct gl_buf *buf, const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    gl_buf_put(buf, text, GL_UUID_TEXT);
}

static void set_version(gl_uuid *id, unsigned version)
{
    id->bytes[6] = (uint8_t)(version << 4 | (id->bytes[6] & 0x0f));
    id->bytes[8] = (uint8_t)(0x80 | (id->bytes[8] & 0x3f));
}

/* There is no sensible way to go on without randomness or without SHA-256. */
static void must(bool is_fine)
{
    if (!is_fine) {
        abort();
    }
}

gl_uuid gl_uuid_v7(uint64_t unix_ms)
{
    gl_uuid id;
    for (size_t i = 0; i < 6; i++) {
        id.bytes[i] = (uint8_t)(unix_ms >> (8 * (5 - i)));
    }
    ssize_t got;
    do { /* so few bytes come all at once or not at all */
        got = getrandom(id.bytes + 6, 10, 0);
    } while (got < 0 && errno == EINTR);
    must(got == 10);
    set_version(&id, 7);
    return id;
}

gl_uuid gl_uuid_derive(const char *domain, const void *bytes, size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *sha256 = EVP_MD_CTX_new();
    must(sha256 && EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) == 1);
    must(EVP_DigestUpdate(sha256, domain, strlen(domain) + 1) == 1); /* with its NUL */
    must(EVP_DigestUpdate(sha256, bytes, len) == 1);
    must(EVP_DigestFinal_ex(sha256, digest, NULL) == 1);
    EVP_MD_CTX_free(sha256);
    gl_uuid id;
    memcpy(id.bytes, digest, sizeof(id.bytes));
    set_version(&id, 8);
    return id;
}
