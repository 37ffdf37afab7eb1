/*
 * cmd_attribute.c - gloss attribute ...: which attributes annotations have, and what may stand in them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/say.h"
#include "clients/cli/terms.h"
#include "proto/gl_json.h"

static const char *const types[] = {"text", "integer", "boolean", "enum", "link", NULL};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* "low | medium | high", "1 to 5", "from 0" */
static void put_limits(struct gl_buf *out, const json_t *term)
{
    json_t *value, *least = json_object_get(term, "minimum"), *most = json_object_get(term, "maximum");
    size_t i;
    json_array_foreach(json_object_get(term, "values"), i, value)
    {
        gl_buf_str(out, i ? " | " : "");
        gl_buf_str(out, json_string_value(value));
    }
    if (least && most) {
        gl_buf_printf(out, "%" PRId64 " to %" PRId64, (int64_t)json_integer_value(least), (int64_t)json_integer_value(most));
    } else if (least || most) {
        gl_buf_printf(out, "%s %" PRId64, least ? "from" : "up to", (int64_t)json_integer_value(least ? least : most));
    }
}

static void add_row(struct grid *grid, const struct terms *terms, const json_t *term)
{
    struct gl_buf limits, labels;
    bool is_retired = json_is_true(json_object_get(term, "retired"));
    gl_buf_init(&limits, SIZE_MAX);
    gl_buf_init(&labels, SIZE_MAX);
    put_limits(&limits, term);
    if (json_object_get(term, "labels")) {
        gl_buf_str(&labels, "on ");
        terms_put_names(&labels, terms, json_object_get(term, "labels"));
    }
    grid_add(grid, string_of(term, "name"), is_retired ? PAINT_FAINT : PAINT_TITLE);
    grid_add(grid, is_retired ? "(retired)" : string_of(term, "type"), is_retired ? PAINT_FAINT : PAINT_NORMAL);
    grid_add(grid, gl_buf_cstr(&limits), PAINT_NORMAL);
    grid_add(grid, gl_buf_cstr(&labels), PAINT_NORMAL);
    grid_add(grid, string_of(term, "definition"), PAINT_FAINT);
    gl_buf_fini(&labels);
    gl_buf_fini(&limits);
}

int cmd_attribute_list(struct cli *cli)
{
    struct terms terms;
    struct grid grid;
    json_t *term;
    size_t i;
    int status = terms_open(cli, &terms);
    grid_init(&grid);
    grid_column(&grid, "attribute", GRID_LEFT);
    grid_column(&grid, "type", GRID_LEFT);
    grid_column(&grid, "values", GRID_LEFT);
    grid_column(&grid, "labels", GRID_LEFT);
    grid_column(&grid, "definition", GRID_LEFT);
    json_array_foreach(terms.list, i, term)
    {
        bool is_shown = cli_flag(cli, OPT_all_terms) || !json_is_true(json_object_get(term, "retired"));
        if (strcmp(string_of(term, "kind"), "attribute") != 0 || !is_shown || status) {
            continue;
        }
        if (cli->is_json) {
            out_json(cli, json_incref(term));
        } else {
            add_row(&grid, &terms, term);
        }
    }
    if (status == 0 && grid.count == 0 && !cli->is_json) {
        say(cli, "%s has no attributes yet; `gloss attribute new NAME --type TYPE` makes one%s", string_of(terms.info, "name"),
            terms.is_open ? ". Its codebook is open, so annotations may have any" : "");
    }
    grid_put(&grid, &cli->out);
    grid_fini(&grid);
    terms_fini(&terms);
    return status;
}

static int set_number(struct cli *cli, json_t *change, const char *field, enum option_id id)
{
    const char *text = cli_option(cli, id);
    char *end = NULL;
    if (text) {
        long long number = strtoll(text, &end, 10);
        bool is_number = *text && *end == '\0' && number <= GL_INT_MAX && number >= -GL_INT_MAX;
        if (*text && !is_number) {
            return fail(cli, EXIT_COULD_NOT, "bad_number", "`--%s %s`: it must be a whole number", option_rows[id].name, text);
        }
        json_object_set_new(change, field, *text ? json_integer(number) : json_null());
    }
    return 0;
}

static int set_type(struct cli *cli, json_t *change)
{
    const char *type = cli_option(cli, OPT_type);
    for (size_t i = 0; type && types[i]; i++) {
        if (strcmp(types[i], type) == 0) {
            json_object_set_new(change, "type", json_string(type));
            return 0;
        }
    }
    const char *nearest = type ? args_nearest(type, types) : NULL;
    return !type ? 0
                 : fail(cli, EXIT_COULD_NOT, "usage", "`--type %s`: it must be text, integer, boolean, enum or link%s%s%s", type,
                        nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
}

static int fill(struct cli *cli, const struct terms *terms, json_t *change)
{
    int status = set_type(cli, change);
    status = status ? status : set_number(cli, change, "minimum", OPT_minimum);
    status = status ? status : set_number(cli, change, "maximum", OPT_maximum);
    status = status ? status : terms_set_labels(cli, terms, change, "labels", OPT_on_label);
    terms_set_strings(cli, change, "values", OPT_value);
    terms_set(cli, change, "definition", OPT_definition);
    return status;
}

/* A type that follows from the rest need not be said. */
static int fill_new(struct cli *cli, const struct terms *terms, json_t *change)
{
    int status = fill(cli, terms, change);
    if (status == 0 && !json_object_get(change, "type")) {
        bool is_number = cli_option(cli, OPT_minimum) || cli_option(cli, OPT_maximum);
        json_object_set_new(change, "type", json_string(cli_option(cli, OPT_value) ? "enum" : is_number ? "integer" : "text"));
    }
    return status;
}

int cmd_attribute_new(struct cli *cli)
{
    return terms_run_new(cli, "attribute", fill_new);
}

int cmd_attribute_edit(struct cli *cli)
{
    return terms_run_edit(cli, "attribute", fill);
}

int cmd_attribute_rename(struct cli *cli)
{
    return terms_run_rename(cli, "attribute");
}

int cmd_attribute_retire(struct cli *cli)
{
    return terms_run_retire(cli, "attribute", true);
}

int cmd_attribute_revive(struct cli *cli)
{
    return terms_run_retire(cli, "attribute", false);
}
