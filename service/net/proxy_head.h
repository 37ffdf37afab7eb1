/*
 * proxy_head.h - the line or block by which a balancer says whose connection it passes on: the PROXY protocol, versions 1 and 2.
 *
 * Owns      nothing. What was read lies in the struct, which is the caller's.
 * Thread    any; there is no socket here, so that it can be tested and fuzzed alone.
 * Units     bytes.
 * Errors    PROXY_BROKEN, with a reason for the log. Nothing is guessed: what is not exactly a head is refused.
 * Source    https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
 *
 * Bytes come in any slices. What stands behind the head is not taken: it belongs to TLS.
 */
#ifndef PROXY_HEAD_H
#define PROXY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define PROXY_HEAD_MAX 1024 /* HAProxy with all it can tell sends some 300; the protocol would allow 64 KiB */

enum proxy_state { PROXY_MORE, PROXY_DONE, PROXY_BROKEN };
struct proxy_head {
    enum proxy_state state;
    bool is_local;                  /* when DONE: the balancer itself asks, or does not say for whom */
    struct sockaddr_storage client; /* when DONE and not is_local: IPv4 or IPv6, with its port */
    const char *why;                /* when BROKEN */
    size_t len;
    unsigned char bytes[PROXY_HEAD_MAX];
};

void proxy_head_init(struct proxy_head *head);
/* Gives how many of them belong to the head: all, as long as it wants more. */
size_t proxy_head_add(struct proxy_head *head, const unsigned char *bytes, size_t len);
/* Whether these, the first of a connection, could begin one. */
bool proxy_head_may_begin(const unsigned char *bytes, size_t len);

#endif
