/* known.c - the newest op ids of a stream, and what they stand for: a request that comes again is told from a new one. */
#include "service/core/core_priv.h"

void known_init(struct known_ops *known, size_t cap)
{
    *known = (struct known_ops){.cap = cap};
    map_init(&known->by_id);
}

void known_fini(struct known_ops *known)
{
    struct known_op *op;
    for (size_t at = 0; (op = map_next(&known->by_id, &at));)
        mem_free(&op);
    map_fini(&known->by_id);
    mem_free(&known->order);
}

void known_put(struct known_ops *known, const gl_uuid *op, const struct known_op *what)
{
    struct known_op *kept = map_get(&known->by_id, op);
    if (kept) {
        *kept = *what;
        return;
    }
    if (!known->order)
        known->order = mem_array(known->cap, sizeof *known->order);
    if (known->count == known->cap) {
        struct known_op *oldest = map_remove(&known->by_id, &known->order[known->at]);
        mem_free(&oldest);
        known->at = (known->at + 1) % known->cap;
        known->count--;
    }
    kept = mem_alloc(sizeof *kept);
    *kept = *what;
    map_put(&known->by_id, op, kept);
    known->order[(known->at + known->count++) % known->cap] = *op;
}
