/* The processes of a service that goes on under another program: who sits where, and the memory by which they show that they live. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "service/base/supervisor_priv.h"

static bool map_beats(struct supervisor *sup)
{
    void *shared = mmap(NULL, sup->seats * sizeof(*sup->beats), PROT_READ | PROT_WRITE, MAP_SHARED, sup->beats_fd, 0);
    sup->beats = shared;
    return shared != MAP_FAILED;
}

bool supervisor_share_beats(struct supervisor *sup)
{
    sup->beats_fd = handover_memory("glossd-beats", sup->seats * sizeof(*sup->beats));
    return sup->beats_fd >= 0 && map_beats(sup);
}

/* ---- who goes */

static void hand_over_group(const struct supervisor *sup, size_t seat, struct handover *handover)
{
    const struct worker_child *worker = &sup->workers[seat];
    handover_say(handover, "worker %zu %d %d %d %" PRIu64 " %" PRIu64 " %u", seat, (int)worker->child.pid, worker->control_fd,
                 worker->is_ready, worker->child.started_ms, worker->child.start_at_ms, worker->child.falls);
    if (!worker->child.pid)
        return;
    handover_keep(handover, worker->control_fd);
    for (size_t slot = 0; slot < sup->plan->helpers; slot++) {
        const struct helper_child *helper = &worker->helpers[slot];
        handover_say(handover, "helper %zu %zu %d %" PRIu64 " %" PRIu64, seat, slot, (int)helper->child.pid, helper->generation,
                     helper->child.started_ms);
    }
}

void supervisor_hand_over(struct supervisor *sup, struct handover *handover)
{
    handover_say(handover, "supervisor %zu %zu %d", sup->plan->workers, sup->plan->helpers, sup->beats_fd);
    handover_keep(handover, sup->beats_fd);
    for (size_t seat = 0; seat < sup->seats; seat++)
        if (sup->workers[seat].is_wanted)
            hand_over_group(sup, seat, handover);
}

/* ---- who comes */

static bool take_worker(struct supervisor *sup, const char *line)
{
    size_t seat;
    int pid, control_fd, is_ready;
    struct child child = {0};
    if (sscanf(line, "%zu %d %d %d %" SCNu64 " %" SCNu64 " %u", &seat, &pid, &control_fd, &is_ready, &child.started_ms,
               &child.start_at_ms, &child.falls) != 7 ||
        seat >= sup->seats)
        return false;
    struct worker_child *worker = &sup->workers[seat];
    child.pid = pid;
    worker->child = child;
    worker->is_wanted = true;
    worker->is_ready = is_ready;
    worker->control_fd = pid ? control_fd : -1;
    worker->beat = atomic_load(&sup->beats[seat].count);
    worker->beat_ms = sup->looked_ms;
    return !pid || fcntl(control_fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool take_helper(struct supervisor *sup, const char *line)
{
    size_t seat, slot;
    int pid;
    struct helper_child helper = {0};
    if (sscanf(line, "%zu %zu %d %" SCNu64 " %" SCNu64, &seat, &slot, &pid, &helper.generation, &helper.child.started_ms) != 5 ||
        seat >= sup->seats || slot >= sup->plan->helpers)
        return false;
    helper.child.pid = pid;
    sup->workers[seat].helpers[slot] = helper;
    return true;
}

bool supervisor_take_over(struct supervisor *sup, const struct handover *handover)
{
    size_t workers, helpers, taken = 0;
    const char *line = handover_next(handover, "supervisor", NULL);
    if (!line || sscanf(line, "%zu %zu %d", &workers, &helpers, &sup->beats_fd) != 3 || workers != sup->plan->workers ||
        helpers != sup->plan->helpers || fcntl(sup->beats_fd, F_SETFD, FD_CLOEXEC) || !map_beats(sup))
        return false;
    for (size_t seat = 0; seat < sup->seats; seat++)
        sup->workers[seat].is_wanted = false;
    for (line = NULL; (line = handover_next(handover, "worker", line)); taken++)
        if (!take_worker(sup, line))
            return false;
    for (line = NULL; (line = handover_next(handover, "helper", line));)
        if (!take_helper(sup, line))
            return false;
    sup->was_ready = true;
    sup->is_restarting = true;
    return taken == workers;
}
