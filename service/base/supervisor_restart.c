/*
 * Replacing the program, and then the workers one after the other, while they serve. A worker and its successor have the same listening sockets: who connects meanwhile is taken
 * by either, and nobody is told to go before there is somebody to go to.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/metrics.h"
#include "service/base/supervisor_priv.h"

static struct worker_child *seat_of(struct supervisor *sup, bool is_old)
{
    struct worker_child *first = &sup->workers[sup->restart_at], *second = first + sup->plan->workers;
    return first->is_wanted == is_old ? first : second;
}

static size_t number_of(const struct supervisor *sup, const struct worker_child *worker)
{
    return (size_t)(worker - sup->workers);
}

/* A successor that was given up, and takes its time to be dead: it has the seat still. */
static bool is_seat_taken(const struct supervisor *sup)
{
    for (size_t i = 0; i < sup->seats; i++)
        if (sup->workers[i].child.pid && !sup->workers[i].is_wanted)
            return true;
    return false;
}

/* Those that serve go on as they are. */
static void refuse(const char *why)
{
    log_event(LOG_ERROR, EV_service_restarted, F_STR("detail", why));
}

/* What one has begun is begun again by the next. */
static void end_keepers(struct supervisor *sup)
{
    for (size_t i = 0; i < sup->plan->keepers; i++)
        if (sup->keepers[i].pid)
            kill(sup->keepers[i].pid, SIGTERM);
}

static void replace_workers(struct supervisor *sup)
{
    sup->is_restarting = true;
    sup->restart_at = 0;
    sup->restart_by_ms = 0;
    end_keepers(sup);
}

void supervisor_restart(struct supervisor *sup)
{
    const char *wrong = !sup->was_ready                            ? "not before every worker has been ready once"
                        : sup->is_restarting || sup->rehearsal.pid ? "the workers are being replaced already"
                        : sup->is_stopping                         ? "the service is ending"
                        : is_seat_taken(sup)                       ? "a successor of before has not ended yet"
                                                                   : NULL;
    if (wrong) {
        refuse(wrong);
        return;
    }
    log_event(LOG_INFO, EV_service_restart, F_U64("workers", sup->plan->workers));
    if (!sup->plan->rehearse) {
        replace_workers(sup);
        return;
    }
    supervisor_start_rehearsal(sup, sup->looked_ms);
    sup->restart_by_ms = sup->looked_ms + sup->plan->successor_ms;
    if (!sup->rehearsal.pid)
        refuse("no process could be made");
}

/* The last line that it said, made a sentence; or how it ended. */
static void tell_why(int fd, int status, char *why, size_t room)
{
    char said[1024];
    ssize_t len = 0, got;
    while (len < (ssize_t)sizeof(said) - 1 && (got = read(fd, said + len, sizeof(said) - 1 - (size_t)len)) > 0)
        len += got;
    said[len] = '\0';
    while (len > 0 && (said[len - 1] == '\n' || said[len - 1] == ' '))
        said[--len] = '\0';
    const char *line = strrchr(said, '\n') ? strrchr(said, '\n') + 1 : said;
    const char *how = WIFSIGNALED(status) ? "signal" : "status";
    snprintf(why, room, "the program that is installed now does not start (%s %d)%s%.900s", how,
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), *line ? ": " : "", line);
}

static void exchange(struct supervisor *sup)
{
    struct handover handover;
    handover_init(&handover);
    end_keepers(sup); /* they are not handed over */
    supervisor_hand_over(sup, &handover);
    sup->plan->exchange(sup->plan->ctx, &handover);
    const char *why = strerrordesc_np(errno);
    handover_undo(&handover);
    handover_fini(&handover);
    refuse(why);
}

void supervisor_restart_rehearsed(struct supervisor *sup, int status)
{
    char why[1100];
    const bool went_well = WIFEXITED(status) && !WEXITSTATUS(status);
    tell_why(sup->rehearsal_fd, status, why, sizeof(why));
    close(sup->rehearsal_fd);
    sup->rehearsal_fd = -1;
    sup->rehearsal.pid = 0;
    sup->restart_by_ms = 0;
    if (sup->is_stopping)
        return;
    if (!went_well)
        refuse(why);
    else if (sup->plan->exchange)
        exchange(sup);
    else
        replace_workers(sup);
}

static void give_up(struct supervisor *sup, struct worker_child *successor, const char *why)
{
    log_event(LOG_ERROR, EV_service_restarted, F_U64("worker", number_of(sup, successor)), F_STR("detail", why));
    sup->is_restarting = false;
    if (successor->child.pid)
        kill(successor->child.pid, SIGKILL);
}

static void change_over(struct supervisor *sup, struct worker_child *old, struct worker_child *successor, uint64_t now)
{
    successor->is_wanted = true;
    old->is_wanted = false;
    old->leave_by_ms = now + sup->plan->move_ms + sup->plan->drain_ms;
    sup->restart_by_ms = UINT64_MAX; /* what is waited for now has a deadline of its own */
    if (old->child.pid)
        kill(old->child.pid, SIGUSR2);
    else
        supervisor_restart_lost(sup, number_of(sup, old), now);
}

void supervisor_restart_look(struct supervisor *sup, uint64_t now)
{
    if (sup->rehearsal.pid && now >= sup->restart_by_ms)
        kill(sup->rehearsal.pid, SIGKILL);
    if (!sup->is_restarting || sup->is_stopping)
        return;
    struct worker_child *old = seat_of(sup, true), *successor = seat_of(sup, false);
    if (old->is_wanted && successor->leave_by_ms) /* they have changed over: who is to go has that deadline */
        return;
    if (!sup->restart_by_ms) {
        sup->restart_by_ms = now + sup->plan->successor_ms;
        supervisor_start_worker(sup, number_of(sup, successor), now);
        if (!successor->child.pid)
            give_up(sup, successor, "no process could be made");
    } else if (successor->is_ready) {
        change_over(sup, old, successor, now);
    } else if (now >= sup->restart_by_ms) {
        give_up(sup, successor, "the successor did not get ready in time; those that served go on");
    }
}

/* Whoever is not wanted and dead: one that has moved its people, or a successor that failed. */
void supervisor_restart_lost(struct supervisor *sup, size_t seat, uint64_t now)
{
    struct worker_child *gone = &sup->workers[seat];
    const bool has_left = gone->leave_by_ms != 0;
    (void)now;
    gone->leave_by_ms = 0;
    gone->is_ready = false;
    metrics_rise((unsigned)seat);
    if (!sup->is_restarting || sup->is_stopping)
        return;
    if (!has_left) {
        give_up(sup, gone, "the successor ended instead of getting ready; those that served go on");
        return;
    }
    sup->restart_by_ms = 0;
    if (++sup->restart_at < sup->plan->workers)
        return;
    sup->is_restarting = false;
    log_event(LOG_INFO, EV_service_restarted, F_U64("workers", sup->plan->workers));
}

uint64_t supervisor_restart_due(const struct supervisor *sup, uint64_t otherwise)
{
    if ((!sup->is_restarting && !sup->rehearsal.pid) || sup->is_stopping || !sup->restart_by_ms)
        return otherwise;
    return sup->restart_by_ms < otherwise ? sup->restart_by_ms : otherwise;
}
