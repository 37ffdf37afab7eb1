/*
 * budget.c - how much of the loop one connection may have: a few messages a turn, whatever comes of them.
 *
 * Whoever sends as fast as it can has its messages read a TLS record at a time, and a record holds hundreds. A connection
 * that has had its share of the turn keeps the rest of what was read, whole messages in their order, and is not read from
 * until all of it was handled; what it sends meanwhile stays in the kernel's buffers, and then with the sender. In each turn
 * everybody who keeps something gets one share, refusals included: so whoever has one request waits for a share of each of
 * the others, never for all that they sent.
 *
 * The library reads one record each time that the loop looks, and a turn in which thousands were written to takes long: so what else has come from whoever was heard
 * is read before the next turn begins, as much as its share allows. Else whoever sends each request in a record of its own would have one served a turn, however
 * many wait, and each would be an append, and a record to everybody, of its own.
 *
 * A turn begins after the loop has looked at all sockets (budget_next_turn). While anything is kept something is deferred to
 * the next turn, so the loop does not wait and nobody is left unread.
 */
#include "service/base/mem.h"
#include "service/net/net_priv.h"
#include "service/net/socket.h"

#define SHARE_MESSAGES 8
#define ALONE_MESSAGES                                                                                                           \
    64 /* of one with which nobody else was heard in this turn and the last: an append of its session takes so many at most */
#define SHARE_BYTES 32768u /* reached: no further message in this turn; the first may be larger */

struct kept {
    STAILQ_ENTRY(kept) next;
    size_t len;
    char data[];
};

static bool has_share(struct conn *conn)
{
    struct net_server *server = conn->server;
    if (conn->turn != server->turn_number) {
        conn->turn = server->turn_number;
        conn->turn_messages = 0;
        conn->turn_bytes = 0;
        server->turn_heard++;
    }
    const bool is_alone = server->turn_heard <= 1 && server->turn_heard_before <= 1 &&
                          TAILQ_FIRST(&server->keeping) == TAILQ_LAST(&server->keeping, conn_list);
    return conn->turn_messages < (is_alone ? ALONE_MESSAGES : SHARE_MESSAGES) && conn->turn_bytes < SHARE_BYTES;
}

static void handle(struct conn *conn, struct gl_slice message)
{
    conn->turn_messages++;
    conn->turn_bytes += message.len;
    conn_handle(conn, message);
}

static void serve_later(struct net_server *server);

static void keep(struct conn *conn, struct gl_slice message)
{
    struct kept *kept = mem_alloc(sizeof *kept + message.len);
    kept->len = message.len;
    if (message.len > 0)
        memcpy(kept->data, message.data, message.len);
    if (STAILQ_EMPTY(&conn->kept)) {
        TAILQ_INSERT_TAIL(&conn->server->keeping, conn, of_keeping);
        serve_later(conn->server);
        outgoing_pause_later(conn);
        outgoing_pause_others(
            conn); /* where a thousand sockets are ready libuv looks at them again, many times, before the turn ends */
    }
    STAILQ_INSERT_TAIL(&conn->kept, kept, next);
    conn->server->counts.messages_kept++;
}

static struct kept *take_first(struct conn *conn)
{
    struct kept *kept = STAILQ_FIRST(&conn->kept);
    STAILQ_REMOVE_HEAD(&conn->kept, next);
    if (STAILQ_EMPTY(&conn->kept))
        TAILQ_REMOVE(&conn->server->keeping, conn, of_keeping);
    return kept;
}

static void handle_first(struct conn *conn)
{
    struct kept *kept = take_first(conn);
    handle(conn, gl_slice_of(kept->data, kept->len));
    mem_free(&kept);
}

void budget_receive(struct conn *conn, struct gl_slice message)
{
    if (!conn->was_heard) {
        conn->was_heard = true;
        TAILQ_INSERT_TAIL(&conn->server->heard, conn, of_heard);
    }
    if (STAILQ_EMPTY(&conn->kept) && has_share(conn))
        handle(conn, message);
    else
        keep(conn, message);
}

bool budget_is_keeping(const struct conn *conn)
{
    return !STAILQ_EMPTY(&conn->kept);
}

static void forget_heard(struct conn *conn)
{
    if (conn->was_heard)
        TAILQ_REMOVE(&conn->server->heard, conn, of_heard);
    conn->was_heard = false;
}

void budget_drop(struct conn *conn)
{
    forget_heard(conn);
    while (!STAILQ_EMPTY(&conn->kept)) {
        struct kept *kept = take_first(conn);
        mem_free(&kept);
    }
}

void budget_serve_all(struct conn *conn)
{
    while (!STAILQ_EMPTY(&conn->kept))
        handle_first(conn);
}

static void serve(void *ctx)
{
    struct net_server *server = ctx;
    /* Only those that are there now; whoever still keeps something goes behind all others. Nothing is kept, dropped or freed
     * meanwhile: that happens within the library's calls. */
    struct conn *last = TAILQ_LAST(&server->keeping, conn_list), *conn = NULL;
    server->is_serving_later = false;
    while (conn != last) {
        conn = TAILQ_FIRST(&server->keeping);
        TAILQ_REMOVE(&server->keeping, conn, of_keeping);
        TAILQ_INSERT_TAIL(&server->keeping, conn, of_keeping);
        while (!STAILQ_EMPTY(&conn->kept) && has_share(conn))
            handle_first(conn);
        if (STAILQ_EMPTY(&conn->kept))
            outgoing_read_again(conn);
    }
    if (!TAILQ_EMPTY(&server->keeping))
        serve_later(server);
}

static void serve_later(struct net_server *server)
{
    if (server->is_serving_later)
        return;
    server->is_serving_later = true;
    loop_defer(server->loop, serve, server);
}

static bool may_read(struct conn *conn)
{
    return conn->state == CONN_OPEN && !conn->is_paused && !conn->is_full && !budget_is_keeping(conn) && has_share(conn) &&
           socket_has_input(lws_get_socket_fd(conn->wsi));
}

/* Whoever has a message read is heard again, and looked at again. */
void budget_read_on(struct net_server *server)
{
    struct conn *conn;
    while (server->lws && (conn = TAILQ_FIRST(&server->heard))) {
        forget_heard(conn);
        if (!may_read(conn))
            continue;
        struct lws_pollfd fd = {.fd = lws_get_socket_fd(conn->wsi), .events = LWS_POLLIN, .revents = LWS_POLLIN};
        lws_service_fd(server->lws, &fd); /* the connection may be gone then */
    }
}

void budget_next_turn(struct net_server *server)
{
    server->turn_number++;
    server->turn_heard_before = server->turn_heard;
    server->turn_heard = 0;
}
