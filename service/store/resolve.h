/*
 * resolve.h - addresses for the names of hosts in a connection string, without waiting: libpq would look them up inside PQconnectStartParams().
 *
 * Owns      copies of what it is given. A look-up has a thread, which lives as long as the system's resolver takes, whoever has lost interest meanwhile.
 * Lifetime  resolve_new / resolve_free.
 * Thread    the loop thread; the callback too.
 * Errors    resolve_put() says false when no host has an address.
 * Source    PostgreSQL documentation, "host" and "hostaddr".
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "service/base/loop.h"
#include "service/store/conninfo.h"

struct resolve;
/* NULL: there is nothing to look up (sockets, numeric addresses). Else fn is called once, in a later turn. */
struct resolve *resolve_new(struct loop *loop, const struct conninfo *conninfo, loop_fn fn, void *ctx);
/* Once fn was called: puts host, hostaddr and port, so that every entry has its address. Hosts that were not found are left out. */
bool resolve_put(const struct resolve *resolve, struct conninfo *conninfo) GL_MUST_USE;
void resolve_free(struct resolve **resolve);

#endif
