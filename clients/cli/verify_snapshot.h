/*
 * verify_snapshot.h - where gloss verify begins when it does not begin with the first op.
 *
 * Owns      nothing; the state is the caller's.
 * Thread    the main thread; asks the server and waits.
 * Errors    an exit status; what was wrong has been said, unless err has it: then the server's snapshot is not what it says.
 * Source    PROTOCOL.md, "Retention".
 */
#ifndef CLI_VERIFY_SNAPSHOT_H
#define CLI_VERIFY_SNAPSHOT_H

#include "clients/cli/cli.h"
#include "proto/model/state.h"

/* Reads the snapshot into state (made for the session, and empty): its records are summed here and compared with what the server says there. */
int verify_snapshot_read(struct cli *cli, const char *session, struct gl_state *state, struct gl_err *err) GL_MUST_USE;

#endif
