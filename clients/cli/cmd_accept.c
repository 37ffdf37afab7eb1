/*
 * cmd_accept.c - gloss accept: a proposal becomes part of the work.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/judge.h"
#include "proto/model/annotation.h"

int cmd_accept(struct cli *cli)
{
    return judge_run(cli, &(struct verdict){.status = "accepted", .done = "accepted", .from = 1u << GL_PROPOSED});
}
