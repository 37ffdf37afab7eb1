/*
 * cmd_relation.c - gloss relation ...: which types of relations there are, and what they may lead from and to.
 */
#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/say.h"
#include "clients/cli/terms.h"

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* "claim, evidence"; "any" when nothing is said. */
static void add_ends(struct grid *grid, const struct terms *terms, const json_t *labels)
{
    struct gl_buf names;
    gl_buf_init(&names, SIZE_MAX);
    terms_put_names(&names, terms, labels);
    grid_add(grid, names.len ? gl_buf_cstr(&names) : "any", names.len ? PAINT_NORMAL : PAINT_FAINT);
    gl_buf_fini(&names);
}

static void add_row(struct grid *grid, const struct terms *terms, const json_t *term)
{
    if (is_true(term, "retired")) {
        grid_add(grid, string_of(term, "name"), PAINT_FAINT);
        grid_add(grid, "(retired)", PAINT_FAINT);
        grid_add(grid, "", PAINT_NORMAL);
        grid_add(grid, "", PAINT_NORMAL);
    } else {
        unsigned colour = paint_rgb(json_string_value(json_object_get(term, "colour")));
        if (colour != PAINT_NONE) {
            grid_add_label(grid, string_of(term, "name"), colour);
        } else {
            grid_add(grid, string_of(term, "name"), PAINT_TITLE);
        }
        add_ends(grid, terms, json_object_get(term, "from"));
        grid_add(grid, is_true(term, "symmetric") ? "↔" : "→", PAINT_NORMAL);
        add_ends(grid, terms, json_object_get(term, "to"));
    }
    grid_add(grid, string_of(term, "definition"), PAINT_FAINT);
}

int cmd_relation_list(struct cli *cli)
{
    struct terms terms;
    struct grid grid;
    json_t *term;
    size_t i;
    int status = terms_open(cli, &terms);
    grid_init(&grid);
    grid_column(&grid, "relation", GRID_LEFT);
    grid_column(&grid, "from", GRID_LEFT);
    grid_column(&grid, "", GRID_LEFT);
    grid_column(&grid, "to", GRID_LEFT);
    grid_column(&grid, "definition", GRID_LEFT);
    json_array_foreach(terms.list, i, term)
    {
        bool is_shown = cli_flag(cli, OPT_all_terms) || !is_true(term, "retired");
        if (strcmp(string_of(term, "kind"), "relation") != 0 || !is_shown || status) {
            continue;
        }
        if (cli->is_json) {
            out_json(cli, json_incref(term));
        } else {
            add_row(&grid, &terms, term);
        }
    }
    if (status == 0 && grid.count == 0 && !cli->is_json) {
        say(cli, "%s has no types of relations yet; `gloss relation new NAME` makes one%s", string_of(terms.info, "name"),
            terms.is_open ? ", and so does `gloss link --relation NAME`: its codebook is open" : "");
    }
    grid_put(&grid, &cli->out);
    grid_fini(&grid);
    terms_fini(&terms);
    return status;
}

static int fill(struct cli *cli, const struct terms *terms, json_t *change)
{
    const char *symmetric = cli_option(cli, OPT_symmetric);
    int status = terms_set_labels(cli, terms, change, "from", OPT_from_label);
    status = status ? status : terms_set_labels(cli, terms, change, "to", OPT_to_label);
    if (symmetric && strcmp(symmetric, "yes") != 0 && strcmp(symmetric, "no") != 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "`--symmetric %s`: it must be yes or no", symmetric);
    }
    if (symmetric) {
        json_object_set_new(change, "symmetric", json_boolean(strcmp(symmetric, "yes") == 0));
    }
    terms_set(cli, change, "definition", OPT_definition);
    return status ? status : terms_set_colour(cli, change);
}

int cmd_relation_new(struct cli *cli)
{
    return terms_run_new(cli, "relation", fill);
}

int cmd_relation_edit(struct cli *cli)
{
    return terms_run_edit(cli, "relation", fill);
}

int cmd_relation_rename(struct cli *cli)
{
    return terms_run_rename(cli, "relation");
}

int cmd_relation_retire(struct cli *cli)
{
    return terms_run_retire(cli, "relation", true);
}

int cmd_relation_revive(struct cli *cli)
{
    return terms_run_retire(cli, "relation", false);
}
