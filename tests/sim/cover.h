/*
 * cover.h - which transitions a range of seeds went through: of annotations, of judge's verdicts, of a client's session, of a session in a worker.
 *
 * Owns      nothing: the counts are in the tally. What is possible is said here, once, so that what was never seen can be named.
 */
#ifndef SIM_COVER_H
#define SIM_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVER_MACHINES 5
#define COVER_STATES   9
#define COVER_EVENTS   20
enum cover_machine { COVER_ANNOTATION, COVER_VERDICT, COVER_SESSION, COVER_HELD, COVER_MOVED };

struct cover {
    uint64_t seen[COVER_MACHINES][COVER_STATES][COVER_EVENTS];
};

/* States and events are named as cover.c lists them; a name that it does not have ends the process. */
void cover(enum cover_machine machine, const char *state, const char *event);
void cover_add(struct cover *sum, const struct cover *one);
/* Tables of what was seen, and by name what was possible and was not. How many those are. */
size_t cover_print(const struct cover *cover);

#endif
