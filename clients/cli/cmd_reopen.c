/*
 * cmd_reopen.c - gloss reopen: open again, whatever was decided.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/judge.h"
#include "proto/model/annotation.h"

int cmd_reopen(struct cli *cli)
{
    return judge_run(cli, &(struct verdict){.status = "active",
                                            .done = "reopened",
                                            .from = 1u << GL_RESOLVED | 1u << GL_ACCEPTED | 1u << GL_REJECTED});
}
