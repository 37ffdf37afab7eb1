/*
 * cmd_note.c - gloss note: words of one's own on words of a brief.
 *
 * BRIEF QUOTE... TEXT; with --note the text is there, with --start --end or --whole there is no quote.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/say.h"

int cmd_note(struct cli *cli)
{
    const char *text = cli_option(cli, OPT_note);
    size_t quotes = cli->args.word_count - 1;
    bool has_place = cli_flag(cli, OPT_whole) || cli_flag(cli, OPT_start);
    if (!text && (quotes > 1 || (quotes == 1 && has_place))) {
        text = cli_word(cli, quotes--);
    }
    if (!text || !*text) {
        return fail(cli, EXIT_COULD_NOT, "usage", "the note has no text: gloss note BRIEF \"quoted words\" \"text of the note\"");
    }
    int status = cli_check_text(cli, "the note", text);
    return status ? status
                  : change_create(cli, &(struct creation){.quotes = cli->args.words + 1,
                                                          .quote_count = quotes,
                                                          .label = cli_option(cli, OPT_label),
                                                          .note = text,
                                                          .done = "noted on"});
}
