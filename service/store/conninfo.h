/*
 * conninfo.h - what we give to libpq to connect with.
 *
 * Owns      copies of all keywords and values.
 * Lifetime  conninfo_new / conninfo_free.
 * Thread    any.
 * Errors    GL_E_SETTING when the text is no connection string.
 * Source    PostgreSQL documentation, "Connection Strings".
 */
#ifndef CONNINFO_H
#define CONNINFO_H

#include <limits.h>

#include "proto/gl_err.h"

#define CONNINFO_ALL_HOSTS UINT_MAX
enum { CONNINFO_ROOM = 3 };
struct conninfo {
    char **keywords, **values; /* NULL-terminated, for PQconnectStartParams(keywords, values, 0) */
    unsigned count;
};

/* The text's settings with ours added: user, a name for the server's process list, UTF-8, keepalives, and read-write servers only. What the text says about
 * keepalives and timeouts wins. Of several hosts only number `host` (from 0; counted on behind the last: from the first again), or all of them. */
enum gl_code conninfo_new(const char *text, const char *user, const char *application, unsigned host, struct conninfo **out,
                          struct gl_err *err) GL_MUST_USE;
/* Another value, or the first one: at most CONNINFO_ROOM keywords that were not there. */
void conninfo_put(struct conninfo *conninfo, const char *keyword, const char *value);
void conninfo_free(struct conninfo **conninfo);
unsigned conninfo_hosts(const char *text); /* how many servers it names; 1 when it cannot be read */
const char *conninfo_get(const struct conninfo *conninfo, const char *keyword); /* NULL when it is not set */

#endif
