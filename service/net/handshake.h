/*
 * handshake.h - is this head of a request one that we answer, and may it become a WebSocket?
 *
 * Owns      nothing. A struct head borrows the bytes that head_read() (head.c) or a test has put somewhere.
 * Thread    any; there is neither a socket nor libwebsockets here, so that it can be tested and fuzzed alone.
 * Errors    an HTTP status and a sentence for the peer.
 * Source    RFC 6455 4.2.1, RFC 9110 5.6.2 (tokens), 7.2 (Host); service/decisions/libwebsockets.md says what the library
 *           lets through.
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "proto/gl_buf.h"
#include "service/http/http.h"

#define WEBSOCKET_PATH             "/ws"
#define WEBSOCKET_PROTOCOL         "gloss.v1"
#define WEBSOCKET_PROTOCOL_DEFLATE "gloss.v1.deflate" /* for who takes compressed messages; offered beside the other */

/* Header fields and parts of the request line that are looked at. */
enum head_field {
    HEAD_VERSION, /* "HTTP/1.1" */
    HEAD_HOST,
    HEAD_ORIGIN,
    HEAD_CONNECTION,
    HEAD_UPGRADE,
    HEAD_WS_VERSION,
    HEAD_WS_KEY,
    HEAD_WS_PROTOCOL,
    HEAD_CONTENT_LENGTH,
    HEAD_TRANSFER_ENCODING,
    HEAD_FIELDS
};

struct head {
    bool is_broken;          /* a name that is no token (RFC 9110), a control character, too long: trust nothing in here */
    enum http_method method; /* 0: none of those we know, or not exactly one */
    struct gl_slice path;    /* decoded */
    struct gl_slice query;   /* its parameters, decoded, a line feed between them */
    struct {
        unsigned lines; /* how often the header was there */
        struct gl_slice value;
    } fields[HEAD_FIELDS];
};

/* Who may be called by which names, and which pages may connect. */
struct handshake_policy {
    const char *const *host_names; /* without port, IPv6 in brackets; localhost, 127.0.0.1 and [::1] are always there */
    size_t host_name_count;
    const char *const *origins; /* https://name[:port]; pages of this server itself may always */
    size_t origin_count;
};

struct refusal {
    unsigned status; /* 0: none */
    const char *sentence;
};

/* Names and values as the RFC has them; see head.c for what hides in a name that is none. */
bool head_name_is_token(const char *name, size_t len);
bool head_value_is_printable(struct gl_slice value);

/* What every request must satisfy, WebSocket or not. any_host: the Host may be a name that we do not know (a balancer's
 * probe). */
struct refusal handshake_check_request(const struct head *head, const struct handshake_policy *policy, bool any_host);
struct refusal handshake_check_upgrade(const struct head *head, const struct handshake_policy *policy);
bool handshake_is_loopback_name(struct gl_slice host); /* Host as it came, with or without a port */
/* The body that is announced: -1 none, -2 cannot be (chunked, or not a number). */
int64_t handshake_body_length(const struct head *head);

#endif
