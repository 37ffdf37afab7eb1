/*
 * gl_rpc.h - what is around a message: JSON-RPC 2.0 envelopes, methods with their rights, errors on the wire.
 *
 * Owns      nothing; an envelope that was read lends from the JSON it was read from.
 * Thread    any.
 * Errors    gl_envelope_read: GL_E_INVALID_REQUEST, GL_E_INVALID_PARAMS when params are no object. The id is filled in if it could be read.
 * Source    JSON-RPC 2.0; PROTOCOL.md, "Messages". gl_wire.h, which wiregen writes from wire.def, includes this.
 */
#ifndef GL_RPC_H
#define GL_RPC_H

#include "proto/gl_json.h"

/* In order: each may what the ones before it may. */
enum gl_role { GL_NOBODY, GL_SIGNED_IN, GL_VIEWER, GL_ANNOTATOR, GL_CURATOR, GL_OWNER, GL_ADMIN };
const char *gl_role_name(enum gl_role role); /* "viewer" */
/* The four that a member of a project can have: viewer, annotator, curator, owner. Any other name is false. */
bool gl_role_parse(struct gl_slice name, enum gl_role *role) GL_MUST_USE;

/* What the role is looked up for. */
enum gl_scope { GL_SCOPE_NONE, GL_SCOPE_PROJECT, GL_SCOPE_DOCUMENT, GL_SCOPE_SESSION };

/* One row of wire.def. The tables gl_methods and gl_notices are in gl_wire.h. */
struct gl_method {
    const char *name;        /* "session.join" */
    enum gl_role role;       /* the smallest that may */
    enum gl_scope scope;     /* for what */
    const char *scope_param; /* the param with its id: "session"; NULL when scope is none */
};
const struct gl_method *gl_method_find(
    struct gl_slice name); /* NULL: there is none; its place in gl_methods is its enum gl_method_id */

#define GL_REQUEST_ID_MAX 64

/* The id of a request as its sender wrote it: a number or a text. A plain value, to be kept until the answer is written. */
struct gl_request_id {
    enum { GL_ID_NONE, GL_ID_NUMBER, GL_ID_TEXT } kind;
    uint8_t len; /* of text, bytes */
    int64_t number;
    char text[GL_REQUEST_ID_MAX];
};
static inline struct gl_request_id gl_request_id(uint64_t number)
{
    return (struct gl_request_id){.kind = GL_ID_NUMBER, .number = (int64_t)number};
}

/* Envelopes are written in three steps: begin, then the params or result with its own gl_..._write, then gl_envelope_end. */
void gl_request_begin(struct gl_buf *buf, const struct gl_request_id *id, const char *method);
void gl_result_begin(struct gl_buf *buf, const struct gl_request_id *id);
void gl_notice_begin(struct gl_buf *buf, const char *notice);
void gl_envelope_end(struct gl_buf *buf);
/* A whole answer that refuses; id of kind GL_ID_NONE is written as null. data_extra: see gl_error_write. */
void gl_refusal_write(struct gl_buf *buf, const struct gl_request_id *id, const struct gl_err *err, const json_t *data_extra);

/* {"code","data":{"name","detail","path",…members of data_extra},"message"}: the form of error_info in wire.def. The message is the
 * detail when there is one, else the table's sentence. data_extra may be NULL. What is no UTF-8 in the detail is replaced. */
void gl_error_write(struct gl_buf *buf, const struct gl_err *err, const json_t *data_extra);
/* The other way: an error object as it came becomes a gl_err; GL_E_INTERNAL for NULL, nonsense, and what this version does not know.
 * A code is known by data.name, else by its number. */
void gl_error_read(const json_t *error, struct gl_err *err);

enum gl_envelope_kind { GL_ENVELOPE_NONE, GL_ENVELOPE_REQUEST, GL_ENVELOPE_NOTICE, GL_ENVELOPE_RESULT, GL_ENVELOPE_ERROR };

struct gl_envelope {
    enum gl_envelope_kind kind;
    struct gl_request_id id;     /* GL_ID_NONE: absent or null */
    struct gl_slice name;        /* of the method or the notice */
    const json_t *params;        /* NULL when there are none: readers take that for {} */
    struct gl_slice traceparent; /* of a request: the trace that it belongs to, unread; empty: none */
    const json_t *result;
    const json_t *error;
};
enum gl_code gl_envelope_read(const json_t *message, struct gl_envelope *envelope, struct gl_err *err) GL_MUST_USE;

#endif
