/* world.c - see sim.h: the clock, the dice, what is due. Randomness of the real code comes from here as well, so that a seed replays exactly. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "service/base/mem.h"
#include "tests/sim/sim.h"

#define EVENTS_MAX 400000 /* a seed that needs more goes round in circles */

struct world world;

#define X(name, doc) #name,
const char *const fault_names[] = {SIM_FAULTS(X)};
#undef X
#define X(name, doc) doc,
const char *const fault_docs[] = {SIM_FAULTS(X)};
#undef X
#define X(name) #name,
const char *const seen_names[] = {SIM_SEEN(X)};
#undef X

/* ---- dice */

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t draw(enum dice dice, uint64_t below)
{
    return next(&world.dice[dice]) % (below ? below : 1);
}

bool chance(enum dice dice, unsigned in_thousand)
{
    return draw(dice, 1000) < in_thousand;
}

/* Stands before the C library's: salts, ids, hash keys and jitter are the seed's. */
ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    uint8_t *bytes = buf;
    (void)flags;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)draw(DICE_BYTES, 256);
    return (ssize_t)len;
}

/* ---- what is due: a heap */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void world_at(uint64_t in_ms, event_fn fn, void *ctx, uint64_t arg)
{
    if (world.is_over)
        return;
    world.heap = mem_grow(world.heap, &world.cap, world.count + 1, sizeof *world.heap);
    struct event event = {world.now_ms + in_ms, draw(DICE_NET, 8) << 48 | ++world.order, fn, ctx, arg};
    size_t at = world.count++;
    for (; at > 0 && is_before(&event, &world.heap[(at - 1) / 2]); at = (at - 1) / 2)
        world.heap[at] = world.heap[(at - 1) / 2];
    world.heap[at] = event;
}

static struct event take_first(void)
{
    struct event first = world.heap[0], last = world.heap[--world.count];
    size_t at = 0, child;
    while ((child = at * 2 + 1) < world.count) {
        child += child + 1 < world.count && is_before(&world.heap[child + 1], &world.heap[child]);
        if (!is_before(&world.heap[child], &last))
            break;
        world.heap[at] = world.heap[child];
        at = child;
    }
    world.heap[at] = last;
    return first;
}

bool world_step(void)
{
    if (world.count == 0 || world.is_broken)
        return false;
    struct event event = take_first();
    world.now_ms = event.at_ms;
    event.fn(event.ctx, event.arg);
    SAW(events);
    if (world.order > EVENTS_MAX)
        broken(8, "the world does not come to rest: %d events", EVENTS_MAX);
    return true;
}

void world_begin(const struct plan *plan, struct tally *tally)
{
    uint64_t mixed = plan->seed;
    memset(&world, 0, sizeof world);
    world.plan = *plan;
    world.tally = tally;
    world.now_ms = 1000000;
    for (int i = 0; i < DICE_COUNT; i++)
        world.dice[i] = next(&mixed) ^ (uint64_t)i << 32;
}

void world_run_out(void)
{
    world.is_over = true;
    while (world.count > 0) {
        struct event event = take_first();
        event.fn(event.ctx, event.arg);
    }
}

void world_end(void)
{
    mem_free(&world.heap);
    world.count = world.cap = 0;
}

/* ---- faults, and what is said */

bool fault_may(enum fault fault)
{
    return !world.is_calm && !(world.plan.without >> fault & 1);
}

void fault_bit(enum fault fault)
{
    world.tally->faults[fault]++;
}

bool fault_hits(enum fault fault, unsigned in_thousand)
{
    bool hits = chance(DICE_FAULT, in_thousand) && fault_may(fault);
    if (hits)
        fault_bit(fault);
    return hits;
}

void broken(int promise, const char *fmt, ...)
{
    va_list args;
    if (world.is_broken)
        return;
    world.is_broken = true;
    int len = snprintf(world.why, sizeof world.why, "promise %d: ", promise);
    va_start(args, fmt);
    vsnprintf(world.why + len, sizeof world.why - (size_t)len, fmt, args);
    va_end(args);
    trace("BROKEN %s", world.why);
}

void trace(const char *fmt, ...)
{
    va_list args;
    if (!world.plan.is_traced)
        return;
    va_start(args, fmt);
    printf("%8" PRIu64 "  ", world.now_ms - 1000000);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
    fflush(stdout);
}
