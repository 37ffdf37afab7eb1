#include "service/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char said[] = "glossd: out of memory; this process ends and is started again\n";
    ssize_t ignored = write(STDERR_FILENO, said, sizeof(said) - 1);
    (void)ignored;
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_realloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_array(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory();
    return mem_alloc(bytes);
}

void *mem_grow(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return array;
    size_t grown = *cap < 8 ? 8 : *cap, bytes;
    while (grown < need)
        if (__builtin_mul_overflow(grown, 2, &grown))
            out_of_memory();
    if (__builtin_mul_overflow(grown, size, &bytes))
        out_of_memory();
    *cap = grown;
    return mem_realloc(array, bytes);
}

char *mem_copy(const void *data, size_t len)
{
    size_t bytes;
    if (__builtin_add_overflow(len, 1, &bytes))
        out_of_memory();
    char *copy = malloc(bytes);
    if (!copy)
        out_of_memory();
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

void mem_free_at(void *address_of_pointer)
{
    /* memcpy: what stands there is a pointer of some type, not necessarily a void *. */
    void *memory;
    memcpy(&memory, address_of_pointer, sizeof(memory));
    free(memory);
    memset(address_of_pointer, 0, sizeof(memory));
}
