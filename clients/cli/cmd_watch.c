/*
 * cmd_watch.c - gloss watch: every op, once and in order, live.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/follow_print.h"
#include "clients/cli/link.h"

int cmd_watch(struct cli *cli)
{
    struct follow follow = {.cli = cli, .says_losses = true, .patience_ms = LINK_FOR_EVER};
    return follow_print(&follow, OPT_since);
}
