/*
 * cmd_cat.c - gloss cat: a brief's bytes and nothing else.
 */
#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"
#include "clients/cli/words.h"

int cmd_cat(struct cli *cli)
{
    struct brief brief = {0};
    struct gl_text *text = NULL;
    int status = link_open(cli, NULL, NULL);
    if (status == 0) {
        status = brief_find(cli, cli_word(cli, 0), &brief);
    }
    if (status == 0) {
        status = words_fetch(cli, brief.document, &text);
    }
    if (status == 0) {
        size_t bytes;
        const char *data = gloss_text_bytes(text, &bytes);
        fwrite(data, 1, bytes, cli->out.stream); /* main says it when that fails */
    }
    gloss_text_free(&text);
    brief_fini(&brief);
    return status;
}
