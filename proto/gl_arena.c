/*
 * gl_arena.c - scratch memory that goes at once. Part of gl_buf.h.
 */
#include <stdalign.h>
#include <stdlib.h>

#include "proto/gl_buf.h"

#define BLOCK_BYTES 8192

struct gl_arena_block {
    struct gl_arena_block *next;
    size_t cap;
    size_t used;
    alignas(max_align_t) char bytes[];
};

void gl_arena_init(struct gl_arena *arena)
{
    *arena = (struct gl_arena){0};
}

static void free_blocks(struct gl_arena_block *block)
{
    while (block) {
        struct gl_arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void gl_arena_fini(struct gl_arena *arena)
{
    free_blocks(arena->blocks);
    *arena = (struct gl_arena){0};
}

/* Keeps the oldest block of the usual size: one large message must not make every later turn heavy. */
void gl_arena_reset(struct gl_arena *arena)
{
    struct gl_arena_block *kept = NULL;
    for (struct gl_arena_block **link = &arena->blocks; *link && !kept;) {
        struct gl_arena_block *block = *link;
        if (block->cap == BLOCK_BYTES) {
            *link = block->next;
            kept = block;
        } else {
            link = &block->next;
        }
    }
    free_blocks(arena->blocks);
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    *arena = (struct gl_arena){.blocks = kept};
}

static struct gl_arena_block *add_block(struct gl_arena *arena, size_t bytes)
{
    size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct gl_arena_block *block = malloc(sizeof(*block) + cap);
    if (block) {
        block->cap = cap;
        block->used = 0;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *gl_arena_alloc(struct gl_arena *arena, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = (bytes + align - 1) / align * align;
    struct gl_arena_block *block = arena->blocks;
    if (!block || rounded > block->cap - block->used) {
        block = add_block(arena, rounded);
        if (!block) {
            return NULL;
        }
    }
    char *room = block->bytes + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    memset(room, 0, rounded);
    return room;
}

char *gl_arena_copy(struct gl_arena *arena, struct gl_slice slice)
{
    char *copy = gl_arena_alloc(arena, slice.len + 1);
    if (copy && slice.len > 0) {
        memcpy(copy, slice.data, slice.len);
    }
    return copy;
}
