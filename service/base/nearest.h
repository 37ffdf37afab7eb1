/*
 * nearest.h - what somebody who mistyped a name may have meant.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none: what is near nothing is said by count.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* Letters left out, added, changed or swapped to come from one to the other; names beyond 63 bytes are cut. */
unsigned nearest_distance(const char *a, const char *b);
/* The index of the name most like given, or count when none is like it. */
size_t nearest_index(const char *given, const char *const *names, size_t count);

#endif
