/* store_mem.c - a store's life, the faults that a test orders, and what the stores of one database tell each other. */
#include "tests/unit/core/store_mem_priv.h"

#include <check.h>
#include <limits.h>

#include "service/base/loop.h"
#include "service/base/mem.h"

struct store *store_mem_new(struct db *db, struct loop *loop)
{
    struct store *store = mem_alloc(sizeof *store);
    store->db = db;
    store->loop = loop;
    store->writers = 1;
    return store;
}

void store_free(struct store **store)
{
    if (*store) {
        mem_free(&(*store)->late_tail); /* nobody is there to be told */
        mem_free(&(*store)->late_project);
    }
    mem_free(store);
}

void store_mem_fault(struct store *store, enum store_fault fault, unsigned times)
{
    store->fault = fault;
    store->fault_times = times;
}

void store_mem_set_readable(struct store *store, bool is_readable)
{
    store_mem_readable_for(store, is_readable ? UINT_MAX - store->questions : 0);
}
void store_mem_readable_for(struct store *store, unsigned questions)
{
    store->readable_until = 1 + store->questions + questions;
}
void store_mem_set_clock(struct store *store, int64_t ms)
{
    store->clock_ms = ms;
}
void store_mem_set_up(struct store *store, bool is_up)
{
    store->is_down = !is_up;
}
unsigned store_mem_questions(const struct store *store)
{
    return store->questions;
}
unsigned store_mem_appends(const struct store *store)
{
    return store->appends;
}
void store_mem_refuse_holds(struct store *store, bool are_refused)
{
    store->are_holds_refused = are_refused;
}
void store_mem_set_writers(struct store *store, unsigned writers)
{
    store->writers = writers;
}
unsigned store_writers(const struct store *store, unsigned *idle)
{
    *idle = store->writers > store->busy ? store->writers - store->busy : 0;
    return store->writers;
}
bool store_is_up(const struct store *store)
{
    return !store->is_down;
}
uint64_t store_generation(const struct store *store)
{
    (void)store;
    return 0; /* it is the same database for ever */
}
int64_t store_now_ms(const struct store *store)
{
    return loop_unix_ms(store->loop) + store->clock_ms;
}

void store_mem_lack_kind(struct store *store, enum gl_op_kind kind)
{
    store->is_lacking[kind] = true;
}
bool store_kind_known(const struct store *store, enum gl_op_kind kind)
{
    return !store->is_lacking[kind];
}

/* ---- notifications: everybody else hears of it in the next turn */

struct notification {
    struct db *db;
    const struct store *from;
    struct store_head *moved;
    size_t count;
};

void store_mem_lose_notifications(struct store *store, bool is_lost)
{
    store->are_notifications_lost = is_lost;
}

void store_listen(struct store *store, store_moved_fn fn, void *ctx)
{
    struct store **listeners = store->db->listeners;
    size_t at = 0;
    store->moved = fn;
    store->moved_ctx = ctx;
    while (at < LISTENERS_MAX && listeners[at] != (fn ? NULL : store))
        at++;
    ck_assert_uint_lt(at, LISTENERS_MAX);
    listeners[at] = fn ? store : NULL;
}

static void notify_now(void *ctx)
{
    struct notification *it = ctx;
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct store *to = it->db->listeners[i];
        if (to && to != it->from)
            to->moved(to->moved_ctx, it->moved, it->count);
    }
    mem_free(&it->moved);
    mem_free(&it);
}

void store_notify(struct store *store, const struct store_head *moved, size_t count)
{
    if (store->are_notifications_lost)
        return;
    struct notification *it = mem_alloc(sizeof *it);
    it->db = store->db;
    it->from = store;
    it->moved = (struct store_head *)(void *)mem_copy(moved, count * sizeof *moved);
    it->count = count;
    loop_defer(store->loop, notify_now, it);
}

/* ---- words that nothing keeps */

struct word {
    struct store *from;
    size_t len;
    char bytes[STORE_SAY_MAX];
};

void store_hear(struct store *store, store_said_fn fn, void *ctx)
{
    store->said = fn;
    store->said_ctx = ctx;
}

enum store_saying store_may_say(const struct store *store)
{
    size_t others = 0;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        others += store->db->listeners[i] && store->db->listeners[i] != store;
    return store->is_down ? STORE_SAY_LATER : others > 0 ? STORE_SAY_NOW : STORE_SAY_NOBODY;
}

static void say_now(void *ctx)
{
    struct word *word = ctx;
    gl_uuid worker = gl_uuid_derive("worker", &word->from, sizeof word->from);
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct store *to = word->from->db->listeners[i];
        if (to && to != word->from && to->said)
            to->said(to->said_ctx, &worker, gl_slice_of(word->bytes, word->len));
    }
    mem_free(&word);
}

void store_say(struct store *store, const void *bytes, size_t len)
{
    ck_assert_int_eq(store_may_say(store), STORE_SAY_NOW);
    ck_assert_uint_le(len, STORE_SAY_MAX);
    store->sayings++;
    if (store->are_notifications_lost)
        return;
    struct word *word = mem_alloc(sizeof *word);
    word->from = store;
    word->len = len;
    memcpy(word->bytes, bytes, len);
    loop_defer(store->loop, say_now, word);
}

unsigned store_mem_sayings(const struct store *store)
{
    return store->sayings;
}

void store_mem_notify_everything(struct store *store)
{
    store->moved(store->moved_ctx, NULL, 0);
}
