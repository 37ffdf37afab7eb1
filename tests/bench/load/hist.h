/*
 * hist.h - how long things took: counts in steps of less than 1 % of the value, from a microsecond to an hour.
 *
 * Owns      its counts; embedded in yours, all zero is empty.
 * Units     microseconds.
 * Errors    none; what is longer than an hour counts as an hour.
 */
#ifndef HIST_H
#define HIST_H

#include <stdint.h>

#define HIST_STEP_BITS 7  /* steps in each power of two: 128 */
#define HIST_POWERS    32 /* 2^32 microseconds are more than an hour */
#define HIST_STEPS     (HIST_POWERS << HIST_STEP_BITS)

struct hist {
    uint64_t count, largest_us;
    uint64_t sum_us;
    uint32_t steps[HIST_STEPS];
};
void hist_add(struct hist *hist, uint64_t us);
void hist_clear(struct hist *hist);
/* What so many of a million values are not above, as it was at most; 0 when there is none. */
uint64_t hist_at(const struct hist *hist, uint64_t millionths);
/* The largest value that is counted in a step. */
uint64_t hist_end_of(uint32_t step);

#endif
