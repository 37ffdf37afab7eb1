/*
 * gl_err.h - every way in which something can be refused or fail, and the value that carries one upwards.
 *
 * Owns      nothing. A struct gl_err is a plain value filled in where the failure is discovered and passed up untouched.
 * Thread    any.
 * Errors    GL_OK is zero. The names, JSON-RPC codes and sentences stand in errors.def and nowhere else.
 * Source    PROTOCOL.md, "Errors".
 */
#ifndef GL_ERR_H
#define GL_ERR_H

#include <stdbool.h>
#include <stddef.h>

#define GL_MUST_USE           __attribute__((warn_unused_result))
#define GL_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

enum gl_code {
    GL_OK = 0,
#define GL_ERROR(name, wire, retry, keeps, sentence) GL_E_##name,
#include "proto/errors.def"
#undef GL_ERROR
    GL_CODE_COUNT
};

/* What a client may do about it. */
enum gl_retry { GL_NEVER, GL_REFRESH, GL_LATER };

#define GL_ERR_DETAIL_MAX 512
#define GL_ERR_PATH_MAX   128

struct gl_err {
    enum gl_code code;
    char detail[GL_ERR_DETAIL_MAX]; /* what exactly, in words, for the person who can mend it; never document text of others */
    char path[GL_ERR_PATH_MAX];     /* the offending member, "ops[3].change.target.spans[0].start", or "" */
};

/* Fills in *err (which may be NULL) and returns code, so that a failing function reads `return gl_fail(err, ...)`. */
enum gl_code gl_fail(struct gl_err *err, enum gl_code code, const char *fmt, ...) GL_PRINTF(3, 4);
/* The same with the path of the member that was wrong. */
enum gl_code gl_fail_at(struct gl_err *err, enum gl_code code, const char *path, const char *fmt, ...) GL_PRINTF(4, 5);

const char *gl_code_name(enum gl_code code);     /* "stale": lower case, as in error.data.name */
int gl_code_wire(enum gl_code code);             /* the number in error.code */
const char *gl_code_sentence(enum gl_code code); /* error.message when there is no detail */
enum gl_retry gl_code_retry(enum gl_code code);
bool gl_code_keeps_connection(enum gl_code code);
enum gl_code gl_code_from_wire(int wire); /* GL_E_INTERNAL for a number that this version does not know */
enum gl_code gl_code_from_name(const char *name);

#endif
