/*
 * follow.h - going through a session's log, to its end or live.
 *
 * Owns      nothing that outlives follow_run; the session is left when it returns.
 * Thread    the main thread; the callbacks come from inside follow_run.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "clients/cli/cli.h"

struct follow {
    struct cli *cli;
    const char *session_id;
    bool has_until;
    uint64_t until;    /* end with this op */
    bool to_head;      /* end with the newest op at joining */
    bool from_now;     /* begin with what comes; otherwise with the first op, or */
    uint64_t after;    /* behind this one: without a replica then */
    const char *chain; /* there */
    bool says_losses;  /* tell on stderr when the connection is lost and when it is back */
    bool is_quiet;     /* an end that is not wished is not said: cli->link.final_error has it */
    int patience_ms;   /* LINK_FOR_EVER, or how long to wait for a lost connection */
    void (*on_op)(struct follow *follow, const struct gloss_event *event); /* may be NULL */
    void (*on_end)(struct follow *follow);  /* the replica is as of the end, now and only now; may be NULL */
    void (*on_turn)(struct follow *follow); /* after each wait; may be NULL */
    void *arg;
    /* kept by follow.c */
    struct gloss_session *session;
    uint64_t head; /* the newest op at joining */
    uint64_t seq;  /* the newest op that was told, or was there when all was here */
    bool was_synced;
    bool is_over;
    bool is_lost;
};

/* Connects: it wants the events from the beginning. */
int follow_open(struct follow *follow) GL_MUST_USE;
/* Joins session_id and goes through its log. */
int follow_run(struct follow *follow) GL_MUST_USE;

#endif
