/*
 * handler.h - what the code behind a method sees: one request, and the ways to answer it.
 *
 * Owns      a request owns its parameters and its arena; answering it (request_reply, request_fail) frees it. Exactly one of the two is called for
 *           each request, now or later; a peer that went away meanwhile makes no difference to the handler. What the store has when the core ends
 *           is freed without either (requests_drop).
 * Thread    the loop thread.
 * Errors    by the time a handler runs the method's row of wire.def was obeyed: the peer is signed in, and has the role for the thing named.
 */
#ifndef HANDLER_H
#define HANDLER_H

#include <sys/queue.h>

#include "service/base/log.h"
#include "service/core/core.h"

struct peer;
struct subscription;
struct request {
    struct request *next; /* for whoever keeps requests in a list */
    LIST_ENTRY(request) of_core;
    struct core *core;
    struct peer *peer;
    const struct gl_method *method;
    struct gl_request_id id;
    size_t bytes;               /* of the message */
    uint64_t arrived_us;        /* on the monotonic clock */
    struct log_context context; /* who asks, in the log */
    enum gl_code outcome;       /* GL_OK until it is refused */
    json_t *root;               /* owned: the whole message */
    const json_t *params;       /* an object */
    struct gl_arena arena;      /* lives as long as the request */
    gl_uuid account;            /* who asks; nil before hello */
    enum gl_role role;          /* in the project of the scope, or SIGNED_IN, ADMIN */
    gl_uuid project;            /* of the scope, where there is one */
    struct store_session scope; /* SESSION and DOCUMENT scopes: what the store said; strings in the arena */
    struct subscription
        *scope_is_joined; /* SESSION scope: joined on this connection (valid until the handler returns); then scope is empty */
    void *user;           /* the handler's */
    struct request *next_join; /* session.join in flight: the peer's others, newest first */
    gl_uuid join_session;
    const struct opened *opened;    /* session.join behind hello: what the store has said of its session already (behind.c) */
    bool is_joining, is_superseded; /* a later join or leave of the same session came on the connection */
    TAILQ_ENTRY(request) of_in_order;
    bool is_in_order, is_scope_known; /* session.submit whose role is asked for: done as they came */
    enum gl_code scope_code;
    struct gl_reader reader;
    struct gl_buf out;
};

typedef void (*handler_fn)(struct request *request);
/* Reads the parameters; on failure answers the request and returns false. */
#define request_read(request, method, values)                                                                                    \
    request_read_done(request, gl_##method##_params_read(&(request)->reader, (request)->params, values))
bool request_read_done(struct request *request, enum gl_code code);

/* The result is written between begin and send: gl_x_result_write(request_result(request), &result); request_send(request). */
struct gl_buf *request_result(struct request *request);
void request_send(struct request *request);
#define request_reply(request, method, result)                                                                                   \
    do {                                                                                                                         \
        gl_##method##_result_write(request_result(request), result);                                                             \
        request_send(request);                                                                                                   \
    } while (0)
void request_fail(struct request *request, enum gl_code code, const char *fmt, ...) GL_PRINTF(3, 4);
void request_fail_data(struct request *request, const struct gl_err *err, json_t *data); /* takes data, may be NULL */
void request_fail_at(struct request *request, enum gl_code code, const char *path, const char *fmt, ...) GL_PRINTF(4, 5);

/* For hello: the peer is somebody from now on. */
void peer_sign_in(struct peer *peer, const gl_uuid *account, struct gl_slice name, bool is_admin, const gl_uuid *token);
/* Ends every connection that uses this token. */
void core_end_token(struct core *core, const gl_uuid *token);
const struct core_limits *core_get_limits(const struct core *core);
const struct core_helpers *core_get_helpers(const struct core *core);
const char *core_server_name(const struct core *core);
struct store *core_store(const struct core *core);
struct loop *core_loop(const struct core *core);
bool core_is_draining(const struct core *core);
const char *peer_address(const struct peer *peer);

/* One function for each method of wire.def: handle_hello, handle_session_join, ... */
#define GL_METHOD(name, c_name, ...) void handle_##c_name(struct request *request);
#include "proto/methods.def"

#endif
