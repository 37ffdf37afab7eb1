/*
 * heap.c - memory for sim_fast: malloc and its family, in classes of sizes and without locks, for a process of one thread that makes the same things again
 * and again. The sanitizer's build does without it, and finds there what is freed twice or never.
 *
 * A chunk is aligned to its own size and begins with what is in it, so that free finds that from the address alone. A chunk is never given back: a seed
 * needs what the one before it needed.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/sim/memo.h"

#define CHUNK       ((size_t)1 << 18)
#define FINE_MAX    512 /* in steps of 16; above, four classes to each power of two */
#define SMALL_MAX   ((size_t)1 << 15)
#define CLASSES     64
#define CHUNK_BEGIN 64

struct chunk {
    size_t size;  /* of each piece; of the one piece, when it is large */
    size_t whole; /* mapped, when it is large; 0 otherwise */
    unsigned class_of, live;
    struct chunk *next; /* of its class */
};
struct piece {
    struct piece *next;
};
static struct piece *free_pieces[CLASSES];
static char *fresh[CLASSES], *fresh_end[CLASSES];
static struct chunk *chunks[CLASSES], *empty[CLASSES];

static unsigned class_for(size_t size, size_t *rounded)
{
    if (size <= FINE_MAX) {
        unsigned n = (unsigned)((size + 15) / 16);
        *rounded = n ? (size_t)n * 16 : 16;
        return n ? n - 1 : 0;
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(size - 1); /* 2^power < size <= 2^(power + 1) */
    size_t step = (size_t)1 << (power - 2);
    size_t quarter = (size - 1 - ((size_t)1 << power)) / step;
    *rounded = ((size_t)1 << power) + (quarter + 1) * step;
    return FINE_MAX / 16 + (power - 9) * 4 + (unsigned)quarter;
}

static struct chunk *chunk_of(const void *piece)
{
    return (struct chunk *)((uintptr_t)piece & ~(CHUNK - 1));
}

static char *map_chunk(size_t bytes)
{
    char *at = mmap(NULL, bytes + CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        abort();
    char *aligned = (char *)(((uintptr_t)at + CHUNK - 1) & ~(CHUNK - 1));
    if (aligned > at)
        munmap(at, (size_t)(aligned - at));
    munmap(aligned + bytes, CHUNK - (size_t)(aligned - at));
    return aligned;
}

static void *allocate_large(size_t size)
{
    size_t whole = (size + CHUNK_BEGIN + 4095) & ~(size_t)4095;
    struct chunk *chunk = (struct chunk *)(void *)map_chunk(whole);
    *chunk = (struct chunk){.size = size, .whole = whole};
    return (char *)chunk + CHUNK_BEGIN;
}

static struct chunk *next_chunk(unsigned class_of, size_t size)
{
    struct chunk *chunk = empty[class_of];
    if (chunk) {
        empty[class_of] = chunk->next;
    } else {
        chunk = (struct chunk *)(void *)map_chunk(CHUNK);
        *chunk = (struct chunk){.size = size, .class_of = class_of};
    }
    chunk->next = chunks[class_of];
    chunks[class_of] = chunk;
    return chunk;
}

static void *allocate_fresh(unsigned class_of, size_t size)
{
    if (!fresh[class_of] || fresh[class_of] + size > fresh_end[class_of]) {
        char *at = (char *)next_chunk(class_of, size);
        fresh[class_of] = at + CHUNK_BEGIN;
        fresh_end[class_of] = at + CHUNK;
    }
    void *piece = fresh[class_of];
    fresh[class_of] += size;
    chunk_of(piece)->live++;
    return piece;
}

void heap_tidy(void)
{
    for (unsigned i = 0; i < CLASSES; i++) {
        struct chunk *chunk = chunks[i], *next;
        chunks[i] = NULL;
        fresh[i] = fresh_end[i] = NULL;
        free_pieces[i] = NULL;
        for (; chunk; chunk = next) {
            struct chunk **list = chunk->live > 0 ? &chunks[i] : &empty[i];
            next = chunk->next;
            chunk->next = *list;
            *list = chunk;
        }
    }
}

void *malloc(size_t size)
{
    size_t rounded;
    if (size > SMALL_MAX)
        return allocate_large(size);
    unsigned class_of = class_for(size, &rounded);
    struct piece *piece = free_pieces[class_of];
    if (!piece)
        return allocate_fresh(class_of, rounded);
    free_pieces[class_of] = piece->next;
    chunk_of(piece)->live++;
    return piece;
}

void free(void *at)
{
    if (!at)
        return;
    struct chunk *chunk = chunk_of(at);
    if (chunk->whole) {
        munmap(chunk, chunk->whole);
        return;
    }
    struct piece *piece = at;
    chunk->live--;
    piece->next = free_pieces[chunk->class_of];
    free_pieces[chunk->class_of] = piece;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *at = malloc(bytes);
    return memset(at, 0, bytes);
}

void *realloc(void *at, size_t size)
{
    if (!at)
        return malloc(size);
    size_t had = chunk_of(at)->size;
    if (size <= had && size > had / 4)
        return at;
    void *to = malloc(size);
    memcpy(to, at, size < had ? size : had);
    free(at);
    return to;
}

/* No alignment beyond 64 is ever asked for. */
void *aligned_alloc(size_t alignment, size_t size)
{
    if (alignment > 64)
        abort();
    return malloc((size + 63) & ~(size_t)63);
}

int posix_memalign(void **at, size_t alignment, size_t size)
{
    *at = aligned_alloc(alignment, size);
    return 0;
}
