/*
 * cmd_label.c - gloss label ...: the labels of a codebook, a tree.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/say.h"
#include "clients/cli/terms.h"

#define DEPTH_MAX 64 /* nobody's tree is so deep; a guard */

struct tree {
    struct cli *cli;
    struct terms terms;
    struct grid grid;
};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is_retired(const json_t *term)
{
    return json_is_true(json_object_get(term, "retired"));
}

/* "● claim", indented; the name alone tells the colour where there are colours. */
static void add_label(struct tree *tree, const json_t *label, unsigned depth)
{
    enum paint_mode paint = tree->cli->out.paint;
    char *name = heap_printf("%*s%s%s%s", (int)depth * 2, "", paint == PAINT_PLAIN ? "" : "● ", string_of(label, "name"),
                             is_retired(label) ? " (retired)" : "");
    if (is_retired(label)) {
        grid_add(&tree->grid, name, PAINT_FAINT);
    } else {
        grid_add_label(&tree->grid, name, terms_colour(&tree->terms, label));
    }
    free(name);
    grid_add(&tree->grid, string_of(label, "hotkey"), PAINT_TITLE);
    grid_add(&tree->grid, paint >= PAINT_16 ? "" : string_of(label, "colour"), PAINT_NORMAL);
    grid_add(&tree->grid, string_of(label, "definition"), PAINT_FAINT);
}

/* Whether a label is shown; one that is retired is when --all asks for it, or when something beneath it is shown. */
static bool is_shown(const struct tree *tree, const json_t *label, unsigned depth)
{
    bool is_it = strcmp(string_of(label, "kind"), "label") == 0;
    if (!is_it || !is_retired(label) || cli_flag(tree->cli, OPT_all_terms)) {
        return is_it;
    }
    json_t *other;
    size_t i;
    json_array_foreach(tree->terms.list, i, other)
    {
        if (strcmp(string_of(other, "parent"), string_of(label, "id")) == 0 && depth < DEPTH_MAX &&
            is_shown(tree, other, depth + 1)) {
            return true;
        }
    }
    return false;
}

/* Those whose parent is `parent` ("" for none), each with those beneath it. */
static void add_labels(struct tree *tree, const char *parent, unsigned depth)
{
    json_t *label;
    size_t i;
    json_array_foreach(tree->terms.list, i, label)
    {
        if (strcmp(string_of(label, "parent"), parent) != 0 || depth > DEPTH_MAX || !is_shown(tree, label, depth)) {
            continue;
        }
        if (tree->cli->is_json) {
            json_t *line = json_copy(label);
            const json_t *above = *parent ? terms_by_id(&tree->terms, parent) : NULL;
            json_object_set_new(line, "depth", json_integer(depth));
            json_object_set(line, "parent_name", json_object_get(above, "name"));
            out_json(tree->cli, line);
        } else {
            add_label(tree, label, depth);
        }
        add_labels(tree, string_of(label, "id"), depth + 1);
    }
}

int cmd_label_list(struct cli *cli)
{
    struct tree tree = {.cli = cli};
    int status = terms_open(cli, &tree.terms);
    grid_init(&tree.grid);
    grid_column(&tree.grid, "label", GRID_LEFT);
    grid_column(&tree.grid, "key", GRID_LEFT);
    grid_column(&tree.grid, "colour", GRID_LEFT);
    grid_column(&tree.grid, "definition", GRID_LEFT);
    if (status == 0) {
        add_labels(&tree, "", 0);
    }
    if (status == 0 && tree.grid.count == 0 && !cli->is_json) {
        say(cli, "%s has no labels yet; `gloss label new NAME` makes one%s", string_of(tree.terms.info, "name"),
            tree.terms.is_open ? ", and so does `gloss tag --label NAME`: its codebook is open" : "");
    }
    grid_put(&tree.grid, &cli->out);
    grid_fini(&tree.grid);
    terms_fini(&tree.terms);
    return status;
}

static int fill(struct cli *cli, const struct terms *terms, json_t *change)
{
    const char *parent = cli_option(cli, OPT_parent);
    const json_t *above = NULL;
    int status = parent && *parent ? terms_find(cli, terms, "label", parent, &above) : 0;
    if (status == 0 && parent) {
        json_object_set(change, "parent", above ? json_object_get(above, "id") : json_null());
    }
    terms_set(cli, change, "hotkey", OPT_hotkey);
    terms_set(cli, change, "definition", OPT_definition);
    terms_set_strings(cli, change, "examples", OPT_example);
    return status ? status : terms_set_colour(cli, change);
}

int cmd_label_new(struct cli *cli)
{
    return terms_run_new(cli, "label", fill);
}

int cmd_label_edit(struct cli *cli)
{
    return terms_run_edit(cli, "label", fill);
}

int cmd_label_rename(struct cli *cli)
{
    return terms_run_rename(cli, "label");
}

int cmd_label_retire(struct cli *cli)
{
    return terms_run_retire(cli, "label", true);
}

int cmd_label_revive(struct cli *cli)
{
    return terms_run_retire(cli, "label", false);
}
