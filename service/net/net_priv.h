/*
 * net_priv.h - what the files of net share. Nobody else includes it.
 *
 * server.c  the server, the library's context, deadlines     accept.c     taking connections from the listening sockets
 * conn.c    one connection and its states                    outgoing.c   what goes out: packing, being full, stalling
 * head.c    the head of a request, out of the library        handshake.c  judging it
 * deflate.h  compressing what goes to many
 * budget.c  each connection's share of a turn of the loop     arrival.c   newcomers, until TLS begins
 * exchange.c one plain request and its answer                tls.c        certificates
 * visitor.c how many connections one address has
 * callback.c where the library calls us
 */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include <libwebsockets.h>
#include <sys/queue.h>
#include <uv.h>

#include "service/base/networks.h"
#include "service/core/peer.h"
#include "service/net/deflate.h"
#include "service/net/frame.h"
#include "service/net/handshake.h"
#include "service/net/server.h"
#include "service/net/visitor.h"

#define CONN_MAGIC       0x676c6f63u
#define RECORD_BYTES     16384u /* the most that one TLS record carries */
#define FEW_FRAMES       4      /* of one connection at a time; more take memory until they are sent */
#define CLOSE_REASON_MAX 123    /* RFC 6455 5.5 */
#define ADDRESS_ROOM     56     /* 192.0.2.1:50000 or [2001:db8::1]:50000 */
#define HEAD_BYTES       16384  /* all header values of one request that are looked at */

/* ---- states of a connection (conn.c has the table) */

enum conn_state {
    CONN_ARRIVING,  /* TLS, then the head of its request */
    CONN_ASKING,    /* a plain request whose body is coming */
    CONN_ANSWERING, /* a plain request that is being answered */
    CONN_OPEN,      /* a WebSocket with a peer in the core */
    CONN_CLOSING,   /* gets its close frame at the end of a turn, behind everything else */
    CONN_CLOSED,    /* the close frame is on its way; theirs is awaited, or the library answers theirs */
    CONN_DEAD,      /* nothing more will be written; the library is about to close it */
    CONN_STATES
};

struct exchange;
TAILQ_HEAD(conn_list, conn);
#ifndef TAILQ_FOREACH_SAFE /* not in glibc */
#define TAILQ_FOREACH_SAFE(var, head, field, next)                                                                               \
    for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), 1); (var) = (next))
#endif

struct conn {
    unsigned magic;
    enum conn_state state;
    uint64_t number; /* in the log */
    struct net_server *server;
    struct lws *wsi;
    struct peer *peer;
    struct exchange *exchange; /* while a plain request is under way */
    TAILQ_ENTRY(conn)
    of_state; /* in the order in which they came to this state; OPEN: in the order in which they were last heard */
    TAILQ_ENTRY(conn) of_full;    /* while is_full */
    TAILQ_ENTRY(conn) of_unread;  /* while is_unread */
    TAILQ_ENTRY(conn) of_heard;   /* while was_heard: a message of it was read in this turn */
    TAILQ_ENTRY(conn) of_turn;    /* while is_in_turn: has something to send, or to be looked at, at the end of a turn */
    TAILQ_ENTRY(conn) of_pausing; /* while is_to_pause: at the end of a turn it is, if it is full or keeps something then */
    uint64_t since_ms;            /* in this state */
    uint64_t heard_ms;            /* anything */
    struct frame *few[FEW_FRAMES], **waiting; /* to be sent at the end of a turn; waiting may be few */
    size_t waiting_bytes, waiting_count, waiting_cap;
    bool is_full;   /* the library still holds what the socket did not take */
    bool is_unread; /* of what was sent something may not have arrived there; looked at once a second */
    bool is_paused; /* not read from, because it is full or keeps messages that were not handled yet */
    bool is_in_turn, is_to_pause, was_heard, is_pinged, upgrade_is_granted;
    bool takes_deflated; /* compressed messages */
    unsigned short close_code;
    uint64_t kept_bytes;  /* given to the library while it was full */
    uint64_t taken_bytes; /* what the other end had taken at taken_ms (TCP acknowledgements) */
    uint64_t taken_ms;
    struct assembly incoming;
    STAILQ_HEAD(, kept) kept;     /* whole messages beyond its share of the turn (budget.c) */
    TAILQ_ENTRY(conn) of_keeping; /* while there are any */
    uint64_t turn;                /* the last in which it was given a share */
    size_t turn_messages, turn_bytes;
    char *close_reason;      /* NULL: none */
    struct visitor *visitor; /* who comes from its address; NULL: nobody counts */
    struct trace trace;      /* of its opening handshake */
    char address[ADDRESS_ROOM];
};

struct acceptor {
    struct net_server *server;
    struct loop_watch *watch;
    int fd;
    size_t ready_count; /* newcomers from here who have all it takes to begin */
};

#define TICKET_PERIODS 2 /* of keys whose tickets are taken: this one and the one before */
struct ticket_keys {
    uint64_t period; /* which they are of; 0: of none yet */
    unsigned char name[16], cipher[32], mac[32];
};
struct tls_pair {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
    unsigned char ticket_secret[32];
    struct ticket_keys ticket_keys[TICKET_PERIODS];
};

struct net_server {
    struct loop *loop;
    struct core *core;
    struct net_config config;
    struct handshake_policy policy;
    struct lws_context *lws; /* the library clears it when it has let go of everything */
    struct lws_vhost *vhost;
    struct tls_pair tls;
    uv_prepare_t before_wait;
    uv_check_t after_wait;
    struct loop_timer *sweep;
    struct visitors visitors;
    struct network *proxies; /* who must say whose connections it passes on */
    size_t proxy_count;
    TAILQ_HEAD(, arrival) waiting, ready; /* newcomers: for their first word, and for TLS to begin (arrival.c) */
    size_t waiting_count, ready_count;
    uint64_t begun_ns; /* when some of those who were ready were begun the last time */
    bool has_ready;    /* somebody was left then */
    struct acceptor *acceptors;
    uint64_t accept_again_ms;       /* not before; after a want of descriptors */
    struct loop_timer *accept_soon; /* a descriptor is about to be free */
    uint64_t pause_told_ms;
    bool is_accepting, is_draining, has_killed;
    void (*drained)(void *);
    void *drained_ctx;
    struct conn_list states[CONN_STATES];
    size_t in_state[CONN_STATES];
    struct conn_list full, unread, turn, pausing, keeping, heard;
    uint64_t unread_ms;       /* when all of unread were looked at */
    uint64_t turn_number;     /* of the loop */
    size_t turn_written;      /* connections that were written to in it */
    size_t turn_heard;        /* connections that were given a share in it; */
    size_t turn_heard_before; /* and in the one before: what is kept is looked at before anybody else's turn has come */
    bool is_serving_later;
    size_t kept_max;     /* bytes that may be written to a full connection before it is given up */
    size_t bodies_bytes; /* of plain requests, all together */
    struct net_counts counts;
    unsigned char *record; /* RECORD_BYTES behind LWS_PRE: where frames of one connection are packed */
    char *scratch;         /* HEAD_BYTES: the head that is being judged */
    struct deflater *deflater;
};

/* conn.c */
struct conn *conn_new(struct net_server *server, struct lws *wsi, const char *address);
struct conn *conn_of(struct lws *wsi); /* NULL: not one of ours, or not yet */
void conn_free(struct conn *conn);     /* its wsi is gone */
void conn_move(struct conn *conn, enum conn_state to);
void conn_heard(struct conn *conn);
bool conn_open(struct conn *conn); /* the handshake is done */
int conn_receive(struct conn *conn, struct gl_slice piece);
void conn_handle(struct conn *conn, struct gl_slice message);
void conn_close(struct conn *conn, unsigned code, const char *reason);
void conn_kill(struct conn *conn);
int conn_closed_by_peer(struct conn *conn, struct gl_slice payload);
void conn_ended(struct conn *conn);  /* nothing more can be sent */
void conn_detach(struct conn *conn); /* tells the core, once; not from within the core */
void conn_sweep(struct net_server *server, uint64_t now_ms);

/* budget.c */
void budget_receive(struct conn *conn, struct gl_slice message); /* handles it, or keeps it for a later turn */
bool budget_is_keeping(const struct conn *conn);
void budget_serve_all(struct conn *conn); /* it has said goodbye: what came before that counts */
void budget_drop(struct conn *conn);
void budget_read_on(struct net_server *server); /* what else has come from those who were heard; not within the library's calls */
void budget_next_turn(struct net_server *server);

/* outgoing.c */
extern const struct peer_link outgoing_link;
int outgoing_writable(struct conn *conn); /* what the library's callback returns */
void outgoing_at_end_of_turn(struct net_server *server);
void outgoing_look_later(struct conn *conn);
void outgoing_pause_later(struct conn *conn);  /* not read from any more when this turn is over, if there is still a reason */
void outgoing_pause_others(struct conn *conn); /* of those, all but this one at once */
void outgoing_begin_turn(struct net_server *server);
void outgoing_read_again(struct conn *conn); /* unless there is still a reason not to; not within the library's reading */
void outgoing_ping(struct conn *conn);
void outgoing_close(struct conn *conn); /* not from within the core */
void outgoing_drop(struct conn *conn);
void outgoing_sweep(struct net_server *server, uint64_t now_ms);

/* head.c */
void head_read(struct lws *wsi, struct head *head, char *scratch, size_t room);
struct gl_slice head_value(struct lws *wsi, const char *name, char *scratch, size_t room);

/* exchange.c: each says what the library's callback returns */
int exchange_begin(struct conn *conn);
int exchange_body(struct conn *conn, struct gl_slice piece);
int exchange_body_end(struct conn *conn);
int exchange_writable(struct conn *conn);
int exchange_confirm_upgrade(struct conn *conn);
void exchange_drop(struct conn *conn); /* the connection has ended */

/* tls.c */
enum gl_code tls_load(struct tls_pair *pair, const char *certificate_path, const char *key_path, struct gl_err *err) GL_MUST_USE;
void tls_free(struct tls_pair *pair);
void tls_prepare(SSL_CTX *ctx, struct tls_pair *pair); /* pair is read at every handshake */

/* accept.c */
void accept_start(struct net_server *server);
void accept_look(struct net_server *server, uint64_t now_ms);  /* may it go on, must it pause? */
void accept_ended(struct net_server *server, uint64_t now_ms); /* a connection has */
void accept_free(struct net_server *server);                   /* takes no more, and lets go of the listening sockets */

void address_format(const struct sockaddr_storage *from, char *out, size_t room);

/* arrival.c */
void arrival_new(struct acceptor *acceptor, int fd, const struct sockaddr_storage *from); /* takes fd */
void arrival_begin_some(struct net_server *server);                                       /* at the end of a turn */
void arrival_sweep(struct net_server *server, uint64_t now_ms);
void arrival_drop_all(struct net_server *server); /* before the listening sockets go */

/* callback.c */
int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
void callback_log(int level, const char *line);

#endif
