#include "tests/unit/store/loop_poll.h"

#include <poll.h>

#include "service/base/clock.h"
#include "service/base/mem.h"

#define WATCHES_MAX 64

struct loop_watch {
    struct loop_watch *next;
    struct loop *loop;
    int fd, events;
    loop_watch_fn fn;
    void *ctx;
};
struct loop_timer {
    struct loop_timer *next;
    struct loop *loop;
    loop_fn fn;
    void *ctx;
    uint64_t at_ms, every_ms;
    bool is_on;
};
struct loop {
    struct loop_watch *watches;
    struct loop_timer *timers;
    int64_t off_ms; /* of the wall clock */
};

struct loop *loop_poll_new(void)
{
    return mem_alloc(sizeof(struct loop));
}

void loop_poll_free(struct loop **loop)
{
    mem_free(loop);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_watch_fn fn, void *ctx)
{
    struct loop_watch *watch = mem_alloc(sizeof(*watch));
    *watch = (struct loop_watch){.next = loop->watches, .loop = loop, .fd = fd, .fn = fn, .ctx = ctx};
    loop->watches = watch;
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    watch->events = events;
}

void loop_watch_free(struct loop_watch **watch)
{
    if (!*watch) {
        return;
    }
    for (struct loop_watch **at = &(*watch)->loop->watches; *at; at = &(*at)->next) {
        if (*at == *watch) {
            *at = (*watch)->next;
            break;
        }
    }
    mem_free(watch);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx)
{
    struct loop_timer *timer = mem_alloc(sizeof(*timer));
    *timer = (struct loop_timer){.next = loop->timers, .loop = loop, .fn = fn, .ctx = ctx};
    loop->timers = timer;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms, uint64_t every_ms)
{
    timer->at_ms = clock_monotonic_ms() + after_ms;
    timer->every_ms = every_ms;
    timer->is_on = true;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->is_on = false;
}

void loop_timer_free(struct loop_timer **timer)
{
    if (!*timer) {
        return;
    }
    for (struct loop_timer **at = &(*timer)->loop->timers; *at; at = &(*at)->next) {
        if (*at == *timer) {
            *at = (*timer)->next;
            break;
        }
    }
    mem_free(timer);
}

uint64_t loop_now_ms(struct loop *loop)
{
    (void)loop;
    return clock_monotonic_ms();
}

int64_t loop_unix_ms(struct loop *loop)
{
    return clock_unix_ms() + loop->off_ms;
}

void loop_poll_set_clock(struct loop *loop, int64_t off_ms)
{
    loop->off_ms = off_ms;
}

/* One timer, then the list is looked at anew: a callback may free any of them. */
static bool run_timer(struct loop *loop)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (struct loop_timer *timer = loop->timers; timer; timer = timer->next) {
        if (timer->is_on && timer->at_ms <= now_ms) {
            timer->is_on = timer->every_ms > 0;
            timer->at_ms = now_ms + timer->every_ms;
            timer->fn(timer->ctx);
            return true;
        }
    }
    return false;
}

static int time_to_next(const struct loop *loop, uint64_t until_ms)
{
    uint64_t next_ms = until_ms, now_ms = clock_monotonic_ms();
    for (const struct loop_timer *timer = loop->timers; timer; timer = timer->next) {
        if (timer->is_on && timer->at_ms < next_ms) {
            next_ms = timer->at_ms;
        }
    }
    return next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}

static bool is_alive(const struct loop *loop, const struct loop_watch *watch, int fd)
{
    for (const struct loop_watch *it = loop->watches; it; it = it->next) {
        if (it == watch) {
            return it->fd == fd;
        }
    }
    return false;
}

static void run_watches(struct loop *loop, int timeout_ms)
{
    struct pollfd polled[WATCHES_MAX];
    struct loop_watch *watches[WATCHES_MAX];
    nfds_t count = 0;
    for (struct loop_watch *watch = loop->watches; watch && count < WATCHES_MAX; watch = watch->next) {
        short events = (short)((watch->events & LOOP_READ ? POLLIN : 0) | (watch->events & LOOP_WRITE ? POLLOUT : 0));
        watches[count] = watch;
        polled[count++] = (struct pollfd){.fd = watch->fd, .events = events};
    }
    if (poll(polled, count, timeout_ms) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        int events = (polled[i].revents & (POLLIN | POLLERR | POLLHUP) ? LOOP_READ : 0) |
                     (polled[i].revents & (POLLOUT | POLLERR) ? LOOP_WRITE : 0);
        if (events && is_alive(loop, watches[i], polled[i].fd) && events & watches[i]->events) {
            watches[i]->fn(watches[i]->ctx, events & watches[i]->events);
        }
    }
}

bool loop_poll_run(struct loop *loop, const bool *done, uint64_t ms)
{
    uint64_t until_ms = clock_monotonic_ms() + ms;
    bool is_over = false;
    while (!(done && *done)) {
        if (run_timer(loop)) {
            continue;
        }
        if (is_over) {
            return !done;
        }
        is_over = clock_monotonic_ms() >= until_ms; /* what is there by then counts, however long we did not run */
        run_watches(loop, time_to_next(loop, until_ms));
    }
    return true;
}
