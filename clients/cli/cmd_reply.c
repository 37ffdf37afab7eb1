/*
 * cmd_reply.c - gloss reply: an answer to an annotation, or to another answer.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/fields.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

int cmd_reply(struct cli *cli)
{
    struct place place;
    const char *text = cli_word(cli, 1);
    json_t *change = json_pack("{s:s, s:s*}", "kind", "annotation.create", "label", cli_option(cli, OPT_label));
    int status = cli_check_text(cli, "the reply", text);
    if (status == 0 && !*text) {
        status = fail(cli, EXIT_COULD_NOT, "usage", "the reply has no text: gloss reply ANN \"text of the reply\"");
    }
    status = status ? status : fields_attributes(cli, change, false);
    status = status ? status : fields_status(cli, change);
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status : annotation_find(cli, cli_word(cli, 0), &place);
    if (status == 0) {
        json_object_set_new(change, "note", json_string(text));
        json_object_set_new(change, "target", json_pack("{s:s, s:s}", "type", "annotation", "annotation", place.annotation));
        status = change_run(cli, &(struct change){.change = change, .session = place.session, .done = "replied to"});
    }
    json_decref(change);
    return status;
}
