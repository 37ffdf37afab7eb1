/*
 * kept_state.c - store_state_keep for stores of tests: a copy of everything. Linked beside service/store/store.h's other functions, and beside kept.c.
 */
#include <stdlib.h>

#include "service/base/mem.h"
#include "service/store/kept.h"

static struct gl_slice keep(struct kept *kept, struct gl_slice slice)
{
    const char *copy = gl_arena_copy(&kept->arena, slice);
    if (!copy) {
        abort();
    }
    return gl_slice_of(copy, slice.len);
}

struct store_state *store_state_keep(const struct store_state *lent)
{
    struct kept *kept = mem_alloc(sizeof *kept);
    gl_arena_init(&kept->arena);
    kept->state = *lent;
    kept->state.text = keep(kept, lent->text);
    kept->state.mode = keep(kept, lent->mode);
    kept->state.records = mem_array(lent->record_count + 1, sizeof *lent->records);
    for (size_t i = 0; i < lent->record_count; i++) {
        kept->state.records[i] = keep(kept, lent->records[i]);
    }
    kept->state.recent = mem_array(lent->recent_count + 1, sizeof *lent->recent);
    for (size_t i = 0; i < lent->recent_count; i++) {
        kept->state.recent[i] = lent->recent[i];
        kept->state.recent[i].payload = keep(kept, lent->recent[i].payload);
    }
    return &kept->state;
}
