/* pool.c - lists of free pieces, one for each size. A piece has its size before it, so that it finds its list again. */
#include "service/base/pool.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#define STEP        16 /* sizes, header included, are multiples of this */
#define SIZES       32
#define PIECE_MAX   (STEP * SIZES) /* larger ones are the heap's */
#define BLOCK_BYTES ((size_t)64 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

struct piece {
    uint64_t size;      /* in steps; 0: of the heap */
    struct piece *next; /* while it is free; what is lent begins here */
};
#define HEADER offsetof(struct piece, next)

static struct piece *unused[SIZES + 1];
static char *block, *block_end; /* the part that was never used */

static void *of_heap(size_t bytes)
{
    struct piece *piece = bytes <= SIZE_MAX - HEADER ? malloc(HEADER + bytes) : NULL;
    if (!piece)
        return NULL;
    piece->size = 0;
    return &piece->next;
}

static void *cut(size_t size)
{
    if ((size_t)(block_end - block) < size * STEP) { /* the rest is less than one piece: it is lost */
        char *more = malloc(BLOCK_BYTES);
        if (!more)
            return NULL;
        block = more;
        block_end = more + BLOCK_BYTES;
    }
    struct piece *piece = (struct piece *)(void *)block;
    block += size * STEP;
    piece->size = size;
    return &piece->next;
}

void *pool_alloc(size_t bytes)
{
    if (bytes > PIECE_MAX - HEADER)
        return of_heap(bytes);
    const size_t size = (HEADER + (bytes < sizeof(struct piece *) ? sizeof(struct piece *) : bytes) + STEP - 1) / STEP;
    struct piece *piece = unused[size];
    if (!piece)
        return cut(size);
    unused[size] = piece->next;
    return &piece->next;
}

void pool_free(void *lent)
{
    if (!lent)
        return;
    struct piece *piece = (struct piece *)(void *)((char *)lent - HEADER);
    if (piece->size == 0) {
        free(piece);
        return;
    }
    piece->next = unused[piece->size];
    unused[piece->size] = piece;
}

void pool_serve_json(void)
{
    if (!HAS_SANITIZER)
        json_set_alloc_funcs(pool_alloc, pool_free);
}
