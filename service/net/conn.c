/* conn.c - one connection: its states, how long it may stay in each, and what comes in when it is a WebSocket. */
#include <assert.h>

#include "proto/model/text.h"
#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/net_priv.h"
#include "service/net/socket.h"

#define CLOSE_PROTOCOL    1002
#define CLOSE_UNSUPPORTED 1003
#define CLOSE_NOT_UTF8    1007
#define CLOSE_TOO_LARGE   1009

/* How long a connection may stay; 0: as long as it likes. ARRIVING is a setting. Whoever stays longer is cut off. */
static const struct {
    uint64_t ms;
    const char *too_long; /* said in the log; NULL: nothing */
} states[CONN_STATES] = {
    [CONN_ARRIVING] = {0, "no request came in time"},
    [CONN_ASKING] = {30000, "the request's body did not come in time"},
    [CONN_ANSWERING] = {60000, "the answer could not be given in time"},
    [CONN_OPEN] = {0, NULL},
    [CONN_CLOSING] = {5000, NULL},
    [CONN_CLOSED] = {5000, NULL},
    [CONN_DEAD] = {0, NULL},
};

struct conn *conn_new(struct net_server *server, struct lws *wsi, const char *address)
{
    struct conn *conn = mem_alloc(sizeof *conn);
    conn->magic = CONN_MAGIC;
    conn->server = server;
    conn->wsi = wsi;
    conn->state = CONN_ARRIVING;
    conn->number = server->counts.accepted;
    conn->since_ms = conn->heard_ms = loop_now_ms(server->loop);
    snprintf(conn->address, sizeof conn->address, "%s", address);
    STAILQ_INIT(&conn->kept);
    TAILQ_INSERT_TAIL(&server->states[CONN_ARRIVING], conn, of_state);
    server->in_state[CONN_ARRIVING]++;
    server->counts.connections++;
    lws_set_opaque_user_data(wsi, conn);
    return conn;
}

struct conn *conn_of(struct lws *wsi)
{
    struct conn *conn = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    assert(!conn || conn->magic == CONN_MAGIC);
    return conn;
}

void conn_detach(struct conn *conn)
{
    struct peer *peer = conn->peer;
    conn->peer = NULL;
    if (peer)
        peer_closed(peer);
}

void conn_ended(struct conn *conn)
{
    if (conn->state != CONN_DEAD)
        conn_move(conn, CONN_DEAD);
    outgoing_drop(conn);
    budget_drop(conn);
    conn_detach(conn);
    exchange_drop(conn);
}

void conn_free(struct conn *conn)
{
    struct net_server *server = conn->server;
    conn_ended(conn);
    assembly_reset(&conn->incoming);
    TAILQ_REMOVE(&server->states[conn->state], conn, of_state);
    server->in_state[conn->state]--;
    server->counts.connections--;
    mem_free(&conn->close_reason);
    visitor_leaves(&conn->visitor);
    lws_set_opaque_user_data(conn->wsi, NULL);
    conn->magic = 0;
    mem_free(&conn);
    accept_ended(server, loop_now_ms(server->loop));
}

void conn_move(struct conn *conn, enum conn_state to)
{
    struct net_server *server = conn->server;
    assert(to > conn->state || (to == conn->state && to == CONN_OPEN)); /* never back */
    TAILQ_REMOVE(&server->states[conn->state], conn, of_state);
    server->in_state[conn->state]--;
    conn->state = to;
    TAILQ_INSERT_TAIL(&server->states[to], conn, of_state);
    server->in_state[to]++;
    conn->since_ms = loop_now_ms(server->loop);
}

void conn_heard(struct conn *conn)
{
    uint64_t now = loop_now_ms(conn->server->loop);
    if (!conn->is_pinged && now - conn->heard_ms < conn->server->config.ping_ms / 16)
        return; /* exact enough, and the list stays as it is */
    conn->heard_ms = now;
    conn->is_pinged = false;
    if (conn->state == CONN_OPEN)
        conn_move(conn, CONN_OPEN);
}

bool conn_open(struct conn *conn)
{
    struct peer_link link = outgoing_link;
    if (conn->state != CONN_ARRIVING)
        return false;
    conn_move(conn, CONN_OPEN);
    conn->heard_ms = loop_now_ms(conn->server->loop);
    link.ctx = conn;
    conn->takes_deflated = strcmp(lws_get_protocol(conn->wsi)->name, WEBSOCKET_PROTOCOL_DEFLATE) == 0;
    link.address = conn->address;
    link.number = conn->number;
    link.trace = conn->trace;
    conn->peer = peer_new(conn->server->core, &link); /* may have called conn_close() */
    return true;
}

/* The library would check it piece by piece (LWS_SERVER_OPTION_VALIDATE_UTF8), but takes a pong that comes in between for a
 * part of the text, and does not see that one ends within a character when its last frame is empty. A NUL is UTF-8; the core
 * does not like it. */
static bool is_utf8(struct gl_slice text)
{
    return gl_utf8_check(text, NULL) != GL_E_INVALID_UTF8;
}

void conn_handle(struct conn *conn, struct gl_slice message)
{
    if (conn->state != CONN_OPEN)
        return;
    conn->server->counts.messages_in++;
    log_set_context(&(struct log_context){.connection = conn->number, .trace = conn->trace});
    if (is_utf8(message))
        peer_receive(conn->peer, message);
    else
        conn_close(conn, CLOSE_NOT_UTF8, "the message is not UTF-8");
    log_set_context(NULL);
}

/* What came before still counts. */
static void refuse(struct conn *conn, unsigned code, const char *reason)
{
    budget_serve_all(conn);
    conn_close(conn, code, reason);
}

int conn_receive(struct conn *conn, struct gl_slice piece)
{
    struct net_server *server = conn->server;
    struct gl_slice message;
    conn_heard(conn);
    if (conn->state != CONN_OPEN)
        return 0;
    if (lws_frame_is_binary(conn->wsi)) {
        refuse(conn, CLOSE_UNSUPPORTED, "messages are text");
        return 0;
    }
    switch (assembly_add(&conn->incoming, piece, lws_remaining_packet_payload(conn->wsi), lws_is_final_fragment(conn->wsi),
                         server->config.max_frame_bytes, &message)) {
    case ASSEMBLY_MORE: break;
    case ASSEMBLY_TOO_LARGE: refuse(conn, CLOSE_TOO_LARGE, "the message is larger than the server takes"); break;
    case ASSEMBLY_WHOLE:
        budget_receive(conn, message);
        assembly_reset(&conn->incoming);
        break;
    }
    return 0;
}

/* Cut where a character begins: a close reason is UTF-8 too. */
static size_t fit_reason(const char *reason)
{
    size_t len = strlen(reason);
    if (len <= CLOSE_REASON_MAX)
        return len;
    len = CLOSE_REASON_MAX;
    while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void conn_close(struct conn *conn, unsigned code, const char *reason)
{
    if (conn->state != CONN_OPEN)
        return;
    conn->close_code = (unsigned short)code;
    conn->close_reason = reason && *reason ? mem_copy(reason, fit_reason(reason)) : NULL;
    assembly_reset(&conn->incoming);
    conn_move(conn, CONN_CLOSING);
    outgoing_look_later(conn);
}

void conn_kill(struct conn *conn)
{
    if (conn->state == CONN_DEAD)
        return;
    conn_move(conn, CONN_DEAD);
    if (conn->is_full)
        socket_abandon(lws_get_socket_fd(conn->wsi));
    outgoing_drop(conn);
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    conn->server->has_killed = true; /* the library looks at its clock only when it is woken */
}

/* Says what the callback returns: 0 lets the library answer with the same code, anything else hangs up. */
int conn_closed_by_peer(struct conn *conn, struct gl_slice payload)
{
    bool has_reason = payload.len > 2;
    budget_serve_all(conn);
    if (conn->state == CONN_CLOSED || conn->state == CONN_DEAD)
        return -1; /* it is the answer to ours */
    outgoing_drop(conn);
    if (payload.len == 1 || (has_reason && !is_utf8(gl_slice_of(payload.data + 2, payload.len - 2)))) {
        conn->close_code = payload.len == 1 ? CLOSE_PROTOCOL : CLOSE_NOT_UTF8;
        outgoing_close(conn);
        return -1;
    }
    conn_move(conn, CONN_CLOSED);
    conn_detach(conn);
    return 0;
}

static void cut_off(struct conn *conn)
{
    if (states[conn->state].too_long) {
        conn->server->counts.timed_out++;
        log_event(LOG_INFO, EV_handshake_refused, F_STR("reason", states[conn->state].too_long), F_STR("address", conn->address));
    }
    conn_kill(conn);
}

/* What the kernel still has for it goes, too, instead of being sent again and again. */
static void take_for_gone(struct conn *conn)
{
    socket_abandon(lws_get_socket_fd(conn->wsi));
    conn_kill(conn);
}

static void sweep_silent(struct net_server *server, uint64_t now_ms)
{
    struct conn *conn, *next;
    TAILQ_FOREACH_SAFE(conn, &server->states[CONN_OPEN], of_state, next)
    {
        uint64_t silent_ms = now_ms - conn->heard_ms;
        if (silent_ms < server->config.ping_ms)
            break; /* whoever comes after was heard later */
        if (conn->is_paused)
            continue; /* we are not listening to it */
        if (silent_ms >= server->config.gone_ms)
            take_for_gone(conn);
        else if (!conn->is_pinged)
            outgoing_ping(conn);
    }
}

void conn_sweep(struct net_server *server, uint64_t now_ms)
{
    for (int state = 0; state < CONN_STATES; state++) {
        uint64_t limit_ms = state == CONN_ARRIVING ? server->config.hello_ms : states[state].ms;
        struct conn *conn;
        while (limit_ms > 0 && (conn = TAILQ_FIRST(&server->states[state])) && now_ms - conn->since_ms >= limit_ms)
            cut_off(conn);
    }
    sweep_silent(server, now_ms);
}
