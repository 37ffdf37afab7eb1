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
    bool is_wanted;         /* who dies here is started again */
    uint64_t leave_by_ms;   /* told to move its people and end; SIGKILL after that. 0: not told */
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
    size_t seats;                 /* two for each worker: number i sits in i or in i + plan->workers */
    struct worker_child *workers; /* one a seat */
    int beats_fd;
    struct child rehearsal; /* of the program that is to go on */
    int rehearsal_fd;       /* what it says; -1: none */
    bool is_restarting;
    size_t restart_at;      /* the worker that is being replaced */
    uint64_t restart_by_ms; /* its successor, or the rehearsal, must be ready; 0: none was started yet; UINT64_MAX: it is */
    struct child *keepers;
    struct pollfd *polls; /* the signalfd, then the workers' control sockets */
    struct beat_line *beats;
    bool was_ready, is_stopping, is_hurrying, is_killing;
    uint64_t kill_at_ms; /* when is_stopping */
    uint64_t looked_ms;  /* at the clock, last */
    int exit_code;
};

/* supervisor_restart.c. Workers are replaced one after the other; looked after in every turn. */
void supervisor_restart(struct supervisor *sup);
void supervisor_restart_look(struct supervisor *sup, uint64_t now);
void supervisor_restart_lost(struct supervisor *sup, size_t seat, uint64_t now); /* whoever sat there is dead */
void supervisor_restart_rehearsed(struct supervisor *sup, int status);           /* whoever rehearsed is dead */
uint64_t supervisor_restart_due(const struct supervisor *sup, uint64_t otherwise);

/* supervisor_handover.c. False: errno, or what was handed cannot be used. */
bool supervisor_share_beats(struct supervisor *sup);
void supervisor_hand_over(struct supervisor *sup, struct handover *handover);
bool supervisor_take_over(struct supervisor *sup, const struct handover *handover);

/* supervisor_fork.c. A process that cannot be made counts as one that died at once. */
void supervisor_start_worker(struct supervisor *sup, size_t index, uint64_t now);
void supervisor_start_helper(struct supervisor *sup, size_t index, size_t slot, uint64_t now);
void supervisor_start_rehearsal(struct supervisor *sup, uint64_t now);
void supervisor_start_keeper(struct supervisor *sup, size_t index, uint64_t now);
/* After a death: when to start the next. A worker that had been ready is back within a second, however often it is killed. */
void supervisor_postpone(struct child *child, bool was_ready, uint64_t now);
uint64_t supervisor_beat_every(const struct supervisor_plan *plan);

#endif
