/*
 * sim.h - what the files of the simulator share: one world with its clock, the faults that may happen in it, and what was counted.
 *
 * Owns      the world of the seed that runs. There is one at a time, because libgloss asks for the time without saying whose (lg_now_ms).
 * Lifetime  world_begin / world_end around one seed; everything made in between is gone afterwards.
 * Thread    one.
 * Units     milliseconds of the world's own clock, which starts at 1 000 000.
 * Errors    a broken promise is said by broken(), once; the seed then ends as soon as the event at hand returns.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/gl_buf.h"
#include "tests/sim/cover.h"

/* ---- what may happen. A seed that fails is tried again without each of these, until only those are left that it needs. */

/*       name          what happens                                                                                             */
#define SIM_FAULTS(X)                                                                                                            \
    X(cut, "a connection is lost with what is under way on it; either end may take seconds to notice")                           \
    X(stall, "nothing passes in one direction of a connection for a while")                                                      \
    X(full, "a client reads slowly: its socket takes little at a time")                                                          \
    X(kill, "a worker is killed, and comes back")                                                                                \
    X(drain, "a worker is told to stop, finishes, and comes back")                                                               \
    X(freeze, "a worker does nothing for a while")                                                                               \
    X(quit, "a client is killed, and comes back without its replica")                                                            \
    X(down, "the database is away")                                                                                              \
    X(lost_answer, "a worker's connection is lost before or after its append committed")                                         \
    X(unread, "a question is not answered, though the database is there")                                                        \
    X(slow_store, "statements take long")                                                                                        \
    X(row_lock, "a stranger holds the lock of a stream's row")                                                                   \
    X(deaf, "notifications are lost, or only say that something moved")                                                          \
    X(repeat, "an op that was accepted arrives again, elsewhere; or its id with another change")                                 \
    X(role, "somebody's role changes")                                                                                           \
    X(clock, "a worker's clock jumps")                                                                                           \
    X(late_page, "a page of the state comes after ops that are newer than it")                                                   \
    X(policy, "the codebook is closed and opened")                                                                               \
    X(erase, "people erase words, in every other seed")
enum fault {
#define X(name, doc) FAULT_##name,
    SIM_FAULTS(X)
#undef X
        FAULT_COUNT
};
extern const char *const fault_names[FAULT_COUNT], *const fault_docs[FAULT_COUNT];

/* ---- what was seen, for the figures at the end */

/* clang-format off */
#define SIM_SEEN(X) \
    X(ops_asked) X(ops_accepted) X(ops_repeated) X(ops_refused) X(atomic_groups) X(ops_based_on_ops) X(appends_committed) \
    X(appends_fence_lost) X(appends_locked) X(appends_found) X(appends_store_down) X(streams_in_one_append) \
    X(unknown_committed) X(unknown_absent) X(epoch_moved_under_append) X(project_ops) X(holds_granted) X(holds_busy) \
    X(holds_ended_by_database) X(held_appends) X(notifications) X(notifications_lost) X(notifications_vague) \
    X(reads_of_the_log) X(reads_of_the_state) X(reads_failed) X(lookups_of_ops) X(connections) X(connections_refused) \
    X(closed_by_server) X(frames_of_ops) X(frames_lost) X(sockets_full) X(joins_new) X(joins_resumed) X(resyncs_told) \
    X(resyncs_by_worker) X(synced) X(notices) X(sessions_failed) X(rejoins) X(stale_refusals_checked) X(overwrites_checked) \
    X(id_reuse_refused) X(strangers_refused) X(workers_started) X(refused_then_accepted) X(revoked_told_nothing) \
    X(posted) X(told_to_wait) X(late_joiners) X(ops_erased) X(erasures_checked) X(events)
/* clang-format on */
enum seen {
#define X(name) SEEN_##name,
    SIM_SEEN(X)
#undef X
        SEEN_COUNT
};
extern const char *const seen_names[SEEN_COUNT];
#define CODES_MAX 128
struct tally { /* of one process; the parent adds them up */
    uint64_t seeds, seen[SEEN_COUNT], faults[FAULT_COUNT], refusals[CODES_MAX];
    struct cover cover;
};
#define SAW(name) (world.tally->seen[SEEN_##name]++)

/* ---- one seed */

#define WORKERS_MAX 3
#define PEOPLE_MAX  6
struct plan {
    uint64_t seed;
    unsigned ops;
    uint32_t without; /* faults that do not happen: bits of enum fault */
    bool is_traced;
};

/* Each part of the world draws from a generator of its own, so that leaving out one thing changes the others little. */
enum dice { DICE_PLAN, DICE_NET, DICE_STORE, DICE_FAULT, DICE_PEOPLE, DICE_BYTES, DICE_COUNT };

typedef void (*event_fn)(void *ctx, uint64_t arg);
struct event {
    uint64_t at_ms, order;
    event_fn fn;
    void *ctx;
    uint64_t arg;
};
struct world {
    struct plan plan;
    uint64_t now_ms, order;
    uint64_t dice[DICE_COUNT];
    struct event *heap;
    size_t count, cap;
    bool is_calm; /* faults are over, everything heals */
    bool is_over; /* only memory is still given back */
    bool is_broken;
    char why[1024];
    struct tally *tally;
};
extern struct world world;

void world_begin(const struct plan *plan, struct tally *tally);
void world_run_out(void); /* what is still due is given back, nothing new is taken */
void world_end(void);
bool world_step(void); /* the next event; false: there is none, or a promise is broken */
void world_at(uint64_t in_ms, event_fn fn, void *ctx, uint64_t arg); /* things due at the same time come in any order */
uint64_t draw(enum dice dice, uint64_t below);                       /* 0 .. below-1 */
bool chance(enum dice dice, unsigned in_thousand);
bool fault_may(enum fault fault);                        /* it is not left out, and faults are not over */
bool fault_hits(enum fault fault, unsigned in_thousand); /* draws, and counts it */
void fault_bit(enum fault fault);

void broken(int promise, const char *fmt, ...) GL_PRINTF(2, 3);
void trace(const char *fmt, ...) GL_PRINTF(1, 2);

/* Runs one seed to its end. False: world.why says which promise was broken. */
bool sim_run(const struct plan *plan, struct tally *tally);

#endif
