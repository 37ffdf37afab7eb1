/* glossd reload: the server on this machine reads its settings and its certificate again. Its log says what came of it. */
#include <signal.h>
#include <stdio.h>

#include "service/admin/tell_server.h"

static int run(struct settings *settings, int argc, char **argv)
{
    const struct admin_option options[] = {{0}};
    if (!admin_options(&admin_reload, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_reload, "\"%s\" is one word too many", argv[0]);
    const pid_t pid = tell_server(settings, SIGHUP);
    if (!pid)
        return ADMIN_FAILED;
    printf("process %d reads its settings and its certificate again; its log says what came of it\n", (int)pid);
    return ADMIN_OK;
}

const struct admin_verb admin_reload = {
    .name = "reload",
    .usage = "",
    .help = "let the server on this machine read certificate, limits and log level again",
    .run = run,
};
