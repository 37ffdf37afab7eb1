/* Making the processes. What a child inherits is only what is meant for it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/supervisor_priv.h"

enum { QUICK_DEATH_MS = 1000, FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000, LONGEST_PAUSE_AFTER_READY_MS = 400 };

void supervisor_postpone(struct child *child, bool was_ready, uint64_t now)
{
    uint64_t longest = was_ready ? LONGEST_PAUSE_AFTER_READY_MS : LONGEST_PAUSE_MS, pause = 0;
    child->falls = now - child->started_ms < QUICK_DEATH_MS ? child->falls + 1 : 0;
    if (child->falls > 1)
        pause = child->falls > 8 ? LONGEST_PAUSE_MS : (uint64_t)FIRST_PAUSE_MS << (child->falls - 2);
    child->start_at_ms = now + (pause < longest ? pause : longest);
}

uint64_t supervisor_beat_every(const struct supervisor_plan *plan)
{
    uint64_t every = plan->watchdog_ms / 8;
    return !plan->watchdog_ms || every > 1000 ? 1000 : every < 10 ? 10 : every;
}

static void close_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* In the new process: die with the supervisor, even if it died while we were being made. */
static void become_child(struct supervisor *sup, const char *process, const char *shown)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != sup->pid)
        _exit(EXIT_FAILURE);
    prctl(PR_SET_NAME, shown);
    log_set_process(process);
    close(sup->signal_fd);
    close(sup->beats_fd);
    close_open(sup->rehearsal_fd);
    for (size_t i = 0; i < sup->seats; i++)
        if (sup->workers[i].control_fd >= 0)
            close(sup->workers[i].control_fd);
}

static _Noreturn void run_worker(struct supervisor *sup, size_t index, int control_fd)
{
    static char process[32], shown[16];
    snprintf(process, sizeof(process), "worker.%zu", index);
    snprintf(shown, sizeof(shown), "glossd-w%u", (unsigned)index % 1000);
    become_child(sup, process, shown);
    const size_t set = index % sup->plan->workers;
    listener_keep(sup->plan->listener, set);
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    sigaddset(&wanted, SIGUSR2);
    signal(SIGINT, SIG_IGN);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
    struct seat seat = {
        .worker = (unsigned)index,
        .listen_fds = listener_set(sup->plan->listener, set),
        .listen_count = sup->plan->listener->per_set,
        .is_successor = sup->is_restarting && set == sup->restart_at && !sup->workers[index].is_wanted,
        .helpers = (unsigned)sup->plan->helpers,
        .control_fd = control_fd,
        .beats = &sup->beats[index].count,
        .beat_every_ms = supervisor_beat_every(sup->plan),
    };
    exit(sup->plan->worker_main(sup->plan->ctx, &seat));
}

void supervisor_start_worker(struct supervisor *sup, size_t index, uint64_t now)
{
    struct worker_child *worker = &sup->workers[index];
    int pair[2] = {-1, -1};
    worker->child.started_ms = now;
    pid_t pid = seat_pair(pair) ? fork() : -1;
    if (pid == 0) {
        close(pair[0]);
        run_worker(sup, index, pair[1]);
    }
    if (pid < 0) {
        log_event(LOG_ERROR, EV_worker_gone, F_U64("worker", index), F_STR("detail", strerrordesc_np(errno)));
        supervisor_postpone(&worker->child, false, now);
        close_open(pair[0]);
        close_open(pair[1]);
        return;
    }
    close(pair[1]);
    worker->child.pid = pid;
    worker->control_fd = pair[0];
    worker->is_ready = false;
    worker->kill_at_ms = worker->leave_by_ms = 0;
    worker->beat = atomic_load(&sup->beats[index].count);
    worker->beat_ms = now;
    log_event(LOG_INFO, EV_worker_started, F_U64("worker", index), F_I64("worker_pid", pid));
}

static _Noreturn void run_helper(struct supervisor *sup, size_t index, size_t slot, int fd)
{
    static char process[48], shown[16];
    snprintf(process, sizeof(process), "helper.%zu.%zu", index, slot);
    snprintf(shown, sizeof(shown), "glossd-h%u.%u", (unsigned)index % 1000, (unsigned)slot % 100);
    become_child(sup, process, shown);
    listener_close(sup->plan->listener);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    exit(sup->plan->helper_main(sup->plan->ctx, fd));
}

void supervisor_start_helper(struct supervisor *sup, size_t index, size_t slot, uint64_t now)
{
    struct worker_child *worker = &sup->workers[index];
    struct helper_child *helper = &worker->helpers[slot];
    int pair[2] = {-1, -1};
    helper->child.started_ms = now;
    pid_t pid = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ? -1 : fork();
    if (pid == 0) {
        close(pair[0]);
        run_helper(sup, index, slot, pair[1]);
    }
    if (pid < 0) {
        log_event(LOG_ERROR, EV_helper_gone, F_U64("worker", index), F_U64("slot", slot),
                  F_STR("detail", strerrordesc_np(errno)));
        supervisor_postpone(&helper->child, false, now);
    } else {
        helper->child.pid = pid;
        helper->child.is_sent_off = false;
        helper->generation++;
        fcntl(pair[0], F_SETFL, O_NONBLOCK); /* of the worker's end alone */
        /* A worker that does not take the message never uses this helper: the helper sees the end of its socket and ends. */
        seat_send(worker->control_fd, &(struct seat_message){SEAT_SAYS_HELPER, (unsigned)slot, helper->generation}, pair[0]);
        log_event(LOG_DEBUG, EV_helper_started, F_U64("worker", index), F_U64("slot", slot), F_I64("helper_pid", pid));
    }
    close_open(pair[0]);
    close_open(pair[1]);
}

static _Noreturn void run_rehearsal(struct supervisor *sup, int fd)
{
    become_child(sup, "rehearsal", "glossd-r");
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    signal(SIGUSR2, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    _exit(sup->plan->rehearse(sup->plan->ctx));
}

void supervisor_start_rehearsal(struct supervisor *sup, uint64_t now)
{
    int pair[2] = {-1, -1};
    sup->rehearsal = (struct child){.started_ms = now};
    pid_t pid = pipe2(pair, O_CLOEXEC | O_NONBLOCK) ? -1 : fork();
    if (pid == 0) {
        fcntl(pair[1], F_SETFL, 0);
        run_rehearsal(sup, pair[1]);
    }
    close_open(pair[1]);
    if (pid > 0) {
        sup->rehearsal.pid = pid;
        sup->rehearsal_fd = pair[0];
    } else {
        close_open(pair[0]);
    }
}

static _Noreturn void run_keeper(struct supervisor *sup, size_t index)
{
    static char process[32], shown[16];
    snprintf(process, sizeof(process), "jobs.%zu", index);
    snprintf(shown, sizeof(shown), "glossd-j%u", (unsigned)index % 1000);
    become_child(sup, process, shown);
    listener_close(sup->plan->listener);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGTERM, SIG_DFL); /* whatever our own parent had in mind with it */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    exit(sup->plan->keeper_main(sup->plan->ctx));
}

void supervisor_start_keeper(struct supervisor *sup, size_t index, uint64_t now)
{
    struct child *keeper = &sup->keepers[index];
    keeper->started_ms = now;
    pid_t pid = fork();
    if (pid == 0)
        run_keeper(sup, index);
    if (pid < 0) {
        log_event(LOG_ERROR, EV_keeper_gone, F_U64("keeper", index), F_STR("detail", strerrordesc_np(errno)));
        supervisor_postpone(keeper, false, now);
        return;
    }
    keeper->pid = pid;
    log_event(LOG_INFO, EV_keeper_started, F_U64("keeper", index), F_I64("keeper_pid", pid));
}
