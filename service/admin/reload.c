/* glossd reload: the server on this machine reads its settings and its certificate again. Its log says what came of it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/admin.h"
#include "service/base/listener.h"

/* The supervisor keeps every listening socket, and its workers have other names. */
static const char supervisor[] = "glossd";

static int run(struct settings *settings, int argc, char **argv)
{
    const struct admin_option options[] = {{0}};
    char name[32] = "";
    if (!admin_options(&admin_reload, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_reload, "\"%s\" is one word too many", argv[0]);
    const struct settings_list *listen = &settings->listen;
    pid_t pid =
        settings->port > 0 ? listener_holder(listen->items, listen->count, (uint16_t)settings->port, supervisor, name) : 0;
    if (!pid) {
        admin_complain(
            "no glossd that is yours to tell listens on port %d; name its settings (--config, --listen, --port), or be the user it runs as",
            (int)settings->port);
        return ADMIN_FAILED;
    }
    if (kill(pid, SIGHUP)) {
        admin_complain("process %d could not be told: %s", (int)pid, strerror(errno));
        return ADMIN_FAILED;
    }
    printf("process %d reads its settings and its certificate again; its log says what came of it\n", (int)pid);
    return ADMIN_OK;
}

const struct admin_verb admin_reload = {
    .name = "reload",
    .usage = "",
    .help = "let the server on this machine read certificate, limits and log level again",
    .run = run,
};
