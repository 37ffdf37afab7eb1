/*
 * accept.c - taking connections from the listening sockets.
 *
 * Not left to the library: it accepts until nobody waits any more, which delays everybody else when a crowd comes back, and
 * it spins when descriptors run out. More are accepted only while few are ready to begin; the others wait in the kernel, which
 * tells of each when it has said something.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/net_priv.h"
#include "service/net/socket.h"

/* The kernel takes one that reads nothing for gone, too. That is ours to say, and to give the reason: it comes later. */
#define KERNEL_LATER_MS 5000

#define READY_MOST        16  /* of one listening socket, so that no other one's have to wait for all of its crowd */
#define PER_TURN          64  /* of those who are refused, or have said nothing: hardly anything each */
#define NO_DESCRIPTORS_MS 200 /* before trying again */
#define SOON_MS           10  /* until the descriptor of a connection that ended is free */

void address_format(const struct sockaddr_storage *from, char *out, size_t room)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        inet_ntop(is_mapped ? AF_INET : AF_INET6, in6->sin6_addr.s6_addr + (is_mapped ? 12 : 0), host, sizeof host);
        snprintf(out, room, is_mapped ? "%s:%u" : "[%s]:%u", host, ntohs(in6->sin6_port));
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(out, room, "%s:%u", host, ntohs(in->sin_port));
    } else {
        snprintf(out, room, "local");
    }
}

static void take(struct acceptor *acceptor, int fd, const struct sockaddr_storage *from)
{
    const struct net_config *config = &acceptor->server->config;
    const uint64_t stalled_ms = config->stall_ms + KERNEL_LATER_MS;
    socket_tune(fd, config->gone_ms > stalled_ms ? config->gone_ms : stalled_ms);
    arrival_new(acceptor, fd, from);
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void watch(struct net_server *server, bool on)
{
    server->is_accepting = on;
    for (size_t i = 0; i < server->config.listening_count; i++)
        loop_watch_set(server->acceptors[i].watch, on ? LOOP_READ : 0);
}

static void pause_accepting(struct net_server *server, const char *reason)
{
    uint64_t now_ms = loop_now_ms(server->loop);
    if (server->is_accepting)
        watch(server, false);
    server->counts.pauses++;
    if (now_ms >= server->pause_told_ms) { /* it may go to and fro as often as connections end */
        server->pause_told_ms = now_ms + 1000;
        log_event(LOG_WARN, EV_accept_paused, F_STR("reason", reason), F_U64("connections", server->counts.connections));
    }
}

void accept_look(struct net_server *server, uint64_t now_ms)
{
    if (server->is_draining || !server->acceptors)
        return;
    /* Who waits takes two descriptors: its own, and the loop's. */
    bool has_room = server->counts.connections + server->ready_count + 2 * server->waiting_count < server->config.max_connections;
    if (server->is_accepting && !has_room)
        pause_accepting(server, "as many connections as allowed");
    else if (!server->is_accepting && has_room && now_ms >= server->accept_again_ms)
        watch(server, true);
}

static void on_soon(void *ctx)
{
    struct net_server *server = ctx;
    accept_look(server, loop_now_ms(server->loop));
}

/* Those who wait are taken as fast as others go. */
void accept_ended(struct net_server *server, uint64_t now_ms)
{
    if (server->acceptors && !server->is_accepting && server->accept_again_ms > now_ms + SOON_MS) {
        server->accept_again_ms = now_ms + SOON_MS;
        loop_timer_start(server->accept_soon, SOON_MS + 1, 0);
    }
    accept_look(server, now_ms);
}

/* Those that were taken in this turn may have been dead already, and go without a word. */
static void run_short(struct net_server *server, bool has_taken)
{
    const uint64_t wait_ms = has_taken ? SOON_MS : NO_DESCRIPTORS_MS;
    server->accept_again_ms = loop_now_ms(server->loop) + wait_ms;
    loop_timer_start(server->accept_soon, wait_ms + 1, 0);
    pause_accepting(server, "no descriptors or memory left");
}

static void on_listening(void *ctx, int events)
{
    struct acceptor *acceptor = ctx;
    struct net_server *server = acceptor->server;
    (void)events;
    for (int i = 0; i < PER_TURN && acceptor->ready_count < READY_MOST && server->is_accepting; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        int fd = accept4(acceptor->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(acceptor, fd, &from);
            accept_look(server, loop_now_ms(server->loop));
        } else if (is_shortage(errno)) {
            run_short(server, i > 0);
        } else if (errno == EAGAIN) {
            return;
        } /* else that one connection went away before we had it */
    }
}

void accept_start(struct net_server *server)
{
    server->acceptors = mem_array(server->config.listening_count, sizeof *server->acceptors);
    for (size_t i = 0; i < server->config.listening_count; i++) {
        struct acceptor *acceptor = &server->acceptors[i];
        acceptor->server = server;
        acceptor->fd = server->config.listening[i];
        fcntl(acceptor->fd, F_SETFL, fcntl(acceptor->fd, F_GETFL) | O_NONBLOCK);
        socket_defer(acceptor->fd);
        acceptor->watch = loop_watch_new(server->loop, acceptor->fd, on_listening, acceptor);
    }
    server->accept_soon = loop_timer_new(server->loop, on_soon, server);
    watch(server, true);
}

void accept_free(struct net_server *server)
{
    for (size_t i = 0; server->acceptors && i < server->config.listening_count; i++)
        loop_watch_free(&server->acceptors[i].watch);
    if (server->acceptors)
        loop_timer_free(&server->accept_soon);
    server->is_accepting = false;
    mem_free(&server->acceptors);
}
