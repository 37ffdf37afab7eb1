/* glossd drain: the server on this machine ends, after its people were told one after the other to connect elsewhere. The same as SIGTERM. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "service/admin/tell_server.h"

enum { LOOK_MS = 100 };

/* Also when it has ended and its parent has not asked yet: then it has no command line any more. */
static bool has_ended(pid_t pid)
{
    char path[64], byte;
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool is_there = fd >= 0 && read(fd, &byte, 1) == 1;
    if (fd >= 0)
        close(fd);
    return !is_there;
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool wait = false;
    const struct admin_option options[] = {{"wait", NULL, &wait}, {0}};
    if (!admin_options(&admin_drain, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_drain, "\"%s\" is one word too many", argv[0]);
    const pid_t pid = tell_server(settings, SIGTERM);
    if (!pid)
        return ADMIN_FAILED;
    printf("process %d moves its people elsewhere and ends, within %llu s\n", (int)pid,
           (unsigned long long)(settings->drain_delay_ms + settings->drain_spread_ms + settings->drain_timeout_ms + 999) / 1000);
    (void)fflush(stdout);
    while (wait && !has_ended(pid))
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    return ADMIN_OK;
}

const struct admin_verb admin_drain = {
    .name = "drain",
    .usage = "[--wait]",
    .help = "let the server on this machine send its people elsewhere, one by one, and end",
    .run = run,
};
