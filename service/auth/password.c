#include "service/auth/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/base/random.h"

#define SALT_BYTES 16
#define HASH_BYTES 32
#define COST_LOG2  15
#define BLOCK      8
#define PARALLEL   1
#define MEMORY_MAX ((uint64_t)256 << 20) /* a record that asks for more is none of ours */

struct record {
    unsigned cost_log2, block, parallel;
    unsigned char salt[SALT_BYTES], hash[HASH_BYTES];
};

static bool derive(const struct record *record, struct gl_slice password, unsigned char out[HASH_BYTES])
{
    return EVP_PBE_scrypt(password.len ? password.data : "", password.len, record->salt, SALT_BYTES,
                          (uint64_t)1 << record->cost_log2, record->block, record->parallel, MEMORY_MAX, out, HASH_BYTES) == 1;
}

void password_hash(struct gl_slice password, char text[PASSWORD_RECORD_MAX])
{
    struct record record = {.cost_log2 = COST_LOG2, .block = BLOCK, .parallel = PARALLEL};
    random_bytes(record.salt, SALT_BYTES);
    if (!derive(&record, password, record.hash)) {
        abort(); /* 32 MiB were not to be had */
    }
    struct gl_buf buf;
    gl_buf_init(&buf, PASSWORD_RECORD_MAX);
    gl_buf_printf(&buf, "scrypt$%u$%u$%u$", record.cost_log2, record.block, record.parallel);
    gl_buf_base64(&buf, record.salt, SALT_BYTES);
    gl_buf_byte(&buf, '$');
    gl_buf_base64(&buf, record.hash, HASH_BYTES);
    const char *written = gl_buf_cstr(&buf);
    if (!written) {
        abort();
    }
    snprintf(text, PASSWORD_RECORD_MAX, "%s", written);
    gl_buf_fini(&buf);
    OPENSSL_cleanse(&record, sizeof(record));
}

static bool decode(const char *text, unsigned char *out, size_t len)
{
    struct gl_buf buf;
    gl_buf_init(&buf, PASSWORD_RECORD_MAX);
    bool is_right = gl_base64_decode(gl_slice_str(text), &buf, NULL) == GL_OK && buf.len == len;
    if (is_right) {
        memcpy(out, buf.data, len);
    }
    gl_buf_fini(&buf);
    return is_right;
}

static bool parse(struct gl_slice stored, struct record *record)
{
    char text[PASSWORD_RECORD_MAX], salt[64], hash[64];
    int end = -1;
    if (stored.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, stored.data ? stored.data : "", stored.len);
    text[stored.len] = '\0';
    return sscanf(text, "scrypt$%2u$%2u$%2u$%63[^$]$%63[^$]%n", &record->cost_log2, &record->block, &record->parallel, salt, hash,
                  &end) == 5 &&
           (size_t)end == stored.len && record->cost_log2 >= 1 && record->cost_log2 <= 20 && record->block > 0 &&
           record->parallel > 0 && decode(salt, record->salt, SALT_BYTES) && decode(hash, record->hash, HASH_BYTES);
}

bool password_verify(struct gl_slice stored, struct gl_slice password)
{
    struct record record = {.cost_log2 = COST_LOG2, .block = BLOCK, .parallel = PARALLEL};
    struct record parsed;
    unsigned char hash[HASH_BYTES];
    bool is_record = parse(stored, &parsed);
    if (is_record) {
        record = parsed;
    }
    bool is_right = password.len <= PASSWORD_MAX_BYTES && derive(&record, password, hash) &&
                    CRYPTO_memcmp(hash, record.hash, HASH_BYTES) == 0;
    OPENSSL_cleanse(hash, sizeof(hash));
    return is_record && is_right;
}
