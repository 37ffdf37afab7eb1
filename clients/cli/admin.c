#include "clients/cli/admin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/link.h"
#include "clients/cli/say.h"

const char *admin_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Of a change that has no answer nobody knows whether it was made; what only looks can be asked again. */
static const char *what_became_of(const char *doing, const char *method, int code)
{
    const char *last = strrchr(method, '.');
    const bool only_looks = strcmp(last, ".list") == 0 || strcmp(last, ".show") == 0 || strcmp(last, ".stats") == 0;
    return only_looks || !error_is_unknown(code) ? doing : "it is not known whether this was done (`gloss admin audit` tells)";
}

int admin_call(struct cli *cli, const char *doing, const char *method, json_t *params, json_t **result)
{
    struct gloss_error error = {0};
    int status = cli->gloss ? 0 : link_open(cli, NULL, NULL);
    *result = NULL;
    if (status != 0) {
        json_decref(params);
        return status;
    }
    int code = link_try(cli, method, params, result, &error);
    if (code == GLOSS_E_FORBIDDEN && !error.path[0]) {
        status =
            fail_more(cli, EXIT_REFUSED, error.name, error_json(&error), "%s: that is for administrators of the server", doing);
    } else if (code == GLOSS_E_UNKNOWN_METHOD) {
        status = fail(cli, EXIT_REFUSED, error.name, "%s: this server is too old for that", doing);
    } else if (code) {
        status = fail_error(cli, what_became_of(doing, method, code), &error);
    }
    gloss_error_clear(&error);
    return status;
}

int admin_list(struct cli *cli, const char *doing, const char *method, json_t *params, const char *member, size_t most,
               json_t **items)
{
    int status = 0;
    *items = json_array();
    for (bool goes_on = true; goes_on;) {
        json_t *page = NULL;
        status = admin_call(cli, doing, method, json_incref(params), &page);
        json_array_extend(*items, json_object_get(page, member));
        json_t *next = json_object_get(page, "next");
        goes_on = status == 0 && next && (most == 0 || json_array_size(*items) < most);
        if (goes_on) {
            json_object_set(params, "cursor", next);
        }
        json_decref(page);
    }
    json_decref(params);
    while (most > 0 && json_array_size(*items) > most) {
        json_array_remove(*items, json_array_size(*items) - 1);
    }
    return status;
}

int admin_find_project(struct cli *cli, const char *name, char **id)
{
    json_t *projects, *project;
    size_t i, count = 0;
    const char *found = NULL;
    int status = cli_check_text(cli, "the project's name", name);
    *id = NULL;
    if (status != 0) {
        return status;
    }
    status = admin_list(cli, "the projects cannot be listed", "admin.project.list", json_pack("{s:i}", "limit", 500), "projects",
                        0, &projects);
    json_array_foreach(projects, i, project)
    {
        if (strcmp(admin_text(project, "name"), name) == 0 || strcmp(admin_text(project, "project"), name) == 0) {
            found = admin_text(project, "project");
            count++;
        }
    }
    if (status == 0 && count == 1) {
        *id = heap_copy(gl_slice_str(found));
    } else if (status == 0) {
        status = fail(cli, EXIT_COULD_NOT, count ? "project_needed" : "project_not_found",
                      count ? "several projects are called `%s`; name one by its id (`gloss admin projects --json`)"
                            : "there is no project `%s` (`gloss admin projects` lists them)",
                      name);
    }
    json_decref(projects);
    return status;
}

int admin_check_id(struct cli *cli, const char *what, const char *where)
{
    gl_uuid id;
    return gl_uuid_parse(gl_slice_str(cli_word(cli, 0)), &id)
               ? 0
               : fail(cli, EXIT_COULD_NOT, "usage", "`%s` is no id of a %s (`gloss admin %s` tells them)", cli_word(cli, 0), what,
                      where);
}

int admin_confirm(struct cli *cli, const char *what)
{
    char answer[16] = "";
    if (cli_flag(cli, OPT_yes)) {
        return 0;
    }
    if (!isatty(STDIN_FILENO)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "%s, and nobody can be asked here whether that is meant; say --yes", what);
    }
    say(cli, "%s", what);
    say_more(cli, "type yes to go on:");
    bool is_yes = fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
    return is_yes ? 0 : fail(cli, EXIT_COULD_NOT, "not_confirmed", "nothing was changed");
}
