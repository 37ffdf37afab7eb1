#include "tests/bench/load/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK   "127.0.0.1" /* what every certificate of a test is for */
#define ROOM_BYTES (256u * 1024)
#define MOST_BYTES (16u * 1024 * 1024) /* of one message */
#define HEADER_MAX 14
#define TEXT       0x1
#define BINARY     0x2
#define CLOSE      0x8
#define PING       0x9
#define PONG       0xA
#define KEY        "Z2xvc3MgbG9hZCBnZW4uLg=="
#define ACCEPT     "1W1hOme+etLSJZv7x5PghwD5TR4="

/* ---- what all share */

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct wire *wire = SSL_get_app_data(ssl);
    if (!wire || !wire->keeps_ticket)
        return 0;
    SSL_SESSION_free(wire->ticket);
    wire->ticket = SSL_SESSION_dup(session); /* the one that is in use is spoilt when its connection is lost */
    return 0;
}

static bool read_door(struct sockaddr_in *door, const char *word, size_t len)
{
    char text[64];
    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, word, len);
    text[len] = 0;
    char *colon = strchr(text, ':'), *end = NULL;
    const unsigned long port = strtoul(colon ? colon + 1 : text, &end, 10);
    if (colon)
        *colon = 0;
    *door = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return *end == 0 && port > 0 && port < 65536 && inet_pton(AF_INET, colon ? text : LOOPBACK, &door->sin_addr) == 1;
}

static bool read_doors(struct wire_shared *shared, const char *doors)
{
    for (const char *word = doors; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL)
        if (shared->door_count == WIRE_DOORS || !read_door(&shared->doors[shared->door_count++], word, strcspn(word, ",")))
            return false;
    return true;
}

bool wire_shared_init(struct wire_shared *shared, const char *doors, const char *ca_path, const struct wire_events *events)
{
    *shared = (struct wire_shared){.events = events};
    if (!read_doors(shared, doors))
        return false;
    shared->epoll = epoll_create1(EPOLL_CLOEXEC);
    shared->room = OPENSSL_malloc(ROOM_BYTES);
    shared->tls = SSL_CTX_new(TLS_client_method());
    if (shared->epoll < 0 || !shared->room || !shared->tls || SSL_CTX_load_verify_locations(shared->tls, ca_path, NULL) != 1)
        return false;
    SSL_CTX_set_min_proto_version(shared->tls, TLS1_3_VERSION);
    SSL_CTX_set_verify(shared->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(shared->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(shared->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(shared->tls, keep_ticket);
    return true;
}

void wire_shared_fini(struct wire_shared *shared)
{
    SSL_CTX_free(shared->tls);
    OPENSSL_free(shared->room);
    if (shared->epoll >= 0)
        close(shared->epoll);
}

/* ---- one: its beginning and end */

void wire_init(struct wire *wire, struct wire_shared *shared)
{
    *wire = (struct wire){.shared = shared, .fd = -1, .allowance = UINT64_MAX, .mask = (uintptr_t)wire | 1};
    gl_buf_init(&wire->in, MOST_BYTES);
    gl_buf_init(&wire->out, MOST_BYTES);
}

void wire_drop(struct wire *wire)
{
    if (wire->ssl) {
        SSL_set_app_data(wire->ssl, NULL);
        SSL_free(wire->ssl);
    }
    if (wire->fd >= 0)
        close(wire->fd);
    wire->ssl = NULL;
    wire->fd = -1;
    wire->state = WIRE_CLOSED;
    wire->is_watched = wire->is_corked = false;
    gl_buf_fini(&wire->in);
    gl_buf_fini(&wire->out);
    gl_buf_init(&wire->in, MOST_BYTES);
    gl_buf_init(&wire->out, MOST_BYTES);
}

void wire_fini(struct wire *wire)
{
    wire_drop(wire);
    SSL_SESSION_free(wire->ticket);
    wire->ticket = NULL;
}

static void end(struct wire *wire, unsigned code)
{
    if (wire->state == WIRE_CLOSED)
        return;
    wire_drop(wire);
    wire->shared->events->on_closed(wire, code);
}

/* What epoll is to tell of: what can be read unless it must not be, room to write when something waits. */
static void watch(struct wire *wire, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.ptr = wire};
    if (wire->is_watched && wanted == wire->watched)
        return;
    epoll_ctl(wire->shared->epoll, wire->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, wire->fd, &event);
    wire->is_watched = true;
    wire->watched = wanted;
}

static void watch_again(struct wire *wire)
{
    bool may_read = !wire->is_stopped && wire->allowance > 0;
    uint32_t reading = may_read ? EPOLLIN | EPOLLRDHUP : wire->is_stopped ? EPOLLRDHUP : 0;
    if (wire->state != WIRE_CLOSED)
        watch(wire, reading | (wire->out.len > 0 ? EPOLLOUT : 0u));
}

bool wire_connect(struct wire *wire)
{
    struct wire_shared *shared = wire->shared;
    int on = 1;
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return false;
    if (wire->rcvbuf)
        setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUF, &wire->rcvbuf, sizeof wire->rcvbuf);
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wire->state = WIRE_CONNECTING;
    wire->is_stopped = false;
    if (connect(wire->fd, (const struct sockaddr *)&shared->doors[wire->door], sizeof *shared->doors) != 0 &&
        errno != EINPROGRESS) {
        wire_drop(wire);
        return false;
    }
    watch(wire, EPOLLOUT);
    return true;
}

static void begin_tls(struct wire *wire)
{
    wire->ssl = SSL_new(wire->shared->tls);
    SSL_set_app_data(wire->ssl, wire);
    SSL_set_fd(wire->ssl, wire->fd);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(wire->ssl), LOOPBACK);
    if (wire->ticket)
        SSL_set_session(wire->ssl, wire->ticket);
    SSL_set_connect_state(wire->ssl);
    wire->state = WIRE_SHAKING;
}

/* ---- writing */

static void flush(struct wire *wire)
{
    size_t sent = 0;
    ERR_clear_error();
    while (sent < wire->out.len) {
        int n = SSL_write(wire->ssl, wire->out.data + sent, (int)(wire->out.len - sent));
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    wire->shared->bytes_out += sent;
    if (sent == wire->out.len) {
        gl_buf_clear(&wire->out);
    } else if (sent > 0) {
        memmove(wire->out.data, wire->out.data + sent, wire->out.len - sent);
        wire->out.len -= sent;
    }
    watch_again(wire);
}

bool wire_is_full(const struct wire *wire)
{
    return wire->out.len > 0 && !wire->is_corked;
}

static void put_frame(struct wire *wire, unsigned opcode, struct gl_slice payload)
{
    unsigned char header[HEADER_MAX] = {(unsigned char)(0x80 | opcode)};
    size_t len = 2;
    header[1] = (unsigned char)(0x80 | (payload.len < 126 ? payload.len : payload.len < 65536 ? 126 : 127));
    for (int shift = payload.len < 126 ? -8 : payload.len < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        header[len++] = (unsigned char)(payload.len >> shift);
    wire->mask = wire->mask * 6364136223846793005u + 1442695040888963407u;
    unsigned char *mask = header + len;
    for (int i = 0; i < 4; i++)
        header[len++] = (unsigned char)(wire->mask >> (32 + 8 * i));
    gl_buf_put(&wire->out, header, len);
    char *to = gl_buf_grow(&wire->out, payload.len);
    for (size_t i = 0; to && i < payload.len; i++)
        to[i] = (char)(payload.data[i] ^ (char)mask[i & 3]);
    wire->shared->frames_out++;
}

void wire_send(struct wire *wire, struct gl_slice message)
{
    if (wire->state != WIRE_OPEN)
        return;
    bool was_full = wire_is_full(wire);
    put_frame(wire, wire->shared->is_binary ? BINARY : TEXT, message);
    if (!was_full && !wire->is_corked)
        flush(wire);
}

void wire_cork(struct wire *wire)
{
    wire->is_corked = true;
}

void wire_uncork(struct wire *wire)
{
    wire->is_corked = false;
    if (wire->state == WIRE_OPEN && wire->out.len > 0)
        flush(wire);
}

/* ---- reading */

static void take_control(struct wire *wire, unsigned opcode, struct gl_slice payload)
{
    if (opcode == PING) {
        put_frame(wire, PONG, payload);
        if (!wire->is_corked)
            flush(wire);
    } else if (opcode == CLOSE) {
        const unsigned char *code = (const unsigned char *)payload.data;
        end(wire, payload.len >= 2 ? (unsigned)(code[0] << 8 | code[1]) : 1005);
    }
}

/* How much of the bytes was whole frames. The wire may be closed behind it. */
static size_t take_frames(struct wire *wire, const unsigned char *bytes, size_t len)
{
    size_t at = 0;
    while (wire->state == WIRE_OPEN && len - at >= 2) {
        const unsigned char *frame = bytes + at;
        size_t header = (frame[1] & 0x7f) < 126 ? 2 : (frame[1] & 0x7f) == 126 ? 4 : 10;
        uint64_t payload = frame[1] & 0x7f;
        if (len - at < header)
            break;
        if (header > 2)
            payload = 0;
        for (size_t i = 2; i < header; i++)
            payload = payload << 8 | frame[i];
        if ((frame[0] & 0x70) || !(frame[0] & 0x80) || (frame[1] & 0x80) || payload > MOST_BYTES) {
            end(wire, 1002); /* the server sends whole, plain frames */
            return len;
        }
        if (len - at - header < payload)
            break;
        struct gl_slice content = gl_slice_of(frame + header, (size_t)payload);
        at += header + (size_t)payload;
        wire->shared->frames_in++;
        wire->shared->took_binary = (frame[0] & 0xf) == BINARY;
        if ((frame[0] & 0xf) == TEXT || (frame[0] & 0xf) == BINARY)
            wire->shared->events->on_message(wire, content);
        else
            take_control(wire, frame[0] & 0xf, content);
    }
    return at;
}

/* The answer to our request; how much of it was there. 0: not all of it. */
static size_t take_upgrade(struct wire *wire, const unsigned char *bytes, size_t len)
{
    const char *behind = memmem(bytes, len, "\r\n\r\n", 4);
    if (!behind)
        return 0;
    size_t head = (size_t)(behind - (const char *)bytes) + 4;
    if (len < 12 || memcmp(bytes, "HTTP/1.1 101", 12) != 0 || !memmem(bytes, head, ACCEPT, strlen(ACCEPT))) {
        end(wire, 1002);
        return len;
    }
    wire->state = WIRE_OPEN;
    wire->shared->events->on_open(wire);
    return head;
}

static size_t take(struct wire *wire, const unsigned char *bytes, size_t len)
{
    size_t used = wire->state == WIRE_UPGRADING ? take_upgrade(wire, bytes, len) : 0;
    if (wire->state == WIRE_OPEN)
        used += take_frames(wire, bytes + used, len - used);
    return used;
}

/* What was read: whole messages are taken from where they are, half of one is kept. */
static void take_whole(struct wire *wire, const unsigned char *bytes, size_t len)
{
    if (wire->in.len == 0) {
        size_t used = take(wire, bytes, len);
        if (wire->state != WIRE_CLOSED && used < len)
            gl_buf_put(&wire->in, bytes + used, len - used);
        return;
    }
    gl_buf_put(&wire->in, bytes, len);
    size_t used = take(wire, (const unsigned char *)wire->in.data, wire->in.len);
    if (wire->state == WIRE_CLOSED || used == 0)
        return;
    memmove(wire->in.data, wire->in.data + used, wire->in.len - used);
    wire->in.len -= used;
    if (wire->in.len == 0) { /* nobody keeps room for a message that is over */
        gl_buf_fini(&wire->in);
        gl_buf_init(&wire->in, MOST_BYTES);
    }
}

/* Whatever is said in answer to one reading leaves in one write. */
static void take_bytes(struct wire *wire, const unsigned char *bytes, size_t len)
{
    bool was_full = wire_is_full(wire);
    wire_cork(wire);
    take_whole(wire, bytes, len);
    if (was_full)
        wire->is_corked = false;
    else
        wire_uncork(wire);
}

void wire_read(struct wire *wire)
{
    struct wire_shared *shared = wire->shared;
    while (wire->state >= WIRE_UPGRADING && !wire->is_stopped && wire->allowance > 0) {
        ERR_clear_error();
        size_t most = wire->allowance < ROOM_BYTES ? (size_t)wire->allowance : ROOM_BYTES, have = 0;
        int n = 0;
        while (have < most && (n = SSL_read(wire->ssl, shared->room + have, (int)(most - have))) > 0)
            have += (size_t)n;
        int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(wire->ssl, n);
        shared->bytes_in += have;
        if (wire->allowance != UINT64_MAX)
            wire->allowance -= have;
        if (have > 0)
            take_bytes(wire, shared->room, have);
        if (wire->state == WIRE_CLOSED)
            return;
        if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            end(wire, WIRE_LOST);
            return;
        }
        if (error != SSL_ERROR_NONE)
            break;
    }
    watch_again(wire);
}

void wire_stop_reading(struct wire *wire, bool is_stopped)
{
    wire->is_stopped = is_stopped;
    watch_again(wire);
}

/* ---- arriving */

static void send_upgrade(struct wire *wire)
{
    wire->shared->handshakes++;
    wire->shared->handshakes_resumed += (uint64_t)SSL_session_reused(wire->ssl);
    wire->state = WIRE_UPGRADING;
    gl_buf_printf(&wire->out,
                  "GET %s HTTP/1.1\r\nHost: " LOOPBACK
                  ":%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY
                  "\r\nSec-WebSocket-Version: 13\r\n",
                  wire->path, ntohs(wire->shared->doors[wire->door].sin_port));
    if (wire->shared->subprotocol)
        gl_buf_printf(&wire->out, "Sec-WebSocket-Protocol: %s\r\n", wire->shared->subprotocol);
    gl_buf_str(&wire->out, "\r\n");
    flush(wire);
}

static void shake(struct wire *wire)
{
    ERR_clear_error();
    int done = SSL_do_handshake(wire->ssl);
    if (done == 1) {
        send_upgrade(wire);
        return;
    }
    int error = SSL_get_error(wire->ssl, done);
    if (error == SSL_ERROR_WANT_READ)
        watch(wire, EPOLLIN | EPOLLRDHUP);
    else if (error == SSL_ERROR_WANT_WRITE)
        watch(wire, EPOLLOUT);
    else
        end(wire, WIRE_LOST);
}

void wire_ready(struct wire *wire, uint32_t events)
{
    if (wire->state == WIRE_CONNECTING) {
        int error = 0;
        socklen_t len = sizeof error;
        getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error) {
            end(wire, WIRE_LOST);
            return;
        }
        begin_tls(wire);
    }
    if (wire->state == WIRE_SHAKING)
        shake(wire);
    if (wire->state >= WIRE_UPGRADING && (events & EPOLLOUT))
        flush(wire);
    if (wire->state >= WIRE_UPGRADING && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) && !wire->is_stopped)
        wire_read(wire);
    else if (wire->state != WIRE_CLOSED && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        end(wire, WIRE_LOST); /* one that does not read hears only this */
}
