/*
 * proxy.c - connections that come through a balancer: whose they are is said before TLS begins.
 *
 * Only while the setting proxy_from names somebody. Who is named there must say it, and nobody else may: a head from elsewhere is refused, not skipped, so
 * that neither side can be wrong about it without noticing.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/net_priv.h"
#include "service/net/proxy_head.h"
#include "service/net/socket.h"

#define WAITING_AT_LEAST_MS 1000 /* before somebody may be pushed out by newcomers */

struct waiting_head {
    struct net_server *server;
    struct loop_watch *watch;
    TAILQ_ENTRY(waiting_head) next; /* in the order in which they came */
    struct sockaddr_storage from;
    uint64_t since_ms;
    int fd;
    bool is_trusted;
    bool is_known;           /* whose it is: it waits for its first word, and for a turn that has room for one more */
    struct visitor *visitor; /* then; NULL: a balancer's own */
    struct proxy_head head;
};

/* Its descriptor and its visitor are the caller's now. */
static void let_go(struct waiting_head *waiting)
{
    struct net_server *server = waiting->server;
    TAILQ_REMOVE(&server->waiting_heads, waiting, next);
    server->waiting_head_count--;
    loop_watch_free(&waiting->watch);
    mem_free(&waiting);
}

static void drop(struct waiting_head *waiting)
{
    close(waiting->fd);
    visitor_leaves(&waiting->visitor);
    let_go(waiting);
}

static void refuse(struct waiting_head *waiting, const char *why)
{
    char address[ADDRESS_ROOM];
    address_format(&waiting->from, address, sizeof address);
    waiting->server->counts.proxy_refused++;
    log_event(LOG_WARN, EV_proxy_refused, F_STR("reason", why), F_STR("address", address));
    socket_abandon(waiting->fd);
    drop(waiting);
}

static struct sockaddr_storage whose(const struct waiting_head *waiting)
{
    const bool is_told = waiting->is_trusted && waiting->head.state == PROXY_DONE && !waiting->head.is_local;
    return is_told ? waiting->head.client : waiting->from;
}

static void begin(struct waiting_head *waiting)
{
    const struct sockaddr_storage from = whose(waiting);
    struct net_server *server = waiting->server;
    struct visitor *visitor = waiting->visitor;
    const int fd = waiting->fd;
    let_go(waiting);
    accept_begin(server, fd, &from, visitor);
}

/* Neither may what a crowd behind a balancer costs fall into one turn. */
static void know(struct waiting_head *waiting)
{
    const struct sockaddr_storage from = whose(waiting);
    const bool is_balancer = waiting->is_trusted && waiting->head.is_local;
    waiting->is_known = true;
    if (!is_balancer && !accept_count(waiting->server, &from, &waiting->visitor)) {
        socket_abandon(waiting->fd);
        drop(waiting);
    } else if (socket_has_input(waiting->fd) && accept_has_turn(waiting->server)) {
        begin(waiting);
    }
}

static void give_up(struct waiting_head *waiting, const char *why)
{
    char address[ADDRESS_ROOM];
    const struct sockaddr_storage from = whose(waiting);
    if (!waiting->is_known) {
        refuse(waiting, why);
        return;
    }
    address_format(&from, address, sizeof address);
    log_event(LOG_INFO, EV_handshake_refused, F_STR("reason", why), F_STR("address", address));
    socket_abandon(waiting->fd);
    drop(waiting);
}

/* What it sent is only looked at, until it is known how much of it is not TLS's. */
static void on_readable(void *ctx, int events)
{
    struct waiting_head *waiting = ctx;
    unsigned char bytes[PROXY_HEAD_MAX];
    (void)events;
    if (waiting->is_known && !accept_has_turn(waiting->server))
        return; /* it is still readable in the next turn */
    const ssize_t got = recv(waiting->fd, bytes, sizeof bytes, MSG_PEEK);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            drop(waiting);
        return;
    }
    if (waiting->is_known) {
        begin(waiting);
        return;
    }
    if (!waiting->is_trusted) {
        if (proxy_head_may_begin(bytes, (size_t)got))
            refuse(waiting, "a PROXY head came from an address that the setting proxy_from does not name");
        else
            know(waiting);
        return;
    }
    const size_t taken = proxy_head_add(&waiting->head, bytes, (size_t)got);
    if (recv(waiting->fd, bytes, taken, 0) != (ssize_t)taken)
        drop(waiting);
    else if (waiting->head.state == PROXY_BROKEN)
        refuse(waiting, waiting->head.why);
    else if (waiting->head.state == PROXY_DONE)
        know(waiting);
}

static bool is_trusted(const struct net_server *server, const struct sockaddr_storage *from)
{
    char address[ADDRESS_ROOM];
    address_format(from, address, sizeof address);
    for (size_t i = 0; i < server->proxy_count; i++)
        if (network_has(&server->proxies[i], address))
            return true;
    return false;
}

void proxy_wait(struct net_server *server, int fd, const struct sockaddr_storage *from)
{
    const uint64_t now_ms = loop_now_ms(server->loop);
    const size_t most = server->config.max_connections / 4 > 64 ? server->config.max_connections / 4 : 64;
    struct waiting_head *oldest = TAILQ_FIRST(&server->waiting_heads), *waiting = mem_alloc(sizeof *waiting);
    if (oldest && server->waiting_head_count >= most && now_ms - oldest->since_ms >= WAITING_AT_LEAST_MS)
        give_up(oldest, "others were waiting");
    waiting->server = server;
    waiting->fd = fd;
    waiting->from = *from;
    waiting->since_ms = now_ms;
    waiting->is_trusted = is_trusted(server, from);
    proxy_head_init(&waiting->head);
    TAILQ_INSERT_TAIL(&server->waiting_heads, waiting, next);
    server->waiting_head_count++;
    waiting->watch = loop_watch_new(server->loop, fd, on_readable, waiting);
    loop_watch_set(waiting->watch, LOOP_READ);
}

void proxy_sweep(struct net_server *server, uint64_t now_ms)
{
    struct waiting_head *first;
    while ((first = TAILQ_FIRST(&server->waiting_heads)) && now_ms - first->since_ms >= server->config.hello_ms) {
        server->counts.timed_out++;
        give_up(first, first->is_known     ? "no request came in time"
                       : first->is_trusted ? "no PROXY head came in time from an address that the setting proxy_from names"
                                           : "nothing came in time");
    }
}

void proxy_drop_all(struct net_server *server)
{
    struct waiting_head *first;
    while ((first = TAILQ_FIRST(&server->waiting_heads)))
        drop(first);
}
