/*
 * stream.h - asking for a change of a project's stream: codebook, documents' metadata, name and policy.
 *
 * Owns      nothing; the change is the caller's.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include "clients/cli/cli.h"

struct stream_result {
    char op[GLOSS_ID];
    char made[GLOSS_ID]; /* what the op made; "" for nothing */
    uint64_t seq;
};

/* One op, with the base of --base; asked again under the same id when the connection was lost. change is taken. */
int stream_submit(struct cli *cli, const char *project, json_t *change, struct stream_result *result) GL_MUST_USE;

#endif
