/*
 * cmd_tag.c - gloss tag: a label on words of a brief.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/say.h"

int cmd_tag(struct cli *cli)
{
    const char *label = cli_option(cli, OPT_label);
    if (!label || !*label) {
        return fail(cli, EXIT_COULD_NOT, "usage", "say which label: --label LABEL (`gloss note` writes a note without one)");
    }
    return change_create(cli, &(struct creation){.quotes = cli->args.words + 1,
                                                 .quote_count = cli->args.word_count - 1,
                                                 .label = label,
                                                 .note = cli_option(cli, OPT_note),
                                                 .done = "tagged"});
}
