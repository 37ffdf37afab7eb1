/*
 * tally.h - how often each line came before.
 *
 * Owns      a table of 24 bytes a different line; above TALLY_IN_MEMORY bytes it lies in a file without a name, so that the memory of a long run
 *           stays bounded and the system may write it out.
 * Lifetime  tally_init / tally_fini, embedded in yours.
 * Thread    any one at a time.
 * Errors    none; without memory or room for the file the program ends (heap.h).
 */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include "proto/gl_buf.h"

#define TALLY_IN_MEMORY ((size_t)32 * 1024 * 1024)

struct tally {
    struct tally_slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
    bool is_mapped;
};

void tally_init(struct tally *tally);
void tally_fini(struct tally *tally);
/* 1 for the first time that this line comes, 2 for the second ... */
uint64_t tally_count(struct tally *tally, struct gl_slice line);

#endif
