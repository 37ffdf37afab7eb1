#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

static bool take_item(json_t *item, void *arg)
{
    json_array_append(arg, item);
    return true;
}

int project_list(struct cli *cli, json_t **projects)
{
    *projects = json_array();
    return link_list(cli, "your projects cannot be listed", "project.list", json_object(), "projects", take_item, *projects);
}

int project_members(struct cli *cli, const char *project, json_t **members)
{
    *members = json_array();
    return link_list(cli, "the members cannot be listed", "member.list", json_pack("{s:s}", "project", project), "members",
                     take_item, *members);
}

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void say_projects(struct cli *cli, const json_t *projects)
{
    json_t *project;
    size_t i;
    json_array_foreach(projects, i, project)
    {
        say_more(cli, "%s  %s (%s)", string_of(project, "project"), string_of(project, "name"), string_of(project, "role"));
    }
}

json_t *project_names(struct cli *cli, int *status)
{
    json_t *projects, *project, *names = json_object();
    size_t i;
    *status = project_list(cli, &projects);
    json_array_foreach(projects, i, project)
    {
        json_object_set(names, string_of(project, "project"), json_object_get(project, "name"));
    }
    json_decref(projects);
    if (*status) {
        json_decref(names);
        return NULL;
    }
    return names;
}

/* The one of projects that name (an id, a name, or its beginning) means; NULL: none, or several. called: gets those of just this name, for two may have it. */
static json_t *choose(const json_t *projects, const char *name, json_t *called)
{
    json_t *project, *by_id = NULL, *beginning = NULL;
    size_t i, begins = 0;
    json_array_foreach((json_t *)projects, i, project)
    {
        const char *its_name = string_of(project, "name");
        by_id = strcmp(string_of(project, "project"), name) == 0 ? project : by_id;
        if (strcmp(its_name, name) == 0) {
            json_array_append(called, project);
        }
        if (*name && strncasecmp(its_name, name, strlen(name)) == 0) {
            beginning = project;
            begins++;
        }
    }
    size_t count = json_array_size(called);
    return by_id ? by_id : count == 1 ? json_array_get(called, 0) : count == 0 && begins == 1 ? beginning : NULL;
}

/* "; did you mean `Xyz`? You belong to:" */
static char *say_nearest(const json_t *projects, const char *name)
{
    size_t i, count = json_array_size(projects);
    const char **names = heap_alloc(count + 1, sizeof *names);
    json_t *project;
    json_array_foreach((json_t *)projects, i, project)
    {
        names[i] = string_of(project, "name");
    }
    const char *nearest = name ? args_nearest(name, names) : NULL;
    char *words = nearest ? heap_printf("; did you mean `%s`? You belong to:", nearest) : heap_copy(GL_SLICE("; you belong to:"));
    free(names);
    return words;
}

int project_take(struct cli *cli, const char *name, json_t **info)
{
    json_t *projects, *called = json_array();
    int status = project_list(cli, &projects);
    size_t count = json_array_size(projects);
    *info = status ? NULL : json_incref(name ? choose(projects, name, called) : count == 1 ? json_array_get(projects, 0) : NULL);
    if (status == 0 && !*info && json_array_size(called) > 1) {
        status = fail_more(cli, EXIT_COULD_NOT, "project_needed", json_pack("{s:O}", "projects", called),
                           "several projects are called `%s`; name one by its id:", name);
        say_projects(cli, called);
    } else if (status == 0 && !*info && (name || count == 0)) {
        char *nearest = say_nearest(projects, name);
        status = fail_more(cli, EXIT_COULD_NOT, "project_not_found", json_pack("{s:O}", "projects", projects),
                           "you belong to no project%s%s%s%s", name ? " `" : "", name ? name : "", name ? "`" : "",
                           count  ? nearest
                           : name ? ", nor to any other: ask an owner to make you a member"
                                  : "; `gloss project new NAME` makes one, or ask an owner to make you a member");
        say_projects(cli, projects);
        free(nearest);
    } else if (status == 0 && !*info) {
        status = fail_more(cli, EXIT_COULD_NOT, "project_needed", json_pack("{s:O}", "projects", projects),
                           "you belong to several projects; say which with --project NAME:");
        say_projects(cli, projects);
    }
    json_decref(called);
    json_decref(projects);
    return status;
}

int project_find(struct cli *cli, const char *name, char **id)
{
    json_t *info;
    int status = project_take(cli, name, &info);
    *id = info ? heap_copy(gl_slice_str(string_of(info, "project"))) : NULL;
    json_decref(info);
    return status;
}

int project_for_writing(struct cli *cli, char **id)
{
    json_t *projects, *project, *writable = json_array();
    size_t i;
    *id = NULL;
    int status = project_list(cli, &projects);
    json_array_foreach(projects, i, project)
    {
        if (strcmp(string_of(project, "role"), "viewer") != 0) {
            json_array_append(writable, project);
        }
    }
    size_t count = json_array_size(writable);
    if (status == 0 && count == 1) {
        *id = heap_copy(gl_slice_str(string_of(json_array_get(writable, 0), "project")));
    } else if (status == 0 && count == 0) {
        status = fail(
            cli, EXIT_COULD_NOT, "no_project",
            "there is no project that you may import into; ask an owner to make you an annotator, or the operator for `glossd project add`");
    } else if (status == 0) {
        status = fail_more(cli, EXIT_COULD_NOT, "project_needed", json_pack("{s:O}", "projects", writable),
                           "you may import into several projects; say which with --project NAME:");
        say_projects(cli, writable);
    }
    json_decref(writable);
    json_decref(projects);
    return status;
}
