/*
 * serve_asked.h - what this worker answers when an administrator asks all of them: who is connected, how much is going on, and the end of a connection.
 *
 * Owns      the counts of the last minute. Store, core and net are lent.
 * Lifetime  embedded in the worker; nothing is to be freed.
 * Thread    the loop thread.
 * Errors    none: an answer that is lost is asked for again.
 * Source    migration 0016; the three kinds of question are told apart by name.
 */
#ifndef SERVE_ASKED_H
#define SERVE_ASKED_H

#include "service/core/core.h"
#include "service/net/server.h"

enum { ASKED_SAMPLES = 61, ASKED_REMEMBERED = 16 };

struct serve_asked {
    struct store *store;
    struct core *core;
    const struct net_server *net;
    struct asked_sample {
        uint64_t at_ms, ops, deliveries, bytes_out;
    } samples[ASKED_SAMPLES]; /* a second apart, a ring */
    size_t sampled;           /* ever */
    uint64_t since_ms;
    gl_uuid kicked[ASKED_REMEMBERED]; /* questions that ended connections, a ring: once is enough */
    size_t kicks;
};

void serve_asked_open(struct serve_asked *asked); /* the pointers are set, and net is there */
void serve_asked_beat(struct serve_asked *asked); /* to be called by a timer, every second or more often */

#endif
