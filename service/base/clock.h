/*
 * clock.h - what time it is, for those who have no loop.
 *
 * Owns      nothing.
 * Thread    any.
 * Units     as the names say.
 * Errors    none.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ms(void); /* since some moment; never goes back */
uint64_t clock_monotonic_us(void); /* since the same moment */
int64_t clock_unix_ms(void);       /* since 1970, UTC */

#endif
