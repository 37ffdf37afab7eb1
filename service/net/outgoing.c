/*
 * outgoing.c - what goes out on a WebSocket.
 *
 * A message is written from the sender's own bytes, at the end of the loop's turn. When several wait for one connection they
 * are packed into one TLS record: a record costs 6 to 8 microseconds, a message in a record that goes out anyway 0.4. We
 * make the frame headers ourselves and hand the library raw bytes; its own framing would keep a state per connection that a
 * message written while it is still sending the last one upsets.
 *
 * A turn writes to so many connections and no more (TURN_WRITES), in the order in which they had something to be sent. What comes while
 * a thousand are written to is read, judged and on its way to the database before the last of them has its message; who waits gets what
 * is told meanwhile in the same record. What comes to a record's worth is written at once: more must not wait.
 *
 * What the socket does not take the library keeps (a copy), and the connection is full until that has gone. A full
 * connection is asked for nothing new by the core, and is not read from: so a client that sends and does not read costs no
 * more than one TLS record of requests.
 */
#include <assert.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/net_priv.h"
#include "service/net/socket.h"

_Static_assert(FRAME_HEADROOM >= LWS_PRE, "the library may write before a message");
_Static_assert(FRAME_HEADROOM >= FRAME_HEADER_MAX, "the frame header stands before a message");

#define TURN_WRITES     128 /* 1 to 2 ms; with 64, where many are told something of their own, all of them wait longer */
#define CLOSE_TRY_LATER 1013
#define UNREAD_EVERY_MS 1000
#define LAST_CHANCE_MS  1000 /* for one that stalled, to read why it is closed */
#define PING_TEXT       "gloss"

void outgoing_look_later(struct conn *conn)
{
    if (conn->is_in_turn)
        return;
    conn->is_in_turn = true;
    TAILQ_INSERT_TAIL(&conn->server->turn, conn, of_turn);
}

void outgoing_pause_later(struct conn *conn)
{
    if (conn->is_to_pause)
        return;
    conn->is_to_pause = true;
    TAILQ_INSERT_TAIL(&conn->server->pausing, conn, of_pausing);
}

/* The form in which it takes a message; NULL: as text. */
static struct frame *deflated_for(const struct conn *conn, struct frame *frame)
{
    return conn->takes_deflated ? deflate_for_many(conn->server->deflater, frame) : NULL;
}

static void add_waiting(struct conn *conn, struct frame *frame)
{
    const struct frame *deflated = deflated_for(conn, frame);
    if (conn->waiting_count == conn->waiting_cap) {
        size_t cap = conn->waiting_cap ? 4 * conn->waiting_cap : FEW_FRAMES;
        struct frame **more = cap == FEW_FRAMES ? conn->few : mem_array(cap, sizeof *more);
        if (conn->waiting_count > 0)
            memcpy(more, conn->waiting, conn->waiting_count * sizeof *more);
        if (conn->waiting != conn->few)
            mem_free(&conn->waiting);
        conn->waiting = more;
        conn->waiting_cap = cap;
    }
    conn->waiting[conn->waiting_count++] = frame_ref(frame);
    conn->waiting_bytes += (deflated ? deflated : frame)->len + FRAME_HEADER_MAX;
}

static void drop_waiting(struct conn *conn)
{
    while (conn->waiting_count > 0)
        frame_unref(&conn->waiting[--conn->waiting_count]);
    if (conn->waiting != conn->few)
        mem_free(&conn->waiting);
    conn->waiting = NULL;
    conn->waiting_cap = conn->waiting_bytes = 0;
}

void outgoing_drop(struct conn *conn)
{
    drop_waiting(conn);
    if (conn->is_in_turn)
        TAILQ_REMOVE(&conn->server->turn, conn, of_turn);
    if (conn->is_full)
        TAILQ_REMOVE(&conn->server->full, conn, of_full);
    if (conn->is_unread)
        TAILQ_REMOVE(&conn->server->unread, conn, of_unread);
    if (conn->is_to_pause)
        TAILQ_REMOVE(&conn->server->pausing, conn, of_pausing);
    conn->is_in_turn = conn->is_full = conn->is_unread = conn->is_to_pause = false;
}

/* ---- being full */

static uint64_t acknowledged(struct conn *conn)
{
    return socket_acknowledged(lws_get_socket_fd(conn->wsi));
}

static void look_whether_full(struct conn *conn)
{
    if (conn->is_full || !lws_partial_buffered(conn->wsi))
        return;
    conn->is_full = true;
    conn->kept_bytes = 0;
    TAILQ_INSERT_TAIL(&conn->server->full, conn, of_full);
    outgoing_pause_later(conn);
}

/* Not while the library has bytes of it that were not handled: it would put them back in the wrong order, and give the connection
 * up after a hundred tries. */
static bool may_pause(const struct conn *conn)
{
    SSL *ssl = lws_get_ssl(conn->wsi);
    return !ssl || SSL_pending(ssl) == 0;
}

/* All of them, however few are written to: so what is kept of one is a record's worth. */
static void pause_all(struct net_server *server, const struct conn *but)
{
    struct conn *conn, *next;
    TAILQ_FOREACH_SAFE(conn, &server->pausing, of_pausing, next)
    {
        const bool has_reason = conn->state == CONN_OPEN && !conn->is_paused && (conn->is_full || budget_is_keeping(conn));
        if (conn == but || (has_reason && !may_pause(conn)))
            continue;
        TAILQ_REMOVE(&server->pausing, conn, of_pausing);
        conn->is_to_pause = false;
        if (!has_reason)
            continue;
        conn->is_paused = true;
        lws_rx_flow_control(conn->wsi, 0);
    }
}

void outgoing_pause_others(struct conn *conn)
{
    pause_all(conn->server, conn);
}

void outgoing_read_again(struct conn *conn)
{
    if (!conn->is_paused || conn->is_full || budget_is_keeping(conn) || conn->state == CONN_DEAD)
        return;
    conn->is_paused = false;
    lws_rx_flow_control(conn->wsi, 1);
    conn_heard(conn);
}

static void stall(struct conn *conn, const char *reason)
{
    conn->server->counts.stalled++;
    log_event(LOG_INFO, EV_peer_stalled, F_STR("reason", reason), F_STR("address", conn->address));
}

/* Whether it has taken something since it was looked at last. */
static bool has_taken(struct conn *conn, uint64_t now_ms)
{
    const uint64_t taken = acknowledged(conn);
    if (taken == conn->taken_bytes)
        return false;
    conn->taken_bytes = taken;
    conn->taken_ms = now_ms;
    return true;
}

/* Somebody stops reading long before the kernel's buffers are full, and how long before depends on how much is sent: it counts from then. */
static void sweep_unread(struct net_server *server, uint64_t now_ms)
{
    struct conn *conn, *next;
    server->unread_ms = now_ms;
    TAILQ_FOREACH_SAFE(conn, &server->unread, of_unread, next)
    {
        if (conn->is_full || !has_taken(conn, now_ms) || socket_has_unread(lws_get_socket_fd(conn->wsi)))
            continue;
        conn->is_unread = false;
        TAILQ_REMOVE(&server->unread, conn, of_unread);
    }
}

static void note_sent(struct conn *conn)
{
    if (conn->is_unread)
        return;
    conn->is_unread = true;
    conn->taken_bytes = UINT64_MAX; /* at the next look it is known how much that is */
    conn->taken_ms = loop_now_ms(conn->server->loop);
    TAILQ_INSERT_TAIL(&conn->server->unread, conn, of_unread);
}

void outgoing_sweep(struct net_server *server, uint64_t now_ms)
{
    struct conn *conn, *next;
    if (now_ms - server->unread_ms >= UNREAD_EVERY_MS)
        sweep_unread(server, now_ms);
    TAILQ_FOREACH_SAFE(conn, &server->full, of_full, next)
    {
        if (has_taken(conn, now_ms)) {
            continue;
        } else if (conn->state == CONN_OPEN && now_ms - conn->taken_ms >= server->config.stall_ms) {
            stall(conn, "nothing was read for too long");
            conn_close(conn, CLOSE_TRY_LATER, "you did not read; connect again and go on from what you have");
        } else if (conn->state > CONN_OPEN && now_ms - conn->taken_ms >= server->config.stall_ms + LAST_CHANCE_MS) {
            conn_kill(conn);
        }
    }
}

/* ---- sending */

static bool send_records(struct conn *conn, unsigned char *bytes, size_t len)
{
    while (len > 0) {
        bool is_kept = lws_partial_buffered(conn->wsi);
        size_t part = len > RECORD_BYTES && !is_kept ? RECORD_BYTES : len;
        if (lws_write(conn->wsi, bytes, part, LWS_WRITE_RAW) < 0) {
            conn_kill(conn);
            return false;
        }
        if (is_kept)
            conn->kept_bytes += part;
        conn->server->counts.records_out++;
        bytes += part;
        len -= part;
    }
    return true;
}

static bool send_bytes(struct conn *conn, unsigned char *bytes, size_t len)
{
    conn->server->counts.bytes_out += len;
    note_sent(conn);
    if (len <= RECORD_BYTES)
        return send_records(conn, bytes, len);
    const int fd = lws_get_socket_fd(conn->wsi);
    socket_hold(fd, true);
    const bool is_well = send_records(conn, bytes, len);
    socket_hold(fd, false);
    return is_well;
}

/* Sends what waits: a single message from where it is, several packed. */
static void flush(struct conn *conn)
{
    struct net_server *server = conn->server;
    unsigned char *record = server->record + LWS_PRE;
    size_t used = 0;
    bool is_alone = conn->waiting_count == 1, is_well = true;

    for (size_t i = 0; i < conn->waiting_count && is_well; i++) {
        struct frame *deflated = deflated_for(conn, conn->waiting[i]);
        struct frame *frame = deflated ? deflated : conn->waiting[i];
        unsigned char *data = (unsigned char *)frame->data;
        size_t header = frame_put_header(data, frame->len, deflated ? FRAME_BINARY : FRAME_TEXT), total = header + frame->len;
        if (used > 0 && used + total > RECORD_BYTES) {
            is_well = send_bytes(conn, record, used);
            used = 0;
        }
        if (!is_well)
            break;
        if (is_alone || total > RECORD_BYTES) {
            is_well = send_bytes(conn, data - header, total);
        } else {
            memcpy(record + used, data - header, total);
            used += total;
        }
        server->counts.messages_out++;
    }
    if (is_well && used > 0)
        is_well = send_bytes(conn, record, used);
    drop_waiting(conn);
    if (!is_well)
        return;
    look_whether_full(conn);
    if (conn->kept_bytes > server->kept_max) {
        stall(conn, "too much waits for it");
        conn_kill(conn);
    }
}

static bool link_is_full(void *ctx)
{
    struct conn *conn = ctx;
    return conn->state != CONN_OPEN || conn->is_full;
}

static void link_write(void *ctx, struct frame *frame)
{
    struct conn *conn = ctx;
    if (conn->state != CONN_OPEN)
        return;
    add_waiting(conn, frame);
    outgoing_look_later(conn);
    if (conn->waiting_bytes >= RECORD_BYTES)
        flush(conn);
}

static void link_close(void *ctx, unsigned code, const char *reason)
{
    conn_close(ctx, code, reason);
}

static void link_traffic(void *ctx, struct peer_traffic *traffic)
{
    const struct conn *conn = ctx;
    socket_traffic(lws_get_socket_fd(conn->wsi), &traffic->bytes_in, &traffic->bytes_out, &traffic->round_trip_us);
}

const struct peer_link outgoing_link = {
    .is_full = link_is_full, .write = link_write, .close = link_close, .traffic = link_traffic};

/* A control frame: at most 125 bytes. */
static void send_control(struct conn *conn, enum frame_opcode opcode, const void *payload, size_t len)
{
    unsigned char *data = conn->server->record + LWS_PRE + FRAME_HEADER_MAX;
    memcpy(data, payload, len);
    size_t header = frame_put_header(data, len, opcode);
    if (send_bytes(conn, data - header, header + len))
        look_whether_full(conn);
}

void outgoing_ping(struct conn *conn)
{
    conn->is_pinged = true;
    send_control(conn, FRAME_PING, PING_TEXT,
                 sizeof PING_TEXT - 1); /* the library tells of a pong only when something is in it */
}

/* Ours, not the library's (lws_close_reason): its debugging aids close a second time at once, and then the frame is never
 * sent. It goes behind whatever the library still holds. */
void outgoing_close(struct conn *conn)
{
    char payload[2 + CLOSE_REASON_MAX] = {(char)(conn->close_code >> 8), (char)(conn->close_code & 0xff)};
    size_t len = conn->close_reason ? strlen(conn->close_reason) : 0;
    if (len > 0)
        memcpy(payload + 2, conn->close_reason, len);
    send_control(conn, FRAME_CLOSE, payload, 2 + len);
    if (conn->state < CONN_CLOSED)
        conn_move(conn, CONN_CLOSED);
    conn_detach(conn);
}

void outgoing_begin_turn(struct net_server *server)
{
    server->turn_written = 0;
}

void outgoing_at_end_of_turn(struct net_server *server)
{
    /* Only those that are there now: some come again, to be looked at in the next turn. */
    struct conn *last = TAILQ_LAST(&server->turn, conn_list), *conn = NULL;
    while (conn != last && server->turn_written < TURN_WRITES && (conn = TAILQ_FIRST(&server->turn))) {
        TAILQ_REMOVE(&server->turn, conn, of_turn);
        conn->is_in_turn = false;
        if (conn->waiting_count > 0) {
            server->turn_written++;
            flush(conn);
        }
        if (conn->state == CONN_CLOSING)
            outgoing_close(conn);
    }
    pause_all(server, NULL);
}

int outgoing_writable(struct conn *conn)
{
    bool was_full = conn->is_full;
    if (lws_partial_buffered(conn->wsi))
        return 0;
    if (was_full) {
        conn->is_full = false;
        conn->kept_bytes = 0;
        TAILQ_REMOVE(&conn->server->full, conn, of_full);
    }
    outgoing_read_again(conn);
    if (conn->state == CONN_OPEN && was_full)
        peer_writable(conn->peer);
    return 0;
}
