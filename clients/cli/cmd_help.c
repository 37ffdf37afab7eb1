#include "clients/cli/cmds.h"
#include "clients/cli/help.h"
#include "clients/cli/say.h"

static int print(struct cli *cli, void (*put)(struct gl_buf *out))
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    put(&out);
    screen_put(&cli->out, &out);
    gl_buf_fini(&out);
    return EXIT_DONE;
}

int cmd_help(struct cli *cli)
{
    const char *word = cli_word(cli, 0);
    if (cli_flag(cli, OPT_man)) {
        return print(cli, help_man);
    }
    if (word && strcmp(word, "exits") == 0) {
        return help_exits(cli);
    }
    const struct group_row *group = word ? args_group(word) : NULL;
    const char *second = cli_word(cli, 1);
    const struct verb_row *verb = group && second ? args_verb_of(group, second) : word && !second ? args_verb(word) : NULL;
    if (word && !verb && !(group && !second)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "there is no verb `%s%s%s` (`gloss help%s%s` lists them)", word,
                    second ? " " : "", second ? second : "", group ? " " : "", group ? group->name : "");
    }
    return group && !second ? help_group(cli, group) : help_verb(cli, verb);
}
