/* text_myers.c - edit distances of one pattern to every place of a text, 64 rows of the table in one machine word. */
#include <stdlib.h>

#include "proto/model/text_priv.h"

#define WORD_BITS 64

/* One column of the table, 64 rows of it: where the distance grows by one from row to row, and where it shrinks. */
struct block {
    uint64_t grows, shrinks;
};

struct pattern {
    size_t count, block_count;
    struct block *blocks;
    /* For each symbol of the pattern the rows where it stands; the first row of masks belongs to symbols that are not in it. */
    uint64_t *masks;
    uint32_t *slots; /* open addressing: symbol + 1, 0 is free */
    uint32_t *rows;  /* beside it: the symbol's row of masks */
    size_t slot_count, row_count;
};

static size_t slot_of(const struct pattern *pattern, uint32_t symbol)
{
    size_t slot = (symbol * 2654435761u) & (pattern->slot_count - 1);
    while (pattern->slots[slot] != 0 && pattern->slots[slot] != symbol + 1) {
        slot = (slot + 1) & (pattern->slot_count - 1);
    }
    return slot;
}

static const uint64_t *masks_of(const struct pattern *pattern, uint32_t symbol)
{
    size_t slot = slot_of(pattern, symbol);
    return pattern->masks + (pattern->slots[slot] ? pattern->rows[slot] : 0) * pattern->block_count;
}

static void learn(struct pattern *pattern, uint32_t symbol, size_t at)
{
    size_t slot = slot_of(pattern, symbol);
    if (pattern->slots[slot] == 0) {
        pattern->slots[slot] = symbol + 1;
        pattern->rows[slot] = (uint32_t)++pattern->row_count;
    }
    pattern->masks[pattern->rows[slot] * pattern->block_count + at / WORD_BITS] |= (uint64_t)1 << (at % WORD_BITS);
}

/* How many different symbols there are, at most: exact counting would need the table that this is for. */
static bool make_tables(struct pattern *pattern, const struct folded_cp *symbols, bool reversed)
{
    pattern->slot_count = 64;
    while (pattern->slot_count < pattern->count * 2) {
        pattern->slot_count *= 2;
    }
    pattern->slots = calloc(pattern->slot_count, sizeof *pattern->slots);
    pattern->rows = calloc(pattern->slot_count, sizeof *pattern->rows);
    pattern->blocks = calloc(pattern->block_count, sizeof *pattern->blocks);
    if (!pattern->slots || !pattern->rows || !pattern->blocks) {
        return false;
    }
    size_t different = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        size_t slot = slot_of(pattern, symbols[i].symbol);
        different += pattern->slots[slot] == 0;
        pattern->slots[slot] = symbols[i].symbol + 1;
    }
    memset(pattern->slots, 0, pattern->slot_count * sizeof *pattern->slots);
    pattern->masks = calloc((different + 1) * pattern->block_count, sizeof *pattern->masks);
    if (!pattern->masks) {
        return false;
    }
    for (size_t i = 0; i < pattern->count; i++) {
        learn(pattern, symbols[reversed ? pattern->count - 1 - i : i].symbol, i);
    }
    return true;
}

struct pattern *pattern_new(const struct folded_cp *symbols, size_t count, bool reversed)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern) {
        return NULL;
    }
    pattern->count = count;
    pattern->block_count = (count + WORD_BITS - 1) / WORD_BITS;
    if (!make_tables(pattern, symbols, reversed)) {
        pattern_free(pattern);
        return NULL;
    }
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern) {
        return;
    }
    free(pattern->slots);
    free(pattern->rows);
    free(pattern->blocks);
    free(pattern->masks);
    free(pattern);
}

/* One block, one symbol of the text further. carry is the difference that enters at the top; the one at row last is given back. */
static inline int step(struct block *block, uint64_t equal, int carry, unsigned last)
{
    uint64_t grows = block->grows, shrinks = block->shrinks;
    uint64_t vertical = equal | shrinks;
    equal |= carry < 0;
    uint64_t horizontal = (((equal & grows) + grows) ^ grows) | equal;
    uint64_t up = shrinks | ~(horizontal | grows), down = grows & horizontal;
    int out = (int)((up >> last) & 1) - (int)((down >> last) & 1);
    up = up << 1 | (carry > 0);
    down = down << 1 | (carry < 0);
    block->grows = down | ~(vertical | up);
    block->shrinks = up & vertical;
    return out;
}

void pattern_distances(struct pattern *pattern, const struct folded_cp *text, size_t count, bool reversed, bool anchored,
                       uint16_t *distances)
{
    size_t blocks = pattern->block_count;
    unsigned last = (unsigned)((pattern->count - 1) % WORD_BITS);
    size_t distance = pattern->count;
    for (size_t i = 0; i < blocks; i++) {
        pattern->blocks[i] = (struct block){~(uint64_t)0, 0};
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t *masks = masks_of(pattern, text[reversed ? count - 1 - i : i].symbol);
        int carry = anchored;
        for (size_t b = 0; b + 1 < blocks; b++) {
            carry = step(&pattern->blocks[b], masks[b], carry, WORD_BITS - 1);
        }
        carry = step(&pattern->blocks[blocks - 1], masks[blocks - 1], carry, last);
        distance = (size_t)((ptrdiff_t)distance + carry);
        distances[i] = distance < UINT16_MAX ? (uint16_t)distance : UINT16_MAX;
    }
}
