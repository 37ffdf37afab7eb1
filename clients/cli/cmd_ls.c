/*
 * cmd_ls.c - gloss ls: the briefs that one may see.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/meta.h"
#include "clients/cli/say.h"

/* From so many columns on there is room for it. */
#define AUTHORS_FROM_COLUMNS 100
#define TAGS_FROM_COLUMNS    120
#define ID_FROM_COLUMNS      140

struct listing {
    struct cli *cli;
    json_t *projects; /* names by id */
    struct grid grid;
    size_t count;
};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* The title is what people name a brief by. */
static void add_row(struct listing *listing, const json_t *info, const char *project)
{
    struct grid *grid = &listing->grid;
    size_t columns = listing->cli->out.columns;
    char *authors = meta_join(json_object_get(info, "authors")), *tags = meta_join(json_object_get(info, "tags"));
    grid_add(grid, string_of(info, "title"), PAINT_TITLE);
    grid_add(grid, columns >= AUTHORS_FROM_COLUMNS ? authors : "", PAINT_NORMAL);
    grid_add(grid, columns >= AUTHORS_FROM_COLUMNS ? string_of(info, "date") : "", PAINT_NORMAL);
    grid_add(grid, columns >= TAGS_FROM_COLUMNS ? tags : "", PAINT_FAINT);
    grid_number(grid, (uint64_t)json_integer_value(json_object_get(info, "annotations")));
    grid_add(grid, project ? project : "", PAINT_NORMAL);
    grid_add(grid, columns >= ID_FROM_COLUMNS ? string_of(info, "document") : "", PAINT_FAINT);
    free(authors);
    free(tags);
}

static bool take_document(json_t *info, void *arg)
{
    struct listing *listing = arg;
    known_brief(listing->cli, info);
    json_t *name = json_object_get(listing->projects, json_string_value(json_object_get(info, "project")));
    if (listing->cli->is_json) {
        json_t *line = json_copy(info);
        if (name) {
            json_object_set(line, "project_name", name);
        }
        out_json(listing->cli, line);
    } else {
        add_row(listing, info, json_string_value(name));
    }
    listing->count++;
    return true;
}

static int list(struct cli *cli, struct listing *listing)
{
    int status = 0;
    char *project = NULL;
    const char *sort = cli_option(cli, OPT_sort);
    listing->projects = project_names(cli, &status);
    if (status == 0 && cli_option(cli, OPT_project)) {
        status = project_find(cli, cli_option(cli, OPT_project), &project);
    }
    if (status == 0) {
        json_t *params = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "prefix", cli_word(cli, 0), "project", project,
                                   "sort", sort, "tag", cli_option(cli, OPT_with_tag), "author", cli_option(cli, OPT_with_author),
                                   "folder", cli_option(cli, OPT_in_folder), "language", cli_option(cli, OPT_in_language));
        if (cli_flag(cli, OPT_reverse)) {
            json_object_set_new(params, "descending", json_true());
        }
        status = link_list(cli, "the briefs cannot be listed", "document.list", params, "documents", take_document, listing);
    }
    free(project);
    return status;
}

static bool has_filter(const struct cli *cli)
{
    return cli_word(cli, 0) || cli_flag(cli, OPT_with_tag) || cli_flag(cli, OPT_with_author) || cli_flag(cli, OPT_in_folder) ||
           cli_flag(cli, OPT_in_language);
}

static int check_sort(struct cli *cli)
{
    static const char *const sorts[] = {"title", "date", "created", NULL};
    const char *sort = cli_option(cli, OPT_sort);
    for (size_t i = 0; sort && sorts[i]; i++) {
        if (strcmp(sorts[i], sort) == 0) {
            return 0;
        }
    }
    return sort ? fail(cli, EXIT_COULD_NOT, "usage", "`--sort %s`: it must be title, date or created", sort) : 0;
}

int cmd_ls(struct cli *cli)
{
    static const struct {
        const char *name;
        enum grid_side side;
    } heads[] = {{"title", GRID_LEFT},  {"by", GRID_LEFT},      {"date", GRID_LEFT},     {"tags", GRID_LEFT},
                 {"marks", GRID_RIGHT}, {"project", GRID_LEFT}, {"document", GRID_WHOLE}};
    struct listing listing = {.cli = cli};
    grid_init(&listing.grid);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        grid_column(&listing.grid, heads[i].name, heads[i].side);
    }
    int status = cli_check_text(cli, "the beginning", cli_word(cli, 0));
    status = status ? status : check_sort(cli);
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status : list(cli, &listing);
    if (status == 0 && listing.count == 0 && !cli->is_json) {
        say(cli, "%s",
            has_filter(cli) ? "no brief that you may see is like that (`gloss ls` lists all)"
                            : "there is no brief yet that you may see; `gloss import FILE` brings one in");
    }
    grid_put(&listing.grid, &cli->out);
    grid_fini(&listing.grid);
    json_decref(listing.projects);
    return status;
}
