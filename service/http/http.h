/*
 * http.h - plain HTTPS requests on the port of the WebSockets: which routes there are, who answers them, what an answer
 * looks like.
 *
 * Owns      the routes and the embedded pages. The connection, the request's bytes and every limit in time belong to net.
 * Lifetime  http_new / http_free (after net has gone). A struct http_call is net's: a handler may keep it until it has
 *           answered or was told that it is gone.
 * Thread    the loop thread. Handlers do not block; what takes long is answered later.
 * Units     bytes.
 * Errors    an HTTP status with one sentence as plain text.
 * Source    RFC 9110, RFC 9112. Every answer closes its connection (service/decisions/libwebsockets.md says why), so there
 *           are no chunks and no keep-alive.
 */
#ifndef HTTP_H
#define HTTP_H

#include "proto/gl_buf.h"

enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_PATCH = 16,
    HTTP_DELETE = 32,
    HTTP_OPTIONS = 64
};

struct http_request {
    enum http_method method;
    struct gl_slice path;  /* decoded */
    struct gl_slice query; /* its parameters, decoded, a line feed between them; none has a control character in it */
    struct gl_slice host;  /* as it came */
    struct gl_slice body;  /* whole; at most the route's max_body_bytes */
    const char *address;   /* of the other end, for the log */
};

struct http_answer {
    unsigned status;
    const char *type;     /* of the body; NULL: text/plain, UTF-8 */
    struct gl_slice body; /* copied */
    const char *headers;  /* further header lines, each ended by CR LF; or NULL */
};

/* One request, and the way to answer it: exactly once, within the handler or later. */
struct http_call {
    struct http_request request; /* its slices are valid until the call was answered or is gone */
    /* The value of a header, lower-case name without colon; the empty slice when it is not there. Only while the handler
     * runs, valid until the next call. */
    struct gl_slice (*header)(struct http_call *call, const char *name);
    void (*answer)(struct http_call *call, const struct http_answer *answer);
    /* A handler that answers later sets this: the connection ended, the call must not be answered nor looked at any more. */
    void (*gone)(struct http_call *call);
    void *data; /* the handler's */
};

struct http_route {
    const char *path; /* "/metrics", or all that begins with it when it ends in a slash: "/annotations/"; "/" is only itself */
    unsigned methods; /* HTTP_GET | ...; HEAD comes with GET */
    size_t max_body_bytes; /* 0: no body */
    bool any_host;         /* also under names that are not ours: for the probes of balancers */
    void (*handle)(void *ctx, struct http_call *call);
    void *ctx;
};

struct http_config {
    const char *server_version; /* "gloss 0.1.0" */
    /* Can work be done here? False: *why is a sentence for the operator. NULL: always. */
    bool (*is_ready)(void *ctx, const char **why);
    void *ctx;
};

struct http;
struct http *http_new(const struct http_config *config);
void http_free(struct http **http);
void http_add(struct http *http, const struct http_route *route); /* copied; the path is not */

/* ---- what net asks */

const struct http_route *http_find(const struct http *http, struct gl_slice path); /* NULL: there is none */
struct http_refusal {
    unsigned status;
    const char *sentence, *headers;
};
/* What the head of a request alone decides. body_length is -1 when no body is announced. False: *refusal says why, until the
 * next call. */
bool http_may_begin(const struct http_route *route, enum http_method method, int64_t body_length, struct http_refusal *refusal);
/* Runs the route's handler. The body is there. */
void http_handle(const struct http_route *route, struct http_call *call);

struct http_form {
    bool head_only; /* the answer to HEAD */
    bool strict_transport;
    int64_t unix_ms; /* for the Date header */
};
/* The bytes of an answer. */
void http_write(struct gl_buf *out, const struct http_answer *answer, const struct http_form *form);

#endif
