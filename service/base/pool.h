/*
 * pool.h - memory for JSON trees: small pieces of few sizes, asked for and given back by the thousand in each turn of the loop.
 *
 * Owns      blocks of the heap that are cut into pieces and never given back; a piece that is free is the next of its size to be used. So a tree costs a few
 *           instructions a node, whatever else the heap holds.
 * Thread    one, and no other may use jansson: a worker's.
 * Errors    NULL when the heap has nothing.
 */
#ifndef POOL_H
#define POOL_H

#include <stddef.h>

void *pool_alloc(size_t bytes); /* aligned to 8 */
void pool_free(void *piece);    /* NULL is fine */

/* From now on jansson uses the pool; nothing that it made before may be freed after. Under a sanitizer it keeps the heap, which knows more. */
void pool_serve_json(void);

#endif
