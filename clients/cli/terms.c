#include "clients/cli/terms.h"

#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/colours.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"
#include "clients/cli/stream.h"

#define NAMES_MAX 20

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

int terms_read(struct cli *cli, const char *project, struct terms *terms)
{
    json_t *params = json_pack("{s:s}", "project", project), *result = NULL, *next = NULL;
    int status;
    terms->list = json_array();
    do {
        status = link_call(cli, "the codebook cannot be read", "codebook.get", json_deep_copy(params), &result);
        json_array_extend(terms->list, json_object_get(result, "terms"));
        terms->version = (uint64_t)json_integer_value(json_object_get(result, "version"));
        terms->is_open = json_is_true(json_object_get(result, "open"));
        next = json_incref(json_object_get(result, "next"));
        json_object_set(params, "cursor", next);
        json_decref(result);
        json_decref(next);
    } while (status == 0 && next);
    json_decref(params);
    return status;
}

int terms_open(struct cli *cli, struct terms *terms)
{
    *terms = (struct terms){0};
    int status = link_open(cli, NULL, NULL);
    status = status ? status : project_take(cli, cli_option(cli, OPT_of_project), &terms->info);
    return status ? status : terms_read(cli, string_of(terms->info, "project"), terms);
}

void terms_fini(struct terms *terms)
{
    json_decref(terms->info);
    json_decref(terms->list);
    *terms = (struct terms){0};
}

const json_t *terms_by_id(const struct terms *terms, const char *id)
{
    json_t *term;
    size_t i;
    json_array_foreach(terms->list, i, term)
    {
        if (strcmp(string_of(term, "id"), id) == 0) {
            return term;
        }
    }
    return NULL;
}

static bool is_kind(const json_t *term, const char *kind)
{
    return strcmp(string_of(term, "kind"), kind) == 0;
}

static int say_no_term(struct cli *cli, const struct terms *terms, const char *kind, const char *name)
{
    size_t count = 0, i;
    json_t *term;
    const char **names = heap_alloc(json_array_size(terms->list) + 1, sizeof *names);
    json_array_foreach(terms->list, i, term)
    {
        if (is_kind(term, kind)) {
            names[count++] = string_of(term, "name");
        }
    }
    const char *nearest = args_nearest(name, names), *what = strcmp(kind, "relation") == 0 ? "type of relation" : kind;
    int status = fail(cli, EXIT_COULD_NOT, "not_found", "%s has no %s `%s`%s%s%s%s", string_of(terms->info, "name"), what, name,
                      nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "",
                      nearest ? ""
                      : count ? "; it has:"
                              : " (nor any other yet)");
    for (i = 0; i < count && i < NAMES_MAX && !nearest; i++) {
        say_more(cli, "%s", names[i]);
    }
    if (!nearest && count > NAMES_MAX) {
        say_more(cli, "... and %zu more (`gloss %s` lists them)", count - NAMES_MAX, kind);
    }
    free(names);
    return status;
}

int terms_find(struct cli *cli, const struct terms *terms, const char *kind, const char *name, const json_t **found)
{
    json_t *term;
    size_t i;
    *found = NULL;
    json_array_foreach(terms->list, i, term)
    {
        if (is_kind(term, kind) && (strcmp(string_of(term, "name"), name) == 0 || strcmp(string_of(term, "id"), name) == 0)) {
            *found = term;
            return 0;
        }
    }
    return say_no_term(cli, terms, kind, name);
}

size_t terms_count(const struct terms *terms, const char *kind)
{
    size_t count = 0, i;
    json_t *term;
    json_array_foreach(terms->list, i, term)
    {
        count += is_kind(term, kind) && !json_is_true(json_object_get(term, "retired"));
    }
    return count;
}

static json_int_t created_of(const json_t *term)
{
    return json_integer_value(json_object_get(term, "created"));
}

unsigned terms_colour(const struct terms *terms, const json_t *term)
{
    unsigned colour = paint_rgb(json_string_value(json_object_get(term, "colour"))), older = 0;
    json_t *other;
    size_t i;
    json_array_foreach(terms->list, i, other)
    {
        older += is_kind(other, "label") && created_of(other) < created_of(term);
    }
    return colour != PAINT_NONE ? colour : older % (PAINT_COLOURS - 1);
}

static int by_id(const void *left, const void *right)
{
    return strcmp(((const struct label_colour *)left)->id, ((const struct label_colour *)right)->id);
}

struct label_colour *terms_colours(const struct terms *terms, size_t *count)
{
    struct label_colour *colours = heap_alloc(json_array_size(terms->list), sizeof *colours);
    json_t *term;
    size_t i;
    *count = 0;
    json_array_foreach(terms->list, i, term)
    {
        if (is_kind(term, "label")) {
            struct label_colour *its = &colours[(*count)++];
            snprintf(its->id, sizeof its->id, "%s", string_of(term, "id"));
            its->colour = terms_colour(terms, term);
        }
    }
    qsort(colours, *count, sizeof *colours, by_id);
    return colours;
}

unsigned label_colour_find(const struct label_colour *colours, size_t count, const char *id)
{
    struct label_colour key;
    snprintf(key.id, sizeof key.id, "%s", id);
    const struct label_colour *found = count ? bsearch(&key, colours, count, sizeof key, by_id) : NULL;
    return found ? found->colour : PAINT_COLOURS - 1;
}

void terms_put_names(struct gl_buf *out, const struct terms *terms, const json_t *ids)
{
    json_t *id;
    size_t i;
    json_array_foreach((json_t *)ids, i, id)
    {
        const char *text = json_string_value(id);
        const json_t *term = text ? terms_by_id(terms, text) : NULL;
        gl_buf_str(out, i ? ", " : "");
        gl_buf_str(out, term ? string_of(term, "name") : text ? text : "");
    }
}

/* ---- asking for changes ------------------------------------------------------------------------------------------------- */

int terms_submit(struct cli *cli, const json_t *info, json_t *change, const char *done, const char *name)
{
    struct stream_result result;
    const char *kind = string_of(change, "kind");
    char *what = heap_copy(gl_slice_of(kind, strcspn(kind, ".")));
    const char *id = json_string_value(json_object_get(change, what));
    char *its_id = id ? heap_copy(gl_slice_str(id)) : NULL;
    int status = stream_submit(cli, string_of(info, "project"), change, &result);
    if (status == 0 && cli->is_json) {
        out_json(cli, json_pack("{s:s, s:I, s:s, s:s*, s:s}", "op", result.op, "seq", (json_int_t)result.seq, "kind", what, "id",
                                *result.made ? result.made : its_id, "name", name));
    } else if (status == 0) {
        out_line(cli, "%s the %s%s `%s` of %s  op %llu", done, what, strcmp(what, "relation") == 0 ? " type" : "", name,
                 string_of(info, "name"), (unsigned long long)result.seq);
    }
    free(its_id);
    free(what);
    return status;
}

void terms_set(struct cli *cli, json_t *change, const char *field, enum option_id id)
{
    const char *value = cli_option(cli, id);
    if (value) {
        json_object_set_new(change, field, *value ? json_string(value) : json_null());
    }
}

void terms_set_strings(struct cli *cli, json_t *change, const char *field, enum option_id id)
{
    json_t *list = json_array();
    const char *value;
    for (size_t i = 0; (value = cli_nth(cli, id, i)); i++) {
        if (*value) {
            json_array_append_new(list, json_string(value));
        }
    }
    if (cli_option(cli, id)) {
        json_object_set(change, field, json_array_size(list) ? list : json_null());
    }
    json_decref(list);
}

int terms_set_labels(struct cli *cli, const struct terms *terms, json_t *change, const char *field, enum option_id id)
{
    json_t *list = json_array();
    const json_t *term;
    const char *value;
    int status = 0;
    for (size_t i = 0; status == 0 && (value = cli_nth(cli, id, i)); i++) {
        if (*value) {
            status = terms_find(cli, terms, "label", value, &term);
            json_array_append(list, json_object_get(term, "id"));
        }
    }
    if (cli_option(cli, id)) {
        json_object_set(change, field, json_array_size(list) ? list : json_null());
    }
    json_decref(list);
    return status;
}

int terms_set_colour(struct cli *cli, json_t *change)
{
    const char *given = cli_option(cli, OPT_colour);
    char hex[8];
    if (!given) {
        return 0;
    }
    if (*given && !colour_read(given, hex)) {
        const char *nearest = args_nearest(given, colour_names);
        return fail(
            cli, EXIT_COULD_NOT, "usage",
            "`--colour %s`: it must be #rrggbb, red, orange, yellow, green, teal, cyan, blue, purple, pink, brown or grey%s%s%s",
            given, nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    }
    json_object_set_new(change, "colour", *given ? json_string(hex) : json_null());
    return 0;
}

/* ---- the verbs of every kind ---------------------------------------------------------------------------------------------- */

static json_t *make_change(const char *kind, const char *verb, const json_t *term)
{
    char *whole = heap_printf("%s.%s", kind, verb);
    json_t *change = json_pack("{s:s}", "kind", whole);
    if (term) {
        json_object_set(change, kind, json_object_get(term, "id"));
    }
    free(whole);
    return change;
}

int terms_run_new(struct cli *cli, const char *kind, terms_fill_fn fill)
{
    struct terms terms;
    const char *name = cli_word(cli, 0);
    int status = cli_check_text(cli, "the name", name);
    status = status ? status : terms_open(cli, &terms);
    if (status == 0) {
        json_t *change = make_change(kind, "create", NULL);
        json_object_set_new(change, "name", json_string(name));
        status = fill(cli, &terms, change);
        status = status ? status : terms_submit(cli, terms.info, json_incref(change), "made", name);
        json_decref(change);
        terms_fini(&terms);
    }
    return status;
}

/* Finds the term and asks for an update with the fields that `fill` and `more` (taken, may be NULL) give. */
static int run_update(struct cli *cli, const char *kind, terms_fill_fn fill, json_t *more, const char *done, const char *new_name)
{
    struct terms terms = {0};
    const json_t *term = NULL;
    const char *name = cli_word(cli, 0);
    int status = cli_check_text(cli, "the name", name);
    status = status ? status : cli_check_text(cli, "the new name", new_name);
    status = status ? status : terms_open(cli, &terms);
    status = status ? status : terms_find(cli, &terms, kind, name, &term);
    json_t *change = make_change(kind, "update", term);
    json_object_update(change, more);
    status = status || !fill ? status : fill(cli, &terms, change);
    if (status == 0 && json_object_size(change) == 2) {
        status = fail(cli, EXIT_COULD_NOT, "usage", "say what to change (`gloss help %s edit` lists what there is)", kind);
    }
    status =
        status ? status : terms_submit(cli, terms.info, json_incref(change), done, new_name ? new_name : string_of(term, "name"));
    json_decref(change);
    json_decref(more);
    terms_fini(&terms);
    return status;
}

int terms_run_edit(struct cli *cli, const char *kind, terms_fill_fn fill)
{
    return run_update(cli, kind, fill, NULL, "changed", NULL);
}

int terms_run_rename(struct cli *cli, const char *kind)
{
    const char *name = cli_word(cli, 1);
    int status = cli_check_text(cli, "the new name", name);
    return status ? status : run_update(cli, kind, NULL, json_pack("{s:s}", "name", name), "renamed", name);
}

int terms_run_retire(struct cli *cli, const char *kind, bool retired)
{
    return run_update(cli, kind, NULL, json_pack("{s:b}", "retired", retired), retired ? "retired" : "brought back", NULL);
}
