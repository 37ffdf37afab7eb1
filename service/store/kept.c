#include "service/store/kept.h"

#include "service/base/mem.h"

void store_state_free(struct store_state **address)
{
    struct kept *kept = (struct kept *)(void *)*address;
    if (!kept) {
        return;
    }
    mem_free(&kept->state.records);
    mem_free(&kept->state.recent);
    gl_arena_fini(&kept->arena);
    mem_free(&kept);
    *address = NULL;
}
