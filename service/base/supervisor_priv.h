/*
 * supervisor_priv.h - the processes, for supervisor*.c only.
 */
#ifndef SUPERVISOR_PRIV_H
#define SUPERVISOR_PRIV_H

#include <poll.h>
#include <sys/types.h>

#include "service/base/supervisor.h"

struct child {
    pid_t pid; /* 0: none now */
    uint64_t started_ms;
    uint64_t start_at_ms; /* not before */
    unsigned falls;       /* times in a row that it died within a second */
    bool is_sent_off;     /* its death is our doing */
};
struct helper_child {
    struct child child;
    uint64_t generation;
};
struct worker_child {
    struct child child;
    struct helper_child *helpers;
    int control_fd; /* -1: none */
    bool is_ready;
    uint64_t beat, beat_ms; /* the last one seen, and when */
    uint64_t kill_at_ms;    /* SIGABRT was sent; SIGKILL follows. 0: not stuck */
};
/* Counters of different workers lie on different cache lines. */
struct beat_line {
    _Atomic uint64_t count;
    char rest[56];
};

struct supervisor {
    const struct supervisor_plan *plan;
    pid_t pid;
    int signal_fd;
    struct worker_child *workers;
    struct child *keepers;
    struct pollfd *polls; /* the signalfd, then the workers' control sockets */
    struct beat_line *beats;
    bool was_ready, is_stopping, is_killing;
    uint64_t kill_at_ms; /* when is_stopping */
    uint64_t looked_ms;  /* at the clock, last */
    int exit_code;
};

/* supervisor_fork.c. A process that cannot be made counts as one that died at once. */
void supervisor_start_worker(struct supervisor *sup, size_t index, uint64_t now);
void supervisor_start_helper(struct supervisor *sup, size_t index, size_t slot, uint64_t now);
void supervisor_start_keeper(struct supervisor *sup, size_t index, uint64_t now);
/* After a death: when to start the next. A worker that had been ready is back within a second, however often it is killed. */
void supervisor_postpone(struct child *child, bool was_ready, uint64_t now);
uint64_t supervisor_beat_every(const struct supervisor_plan *plan);

#endif
