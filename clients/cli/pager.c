#include "clients/cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

static const char *pager_command(void)
{
    const char *own = getenv("GLOSS_PAGER"), *all = getenv("PAGER");
    return own ? own : all ? all : "less";
}

bool pager_is_wanted(void)
{
    const char *command = pager_command();
    return *command && strcmp(command, "cat") != 0;
}

/* Whether the shell will find the command's first word; one with quotes or the like only it can read. */
static bool is_there(const char *command)
{
    size_t len = strcspn(command, " \t;|&\n");
    if (strcspn(command, "\"'$`\\(){}<>*?[]=~#!") < len) {
        return true;
    }
    char *name = heap_copy(gl_slice_of(command, len));
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "command -v \"$1\" >/dev/null 2>&1", "sh", name, (char *)NULL);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    free(name);
    return status == 0;
}

static _Noreturn void be_pager(const int fds[2], const char *command)
{
    dup2(fds[0], STDIN_FILENO);
    close(fds[0]);
    close(fds[1]);
    signal(SIGPIPE, SIG_DFL);
    setenv("LESS", "FRX", 0);
    setenv("LESSCHARSET", "utf-8", 0);
    setenv("LV", "-c", 0);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

FILE *pager_start(pid_t *pid, struct gl_buf *problem)
{
    const char *command = pager_command();
    int fds[2] = {-1, -1};
    if (!is_there(command)) {
        gl_buf_str(problem, "the pager `");
        safe_put_str(problem, command);
        gl_buf_str(problem, "` is not there (GLOSS_PAGER or PAGER); it goes on without one");
        return NULL;
    }
    if (pipe2(fds, O_CLOEXEC) != 0 || (*pid = fork()) < 0) {
        gl_buf_printf(problem, "the pager cannot be started: %s", strerror(errno));
        if (fds[0] >= 0) {
            close(fds[0]);
            close(fds[1]);
        }
        return NULL;
    }
    if (*pid == 0) {
        be_pager(fds, command);
    }
    close(fds[0]);
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    return fdopen(fds[1], "w");
}

void pager_end(FILE *pipe, pid_t pid)
{
    fclose(pipe);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
}
