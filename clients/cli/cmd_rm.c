/*
 * cmd_rm.c - gloss rm: an annotation is deleted; it can be restored.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"

int cmd_rm(struct cli *cli)
{
    return change_existing(cli, "annotation.delete", NULL, "deleted");
}
