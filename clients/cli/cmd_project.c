/*
 * cmd_project.c - gloss project ...: what projects there are, and what holds in one.
 */
#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define ID_FROM_COLUMNS 100 /* narrower, the id is left out */

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static const char *codebook_word(const json_t *info)
{
    return json_is_true(json_object_get(info, "open")) ? "open" : "closed";
}

int cmd_project_list(struct cli *cli)
{
    json_t *projects = NULL, *info;
    size_t i;
    struct grid grid;
    grid_init(&grid);
    grid_column(&grid, "project", GRID_LEFT);
    grid_column(&grid, "you are", GRID_LEFT);
    grid_column(&grid, "codebook", GRID_LEFT);
    grid_column(&grid, "id", GRID_LEFT);
    int status = link_open(cli, NULL, NULL);
    status = status ? status : project_list(cli, &projects);
    json_array_foreach(projects, i, info)
    {
        if (cli->is_json) {
            out_json(cli, json_incref(info));
            continue;
        }
        grid_add(&grid, string_of(info, "name"), PAINT_TITLE);
        grid_add(&grid, string_of(info, "role"), PAINT_NORMAL);
        grid_add(&grid, codebook_word(info), PAINT_NORMAL);
        grid_add(&grid, cli->out.columns >= ID_FROM_COLUMNS ? string_of(info, "project") : "", PAINT_FAINT);
    }
    if (status == 0 && json_array_size(projects) == 0 && !cli->is_json) {
        say(cli, "you belong to no project yet; `gloss project new NAME` makes one, or ask an owner to make you a member");
    }
    grid_put(&grid, &cli->out);
    grid_fini(&grid);
    json_decref(projects);
    return status;
}

int cmd_project_new(struct cli *cli)
{
    json_t *result = NULL;
    int status = cli_check_text(cli, "the name", cli_word(cli, 0));
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status
                    : link_call(cli, "the project was not made", "project.create", json_pack("{s:s}", "name", cli_word(cli, 0)),
                                &result);
    const json_t *info = json_object_get(result, "project");
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref((json_t *)info));
    } else if (status == 0) {
        out_line(cli, "made the project %s  %s", string_of(info, "name"), string_of(info, "project"));
    }
    json_decref(result);
    return status;
}
