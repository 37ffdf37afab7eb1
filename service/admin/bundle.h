/*
 * bundle.h - one file of several members, each proved by its SHA-256: a tar archive (POSIX ustar) in which NAME.sha256 follows each NAME,
 *            in the form of sha256sum.
 *
 * Owns      the writer and the reader own their buffers; descriptors belong to whoever opened them.
 * Lifetime  bundle_out_init / bundle_out_fini, bundle_in_init / bundle_in_fini.
 * Thread    one at a time; reading and writing block.
 * Units     bytes from the beginning of the file.
 * Errors    GL_E_SYSTEM: it could not be read or written. GL_E_MALFORMED: damaged, cut, or no such file at all. err->detail says what and where.
 * Source    service/decisions/backup.md.
 *
 * Every bit is looked at: a header must be the one that would be written here, padding is zeroes, nothing follows the end. The members' sums make a chain whose
 * last link goes into the last member, so that a file put together from two is told from both.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include "proto/gl_buf.h"
#include "proto/model/hash.h"

#define BUNDLE_NAME_MAX 92

struct bundle_out {
    int fd;
    const char *path; /* for messages */
    uint64_t time_s;  /* of all members */
    uint64_t bytes;
    gl_hash chain;
};
void bundle_out_init(struct bundle_out *out, int fd, const char *path, uint64_t time_s);
enum gl_code bundle_put(struct bundle_out *out, const char *name, struct gl_slice content, struct gl_err *err) GL_MUST_USE;
enum gl_code bundle_end(struct bundle_out *out, struct gl_err *err) GL_MUST_USE;

struct bundle_in {
    int fd;
    const char *path;
    char time[12]; /* of all members, as their headers have it */
    uint64_t bytes;
    uint64_t member_at; /* where the member that was read last begins */
    gl_hash chain;
    char name[BUNDLE_NAME_MAX + 1];
    struct gl_buf content; /* of that member */
};
void bundle_in_init(struct bundle_in *in, int fd, const char *path);
void bundle_in_fini(struct bundle_in *in);
/* The next member: its name and content, proved. */
enum gl_code bundle_next(struct bundle_in *in, struct gl_err *err) GL_MUST_USE;
enum gl_code bundle_is_over(struct bundle_in *in, struct gl_err *err) GL_MUST_USE; /* nothing else follows */
/* The member that was read last does not say what it must. */
enum gl_code bundle_wrong(const struct bundle_in *in, struct gl_err *err, const char *fmt, ...) GL_PRINTF(3, 4);

#endif
