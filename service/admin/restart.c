/* glossd restart: the server on this machine goes on with the program and the settings of now, and replaces its workers one after the other. Nobody is refused meanwhile. */
#include <signal.h>
#include <stdio.h>

#include "service/admin/tell_server.h"

static int run(struct settings *settings, int argc, char **argv)
{
    const struct admin_option options[] = {{0}};
    if (!admin_options(&admin_restart, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_restart, "\"%s\" is one word too many", argv[0]);
    const pid_t pid = tell_server(settings, SIGUSR2);
    if (!pid)
        return ADMIN_FAILED;
    printf(
        "process %d tries the program that is installed now, and replaces its workers one after the other; its log says service.restarted when that is done, or why not\n",
        (int)pid);
    return ADMIN_OK;
}

const struct admin_verb admin_restart = {
    .name = "restart",
    .usage = "",
    .help = "let the server on this machine take up the program and the settings of now, worker by worker",
    .run = run,
};
