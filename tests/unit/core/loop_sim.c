/* loop_sim.c - deferred calls and timers under a clock of the test's own. */
#include "tests/unit/core/loop_sim.h"

#include <stdlib.h>

#include "service/base/mem.h"

struct deferred {
    struct deferred *next;
    loop_fn fn;
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
    uint64_t now_ms;
    struct deferred *first, **last;
    struct loop_timer *timers;
};

struct loop *loop_sim_new(void)
{
    struct loop *loop = mem_alloc(sizeof *loop);
    loop->now_ms = 1000000;
    loop->last = &loop->first;
    return loop;
}

static void run_deferred(struct loop *loop)
{
    while (loop->first) {
        struct deferred *it = loop->first;
        loop->first = it->next;
        if (!loop->first)
            loop->last = &loop->first;
        it->fn(it->ctx);
        mem_free(&it);
    }
}

static struct loop_timer *due(struct loop *loop, uint64_t until_ms)
{
    struct loop_timer *first = NULL;
    for (struct loop_timer *it = loop->timers; it; it = it->next)
        if (it->is_on && it->at_ms <= until_ms && (!first || it->at_ms < first->at_ms))
            first = it;
    return first;
}

static void fire(struct loop *loop, struct loop_timer *timer)
{
    if (timer->at_ms > loop->now_ms)
        loop->now_ms = timer->at_ms;
    timer->is_on = timer->every_ms > 0;
    timer->at_ms += timer->every_ms;
    timer->fn(timer->ctx);
}

void loop_sim_step(struct loop *loop)
{
    run_deferred(loop);
    struct loop_timer *timer = due(loop, loop->now_ms);
    if (timer)
        fire(loop, timer);
}

void loop_sim_run(struct loop *loop, uint64_t ms)
{
    uint64_t until_ms = loop->now_ms + ms;
    struct loop_timer *timer;
    run_deferred(loop);
    while ((timer = due(loop, until_ms))) {
        fire(loop, timer);
        run_deferred(loop);
    }
    loop->now_ms = until_ms;
}

void loop_sim_free(struct loop **loop)
{
    while ((*loop)->first) {
        struct deferred *it = (*loop)->first;
        (*loop)->first = it->next;
        mem_free(&it);
    }
    mem_free(loop);
}

void loop_defer(struct loop *loop, loop_fn fn, void *ctx)
{
    struct deferred *it = mem_alloc(sizeof *it);
    *it = (struct deferred){NULL, fn, ctx};
    *loop->last = it;
    loop->last = &it->next;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx)
{
    struct loop_timer *timer = mem_alloc(sizeof *timer);
    *timer = (struct loop_timer){.next = loop->timers, .loop = loop, .fn = fn, .ctx = ctx};
    loop->timers = timer;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms, uint64_t every_ms)
{
    timer->is_on = true;
    timer->at_ms = timer->loop->now_ms + after_ms;
    timer->every_ms = every_ms;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->is_on = false;
}

void loop_timer_free(struct loop_timer **timer)
{
    struct loop_timer **at = &(*timer)->loop->timers;
    while (*at != *timer)
        at = &(*at)->next;
    *at = (*timer)->next;
    mem_free(timer);
}

uint64_t loop_now_ms(struct loop *loop)
{
    return loop->now_ms;
}
int64_t loop_unix_ms(struct loop *loop)
{
    return 1700000000000 + (int64_t)loop->now_ms;
}
