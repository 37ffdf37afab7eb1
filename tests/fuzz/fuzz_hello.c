/*
 * fuzz_hello.c - any bytes as the beginning of a TLS connection.
 *
 * What must hold, byte by byte: as long as more is wanted it is never less than was wanted before, nor more than may be.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/net/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t wanted = 0;
    for (size_t len = 0; len <= size && len <= HELLO_MAX; len++) {
        unsigned char *bytes = malloc(len + !len); /* exactly so many: what is read beyond is found */
        memcpy(bytes, data, len);
        const size_t needs = hello_needs(bytes, len);
        free(bytes);
        if (needs <= len || needs == SIZE_MAX)
            return 0; /* whole, none, or too long */
        assert(needs >= wanted && needs <= HELLO_MAX);
        wanted = needs;
    }
    return 0;
}
