/*
 * cmd_servers.c - gloss servers: which ones are kept, and which one is meant when nobody says.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/say.h"
#include "clients/cli/servers.h"

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_t *server_json(const json_t *server, bool is_default)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "server", string_of(server, "name"), "url", string_of(server, "url"), "account",
                     string_of(server, "account"), "default", (int)is_default);
}

static void print_servers(struct cli *cli, const json_t *kept)
{
    struct grid grid;
    json_t *server;
    size_t i;
    grid_init(&grid);
    grid_column(&grid, "", GRID_LEFT);
    grid_column(&grid, "server", GRID_LEFT);
    grid_column(&grid, "address", GRID_LEFT);
    grid_column(&grid, "account", GRID_LEFT);
    json_array_foreach(json_object_get(kept, "servers"), i, server)
    {
        bool is_default = server == servers_default(kept);
        if (cli->is_json) {
            out_json(cli, server_json(server, is_default));
        } else {
            grid_add(&grid, is_default ? "*" : " ", PAINT_NORMAL);
            grid_add(&grid, string_of(server, "name"), PAINT_TITLE);
            grid_add(&grid, string_of(server, "url"), PAINT_NORMAL);
            grid_add(&grid, string_of(server, "account"), PAINT_NORMAL);
        }
    }
    if (grid.count > 0) {
        grid_put(&grid, &cli->out);
    } else if (!cli->is_json) {
        say(cli, "no server is kept; `gloss login --url URL` signs in to one");
    }
    grid_fini(&grid);
}

int cmd_servers_list(struct cli *cli)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    json_t *kept = servers_load(&problem);
    int status = kept ? 0 : fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
    if (kept) {
        print_servers(cli, kept);
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
    if (status == 0 && cli->is_json) {
        out_json(cli, server_json(server, true));
    } else if (status == 0) {
        out_line(cli, "%s (%s) is meant from now on", string_of(server, "name"), string_of(server, "url"));
    }
    json_decref(kept);
    gl_buf_fini(&problem);
    return status;
}
