/*
 * transport_priv.h - what transport.c and transport_lws.c share.
 *
 * How it hangs together: callbacks of libwebsockets only write into the transport (inbox, `ending`); events are made after uv_run
 * has
 * returned. Every connection attempt has a number, carried by its lws as opaque data, so that what an abandoned attempt still
 * says is
 * not heard.
 */
#ifndef LG_TRANSPORT_PRIV_H
#define LG_TRANSPORT_PRIV_H

#include <libwebsockets.h>
#include <uv.h>

#include "clients/lib/resolve.h"
#include "clients/lib/transport.h"
#include "clients/lib/trust.h"
#include "clients/lib/url.h"

#define LG_SUBPROTOCOL         "gloss.v1"
#define LG_SUBPROTOCOL_DEFLATE "gloss.v1.deflate" /* messages may come compressed; offered before the other */

enum lg_transport_state { IDLE, RESOLVING, CONNECTING, UP };

struct outgoing {
    struct outgoing *next;
    size_t len;
    unsigned char bytes[]; /* LWS_PRE bytes of room for the frame's head, then the message */
};

struct incoming {
    struct incoming *next;
    size_t len;
    bool is_deflated;
    char bytes[];
};

struct lg_transport {
    struct lg_url url;
    struct lg_trust *trust;
    uv_loop_t loop;
    bool has_loop;
    struct lws_context *context;
    unsigned reserve_spent; /* as it was when the connection began */
    int forgotten_fd;       /* of the context, which does not close it; -1: none */
    struct lws_protocols protocols[2];
    lws_log_cx_t silent;

    enum lg_transport_state state;
    uintptr_t attempt; /* number of the current one */
    struct lws *wsi;   /* of the current attempt */
    struct lg_resolve *resolve;
    uv_poll_t *resolve_poll;
    char addresses[LG_ADDRESSES_MAX][LG_ADDRESS_TEXT];
    size_t address_count, address_index;
    uint64_t deadline_ms, address_deadline_ms; /* of the whole try, of this address */

    struct gl_buf message; /* the one that is coming */
    struct incoming *inbox, **inbox_end, *taken;
    struct gl_buf text; /* of the one that was taken, if it came compressed */
    struct outgoing *outbox, **outbox_end;
    size_t outbox_bytes;
    uint64_t heard_ms;
    bool is_connected;   /* the socket; TLS and the WebSocket are still to come */
    bool takes_deflated; /* the server may send compressed messages */
    bool wants_ping;
    bool is_up_told;
    bool has_ended; /* ending is filled in and not told yet */
    bool next_address;
    struct lg_transport_event ending;
};

/* transport_lws.c */
enum gl_code lg_context_new(struct lg_transport *transport, struct gl_err *err) GL_MUST_USE; /* and its loop */
void lg_context_free(struct lg_transport *transport);
/* Memory that is kept for libwebsockets. False: there is none. *spent is for asking later whether it was needed since. */
bool lg_reserve_fill(unsigned *spent);
bool lg_reserve_was_spent(unsigned spent);
/* Notes why the connection ends; the first reason stays. */
void lg_transport_end(struct lg_transport *transport, enum lg_reason reason, enum gl_code code, const char *fmt, ...)
    GL_PRINTF(4, 5);
void lg_transport_end_nomem(struct lg_transport *transport);

/* transport_inflate.c. Appends the text. GL_E_FRAME_TOO_LARGE: beyond what out may hold; GL_E_MALFORMED; GL_E_NOMEM. */
enum gl_code lg_inflate(struct gl_slice deflated, struct gl_buf *out) GL_MUST_USE;

/* A write to a connection that the other end closed must not end the program, and SIGPIPE's disposition is not ours to change: it
 * is blocked while libwebsockets works, and taken away if it came. */
struct lg_pipe_guard {
    bool was_pending, was_blocked;
};
struct lg_pipe_guard lg_pipe_block(void);
void lg_pipe_restore(struct lg_pipe_guard guard);

#endif
