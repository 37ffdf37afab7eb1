#include "clients/cli/cmds.h"
#include "clients/cli/say.h"

int cmd_version(struct cli *cli)
{
    if (cli->is_json) {
        out_json(cli,
                 json_pack("{s:s, s:s, s:s}", "gloss", GLOSS_CLI_VERSION, "libgloss", gloss_version(), "protocol", "gloss.v1"));
    } else {
        out_line(cli, "gloss %s (libgloss %s, gloss.v1)", GLOSS_CLI_VERSION, gloss_version());
    }
    return EXIT_DONE;
}
