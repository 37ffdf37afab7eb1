/*
 * cmd_link.c - gloss link: a relation from one annotation to another, in the same brief or another one of the project.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/fields.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

int cmd_link(struct cli *cli)
{
    struct place from, to;
    const char *type = cli_option(cli, OPT_relation);
    json_t *change =
        json_pack("{s:s, s:s*, s:s*}", "kind", "annotation.create", "label", type, "note", cli_option(cli, OPT_note));
    int status = 0;
    if (!type || !*type) {
        status =
            fail(cli, EXIT_COULD_NOT, "usage", "say how they are related: --relation TYPE (`gloss relation` lists the types)");
    }
    status = status ? status : fields_attributes(cli, change, false);
    status = status ? status : fields_status(cli, change);
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status : annotation_find(cli, cli_word(cli, 0), &from);
    status = status ? status : annotation_find(cli, cli_word(cli, 1), &to);
    if (status == 0) {
        json_object_set_new(change, "target",
                            json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "relation", "from", from.annotation, "to", "annotation",
                                      to.annotation, "session", to.session));
        status = change_run(cli, &(struct change){.change = change, .session = from.session, .done = "linked"});
    }
    json_decref(change);
    return status;
}
