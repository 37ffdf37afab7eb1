/*
 * cmd_logout.c - gloss logout: forget a server's token, and have the server forget it too.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"
#include "clients/cli/servers.h"

/* Whether the token is worth nothing any more. One that gloss did not make may be used elsewhere, and stays. */
static bool revoke(struct cli *cli)
{
    json_t *result = NULL;
    if (!cli->settings.token || !cli->settings.token_id || link_open(cli, NULL, NULL) != 0) {
        return false;
    }
    int status = link_call(cli, "the token could not be revoked", "token.revoke",
                           json_pack("{s:s}", "token", cli->settings.token_id), &result);
    json_decref(result);
    return status == 0;
}

/* The server that the word names, in place of the one of the options. */
static bool take_named(struct cli *cli, struct gl_buf *problem)
{
    struct settings_asked asked = {.server = cli_word(cli, 0), .ca = cli_option(cli, OPT_ca)};
    if (asked.server) {
        settings_free(&cli->settings);
    }
    return !asked.server || settings_load(&cli->settings, &asked, problem);
}

/* Of the entry that goes: GLOSS_TOKEN_FILE may be about another one. */
static void take_token(struct cli *cli, const json_t *kept)
{
    const json_t *entry = servers_by_name(kept, cli->settings.name);
    const char *token = json_string_value(json_object_get(entry, "token")),
               *id = json_string_value(json_object_get(entry, "token_id"));
    free(cli->settings.token);
    free(cli->settings.token_id);
    cli->settings.token = token ? heap_copy(gl_slice_str(token)) : NULL;
    cli->settings.token_id = id ? heap_copy(gl_slice_str(id)) : NULL;
}

int cmd_logout(struct cli *cli)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    bool is_known = take_named(cli, &problem);
    json_t *kept = is_known ? servers_load(&problem) : NULL;
    int status = 0;
    if (!kept) {
        status = fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
    } else if (!cli->settings.name) {
        status = fail(cli, EXIT_COULD_NOT, "no_server", "you are signed in to no such server (`gloss servers` lists them)");
    } else {
        take_token(cli, kept);
        bool is_revoked = revoke(cli);
        servers_remove(kept, cli->settings.name);
        if (!servers_save(kept, &problem)) {
            status = fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
        } else if (cli->is_json) {
            out_json(cli, json_pack("{s:s, s:s, s:b}", "server", cli->settings.name, "url", cli->settings.url, "revoked",
                                    (int)is_revoked));
        } else {
            out_line(cli, "forgotten: %s (%s)%s", cli->settings.name, cli->settings.url,
                     is_revoked ? "; its token is revoked" : "; its token is still good where else it is kept");
        }
    }
    json_decref(kept);
    gl_buf_fini(&problem);
    return status;
}
