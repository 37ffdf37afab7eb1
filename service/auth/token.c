#include "service/auth/token.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "proto/model/hash.h"
#include "service/base/random.h"

#define PREFIX       "gls_"
#define PREFIX_LEN   4
#define SECRET_BYTES 32
#define SECRET_TEXT  43
#define CHECK_TEXT   6

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* CRC-32 (ISO 3309), a bit at a time: tokens are short and rare. */
static uint32_t crc32_of(const char *text, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

static void write_check(const char *text, char check[CHECK_TEXT + 1])
{
    char whole[9];
    snprintf(whole, sizeof(whole), "%08x", (unsigned)crc32_of(text, PREFIX_LEN + SECRET_TEXT));
    memcpy(check, whole, CHECK_TEXT);
    check[CHECK_TEXT] = '\0';
}

void token_make(char text[TOKEN_TEXT + 1])
{
    unsigned char secret[SECRET_BYTES + 1] = {0}; /* a zero byte more: 33 are whole groups of three */
    random_bytes(secret, SECRET_BYTES);
    memcpy(text, PREFIX, PREFIX_LEN);
    for (size_t i = 0; i < SECRET_TEXT; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)secret[bit / 8] << 8 | secret[bit / 8 + 1 < sizeof(secret) ? bit / 8 + 1 : SECRET_BYTES];
        text[PREFIX_LEN + i] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    text[PREFIX_LEN + SECRET_TEXT] = '_';
    write_check(text, text + PREFIX_LEN + SECRET_TEXT + 1);
    OPENSSL_cleanse(secret, sizeof(secret));
}

bool token_is_well_formed(struct gl_slice text)
{
    char check[CHECK_TEXT + 1];
    if (text.len != TOKEN_TEXT || memcmp(text.data, PREFIX, PREFIX_LEN) != 0 || text.data[PREFIX_LEN + SECRET_TEXT] != '_') {
        return false;
    }
    for (size_t i = 0; i < SECRET_TEXT; i++) {
        char c = text.data[PREFIX_LEN + i];
        if (c == '\0' || !strchr(alphabet, c)) {
            return false;
        }
    }
    write_check(text.data, check);
    return memcmp(text.data + PREFIX_LEN + SECRET_TEXT + 1, check, CHECK_TEXT) == 0;
}

void token_digest(struct gl_slice text, unsigned char digest[32])
{
    gl_hash hash = gl_sha256(text.data, text.len);
    memcpy(digest, hash.bytes, 32);
}
