/*
 * cmd_note.c - gloss note: words of one's own on words of a brief.
 *
 * BRIEF QUOTE TEXT; with --note the text is there, with --start --end or --whole there is no quote.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/say.h"

int cmd_note(struct cli *cli)
{
    const char *text = cli_option(cli, OPT_note), *quote = cli_word(cli, 1);
    bool has_place = cli_flag(cli, OPT_whole) || cli_flag(cli, OPT_start);
    if (text && cli->args.word_count == 3) {
        return fail(cli, EXIT_COULD_NOT, "usage", "the note's text is there twice: as the last word and by --note");
    }
    if (!text && cli->args.word_count == 3) {
        text = cli_word(cli, 2);
    } else if (!text && cli->args.word_count == 2 && has_place) {
        text = quote;
        quote = NULL;
    }
    if (!text || !*text) {
        return fail(cli, EXIT_COULD_NOT, "usage", "the note has no text: gloss note BRIEF \"quoted words\" \"text of the note\"");
    }
    int status = cli_check_text(cli, "the note", text);
    return status ? status : change_create(cli, quote, cli_option(cli, OPT_label), text, "noted on");
}
