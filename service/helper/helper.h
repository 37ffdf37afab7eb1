/*
 * helper.h - the process that does what takes too long for a loop: checking and hashing passwords, searching approximately.
 *
 * Owns      the texts that it searched last.
 * Thread    its own process; it does one job after the other and may block.
 * Errors    a message that cannot be right ends the process; the supervisor starts another.
 * Source    job.h.
 */
#ifndef HELPER_H
#define HELPER_H

#include <stddef.h>

/* Until the other end of fd is closed. Gives the process's exit code. */
int helper_main(int fd, size_t max_text_bytes);

#endif
