/*
 * named.h - the waiting ops that `gloss sync --drop` and `--send` name.
 *
 * Ids begin with the time, so that a few digits are shared by everything that was kept in a minute: a word must begin exactly one id among
 * all queues. That is looked up before anything is sent or given up.
 *
 * Owns      drop and send: objects with the whole ids as members. Who has dealt with one takes it out.
 * Lifetime  named_find / named_fini; also when it failed.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_NAMED_H
#define CLI_NAMED_H

#include "clients/cli/cli.h"

struct named {
    json_t *drop, *send;
    bool drop_all, send_all; /* all that were refused */
};

/* sessions: array of the ids of those whose queues are ours. */
int named_find(struct cli *cli, const json_t *sessions, struct named *named) GL_MUST_USE;
void named_fini(struct named *named);

#endif
