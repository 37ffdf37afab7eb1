#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/admin/ask.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/networks.h"

enum { HEAD_MAX = 16384 };

struct asking {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    uint64_t until_ms;
    struct gl_err *err;
    char where[96];
};

static enum gl_code gone(struct asking *asking, const char *what)
{
    return gl_fail(asking->err, GL_E_GONE, "%s: %s; does the server run, with these settings?", asking->where, what);
}

static enum gl_code await(struct asking *asking, short events)
{
    struct pollfd ready = {.fd = asking->fd, .events = events};
    uint64_t now = clock_monotonic_ms();
    int got = now < asking->until_ms ? poll(&ready, 1, (int)(asking->until_ms - now)) : 0;
    if (got < 0 && errno != EINTR)
        return gone(asking, strerrordesc_np(errno));
    return got == 0 ? gone(asking, "no answer in time") : GL_OK;
}

/* ---- where it is */

static enum gl_code where_it_listens(const struct settings *settings, char host[64], struct gl_err *err)
{
    const char *first = settings->listen.count > 0 ? settings->listen.items[0] : "127.0.0.1";
    size_t len = strlen(first);
    if (settings->port == 0)
        return gl_fail(err, GL_E_SETTING, "the setting port is 0, so nothing says where the server listens");
    if (!strcmp(first, "*") || !strcmp(first, "0.0.0.0") || !strcmp(first, "localhost"))
        first = "127.0.0.1";
    else if (!strcmp(first, "::") || !strcmp(first, "[::]"))
        first = "::1";
    else if (*first == '[' && len > 2 && len < 64) {
        snprintf(host, 64, "%.*s", (int)len - 2, first + 1);
        return GL_OK;
    }
    snprintf(host, 64, "%s", first);
    return GL_OK;
}

static enum gl_code reach(struct asking *asking, const char *host, const char *port)
{
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int error = 0;
    socklen_t len = sizeof(error);
    if (getaddrinfo(host, port, &numeric, &found))
        return gone(asking, "that is no address");
    asking->fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_tried = asking->fd >= 0 && (!connect(asking->fd, found->ai_addr, found->ai_addrlen) || errno == EINPROGRESS);
    freeaddrinfo(found);
    if (!is_tried)
        return gone(asking, strerrordesc_np(errno));
    enum gl_code code = await(asking, POLLOUT);
    if (!code && (getsockopt(asking->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error))
        code = gone(asking, strerrordesc_np(error));
    return code;
}

/* ---- the question and the answer */

/* After a call of OpenSSL that gave got: GL_OK when it should be made again. */
static enum gl_code again(struct asking *asking, int got)
{
    switch (SSL_get_error(asking->ssl, got)) {
    case SSL_ERROR_WANT_READ: return await(asking, POLLIN);
    case SSL_ERROR_WANT_WRITE: return await(asking, POLLOUT);
    default: return gone(asking, "the connection was closed before the answer was there");
    }
}

/* A server that is told of balancers by their addresses wants to hear whose connection it is: also from us, who come from its own address. */
static enum gl_code say_head(struct asking *asking, const struct settings *settings, const char *host)
{
    static const char own[] = "PROXY UNKNOWN\r\n";
    struct network network;
    char address[80];
    snprintf(address, sizeof(address), strchr(host, ':') ? "[%s]:0" : "%s:0", host);
    for (size_t i = 0; i < settings->proxy_from.count; i++)
        if (!network_parse(settings->proxy_from.items[i], "proxy_from", &network, NULL) && network_has(&network, address))
            return send(asking->fd, own, sizeof(own) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(own) - 1
                       ? GL_OK
                       : gone(asking, strerrordesc_np(errno));
    return GL_OK;
}

static enum gl_code begin_tls(struct asking *asking)
{
    int got = -1;
    enum gl_code code = GL_OK;
    asking->ctx = SSL_CTX_new(TLS_client_method());
    asking->ssl = asking->ctx ? SSL_new(asking->ctx) : NULL;
    if (!asking->ssl || SSL_set_fd(asking->ssl, asking->fd) != 1)
        return gone(asking, "TLS could not be started");
    while (!code && (got = SSL_connect(asking->ssl)) != 1)
        code = again(asking, got);
    return code;
}

static enum gl_code ask(struct asking *asking, const char *path)
{
    char request[256];
    int got = -1,
        len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    enum gl_code code = GL_OK;
    while (!code && (got = SSL_write(asking->ssl, request, len)) <= 0)
        code = again(asking, got);
    return code;
}

/* Every answer closes its connection: its end is the end; *is_ended when the server has said so, for a connection can also break. */
static enum gl_code take_answer(struct asking *asking, struct gl_buf *all, bool *is_ended)
{
    char piece[16384];
    for (;;) {
        int got = SSL_read(asking->ssl, piece, sizeof(piece));
        if (got > 0) {
            gl_buf_put(all, piece, (size_t)got);
            if (all->code)
                return gone(asking, "the answer is too long");
            continue;
        }
        int why = SSL_get_error(asking->ssl, got);
        bool waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        *is_ended = why == SSL_ERROR_ZERO_RETURN;
        if (!waits)
            return all->len > 0 ? GL_OK : gone(asking, "the connection was closed before the answer was there");
        enum gl_code code = again(asking, got);
        if (code)
            return code;
    }
}

/* What Content-Length says in head; false without one. */
static bool told_length(struct gl_slice head, size_t *len)
{
    static const char name[] = "\r\nContent-Length:";
    for (size_t at = 0; at + sizeof(name) <= head.len; at++)
        if (!strncasecmp(head.data + at, name, sizeof(name) - 1)) {
            *len = strtoul(head.data + at + sizeof(name) - 1, NULL, 10); /* the head's end stands behind it */
            return true;
        }
    return false;
}

static enum gl_code read_answer(struct asking *asking, struct gl_slice all, bool is_ended, unsigned *status, struct gl_buf *body)
{
    const char *end = memmem(all.data, all.len, "\r\n\r\n", 4);
    if (!end || all.len < 13 || memcmp(all.data, "HTTP/1.1 ", 9) != 0)
        return gone(asking, "the answer is not a Gloss server's");
    size_t told, len = (size_t)(all.data + all.len - end - 4);
    if (told_length(gl_slice_of(all.data, (size_t)(end - all.data)), &told) ? len != told : !is_ended)
        return gone(asking, "the connection was closed within the answer");
    *status = (unsigned)strtoul(all.data + 9, NULL, 10);
    gl_buf_put(body, end + 4, len);
    return body->code ? gone(asking, "the answer is too long") : GL_OK;
}

enum gl_code ask_server(const struct settings *settings, const char *path, uint64_t at_most_ms, unsigned *status,
                        struct gl_buf *body, struct gl_err *err)
{
    struct asking asking = {.fd = -1, .until_ms = clock_monotonic_ms() + at_most_ms, .err = err};
    struct gl_buf all;
    char host[64], port[16];
    bool is_ended = false;
    enum gl_code code = where_it_listens(settings, host, err);
    if (code)
        return code;
    snprintf(port, sizeof(port), "%u", (unsigned)settings->port);
    snprintf(asking.where, sizeof(asking.where), "%s port %s", host, port);
    gl_buf_init(&all, body->max + HEAD_MAX);
    signal(SIGPIPE, SIG_IGN);
    if (!(code = reach(&asking, host, port)) && !(code = say_head(&asking, settings, host)) && !(code = begin_tls(&asking)) &&
        !(code = ask(&asking, path)) && !(code = take_answer(&asking, &all, &is_ended)))
        code = read_answer(&asking, gl_buf_peek(&all), is_ended, status, body);
    gl_buf_fini(&all);
    SSL_free(asking.ssl);
    SSL_CTX_free(asking.ctx);
    if (asking.fd >= 0)
        close(asking.fd);
    return code;
}

struct gl_slice ask_first_line(const struct gl_buf *body)
{
    struct gl_slice line = gl_buf_peek(body);
    const char *end = line.len > 0 ? memchr(line.data, '\n', line.len) : NULL;
    return end ? gl_slice_of(line.data, (size_t)(end - line.data)) : line;
}
