/* codebook_index.c - from an id, or a kind and a name, to the term. */
#include <stdlib.h>
#include <sys/random.h>

#include "proto/model/codebook_priv.h"

#define FIRST_SLOTS 32

struct key {
    enum gl_term_kind kind; /* of no account when the key is an id */
    struct gl_slice bytes;
};

static struct key key_of_id(const gl_uuid *id)
{
    return (struct key){GL_TERM_LABEL, gl_slice_of(id->bytes, sizeof id->bytes)};
}

static struct key key_of(const struct term_index *index, const struct gl_term *term)
{
    return index->is_by_name ? (struct key){term->kind, term->name} : key_of_id(&term->id);
}

static bool is_same(struct key a, struct key b)
{
    return a.kind == b.kind && gl_slice_equal(a.bytes, b.bytes);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static size_t slot_of(const struct term_index *index, struct key key)
{
    uint64_t hash = index->secret[0] ^ (uint64_t)key.kind ^ (key.bytes.len << 8);
    for (size_t at = 0; at < key.bytes.len; at += sizeof(uint64_t)) {
        uint64_t part = 0;
        size_t left = key.bytes.len - at;
        memcpy(&part, key.bytes.data + at, left < sizeof part ? left : sizeof part);
        hash = fold(hash ^ part, index->secret[1]);
    }
    return (size_t)hash & (index->slots - 1);
}

void term_index_init(struct term_index *index, bool is_by_name)
{
    *index = (struct term_index){.is_by_name = is_by_name};
    /* Without randomness the index is as right as with it, only easier to slow down. */
    if (getrandom(index->secret, sizeof index->secret, GRND_NONBLOCK) != (ssize_t)sizeof index->secret) {
        index->secret[0] = index->secret[1] = 0x9E3779B97F4A7C15u;
    }
    index->secret[1] |= 1;
}

void term_index_fini(struct term_index *index)
{
    free(index->terms);
    *index = (struct term_index){.slots = 0};
}

static void add(struct term_index *index, struct gl_term *term)
{
    size_t slot = slot_of(index, key_of(index, term));
    while (index->terms[slot]) {
        slot = (slot + 1) & (index->slots - 1);
    }
    index->terms[slot] = term;
    index->count++;
}

bool term_index_reserve(struct term_index *index, size_t count)
{
    struct term_index old = *index;
    size_t slots = old.slots ? old.slots : FIRST_SLOTS;
    while (slots / 2 < count) {
        slots *= 2;
    }
    if (slots == old.slots) {
        return true;
    }
    index->terms = calloc(slots, sizeof(struct gl_term *));
    if (!index->terms) {
        index->terms = old.terms;
        return false;
    }
    index->slots = slots;
    index->count = 0;
    for (size_t i = 0; i < old.slots; i++) {
        if (old.terms[i]) {
            add(index, old.terms[i]);
        }
    }
    free(old.terms);
    return true;
}

/* NULL: there is none, and room for it behind the last one tried. */
static struct gl_term **find(const struct term_index *index, struct key key)
{
    if (index->slots == 0) {
        return NULL;
    }
    for (size_t slot = slot_of(index, key); index->terms[slot]; slot = (slot + 1) & (index->slots - 1)) {
        if (is_same(key_of(index, index->terms[slot]), key)) {
            return &index->terms[slot];
        }
    }
    return NULL;
}

struct gl_term *term_index_by_id(const struct term_index *index, const gl_uuid *id)
{
    struct gl_term **found = find(index, key_of_id(id));
    return found ? *found : NULL;
}

struct gl_term *term_index_by_name(const struct term_index *index, enum gl_term_kind kind, struct gl_slice name)
{
    struct gl_term **found = find(index, (struct key){kind, name});
    return found ? *found : NULL;
}

void term_index_put(struct term_index *index, struct gl_term *term)
{
    struct gl_term **found = find(index, key_of(index, term));
    if (found) {
        *found = term;
    } else {
        add(index, term);
    }
}

/* What stands behind the gap, and would no longer be found, moves up into it. */
static void close_gap(struct term_index *index, size_t gap)
{
    const size_t mask = index->slots - 1;
    for (size_t slot = (gap + 1) & mask; index->terms[slot]; slot = (slot + 1) & mask) {
        size_t home = slot_of(index, key_of(index, index->terms[slot]));
        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            index->terms[gap] = index->terms[slot];
            index->terms[slot] = NULL;
            gap = slot;
        }
    }
}

void term_index_remove(struct term_index *index, const struct gl_term *term)
{
    struct gl_term **found = find(index, key_of(index, term));
    if (!found || *found != term) {
        return;
    }
    *found = NULL;
    index->count--;
    close_gap(index, (size_t)(found - index->terms));
}
