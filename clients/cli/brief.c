#include "clients/cli/brief.h"

#include <ctype.h>
#include <stdlib.h>

#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/offline.h"
#include "clients/cli/say.h"
#include "proto/gl_uuid.h"

#define CANDIDATES_MAX 20
#define NEAR_MAX       3
#define LOOKED_AT_MAX  2000

static bool is_id(const char *word)
{
    gl_uuid id;
    return gl_uuid_parse(gl_slice_str(word), &id);
}

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

void brief_take(struct brief *brief, json_t *info)
{
    *brief = (struct brief){.info = info,
                            .document = string_of(info, "document"),
                            .session = string_of(info, "session"),
                            .project = string_of(info, "project"),
                            .title = string_of(info, "title"),
                            .codepoints = (uint64_t)json_integer_value(json_object_get(info, "codepoints"))};
}

void brief_fini(struct brief *brief)
{
    json_decref(brief->info);
    *brief = (struct brief){0};
}

int brief_by_id(struct cli *cli, const char *document, struct brief *brief)
{
    struct gloss_error error = {0};
    json_t *result = NULL;
    *brief = (struct brief){0};
    int code = link_try(cli, "document.get", json_pack("{s:s}", "document", document), &result, &error), status = 0;
    if (code == 0) {
        brief_take(brief, json_incref(json_object_get(result, "document")));
        known_brief(cli, brief->info);
    } else if (code == GLOSS_E_NOT_FOUND) {
        status = fail(cli, EXIT_COULD_NOT, "brief_not_found",
                      "there is no brief with the id %s that you may see; `gloss ls` lists them", document);
    } else {
        status = fail_error(cli, "the brief cannot be read", &error);
    }
    gloss_error_clear(&error);
    json_decref(result);
    return status;
}

/* ---- by name ------------------------------------------------------------------------------------------------------- */

struct candidates {
    const char *word;
    json_t *found; /* array of document_info */
    size_t count;
};

static bool take_candidate(json_t *item, void *arg)
{
    struct candidates *candidates = arg;
    candidates->count++;
    if (json_array_size(candidates->found) < CANDIDATES_MAX || strcmp(string_of(item, "title"), candidates->word) == 0 ||
        strcmp(string_of(item, "filename"), candidates->word) == 0) {
        json_array_append(candidates->found, item);
    }
    return true;
}

/* The only one whose title or file name is word, not only begins so; NULL when that does not decide. */
static json_t *whole_name(const struct candidates *candidates)
{
    json_t *item, *whole = NULL;
    size_t i, count = 0;
    json_array_foreach(candidates->found, i, item)
    {
        if (strcmp(string_of(item, "title"), candidates->word) == 0 ||
            strcmp(string_of(item, "filename"), candidates->word) == 0) {
            whole = item;
            count++;
        }
    }
    return count == 1 ? whole : NULL;
}

/* How far word is from a title: 0 when it stands in it, otherwise letters to change in the title's beginning or one of its words. */
static size_t name_distance(const char *word, const char *title)
{
    if (strcasestr(title, word)) {
        return 0;
    }
    size_t len = strlen(word), best = SIZE_MAX;
    for (const char *at = title; *at;) {
        char *part = heap_copy(gl_slice_of(at, strnlen(at, len)));
        size_t distance = args_distance(word, part);
        best = distance < best ? distance : best;
        free(part);
        at += strcspn(at, " _-");
        at += strspn(at, " _-");
    }
    return best;
}

struct near {
    const char *word;
    json_t *best[NEAR_MAX];
    size_t distance[NEAR_MAX];
    size_t looked_at;
};

static bool take_near(json_t *item, void *arg)
{
    struct near *near = arg;
    size_t by_title = name_distance(near->word, string_of(item, "title")),
           by_file = name_distance(near->word, string_of(item, "filename"));
    size_t distance = by_title < by_file ? by_title : by_file;
    if (distance <= strlen(near->word) / 3) {
        size_t i = NEAR_MAX;
        while (i > 0 && (!near->best[i - 1] || distance < near->distance[i - 1])) {
            i--;
        }
        if (i < NEAR_MAX) {
            json_decref(near->best[NEAR_MAX - 1]);
            memmove(&near->best[i + 1], &near->best[i], (NEAR_MAX - 1 - i) * sizeof near->best[0]);
            memmove(&near->distance[i + 1], &near->distance[i], (NEAR_MAX - 1 - i) * sizeof near->distance[0]);
            near->best[i] = json_incref(item);
            near->distance[i] = distance;
        }
    }
    return ++near->looked_at < LOOKED_AT_MAX;
}

static json_t *short_info(const json_t *info)
{
    json_t *small = json_object();
    const char *names[] = {"document", "session", "project", "title", "filename"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_object_set(small, names[i], json_object_get(info, names[i]));
    }
    return small;
}

static json_t *short_infos(json_t *const *infos, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, short_info(infos[i]));
    }
    return list;
}

static void list_candidates(struct cli *cli, json_t *const *infos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *filename = string_of(infos[i], "filename");
        say_more(cli, "%s  %s%s%s%s", string_of(infos[i], "document"), string_of(infos[i], "title"), *filename ? " (" : "",
                 filename, *filename ? ")" : "");
    }
}

static int say_none(struct cli *cli, const char *word, const char *project)
{
    struct near near = {.word = word};
    json_t *params = json_object();
    if (project) {
        json_object_set_new(params, "project", json_string(project));
    }
    int status = link_list(cli, "the briefs cannot be listed", "document.list", params, "documents", take_near, &near);
    size_t count = 0;
    while (count < NEAR_MAX && near.best[count]) {
        count++;
    }
    if (status == 0) {
        status = fail_more(cli, EXIT_COULD_NOT, "brief_not_found", json_pack("{s:o}", "near", short_infos(near.best, count)),
                           "no brief's title or file name begins with `%s`%s", word,
                           count            ? "; near are:"
                           : near.looked_at ? " (`gloss ls` lists them)"
                                            : ": there is none yet that you may see (`gloss import` brings one in)");
        list_candidates(cli, near.best, count);
    }
    for (size_t i = 0; i < count; i++) {
        json_decref(near.best[i]);
    }
    return status;
}

static int say_several(struct cli *cli, const struct candidates *candidates)
{
    json_t *infos[CANDIDATES_MAX];
    size_t count = json_array_size(candidates->found);
    count = count < CANDIDATES_MAX ? count : CANDIDATES_MAX;
    for (size_t i = 0; i < count; i++) {
        infos[i] = json_array_get(candidates->found, i);
    }
    int status = fail_more(cli, EXIT_COULD_NOT, "brief_ambiguous", json_pack("{s:o}", "candidates", short_infos(infos, count)),
                           "%zu briefs begin with `%s`; write more of the name, or the id:", candidates->count, candidates->word);
    list_candidates(cli, infos, count);
    return status;
}

int brief_find(struct cli *cli, const char *word, struct brief *brief)
{
    char *project = NULL;
    if (cli_flag(cli, OPT_offline)) {
        return known_find_brief(cli, word, brief);
    }
    int status = cli_check_text(cli, "the brief's name", word);
    *brief = (struct brief){0};
    if (status == 0 && is_id(word)) {
        return brief_by_id(cli, word, brief);
    }
    if (status == 0 && !*word) {
        status = fail(cli, EXIT_COULD_NOT, "brief_not_found", "the brief's name is empty (`gloss ls` lists them)");
    }
    if (status == 0 && cli_option(cli, OPT_project)) {
        status = project_find(cli, cli_option(cli, OPT_project), &project);
    }
    struct candidates candidates = {.word = word, .found = json_array()};
    if (status == 0) {
        json_t *params = json_pack("{s:s, s:s*}", "prefix", word, "project", project);
        status = link_list(cli, "the briefs cannot be listed", "document.list", params, "documents", take_candidate, &candidates);
    }
    if (status == 0) {
        json_t *only = candidates.count == 1 ? json_array_get(candidates.found, 0) : whole_name(&candidates);
        if (only) {
            brief_take(brief, json_incref(only));
            known_brief(cli, only);
        } else {
            status = candidates.count ? say_several(cli, &candidates) : say_none(cli, word, project);
        }
    }
    json_decref(candidates.found);
    free(project);
    return status;
}

/* ---- annotations --------------------------------------------------------------------------------------------------- */

static void copy_id(char to[GLOSS_ID], const char *id)
{
    snprintf(to, GLOSS_ID, "%s", id);
}

static int take_found(struct cli *cli, const char *word, json_t *found, const char *session, struct place *place)
{
    json_t *item, *several = json_array();
    size_t i;
    json_array_foreach(found, i, item)
    {
        if (!session || strcmp(string_of(item, "session"), session) == 0) {
            json_array_append(several, item);
        }
    }
    size_t count = json_array_size(several);
    int status = 0;
    if (count == 1) {
        item = json_array_get(several, 0);
        copy_id(place->annotation, string_of(item, "annotation"));
        copy_id(place->session, string_of(item, "session"));
        copy_id(place->document, string_of(item, "document"));
    } else if (count == 0) {
        status = fail(cli, EXIT_COULD_NOT, "annotation_not_found",
                      "no annotation%s that you may see has an id that begins with `%s`; `gloss show` prints their ids",
                      session ? " of this brief" : "", word);
    } else {
        status = fail_more(cli, EXIT_COULD_NOT, "annotation_ambiguous", json_pack("{s:O}", "candidates", several),
                           "several annotations have an id that begins with `%s`; write more of it:", word);
        json_array_foreach(several, i, item)
        {
            say_more(cli, "%s  in brief %s", string_of(item, "annotation"), string_of(item, "document"));
        }
    }
    json_decref(several);
    return status;
}

bool annotation_may_be(const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < len; i++) {
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash_place ? word[i] != '-' : !isdigit((unsigned char)word[i]) && (word[i] < 'a' || word[i] > 'f')) {
            return false;
        }
    }
    return len >= 4 && len <= 36;
}

int annotation_find(struct cli *cli, const char *word, struct place *place)
{
    struct brief brief = {0};
    json_t *result = NULL;
    *place = (struct place){0};
    if (!annotation_may_be(word)) {
        return fail(
            cli, EXIT_COULD_NOT, "annotation_not_found",
            "`%s` is not an annotation's id or the beginning of one (at least 4 of 0-9 a-f); `gloss show` prints their ids",
            word);
    }
    if (cli_flag(cli, OPT_offline)) {
        return offline_find_annotation(cli, word, place);
    }
    int status = cli_option(cli, OPT_brief) ? brief_find(cli, cli_option(cli, OPT_brief), &brief) : 0;
    if (status == 0) {
        status = link_call(cli, "the annotation cannot be looked up", "annotation.locate", json_pack("{s:s}", "annotation", word),
                           &result);
    }
    if (status == 0) {
        status = take_found(cli, word, json_object_get(result, "found"), brief.info ? brief.session : NULL, place);
    }
    json_decref(result);
    brief_fini(&brief);
    return status;
}
