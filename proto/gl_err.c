/*
 * gl_err.c - the table of errors, looked up; and filling in a struct gl_err.
 */
#include "proto/gl_err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 31

struct error_row {
    int wire;
    enum gl_retry retry;
    bool keeps_connection;
    const char *sentence;
};

static const struct error_row rows[GL_CODE_COUNT] = {
    [GL_OK] = {0, GL_NEVER, true, "all is well"},
#define GL_ERROR(name, wire, retry, keeps, sentence) [GL_E_##name] = {wire, retry, keeps, sentence},
#include "proto/errors.def"
#undef GL_ERROR
};

/* The table's names are upper case because the enum's are; on the wire they are lower case. The preprocessor cannot do that. */
static char names[GL_CODE_COUNT][NAME_MAX_LEN + 1] = {
    [GL_OK] = "ok",
#define GL_ERROR(name, wire, retry, keeps, sentence) [GL_E_##name] = #name,
#include "proto/errors.def"
#undef GL_ERROR
};

/* Before main, so that readers on any thread need no lock. */
__attribute__((constructor)) static void lower_the_names(void)
{
    for (size_t i = 0; i < GL_CODE_COUNT; i++) {
        for (char *c = names[i]; *c; c++) {
            if (*c >= 'A' && *c <= 'Z') {
                *c = (char)(*c - 'A' + 'a');
            }
        }
    }
}

static enum gl_code known(enum gl_code code)
{
    return (unsigned)code < GL_CODE_COUNT ? code : GL_E_INTERNAL;
}

const char *gl_code_name(enum gl_code code)
{
    return names[known(code)];
}

int gl_code_wire(enum gl_code code)
{
    return rows[known(code)].wire;
}

const char *gl_code_sentence(enum gl_code code)
{
    return rows[known(code)].sentence;
}

enum gl_retry gl_code_retry(enum gl_code code)
{
    return rows[known(code)].retry;
}

bool gl_code_keeps_connection(enum gl_code code)
{
    return rows[known(code)].keeps_connection;
}

enum gl_code gl_code_from_wire(int wire)
{
    for (unsigned i = 1; i < GL_CODE_COUNT; i++) {
        if (rows[i].wire == wire) {
            return (enum gl_code)i;
        }
    }
    return GL_E_INTERNAL;
}

enum gl_code gl_code_from_name(const char *name)
{
    for (unsigned i = 1; i < GL_CODE_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum gl_code)i;
        }
    }
    return GL_E_INTERNAL;
}

/* A sentence that had to be cut must not end inside a UTF-8 sequence: it may travel in a JSON string. */
static void drop_cut_sequence(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
        start--;
    }
    if (start > 0 && (unsigned char)text[start - 1] >= 0xc0) {
        text[start - 1] = '\0';
    }
}

/* The arguments may point into err itself ("while joining: %s", err->detail), so the sentence is made beside it. */
__attribute__((format(printf, 4, 0))) static void fill_in(struct gl_err *err, enum gl_code code, const char *path,
                                                          const char *fmt, va_list args)
{
    char detail[GL_ERR_DETAIL_MAX];
    char where[GL_ERR_PATH_MAX];
    int len = vsnprintf(detail, sizeof(detail), fmt, args);
    if (len < 0) {
        detail[0] = '\0';
    } else if ((size_t)len >= sizeof(detail)) {
        drop_cut_sequence(detail, sizeof(detail) - 1);
    }
    if (snprintf(where, sizeof(where), "%s", path) >= (int)sizeof(where)) {
        drop_cut_sequence(where, sizeof(where) - 1);
    }
    err->code = code;
    memcpy(err->detail, detail, sizeof(detail));
    memcpy(err->path, where, sizeof(where));
}

enum gl_code gl_fail(struct gl_err *err, enum gl_code code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill_in(err, code, "", fmt, args);
        va_end(args);
    }
    return code;
}

enum gl_code gl_fail_at(struct gl_err *err, enum gl_code code, const char *path, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill_in(err, code, path, fmt, args);
        va_end(args);
    }
    return code;
}
