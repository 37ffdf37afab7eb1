/*
 * cmd_edit.c - gloss edit: another label, note, status, attribute or place.
 */
#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/fields.h"
#include "clients/cli/say.h"

/* An empty value takes the field away. */
static void set_or_clear(json_t *fields, const char *name, const char *value)
{
    if (value) {
        json_object_set_new(fields, name, *value ? json_string(value) : json_null());
    }
}

int cmd_edit(struct cli *cli)
{
    json_t *fields = json_object(), *target = NULL;
    int status = 0;
    set_or_clear(fields, "label", cli_option(cli, OPT_new_label));
    set_or_clear(fields, "note", cli_option(cli, OPT_new_note));
    if (cli_flag(cli, OPT_start) || cli_flag(cli, OPT_end)) {
        status = fields_target(cli, NULL, 0, &target);
        json_object_set_new(fields, "target", target);
    }
    status = status ? status : fields_status(cli, fields);
    status = status ? status : fields_attributes(cli, fields, true);
    if (status == 0 && json_object_size(fields) == 0) {
        status = fail(cli, EXIT_COULD_NOT, "usage",
                      "say what to change: --label, --note, --status, --attribute, or --start and --end");
    }
    if (status) {
        json_decref(fields);
        return status;
    }
    return change_existing(cli, "annotation.update", fields, "changed");
}
