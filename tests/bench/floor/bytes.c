#include "tests/bench/floor/bytes.h"

#include <string.h>

#include "service/base/mem.h"

void bytes_put(struct bytes *bytes, const void *data, size_t len)
{
    bytes->data = mem_grow(bytes->data, &bytes->cap, bytes->len + len, 1);
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

void bytes_drop(struct bytes *bytes, size_t len)
{
    memmove(bytes->data, bytes->data + len, bytes->len - len);
    bytes->len -= len;
    if (bytes->len == 0)
        bytes_free(bytes);
}

void bytes_free(struct bytes *bytes)
{
    mem_free(&bytes->data);
    *bytes = (struct bytes){0};
}
