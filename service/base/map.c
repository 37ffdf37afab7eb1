/* Open addressing with linear probing. A removed entry leaves a mark, so that a walk may remove what it stands on; marks go when the table is rebuilt. */
#include "service/base/map.h"

#include <assert.h>

#include "service/base/mem.h"
#include "service/base/random.h"

struct map_entry {
    gl_uuid key;
    void *value; /* NULL: never used; removed: see below */
};
static char removed_mark;
#define REMOVED ((void *)&removed_mark)

enum { SMALLEST = 16 };

/* Clients choose ids, so the order in the table must not be theirs to choose: the hash is keyed anew in each process. */
static uint64_t hash_keys[2];

static uint64_t hash_of(const gl_uuid *key)
{
    uint64_t halves[2];
    memcpy(halves, key->bytes, sizeof(halves));
    __uint128_t product = (__uint128_t)(halves[0] ^ hash_keys[0]) * (halves[1] ^ hash_keys[1]);
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64);
    product = (__uint128_t)(mixed ^ hash_keys[1]) * (hash_keys[0] | 1);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static struct map_entry *probe(const struct map *map, const gl_uuid *key)
{
    if (!map->cap)
        return NULL;
    for (size_t at = hash_of(key) & (map->cap - 1);; at = (at + 1) & (map->cap - 1)) {
        struct map_entry *entry = &map->entries[at];
        if (!entry->value)
            return NULL;
        if (entry->value != REMOVED && gl_uuid_equal(&entry->key, key))
            return entry;
    }
}

static struct map_entry *free_entry(const struct map *map, const gl_uuid *key)
{
    size_t at = hash_of(key) & (map->cap - 1);
    while (map->entries[at].value && map->entries[at].value != REMOVED)
        at = (at + 1) & (map->cap - 1);
    return &map->entries[at];
}

/* A new table with room for twice what is in use: it grows, shrinks or only loses its marks. */
static void rebuild(struct map *map)
{
    size_t cap = SMALLEST;
    while (cap < (map->count + 1) * 2)
        cap *= 2;
    struct map old = *map;
    map->entries = mem_array(cap, sizeof(*map->entries));
    map->cap = cap;
    map->used = map->count;
    for (size_t i = 0; i < old.cap; i++)
        if (old.entries[i].value && old.entries[i].value != REMOVED)
            *free_entry(map, &old.entries[i].key) = old.entries[i];
    mem_free(&old.entries);
}

void map_init(struct map *map)
{
    if (!hash_keys[0])
        random_bytes(hash_keys, sizeof(hash_keys));
    *map = (struct map){0};
}

void map_fini(struct map *map)
{
    mem_free(&map->entries);
    *map = (struct map){0};
}

void *map_get(const struct map *map, const gl_uuid *key)
{
    const struct map_entry *entry = probe(map, key);
    return entry ? entry->value : NULL;
}

void *map_put(struct map *map, const gl_uuid *key, void *value)
{
    assert(value);
    struct map_entry *entry = probe(map, key);
    if (entry) {
        void *before = entry->value;
        entry->value = value;
        return before;
    }
    if ((map->used + 1) * 4 > map->cap * 3)
        rebuild(map);
    entry = free_entry(map, key);
    if (!entry->value)
        map->used++;
    *entry = (struct map_entry){*key, value};
    map->count++;
    return NULL;
}

void *map_remove(struct map *map, const gl_uuid *key)
{
    struct map_entry *entry = probe(map, key);
    if (!entry)
        return NULL;
    void *value = entry->value;
    *entry = (struct map_entry){.value = REMOVED};
    map->count--;
    return value;
}

void *map_next(const struct map *map, size_t *at)
{
    while (*at < map->cap) {
        void *value = map->entries[(*at)++].value;
        if (value && value != REMOVED)
            return value;
    }
    return NULL;
}
