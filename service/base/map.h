/*
 * map.h - a hash map from ids to pointers.
 *
 * Owns      its table, not what the pointers point to.
 * Thread    one at a time.
 * Units     count of entries.
 * Errors    none (mem.h).
 */
#ifndef MAP_H
#define MAP_H

#include "proto/gl_uuid.h"

struct map {
    struct map_entry *entries;
    size_t cap, count, used;
};
void map_init(struct map *map);
void map_fini(struct map *map);
void *map_get(const struct map *map, const gl_uuid *key);        /* NULL when it is not there */
void *map_put(struct map *map, const gl_uuid *key, void *value); /* the value that it replaces, or NULL; value must not be NULL */
void *map_remove(struct map *map, const gl_uuid *key);
/* Walks all entries in no order: for (size_t at = 0; (value = map_next(map, &at));). Nothing may be put in between; removing the current one is fine. */
void *map_next(const struct map *map, size_t *at);

#endif
