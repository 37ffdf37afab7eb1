/*
 * gl_rpc.c - envelopes read and written, errors on the wire, names of roles.
 */
#include "proto/gl_rpc.h"

static const char *const role_names[] = {"nobody", "signed_in", "viewer", "annotator", "curator", "owner", "admin"};

const char *gl_role_name(enum gl_role role)
{
    return (unsigned)role <= GL_ADMIN ? role_names[role] : "nobody";
}

bool gl_role_parse(struct gl_slice name, enum gl_role *role)
{
    for (enum gl_role candidate = GL_VIEWER; candidate <= GL_OWNER; candidate++) {
        if (gl_slice_is(name, role_names[candidate])) {
            *role = candidate;
            return true;
        }
    }
    *role = GL_NOBODY;
    return false;
}

/* ---- writing */

static void write_id(struct gl_buf *buf, const struct gl_request_id *id)
{
    gl_write_name(buf, "id");
    switch (id->kind) {
    case GL_ID_NUMBER: gl_buf_i64(buf, id->number); break;
    case GL_ID_TEXT: gl_canon_string(buf, gl_slice_of(id->text, id->len)); break;
    case GL_ID_NONE: gl_buf_str(buf, "null"); break;
    }
}

static void write_version(struct gl_buf *buf)
{
    gl_write_str(buf, "jsonrpc", GL_SLICE("2.0"));
}

void gl_request_begin(struct gl_buf *buf, const struct gl_request_id *id, const char *method)
{
    gl_buf_byte(buf, '{');
    write_id(buf, id);
    write_version(buf);
    gl_write_str(buf, "method", gl_slice_str(method));
    gl_write_name(buf, "params");
}

void gl_result_begin(struct gl_buf *buf, const struct gl_request_id *id)
{
    gl_buf_byte(buf, '{');
    write_id(buf, id);
    write_version(buf);
    gl_write_name(buf, "result");
}

void gl_notice_begin(struct gl_buf *buf, const char *notice)
{
    gl_buf_byte(buf, '{');
    write_version(buf);
    gl_write_str(buf, "method", gl_slice_str(notice));
    gl_write_name(buf, "params");
}

void gl_envelope_end(struct gl_buf *buf)
{
    gl_buf_byte(buf, '}');
}

void gl_refusal_write(struct gl_buf *buf, const struct gl_request_id *id, const struct gl_err *err, const json_t *data_extra)
{
    gl_buf_byte(buf, '{');
    gl_write_name(buf, "error");
    gl_error_write(buf, err, data_extra);
    write_id(buf, id);
    write_version(buf);
    gl_envelope_end(buf);
}

/* Details quote what libraries and systems say, which is not always UTF-8; jansson checks strings that it is given. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value) {
        return value;
    }
    char plain[GL_ERR_DETAIL_MAX];
    size_t len = 0;
    for (; text[len] && len < sizeof(plain); len++) {
        plain[len] = (unsigned char)text[len] < 0x80 ? text[len] : '?';
    }
    return json_stringn(plain, len);
}

static bool put_text(json_t *object, const char *name, const char *text)
{
    return json_object_set_new(object, name, text_value(text)) == 0;
}

static bool put_data(json_t *data, const struct gl_err *err, const json_t *data_extra)
{
    json_t *lent = (json_t *)(uintptr_t)data_extra; /* its members are counted up, nothing else */
    return put_text(data, "name", gl_code_name(err->code)) && (!err->detail[0] || put_text(data, "detail", err->detail)) &&
           (!err->path[0] || put_text(data, "path", err->path)) && (!lent || json_object_update(data, lent) == 0);
}

void gl_error_write(struct gl_buf *buf, const struct gl_err *err, const json_t *data_extra)
{
    json_t *error = json_object();
    json_t *data = json_object();
    bool is_whole = error && data && put_data(data, err, data_extra) &&
                    json_object_set_new(error, "code", json_integer(gl_code_wire(err->code))) == 0 &&
                    json_object_set(error, "data", data) == 0 &&
                    put_text(error, "message", err->detail[0] ? err->detail : gl_code_sentence(err->code));
    if (is_whole) {
        gl_canon_write(buf, error);
    } else if (buf->code == GL_OK) {
        buf->code = GL_E_NOMEM;
    }
    json_decref(error);
    json_decref(data);
}

/* ---- reading */

static enum gl_code known_code(const char *name, int64_t number)
{
    enum gl_code code = name ? gl_code_from_name(name) : GL_E_INTERNAL;
    bool is_number = number >= INT32_MIN && number <= INT32_MAX;
    return code == GL_E_INTERNAL && is_number ? gl_code_from_wire((int)number) : code;
}

void gl_error_read(const json_t *error, struct gl_err *err)
{
    const json_t *data = json_object_get(error, "data");
    const char *path = json_string_value(json_object_get(data, "path"));
    const char *message = json_string_value(json_object_get(error, "message"));
    enum gl_code code =
        known_code(json_string_value(json_object_get(data, "name")), json_integer_value(json_object_get(error, "code")));
    gl_fail_at(err, code, path ? path : "", "%s", message ? message : gl_code_sentence(code));
}

/* An id must be an integer or a text that is not too long; an answer to what could not be read has null. */
static bool read_id(const json_t *value, struct gl_request_id *id)
{
    if (json_is_integer(value)) {
        id->kind = GL_ID_NUMBER;
        id->number = json_integer_value(value);
        return true;
    }
    if (json_is_string(value) && json_string_length(value) <= GL_REQUEST_ID_MAX) {
        id->kind = GL_ID_TEXT;
        id->len = (uint8_t)json_string_length(value);
        memcpy(id->text, json_string_value(value), id->len);
        return true;
    }
    return !value || json_is_null(value);
}

static enum gl_code read_call(const json_t *message, const json_t *method, struct gl_envelope *envelope, struct gl_err *err)
{
    const json_t *params = json_object_get(message, "params");
    const json_t *id = json_object_get(message, "id");
    if (!json_is_string(method)) {
        return gl_fail_at(err, GL_E_INVALID_REQUEST, "method", "method is not a string");
    }
    if (json_is_null(id)) {
        return gl_fail_at(err, GL_E_INVALID_REQUEST, "id", "the id of a request is not null");
    }
    envelope->kind = id ? GL_ENVELOPE_REQUEST : GL_ENVELOPE_NOTICE;
    envelope->name = gl_slice_of(json_string_value(method), json_string_length(method));
    if (params && !json_is_object(params)) {
        return gl_fail_at(err, GL_E_INVALID_PARAMS, "params", "params are an object: names and values");
    }
    envelope->params = params;
    const json_t *traceparent = json_object_get(message, "traceparent");
    if (json_is_string(traceparent)) {
        envelope->traceparent = gl_slice_of(json_string_value(traceparent), json_string_length(traceparent));
    }
    return GL_OK;
}

static enum gl_code read_answer(const json_t *message, struct gl_envelope *envelope, struct gl_err *err)
{
    const json_t *result = json_object_get(message, "result");
    const json_t *error = json_object_get(message, "error");
    if (!result == !error) {
        return gl_fail(err, GL_E_INVALID_REQUEST, "a request has a method; an answer has either a result or an error");
    }
    if (error && !json_is_object(error)) {
        return gl_fail_at(err, GL_E_INVALID_REQUEST, "error", "error is not an object");
    }
    if (result && envelope->id.kind == GL_ID_NONE) {
        return gl_fail_at(err, GL_E_INVALID_REQUEST, "id", "an answer with a result has the id of its request");
    }
    envelope->kind = error ? GL_ENVELOPE_ERROR : GL_ENVELOPE_RESULT;
    envelope->result = result;
    envelope->error = error;
    return GL_OK;
}

enum gl_code gl_envelope_read(const json_t *message, struct gl_envelope *envelope, struct gl_err *err)
{
    *envelope = (struct gl_envelope){0};
    if (!json_is_object(message)) {
        return gl_fail(err, GL_E_INVALID_REQUEST,
                       json_is_array(message) ? "batches are not taken; send one message after the other"
                                              : "a message is an object");
    }
    if (!read_id(json_object_get(message, "id"), &envelope->id)) {
        return gl_fail_at(err, GL_E_INVALID_REQUEST, "id", "an id is an integer, or a string of at most %d bytes",
                          GL_REQUEST_ID_MAX);
    }
    const char *version = json_string_value(json_object_get(message, "jsonrpc"));
    if (!version || strcmp(version, "2.0") != 0) {
        return gl_fail_at(err, GL_E_INVALID_REQUEST, "jsonrpc", "jsonrpc is \"2.0\"");
    }
    const json_t *method = json_object_get(message, "method");
    return method ? read_call(message, method, envelope, err) : read_answer(message, envelope, err);
}
