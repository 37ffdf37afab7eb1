/*
 * cmd_project.c - gloss project ...: what projects there are, and what holds in one.
 */
#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"
#include "clients/cli/stream.h"
#include "clients/cli/terms.h"

#define ID_FROM_COLUMNS 100 /* narrower, the id is left out */

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static const char *codebook_word(const json_t *info)
{
    return json_is_true(json_object_get(info, "open")) ? "open" : "closed";
}

int cmd_project_list(struct cli *cli)
{
    json_t *projects = NULL, *info;
    size_t i;
    struct grid grid;
    grid_init(&grid);
    grid_column(&grid, "project", GRID_LEFT);
    grid_column(&grid, "you are", GRID_LEFT);
    grid_column(&grid, "codebook", GRID_LEFT);
    grid_column(&grid, "id", GRID_WHOLE);
    int status = link_open(cli, NULL, NULL);
    status = status ? status : project_list(cli, &projects);
    json_array_foreach(projects, i, info)
    {
        if (cli->is_json) {
            out_json(cli, json_incref(info));
            continue;
        }
        grid_add(&grid, string_of(info, "name"), PAINT_TITLE);
        grid_add(&grid, string_of(info, "role"), PAINT_NORMAL);
        grid_add(&grid, codebook_word(info), PAINT_NORMAL);
        grid_add(&grid, cli->out.columns >= ID_FROM_COLUMNS ? string_of(info, "project") : "", PAINT_FAINT);
    }
    if (status == 0 && json_array_size(projects) == 0 && !cli->is_json) {
        say(cli, "you belong to no project yet; `gloss project new NAME` makes one, or ask an owner to make you a member");
    }
    grid_put(&grid, &cli->out);
    grid_fini(&grid);
    json_decref(projects);
    return status;
}

int cmd_project_new(struct cli *cli)
{
    struct gloss_error error = {0};
    json_t *result = NULL;
    int status = cli_check_text(cli, "the name", cli_word(cli, 0));
    status = status ? status : link_open(cli, NULL, NULL);
    int code = status ? 0 : link_try(cli, "project.create", json_pack("{s:s}", "name", cli_word(cli, 0)), &result, &error);
    if (code) {
        status = fail_error(cli,
                            error_is_unknown(code) ? "it is not known whether the project was made (`gloss project list` tells)"
                                                   : "the project was not made",
                            &error);
    }
    gloss_error_clear(&error);
    const json_t *info = json_object_get(result, "project");
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref((json_t *)info));
    } else if (status == 0) {
        out_line(cli, "made the project %s  %s", string_of(info, "name"), string_of(info, "project"));
    }
    json_decref(result);
    return status;
}

/* ---- one project ------------------------------------------------------------------------------------------------------ */

struct counts {
    size_t members[4]; /* by role, as in roles */
    size_t briefs;
};
static const char *const roles[] = {"owner", "curator", "annotator", "viewer"};

static bool count_brief(json_t *item, void *arg)
{
    struct counts *counts = arg;
    (void)item;
    counts->briefs++;
    return true;
}

static int count_all(struct cli *cli, const char *project, struct counts *counts)
{
    json_t *members, *member;
    size_t i;
    int status = project_members(cli, project, &members);
    json_array_foreach(members, i, member)
    {
        for (size_t r = 0; r < 4; r++) {
            counts->members[r] += strcmp(string_of(member, "role"), roles[r]) == 0;
        }
    }
    json_decref(members);
    return status ? status
                  : link_list(cli, "the briefs cannot be listed", "document.list", json_pack("{s:s}", "project", project),
                              "documents", count_brief, counts);
}

static void print_edits(struct cli *cli, const json_t *info)
{
    const json_t *may = json_object_get(info, "others_may_edit");
    if (may) {
        out_line(cli, "edits     %s",
                 json_is_true(may) ? "everybody may change what others wrote" : "only curators may change what others wrote");
    }
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_project(struct cli *cli, const struct terms *terms, const struct counts *counts)
{
    struct gl_buf members;
    const char *between = "";
    gl_buf_init(&members, SIZE_MAX);
    for (size_t r = 0; r < 4; r++) {
        if (counts->members[r]) {
            gl_buf_printf(&members, "%s%zu %s%s", between, counts->members[r], roles[r], plural(counts->members[r]));
            between = ", ";
        }
    }
    size_t labels = terms_count(terms, "label"), attributes = terms_count(terms, "attribute"),
           relations = terms_count(terms, "relation");
    out_line(cli, "project   %s", string_of(terms->info, "name"));
    out_line(cli, "you are   %s", string_of(terms->info, "role"));
    out_line(cli, "members   %s", gl_buf_cstr(&members));
    out_line(cli, "briefs    %zu", counts->briefs);
    out_line(cli, "codebook  %s: %zu label%s, %zu attribute%s, %zu type%s of relations", codebook_word(terms->info), labels,
             plural(labels), attributes, plural(attributes), relations, plural(relations));
    print_edits(cli, terms->info);
    out_line(cli, "id        %s", string_of(terms->info, "project"));
    gl_buf_fini(&members);
}

int cmd_project_show(struct cli *cli)
{
    struct terms terms = {0};
    struct counts counts = {0};
    int status = link_open(cli, NULL, NULL);
    status = status ? status : project_take(cli, cli_word(cli, 0), &terms.info);
    status = status ? status : terms_read(cli, string_of(terms.info, "project"), &terms);
    status = status ? status : count_all(cli, string_of(terms.info, "project"), &counts);
    if (status == 0 && cli->is_json) {
        json_t *object = json_copy(terms.info), *members = json_object();
        for (size_t r = 0; r < 4; r++) {
            json_object_set_new(members, roles[r], json_integer((json_int_t)counts.members[r]));
        }
        json_object_set_new(object, "members", members);
        json_object_set_new(object, "briefs", json_integer((json_int_t)counts.briefs));
        json_object_set_new(object, "labels", json_integer((json_int_t)terms_count(&terms, "label")));
        json_object_set_new(object, "attributes", json_integer((json_int_t)terms_count(&terms, "attribute")));
        json_object_set_new(object, "relations", json_integer((json_int_t)terms_count(&terms, "relation")));
        out_json(cli, object);
    } else if (status == 0) {
        print_project(cli, &terms, &counts);
    }
    terms_fini(&terms);
    return status;
}

int cmd_project_rename(struct cli *cli)
{
    struct stream_result result;
    json_t *info = NULL;
    const char *name = cli_word(cli, 1);
    int status = cli_check_text(cli, "the new name", name);
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status : project_take(cli, cli_word(cli, 0), &info);
    if (status == 0) {
        json_t *change = json_pack("{s:s, s:s}", "kind", "project.update", "name", name);
        status = stream_submit(cli, string_of(info, "project"), change, &result);
    }
    if (status == 0 && cli->is_json) {
        out_json(cli, json_pack("{s:s, s:I, s:s, s:s}", "op", result.op, "seq", (json_int_t)result.seq, "project",
                                string_of(info, "project"), "name", name));
    } else if (status == 0) {
        out_line(cli, "%s is now called %s  op %llu", string_of(info, "name"), name, (unsigned long long)result.seq);
    }
    json_decref(info);
    return status;
}

/* One of two words; *has says whether the option was given at all. */
static int take_choice(struct cli *cli, enum option_id id, const char *yes, const char *no, bool *value, bool *has)
{
    const char *given = cli_option(cli, id);
    *has = given != NULL;
    *value = given && strcmp(given, yes) == 0;
    if (given && !*value && strcmp(given, no) != 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "`--%s %s`: it must be %s or %s", option_rows[id].name, given, yes, no);
    }
    return 0;
}

int cmd_project_policy(struct cli *cli)
{
    struct stream_result result;
    json_t *info = NULL;
    bool is_open, has_open, may_edit, has_edit;
    int status = take_choice(cli, OPT_codebook, "open", "closed", &is_open, &has_open);
    status = status ? status : take_choice(cli, OPT_edits, "everybody", "curators", &may_edit, &has_edit);
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status : project_take(cli, cli_word(cli, 0), &info);
    if (status == 0 && has_open) {
        json_t *change = json_pack("{s:s, s:b}", "kind", "codebook.policy", "open", is_open);
        status = stream_submit(cli, string_of(info, "project"), change, &result);
    }
    if (status == 0 && has_edit) {
        json_t *change = json_pack("{s:s, s:b}", "kind", "project.update", "others_may_edit", may_edit);
        status = stream_submit(cli, string_of(info, "project"), change, &result);
    }
    if (status == 0 && has_open) {
        json_object_set_new(info, "open", json_boolean(is_open));
    }
    if (status == 0 && has_edit) {
        json_object_set_new(info, "others_may_edit", json_boolean(may_edit));
    }
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref(info));
    } else if (status == 0) {
        out_line(cli, "codebook  %s: %s", codebook_word(info),
                 json_is_true(json_object_get(info, "open")) ? "an unknown label makes a new one"
                                                             : "an unknown label is refused");
        print_edits(cli, info);
    }
    json_decref(info);
    return status;
}
