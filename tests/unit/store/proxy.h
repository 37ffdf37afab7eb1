/*
 * proxy.h - stands between a store and its server, and loses what it is told to lose.
 *
 * Owns      a thread, a folder with a socket in it, and the connections on both sides.
 * Lifetime  proxy_start / proxy_stop.
 * Thread    its own; proxy_set and what is below it may be called from the test's.
 */
#ifndef TEST_PROXY_H
#define TEST_PROXY_H

#include <stddef.h>

struct proxy;
enum proxy_mode {
    PROXY_PASS,
    PROXY_LOSE_ANSWERS,  /* the server gets everything, the client hears nothing */
    PROXY_LOSE_REQUESTS, /* the server hears nothing */
    PROXY_HOLD,          /* requests are kept, and reach the server after proxy_let_go(): a ghost */
};
struct proxy *proxy_start(const char *server_socket); /* path of the server's socket */
void proxy_stop(struct proxy **proxy);
const char *proxy_folder(const struct proxy *proxy); /* host= of it */
void proxy_set(struct proxy *proxy, enum proxy_mode mode);
size_t proxy_kept(const struct proxy *proxy); /* bytes of requests that were lost or are held, since proxy_set() */
/* Closes the clients' side of every connection, and the servers' side too unless requests are held; new ones pass. */
void proxy_cut(struct proxy *proxy);
/* What was held at the cut reaches the server; returns when that has done it, or has ended those connections. */
void proxy_let_go(struct proxy *proxy);

#endif
