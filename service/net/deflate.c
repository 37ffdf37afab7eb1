#include "service/net/deflate.h"

#include <libdeflate.h>
#include <stdlib.h>

#include "service/base/mem.h"

/* A byte costs 5 ns to compress (10 in a short message), once, and a byte that is not sent saves about 1 ns of each connection, and as much of its client. */
#define READERS_LEAST 4
#define BYTES_LEAST   32768 /* by message and readers: a lone op to two dozen of them, or seven ops to four */
#define LEVEL         1     /* 6 makes it a tenth shorter, and takes two and a half times as long */

struct deflater {
    struct libdeflate_compressor *compressor;
};

struct deflater *deflater_new(void)
{
    struct deflater *deflater = mem_alloc(sizeof *deflater);
    deflater->compressor = libdeflate_alloc_compressor(LEVEL);
    if (!deflater->compressor)
        abort(); /* only memory can have run out */
    return deflater;
}

void deflater_free(struct deflater **deflater)
{
    if (*deflater)
        libdeflate_free_compressor((*deflater)->compressor);
    mem_free(deflater);
}

/* NULL: it would not be shorter by a quarter. */
static struct frame *deflated(struct deflater *deflater, const struct frame *frame)
{
    struct frame *shorter = frame_new(frame->len - frame->len / 4);
    shorter->len = libdeflate_deflate_compress(deflater->compressor, frame->data, frame->len, shorter->data, shorter->cap);
    if (shorter->len == 0)
        frame_unref(&shorter);
    return shorter;
}

struct frame *deflate_for_many(struct deflater *deflater, struct frame *frame)
{
    if (frame->readers < READERS_LEAST || frame->readers * frame->len < BYTES_LEAST)
        return NULL;
    if (!frame->deflated) {
        frame->deflated = deflated(deflater, frame);
        if (!frame->deflated)
            frame->readers = 0; /* and is not tried again */
    }
    return frame->deflated;
}
