/*
 * cmd_log.c - gloss log: every op up to now.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/follow_print.h"
#include "clients/cli/link.h"

int cmd_log(struct cli *cli)
{
    struct follow follow = {.cli = cli, .to_head = true, .patience_ms = LINK_PATIENCE_MS};
    screen_begin_pages(&cli->out);
    return follow_print(&follow, OPT_log_since);
}
