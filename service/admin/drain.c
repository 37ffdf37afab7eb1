/* glossd drain: the server on this machine ends, after its people were told one after the other to connect elsewhere. The same as SIGTERM. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "service/admin/tell_server.h"

/* A process that is gone by now has ended, too. */
static int wait_for_end(int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    while (pidfd >= 0 && poll(&ended, 1, -1) < 0)
        if (errno != EINTR) {
            admin_complain("its end cannot be waited for: %s", strerror(errno));
            return ADMIN_FAILED;
        }
    return ADMIN_OK;
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
    const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    printf("process %d moves its people elsewhere and ends, within %llu s\n", (int)pid,
           (unsigned long long)(settings->drain_delay_ms + settings->drain_spread_ms + settings->drain_timeout_ms + 999) / 1000);
    (void)fflush(stdout);
    const int code = wait ? wait_for_end(pidfd) : ADMIN_OK;
    if (pidfd >= 0)
        close(pidfd);
    return code;
}

const struct admin_verb admin_drain = {
    .name = "drain",
    .usage = "[--wait]",
    .help = "let the server on this machine send its people elsewhere, one by one, and end",
    .run = run,
};
