/*
 * transport.h - one WebSocket connection over TLS to one server, driven by polling one descriptor. The only user of libwebsockets
 * in the clients.
 *
 * Owns      a private event loop, the sockets, messages that wait to be sent, and events that wait to be taken.
 * Lifetime  lg_transport_new / lg_transport_free. One connection at a time, any number after each other.
 * Thread    one at a time. Nothing waits.
 * Units     bytes, milliseconds.
 * Errors    GL_E_NOMEM, GL_E_SETTING, GL_E_SYSTEM from new; GL_E_BUSY from send when too much waits already. What happens to a
 *           connection is told by events, never by a callback: libwebsockets is not on the stack when they are taken.
 */
#ifndef LG_TRANSPORT_H
#define LG_TRANSPORT_H

#include <stdint.h>

#include "proto/gl_buf.h"

#define LG_MESSAGE_MAX (1u << 20) /* largest message that is taken */
#define LG_QUEUE_MAX   (8u << 20) /* bytes that may wait to be sent */

struct lg_transport;

enum lg_event_type { LG_UP, LG_MESSAGE, LG_DOWN };

/* Close codes after which nobody comes back by himself: PROTOCOL, "Connection". */
#define LG_CLOSE_POLICY 1008 /* but after what may heal: the event's error has the code that the server named */
#define LG_CLOSE_KICKED 4001

/* Why a connection ended, or did not begin: data.reason of the error that the program sees. */
enum lg_reason {
    LG_NO_SUCH_HOST, /* "no_such_host" */
    LG_REFUSED,      /* nothing listens there */
    LG_UNREACHABLE,  /* no route, no descriptor ... */
    LG_TIMEOUT,      /* no answer in time */
    LG_UNTRUSTED,    /* the certificate; the detail says why */
    LG_NO_TLS,       /* the other end does not speak TLS, or none that we take */
    LG_NO_WEBSOCKET, /* the other end refused the handshake: http_status */
    LG_CLOSED,       /* closed with close_code */
    LG_LOST,         /* the connection broke */
    LG_BAD_MESSAGE,  /* too large, or not text */
    LG_OUT_OF_MEMORY
};
const char *lg_reason_name(enum lg_reason reason);

struct lg_transport_event {
    enum lg_event_type type;
    struct gl_slice message; /* MESSAGE; lent until the next call */
    enum lg_reason reason;   /* DOWN */
    struct gl_err err;       /* DOWN */
    unsigned close_code;     /* DOWN, LG_CLOSED: of RFC 6455 */
    unsigned http_status;    /* DOWN, LG_NO_WEBSOCKET; 0: not known */
};

/* ca_file NULL: the system's certificates. */
enum gl_code lg_transport_new(const char *url, const char *ca_file, struct lg_transport **transport,
                              struct gl_err *err) GL_MUST_USE;
void lg_transport_free(struct lg_transport **transport);

int lg_transport_fd(const struct lg_transport *transport);
int lg_transport_timeout(struct lg_transport *transport); /* milliseconds until lg_transport_run has something to do; -1: none */
void lg_transport_run(struct lg_transport *transport);    /* does what can be done now */
bool lg_transport_next(struct lg_transport *transport, struct lg_transport_event *event);

/* Begins; LG_UP or LG_DOWN follows. What went before is forgotten without an event. */
void lg_transport_connect(struct lg_transport *transport, int timeout_ms);
/* Ends; no event follows. */
void lg_transport_close(struct lg_transport *transport);
void lg_transport_goodbye(struct lg_transport *transport); /* the same, telling the other end if that can be done at once */
enum gl_code lg_transport_send(struct lg_transport *transport, struct gl_slice message) GL_MUST_USE; /* copies */
void lg_transport_ping(struct lg_transport *transport);
size_t lg_transport_waiting(const struct lg_transport *transport);    /* bytes not yet sent */
uint64_t lg_transport_heard_ms(const struct lg_transport *transport); /* when anything last came, on lg_now_ms()'s clock */

uint64_t lg_now_ms(void); /* monotonic */

#endif
