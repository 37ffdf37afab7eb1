/*
 * worker.h - the workers: each a real core on a loop and a store of the simulator's; killed, frozen, drained and started again.
 *
 * Owns      a worker owns its core, loop and store. Connections (wire.h) belong to nobody in particular and outlive a worker.
 * Lifetime  workers_begin / workers_end within one seed. A killed worker's memory is freed at once: nothing of it is heard any more.
 */
#ifndef SIM_WORKER_H
#define SIM_WORKER_H

#include "service/core/core.h"
#include "service/core/peer.h"
#include "tests/sim/sim.h"

struct worker {
    size_t index;
    uint64_t life; /* counts its starts */
    struct loop *loop;
    struct store *store;
    struct core *core; /* NULL: it is not there */
    bool is_draining;
    uint64_t frozen_until_ms;
    int64_t skew_ms; /* its clock against the database's */
};
extern struct worker workers[WORKERS_MAX];
extern size_t worker_count;

void workers_begin(size_t count, const struct core_limits *limits);
void workers_end(void);
void worker_start(struct worker *worker);
void worker_kill(struct worker *worker);
void worker_drain(struct worker *worker);
void worker_freeze(struct worker *worker, uint64_t ms);
bool worker_is_frozen(const struct worker *worker);
void workers_heal(void);

/* loop.c */
struct loop *sim_loop_new(struct worker *worker);
void sim_loop_free(struct loop **loop);
void sim_loop_run_out(struct loop *loop); /* what is deferred, and what that defers: for a worker that is dead */
bool sim_loop_is_idle(const struct loop *loop);

/* store.c */
struct store *sim_store_new(struct worker *worker);
void sim_store_sever(
    struct store *store); /* the worker is dead: the database hears nothing more of it, and what it asked fails */
void sim_store_fail_all(struct store *store); /* answers whatever a dead worker waits for; until there is nothing */
bool sim_store_is_idle(const struct store *store);
bool sim_store_is_settled(const struct store *store); /* no append of it is of unknown outcome */

#endif
