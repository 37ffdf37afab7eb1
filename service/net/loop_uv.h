/*
 * loop_uv.h - base/loop.h on libuv: the loop that a worker runs.
 *
 * Owns      the libuv loop and every handle made from it.
 * Lifetime  watches, timers and wakeups are freed before the loop; loop_free() asserts that nothing is left on it. Freeing
 *           one inside any callback, also its own, is safe. What was deferred and has not run yet is dropped.
 * Thread    the one that calls loop_run(); loop_stop() too. loop_wake() any, also a signal handler.
 * Errors    what the operating system refuses here ends the process with a sentence.
 *
 * libpq closes its socket and opens another under the same number while it tries one address after the other, without
 * telling. loop_watch_set() notices: it asks which file stands behind the number, also when the events are the same as
 * before. So call it after every step of a connection that is being made. A watch holds its file open until it is freed or
 * notices that the number has gone to another.
 */
#ifndef LOOP_UV_H
#define LOOP_UV_H

#include "service/base/loop.h"

struct uv_loop_s;

struct loop *loop_new(void);
void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop); /* the current turn is the last */
void loop_free(struct loop **loop);

struct uv_loop_s *loop_uv(struct loop *loop); /* for net only */

#endif
