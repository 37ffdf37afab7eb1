/*
 * loop_sim.h - base/loop.h with a clock that moves only when the test says so.
 *
 * Owns      its timers and what was deferred.
 * Units     milliseconds of its own clock, which starts at 1 000 000.
 */
#ifndef LOOP_SIM_H
#define LOOP_SIM_H

#include "service/base/loop.h"

struct loop *loop_sim_new(void);
void loop_sim_run(
    struct loop *loop,
    uint64_t ms); /* everything that is due in the next ms milliseconds; 0: what is deferred now, and what that defers */
void loop_sim_step(struct loop *loop); /* what is deferred, and then one timer that is due now */
void loop_sim_free(struct loop **loop);

#endif
