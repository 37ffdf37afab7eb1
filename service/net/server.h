/*
 * server.h - the worker's side of the network: one port on which WebSockets and plain requests arrive over TLS.
 *
 * Owns      the connections and libwebsockets. The listening descriptors, the loop, the core and the routes are lent.
 * Lifetime  net_server_new / net_server_free. The core is told of every connection's end (peer_closed) by the time
 *           net_server_free returns, so it and http go later; the loop last. net_server_free turns the loop while the
 *           library closes.
 * Thread    the loop thread.
 * Units     bytes, milliseconds.
 * Errors    net_server_new and net_server_reload_tls say what is wrong with certificate or key: GL_E_SETTING, with path
 *           "tls_certificate" or "tls_key". What a client does wrong ends as an HTTP status or a close code, and as one log
 *           event.
 * Source    service/decisions/libwebsockets.md: what the library may not be trusted with, and what is done instead.
 */
#ifndef SERVER_H
#define SERVER_H

#include "service/core/core.h"
#include "service/http/http.h"

struct net_config {
    const int *listening; /* bound, listening, non-blocking or not */
    size_t listening_count;
    const char *certificate_path, *key_path; /* PEM */
    const char *const *host_names;           /* besides localhost, 127.0.0.1, [::1]; without port */
    size_t host_name_count;
    const char *const *origins; /* of pages that are not this server's own */
    size_t origin_count;
    size_t max_connections; /* 0 in any of these: the default that stands behind it in server.c */
    size_t max_frame_bytes;
    uint64_t hello_ms; /* from the connection to its WebSocket, or its request */
    uint64_t stall_ms; /* without taking anything of what was sent */
    uint64_t ping_ms;  /* silence before a ping */
    uint64_t gone_ms;  /* silence before the connection is given up */
    bool is_waiting;   /* takes no connections before net_server_start_accepting */
    struct http *http;
};

/* What an operator may change while it runs. The texts are only read. */
struct net_limits {
    char *const *proxy_from; /* networks of balancers, which say whose connections they pass on; none: nobody may */
    size_t proxy_from_count;
    uint64_t address_connections; /* of one address; 0: any */
    uint64_t address_rate;        /* new ones a second; 0: any */
};

struct net_server;

/* config is copied; the lists in it are not. */
struct net_server *net_server_new(struct loop *loop, struct core *core, const struct net_config *config, struct gl_err *err);
/* GL_E_SETTING, and nothing is changed, when a network is none. A new server has no limits. */
enum gl_code net_server_limit(struct net_server *server, const struct net_limits *limits, struct gl_err *err) GL_MUST_USE;
/* Whether they could be served. Initialises libraries. */
enum gl_code net_check_tls(const char *certificate_path, const char *key_path, struct gl_err *err) GL_MUST_USE;
/* Certificate and key are read again, from there. A good pair serves every handshake from now on; when it is bad, the old pair
 * stays. */
enum gl_code net_server_reload_tls(struct net_server *server, const char *certificate_path, const char *key_path,
                                   struct gl_err *err) GL_MUST_USE;
void net_server_start_accepting(struct net_server *server); /* once */
/* Takes no more connections, and lets go of the listening sockets: their owner may close them. Those that are here are served on. */
void net_server_stop_accepting(struct net_server *server);
/* Takes no more connections; those without a WebSocket end once they were answered. Then, when none is left, done(ctx),
 * which may be NULL. The core says goodbye to the others (core_drain). */
void net_server_drain(struct net_server *server, void (*done)(void *), void *ctx);
void net_server_free(struct net_server **server);

struct net_counts {
    size_t connections, arriving, websockets, full;                                         /* now */
    size_t most;                                                                            /* connections that there may be */
    uint64_t accepted, refused, stalled, timed_out, pauses, proxy_refused, address_refused; /* ever */
    uint64_t messages_in, messages_kept, messages_out, bytes_out, records_out;
};
void net_server_counts(const struct net_server *server, struct net_counts *counts);

#endif
