/*
 * waiting.h - what waits in one queue, told without the server.
 *
 * Owns      nothing.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_WAITING_H
#define CLI_WAITING_H

#include "clients/cli/cli.h"

/* One line for each op of the session's queue, or its JSON; *count grows by how many there are. */
int waiting_list(struct cli *cli, const char *session, size_t *count) GL_MUST_USE;

#endif
