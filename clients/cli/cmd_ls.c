/*
 * cmd_ls.c - gloss ls: the briefs that one may see.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/safe.h"
#include "clients/cli/say.h"
#include "clients/cli/width.h"

#define ID_COLUMNS      36
#define ID_FROM_COLUMNS 110 /* narrower, the id is left out */
#define NUMBER_COLUMNS  7
#define PROJECT_COLUMNS 16

struct listing {
    struct cli *cli;
    json_t *projects; /* names by id */
    size_t count;
};

static void put_padded(struct gl_buf *out, const char *text, size_t columns)
{
    struct gl_buf cell;
    gl_buf_init(&cell, SIZE_MAX);
    safe_put_short(&cell, gl_slice_str(text ? text : ""), columns);
    gl_buf_put(out, cell.data, cell.len);
    for (size_t used = text_columns(gl_buf_peek(&cell)); used < columns + 2; used++) {
        gl_buf_byte(out, ' ');
    }
    gl_buf_fini(&cell);
}

/* Title, annotations, project, and the id where there is room for it: the title is what people name a brief by. */
static void put_row(struct cli *cli, const char *title, const char *count, const char *project, const char *id)
{
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    bool has_id = cli->out.columns >= ID_FROM_COLUMNS;
    size_t fixed = 2 + NUMBER_COLUMNS + 2 + PROJECT_COLUMNS + (has_id ? 2 + ID_COLUMNS : 0);
    put_padded(&line, title, cli->out.columns - fixed);
    gl_buf_printf(&line, "%*s  ", NUMBER_COLUMNS, count);
    if (has_id) {
        put_padded(&line, project, PROJECT_COLUMNS);
        gl_buf_str(&line, id);
    } else {
        safe_put_short(&line, gl_slice_str(project), PROJECT_COLUMNS);
    }
    gl_buf_byte(&line, '\n');
    screen_put(&cli->out, &line);
    gl_buf_fini(&line);
}

static void put_document(struct listing *listing, const json_t *info, const char *project)
{
    char count[32];
    const char *title = json_string_value(json_object_get(info, "title")),
               *id = json_string_value(json_object_get(info, "document"));
    snprintf(count, sizeof count, "%lld", (long long)json_integer_value(json_object_get(info, "annotations")));
    if (listing->count == 0 && listing->cli->out.is_terminal) {
        put_row(listing->cli, "title", "marks", "project", "document");
    }
    put_row(listing->cli, title ? title : "", count, project ? project : "", id ? id : "");
}

static bool take_document(json_t *info, void *arg)
{
    struct listing *listing = arg;
    json_t *name = json_object_get(listing->projects, json_string_value(json_object_get(info, "project")));
    if (listing->cli->is_json) {
        json_t *line = json_copy(info);
        if (name) {
            json_object_set(line, "project_name", name);
        }
        out_json(listing->cli, line);
    } else {
        put_document(listing, info, json_string_value(name));
    }
    listing->count++;
    return true;
}

static int list(struct cli *cli)
{
    int status = 0;
    char *project = NULL;
    struct listing listing = {.cli = cli, .projects = project_names(cli, &status)};
    if (status == 0 && cli_option(cli, OPT_project)) {
        status = project_find(cli, cli_option(cli, OPT_project), &project);
    }
    if (status == 0) {
        json_t *params = json_pack("{s:s*, s:s*}", "prefix", cli_word(cli, 0), "project", project);
        status = link_list(cli, "the briefs cannot be listed", "document.list", params, "documents", take_document, &listing);
    }
    if (status == 0 && listing.count == 0 && !cli->is_json) {
        say(cli, "%s",
            cli_word(cli, 0) ? "no brief's title or file name begins so"
                             : "there is no brief yet that you may see; `gloss import FILE` brings one in");
    }
    json_decref(listing.projects);
    free(project);
    return status;
}

int cmd_ls(struct cli *cli)
{
    int status = cli_check_text(cli, "the beginning", cli_word(cli, 0));
    if (status == 0) {
        status = link_open(cli, NULL, NULL);
    }
    screen_begin_pages(&cli->out);
    return status ? status : list(cli);
}
