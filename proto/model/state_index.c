/* state_index.c - from an annotation's id to its place in the state. */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/model/state_priv.h"

#define FIRST_SLOTS 64

struct gl_state_index {
    uint64_t secret[2];
    size_t slots;        /* a power of two */
    uint32_t *positions; /* position + 1; 0 is free */
};

static size_t slot_of(const struct gl_state_index *index, const gl_uuid *id)
{
    uint64_t half[2];
    memcpy(half, id->bytes, sizeof half);
    __uint128_t product = (__uint128_t)(half[0] ^ index->secret[0]) * (half[1] ^ index->secret[1]);
    return (size_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (index->slots - 1);
}

struct gl_state_index *state_index_new(void)
{
    struct gl_state_index *index = calloc(1, sizeof *index);
    if (!index) {
        return NULL;
    }
    /* Without randomness the index is as right as with it, only easier to slow down. */
    if (getrandom(index->secret, sizeof index->secret, GRND_NONBLOCK) != (ssize_t)sizeof index->secret) {
        index->secret[0] = index->secret[1] = (uint64_t)(uintptr_t)index;
    }
    return index;
}

void state_index_free(struct gl_state_index *index)
{
    if (!index) {
        return;
    }
    free(index->positions);
    free(index);
}

size_t state_index_find(const struct gl_state *state, const gl_uuid *id)
{
    const struct gl_state_index *index = state->index;
    if (index->slots == 0) {
        return INDEX_NONE;
    }
    for (size_t slot = slot_of(index, id); index->positions[slot] != 0; slot = (slot + 1) & (index->slots - 1)) {
        size_t position = index->positions[slot] - 1;
        if (gl_uuid_equal(&state->items[position]->id, id)) {
            return position;
        }
    }
    return INDEX_NONE;
}

void state_index_add(struct gl_state *state, const gl_uuid *id, size_t position)
{
    struct gl_state_index *index = state->index;
    assert(position < UINT32_MAX && state->count < index->slots);
    size_t slot = slot_of(index, id);
    while (index->positions[slot] != 0) {
        slot = (slot + 1) & (index->slots - 1);
    }
    index->positions[slot] = (uint32_t)(position + 1);
}

bool state_index_reserve(struct gl_state *state, size_t count)
{
    struct gl_state_index *index = state->index;
    size_t slots = index->slots ? index->slots : FIRST_SLOTS;
    while (slots / 2 < count) {
        slots *= 2;
    }
    if (slots == index->slots) {
        return true;
    }
    uint32_t *positions = calloc(slots, sizeof *positions);
    if (!positions) {
        return false;
    }
    free(index->positions);
    index->positions = positions;
    index->slots = slots;
    for (size_t i = 0; i < state->count; i++) {
        state_index_add(state, &state->items[i]->id, i);
    }
    return true;
}
