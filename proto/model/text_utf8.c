/* text_utf8.c - whether bytes are UTF-8, exactly where they are not, and how many code points there are. */
#include "proto/model/text_priv.h"

#include <inttypes.h>

enum utf8_fault {
    UTF8_FINE,
    UTF8_LONE_CONTINUATION,
    UTF8_NEVER,
    UTF8_TRUNCATED,
    UTF8_END,
    UTF8_OVERLONG,
    UTF8_SURROGATE,
    UTF8_TOO_HIGH
};

static const char *const fault_words[] = {
    [UTF8_LONE_CONTINUATION] = "a continuation byte with nothing to continue",
    [UTF8_NEVER] = "a byte that UTF-8 never uses",
    [UTF8_TRUNCATED] = "the start of a character whose next bytes do not continue it",
    [UTF8_END] = "the start of a character that the end of the text cuts off",
    [UTF8_OVERLONG] = "a character written with more bytes than it needs",
    [UTF8_SURROGATE] = "half of a UTF-16 surrogate pair",
    [UTF8_TOO_HIGH] = "a number above U+10FFFF",
};

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* What the first byte promises: the length of the sequence, or 0 with the fault. */
static size_t sequence_length(unsigned char lead, enum utf8_fault *fault)
{
    *fault = UTF8_FINE;
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC0) {
        *fault = UTF8_LONE_CONTINUATION;
    } else if (lead < 0xC2) {
        *fault = UTF8_OVERLONG;
    } else if (lead < 0xE0) {
        return 2;
    } else if (lead < 0xF0) {
        return 3;
    } else if (lead < 0xF5) {
        return 4;
    } else {
        *fault = lead < 0xF8 ? UTF8_TOO_HIGH : UTF8_NEVER;
    }
    return 0;
}

/* Sequences of the right length that are none all the same. The second byte alone tells them. */
static enum utf8_fault second_byte_fault(unsigned char lead, unsigned char second)
{
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90)) {
        return UTF8_OVERLONG;
    }
    if (lead == 0xED && second >= 0xA0) {
        return UTF8_SURROGATE;
    }
    if (lead == 0xF4 && second >= 0x90) {
        return UTF8_TOO_HIGH;
    }
    return UTF8_FINE;
}

static enum utf8_fault check_sequence(const unsigned char *at, size_t left, size_t *len)
{
    enum utf8_fault fault;
    *len = sequence_length(at[0], &fault);
    for (size_t i = 1; i < *len; i++) {
        if (i == left) {
            return UTF8_END;
        }
        if (!is_continuation(at[i])) {
            return UTF8_TRUNCATED;
        }
        if (i == 1 && (fault = second_byte_fault(at[0], at[1])) != UTF8_FINE) {
            return fault;
        }
    }
    return fault;
}

/* How many of the bytes from at on are ASCII without NUL, in steps of eight. */
static size_t plain_words(const unsigned char *at, size_t left)
{
    const uint64_t high = 0x8080808080808080u, low = 0x0101010101010101u;
    size_t done = 0;
    for (uint64_t word; left - done >= sizeof word; done += sizeof word) {
        memcpy(&word, at + done, sizeof word);
        if ((word & high) || ((word - low) & ~word & high)) {
            break;
        }
    }
    return done;
}

enum gl_code gl_utf8_check(struct gl_slice bytes, struct gl_err *err)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    for (size_t at = 0; at < bytes.len;) {
        at += plain_words(data + at, bytes.len - at);
        for (size_t end = at + 8; at < bytes.len && at < end;) {
            size_t len;
            if (data[at] == 0) {
                return gl_fail(err, GL_E_CONTAINS_NUL, "byte %zu is NUL (00); a text holds none", at);
            }
            enum utf8_fault fault = check_sequence(data + at, bytes.len - at, &len);
            if (fault != UTF8_FINE) {
                return gl_fail(err, GL_E_INVALID_UTF8, "byte %zu is %02x: %s; the file is not UTF-8, convert it first", at,
                               data[at], fault_words[fault]);
            }
            at += len;
        }
    }
    return GL_OK;
}

size_t gl_utf8_count(struct gl_slice valid)
{
    size_t count = 0;
    for (size_t i = 0; i < valid.len; i++) {
        count += !is_continuation((unsigned char)valid.data[i]);
    }
    return count;
}

uint32_t utf8_next(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *at += 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *at += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

const char *utf8_back(const char *at)
{
    do {
        at--;
    } while (is_continuation((unsigned char)*at));
    return at;
}
