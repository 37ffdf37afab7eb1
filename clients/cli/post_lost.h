/*
 * post_lost.h - lines of gloss post that the server had accepted and its database has lost since: told one by one, and sent again.
 *
 * They are the input, and only make something new: sent again under their ids they are what was asked for, and overwrite nothing.
 *
 * Owns      nothing but its counts; the ops are the library's.
 * Thread    the main thread.
 * Errors    none of its own: an op that is refused now is told like any other.
 * Source    gloss.h, "Lost work".
 */
#ifndef CLI_POST_LOST_H
#define CLI_POST_LOST_H

#include "clients/cli/cli.h"

struct post_lost {
    struct cli *cli;
    uint64_t lost, again; /* told; accepted once more */
    uint64_t refused;     /* then */
    bool is_stuck;        /* one could not be sent again, which was told: it is tried again */
    bool is_more;         /* some may be lost that are not remembered */
};

void post_lost_event(struct post_lost *lost, const struct gloss_event *event);
/* What was lost goes; what was refused then is given up, and told. */
void post_lost_send(struct post_lost *lost, struct gloss_session *session);
/* EXIT_LOST when not all is there again; otherwise status. */
int post_lost_status(const struct post_lost *lost, int status);

#endif
