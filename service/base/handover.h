/*
 * handover.h - what a service gives to the program that takes its place in the same process (execve): lines of text, and descriptors that stay open.
 *
 * Owns      the lines. Descriptors stay whose they are, and are only kept open.
 * Lifetime  the one who goes: handover_init, handover_say and handover_keep, handover_seal, execve. Who comes: handover_open, handover_next. Both: handover_fini.
 * Thread    one at a time.
 * Errors    false, and errno; running out of memory ends the process.
 *
 * Either program may be the newer one, so a line has its word in front, and a program that does not know a word passes it over. What cannot be read that way any more
 * (messages between supervisor and worker, or a worker and its helpers) raises HANDOVER_FORMAT: then the new program says before anything is given to it that it cannot
 * go on from the one that runs.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include "proto/gl_buf.h"

#define HANDOVER_FORMAT 1

struct handover {
    struct gl_buf lines; /* each ends with a NUL */
    int *kept;
    size_t kept_count, kept_cap;
    int fd; /* -1: none */
};

/* Memory that stays behind execve: a file without a name, for mmap. -1: errno. Where a filter of system calls allows no memfd_create (it lets programs run that are on
 * no disk) it is made in /dev/shm or /tmp. */
int handover_memory(const char *name, size_t bytes);

void handover_init(struct handover *handover);
void handover_fini(struct handover *handover);

void handover_say(struct handover *handover, const char *fmt, ...) GL_PRINTF(2, 3); /* one line: a word, and what belongs to it */
void handover_keep(struct handover *handover, int fd);                              /* open behind execve */
/* Everything into a descriptor that stays open, too, and into the environment where it is. False: errno. */
bool handover_seal(struct handover *handover) GL_MUST_USE;
void handover_undo(struct handover *handover); /* there was no execve: what was kept is closed by the next one */

/* What the program before has left to this process; 1: it is there, 0: there is none, -1: it cannot be understood. Nobody else finds it afterwards. */
int handover_open(struct handover *handover);
/* What stands behind the word in the first line of that word behind `after` (an earlier answer, or NULL); NULL: there is none. */
const char *handover_next(const struct handover *handover, const char *word, const char *after);

#endif
