#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/base/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/base/notify.h"
#include "service/base/supervisor_priv.h"

enum {
    ABORT_MS = 500,         /* between SIGABRT and SIGKILL */
    FALLS_BEFORE_READY = 5, /* in a row, and the service gives up */
    START_FACTOR = 3,       /* a worker that is not ready yet may take that much longer than watchdog_ms */
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void send_signal(const struct child *child, int signal_number)
{
    if (child->pid)
        kill(child->pid, signal_number);
}

/* A helper that is to be replaced, without a pause. */
static void send_off(struct child *helper)
{
    send_signal(helper, SIGKILL);
    helper->is_sent_off = true;
}

static void each_worker(struct supervisor *sup, int signal_number)
{
    for (size_t i = 0; i < sup->seats; i++)
        send_signal(&sup->workers[i].child, signal_number);
}

static void each_keeper(struct supervisor *sup, int signal_number)
{
    for (size_t i = 0; i < sup->plan->keepers; i++)
        send_signal(&sup->keepers[i], signal_number);
}

/* ---- ending */

static void stop(struct supervisor *sup, uint64_t now, int exit_code)
{
    if (sup->is_stopping)
        return;
    sup->is_stopping = true;
    sup->exit_code = exit_code;
    sup->is_hurrying = !sup->plan->move_ms;
    sup->kill_at_ms = now + sup->plan->move_ms + sup->plan->drain_ms;
    log_event(LOG_INFO, EV_service_stopping, F_MS("at_most", sup->plan->move_ms + sup->plan->drain_ms));
    notify_send("STOPPING=1");
    send_signal(&sup->rehearsal, SIGKILL);
    /* Whoever connects from now on is refused by the kernel, as soon as the workers have closed theirs. */
    listener_close(sup->plan->listener);
    each_worker(sup, SIGTERM);
    each_keeper(sup, SIGTERM);
}

/* Asked twice: nobody waits any more for balancers, and for people to go one after the other. */
static void hurry(struct supervisor *sup, uint64_t now)
{
    sup->is_hurrying = true;
    sup->kill_at_ms = earlier(sup->kill_at_ms, now + sup->plan->drain_ms);
    log_event(LOG_INFO, EV_service_hurried, F_MS("at_most", sup->plan->drain_ms));
    each_worker(sup, SIGTERM);
}

static void kill_all(struct supervisor *sup)
{
    if (sup->is_killing)
        return;
    sup->is_killing = true;
    if (!sup->exit_code)
        sup->exit_code = EXIT_FAILURE;
    for (size_t i = 0; i < sup->seats; i++)
        if (sup->workers[i].child.pid)
            log_event(LOG_WARN, EV_worker_stuck, F_U64("worker", i), F_STR("detail", "did not end in time; killed"));
    each_worker(sup, SIGKILL);
    each_keeper(sup, SIGKILL);
}

static bool is_all_gone(const struct supervisor *sup)
{
    for (size_t i = 0; i < sup->seats; i++) {
        if (sup->workers[i].child.pid)
            return false;
        for (size_t slot = 0; slot < sup->plan->helpers; slot++)
            if (sup->workers[i].helpers[slot].child.pid)
                return false;
    }
    for (size_t i = 0; i < sup->plan->keepers; i++)
        if (sup->keepers[i].pid)
            return false;
    return true;
}

/* ---- deaths */

static bool is_final(const struct supervisor *sup, int status)
{
    if (!WIFEXITED(status))
        return false;
    int code = WEXITSTATUS(status);
    return code == sup->plan->always_final ||
           (!sup->was_ready && code >= sup->plan->final_first && code <= sup->plan->final_last);
}

static void log_death(enum log_level level, enum log_event_id event, const char *whose, size_t index, const struct child *child,
                      int status, uint64_t now)
{
    log_event(level, event, F_U64(whose, index), F_I64("child_pid", child->pid), F_MS("lived", now - child->started_ms),
              F_STR("by", WIFSIGNALED(status) ? "signal" : "exit"),
              F_I64("status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}

static void bury_worker(struct supervisor *sup, size_t index, int status, uint64_t now)
{
    struct worker_child *worker = &sup->workers[index];
    const bool is_expected = sup->is_stopping || worker->leave_by_ms;
    const bool has_left = worker->leave_by_ms && WIFEXITED(status) && !WEXITSTATUS(status); /* worker.gone is an alert */
    log_death(is_expected ? LOG_INFO : LOG_ERROR, has_left ? EV_worker_left : EV_worker_gone, "worker", index, &worker->child,
              status, now);
    worker->child.pid = 0;
    close(worker->control_fd);
    worker->control_fd = -1;
    for (size_t slot = 0; slot < sup->plan->helpers; slot++)
        send_off(&worker->helpers[slot].child);
    supervisor_postpone(&worker->child, worker->is_ready, now);
    if (!worker->is_wanted) {
        supervisor_restart_lost(sup, index, now);
        return;
    }
    if (is_final(sup, status)) {
        stop(sup, now, WEXITSTATUS(status));
    } else if (!sup->was_ready && worker->child.falls >= FALLS_BEFORE_READY && !sup->is_stopping) {
        log_event(LOG_ERROR, EV_service_failed, F_STR("detail", "a worker dies as soon as it is started; the log says how"));
        stop(sup, now, EXIT_FAILURE);
    }
}

static void bury_helper(struct supervisor *sup, size_t index, size_t slot, int status, uint64_t now)
{
    struct child *child = &sup->workers[index].helpers[slot].child;
    const bool is_expected = child->is_sent_off || sup->is_stopping || sup->workers[index].leave_by_ms;
    log_death(is_expected ? LOG_DEBUG : LOG_WARN, EV_helper_gone, "worker", index, child, status, now);
    child->pid = 0;
    if (child->is_sent_off)
        child->start_at_ms = now;
    else
        supervisor_postpone(child, false, now);
}

static void bury_keeper(struct supervisor *sup, size_t index, int status, uint64_t now)
{
    struct child *keeper = &sup->keepers[index];
    log_death(sup->is_stopping ? LOG_INFO : LOG_WARN, EV_keeper_gone, "keeper", index, keeper, status, now);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        log_event(LOG_ERROR, EV_job_failed, F_U64("keeper", index),
                  F_STR("detail", "a job took longer than the setting job_timeout_ms; it is tried again"));
    keeper->pid = 0;
    supervisor_postpone(keeper, false, now);
}

static void bury(struct supervisor *sup, pid_t pid, int status, uint64_t now)
{
    if (sup->rehearsal.pid == pid) {
        supervisor_restart_rehearsed(sup, status);
        return;
    }
    for (size_t i = 0; i < sup->seats; i++) {
        if (sup->workers[i].child.pid == pid) {
            bury_worker(sup, i, status, now);
            return;
        }
        for (size_t slot = 0; slot < sup->plan->helpers; slot++)
            if (sup->workers[i].helpers[slot].child.pid == pid) {
                bury_helper(sup, i, slot, status, now);
                return;
            }
    }
    for (size_t i = 0; i < sup->plan->keepers; i++)
        if (sup->keepers[i].pid == pid)
            bury_keeper(sup, i, status, now);
}

/* ---- what comes in */

/* One SIGCHLD may stand for several. */
static void take_deaths(struct supervisor *sup, uint64_t now)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        bury(sup, pid, status, now);
}

static void take_signals(struct supervisor *sup, uint64_t now)
{
    struct signalfd_siginfo info;
    while (read(sup->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_event(LOG_INFO, EV_service_reload);
            if (sup->plan->reload)
                sup->plan->reload(sup->plan->ctx);
            each_worker(sup, SIGHUP);
        } else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            if (sup->is_hurrying)
                kill_all(sup);
            else if (sup->is_stopping)
                hurry(sup, now);
            else
                stop(sup, now, EXIT_SUCCESS);
        } else if (info.ssi_signo == SIGUSR2) {
            supervisor_restart(sup);
        }
    }
    take_deaths(sup, now);
}

static void note_ready(struct supervisor *sup, size_t index)
{
    struct worker_child *worker = &sup->workers[index];
    if (worker->is_ready)
        return;
    worker->is_ready = true;
    worker->beat_ms = sup->looked_ms; /* it may have taken longer to start than its loop may stand still from now on */
    log_event(LOG_INFO, EV_worker_ready, F_U64("worker", index), F_I64("worker_pid", worker->child.pid));
    for (size_t i = 0; i < sup->seats; i++)
        if (sup->workers[i].is_wanted && !sup->workers[i].is_ready)
            return;
    if (sup->was_ready)
        return;
    sup->was_ready = true;
    log_event(LOG_INFO, EV_service_ready, F_U64("workers", sup->plan->workers), F_U64("port", sup->plan->listener->port));
    notify_send("READY=1");
    if (sup->plan->ready)
        sup->plan->ready(sup->plan->ctx);
}

static void take_messages(struct supervisor *sup, size_t index)
{
    struct worker_child *worker = &sup->workers[index];
    struct seat_message message;
    int fd;
    while (worker->control_fd >= 0 && seat_receive(worker->control_fd, &message, &fd) > 0) {
        if (fd >= 0)
            close(fd);
        if (message.kind == SEAT_SAYS_READY && !sup->is_stopping)
            note_ready(sup, index);
        else if (message.kind == SEAT_SAYS_KILL && message.slot < sup->plan->helpers &&
                 worker->helpers[message.slot].generation == message.generation)
            send_off(&worker->helpers[message.slot].child);
    }
}

/* ---- what is due */

static void watch_worker(struct supervisor *sup, size_t index, uint64_t now)
{
    struct worker_child *worker = &sup->workers[index];
    uint64_t beat = atomic_load_explicit(&sup->beats[index].count, memory_order_relaxed);
    if (beat != worker->beat) {
        worker->beat = beat;
        worker->beat_ms = now;
    }
    if (worker->kill_at_ms) {
        if (now >= worker->kill_at_ms)
            send_signal(&worker->child, SIGKILL);
        return;
    }
    uint64_t allowed = worker->is_ready ? sup->plan->watchdog_ms : sup->plan->watchdog_ms * START_FACTOR;
    if (!allowed || now - worker->beat_ms < allowed)
        return;
    log_event(LOG_ERROR, EV_worker_stuck, F_U64("worker", index), F_I64("worker_pid", worker->child.pid),
              F_MS("stood", now - worker->beat_ms));
    send_signal(&worker->child, SIGABRT);
    worker->kill_at_ms = now + ABORT_MS;
}

/* What time it is. When this process itself was not run for longer than it wanted to sleep (it was stopped, or the machine had no time), nobody else's
 * silence means anything: everybody's time begins anew. */
static uint64_t look_at_clock(struct supervisor *sup, uint64_t slept_ms)
{
    uint64_t now = clock_monotonic_ms();
    if (now - sup->looked_ms > slept_ms + supervisor_beat_every(sup->plan) * 2)
        for (size_t i = 0; i < sup->seats; i++)
            sup->workers[i].beat_ms = now;
    sup->looked_ms = now;
    return now;
}

static void keep_group(struct supervisor *sup, size_t index, uint64_t now)
{
    struct worker_child *worker = &sup->workers[index];
    if (!worker->child.pid && worker->is_wanted && !sup->is_stopping && now >= worker->child.start_at_ms)
        supervisor_start_worker(sup, index, now);
    if (!worker->child.pid)
        return;
    if (worker->leave_by_ms && now >= worker->leave_by_ms)
        send_signal(&worker->child, SIGKILL);
    for (size_t slot = 0; slot < sup->plan->helpers; slot++) {
        const struct child *helper = &worker->helpers[slot].child;
        if (!helper->pid && !sup->is_stopping && now >= helper->start_at_ms)
            supervisor_start_helper(sup, index, slot, now);
    }
    if (!sup->is_stopping)
        watch_worker(sup, index, now);
}

static void keep_keepers(struct supervisor *sup, uint64_t now)
{
    for (size_t i = 0; i < sup->plan->keepers && !sup->is_stopping; i++)
        if (!sup->keepers[i].pid && now >= sup->keepers[i].start_at_ms)
            supervisor_start_keeper(sup, i, now);
}

static uint64_t next_due(const struct supervisor *sup, uint64_t now)
{
    uint64_t due = now + supervisor_beat_every(sup->plan) * 2;
    if (sup->is_stopping && !sup->is_killing)
        due = earlier(due, sup->kill_at_ms);
    due = supervisor_restart_due(sup, due);
    for (size_t i = 0; i < sup->seats; i++) {
        const struct worker_child *worker = &sup->workers[i];
        if (!worker->child.pid && worker->is_wanted && !sup->is_stopping)
            due = earlier(due, worker->child.start_at_ms);
        if (worker->child.pid && worker->kill_at_ms)
            due = earlier(due, worker->kill_at_ms);
        if (worker->child.pid && worker->leave_by_ms > now)
            due = earlier(due, worker->leave_by_ms);
        for (size_t slot = 0; worker->child.pid && !sup->is_stopping && slot < sup->plan->helpers; slot++)
            if (!worker->helpers[slot].child.pid)
                due = earlier(due, worker->helpers[slot].child.start_at_ms);
    }
    for (size_t i = 0; i < sup->plan->keepers && !sup->is_stopping; i++)
        if (!sup->keepers[i].pid)
            due = earlier(due, sup->keepers[i].start_at_ms);
    return due > now ? due : now;
}

static void turn(struct supervisor *sup)
{
    uint64_t now = look_at_clock(sup, 0);
    supervisor_restart_look(sup, now);
    for (size_t i = 0; i < sup->seats; i++)
        keep_group(sup, i, now);
    keep_keepers(sup, now);
    if (sup->is_stopping && now >= sup->kill_at_ms)
        kill_all(sup);
    if (is_all_gone(sup))
        return;
    for (size_t i = 0; i < sup->seats; i++)
        sup->polls[i + 1] = (struct pollfd){.fd = sup->workers[i].control_fd, .events = POLLIN};
    uint64_t wait = next_due(sup, now) - now;
    int got = poll(sup->polls, sup->seats + 1, (int)wait);
    uint64_t woke = look_at_clock(sup, wait);
    if (got <= 0)
        return;
    for (size_t i = 0; i < sup->seats; i++)
        if (sup->polls[i + 1].revents)
            take_messages(sup, i);
    if (sup->polls[0].revents)
        take_signals(sup, woke);
}

/* ---- beginning */

static bool open_signals(struct supervisor *sup, sigset_t *before)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    sigaddset(&wanted, SIGUSR2);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, nobody could be waited for */
    sigprocmask(SIG_BLOCK, &wanted, before);
    sup->signal_fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    return sup->signal_fd >= 0;
}

static void allocate(struct supervisor *sup)
{
    const struct supervisor_plan *plan = sup->plan;
    sup->workers = mem_array(sup->seats, sizeof(*sup->workers));
    sup->keepers = mem_array(plan->keepers + 1, sizeof(*sup->keepers));
    sup->polls = mem_array(sup->seats + 1, sizeof(*sup->polls));
    sup->polls[0] = (struct pollfd){.fd = sup->signal_fd, .events = POLLIN};
    for (size_t i = 0; i < sup->seats; i++) {
        sup->workers[i].is_wanted = i < plan->workers;
        sup->workers[i].control_fd = -1;
        sup->workers[i].helpers = mem_array(plan->helpers, sizeof(struct helper_child));
    }
}

static void release(struct supervisor *sup)
{
    for (size_t i = 0; i < sup->seats; i++)
        mem_free(&sup->workers[i].helpers);
    mem_free(&sup->workers);
    mem_free(&sup->keepers);
    mem_free(&sup->polls);
    munmap(sup->beats, sup->seats * sizeof(*sup->beats));
    close(sup->beats_fd);
    close(sup->signal_fd);
}

static bool begin(struct supervisor *sup)
{
    const struct supervisor_plan *plan = sup->plan;
    if (!plan->handed) {
        log_event(LOG_INFO, EV_service_started, F_U64("workers", plan->workers), F_U64("helpers", plan->helpers),
                  F_U64("port", plan->listener->port));
        return true;
    }
    if (!supervisor_take_over(sup, plan->handed)) {
        log_event(LOG_ERROR, EV_service_failed, F_STR("detail", "what the program before has left cannot be used"));
        return false;
    }
    take_deaths(sup, sup->looked_ms); /* of those that nobody was told of */
    return true;
}

int supervisor_run(const struct supervisor_plan *plan)
{
    struct supervisor sup = {.plan = plan,
                             .pid = getpid(),
                             .seats = 2 * plan->workers,
                             .looked_ms = clock_monotonic_ms(),
                             .beats_fd = -1,
                             .rehearsal_fd = -1};
    sigset_t before;
    assert(plan->listener->sets == plan->workers);
    if (!open_signals(&sup, &before) || (!plan->handed && !supervisor_share_beats(&sup))) {
        log_event(LOG_ERROR, EV_service_failed, F_STR("detail", strerrordesc_np(errno)));
        return EXIT_FAILURE;
    }
    allocate(&sup);
    fflush(NULL); /* or each child would write what waits here once more */
    if (!begin(&sup))
        return EXIT_FAILURE;
    do
        turn(&sup);
    while (!is_all_gone(&sup) || !sup.is_stopping);
    log_event(LOG_INFO, EV_service_stopped, F_I64("exit", sup.exit_code));
    release(&sup);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return sup.exit_code;
}
