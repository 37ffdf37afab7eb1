/* store_append.c - appends and holds: when they reach the database, what becomes of those whose answer is lost, who has a stream's lock. */
#include "proto/gl_mutation.h"
#include "service/base/mem.h"
#include "tests/sim/store_priv.h"
#include "tests/sim/wire.h"

#define HOLD_WAIT_MS 2000 /* for the row */
#define HOLD_IDLE_MS 3000 /* until the database ends a hold that nothing comes of */

/* The connection is back: what became of it is asked by op id, under the row's lock. */
static void settle(void *ctx, uint64_t arg)
{
    struct ask *ask = ctx;
    if (!ask->store) {
        sim_ask_free(ask);
        return;
    }
    bool is_locked = db_is_away();
    for (size_t i = 0; i < ask->count; i++) {
        const struct db_log *log = db_log_of(&ask->streams[i].stream);
        is_locked |= log->locked_until_ms > world.now_ms || (log->holder && log->holder != ask->store);
    }
    if (is_locked) {
        world_at(100, settle, ask, arg);
        return;
    }
    for (size_t i = 0; i < ask->count; i++) {
        bool is_there = db_has_all(&ask->streams[i]) || MUTATION(unknown_taken_for_committed);
        mem_free(&ask->streams[i].found);
        ask->streams[i].found_count = 0;
        ask->streams[i].outcome = is_there ? APPEND_COMMITTED : APPEND_FENCE_LOST;
        trace("worker %zu  the append to %zu is found out: %s", ask->store->worker->index,
              (size_t)(db_log_of(&ask->streams[i].stream) - database.logs), is_there ? "committed" : "not there");
        if (is_there)
            SAW(unknown_committed);
        else
            SAW(unknown_absent);
    }
    ask->code = GL_OK;
    world_at(sim_ask_delay(), sim_ask_arrive, ask, 0);
}

void sim_store_let_go(struct store *store)
{
    if (store->holding && store->holding->holder == store)
        store->holding->holder = NULL;
    store->holding = NULL;
    store->hold_number++;
}

static bool awaits(const void *ctx, size_t person)
{
    const struct ask *ask = ctx;
    return wire_had_peer(ask->store->worker, person, ask->since_ms);
}

void sim_write_all(struct ask *ask)
{
    for (size_t i = 0; i < ask->count; i++) {
        struct append_stream *stream = &ask->streams[i];
        bool is_alone = ask->is_held && db_log_of(&stream->stream)->holder == ask->store;
        db_append(ask->store, stream, awaits, ask);
        if (is_alone && stream->outcome == APPEND_FENCE_LOST && stream->expected_head != db_log_of(&stream->stream)->head)
            broken(6, "worker %zu holds the lock of %zu and appends at %llu, behind its end", ask->store->worker->index,
                   (size_t)(db_log_of(&stream->stream) - database.logs), (unsigned long long)stream->expected_head + 1);
        trace("worker %zu  append to %zu of %zu ops at %llu: %s", ask->store->worker->index,
              (size_t)(db_log_of(&stream->stream) - database.logs), stream->op_count,
              (unsigned long long)stream->expected_head + 1,
              (const char *[]){"committed", "fence lost", "locked", "found", "exists", "failed"}[stream->outcome]);
    }
    SAW(streams_in_one_append);
}

void sim_perform_append(struct ask *ask)
{
    struct store *store = ask->store;
    bool is_lost_before = db_is_away() ? chance(DICE_STORE, 500) : fault_hits(FAULT_lost_answer, 12);
    if (ask->is_held)
        SAW(held_appends);
    if (db_is_away() && !is_lost_before) {
        SAW(appends_store_down);
        ask->code = GL_E_STORE_DOWN;
        if (ask->is_held)
            sim_store_let_go(store);
        world_at(sim_ask_delay(), sim_ask_arrive, ask, 0);
        return;
    }
    if (!is_lost_before)
        sim_write_all(ask);
    if (ask->is_held)
        sim_store_let_go(store);
    ask->is_performed = true;
    ask->is_unsettled = is_lost_before || fault_hits(FAULT_lost_answer, 25);
    if (ask->is_unsettled)
        world_at(100 + draw(DICE_STORE, chance(DICE_STORE, 150) ? 8000 : 600), settle, ask, 0);
    else
        world_at(sim_ask_delay(), sim_ask_arrive, ask, 0);
}

static void free_found(struct ask *ask, struct append_found **found)
{
    for (size_t i = 0; i < ask->count; i++)
        mem_free(&found[i]);
    mem_free(&found);
}

void sim_answer_append(struct ask *ask)
{
    struct append_found **found = mem_array(ask->count, sizeof *found);
    if (ask->code == GL_OK)
        for (size_t i = 0; i < ask->count; i++)
            found[i] = ask->streams[i].found;
    ((store_append_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, ask->streams, ask->count);
    free_found(ask, found);
}

void store_append(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx)
{
    struct ask *ask = sim_ask(store, ASK_APPEND, NULL, NULL, (void (*)(void))fn, ctx);
    ask->streams = streams;
    ask->count = count;
}

/* ---- holding */

void sim_perform_hold(struct ask *ask)
{
    struct store *store = ask->store;
    struct db_log *log = store->holding;
    bool is_free = log->locked_until_ms <= world.now_ms && !log->holder;
    if (!db_is_away() && !is_free && world.now_ms - ask->since_ms < HOLD_WAIT_MS) {
        world_at(20, sim_ask_perform, ask, 0);
        return;
    }
    ask->code = db_is_away() ? GL_E_STORE_DOWN : is_free ? GL_OK : GL_E_BUSY;
    if (ask->code == GL_OK) {
        log->holder = store;
        SAW(holds_granted);
    } else {
        sim_store_let_go(store);
        SAW(holds_busy);
    }
    world_at(sim_ask_delay(), sim_ask_arrive, ask, 0);
}

static void end_hold(void *ctx, uint64_t number)
{
    struct worker *worker = ctx;
    struct store *store = worker->store;
    if (!store || store->hold_number != number || !store->holding || store->holding->holder != store)
        return;
    store->holding->holder = NULL; /* the transaction is over; the worker will find out */
    SAW(holds_ended_by_database);
}

bool store_hold(struct store *store, const gl_uuid *stream, store_hold_fn fn, void *ctx)
{
    if (store->holding)
        return false;
    store->holding = db_log_of(stream);
    sim_ask(store, ASK_HOLD, NULL, stream, (void (*)(void))fn, ctx);
    if (!store->is_severed)
        world_at(HOLD_WAIT_MS + HOLD_IDLE_MS, end_hold, store->worker, store->hold_number);
    return true;
}

void store_hold_append(struct store *store, struct append_stream *stream, store_append_fn fn, void *ctx)
{
    struct ask *ask = sim_ask(store, ASK_APPEND, NULL, NULL, (void (*)(void))fn, ctx);
    ask->streams = stream;
    ask->count = 1;
    ask->is_held = true;
}

void store_release(struct store *store)
{
    sim_store_let_go(store);
}
