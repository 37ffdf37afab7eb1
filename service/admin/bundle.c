#include "service/admin/bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { BLOCK = 512, SUM_MAX = 64 + 2 + BUNDLE_NAME_MAX + 1 };
#define MEMBER_MAX ((size_t)1 << 31) /* no row that PostgreSQL writes is larger than half of this */

/* ---- the form of both */

/* A POSIX ustar header: 12 octal digits at 124 are the size, at 136 the time. */
static void write_header(char header[BLOCK], const char *name, uint64_t size, const char time[12])
{
    unsigned sum = 0;
    memset(header, 0, BLOCK);
    snprintf(header, 100, "%s", name);
    snprintf(header + 100, 8, "%07o", 0600);
    snprintf(header + 108, 8, "%07o", 0);
    snprintf(header + 116, 8, "%07o", 0);
    snprintf(header + 124, 12, "%011" PRIo64, size);
    memcpy(header + 136, time, 12);
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    for (int i = 0; i < BLOCK; i++) {
        sum += (unsigned char)header[i];
    }
    snprintf(header + 148, 8, "%06o", sum & 0777777);
}

static size_t padding(size_t size)
{
    return (BLOCK - size % BLOCK) % BLOCK;
}

static size_t write_sum(char text[SUM_MAX + 1], const char *name, const gl_hash *hash)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(hash->bytes); i++) {
        text[2 * i] = digits[hash->bytes[i] >> 4];
        text[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    const char *folder_end = strrchr(name, '/'); /* sha256sum is run in the folder */
    return 64 + (size_t)snprintf(text + 64, SUM_MAX + 1 - 64, "  %s\n", folder_end ? folder_end + 1 : name);
}

/* ---- writing */

void bundle_out_init(struct bundle_out *out, int fd, const char *path, uint64_t time_s)
{
    *out = (struct bundle_out){.fd = fd, .path = path, .time_s = time_s};
}

static enum gl_code put(struct bundle_out *out, const void *data, size_t len, struct gl_err *err)
{
    for (const char *at = data; len > 0;) {
        ssize_t written = write(out->fd, at, len);
        if (written < 0 && errno != EINTR) {
            return gl_fail(err, GL_E_SYSTEM, "%s cannot be written: %s", out->path, strerror(errno));
        }
        if (written > 0) {
            at += written;
            len -= (size_t)written;
            out->bytes += (uint64_t)written;
        }
    }
    return GL_OK;
}

static enum gl_code put_member(struct bundle_out *out, const char *name, struct gl_slice content, struct gl_err *err)
{
    static const char zeroes[BLOCK];
    char header[BLOCK], time[13];
    snprintf(time, sizeof(time), "%011" PRIo64, out->time_s & UINT64_C(077777777777));
    write_header(header, name, content.len, time);
    enum gl_code code = put(out, header, sizeof(header), err);
    if (code == GL_OK) {
        code = put(out, content.data, content.len, err);
    }
    return code == GL_OK ? put(out, zeroes, padding(content.len), err) : code;
}

enum gl_code bundle_put(struct bundle_out *out, const char *name, struct gl_slice content, struct gl_err *err)
{
    char sum[SUM_MAX + 1], sum_name[BUNDLE_NAME_MAX + 8];
    gl_hash hash = gl_sha256(content.data, content.len);
    size_t len = write_sum(sum, name, &hash);
    snprintf(sum_name, sizeof(sum_name), "%s.sha256", name);
    enum gl_code code = put_member(out, name, content, err);
    if (code == GL_OK) {
        code = put_member(out, sum_name, gl_slice_of(sum, len), err);
    }
    out->chain = gl_chain_next(&out->chain, &hash);
    return code;
}

enum gl_code bundle_end(struct bundle_out *out, struct gl_err *err)
{
    static const char zeroes[2 * BLOCK];
    return put(out, zeroes, sizeof(zeroes), err);
}

/* ---- reading */

void bundle_in_init(struct bundle_in *in, int fd, const char *path)
{
    *in = (struct bundle_in){.fd = fd, .path = path};
    gl_buf_init(&in->content, MEMBER_MAX);
}

void bundle_in_fini(struct bundle_in *in)
{
    gl_buf_fini(&in->content);
}

enum gl_code bundle_wrong(const struct bundle_in *in, struct gl_err *err, const char *fmt, ...)
{
    char what[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return gl_fail(err, GL_E_MALFORMED, "%s is damaged at byte %" PRIu64 "%s%s: %s; nothing was restored, take another copy",
                   in->path, in->member_at, in->name[0] ? ", in " : "", in->name, what);
}

static enum gl_code take(struct bundle_in *in, void *data, size_t len, struct gl_err *err)
{
    for (char *at = data; len > 0;) {
        ssize_t taken = read(in->fd, at, len);
        if (taken < 0 && errno != EINTR) {
            return gl_fail(err, GL_E_SYSTEM, "%s cannot be read: %s", in->path, strerror(errno));
        }
        if (taken == 0) {
            return bundle_wrong(in, err, "the file ends here, at byte %" PRIu64, in->bytes);
        }
        if (taken > 0) {
            at += taken;
            len -= (size_t)taken;
            in->bytes += (uint64_t)taken;
        }
    }
    return GL_OK;
}

/* Size and time are read from the header, which must then be what they make. */
static enum gl_code take_header(struct bundle_in *in, size_t *size, struct gl_err *err)
{
    char header[BLOCK], expected[BLOCK], name[101];
    in->member_at = in->bytes;
    in->name[0] = '\0';
    enum gl_code code = take(in, header, sizeof(header), err);
    if (code != GL_OK) {
        return code;
    }
    memcpy(name, header, 100);
    name[100] = 0;
    *size = 0;
    for (int i = 124; i < 135; i++) {
        *size = *size * 8 + (size_t)(header[i] - '0') % 8;
    }
    if (in->member_at == 0) {
        memcpy(in->time, header + 136, sizeof(in->time));
    }
    write_header(expected, name, *size, in->time);
    if (memcmp(header, expected, BLOCK) != 0 || *size > MEMBER_MAX || strlen(name) > BUNDLE_NAME_MAX || name[0] == '\0') {
        return in->member_at == 0 ? gl_fail(err, GL_E_MALFORMED,
                                            "%s is no archive that glossd has made, or is damaged at its first byte", in->path)
                                  : bundle_wrong(in, err, "what should begin a part of the archive does not");
    }
    memcpy(in->name, name, strlen(name) + 1);
    return GL_OK;
}

static enum gl_code take_padding(struct bundle_in *in, size_t len, struct gl_err *err)
{
    char zeroes[2 * BLOCK];
    enum gl_code code = take(in, zeroes, len, err);
    for (size_t i = 0; i < len && code == GL_OK; i++) {
        code = zeroes[i] ? bundle_wrong(in, err, "byte %" PRIu64 " should be zero", in->bytes - len + i) : GL_OK;
    }
    return code;
}

/* The sum that follows has one form only. */
static enum gl_code take_sum(struct bundle_in *in, const gl_hash *hash, struct gl_err *err)
{
    char expected[SUM_MAX + 1], found[SUM_MAX + 1], name[BUNDLE_NAME_MAX + 1], sum_name[BUNDLE_NAME_MAX + 8];
    const uint64_t began = in->member_at;
    memcpy(name, in->name, sizeof(name));
    snprintf(sum_name, sizeof(sum_name), "%s.sha256", in->name);
    size_t len = write_sum(expected, name, hash), size;
    enum gl_code code = take_header(in, &size, err);
    if (code == GL_OK && (strcmp(in->name, sum_name) != 0 || size != len)) {
        return bundle_wrong(in, err, "the sum of %s should be here", name);
    }
    if (code == GL_OK) {
        code = take(in, found, len, err);
    }
    if (code != GL_OK) {
        return code;
    }
    in->member_at = began;
    memcpy(in->name, name, sizeof(name));
    if (memcmp(found, expected, len) != 0) {
        return bundle_wrong(in, err, "it does not have the SHA-256 that is noted behind it");
    }
    return take_padding(in, padding(len), err);
}

enum gl_code bundle_next(struct bundle_in *in, struct gl_err *err)
{
    size_t size;
    gl_buf_clear(&in->content);
    enum gl_code code = take_header(in, &size, err);
    if (code == GL_OK && size > 0) {
        char *bytes = gl_buf_grow(&in->content, size);
        code = bytes ? take(in, bytes, size, err)
                     : gl_fail(err, GL_E_NOMEM, "%s has a part of %zu bytes, too much for this machine", in->path, size);
    }
    if (code == GL_OK) {
        code = take_padding(in, padding(size), err);
    }
    if (code != GL_OK) {
        return code;
    }
    gl_hash hash = gl_sha256(in->content.data, in->content.len);
    in->chain = gl_chain_next(&in->chain, &hash);
    return take_sum(in, &hash, err);
}

enum gl_code bundle_is_over(struct bundle_in *in, struct gl_err *err)
{
    char byte;
    in->member_at = in->bytes;
    in->name[0] = '\0';
    enum gl_code code = take_padding(in, 2 * BLOCK, err);
    if (code != GL_OK) {
        return code;
    }
    ssize_t more;
    do {
        more = read(in->fd, &byte, 1);
    } while (more < 0 && errno == EINTR);
    return more == 0 ? GL_OK : bundle_wrong(in, err, "something follows behind the end");
}
