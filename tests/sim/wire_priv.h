/*
 * wire_priv.h - what the files of the wire share: a connection, and what is under way on it.
 *
 * wire.c            what is under way, the worker's end, a connection's life
 * wire_check.c      what a worker may write
 * wire_transport.c  libgloss's end
 *
 * Owns      a connection has its packets; they go with it when the seed ends.
 * Thread    one.
 */
#ifndef SIM_WIRE_PRIV_H
#define SIM_WIRE_PRIV_H

#include "clients/lib/transport.h"
#include "service/core/handler.h"
#include "tests/sim/wire.h"

struct packet {
    struct packet *next;
    struct frame *frame; /* to a client; NULL: the server closes */
    char *text;          /* to a worker */
    size_t len;
    uint64_t at_ms;
};
struct lane { /* one direction */
    struct packet *first, **last;
    uint64_t last_ms, stalled_until_ms, cut_at_ms;
};
struct conn {
    struct conn *next;
    struct worker *worker;
    uint64_t life;
    size_t person;
    struct peer *peer; /* NULL: that end is closed */
    struct lg_transport *transport;
    uint64_t dial; /* of the transport */
    wire_fn fn;
    void *fn_ctx;
    bool is_client_gone, is_closing, was_full;
    uint64_t peer_gone_ms;
    struct lane to_worker, to_client;
    size_t unread, window;
    unsigned close_code;
    uint64_t codebook
        [LOGS]; /* of a project's ops, those that a client that joined can know of: its log at the join, and what was written since */
    uint64_t told[LOGS];  /* the last op that was written of each, where it is joined; to hold promise 2 against */
    uint64_t shown[LOGS]; /* the newest op that was ever written of each: what it had erased is gone */
    bool is_told[LOGS], join_has_since[LOGS]; /* of projects, too: what project.ops brought */
    uint64_t join_id[LOGS], join_since[LOGS]; /* asked for, not answered */
    char address[24];
    struct packet *held, **held_tail; /* pages that others overtake */
};

/* wire.c */
struct conn *wire_conn_new(struct worker *worker, size_t person);
struct worker *wire_draw_worker(void);                          /* NULL: whoever was drawn takes nobody */
void wire_send_text(struct conn *conn, char *text, size_t len); /* takes it */

/* wire_check.c */
void wire_check(struct conn *conn, const struct frame *frame);
void wire_note_join(struct conn *conn, const struct gl_envelope *envelope); /* from where a session's ops will come */

/* wire_transport.c */
void wire_transport_lose(struct lg_transport *t, const struct conn *conn); /* if it is the one that it has */
void wire_transport_hear(struct lg_transport *t, struct frame *frame);
void wire_tell_down(struct lg_transport *t, enum lg_reason reason, unsigned close_code);

#endif
