/*
 * cmd_servers.c - gloss servers: which ones are kept, and which one is meant when nobody says.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/say.h"
#include "clients/cli/servers.h"

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void print_server(struct cli *cli, const json_t *server, bool is_default)
{
    if (cli->is_json) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:b}", "server", string_of(server, "name"), "url", string_of(server, "url"),
                                 "account", string_of(server, "account"), "default", (int)is_default);
        out_json(cli, line);
    } else {
        out_line(cli, "%s %-16s %s  %s", is_default ? "*" : " ", string_of(server, "name"), string_of(server, "url"),
                 string_of(server, "account"));
    }
}

int cmd_servers_list(struct cli *cli)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    json_t *kept = servers_load(&problem), *server;
    size_t i;
    int status = kept ? 0 : fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
    json_array_foreach(json_object_get(kept, "servers"), i, server)
    {
        print_server(cli, server, server == servers_default(kept));
    }
    if (kept && !cli->is_json && json_array_size(json_object_get(kept, "servers")) == 0) {
        say(cli, "no server is kept; `gloss login --url URL` signs in to one");
    }
    json_decref(kept);
    gl_buf_fini(&problem);
    return status;
}

int cmd_servers_default(struct cli *cli)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    json_t *kept = servers_load(&problem), *server = servers_by_name(kept, cli_word(cli, 0));
    if (kept && !server) {
        servers_say_unknown(kept, cli_word(cli, 0), &problem);
    } else if (server) {
        servers_set_default(kept, server);
    }
    int status = server && servers_save(kept, &problem) ? 0 : fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
    if (status == 0) {
        print_server(cli, server, true);
    }
    json_decref(kept);
    gl_buf_fini(&problem);
    return status;
}
