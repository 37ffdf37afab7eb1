/*
 * cmd_restore.c - gloss restore: a deleted annotation is there again.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"

int cmd_restore(struct cli *cli)
{
    return change_existing(cli, "annotation.restore", NULL, "restored");
}
