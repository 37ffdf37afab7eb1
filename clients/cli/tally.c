#include "clients/cli/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clients/cli/exits.h"
#include "clients/cli/heap.h"
#include "proto/model/hash.h"

#define FIRST_SLOTS 1024

/* Two lines are the same when 128 bits of their SHA-256 are. A count of 0 is a free slot. */
struct tally_slot {
    uint64_t key[2];
    uint64_t count;
};

static _Noreturn void no_room(void)
{
    fprintf(stderr, "gloss: there is no room to remember which lines came before (%s); set TMPDIR to a folder with more\n",
            strerror(errno));
    exit(EXIT_COULD_NOT);
}

static struct tally_slot *new_slots(size_t count, bool *is_mapped)
{
    size_t bytes = count * sizeof(struct tally_slot);
    *is_mapped = bytes > TALLY_IN_MEMORY;
    if (!*is_mapped) {
        return heap_alloc(count, sizeof(struct tally_slot));
    }
    const char *folder = getenv("TMPDIR");
    char *path = heap_printf("%s/gloss-post.XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkostemp(path, 0);
    if (fd < 0 || unlink(path) != 0 || posix_fallocate(fd, 0, (off_t)bytes) != 0) {
        no_room();
    }
    free(path);
    void *slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (slots == MAP_FAILED) {
        no_room();
    }
    close(fd);
    return slots;
}

static void free_slots(struct tally *tally)
{
    if (tally->is_mapped) {
        munmap(tally->slots, tally->slot_count * sizeof(struct tally_slot));
    } else {
        free(tally->slots);
    }
}

void tally_init(struct tally *tally)
{
    *tally = (struct tally){.slot_count = FIRST_SLOTS};
    tally->slots = new_slots(FIRST_SLOTS, &tally->is_mapped);
}

void tally_fini(struct tally *tally)
{
    free_slots(tally);
    *tally = (struct tally){0};
}

/* The slot of this key, or the free one where it belongs. */
static struct tally_slot *find(struct tally_slot *slots, size_t count, const uint64_t key[2])
{
    size_t i = (size_t)key[0] & (count - 1);
    while (slots[i].count && (slots[i].key[0] != key[0] || slots[i].key[1] != key[1])) {
        i = (i + 1) & (count - 1);
    }
    return &slots[i];
}

static void grow(struct tally *tally)
{
    struct tally bigger = {.slot_count = tally->slot_count * 2, .used = tally->used};
    bigger.slots = new_slots(bigger.slot_count, &bigger.is_mapped);
    for (size_t i = 0; i < tally->slot_count; i++) {
        if (tally->slots[i].count) {
            *find(bigger.slots, bigger.slot_count, tally->slots[i].key) = tally->slots[i];
        }
    }
    free_slots(tally);
    *tally = bigger;
}

uint64_t tally_count(struct tally *tally, struct gl_slice line)
{
    gl_hash hash = gl_sha256(line.data, line.len);
    uint64_t key[2];
    memcpy(key, hash.bytes, sizeof key);
    if (tally->used * 4 >= tally->slot_count * 3) {
        grow(tally);
    }
    struct tally_slot *slot = find(tally->slots, tally->slot_count, key);
    if (slot->count == 0) {
        memcpy(slot->key, key, sizeof key);
        tally->used++;
    }
    return ++slot->count;
}
