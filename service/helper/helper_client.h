/*
 * helper_client.h - a worker's side of its helpers: jobs go out, answers call back.
 *
 * Owns      the sockets to the helpers and the jobs that wait or run. The loop and the seat are lent; it reads the seat's news.
 * Lifetime  helper_client_new / helper_client_free, which answers every job that is left with GL_E_SHUTTING_DOWN.
 * Thread    the loop thread; nothing blocks; no callback runs inside the call that asked for it.
 * Units     milliseconds, bytes.
 * Errors    callbacks get GL_E_BUSY (too many jobs wait, or this one waited or took too long) or GL_E_INTERNAL (the helper died of it, or said
 *           something else than an answer).
 *
 * A helper does one job at a time. Passwords go before searches. A helper that takes too long is killed by the supervisor, which sends another.
 */
#ifndef HELPER_CLIENT_H
#define HELPER_CLIENT_H

#include "service/base/seat.h"
#include "service/core/core.h"

struct helper_limits {
    size_t jobs;      /* that wait */
    size_t job_bytes; /* of all that wait together */
    uint64_t wait_ms; /* until a waiting job is given up */
    uint64_t run_ms;  /* until a running one is */
};
struct helper_client;

/* alone: the supervisor is gone, and this process should end. */
struct helper_client *helper_client_new(struct loop *loop, struct seat *seat, const struct helper_limits *limits,
                                        void (*alone)(void *), void *ctx);
struct core_helpers helper_client_core(struct helper_client *client); /* valid as long as client */
size_t helper_client_jobs(const struct helper_client *client);        /* waiting or running */
void helper_client_free(struct helper_client **client);

#endif
