/*
 * judge.h - giving annotations another status, one or many: what resolve, reopen, accept and reject share.
 *
 * Owns      nothing that outlives the call.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 *
 * Which: the words ANN..., or with --all-of-run and --label (both: what is both) those of --brief that are in a status that this verb is for. What
 * is in one session is one step, all or none, as far as the server takes it in one message; beyond that it is said how many steps it was.
 */
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include "clients/cli/cli.h"

struct verdict {
    const char *status; /* "accepted" */
    const char *done;   /* what is said before the words: "accepted" */
    unsigned from;      /* the statuses that --all-of-run and --label choose from: 1 << enum gl_status */
};

int judge_run(struct cli *cli, const struct verdict *verdict) GL_MUST_USE;

#endif
