/*
 * cmd_resolve.c - gloss resolve: settled: it is folded away, and stays.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/judge.h"
#include "proto/model/annotation.h"

int cmd_resolve(struct cli *cli)
{
    return judge_run(cli, &(struct verdict){.status = "resolved",
                                            .done = "resolved",
                                            .from = 1u << GL_PROPOSED | 1u << GL_ACTIVE | 1u << GL_ACCEPTED});
}
