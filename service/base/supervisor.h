/*
 * supervisor.h - the parent of all processes: starts them, sees when one dies or stands still, ends them in order.
 *
 * Owns      the processes, their control sockets, the counters by which workers show that they live.
 * Lifetime  supervisor_run() returns when every process has ended.
 * Thread    one, and no library is initialised in it: children are forked from it at any time. It allocates nothing once it runs, but
 *           for what reload does.
 * Units     milliseconds.
 * Errors    the exit code for the whole program; what happened stands in the log.
 *
 * A worker and its helpers are one group: helpers talk to their worker alone, and end with it. Who dies is started again, at once the first time, with
 * growing pauses when it keeps dying within a second; a worker that had been ready waits for 400 ms at most, so that its people are served again within a
 * second whatever kills it. Children die with the supervisor. Keepers belong to nobody: they are only kept going.
 *
 * SIGTERM and SIGINT end all of it in order; once more, and there is no time for moving (move_ms) any more; a third time, and everybody is killed.
 * SIGUSR2 replaces this program by the one that is installed now, and then the workers one after the other. The new program is tried first, in a process of its own
 * (rehearse): one that does not start changes nothing. Then it takes the place of this one (exchange) in this process, whose children stay, and goes on with what
 * supervisor_hand_over says (handed). Each worker has two seats and sits in one: its successor takes the other one and the same listening
 * sockets, and only when that says that it is ready is the old one told to move its people (SIGUSR2). One that does not get ready in time goes again, and
 * those that serve stay.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "service/base/handover.h"
#include "service/base/listener.h"
#include "service/base/seat.h"

struct supervisor_plan {
    size_t workers;
    size_t helpers;        /* of each worker */
    size_t keepers;        /* processes that belong to no worker */
    uint64_t watchdog_ms;  /* 0: nobody looks */
    uint64_t drain_ms;     /* for a worker to finish in, when it was hurried */
    uint64_t move_ms;      /* what it may take before that: to let balancers know, and to move people elsewhere */
    uint64_t successor_ms; /* within which a successor must be ready */
    struct listener
        *listener; /* one set a worker, of as many seats as there are workers; closed when the service is told to end */
    /* Each runs in its own process; what it returns is that process's exit code. */
    int (*worker_main)(void *ctx, struct seat *seat);
    int (*helper_main)(void *ctx,
                       int fd);    /* fd is blocking; its end means that the worker is gone. INT, TERM and HUP are ignored. */
    int (*keeper_main)(void *ctx); /* INT and HUP are ignored; TERM ends it as it would any process */
    void (*ready)(void *ctx);      /* once, when every worker has said that it takes connections */
    void (*reload)(
        void *ctx); /* at each HUP, before the workers have it: what is started again begins with the same. May be NULL */
    /* At USR2, in a process of its own whose output says why if it fails: 0 when the program of now can go on from here. NULL: nobody looks. */
    int (*rehearse)(void *ctx);
    /* Then, here: adds what the others have to hand over, and runs that program; returns only when that could not be. NULL: the same program goes on. */
    void (*exchange)(void *ctx, struct handover *handover);
    const struct handover *handed; /* by the program before, whose workers are replaced; NULL: the service is started */
    void *ctx;
    /* Exit codes of workers that would be the same next time: before the service was ready they end it, later they are like a crash. */
    int final_first, final_last;
    int always_final; /* this one ends the service at any time */
};
/* 0 after ending in order; 1 when some process had to be killed for it, or none could be kept alive; or a worker's final code. */
int supervisor_run(const struct supervisor_plan *plan);

#endif
