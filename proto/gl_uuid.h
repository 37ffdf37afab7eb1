/*
 * gl_uuid.h - universally unique ids (RFC 9562).
 *
 * Owns      nothing; an id is a plain value.
 * Thread    any; gl_uuid_v7 draws from the operating system's generator.
 * Errors    gl_uuid_parse takes the canonical form only: 36 characters, lower case.
 */
#ifndef GL_UUID_H
#define GL_UUID_H

#include <stdint.h>

#include "proto/gl_buf.h"

#define GL_UUID_TEXT 36

typedef struct {
    uint8_t bytes[16];
} gl_uuid;

static inline bool gl_uuid_equal(const gl_uuid *a, const gl_uuid *b)
{
    return memcmp(a->bytes, b->bytes, 16) == 0;
}
static inline int gl_uuid_compare(const gl_uuid *a, const gl_uuid *b)
{
    return memcmp(a->bytes, b->bytes, 16);
}
bool gl_uuid_is_nil(const gl_uuid *id);
bool gl_uuid_parse(struct gl_slice text, gl_uuid *id) GL_MUST_USE;
void gl_uuid_format(const gl_uuid *id, char text[GL_UUID_TEXT + 1]);
void gl_buf_uuid(struct gl_buf *buf, const gl_uuid *id); /* without quotes */
gl_uuid gl_uuid_v7(uint64_t unix_ms);                    /* time from the caller, randomness from the system */
/* Version 8 from the first 16 bytes of SHA-256(domain || 0x00 || bytes): the same input gives the same id everywhere. */
gl_uuid gl_uuid_derive(const char *domain, const void *bytes, size_t len);

#endif
