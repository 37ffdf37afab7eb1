/*
 * store.c - service/store/store.h for a worker of the simulator: each question reaches the database after a while, and its answer the worker after another.
 *
 * Between the two the database goes on: others append, the worker may die, the answer may be lost. A lost answer of an append is settled later, by op id.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "service/base/loop.h"
#include "service/base/mem.h"
#include "tests/sim/store_priv.h"
#include "tests/sim/watch.h"
#include "tests/sim/wire.h"

/* ---- questions */

uint64_t sim_ask_delay(void)
{
    if (fault_hits(FAULT_slow_store, 8))
        return 50 + draw(DICE_STORE, 900);
    return draw(DICE_STORE, 6) / 2;
}

static void cut_somebody(void *ctx, uint64_t arg)
{
    struct conn *conn = fault_may(FAULT_cut) ? wire_draw() : NULL;
    (void)ctx;
    (void)arg;
    if (conn)
        wire_cut(conn);
}

/* Small questions overtake each other: what is answered last need not have been asked last. Above all those after rights, which change meanwhile. */
static unsigned often_late(const struct ask *ask)
{
    switch (ask->kind) {
    case ASK_QUERY: return ask->query == STORE_Q_role_of_project ? 200 : 60;
    case ASK_OPEN: return 300;
    case ASK_TAIL: return 120;
    default: return 0;
    }
}

/* While a log is read, others come who know more of it. */
static uint64_t on_the_way_back(const struct ask *ask)
{
    if (!fault_hits(FAULT_slow_store, often_late(ask)))
        return sim_ask_delay();
    if (ask->kind == ASK_TAIL && fault_hits(FAULT_cut, 700))
        world_at(draw(DICE_STORE, 200), cut_somebody, NULL, 0);
    return draw(DICE_STORE, ask->kind == ASK_QUERY ? 1000 : 600);
}

struct ask *sim_ask(struct store *store, enum ask_kind kind, const gl_uuid *account, const gl_uuid *id, void (*fn)(void),
                    void *ctx)
{
    struct ask *ask = mem_alloc(sizeof *ask);
    ask->store = store;
    ask->kind = kind;
    ask->fn = fn;
    ask->ctx = ctx;
    ask->since_ms = world.now_ms;
    ask->has_event = !store->is_severed;
    if ((ask->has_account = account != NULL))
        ask->account = *account;
    if (id)
        ask->id = *id;
    ask->next = store->asks;
    if (store->asks)
        store->asks->prev = ask;
    store->asks = ask;
    if (ask->has_event)
        world_at(sim_ask_delay(), sim_ask_perform, ask, 0);
    return ask;
}

void sim_ask_free(struct ask *ask)
{
    for (size_t i = 0; i < ask->record_count; i++)
        gl_annotation_unref(&ask->records[i]);
    mem_free(&ask->records);
    mem_free(&ask->heads);
    mem_free(&ask->ids);
    mem_free(&ask);
}

static void unlink_ask(struct ask *ask)
{
    struct store *store = ask->store;
    if (ask->prev)
        ask->prev->next = ask->next;
    else
        store->asks = ask->next;
    if (ask->next)
        ask->next->prev = ask->prev;
    ask->store = NULL;
}

/* ---- there and back */

static void answer(struct ask *ask)
{
    switch (ask->kind) {
    case ASK_APPEND: sim_answer_append(ask); break;
    case ASK_HOLD: ((store_hold_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code); break;
    case ASK_OPEN: sim_answer_open(ask); break;
    case ASK_LOAD: sim_answer_load(ask); break;
    case ASK_TAIL: sim_answer_tail(ask); break;
    case ASK_PROJECT: sim_answer_project(ask); break;
    case ASK_HEADS:
        ((store_heads_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, ask->heads, ask->code == GL_OK ? ask->count : 0);
        break;
    case ASK_QUERY: sim_answer_query(ask); break;
    }
}

/* What the answer is to a session; NULL: nothing. */
static const char *event_of(const struct ask *ask)
{
    static const char *const outcomes[] = {"committed", "fence lost", "locked", "fence lost", "not appended", "not appended"};
    const bool is_good = ask->code == GL_OK;
    switch (ask->kind) {
    case ASK_APPEND: return is_good ? outcomes[ask->streams[0].outcome] : "not appended";
    case ASK_HOLD: return is_good ? "held" : "not held";
    case ASK_OPEN: return "opened";
    case ASK_LOAD: return is_good ? "loaded" : "not loaded";
    case ASK_TAIL: return is_good ? "tail" : "no tail";
    case ASK_QUERY: return ask->query != STORE_Q_ops_by_id ? NULL : is_good ? "looked up" : "not looked up";
    default: return NULL;
    }
}

static void answer_now(void *ctx)
{
    struct ask *ask = ctx;
    const struct worker *worker = ask->store ? ask->store->worker : NULL;
    const char *event = event_of(ask);
    const gl_uuid of = ask->kind == ASK_APPEND ? ask->streams[0].stream : ask->id;
    if (ask->store)
        unlink_ask(ask);
    answer(ask);
    sim_ask_free(ask);
    if (worker)
        watch_came(worker, event ? &of : NULL, event ? event : "turn");
}

void sim_ask_arrive(void *ctx, uint64_t arg)
{
    struct ask *ask = ctx;
    (void)arg;
    if (!ask->store) { /* its worker is dead */
        sim_ask_free(ask);
        return;
    }
    ask->is_answered = true;
    loop_defer(ask->store->loop, answer_now, ask);
}

void sim_ask_perform(void *ctx, uint64_t arg)
{
    struct ask *ask = ctx;
    (void)arg;
    if (!ask->store) {
        sim_ask_free(ask);
    } else if (ask->kind == ASK_APPEND) {
        sim_perform_append(ask);
    } else if (ask->kind == ASK_HOLD) {
        sim_perform_hold(ask);
    } else {
        if (db_is_away() || fault_hits(FAULT_unread, 15)) {
            ask->code = GL_E_STORE_DOWN;
            SAW(reads_failed);
        } else {
            sim_read_rows(ask);
        }
        world_at(on_the_way_back(ask), sim_ask_arrive, ask, 0);
    }
}

/* ---- waking the others */

struct notice {
    struct worker *to;
    uint64_t life;
    size_t count;
    struct store_head moved[LOGS];
};

static void hear(void *ctx)
{
    struct notice *notice = ctx;
    struct store *store = notice->to->store;
    if (store && store->moved && !store->is_severed)
        store->moved(store->moved_ctx, notice->moved, notice->count);
    watch_came(notice->to, notice->count == 1 ? &notice->moved[0].stream : NULL, "told");
    mem_free(&notice);
}

static void notice_arrives(void *ctx, uint64_t arg)
{
    struct notice *notice = ctx;
    (void)arg;
    if (notice->to->store && notice->to->life == notice->life)
        loop_defer(notice->to->loop, hear, notice);
    else
        mem_free(&notice);
}

void store_notify(struct store *store, const struct store_head *moved, size_t count)
{
    for (size_t i = 0; i < worker_count && !store->is_severed; i++) {
        struct worker *to = &workers[i];
        if (to->store == store || !to->store || !to->store->moved)
            continue;
        SAW(notifications);
        if (fault_may(FAULT_deaf) && fault_hits(FAULT_deaf, 200)) {
            SAW(notifications_lost);
            continue;
        }
        struct notice *notice = mem_alloc(sizeof *notice);
        *notice = (struct notice){.to = to, .life = to->life, .count = count < LOGS ? count : LOGS};
        memcpy(notice->moved, moved, notice->count * sizeof *moved);
        if (fault_hits(FAULT_deaf, 30)) {
            notice->count = 0;
            SAW(notifications_vague);
        }
        world_at(sim_ask_delay(), notice_arrives, notice, 0);
    }
}

void store_listen(struct store *store, store_moved_fn fn, void *ctx)
{
    store->moved = fn;
    store->moved_ctx = ctx;
}

/* ---- the rest */

/* One connection, two or three, as the worker is. While an outcome is unknown, its connection is another one. */
unsigned store_writers(const struct store *store, unsigned *idle)
{
    const unsigned all = 1 + (unsigned)((store->worker->index + world.plan.seed) % 3);
    unsigned busy = 0;
    for (const struct ask *ask = store->asks; ask; ask = ask->next)
        busy += ask->kind == ASK_APPEND && !ask->is_held && !ask->is_unsettled;
    *idle = all > busy ? all - busy : 0;
    return all;
}
bool store_is_up(const struct store *store)
{
    return !store->is_severed && !db_is_away();
}
uint64_t store_generation(const struct store *store)
{
    (void)store;
    return 0; /* it is the same database for ever */
}
int64_t store_now_ms(const struct store *store)
{
    return loop_unix_ms(store->worker->loop) - store->worker->skew_ms + (store->worker->skew_ms % 200);
}
size_t store_in_flight(const struct store *store)
{
    size_t count = 0;
    for (const struct ask *ask = store->asks; ask; ask = ask->next)
        count++;
    return count;
}

/* Presence is not simulated: nobody hears. */
void store_hear(struct store *store, store_said_fn fn, void *ctx)
{
    (void)store;
    (void)fn;
    (void)ctx;
}
enum store_saying store_may_say(const struct store *store)
{
    (void)store;
    return STORE_SAY_NOBODY;
}
void store_say(struct store *store, const void *bytes, size_t len)
{
    (void)store;
    (void)bytes;
    (void)len;
}

bool store_kind_known(const struct store *store, enum gl_op_kind kind)
{
    (void)store;
    (void)kind;
    return true;
}

struct store *sim_store_new(struct worker *worker)
{
    struct store *store = mem_alloc(sizeof *store);
    store->worker = worker;
    store->loop = worker->loop;
    return store;
}

/* What had been sent may have reached the database. */
void sim_store_sever(struct store *store)
{
    for (struct ask *ask = store->asks; ask; ask = ask->next)
        if (ask->kind == ASK_APPEND && !ask->is_performed && !db_is_away() && chance(DICE_STORE, 500))
            sim_write_all(ask);
    store->is_severed = true;
    sim_store_let_go(store);
}

/* The event of an ask frees it; to its dead worker another one says that it failed. */
void sim_store_fail_all(struct store *store)
{
    struct ask *ask = store->asks, *next;
    for (; ask; ask = next) {
        next = ask->next;
        if (ask->is_answered)
            continue; /* it is among what the loop has to run */
        struct ask *failed = mem_alloc(sizeof *failed);
        *failed = *ask;
        failed->records = NULL;
        failed->heads = NULL;
        failed->ids = NULL;
        failed->record_count = 0;
        failed->code = GL_E_STORE_DOWN;
        for (size_t i = 0; ask->kind == ASK_APPEND && i < ask->count; i++)
            mem_free(&ask->streams[i].found);
        unlink_ask(ask);
        failed->store = NULL;
        if (!ask->has_event)
            sim_ask_free(ask);
        answer_now(failed);
    }
}

bool sim_store_is_settled(const struct store *store)
{
    for (const struct ask *ask = store->asks; ask; ask = ask->next)
        if (ask->is_unsettled)
            return false;
    return true;
}

bool sim_store_is_idle(const struct store *store)
{
    return !store->asks;
}

void store_free(struct store **store)
{
    assert(!(*store)->asks);
    mem_free(store);
}
