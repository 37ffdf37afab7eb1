/*
 * loop.h - the four things that the rest of the service asks of an event loop.
 *
 * Owns      nothing here: net/loop.c implements it on libuv; tests and the simulator bring their own.
 * Lifetime  handles are freed by their *_free function; no callback runs after that, even within the same turn.
 * Thread    the loop thread, but loop_wake(), which any thread may call.
 * Units     milliseconds of the monotonic clock (loop_now_ms); unix_ms is wall clock time.
 * Errors    none: what cannot be set up ends the process.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_wakeup;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void (*loop_watch_fn)(void *ctx, int events);
typedef void (*loop_fn)(void *ctx);

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_watch_fn fn, void *ctx);
void loop_watch_set(struct loop_watch *watch, int events); /* cheap when nothing changes */
void loop_watch_free(struct loop_watch **watch);           /* does not close the descriptor */

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx);
void loop_timer_start(
    struct loop_timer *timer, uint64_t after_ms,
    uint64_t every_ms); /* every 0: once; one that starts itself again with 0 lets everybody else have their turn */
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer);

/* Runs fn once, in the next turn (completions never run inside the call that asked for them). */
void loop_defer(struct loop *loop, loop_fn fn, void *ctx);

struct loop_wakeup *loop_wakeup_new(struct loop *loop, loop_fn fn, void *ctx);
void loop_wake(struct loop_wakeup *wakeup); /* from any thread or signal handler */
void loop_wakeup_free(struct loop_wakeup **wakeup);

uint64_t loop_now_ms(struct loop *loop);
int64_t loop_unix_ms(struct loop *loop);

#endif
