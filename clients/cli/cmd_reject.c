/*
 * cmd_reject.c - gloss reject: a proposal is turned down.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/judge.h"
#include "proto/model/annotation.h"

int cmd_reject(struct cli *cli)
{
    return judge_run(cli, &(struct verdict){.status = "rejected", .done = "rejected", .from = 1u << GL_PROPOSED});
}
