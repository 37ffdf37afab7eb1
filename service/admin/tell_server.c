#include "service/admin/tell_server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "service/base/listener.h"

/* The supervisor keeps every listening socket, and its workers have other names. */
static const char supervisor[] = "glossd";

pid_t tell_server(const struct settings *settings, int signal_number)
{
    const struct settings_list *listen = &settings->listen;
    char name[32] = "";
    pid_t pid =
        settings->port > 0 ? listener_holder(listen->items, listen->count, (uint16_t)settings->port, supervisor, name) : 0;
    if (!pid) {
        admin_complain(
            "no glossd that is yours to tell listens on port %d; name its settings (--config, --listen, --port), or be the user it runs as",
            (int)settings->port);
        return 0;
    }
    if (kill(pid, signal_number)) {
        admin_complain("process %d could not be told: %s", (int)pid, strerror(errno));
        return 0;
    }
    return pid;
}
