/*
 * arrival.c - newcomers, from being accepted until TLS begins.
 *
 * First it becomes known whose connection it is: only while the setting proxy_from names somebody is that a question. Who is named there must say it, and nobody else may: a head from
 * elsewhere is refused, not skipped, so that neither side can be wrong about it without noticing. Then the first message of TLS must be there, whole: what costs is its answer. Then a
 * newcomer is ready, and waits for a turn of the loop that has room for one more: so a crowd, or whoever sends many connections' last bytes at once, takes a small part of each
 * turn, and those who are there do not wait for all of it.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/hello.h"
#include "service/net/net_priv.h"
#include "service/net/proxy_head.h"
#include "service/net/socket.h"

#define KEPT_AT_LEAST_MS 1000 /* before somebody may be pushed out by newcomers */
#define BEGIN_AT_LEAST   2    /* in a turn; a handshake takes a third of a millisecond */
#define BEGIN_PART       10   /* of a turn's time, when that is more: where turns are long few would come otherwise */

_Static_assert(HEAD_BYTES >= HELLO_MAX, "where a first message is looked at has room for it");

static const char others_came[] = "others were waiting";

struct arrival {
    struct net_server *server;
    struct acceptor *acceptor;
    struct loop_watch *watch;  /* while it waits, and not everything was there at once */
    TAILQ_ENTRY(arrival) next; /* of those who wait, or are ready, in the order in which they became so */
    struct sockaddr_storage from;
    uint64_t since_ms;
    int fd;
    bool is_trusted, is_known, is_ready;
    struct visitor *visitor; /* when it is known; NULL: a balancer's own */
    struct proxy_head *head; /* of one that must say whose it is */
};

/* Its descriptor and its visitor are the caller's now. */
static void let_go(struct arrival *arrival)
{
    struct net_server *server = arrival->server;
    TAILQ_REMOVE(arrival->is_ready ? &server->ready : &server->waiting, arrival, next);
    if (arrival->is_ready)
        server->ready_count--, arrival->acceptor->ready_count--;
    else
        server->waiting_count--;
    loop_watch_free(&arrival->watch);
    mem_free(&arrival->head);
    mem_free(&arrival);
}

static void drop(struct arrival *arrival)
{
    close(arrival->fd);
    visitor_leaves(&arrival->visitor);
    let_go(arrival);
}

static struct sockaddr_storage whose(const struct arrival *arrival)
{
    const struct proxy_head *head = arrival->head;
    return head && head->state == PROXY_DONE && !head->is_local ? head->client : arrival->from;
}

static void refuse(struct arrival *arrival, const char *why)
{
    char address[ADDRESS_ROOM];
    const struct sockaddr_storage from = whose(arrival);
    const bool is_about_the_head = !arrival->is_known;
    address_format(&from, address, sizeof address);
    arrival->server->counts.proxy_refused += is_about_the_head;
    log_event(is_about_the_head ? LOG_WARN : LOG_INFO, is_about_the_head ? EV_proxy_refused : EV_handshake_refused,
              F_STR("reason", why), F_STR("address", address));
    socket_abandon(arrival->fd);
    drop(arrival);
}

/* False, and no visitor: too many have come from there. */
static bool count(struct net_server *server, const struct sockaddr_storage *from, struct visitor **visitor)
{
    char address[ADDRESS_ROOM];
    *visitor = visitor_arrives(&server->visitors, from, loop_now_ms(server->loop));
    if (*visitor)
        return true;
    address_format(from, address, sizeof address);
    server->counts.address_refused++;
    log_event(LOG_INFO, EV_address_refused, F_STR("reason", "too many new connections a second"), F_STR("address", address));
    return false; /* TLS would cost most of what it is kept from */
}

/* False: it is gone, since too many have come from there. */
static bool know(struct arrival *arrival)
{
    const struct sockaddr_storage from = whose(arrival);
    const bool is_balancer = arrival->head && arrival->head->is_local;
    arrival->is_known = true;
    if (is_balancer || count(arrival->server, &from, &arrival->visitor))
        return true;
    socket_abandon(arrival->fd);
    drop(arrival);
    return false;
}

enum hearing { HEARD_PART, HEARD_ALL, HEARD_NO_MORE /* it is gone */ };

/* Takes of what has come what is not TLS's. */
static enum hearing hear_head(struct arrival *arrival, const unsigned char *bytes, size_t len)
{
    unsigned char taken[PROXY_HEAD_MAX];
    struct proxy_head *head = arrival->head;
    if (!arrival->is_trusted) {
        if (!proxy_head_may_begin(bytes, len))
            return know(arrival) ? HEARD_ALL : HEARD_NO_MORE;
        refuse(arrival, "a PROXY head came from an address that the setting proxy_from does not name");
        return HEARD_NO_MORE;
    }
    const size_t count = proxy_head_add(head, bytes, len < sizeof taken ? len : sizeof taken);
    if (recv(arrival->fd, taken, count, 0) != (ssize_t)count)
        drop(arrival);
    else if (head->state == PROXY_BROKEN)
        refuse(arrival, head->why);
    else if (head->state == PROXY_MORE)
        return HEARD_PART;
    else if (know(arrival))
        return HEARD_ALL;
    return HEARD_NO_MORE;
}

static void make_ready(struct arrival *arrival)
{
    struct net_server *server = arrival->server;
    TAILQ_REMOVE(&server->waiting, arrival, next);
    server->waiting_count--;
    TAILQ_INSERT_TAIL(&server->ready, arrival, next);
    server->ready_count++;
    arrival->acceptor->ready_count++;
    arrival->is_ready = true;
    loop_watch_free(&arrival->watch);
    socket_await(arrival->fd, 1);
}

/* What it sent stays where it is but for a balancer's head: TLS reads it. False: it does not wait any more. */
static bool look(struct arrival *arrival)
{
    unsigned char *bytes = (unsigned char *)arrival->server->scratch;
    ssize_t got;
    while ((got = recv(arrival->fd, bytes, HEAD_BYTES, MSG_PEEK)) > 0) {
        if (!arrival->is_known) {
            const enum hearing heard = hear_head(arrival, bytes, (size_t)got);
            if (heard == HEARD_ALL)
                continue;
            return heard == HEARD_PART;
        }
        const size_t needed = hello_needs(bytes, (size_t)got);
        if (needed > (size_t)got && needed != SIZE_MAX && !socket_is_over(arrival->fd)) {
            socket_await(arrival->fd, needed); /* until then, or its end, it does not count as readable */
            return true;
        }
        if (needed == SIZE_MAX)
            refuse(arrival, "the first message of TLS is too long");
        else if (needed > (size_t)got)
            drop(arrival);
        else
            make_ready(arrival);
        return false;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    drop(arrival);
    return false;
}

static void on_readable(void *ctx, int events)
{
    (void)events;
    look(ctx);
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

/* A quarter of the places may be held by those who wait, and a quarter by those whose request has not come: beyond that a newcomer pushes out the oldest. */
static bool has_to_go(const struct net_server *server, size_t count, uint64_t oldest_ms, uint64_t now_ms)
{
    const size_t most = server->config.max_connections / 4 > 64 ? server->config.max_connections / 4 : 64;
    return count >= most && now_ms - oldest_ms >= KEPT_AT_LEAST_MS;
}

static void make_room_to_wait(struct net_server *server, uint64_t now_ms)
{
    struct arrival *oldest = TAILQ_FIRST(&server->waiting);
    if (!oldest || !has_to_go(server, server->waiting_count, oldest->since_ms, now_ms))
        return;
    server->counts.timed_out++;
    refuse(oldest, others_came);
}

static void make_room_to_begin(struct net_server *server, uint64_t now_ms)
{
    struct conn *oldest = TAILQ_FIRST(&server->states[CONN_ARRIVING]);
    if (!oldest || !has_to_go(server, server->in_state[CONN_ARRIVING], oldest->since_ms, now_ms))
        return;
    server->counts.timed_out++;
    log_event(LOG_INFO, EV_handshake_refused, F_STR("reason", others_came), F_STR("address", oldest->address));
    conn_kill(oldest);
}

void arrival_new(struct acceptor *acceptor, int fd, const struct sockaddr_storage *from)
{
    struct net_server *server = acceptor->server;
    struct arrival *arrival = mem_alloc(sizeof *arrival);
    const uint64_t now_ms = loop_now_ms(server->loop);
    make_room_to_wait(server, now_ms);
    *arrival = (struct arrival){.server = server, .acceptor = acceptor, .fd = fd, .from = *from, .since_ms = now_ms};
    TAILQ_INSERT_TAIL(&server->waiting, arrival, next);
    server->waiting_count++;
    arrival->is_trusted = is_trusted(server, from);
    if (arrival->is_trusted) {
        arrival->head = mem_alloc(sizeof *arrival->head);
        proxy_head_init(arrival->head);
    }
    if (server->proxy_count == 0 && !know(arrival))
        return;
    if (!look(arrival))
        return;
    arrival->watch = loop_watch_new(server->loop, fd, on_readable, arrival);
    loop_watch_set(arrival->watch, LOOP_READ);
}

static void begin(struct arrival *arrival)
{
    char address[ADDRESS_ROOM];
    const struct sockaddr_storage from = whose(arrival);
    struct net_server *server = arrival->server;
    struct visitor *visitor = arrival->visitor;
    const int fd = arrival->fd;
    let_go(arrival);
    address_format(&from, address, sizeof address);
    make_room_to_begin(server, loop_now_ms(server->loop));
    struct lws *wsi = lws_adopt_socket_vhost(server->vhost, fd); /* closes fd when it fails */
    server->counts.accepted++;
    if (wsi)
        conn_new(server, wsi, address)->visitor = visitor;
    else
        visitor_leaves(&visitor);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

void arrival_begin_some(struct net_server *server)
{
    struct arrival *first;
    const uint64_t begun_ns = uv_hrtime();
    const uint64_t part_ns =
        server->has_ready ? (begun_ns - server->begun_ns) / BEGIN_PART : 0; /* else the loop may have waited */
    for (size_t count = 0;
         (first = TAILQ_FIRST(&server->ready)) && (count < BEGIN_AT_LEAST || uv_hrtime() - begun_ns < part_ns);) {
        if (socket_is_over(first->fd)) {
            drop(first); /* waited too long, and comes again */
            continue;
        }
        begin(first);
        count++;
    }
    server->begun_ns = begun_ns;
    server->has_ready = !TAILQ_EMPTY(&server->ready);
    if (server->has_ready)
        loop_defer(server->loop, nothing, NULL); /* the next turn comes at once */
}

void arrival_sweep(struct net_server *server, uint64_t now_ms)
{
    struct arrival *first;
    while ((first = TAILQ_FIRST(&server->waiting)) && now_ms - first->since_ms >= server->config.hello_ms) {
        server->counts.timed_out++;
        refuse(first, first->is_known     ? "no request came in time"
                      : first->is_trusted ? "no PROXY head came in time from an address that the setting proxy_from names"
                                          : "nothing came in time");
    }
}

void arrival_drop_all(struct net_server *server)
{
    struct arrival *first;
    while ((first = TAILQ_FIRST(&server->waiting)) || (first = TAILQ_FIRST(&server->ready)))
        drop(first);
}
