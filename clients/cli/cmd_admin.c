/*
 * cmd_admin.c - gloss admin ...: what administrators change: accounts, tokens, who belongs to projects, sessions, connections.
 */
#include <stdlib.h>

#include "clients/cli/admin.h"
#include "clients/cli/cmds.h"
#include "clients/cli/say.h"
#include "proto/gl_size.h"

/* ---- accounts */

static int check_account(struct cli *cli)
{
    return cli_check_text(cli, "the account's name", cli_word(cli, 0));
}

/* yes or no into the params, when the option was given. */
static int take_answer(struct cli *cli, enum option_id id, const char *name, json_t *params)
{
    const char *given = cli_option(cli, id);
    if (given && strcmp(given, "yes") != 0 && strcmp(given, "no") != 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "`--%s %s`: it must be yes or no", name, given);
    }
    if (given) {
        json_object_set_new(params, name, json_boolean(strcmp(given, "yes") == 0));
    }
    return 0;
}

static int take_password(struct cli *cli, json_t *params)
{
    struct gl_buf problem;
    const char *file = cli_option(cli, OPT_new_password);
    int status = 0;
    if (!file) {
        return 0;
    }
    gl_buf_init(&problem, SIZE_MAX);
    char *password = settings_read_secret(file, "password", &problem);
    if (!password) {
        status = fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
    } else {
        json_object_set_new(params, "password", json_string(password));
        explicit_bzero(password, strlen(password));
        free(password);
    }
    gl_buf_fini(&problem);
    return status;
}

int cmd_admin_add(struct cli *cli)
{
    json_t *params = json_pack("{s:s*}", "name", cli_word(cli, 0)), *result = NULL;
    int status = check_account(cli);
    status = status ? status : take_answer(cli, OPT_is_admin, "admin", params);
    status = status ? status : take_password(cli, params);
    status = status ? status : admin_call(cli, "no account was made", "admin.account.create", json_incref(params), &result);
    const json_t *account = json_object_get(result, "account");
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref((json_t *)account));
    } else if (status == 0) {
        out_line(cli, "%s was added%s", admin_text(account, "name"),
                 json_is_true(json_object_get(account, "password")) ? "" : "; `gloss admin token` makes a token to sign in with");
    }
    json_decref(params);
    json_decref(result);
    return status;
}

/* What is worth a question; NULL: nothing. The caller's. */
static char *what_is_lost(struct cli *cli, const json_t *params)
{
    const char *name = cli_word(cli, 0);
    if (json_is_true(json_object_get(params, "disabled"))) {
        return heap_printf("%s is kept out, and every connection of %s ends", name, name);
    }
    if (json_is_false(json_object_get(params, "admin"))) {
        return heap_printf("%s administers the server no longer", name);
    }
    return cli_flag(cli, OPT_no_password) ? heap_printf("%s cannot sign in with a password any more", name) : NULL;
}

static int check_set(struct cli *cli, json_t *params)
{
    int status = check_account(cli);
    status = status ? status : take_answer(cli, OPT_is_admin, "admin", params);
    status = status ? status : take_answer(cli, OPT_is_disabled, "disabled", params);
    if (status == 0 && cli_flag(cli, OPT_no_password) && cli_option(cli, OPT_new_password)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "either --password-file or --no-password");
    }
    status = status ? status : take_password(cli, params);
    if (cli_flag(cli, OPT_no_password)) {
        json_object_set_new(params, "password", json_string(""));
    }
    if (status == 0 && json_object_size(params) == 1) {
        return fail(cli, EXIT_COULD_NOT, "usage",
                    "nothing is to be changed; say --admin, --disabled, --password-file or --no-password");
    }
    char *lost = status ? NULL : what_is_lost(cli, params);
    status = lost ? admin_confirm(cli, lost) : status;
    free(lost);
    return status;
}

int cmd_admin_set(struct cli *cli)
{
    json_t *params = json_pack("{s:s*}", "account", cli_word(cli, 0)), *result = NULL;
    int status = check_set(cli, params);
    status = status ? status : admin_call(cli, "nothing was changed", "admin.account.update", json_incref(params), &result);
    const json_t *account = json_object_get(result, "account");
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref((json_t *)account));
    } else if (status == 0) {
        out_line(cli, "%s: %s%s%s", admin_text(account, "name"),
                 json_is_true(json_object_get(account, "admin")) ? "administers, " : "",
                 json_is_true(json_object_get(account, "disabled")) ? "is disabled, " : "may sign in, ",
                 json_is_true(json_object_get(account, "password")) ? "has a password" : "has no password");
    }
    json_decref(params);
    json_decref(result);
    return status;
}

/* ---- tokens */

int cmd_admin_token(struct cli *cli)
{
    uint64_t days = 0;
    bool has_days = false;
    json_t *result = NULL;
    int status = check_account(cli);
    status = status ? status : cli_number(cli, OPT_days, 1, 3650, &days, &has_days);
    if (status == 0) {
        json_t *params = json_pack("{s:s, s:s*}", "account", cli_word(cli, 0), "label", cli_option(cli, OPT_token_label));
        if (params && has_days) {
            json_object_set_new(params, "days", json_integer((json_int_t)days));
        }
        status = params ? admin_call(cli, "no token was made", "admin.token.create", params, &result)
                        : fail(cli, EXIT_COULD_NOT, "usage", "the label is not valid UTF-8");
    }
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref(result));
    } else if (status == 0) {
        out_line(cli, "%s", admin_text(result, "secret"));
    }
    json_decref(result);
    return status;
}

int cmd_admin_revoke(struct cli *cli)
{
    json_t *result = NULL;
    int status = admin_check_id(cli, "token", "tokens");
    status = status ? status : admin_confirm(cli, "the token is worth nothing any more, and connections that use it end");
    status = status ? status
                    : admin_call(cli, "no token was revoked", "admin.token.revoke", json_pack("{s:s}", "token", cli_word(cli, 0)),
                                 &result);
    if (status == 0 && cli->is_json) {
        out_json(cli, json_pack("{s:s, s:b}", "token", cli_word(cli, 0), "revoked", 1));
    } else if (status == 0) {
        out_line(cli, "revoked");
    }
    json_decref(result);
    return status;
}

/* ---- projects and sessions */

int cmd_admin_project(struct cli *cli)
{
    json_t *result = NULL;
    const char *name = cli_word(cli, 0), *owner = cli_word(cli, 1);
    int status = cli_check_text(cli, "the name", name);
    status = status ? status : cli_check_text(cli, "the account's name", owner);
    status = status ? status
                    : admin_call(cli, "no project was made", "admin.project.create",
                                 json_pack("{s:s, s:s}", "name", name, "owner", owner), &result);
    if (status == 0 && cli->is_json) {
        out_json(cli, json_pack("{s:s, s:s, s:s}", "project", admin_text(result, "project"), "name", name, "owner", owner));
    } else if (status == 0) {
        out_line(cli, "%s was made; its owner is %s", name, owner);
    }
    json_decref(result);
    return status;
}

int cmd_admin_member(struct cli *cli)
{
    const char *account = cli_word(cli, 1), *role = cli_word(cli, 2);
    const bool is_none = strcmp(role, "none") == 0;
    char *project = NULL;
    json_t *result = NULL;
    int status = cli_check_text(cli, "the account's name", account);
    status = status ? status : cli_check_text(cli, "the role", role);
    status = status || !is_none ? status : admin_confirm(cli, "whoever it is belongs to the project no longer");
    status = status ? status : admin_find_project(cli, cli_word(cli, 0), &project);
    if (status == 0) {
        json_t *params = json_pack("{s:s, s:s, s:s*}", "project", project, "account", account, "role", is_none ? NULL : role);
        status = admin_call(cli, "nothing was changed", "admin.member.set", params, &result);
    }
    if (status == 0 && cli->is_json) {
        out_json(cli, json_pack("{s:s, s:s, s:s*}", "project", project, "name", account, "role", is_none ? NULL : role));
    } else if (status == 0) {
        out_line(cli, is_none ? "%s no longer belongs to %s%s" : "%s is now, in %s, %s", account, cli_word(cli, 0),
                 is_none ? "" : role);
    }
    free(project);
    json_decref(result);
    return status;
}

static int set_mode(struct cli *cli, const char *mode)
{
    json_t *result = NULL;
    int status = admin_check_id(cli, "session", "sessions");
    status = status ? status
                    : admin_call(cli, "nothing was changed", "admin.session.mode",
                                 json_pack("{s:s, s:s}", "session", cli_word(cli, 0), "mode", mode), &result);
    const json_t *seq = json_object_get(result, "seq");
    if (status == 0 && cli->is_json) {
        out_json(cli, json_pack("{s:s, s:s, s:O*}", "session", cli_word(cli, 0), "mode", mode, "seq", seq));
    } else if (status == 0) {
        out_line(cli, "%s %s", seq ? "now" : "already", mode);
    }
    json_decref(result);
    return status;
}

int cmd_admin_close(struct cli *cli)
{
    return set_mode(cli, "closed");
}

int cmd_admin_open(struct cli *cli)
{
    return set_mode(cli, "shared");
}

/* ---- quotas */

/* Whose they are, as params. */
static int quotas_of(struct cli *cli, json_t **of)
{
    const char *account = cli_option(cli, OPT_quota_account), *project = cli_option(cli, OPT_quota_project);
    char *id = NULL;
    if ((account != NULL) == (project != NULL)) {
        return fail(cli, EXIT_COULD_NOT, "usage",
                    "whose? Name an account with --account or a project with --project, one of both");
    }
    int status = account ? cli_check_text(cli, "the account's name", account) : admin_find_project(cli, project, &id);
    if (status == 0) {
        *of = json_pack("{s:s*, s:s*}", "account", account, "project", id);
    }
    free(id);
    return status;
}

/* WHAT=NUMBER, or WHAT= for what holds for all. */
static int take_quota(struct cli *cli, const char *word, json_t *of, json_t *all)
{
    const char *sign = strchr(word, '=');
    uint64_t number = 0;
    int status = cli_check_text(cli, "the quota", word);
    if (status != 0) {
        return status;
    }
    const bool is_bytes = strncmp(word, "bytes=", 6) == 0;
    if (!sign || sign == word || (sign[1] && !gl_size_read(sign + 1, is_bytes, &number))) {
        return fail(cli, EXIT_COULD_NOT, "usage", "`%s`: write WHAT=NUMBER%s, or `WHAT=` for what holds for all", word,
                    is_bytes ? " (KiB, MiB, GiB or TiB behind it)" : "");
    }
    json_t *params = json_copy(of);
    json_object_set_new(params, "what", json_stringn(word, (size_t)(sign - word)));
    if (sign[1]) {
        json_object_set_new(params, "limit", json_integer((json_int_t)number));
    }
    json_array_append_new(all, params);
    return 0;
}

/* Of one that was set: every server knows it within a second, so it is not asked for here. */
static void tell_quota(struct cli *cli, const json_t *params)
{
    const json_t *limit = json_object_get(params, "limit");
    if (cli->is_json) {
        out_json(cli, json_pack("{s:s, s:O*}", "what", admin_text(params, "what"), "limit", limit));
    } else if (!limit) {
        out_line(cli, "%s: what holds for all", admin_text(params, "what"));
    } else if (json_integer_value(limit) == 0) {
        out_line(cli, "%s: as much as there is", admin_text(params, "what"));
    } else {
        out_line(cli, "%s: %lld", admin_text(params, "what"), (long long)json_integer_value(limit));
    }
}

int cmd_admin_quota(struct cli *cli)
{
    json_t *of = NULL, *all = json_array(), *params;
    int status = quotas_of(cli, &of);
    size_t i;
    for (i = 0; status == 0 && i < cli->args.word_count; i++) {
        status = take_quota(cli, cli_word(cli, i), of, all);
    }
    for (i = 0; status == 0 && (params = json_array_get(all, i)); i++) {
        json_t *result = NULL;
        char *doing = heap_printf("%s was not set", admin_text(params, "what"));
        status = admin_call(cli, doing, "admin.quota.set", json_incref(params), &result);
        free(doing);
        json_decref(result);
        if (status == 0) {
            tell_quota(cli, params);
        }
    }
    if (status == 0 && cli->args.word_count == 0) {
        status = admin_show_quotas(cli, json_incref(of));
    }
    json_decref(all);
    json_decref(of);
    return status;
}

/* ---- connections */

static int check_kick(struct cli *cli)
{
    const char *account = cli_option(cli, OPT_kick_account);
    if ((account != NULL) == (cli->args.word_count > 0)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "name either a connection by its id (`gloss admin connections`), or --account");
    }
    if (!account) {
        return admin_check_id(cli, "connection", "connections");
    }
    int status = cli_check_text(cli, "the account's name", account);
    char *what = heap_printf("every connection of %s ends", account);
    status = status ? status : admin_confirm(cli, what);
    free(what);
    return status;
}

int cmd_admin_kick(struct cli *cli)
{
    json_t *result = NULL;
    const char *account = cli_option(cli, OPT_kick_account), *reason = cli_option(cli, OPT_kick_reason);
    int status = reason ? cli_check_text(cli, "the reason", reason) : 0;
    status = status ? status : check_kick(cli);
    if (status == 0) {
        json_t *params = json_pack("{s:s*, s:s*, s:s*}", "account", account, "connection", account ? NULL : cli_word(cli, 0),
                                   "reason", reason);
        status = admin_call(cli, "nothing was ended", "admin.connection.end", params, &result);
    }
    const json_int_t ended = json_integer_value(json_object_get(result, "ended"));
    const json_int_t silent = json_integer_value(json_object_get(result, "silent"));
    if (status == 0 && silent > 0) {
        say(cli, "%lld processes did not answer: what is connected to them may have ended or not", (long long)silent);
    }
    if (status == 0 && ended == 0) {
        status = fail(cli, EXIT_REFUSED, "not_found", "there is no such connection (`gloss admin connections` lists them)");
    } else if (status == 0 && cli->is_json) {
        out_json(cli, json_incref(result));
    } else if (status == 0) {
        out_line(cli, "%lld connection%s ended", (long long)ended, ended == 1 ? "" : "s");
    }
    json_decref(result);
    return status;
}
