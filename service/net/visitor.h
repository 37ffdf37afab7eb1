/*
 * visitor.h - who comes from one address: how many connections it has, and how fast it makes new ones.
 *
 * Owns      one entry for each address that has a connection or had one lately. An IPv6 address counts as its network of 64 bits: whoever has one has all.
 * Lifetime  visitors_init / visitors_fini; an entry as long as somebody refers to it or its recent past matters.
 * Thread    the loop thread.
 * Units     connections; connections a second; milliseconds.
 * Errors    none. What is too much is said, and refused by the caller.
 */
#ifndef VISITOR_H
#define VISITOR_H

#include <stdint.h>
#include <sys/socket.h>

#include "service/base/map.h"

struct visitor {
    gl_uuid key;
    size_t connections;
    uint64_t tokens; /* new connections that it may make now, in thousandths */
    uint64_t at_ms;  /* when that was so */
};
struct visitors {
    struct map all;
    uint64_t most;       /* connections of one address; 0: any */
    uint64_t per_second; /* new ones, in the long run; five times as many at once. 0: any */
};

void visitors_init(struct visitors *visitors);
void visitors_fini(struct visitors *visitors);
/* One more connection from there. NULL: it comes too soon after others. */
struct visitor *visitor_arrives(struct visitors *visitors, const struct sockaddr_storage *from, uint64_t now_ms);
bool visitor_has_too_many(const struct visitors *visitors, const struct visitor *visitor);
void visitor_leaves(struct visitor **visitor); /* NULL on entry is fine */
void visitors_sweep(struct visitors *visitors, uint64_t now_ms);

#endif
