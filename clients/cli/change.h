/*
 * change.h - asking for one change and telling what became of it: what tag, note, edit, rm and restore share.
 *
 * Owns      nothing; what is asked for is lent.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said: EXIT_REFUSED for an op that the server refused, with the places or the current value.
 */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "clients/cli/brief.h"

struct change {
    json_t *change;      /* lent */
    const char *session; /* its id */
    const char *quote;   /* what was looked for, to list the places; may be NULL */
    const char *done;    /* what is said when it is done: "tagged" */
};
/* Joins the session, asks, waits, and prints {"op","seq","annotation","start","end","exact",...} or a line for people. */
int change_run(struct cli *cli, const struct change *change) GL_MUST_USE;

/* The whole of edit, rm and restore: looks ANN up and asks for `kind` with the members of fields (taken; may be NULL). */
int change_existing(struct cli *cli, const char *kind, json_t *fields, const char *done) GL_MUST_USE;

/* The whole of tag and note. */
struct creation {
    char *const *quotes; /* several: a place in several pieces */
    size_t quote_count;
    const char *label; /* NULL: none */
    const char *note;  /* NULL: none */
    const char *done;
};
int change_create(struct cli *cli, const struct creation *creation) GL_MUST_USE;

/* How an op whose answer did not come is asked for again. */
void change_say_again(struct cli *cli, const json_t *op);

/* Tells of an op that was accepted, as change_run does: waits until the replica has it. done NULL: it was asked for earlier, and is sent now. */
void change_print(struct cli *cli, struct gloss_session *session, const char *done, const char *op, uint64_t seq, const char *id);

#endif
