/*
 * cmd_login.c - gloss login: are these credentials good? Then keep them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"
#include "clients/cli/servers.h"

#define REVOKE_MS 10000

/* The password: from the file, from the terminal without echo, or the first line of standard input when that is no terminal. */
static char *ask_password(struct cli *cli, const char *account, int *status)
{
    const char *file = cli_option(cli, OPT_password_file);
    if (!file && !isatty(STDIN_FILENO)) {
        file = "-";
    }
    char *password = NULL;
    if (file) {
        struct gl_buf problem;
        gl_buf_init(&problem, SIZE_MAX);
        password = settings_read_secret(file, "password", &problem);
        if (!password) {
            *status = fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
        }
        gl_buf_fini(&problem);
        return password;
    }
    char *question = heap_printf("Password of %s: ", account);
    password = screen_ask(question, true);
    free(question);
    if (!password || !*password) {
        *status = fail(cli, EXIT_COULD_NOT, "setting", "no password was given; --password-file FILE reads it from a file");
    }
    return password;
}

static int make_token(struct cli *cli, const char *label, json_t **result)
{
    struct gloss_error error = {0};
    int code = link_try(cli, "token.create", json_pack("{s:s}", "label", label), result, &error), status = 0;
    if (code && error_is_unknown(code)) {
        status = fail_error(cli, "it is not known whether a token was made", &error);
        say_more(cli,
                 "one labelled `%s` may be there now that nobody has: an administrator finds it with `gloss admin tokens %s`",
                 label, gloss_account_name(cli->gloss) ? gloss_account_name(cli->gloss) : "ACCOUNT");
    } else if (code) {
        status = fail_error(cli, "no token was made", &error);
    }
    gloss_error_clear(&error);
    return status;
}

/* Signs in with the password and exchanges it for a token. */
static int exchange_password(struct cli *cli, const char *account)
{
    int status = 0;
    free(cli->settings.token_id);
    cli->settings.token_id = NULL;
    char host[128] = "", label[192];
    char *password = ask_password(cli, account, &status);
    if (status == 0) {
        status = link_sign_in(cli, account, password);
    }
    if (password) {
        explicit_bzero(password, strlen(password));
        free(password);
    }
    gethostname(host, sizeof host - 1);
    snprintf(label, sizeof label, "gloss login%s%s", *host ? " on " : "", host);
    json_t *result = NULL;
    if (status == 0) {
        status = make_token(cli, label, &result);
    }
    if (status == 0) {
        free(cli->settings.token);
        cli->settings.token = heap_copy(gl_slice_str(json_string_value(json_object_get(result, "secret"))));
        const char *id = json_string_value(json_object_get(result, "token"));
        cli->settings.token_id = id ? heap_copy(gl_slice_str(id)) : NULL;
    }
    json_decref(result);
    return status;
}

static int sign_in(struct cli *cli)
{
    const char *account = cli_option(cli, OPT_account);
    bool has_token_file = cli_flag(cli, OPT_token_file) || (getenv("GLOSS_TOKEN_FILE") && !account);
    if (account && cli_flag(cli, OPT_token_file)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "--token-file and --account are two ways to sign in; give one of them");
    }
    if (account) {
        return exchange_password(cli, account);
    }
    if (has_token_file && cli->settings.token) {
        return link_sign_in(cli, NULL, NULL);
    }
    char *asked = screen_ask("Account: ", false);
    int status = asked && *asked
                     ? exchange_password(cli, asked)
                     : fail(cli, EXIT_COULD_NOT, "usage", "say who you are: --account NAME, or --token-file FILE with a token");
    free(asked);
    return status;
}

/* What the entry had until now: a token that gloss made, and that nothing will know of any more. False: there is none. */
static bool take_previous(struct cli *cli, char **token, char **id)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    json_t *kept = servers_load(&problem);
    const json_t *entry = kept ? servers_by_name(kept, cli->settings.name) : NULL;
    const char *its_token = json_string_value(json_object_get(entry, "token")),
               *its_id = json_string_value(json_object_get(entry, "token_id"));
    bool is_there = its_token && its_id && strcmp(its_token, cli->settings.token) != 0;
    *token = is_there ? heap_copy(gl_slice_str(its_token)) : NULL;
    *id = is_there ? heap_copy(gl_slice_str(its_id)) : NULL;
    json_decref(kept);
    gl_buf_fini(&problem);
    return is_there;
}

/* It may be another account's: it signs in itself, for the last time. */
static void revoke_previous(struct cli *cli, const char *token, const char *id)
{
    struct gloss_error error = {0};
    struct gloss_config config;
    gloss_config_init(&config);
    config.url = cli->settings.url;
    config.token = token;
    config.ca_file = cli->settings.ca;
    config.once = true;
    struct gloss *g = gloss_new(&config, &error);
    json_t *params = json_pack("{s:s}", "token", id);
    int code = !g ? error.code : gloss_connect(g) ? gloss_last_error(g)->code : 0;
    code = code ? code : gloss_call_wait(g, "token.revoke", params, REVOKE_MS, NULL, &error);
    if (code && code != GLOSS_E_BAD_CREDENTIALS) { /* that one is worth nothing any more */
        say(cli, "the token that was kept here before could not be revoked, and is still good: %s",
            error.message[0] ? error.message : gloss_code_sentence(code));
    }
    json_decref(params);
    gloss_free(&g);
    gloss_error_clear(&error);
}

static int keep(struct cli *cli)
{
    struct gl_buf problem;
    char *token, *id;
    bool has_previous = take_previous(cli, &token, &id);
    gl_buf_init(&problem, SIZE_MAX);
    free(cli->settings.account);
    cli->settings.account = heap_copy(gl_slice_str(gloss_account_name(cli->gloss)));
    char *path = servers_path();
    int status = 0;
    if (!settings_store(&cli->settings, &problem)) {
        status =
            fail(cli, EXIT_COULD_NOT, "setting", "you are signed in, but it cannot be remembered: %s", gl_buf_cstr(&problem));
    } else if (cli->is_json) {
        out_json(cli, json_pack("{s:s, s:s, s:s, s:s, s:s}", "url", cli->settings.url, "account", gloss_account(cli->gloss),
                                "name", cli->settings.account, "server", cli->settings.name, "stored", path));
    } else {
        out_line(cli, "signed in to %s (%s) as %s; kept in %s", cli->settings.name, cli->settings.url, cli->settings.account,
                 path);
    }
    if (status == 0 && has_previous) {
        revoke_previous(cli, token, id);
    }
    free(token);
    free(id);
    free(path);
    gl_buf_fini(&problem);
    return status;
}

/* --name, or what it is called already, or its host; false: another server has that name. */
static bool name_server(struct cli *cli, int *status)
{
    const char *given = cli_option(cli, OPT_server_name);
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    json_t *kept = servers_load(&problem);
    char *key = servers_url_key(cli->settings.url);
    if (given) {
        free(cli->settings.name);
        cli->settings.name = heap_copy(gl_slice_str(given));
    } else if (!cli->settings.name) {
        cli->settings.name = heap_copy(gl_slice_str(key + strlen("https://")));
    }
    const char *its_url = json_string_value(json_object_get(servers_by_name(kept, cli->settings.name), "url"));
    char *its_key = its_url ? servers_url_key(its_url) : NULL;
    if (given && !*given) {
        *status = fail(cli, EXIT_COULD_NOT, "usage", "the server's name is empty; leave --name out to call it by its host");
    } else if (its_key && strcmp(its_key, key) != 0) {
        *status = fail(cli, EXIT_COULD_NOT, "usage",
                       "another server is called `%s` (%s); give another --name, or `gloss logout %s` first", cli->settings.name,
                       its_url, cli->settings.name);
    }
    free(its_key);
    free(key);
    json_decref(kept);
    gl_buf_fini(&problem);
    return *status == 0;
}

/* `--name` of a server that is kept, and no address: that one again. Nobody wants a new name with the default server's address. */
static void take_named(struct cli *cli)
{
    const char *name = cli_option(cli, OPT_server_name);
    if (!name || cli_option(cli, OPT_url) || cli_option(cli, OPT_server) || getenv("GLOSS_URL")) {
        return;
    }
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    settings_free(&cli->settings);
    struct settings_asked asked = {.server = name, .token_file = cli_option(cli, OPT_token_file), .ca = cli_option(cli, OPT_ca)};
    if (!settings_load(&cli->settings, &asked, &problem)) {
        settings_free(&cli->settings); /* not kept: then the address is missing */
    }
    gl_buf_fini(&problem);
}

int cmd_login(struct cli *cli)
{
    take_named(cli);
    if (!cli->settings.url) {
        return fail(cli, EXIT_COULD_NOT, "no_server", "say which server: gloss login --url https://HOST:PORT/");
    }
    int named = 0;
    if (!name_server(cli, &named)) {
        return named;
    }
    int status = sign_in(cli);
    return status ? status : keep(cli);
}
