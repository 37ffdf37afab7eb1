/*
 * bytes.h - bytes that wait: appended at the end, taken from the front. One thread; memory that there is not ends the program (mem.h).
 */
#ifndef TESTS_BENCH_FLOOR_BYTES_H
#define TESTS_BENCH_FLOOR_BYTES_H

#include <stddef.h>

struct bytes {
    unsigned char *data; /* owned; NULL while there are none */
    size_t len, cap;
};

void bytes_put(struct bytes *bytes, const void *data, size_t len); /* copies them */
void bytes_drop(struct bytes *bytes,
                size_t len); /* the first len, which is no more than there are; the last leave no memory behind */
void bytes_free(struct bytes *bytes);

#endif
