/*
 * pq_script.h - a libpq that plays a script: linked in place of the connection functions; results are real ones, made with PQmakeEmptyPGresult.
 *
 * Owns      one imaginary server with one op in its log, or not, and every connection to it.
 * Lifetime  script_reset() before each play; a connection ends with PQfinish as usual.
 * Thread    one.
 *
 * The server acts when a sync is flushed: what was sent before is executed at once, and the answers wait to be fetched. A fault breaks the connection for
 * good at one call; what the server did by then stays done.
 */
#ifndef TEST_PQ_SCRIPT_H
#define TEST_PQ_SCRIPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script {
    /* What shall go wrong: */
    unsigned break_at;        /* the call with this number, of all calls on connections, breaks its connection; 0: none */
    unsigned busy_calls;      /* so often PQisBusy says yes before every answer: answers are late */
    unsigned partial_flush;   /* so often PQflush leaves something to be sent */
    unsigned zombie_rounds;   /* so often the backend of a lost connection is still there */
    unsigned locked_rounds;   /* so often somebody else holds the row while an append is settled */
    const char *append_error; /* SQLSTATE that the append answers with, append_errors times */
    unsigned append_errors;
    const char *sync_error; /* SQLSTATE that the commit itself answers with, once */
    bool is_old_server, is_unsafe, is_without_schema;
    unsigned trickle_ms;      /* so long after one transaction's answer comes the next one's */
    unsigned lookup_ms;       /* so long the look-up of a name takes; made less meanwhile, it ends by then */
    const char *unknown_host; /* is not found; all others are */
    unsigned promotions;      /* of the server: its timeline */
    unsigned unreached;       /* so many connections get no answer of any machine */
    bool is_deaf;             /* nothing is ever answered any more */
    /* What happened: */
    unsigned calls, connections, appends, settles;
    atomic_uint lookups;                      /* that have ended */
    bool is_logged;                           /* the op is in the log */
    char host[256], hostaddr[256], port[256]; /* of the last connection that was asked for */
};
extern struct script script;
void script_reset(void);

#endif
