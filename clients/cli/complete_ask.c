#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/complete.h"
#include "clients/cli/link.h"
#include "clients/cli/servers.h"

#define OFFERED_MAX 100

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is_connected(struct cli *cli)
{
    struct settings_asked asked = cli_settings_asked(cli);
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    bool is_good = cli->gloss || (settings_load(&cli->settings, &asked, &problem) && link_open(cli, NULL, NULL) == 0);
    gl_buf_fini(&problem);
    return is_good;
}

/* Asks and gives the items of one page; NULL when there is no answer. params is taken. */
static json_t *ask(struct cli *cli, const char *method, json_t *params, const char *list)
{
    json_t *result = NULL, *items = NULL;
    if (!is_connected(cli)) {
        json_decref(params);
    } else if (link_call(cli, "", method, params, &result) == 0) {
        items = json_incref(json_object_get(result, list));
    }
    json_decref(result);
    return items;
}

/* The project that the typed words are about, by --project, by the brief or by the annotation; NULL: nobody said. */
static char *typed_project(struct cli *cli)
{
    const char *name = cli_option(cli, OPT_project) ? cli_option(cli, OPT_project) : cli_option(cli, OPT_into);
    name = name ? name : cli_option(cli, OPT_of_project);
    const char *brief_name = cli_option(cli, OPT_brief), *words = cli->args.verb ? cli->args.verb->words : "",
               *word = cli_word(cli, 0);
    char *project = NULL;
    struct brief brief = {0};
    struct place place;
    int status = -1;
    if (!is_connected(cli)) {
        return NULL;
    }
    if (name) {
        return project_find(cli, name, &project) == 0 ? project : NULL;
    }
    if (word && strncmp(words, "PROJECT", 7) == 0) {
        return project_find(cli, word, &project) == 0 ? project : NULL;
    }
    if (brief_name || (word && strncmp(words, "BRIEF", 5) == 0)) {
        status = brief_find(cli, brief_name ? brief_name : word, &brief);
    } else if (word && (strncmp(words, "ANN", 3) == 0 || strncmp(words, "FROM", 4) == 0) &&
               annotation_find(cli, word, &place) == 0) {
        status = brief_by_id(cli, place.document, &brief);
    }
    if (status == 0) {
        project = heap_copy(gl_slice_str(brief.project));
    }
    brief_fini(&brief);
    return project;
}

/* Calls fn for the project that was typed, or else for each of one's own. */
static void each_project(struct completion *completion, void (*fn)(struct completion *completion, const char *project))
{
    struct cli *cli = completion->cli;
    char *typed = typed_project(cli);
    json_t *projects = typed ? NULL : ask(cli, "project.list", json_object(), "projects"), *project;
    size_t i;
    if (typed) {
        fn(completion, typed);
    }
    json_array_foreach(projects, i, project)
    {
        fn(completion, string_of(project, "project"));
    }
    json_decref(projects);
    free(typed);
}

static void offer_briefs(struct completion *completion)
{
    struct cli *cli = completion->cli;
    const char *name = cli_option(cli, OPT_project);
    char *project = name ? typed_project(cli) : NULL;
    json_t *briefs =
        ask(cli, "document.list",
            json_pack("{s:s, s:i, s:s*}", "prefix", completion->word, "limit", OFFERED_MAX, "project", project), "documents");
    json_t *brief;
    size_t i, len = strlen(completion->word);
    json_array_foreach(briefs, i, brief)
    {
        const char *title = string_of(brief, "title"), *file = string_of(brief, "filename");
        bool by_title = strncasecmp(title, completion->word, len) == 0;
        complete_offer(completion, by_title ? title : file, by_title ? file : title);
    }
    json_decref(briefs);
    free(project);
}

static void offer_projects(struct completion *completion)
{
    json_t *projects = ask(completion->cli, "project.list", json_object(), "projects"), *project;
    size_t i;
    json_array_foreach(projects, i, project)
    {
        complete_offer(completion, string_of(project, "name"), string_of(project, "role"));
    }
    json_decref(projects);
}

/* The terms of one kind that are not retired. */
static void offer_terms_of(struct completion *completion, const char *project, const char *kind)
{
    json_t *terms = ask(completion->cli, "codebook.get", json_pack("{s:s}", "project", project), "terms"), *term;
    size_t i;
    json_array_foreach(terms, i, term)
    {
        if (strcmp(string_of(term, "kind"), kind) == 0 && !json_object_get(term, "retired")) {
            complete_offer(completion, string_of(term, "name"), string_of(term, "definition"));
        }
    }
    json_decref(terms);
}

static void offer_labels_of(struct completion *completion, const char *project)
{
    offer_terms_of(completion, project, "label");
}

static void offer_labels(struct completion *completion)
{
    each_project(completion, offer_labels_of);
}

static void offer_attributes_of(struct completion *completion, const char *project)
{
    offer_terms_of(completion, project, "attribute");
}

static void offer_attributes(struct completion *completion)
{
    each_project(completion, offer_attributes_of);
}

static void offer_relations_of(struct completion *completion, const char *project)
{
    offer_terms_of(completion, project, "relation");
}

static void offer_relations(struct completion *completion)
{
    each_project(completion, offer_relations_of);
}

static void offer_accounts_of(struct completion *completion, const char *project)
{
    json_t *members = ask(completion->cli, "member.list", json_pack("{s:s}", "project", project), "members"), *member;
    size_t i;
    json_array_foreach(members, i, member)
    {
        const char *role = string_of(member, "role");
        complete_offer(completion, string_of(member, "name"), *role ? role : "no longer a member");
    }
    json_decref(members);
}

static void offer_accounts(struct completion *completion)
{
    each_project(completion, offer_accounts_of);
}

/* The server finds ids by their first four letters at least. */
static void offer_annotations(struct completion *completion)
{
    struct cli *cli = completion->cli;
    if (strlen(completion->word) < 4) {
        return;
    }
    json_t *found = ask(cli, "annotation.locate", json_pack("{s:s}", "annotation", completion->word), "found"), *item;
    size_t i;
    json_array_foreach(found, i, item)
    {
        struct brief brief = {0};
        if (brief_by_id(cli, string_of(item, "document"), &brief) == 0) {
            complete_offer(completion, string_of(item, "annotation"), brief.title);
        }
        brief_fini(&brief);
    }
    json_decref(found);
}

static void offer_servers(struct completion *completion)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    json_t *kept = servers_load(&problem), *server;
    size_t i;
    json_array_foreach(json_object_get(kept, "servers"), i, server)
    {
        complete_offer(completion, string_of(server, "name"), string_of(server, "url"));
    }
    json_decref(kept);
    gl_buf_fini(&problem);
}

static const struct {
    const char *name;
    complete_fn fn;
} kind_rows[] = {
    {"BRIEF", offer_briefs},   {"PROJECT", offer_projects}, {"LABEL", offer_labels},    {"ATTRIBUTE", offer_attributes},
    {"TYPE", offer_relations}, {"ACCOUNT", offer_accounts}, {"ANN", offer_annotations}, {"FROM", offer_annotations},
    {"TO", offer_annotations}, {"SERVER", offer_servers},
};

complete_fn complete_kind(struct gl_slice name)
{
    for (size_t i = 0; i < sizeof kind_rows / sizeof kind_rows[0]; i++) {
        if (gl_slice_is(name, kind_rows[i].name)) {
            return kind_rows[i].fn;
        }
    }
    return NULL;
}
