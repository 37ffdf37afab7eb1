/* worker.c - see worker.h. */
#include "tests/sim/worker.h"

#include "service/base/mem.h"
#include "tests/sim/watch.h"
#include "tests/sim/wire.h"

struct worker workers[WORKERS_MAX];
size_t worker_count;
static struct core_limits worker_limits;

void worker_start(struct worker *worker)
{
    worker->life++;
    worker->is_draining = false;
    worker->frozen_until_ms = 0;
    worker->skew_ms = (int64_t)draw(DICE_PLAN, 8000) - 4000;
    worker->loop = sim_loop_new(worker);
    worker->store = sim_store_new(worker);
    worker->core = core_new(worker->loop, worker->store, &worker_limits, NULL, "glossd sim");
    trace("worker %zu  starts", worker->index);
    SAW(workers_started);
    watch_begin(worker);
}

static void count(const struct core *core)
{
    struct core_counts counts;
    core_counts(core, &counts);
    world.tally->seen[SEEN_resyncs_by_worker] += counts.resyncs;
}

/* The process is gone: nobody hears what it still does on its way out of memory. */
static void bury(struct worker *worker)
{
    watch_end(worker);
    wire_worker_gone(worker);
    sim_store_sever(worker->store);
    core_end_drain(worker->core);
    do {
        sim_loop_run_out(worker->loop);
        sim_store_fail_all(worker->store);
    } while (!sim_loop_is_idle(worker->loop) || !sim_store_is_idle(worker->store));
    count(worker->core);
    core_free(&worker->core);
    sim_loop_run_out(worker->loop);
    sim_store_fail_all(worker->store);
    store_free(&worker->store);
    sim_loop_free(&worker->loop);
}

static void come_back(void *ctx, uint64_t life)
{
    struct worker *worker = ctx;
    if (!world.is_over && !worker->core && worker->life == life)
        worker_start(worker);
}

void worker_kill(struct worker *worker)
{
    if (!worker->core)
        return;
    trace("worker %zu  is killed", worker->index);
    bury(worker);
    world_at(50 + draw(DICE_FAULT, 900), come_back, worker, worker->life);
}

/* ---- told to stop */

static void stop(void *ctx, uint64_t life)
{
    struct worker *worker = ctx;
    if (worker->core && worker->life == life)
        worker_kill(worker);
}

static void on_drained(void *ctx)
{
    struct worker *worker = ctx;
    trace("worker %zu  is drained", worker->index);
    world_at(1, stop, worker, worker->life);
}

static void time_is_over(void *ctx, uint64_t life)
{
    struct worker *worker = ctx;
    if (worker->core && worker->life == life)
        core_end_drain(worker->core);
}

void worker_drain(struct worker *worker)
{
    if (!worker->core || worker->is_draining)
        return;
    trace("worker %zu  is told to stop", worker->index);
    worker->is_draining = true;
    core_drain(worker->core, on_drained, worker);
    world_at(2000, time_is_over, worker, worker->life);
    world_at(2500, stop, worker, worker->life);
}

/* ---- frozen */

void worker_freeze(struct worker *worker, uint64_t ms)
{
    trace("worker %zu  freezes for %llu ms", worker->index, (unsigned long long)ms);
    worker->frozen_until_ms = world.now_ms + ms;
}

bool worker_is_frozen(const struct worker *worker)
{
    return worker->frozen_until_ms > world.now_ms;
}

void workers_heal(void)
{
    for (size_t i = 0; i < worker_count; i++) {
        workers[i].frozen_until_ms = 0;
        if (!workers[i].core)
            worker_start(&workers[i]);
    }
}

void workers_begin(size_t how_many, const struct core_limits *limits)
{
    worker_limits = *limits;
    worker_count = how_many;
    for (size_t i = 0; i < how_many; i++) {
        workers[i] = (struct worker){.index = i};
        worker_start(&workers[i]);
    }
}

void workers_end(void)
{
    for (size_t i = 0; i < worker_count; i++)
        if (workers[i].core)
            bury(&workers[i]);
}
