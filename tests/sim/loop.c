/* loop.c - base/loop.h for a worker of the simulator: turns are events of the world, timers too, and a frozen worker has neither. */
#include "service/base/loop.h"
#include "service/base/mem.h"
#include "tests/sim/watch.h"

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
    struct worker *worker;
    uint64_t life; /* of the worker: an event of an earlier one means nothing */
    struct deferred *first, **last;
    struct loop_timer *timers;
    bool has_turn;
    uint64_t wake_ms; /* the earliest event that was asked for; 0: none */
};

struct loop *sim_loop_new(struct worker *worker)
{
    struct loop *loop = mem_alloc(sizeof *loop);
    loop->worker = worker;
    loop->life = worker->life;
    loop->last = &loop->first;
    return loop;
}

static void run_one(struct loop *loop)
{
    struct deferred *it = loop->first;
    loop->first = it->next;
    if (!loop->first)
        loop->last = &loop->first;
    it->fn(it->ctx);
    mem_free(&it);
    watch_came(loop->worker, NULL, "turn");
}

static struct loop *loop_of(struct worker *worker, uint64_t life)
{
    return worker->loop && worker->life == life ? worker->loop : NULL;
}

static void turn(void *ctx, uint64_t life)
{
    struct worker *worker = ctx;
    struct loop *loop = loop_of(worker, life);
    size_t count = 0;
    if (!loop)
        return;
    if (worker_is_frozen(worker)) {
        world_at(worker->frozen_until_ms - world.now_ms, turn, worker, life);
        return;
    }
    loop->has_turn = false;
    for (struct deferred *it = loop->first; it; it = it->next)
        count++;
    while (count-- > 0 && loop->first)
        run_one(loop);
}

static void ask_for_turn(struct loop *loop)
{
    if (loop->has_turn)
        return;
    loop->has_turn = true;
    world_at(0, turn, loop->worker, loop->life);
}

void loop_defer(struct loop *loop, loop_fn fn, void *ctx)
{
    struct deferred *it = mem_alloc(sizeof *it);
    *it = (struct deferred){NULL, fn, ctx};
    *loop->last = it;
    loop->last = &it->next;
    ask_for_turn(loop);
}

void sim_loop_run_out(struct loop *loop)
{
    while (loop->first)
        run_one(loop);
}

bool sim_loop_is_idle(const struct loop *loop)
{
    return !loop->first;
}

/* ---- timers */

static void wake(void *ctx, uint64_t life);

static void ask_to_be_woken(struct loop *loop)
{
    uint64_t first = 0;
    for (struct loop_timer *it = loop->timers; it; it = it->next)
        if (it->is_on && (first == 0 || it->at_ms < first))
            first = it->at_ms;
    if (first == 0 || (loop->wake_ms > world.now_ms && loop->wake_ms <= first))
        return;
    loop->wake_ms = first;
    world_at(first > world.now_ms ? first - world.now_ms : 0, wake, loop->worker, loop->life);
}

static struct loop_timer *first_due(const struct loop *loop)
{
    struct loop_timer *first = NULL;
    for (struct loop_timer *it = loop->timers; it; it = it->next)
        if (it->is_on && it->at_ms <= world.now_ms && (!first || it->at_ms < first->at_ms))
            first = it;
    return first;
}

static void wake(void *ctx, uint64_t life)
{
    struct worker *worker = ctx;
    struct loop *loop = loop_of(worker, life);
    struct loop_timer *timer;
    if (!loop)
        return;
    if (worker_is_frozen(worker)) {
        loop->wake_ms = worker->frozen_until_ms;
        world_at(worker->frozen_until_ms - world.now_ms, wake, worker, life);
        return;
    }
    while ((timer = first_due(loop))) {
        timer->is_on = timer->every_ms > 0;
        timer->at_ms = world.now_ms + timer->every_ms;
        timer->fn(timer->ctx);
        if (loop_of(worker, life) != loop)
            return;
        watch_came(worker, NULL, "time");
    }
    ask_to_be_woken(loop);
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
    timer->at_ms = world.now_ms + after_ms;
    timer->every_ms = every_ms;
    ask_to_be_woken(timer->loop);
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

void sim_loop_free(struct loop **loop)
{
    sim_loop_run_out(*loop);
    while ((*loop)->timers) {
        struct loop_timer *timer = (*loop)->timers;
        loop_timer_free(&timer);
    }
    mem_free(loop);
}

uint64_t loop_now_ms(struct loop *loop)
{
    (void)loop;
    return world.now_ms;
}

int64_t loop_unix_ms(struct loop *loop)
{
    return 1700000000000 + (int64_t)world.now_ms + loop->worker->skew_ms;
}
