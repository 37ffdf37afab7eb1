#include "tests/bench/load/hist.h"

#include <string.h>

#define STEPS_EACH (1u << HIST_STEP_BITS)

/* Below 128 each value has a step of its own; above, each power of two has 128. */
static uint32_t step_of(uint64_t us)
{
    if (us < STEPS_EACH)
        return (uint32_t)us;
    uint32_t power = 63u - (uint32_t)__builtin_clzll(us);
    uint32_t step = ((power - HIST_STEP_BITS + 1) << HIST_STEP_BITS) + (uint32_t)((us >> (power - HIST_STEP_BITS)) - STEPS_EACH);
    return step < HIST_STEPS ? step : HIST_STEPS - 1;
}

uint64_t hist_end_of(uint32_t step)
{
    if (step < STEPS_EACH)
        return step;
    uint32_t shift = (step >> HIST_STEP_BITS) - 1;
    return ((((uint64_t)step & (STEPS_EACH - 1)) + STEPS_EACH + 1) << shift) - 1;
}

void hist_add(struct hist *hist, uint64_t us)
{
    hist->count++;
    hist->sum_us += us;
    hist->steps[step_of(us)]++;
    if (us > hist->largest_us)
        hist->largest_us = us;
}

void hist_clear(struct hist *hist)
{
    memset(hist, 0, sizeof *hist);
}

uint64_t hist_at(const struct hist *hist, uint64_t millionths)
{
    uint64_t wanted = (hist->count * millionths + 999999) / 1000000, seen = 0;
    for (uint32_t step = 0; step < HIST_STEPS && hist->count > 0; step++) {
        seen += hist->steps[step];
        if (seen >= wanted)
            return hist_end_of(step) < hist->largest_us ? hist_end_of(step) : hist->largest_us;
    }
    return hist->largest_us;
}
