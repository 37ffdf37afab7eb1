/*
 * bench_echo - the floor: epoll and OpenSSL and nothing else. Each text of a client goes to everybody at the same path, its author too; what a connection
 * is to be sent in one turn of the loop leaves in one piece. Nothing is judged. Nothing is kept; or, with a database, each text is in it before it is told (rows.h).
 *
 * usage: bench_echo PORT CERTIFICATE KEY [CONNINFO PAYLOAD_BYTES RECORD_BYTES]
 *
 * It does for a WebSocket what its one client (gloss_load) needs, and no more: whole text frames, no fragments, no pings.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/mem.h"
#include "tests/bench/floor/bytes.h"
#include "tests/bench/floor/rows.h"

#define EVENTS       256
#define ROOM         (256u * 1024)
#define PATHS_MAX    4096
#define RECORD       16384
#define HEADER_MAX   10
#define ARGS         4 /* with the program itself */
#define ARGS_STORING 7
#define MAGIC        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum state { SHAKING, UPGRADING, OPEN };
struct connection {
    int fd;
    enum state state;
    bool is_pending, is_full;
    SSL *ssl;
    struct bytes in, out;
    struct path *path;
    struct connection *next, **link; /* of the same path */
};
struct path {
    char name[64];
    struct connection *first;
};
static struct path paths[PATHS_MAX];
static struct connection **pending;
static size_t pending_count, pending_cap;
static SSL_CTX *tls;
static int epoll;
static bool is_storing;

static void watch(struct connection *connection, int how, bool is_full)
{
    struct epoll_event event = {.events = EPOLLIN | (is_full ? EPOLLOUT : 0u), .data.ptr = connection};
    epoll_ctl(epoll, how, connection->fd, &event);
    connection->is_full = is_full;
}

static void end(struct connection *connection)
{
    for (size_t i = 0; i < pending_count; i++)
        if (pending[i] == connection)
            pending[i] = NULL;
    if (connection->link) {
        *connection->link = connection->next;
        if (connection->next)
            connection->next->link = connection->link;
    }
    SSL_free(connection->ssl);
    close(connection->fd);
    bytes_free(&connection->in);
    bytes_free(&connection->out);
    mem_free(&connection);
}

/* ---- sending */

/* What is more than a record leaves as one piece. */
static void hold(const struct connection *connection, int is_held)
{
    setsockopt(connection->fd, IPPROTO_TCP, TCP_CORK, &is_held, sizeof is_held);
}

/* false: the connection is at its end. */
static bool flush(struct connection *connection)
{
    size_t sent = 0;
    const bool is_long = connection->out.len > RECORD;
    if (is_long)
        hold(connection, 1);
    while (sent < connection->out.len) {
        size_t left = connection->out.len - sent;
        int n = SSL_write(connection->ssl, connection->out.data + sent, (int)(left < RECORD ? left : RECORD));
        if (n <= 0 && SSL_get_error(connection->ssl, n) != SSL_ERROR_WANT_WRITE)
            return false;
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    if (is_long)
        hold(connection, 0);
    if (sent > 0)
        bytes_drop(&connection->out, sent);
    if (connection->is_full != (connection->out.len > 0))
        watch(connection, EPOLL_CTL_MOD, connection->out.len > 0);
    return true;
}

static void send_later(struct connection *connection, const void *data, size_t len)
{
    bytes_put(&connection->out, data, len);
    if (connection->is_pending || connection->is_full)
        return;
    connection->is_pending = true;
    pending = mem_grow(pending, &pending_cap, pending_count + 1, sizeof(struct connection *));
    pending[pending_count++] = connection;
}

static void flush_pending(void)
{
    for (size_t i = 0; i < pending_count; i++) {
        struct connection *connection = pending[i];
        if (!connection)
            continue;
        connection->is_pending = false;
        if (!flush(connection))
            end(connection);
    }
    pending_count = 0;
}

static void send_to_all(struct path *path, const unsigned char *text, size_t len)
{
    unsigned char header[HEADER_MAX] = {0x81, (unsigned char)(len < 126 ? len : len < 65536 ? 126 : 127)};
    size_t header_len = 2;
    for (int shift = len < 126 ? -8 : len < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        header[header_len++] = (unsigned char)(len >> shift);
    for (struct connection *it = path->first; it; it = it->next) {
        send_later(it, header, header_len);
        send_later(it, text, len);
    }
}

/* ---- reading */

static struct path *path_of(const char *name, size_t len)
{
    size_t at = 0;
    while (at < PATHS_MAX - 1 && *paths[at].name && (strlen(paths[at].name) != len || memcmp(paths[at].name, name, len) != 0))
        at++;
    snprintf(paths[at].name, sizeof paths[at].name, "%.*s", (int)len, name);
    return &paths[at];
}

static void enter(struct connection *connection, const char *name, size_t len)
{
    struct path *path = path_of(name, len);
    connection->next = path->first;
    if (connection->next)
        connection->next->link = &connection->next;
    connection->link = &path->first;
    path->first = connection;
    connection->path = path;
}

static bool upgrade(struct connection *connection)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    char answer[256], *text = (char *)connection->in.data;
    unsigned char hash[SHA_DIGEST_LENGTH], accept[64];
    const char *behind = memmem(text, connection->in.len, "\r\n\r\n", 4),
               *key = memmem(text, connection->in.len, name, sizeof name - 1);
    const char *blank = memchr(text + 4, ' ', connection->in.len - 4);
    if (!behind)
        return true;
    if (!key || !blank)
        return false;
    int len = snprintf(answer, sizeof answer, "%.24s" MAGIC, key + sizeof name - 1);
    SHA1((const unsigned char *)answer, (size_t)len, hash);
    EVP_EncodeBlock(accept, hash, sizeof hash);
    len = snprintf(
        answer, sizeof answer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
        (char *)accept);
    enter(connection, text + 4, (size_t)(blank - text) - 4);
    connection->state = OPEN;
    bytes_drop(&connection->in, (size_t)(behind - text) + 4);
    send_later(connection, answer, (size_t)len);
    return true;
}

/* The first frame, if it is whole; how long it is, or 0. Its text is unmasked where it is. */
static size_t read_frame(struct connection *connection, unsigned char **text, size_t *text_len)
{
    unsigned char *frame = connection->in.data;
    const size_t have = connection->in.len;
    size_t len = have >= 2 ? frame[1] & 0x7f : 0, header = len < 126 ? 2 : len == 126 ? 4 : 10;
    if (have < header + 4)
        return 0;
    if (header > 2)
        len = 0;
    for (size_t i = 2; i < header; i++)
        len = len << 8 | frame[i];
    if (have < header + 4 + len)
        return 0;
    *text = frame + header + 4;
    *text_len = len;
    for (size_t i = 0; i < len; i++)
        (*text)[i] ^= frame[header + (i & 3)];
    return header + 4 + len;
}

static bool take_frames(struct connection *connection)
{
    unsigned char *text;
    size_t len, used;
    while (connection->in.len > 0 && (used = read_frame(connection, &text, &len)) > 0) {
        if ((connection->in.data[0] & 0xf) == 0x8)
            return false;
        if ((connection->in.data[0] & 0xf) == 0x1)
            (is_storing ? rows_put : send_to_all)(connection->path, text, len);
        bytes_drop(&connection->in, used);
    }
    return true;
}

static bool read_all(struct connection *connection)
{
    static unsigned char room[ROOM];
    int n;
    while ((n = SSL_read(connection->ssl, room, sizeof room)) > 0) {
        bytes_put(&connection->in, room, (size_t)n);
        if (connection->state == UPGRADING && !upgrade(connection))
            return false;
        if (connection->state == OPEN && connection->in.len > 0 && !take_frames(connection))
            return false;
    }
    return SSL_get_error(connection->ssl, n) == SSL_ERROR_WANT_READ;
}

/* ---- the loop */

static bool shake(struct connection *connection)
{
    int done = SSL_accept(connection->ssl);
    if (done == 1) {
        connection->state = UPGRADING;
        return true;
    }
    int error = SSL_get_error(connection->ssl, done);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void ready(struct connection *connection, uint32_t events)
{
    bool is_well = connection->state != SHAKING || shake(connection);
    if (is_well && (events & EPOLLOUT) && connection->state != SHAKING)
        is_well = flush(connection);
    if (is_well && (events & ~(uint32_t)EPOLLOUT) && connection->state != SHAKING)
        is_well = read_all(connection);
    if (!is_well)
        end(connection);
}

static void accept_all(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = mem_alloc(sizeof *connection);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection->fd = fd;
        connection->ssl = SSL_new(tls);
        SSL_set_fd(connection->ssl, fd);
        watch(connection, EPOLL_CTL_ADD, false);
    }
}

static int listen_at(uint16_t port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4096) == 0 ? fd : -1;
}

static void store_in(const char *conninfo, struct rows_size size)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &is_storing};
    is_storing = epoll_ctl(epoll, EPOLL_CTL_ADD, rows_open(conninfo, size, send_to_all), &event) == 0;
}

static void on_term(int number)
{
    (void)number;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], listening = {.events = EPOLLIN};
    struct rlimit files;
    tls = SSL_CTX_new(TLS_server_method());
    if ((argc != ARGS && argc != ARGS_STORING) || !tls || SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1) {
        fputs("usage: bench_echo PORT CERTIFICATE KEY [CONNINFO PAYLOAD_BYTES RECORD_BYTES]\n", stderr);
        return 2;
    }
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(tls, 1); /* as Gloss does */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (argc == ARGS_STORING) /* before anybody can connect */
        store_in(argv[4], (struct rows_size){.payload = strtoul(argv[5], NULL, 10), .record = strtoul(argv[6], NULL, 10)});
    int listener = listen_at((uint16_t)atoi(argv[1]));
    if (listener < 0 || epoll < 0 || is_storing != (argc == ARGS_STORING) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) != 0) {
        perror("bench_echo");
        return 1;
    }
    while (true) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            if (!events[i].data.ptr)
                accept_all(listener);
            else if (events[i].data.ptr == &is_storing)
                rows_ready();
            else
                ready(events[i].data.ptr, events[i].events);
        if (is_storing)
            rows_send();
        flush_pending();
    }
}
