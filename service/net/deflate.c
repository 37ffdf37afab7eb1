#include "service/net/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "service/base/mem.h"

/* A byte costs about 10 ns to compress, once, and a byte that is not sent saves 0.6 ns of each connection: it pays from some twenty on. */
#define READERS_LEAST 32
#define BYTES_LEAST   512
#define LEVEL         1 /* 6 makes it a tenth shorter, and takes three times as long */
#define RAW           (-15)
#define MEMORY        8

struct deflater {
    z_stream z;
};

struct deflater *deflater_new(void)
{
    struct deflater *deflater = mem_alloc(sizeof *deflater);
    if (deflateInit2(&deflater->z, LEVEL, Z_DEFLATED, RAW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* only memory can have run out */
    return deflater;
}

void deflater_free(struct deflater **deflater)
{
    if (*deflater)
        deflateEnd(&(*deflater)->z);
    mem_free(deflater);
}

/* NULL: it would not be shorter by a quarter. */
static struct frame *deflated(struct deflater *deflater, const struct frame *frame)
{
    struct frame *shorter = frame_new(frame->len - frame->len / 4);
    z_stream *z = &deflater->z;
    deflateReset(z);
    z->next_in = (unsigned char *)frame->data;
    z->avail_in = (unsigned)frame->len;
    z->next_out = (unsigned char *)shorter->data;
    z->avail_out = (unsigned)shorter->cap;
    if (deflate(z, Z_FINISH) == Z_STREAM_END)
        shorter->len = shorter->cap - z->avail_out;
    else
        frame_unref(&shorter);
    return shorter;
}

struct frame *deflate_for_many(struct deflater *deflater, struct frame *frame)
{
    if (frame->readers < READERS_LEAST || frame->len < BYTES_LEAST)
        return NULL;
    if (!frame->deflated) {
        frame->deflated = deflated(deflater, frame);
        if (!frame->deflated)
            frame->readers = 0; /* and is not tried again */
    }
    return frame->deflated;
}
