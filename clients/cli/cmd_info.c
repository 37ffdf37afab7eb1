/*
 * cmd_info.c - gloss info: what is known of one brief.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/meta.h"
#include "clients/cli/say.h"
#include "proto/model/annotation.h"

/* {"claim":12, ...} of the annotations that are not deleted: labels of what lies in the text and of replies, or types of relations */
static json_t *count_terms(const struct gloss_session *session, bool of_relations)
{
    json_t *counts = json_object();
    for (size_t i = 0; i < gloss_annotation_count(session); i++) {
        const struct gl_annotation *annotation = gloss_annotation_at(session, i);
        char label[GLOSS_ID];
        bool is_relation = annotation->target_kind == GL_TARGET_RELATION;
        if (is_relation == of_relations && !gloss_annotation_is_deleted(annotation) &&
            gloss_annotation_label(annotation, label)) {
            const char *name = gloss_label_name(session, label);
            json_int_t count = json_integer_value(json_object_get(counts, name ? name : label));
            json_object_set_new(counts, name ? name : label, json_integer(count + 1));
        }
    }
    return counts;
}

static json_t *describe(const struct brief *brief, const struct gloss_session *session, const json_t *project_name)
{
    json_t *info = json_deep_copy(brief->info);
    char chain[GLOSS_HASH] = "", state[GLOSS_HASH] = "";
    gloss_session_chain(session, chain);
    gloss_session_state_sum(session, state);
    json_object_set(info, "project_name", (json_t *)project_name);
    json_object_set_new(info, "role", json_string(gloss_session_role(session)));
    json_object_set_new(info, "mode", json_string(gloss_session_mode(session)));
    json_object_set_new(info, "seq", json_integer((json_int_t)gloss_session_seq(session)));
    json_object_set_new(info, "chain", json_string(chain));
    json_object_set_new(info, "state", json_string(state));
    json_object_set_new(info, "annotations", json_integer((json_int_t)gloss_annotation_live(session)));
    json_object_set_new(info, "labels", count_terms(session, false));
    json_object_set_new(info, "relations", count_terms(session, true));
    json_object_set_new(info, "codebook_open", json_boolean(gloss_codebook_is_open(session)));
    return info;
}

static void print_counts(struct cli *cli, const char *what, json_t *counts)
{
    const char *name;
    json_t *count;
    json_object_foreach(counts, name, count)
    {
        out_line(cli, "%-12s %5lld  %s", what, (long long)json_integer_value(count), name);
    }
}

static void print_info(struct cli *cli, const json_t *info)
{
    const char *names[] = {"publisher", "date",     "source", "language", "folder", "filename", "project_name", "document",
                           "session",   "revision", "sha256", "created",  "role",   "mode",     "chain",        "state"};
    const char *lists[] = {"authors", "tags"};
    out_line(cli, "%-12s %s", "title", json_string_value(json_object_get(info, "title")));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char *words = meta_join(json_object_get(info, lists[i]));
        if (*words) {
            out_line(cli, "%-12s %s", lists[i], words);
        }
        free(words);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = json_string_value(json_object_get(info, names[i]));
        if (text) {
            out_line(cli, "%-12s %s", strcmp(names[i], "project_name") == 0 ? "project" : names[i], text);
        }
    }
    const char *numbers[] = {"bytes", "codepoints", "seq", "annotations"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        out_line(cli, "%-12s %lld", numbers[i], (long long)json_integer_value(json_object_get(info, numbers[i])));
    }
    print_counts(cli, "label", json_object_get(info, "labels"));
    print_counts(cli, "relation", json_object_get(info, "relations"));
}

int cmd_info(struct cli *cli)
{
    struct brief brief = {0};
    struct gloss_session *session = NULL;
    struct gloss_join options;
    json_t *projects = NULL;
    gloss_join_init(&options);
    int status = link_open(cli, NULL, NULL);
    if (status == 0) {
        status = brief_find(cli, cli_word(cli, 0), &brief);
    }
    if (status == 0) {
        projects = project_names(cli, &status);
    }
    if (status == 0) {
        status = link_join(cli, brief.session, &options, &session);
    }
    if (status == 0) {
        json_t *info = describe(&brief, session, json_object_get(projects, brief.project));
        if (cli->is_json) {
            out_json(cli, info);
        } else {
            print_info(cli, info);
            json_decref(info);
        }
    }
    json_decref(projects);
    brief_fini(&brief);
    return status;
}
