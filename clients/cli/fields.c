#include "clients/cli/fields.h"

#include <errno.h>
#include <stdlib.h>

#include "clients/cli/say.h"
#include "clients/cli/terms.h"
#include "proto/model/annotation.h"

/* The number that the option was given the (n + 1)th time. */
static int nth_number(struct cli *cli, enum option_id id, size_t n, uint64_t least, uint64_t *value, bool *has)
{
    const char *text = cli_nth(cli, id, n);
    char *end = NULL;
    *has = text != NULL;
    if (!text) {
        return 0;
    }
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || number < least || number > GL_INT_MAX) {
        return fail(cli, EXIT_COULD_NOT, "bad_number", "`--%s %s`: it must be a number from %llu on", option_rows[id].name, text,
                    (unsigned long long)least);
    }
    *value = number;
    return 0;
}

/* The (n + 1)th piece of the place; *span NULL: there are no more. */
static int make_span(struct cli *cli, const char *quote, size_t n, json_t **span)
{
    uint64_t start = 0, end = 0, nth = 0;
    bool has_start, has_end, has_nth;
    *span = NULL;
    int status = nth_number(cli, OPT_start, n, 0, &start, &has_start);
    status = status ? status : nth_number(cli, OPT_end, n, 0, &end, &has_end);
    status = status ? status : nth_number(cli, OPT_nth, n, 1, &nth, &has_nth);
    status = status ? status : cli_check_text(cli, "the quoted words", quote);
    if (status || (!quote && !has_start && !has_end)) {
        return status;
    }
    if (has_start != has_end) {
        return fail(cli, EXIT_COULD_NOT, "usage", "--start and --end belong together");
    }
    if (quote && !*quote) {
        return fail(cli, EXIT_COULD_NOT, "usage", "the quoted words are empty; quote them as they stand in the text");
    }
    *span = json_object();
    if (has_start) {
        json_object_set_new(*span, "start", json_integer((json_int_t)start));
        json_object_set_new(*span, "end", json_integer((json_int_t)end));
    }
    if (has_nth) {
        json_object_set_new(*span, "nth", json_integer((json_int_t)nth));
    }
    const struct {
        const char *name, *value;
    } words[] = {{"exact", quote}, {"prefix", cli_nth(cli, OPT_prefix, n)}, {"suffix", cli_nth(cli, OPT_suffix, n)}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].value && *words[i].value) {
            json_object_set_new(*span, words[i].name, json_string(words[i].value));
        }
    }
    return 0;
}

int fields_target(struct cli *cli, char *const *quotes, size_t quote_count, json_t **target)
{
    json_t *spans = json_array(), *span = NULL;
    int status = 0;
    *target = NULL;
    if (cli_flag(cli, OPT_whole)) {
        json_decref(spans);
        if (quote_count || cli_flag(cli, OPT_start)) {
            return fail(cli, EXIT_COULD_NOT, "usage", "--whole means the whole brief; leave out the words and --start --end");
        }
        *target = json_pack("{s:s}", "type", "document");
        return 0;
    }
    for (size_t i = 0; i == 0 || span; i++) {
        status = make_span(cli, i < quote_count ? quotes[i] : NULL, i, &span);
        if (span) {
            json_array_append_new(spans, span);
        }
    }
    if (status == 0 && json_array_size(spans) == 0) {
        status = fail(cli, EXIT_COULD_NOT, "usage", "say where: quote the words, or give --start and --end, or --whole");
    }
    *target = status ? NULL : json_pack("{s:s, s:O}", "type", "spans", "spans", spans);
    json_decref(spans);
    return status;
}

int fields_status(struct cli *cli, json_t *change)
{
    const char *name = cli_option(cli, OPT_status);
    enum gl_status status;
    if (!name) {
        return 0;
    }
    if (gl_status_parse(gl_slice_str(name), &status)) {
        json_object_set_new(change, "status", json_string(name));
        return 0;
    }
    const char *names[GL_STATUS_COUNT + 1] = {0};
    for (size_t i = 0; i < GL_STATUS_COUNT; i++) {
        names[i] = gl_status_name((enum gl_status)i);
    }
    const char *nearest = args_nearest(name, names);
    return fail(cli, EXIT_COULD_NOT, "usage", "`--status %s`: it must be proposed, active, accepted, rejected or resolved%s%s%s",
                name, nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
}

/* ---- attributes ------------------------------------------------------------------------------------------------------- */

static json_t *value_of(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool is_number =
        (*text == '-' || (*text >= '0' && *text <= '9')) && *end == '\0' && errno == 0 && llabs(number) <= GL_INT_MAX;
    if (is_number) {
        return json_integer(number);
    }
    return strcmp(text, "true") == 0 ? json_true() : strcmp(text, "false") == 0 ? json_false() : json_string(text);
}

int fields_attributes(struct cli *cli, json_t *change, bool may_clear)
{
    const char *given;
    json_t *attributes = json_object();
    for (size_t i = 0; (given = cli_nth(cli, OPT_attribute, i)); i++) {
        size_t len = strcspn(given, "=");
        const char *value = given[len] ? given + len + 1 : NULL;
        if (len == 0 || !value || (!*value && !may_clear)) {
            json_decref(attributes);
            return fail(cli, EXIT_COULD_NOT, "usage", "`--attribute %s`: write NAME=VALUE", given);
        }
        char *name = heap_copy(gl_slice_of(given, len));
        json_object_set_new(attributes, name, *value ? value_of(value) : json_null());
        free(name);
    }
    if (json_object_size(attributes)) {
        json_object_set(change, "attributes", attributes);
    }
    json_decref(attributes);
    return 0;
}

/* Whether it depends on the codebook how it is to be sent. */
static bool is_unsettled(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_integer(value) || json_is_boolean(value) || (text && (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0));
}

static json_t *settle(const char *type, const char *text, const json_t *value)
{
    if (strcmp(type, "boolean") == 0 && json_is_string(value)) {
        return json_boolean(strcmp(text, "yes") == 0);
    }
    bool wants_text = strcmp(type, "text") == 0 || strcmp(type, "enum") == 0 || strcmp(type, "link") == 0;
    return wants_text ? json_string(text) : json_incref((json_t *)value);
}

/* The type that the codebook says; "" for an attribute that it does not know. */
static const char *type_of(const struct terms *terms, const char *name)
{
    json_t *term;
    size_t i;
    json_array_foreach(terms->list, i, term)
    {
        const char *kind = json_string_value(json_object_get(term, "kind")),
                   *its = json_string_value(json_object_get(term, "name"));
        const char *type = json_string_value(json_object_get(term, "type"));
        if (kind && its && type && strcmp(kind, "attribute") == 0 && strcmp(its, name) == 0) {
            return type;
        }
    }
    return "";
}

int fields_settle(struct cli *cli, const char *project, json_t *change)
{
    struct terms terms = {0};
    const char *given;
    json_t *attributes = json_object_get(change, "attributes");
    int status = 0;
    for (size_t i = 0; status == 0 && (given = cli_nth(cli, OPT_attribute, i)); i++) {
        size_t len = strcspn(given, "=");
        char *name = heap_copy(gl_slice_of(given, len));
        json_t *value = json_object_get(attributes, name);
        if (is_unsettled(value)) {
            status = terms.list ? 0 : terms_read(cli, project, &terms);
            if (status == 0) {
                json_object_set_new(attributes, name, settle(type_of(&terms, name), given + len + 1, value));
            }
        }
        free(name);
    }
    terms_fini(&terms);
    return status;
}
