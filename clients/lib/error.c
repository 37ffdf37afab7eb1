/*
 * error.c - errors as the program sees them, made from those of proto, of the wire, and of this library.
 */
#include <stdarg.h>
#include <stdio.h>

#include "clients/lib/lib_priv.h"

/* gloss.h is read by programs that have no errors.def, so it repeats the table; this keeps the two the same. */
#define GL_ERROR(name, wire, retry, keeps, sentence)                                                                             \
    _Static_assert(GLOSS_E_##name == (wire), "gloss.h and errors.def disagree about " #name);
#include "proto/errors.def"
#undef GL_ERROR

const char *gloss_code_name(int code)
{
    return gl_code_name(code == 0 ? GL_OK : gl_code_from_wire(code));
}

const char *gloss_code_sentence(int code)
{
    return gl_code_sentence(code == 0 ? GL_OK : gl_code_from_wire(code));
}

void gloss_error_clear(struct gloss_error *error)
{
    json_decref(error->data);
    memset(error, 0, sizeof(*error));
}

static void set_text(struct gloss_error *error, int code, const char *name, const char *message, const char *path)
{
    gloss_error_clear(error);
    error->code = code;
    (void)snprintf(error->name, sizeof(error->name), "%s", name);
    (void)snprintf(error->message, sizeof(error->message), "%s", message[0] ? message : gloss_code_sentence(code));
    (void)snprintf(error->path, sizeof(error->path), "%s", path);
}

void lg_error_set(struct gloss_error *error, int code, const char *fmt, ...)
{
    char message[sizeof(error->message)];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    set_text(error, code, gloss_code_name(code), message, "");
}

void lg_error_take_gl(struct gloss_error *error, const struct gl_err *err)
{
    set_text(error, gl_code_wire(err->code), gl_code_name(err->code), err->detail, err->path);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void lg_error_take_json(struct gloss_error *error, json_t *wire)
{
    json_t *data = json_object_get(wire, "data");
    json_int_t number = json_integer_value(json_object_get(wire, "code"));
    json_int_t retry_ms = json_integer_value(json_object_get(data, "retry_after_ms"));
    int code = number >= INT32_MIN && number <= INT32_MAX && number != 0 ? (int)number : GLOSS_E_INTERNAL;
    const char *name = text_of(data, "name");
    set_text(error, code, name[0] ? name : gloss_code_name(code), text_of(wire, "message"), text_of(data, "path"));
    error->data = json_is_object(data) ? json_incref(data) : NULL;
    error->retry_after_ms = retry_ms > 0 && retry_ms < 3600000 ? (int)retry_ms : 0;
}

void lg_error_copy(struct gloss_error *to, const struct gloss_error *from)
{
    json_t *data = json_incref(from->data);
    gloss_error_clear(to);
    *to = *from;
    to->data = data;
}

bool lg_error_is_later(const struct gloss_error *error)
{
    return gl_code_retry(gl_code_from_wire(error->code)) == GL_LATER;
}

int lg_fail(struct gloss *g, int code, const char *fmt, ...)
{
    char message[sizeof(g->last_error.message)];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    lg_error_set(&g->last_error, code, "%s", message);
    return code;
}

int lg_fail_gl(struct gloss *g, const struct gl_err *err)
{
    lg_error_take_gl(&g->last_error, err);
    return g->last_error.code;
}

int lg_fail_nomem(struct gloss *g)
{
    return lg_fail(g, GLOSS_E_NOMEM, "%s", "");
}

const struct gloss_error *gloss_last_error(const struct gloss *g)
{
    return &g->last_error;
}
