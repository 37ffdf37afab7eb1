/*
 * wire.h - one WebSocket over TLS 1.3, a client's side of it, on a socket that never blocks. No library but OpenSSL.
 *
 * Owns      the socket, the TLS connection, what is half read or half written. The epoll instance is lent.
 * Lifetime  wire_init / wire_fini, embedded in yours; between them it may be opened and closed as often as one likes.
 * Thread    one at a time. The callbacks may close the wire; they must not fini it.
 * Units     bytes.
 * Errors    a connection that could not be made, or ended, is told by on_closed, once: the WebSocket's close code, or 1006.
 * Source    RFC 6455; PROTOCOL.md, "Connection".
 */
#ifndef WIRE_H
#define WIRE_H

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "proto/gl_buf.h"

#define WIRE_LOST  1006
#define WIRE_DOORS 16

struct wire;
struct wire_events {
    void (*on_open)(struct wire *wire);                             /* messages may be sent */
    void (*on_message)(struct wire *wire, struct gl_slice message); /* a whole one, text or binary; the bytes are lent */
    void (*on_closed)(struct wire *wire, unsigned code);
};
struct wire_shared { /* by all wires of a process */
    SSL_CTX *tls;
    int epoll;
    struct sockaddr_in doors[WIRE_DOORS]; /* addresses of one server, or of its nodes */
    size_t door_count;
    const struct wire_events *events;
    const char *subprotocol; /* that is offered; NULL: none */
    bool is_binary;          /* what is sent */
    bool took_binary;        /* the message that is being taken */
    unsigned char *room;     /* where bytes are read */
    uint64_t bytes_in, bytes_out, frames_in, frames_out;
    uint64_t handshakes, handshakes_resumed; /* TLS */
};
/* doors: [ADDRESS:]PORT, with a comma between; without address the loopback's. Whatever the address, the certificate must be for 127.0.0.1. */
bool wire_shared_init(struct wire_shared *shared, const char *doors, const char *ca_path, const struct wire_events *events);
void wire_shared_fini(struct wire_shared *shared);

enum wire_state { WIRE_CLOSED, WIRE_CONNECTING, WIRE_SHAKING, WIRE_UPGRADING, WIRE_OPEN };
struct wire {
    struct wire_shared *shared;
    enum wire_state state;
    int fd;
    SSL *ssl;
    SSL_SESSION *ticket; /* of the last connection, for the next one; NULL when none is wanted or there */
    bool keeps_ticket;
    size_t door;      /* of the shared ones: where it is opened */
    int rcvbuf;       /* what the kernel may receive for us; 0: as it likes */
    char path[64];    /* that is asked for */
    uint32_t watched; /* by epoll */
    bool is_watched;
    bool is_stopped;       /* not read from */
    bool is_corked;        /* what is sent waits, to leave in one write */
    uint64_t allowance;    /* bytes that may still be read; UINT64_MAX: any */
    struct gl_buf in, out; /* half a message; what the socket did not take */
    uint64_t mask;         /* of a generator: what is sent is masked */
};
void wire_init(struct wire *wire, struct wire_shared *shared);
void wire_fini(struct wire *wire);
bool wire_connect(struct wire *wire);
void wire_ready(struct wire *wire, uint32_t events); /* of epoll */
void wire_read(struct wire *wire);                   /* what is there, as far as the allowance goes */
void wire_stop_reading(struct wire *wire, bool is_stopped);
bool wire_is_full(const struct wire *wire); /* the socket takes nothing now */
void wire_send(struct wire *wire, struct gl_slice message);
void wire_cork(struct wire *wire); /* one that is not full: what is sent waits for wire_uncork */
void wire_uncork(struct wire *wire);
void wire_drop(struct wire *wire); /* as a cable does; on_closed is not called */

#endif
