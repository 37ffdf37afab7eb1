/*
 * seat.h - what a worker has from its supervisor, and how the two talk.
 *
 * Owns      the descriptors: the listening sockets, and the control socket to the supervisor.
 * Lifetime  made by the supervisor before the worker's main function runs; lasts as long as the process.
 * Thread    the loop thread. Nothing here blocks.
 * Errors    a supervisor that is gone is SEAT_ALONE; the kernel kills the worker at about the same time (PR_SET_PDEATHSIG).
 *
 * SIGTERM (the node ends), SIGUSR2 (a successor is there: end alone) and SIGHUP (read settings again) are blocked in a worker: it reads them from a signalfd. SIGINT is ignored, since a terminal
 * sends it to all processes at once and the supervisor tells everybody what to do.
 */
#ifndef SEAT_H
#define SEAT_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/gl_err.h"

/* A helper process of this worker, at the other end of fd (a stream socket, non-blocking). A later generation replaces an earlier one in its slot. */
struct seat_helper {
    unsigned slot;
    uint64_t generation;
    int fd; /* the receiver's */
};
enum seat_news { SEAT_NOTHING, SEAT_HELPER, SEAT_ALONE };

struct seat {
    unsigned worker;   /* 0 and on */
    bool is_successor; /* of one that serves: says that it is ready when work can be done, and takes no connections before */
    const int *listen_fds;
    size_t listen_count;
    unsigned helpers; /* slots */
    int control_fd;   /* readable: seat_read() has news */
    _Atomic uint64_t *beats;
    uint64_t beat_every_ms; /* call seat_beat() that often, from a timer of the loop */
};

void seat_beat(struct seat *seat);                                            /* the loop turns */
void seat_say_ready(struct seat *seat);                                       /* this worker takes connections */
void seat_kill_helper(struct seat *seat, unsigned slot, uint64_t generation); /* a new one comes as news */
enum seat_news seat_read(struct seat *seat, struct seat_helper *helper);

/* ---- the supervisor's side of the same socket */

struct seat_message {
    enum { SEAT_SAYS_READY, SEAT_SAYS_KILL, SEAT_SAYS_HELPER } kind;
    unsigned slot;
    uint64_t generation;
};
bool seat_pair(int fds[2]);                                                 /* [0] for the supervisor, [1] for the worker */
bool seat_send(int control_fd, const struct seat_message *message, int fd); /* fd -1: none. False: the other end takes nothing */
/* 1: a message, *fd may be -1; 0: none now; -1: the other end is gone. */
int seat_receive(int control_fd, struct seat_message *message, int *fd);

#endif
