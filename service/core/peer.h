/*
 * peer.h - one connection, as the core sees it: who it is, what it has joined, what waits to be sent to it.
 *
 * Owns      the account, the handles of joined sessions, the outbox. The socket belongs to net.
 * Lifetime  net makes one per connection with peer_new and says peer_closed when the socket is gone; work in flight keeps it until it is done.
 * Thread    the loop thread.
 * Units     bytes, milliseconds.
 * Errors    answered to the peer as JSON-RPC errors; those that do not keep the connection end it through link->close.
 * Source    PROTOCOL.md.
 *
 * The core never writes to a socket. It hands whole text messages (frames) to link->write, which net passes on at once, and stops when link->is_full says
 * so; when the socket has room again net calls peer_writable and the core goes on: first answers, then ops from where the peer's cursor stands, then
 * pages. So nothing is queued per subscriber but answers, and these are bounded by the requests that may be in flight.
 */
#ifndef PEER_H
#define PEER_H

#include "proto/gl_buf.h"
#include "service/base/trace.h"

struct core; /* everything of one worker: core.h */
struct peer;

/* One encoded message, shared by everybody it goes to. FRAME_HEADROOM writable bytes lie before data. */
#define FRAME_HEADROOM 32
struct frame {
    unsigned refs;
    size_t len;
    size_t cap;
    char *data;
    size_t readers;         /* about so many get it; 0: few */
    struct frame *deflated; /* net's: the same, compressed; NULL: it was not made */
};
struct frame *frame_new(size_t cap); /* empty, room for cap bytes */
struct frame *frame_from(struct gl_slice bytes);
struct frame *frame_take(struct gl_buf *buf); /* what stands in it behind FRAME_HEADROOM bytes, not copied; buf is empty after */
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame **frame);

/* What went over a connection so far, in bytes of its socket, and how long a packet and its acknowledgement take. Behind a proxy: the way to the proxy. */
struct peer_traffic {
    uint64_t bytes_in, bytes_out, round_trip_us;
};

/* What net gives the core. None of these calls back into the core before it returns. */
struct peer_link {
    void *ctx;
    bool (*is_full)(void *ctx); /* the socket cannot take more now; peer_writable will be called */
    void (*write)(void *ctx,
                  struct frame *frame); /* sends, or keeps what the socket did not take; net takes a reference if it must */
    void (*close)(void *ctx, unsigned code,
                  const char *reason); /* with a WebSocket close code, once what was written is out; soon after: peer_closed */
    void (*traffic)(void *ctx, struct peer_traffic *traffic); /* may be NULL: nobody knows */
    const char *address;                                      /* of the other end, for the log */
    uint64_t number;                                          /* the connection's, for the log */
    struct trace trace; /* what its opening handshake said it belongs to; a request may say otherwise */
};

struct peer *peer_new(struct core *core, const struct peer_link *link);
void peer_receive(struct peer *peer, struct gl_slice message); /* one whole text message of at most max_frame_bytes */
void peer_writable(struct peer *peer);
void peer_closed(struct peer *peer); /* the link must not be used any more; peer may be freed at once */

#endif
