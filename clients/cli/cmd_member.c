/*
 * cmd_member.c - gloss member ...: who belongs to a project, and as what.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

static const char *const roles[] = {"viewer", "annotator", "curator", "owner", NULL};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* The project, and an array of its members; both are the caller's. */
static int read_members(struct cli *cli, json_t **info, json_t **members)
{
    *info = *members = NULL;
    int status = link_open(cli, NULL, NULL);
    status = status ? status : project_take(cli, cli_option(cli, OPT_of_project), info);
    return status ? status : project_members(cli, string_of(*info, "project"), members);
}

int cmd_member_list(struct cli *cli)
{
    json_t *info, *members, *member;
    size_t i;
    struct grid grid;
    int status = read_members(cli, &info, &members);
    grid_init(&grid);
    grid_column(&grid, "account", GRID_LEFT);
    grid_column(&grid, "role", GRID_LEFT);
    json_array_foreach(members, i, member)
    {
        const char *role = json_string_value(json_object_get(member, "role"));
        if (cli->is_json) {
            out_json(cli, json_incref(member));
            continue;
        }
        grid_add(&grid, string_of(member, "name"), role ? PAINT_TITLE : PAINT_FAINT);
        grid_add(&grid, role ? role : "(was a member)", role ? PAINT_NORMAL : PAINT_FAINT);
    }
    grid_put(&grid, &cli->out);
    grid_fini(&grid);
    json_decref(members);
    json_decref(info);
    return status;
}

static int check_role(struct cli *cli, const char *role)
{
    for (size_t i = 0; roles[i]; i++) {
        if (strcmp(roles[i], role) == 0) {
            return 0;
        }
    }
    const char *nearest = args_nearest(role, roles);
    return fail(cli, EXIT_COULD_NOT, "usage", "there is no role `%s`%s%s%s; it must be viewer, annotator, curator or owner", role,
                nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
}

/* The role that the account has now; NULL: it is no member. */
static const char *role_now(const json_t *members, const char *account)
{
    json_t *member;
    size_t i;
    json_array_foreach(members, i, member)
    {
        if (strcmp(string_of(member, "name"), account) == 0) {
            return json_string_value(json_object_get(member, "role"));
        }
    }
    return NULL;
}

/* role NULL: no longer a member. */
static int set_role(struct cli *cli, const json_t *info, const char *account, const char *role)
{
    struct gloss_error error = {0};
    json_t *params = json_pack("{s:s, s:s, s:s*}", "project", string_of(info, "project"), "account", account, "role", role);
    json_t *result = NULL;
    int code = link_try(cli, "member.set", params, &result, &error), status = 0;
    if (code == GLOSS_E_NOT_FOUND) {
        status = fail(cli, EXIT_REFUSED, error.name,
                      "there is no account `%s` on this server; the operator makes one: glossd user add", account);
    } else if (code) {
        status = fail_error(cli,
                            error_is_unknown(code) ? "it is not known whether this was changed (`gloss member list` tells)"
                                                   : "nothing was changed",
                            &error);
    } else if (cli->is_json) {
        out_json(cli, json_pack("{s:s, s:s, s:s, s:s*}", "project", string_of(info, "project"), "project_name",
                                string_of(info, "name"), "name", account, "role", role));
    } else {
        out_line(cli, role ? "%s is now %s of %s" : "%s%s no longer belongs to %s", account, role ? role : "",
                 string_of(info, "name"));
    }
    gloss_error_clear(&error);
    json_decref(result);
    return status;
}

/* "; did you mean `ana`?", or nothing */
static char *say_nearest(const json_t *members, const char *account)
{
    json_t *member;
    size_t i;
    const char **names = heap_alloc(json_array_size(members) + 1, sizeof *names);
    json_array_foreach(members, i, member)
    {
        names[i] = string_of(member, "name");
    }
    const char *nearest = args_nearest(account, names);
    char *words = nearest ? heap_printf("; did you mean `%s`?", nearest) : heap_copy(GL_SLICE(""));
    free(names);
    return words;
}

enum wanted { WANTS_STRANGER, WANTS_MEMBER };

static int change_member(struct cli *cli, enum wanted wanted, const char *role)
{
    json_t *info = NULL, *members = NULL;
    const char *account = cli_word(cli, 0);
    int status = cli_check_text(cli, "the account's name", account);
    status = status || !role ? status : check_role(cli, role);
    status = status ? status : read_members(cli, &info, &members);
    const char *now = role_now(members, account);
    if (status == 0 && wanted == WANTS_STRANGER && now) {
        status = fail(cli, EXIT_REFUSED, "exists", "%s is %s of %s already; `gloss member set` changes that", account, now,
                      string_of(info, "name"));
    } else if (status == 0 && wanted == WANTS_MEMBER && !now) {
        char *nearest = say_nearest(members, account);
        status = fail(cli, EXIT_REFUSED, "not_found", "%s does not belong to %s%s (`gloss member list` tells who does%s)",
                      account, string_of(info, "name"), nearest, role ? ", `gloss member add` adds" : "");
        free(nearest);
    }
    status = status ? status : set_role(cli, info, account, role);
    json_decref(members);
    json_decref(info);
    return status;
}

int cmd_member_add(struct cli *cli)
{
    return change_member(cli, WANTS_STRANGER, cli_word(cli, 1));
}

int cmd_member_set(struct cli *cli)
{
    return change_member(cli, WANTS_MEMBER, cli_word(cli, 1));
}

int cmd_member_remove(struct cli *cli)
{
    return change_member(cli, WANTS_MEMBER, NULL);
}
