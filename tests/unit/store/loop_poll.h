/*
 * loop_poll.h - base/loop.h on poll(2) and the real clock, for tests that talk to a real server.
 *
 * Lifetime  loop_poll_new / loop_poll_free; what was not freed before is the test's leak.
 * Thread    one.
 * Units     milliseconds.
 */
#ifndef LOOP_POLL_H
#define LOOP_POLL_H

#include "service/base/loop.h"

struct loop *loop_poll_new(void);
void loop_poll_free(struct loop **loop);
/* Turns until *done is true; false when that took longer than ms. done NULL: turns that long. */
bool loop_poll_run(struct loop *loop, const bool *done, uint64_t ms);
/* Somebody sets this machine's wall clock: loop_unix_ms is off by so much from now on. */
void loop_poll_set_clock(struct loop *loop, int64_t off_ms);

#endif
