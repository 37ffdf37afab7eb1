/*
 * follow_print.h - printing ops as they come: what watch and log share.
 *
 * Owns      ops that wait for the codebook, until follow_print returns.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 *
 * Each op is flushed by itself. An op that names a label which is not known yet waits a moment for the codebook, and those behind it with it.
 */
#ifndef CLI_FOLLOW_PRINT_H
#define CLI_FOLLOW_PRINT_H

#include "clients/cli/follow.h"

/* follow says from where to where; `since` is the verb's option that says behind which op. */
int follow_print(struct follow *follow, enum option_id since) GL_MUST_USE;

#endif
