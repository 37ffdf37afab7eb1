/*
 * connections.h - who is connected to this worker, for administrators; and the end of some of them.
 *
 * Owns      nothing; the peers are the core's.
 * Thread    the loop thread.
 * Units     as PROTOCOL has them: times, bytes, microseconds.
 * Errors    none.
 */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include "service/core/core.h"

/* An array of what connection.list tells of each, at most so many; *left_out says of how many it does not tell. account NULL: everybody's. The caller's
 * reference. */
json_t *connections_list(struct core *core, const gl_uuid *account, size_t most, size_t *left_out);
/* Ends one connection (as connections_list names it), or all of an account; the other one is NULL. Gives how many it were. */
size_t connections_end(struct core *core, const gl_uuid *connection, const gl_uuid *account, const char *reason);

#endif
