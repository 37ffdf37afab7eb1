/*
 * mem.h - memory of the service: running out of it ends the process, which restarts in under a second with nothing lost.
 *
 * Owns      nothing; what it gives is the caller's.
 * Lifetime  what mem_* gives is freed with mem_free, which takes the address of the pointer and clears it.
 * Thread    any.
 * Errors    none comes back: the process ends.
 */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

void *mem_alloc(size_t bytes); /* zeroed */
void *mem_realloc(void *old, size_t bytes);
void *mem_array(size_t count, size_t size);                         /* zeroed; overflow ends the process */
void *mem_grow(void *array, size_t *cap, size_t need, size_t size); /* doubles until need fits */
char *mem_copy(const void *data, size_t len);                       /* NUL-terminated */
void mem_free_at(void *address_of_pointer);
#define mem_free(address_of_pointer) mem_free_at(1 ? (address_of_pointer) : (void *)0)
/* free() for what libraries gave us is free() itself. */

#endif
