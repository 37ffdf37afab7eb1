/*
 * cmd_export.c - gloss export: an annotation, a brief's, or a project's, in a standard form.
 *
 * The log is read, not the state, because a record says which op made it, and only the op says when. A project goes brief by brief, and of each
 * only what it has is kept while it is written.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/follow.h"
#include "clients/cli/jsonld.h"
#include "clients/cli/jsonld_out.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define PAGE_MOST 10000

struct export
{
    struct cli *cli;
    struct follow follow;
    struct jsonld jsonld;
    struct jsonld_out out;
    const char *only; /* the annotation that is asked for; NULL: all */
    struct progress progress;
    uint64_t time_cap, briefs_done, briefs;
    int status;
};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ---- one brief ------------------------------------------------------------------------------------------------------- */

static void on_op(struct follow *follow, const struct gloss_event *event)
{
    struct export *export = follow->arg;
    struct jsonld *jsonld = &export->jsonld;
    if (event->seq > export->time_cap) {
        export->time_cap = event->seq + event->seq / 2 + 256;
        jsonld->times = heap_grow(jsonld->times, (size_t) export->time_cap, sizeof jsonld->times[0]);
    }
    while (jsonld->time_count < event->seq) {
        jsonld->times[jsonld->time_count++][0] = '\0';
    }
    snprintf(jsonld->times[event->seq - 1], sizeof jsonld->times[0], "%s", event->at ? event->at : "");
    jsonld_out_modified(&export->out, event->at);
    if (export->cli->out.is_terminal) {
        return; /* what is written there shows how it goes */
    }
    progress_step(&export->progress, export->briefs ? export->briefs_done : event->seq,
                  export->briefs ? export->briefs : follow->head, "");
}

static void write_all(struct export *export, const struct gloss_session *session)
{
    bool is_alone = export->out.form == JSONLD_LINES;
    for (size_t i = 0; i < gloss_annotation_count(session) && !ferror(export->cli->out.stream); i++) {
        const struct gl_annotation *annotation = gloss_annotation_at(session, i);
        if (!gloss_annotation_is_deleted(annotation)) {
            jsonld_out_put(&export->out, jsonld_annotation(&export->jsonld, annotation, is_alone));
        }
    }
}

static void write_one(struct export *export, const struct gloss_session *session)
{
    const struct gl_annotation *annotation = gloss_annotation_find(session, export->only);
    if (!annotation || gloss_annotation_is_deleted(annotation)) {
        export->status = fail(export->cli, EXIT_COULD_NOT, "gone",
                              "the annotation %s was deleted; `gloss restore` brings it back", export->only);
    } else {
        jsonld_out_one(export->cli, jsonld_annotation(&export->jsonld, annotation, true));
    }
}

static void on_end(struct follow *follow)
{
    struct export *export = follow->arg;
    export->jsonld.session = follow->session;
    if (export->only) {
        write_one(export, follow->session);
    } else {
        write_all(export, follow->session);
    }
}

static int export_brief(struct export *export, const struct brief *brief)
{
    struct follow *follow = &export->follow;
    export->jsonld.brief = brief;
    export->jsonld.time_count = 0;
    follow->session_id = brief->session;
    follow->head = 0;
    follow->is_over = false;
    int status = follow_run(follow);
    gloss_leave(&follow->session);
    return status ? status : export->status;
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

static bool take_term(json_t *term, void *arg)
{
    struct jsonld *jsonld = arg;
    json_object_set(jsonld->terms, string_of(term, "id"), json_object_get(term, "name"));
    if (strcmp(string_of(term, "kind"), "attribute") == 0) {
        json_object_set(jsonld->attributes, string_of(term, "name"), json_object_get(term, "id"));
    }
    return true;
}

/* The codebook of the project; jsonld->terms and attributes are the caller's. */
static int read_codebook(struct export *export, const char *project)
{
    export->jsonld.terms = json_object();
    export->jsonld.attributes = json_object();
    return link_list(export->cli, "the codebook cannot be read", "codebook.get", json_pack("{s:s}", "project", project), "terms",
                     take_term, &export->jsonld);
}

/* ---- what is asked for ------------------------------------------------------------------------------------------------ */

static bool take_brief(json_t *info, void *arg)
{
    struct export *export = arg;
    struct brief brief = {0};
    export->status = brief_by_id(export->cli, string_of(info, "document"), &brief);
    if (export->status == 0) {
        export->status = export_brief(export, &brief);
    }
    export->briefs_done++;
    brief_fini(&brief);
    return export->status == 0 && !ferror(export->cli->out.stream);
}

static bool count_brief(json_t *info, void *arg)
{
    (void)info;
    ++*(uint64_t *)arg;
    return true;
}

static int export_project(struct export *export)
{
    struct cli *cli = export->cli;
    json_t *info = NULL;
    int status = project_take(cli, cli_option(cli, OPT_project), &info);
    const char *project = string_of(info, "project"), *doing = "the briefs cannot be listed";
    status = status ? status : read_codebook(export, project);
    if (status == 0 && cli->err.is_terminal && !cli->out.is_terminal) { /* for the bar only */
        status = link_list(cli, doing, "document.list", json_pack("{s:s, s:i}", "project", project, "limit", 200), "documents",
                           count_brief, &export->briefs);
    }
    if (status == 0) {
        export->out.id = project;
        export->out.label = string_of(info, "name");
        jsonld_out_begin(&export->out);
        status = link_list(cli, doing, "document.list", json_pack("{s:s}", "project", project), "documents", take_brief, export);
        status = status ? status : export->status;
    }
    if (status == 0) {
        jsonld_out_end(&export->out);
    }
    json_decref(info);
    return status;
}

static int export_one_brief(struct export *export, struct brief *brief)
{
    int status = read_codebook(export, brief->project);
    if (status == 0) {
        export->out.id = brief->session;
        export->out.label = brief->title;
        if (!export->only) {
            jsonld_out_begin(&export->out);
        }
        status = export_brief(export, brief);
    }
    if (status == 0 && !export->only) {
        jsonld_out_end(&export->out);
    }
    return status;
}

/* Whether the word is an annotation's id or the beginning of one. A brief's title may look like that too; then it is no annotation's. */
static bool names_annotation(struct cli *cli, const char *word)
{
    json_t *result = NULL;
    struct gloss_error error = {0};
    bool is_one = annotation_may_be(word) &&
                  link_try(cli, "annotation.locate", json_pack("{s:s}", "annotation", word), &result, &error) == 0 &&
                  json_array_size(json_object_get(result, "found")) > 0;
    gloss_error_clear(&error);
    json_decref(result);
    return is_one;
}

static int export_word(struct export *export, const char *word)
{
    struct cli *cli = export->cli;
    struct brief brief = {0};
    struct place place;
    int status;
    if (names_annotation(cli, word)) {
        status = annotation_find(cli, word, &place);
        status = status ? status : brief_by_id(cli, place.document, &brief);
        export->only = place.annotation;
    } else {
        status = brief_find(cli, word, &brief);
    }
    status = status ? status : export_one_brief(export, &brief);
    brief_fini(&brief);
    return status;
}

static int read_options(struct export *export)
{
    struct cli *cli = export->cli;
    const char *format = cli_option(cli, OPT_format);
    uint64_t size = 0;
    bool has_pages;
    int status = cli_number(cli, OPT_pages, 1, PAGE_MOST, &size, &has_pages);
    if (format && strcmp(format, "jsonld") != 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "`--format %s` is not known; there is: jsonld", format);
    }
    if (has_pages && cli_flag(cli, OPT_lines)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "--lines and --pages are two forms; give one of them");
    }
    export->out.form = has_pages ? JSONLD_PAGES : cli_flag(cli, OPT_lines) ? JSONLD_LINES : JSONLD_DOCUMENT;
    export->out.page_size = (size_t)size;
    return status;
}

int cmd_export(struct cli *cli)
{
    const char *word = cli_word(cli, 0);
    struct export export = {
        .cli = cli,
        .follow = {.cli = cli, .to_head = true, .patience_ms = LINK_PATIENCE_MS, .on_op = on_op, .on_end = on_end},
        .out = {.cli = cli}};
    export.follow.arg = &export;
    progress_begin(&export.progress, &cli->err, "exporting");
    int status = read_options(&export);
    status = status ? status : follow_open(&export.follow);
    status = status ? status : word ? export_word(&export, word) : export_project(&export);
    progress_end(&export.progress);
    json_decref(export.out.items);
    json_decref(export.jsonld.terms);
    json_decref(export.jsonld.attributes);
    free(export.jsonld.times);
    return status;
}
