/* frame.c - encoded messages, counted. */
#include <assert.h>
#include <stdlib.h>

#include "service/base/mem.h"
#include "service/core/peer.h"

struct frame *frame_new(size_t cap)
{
    struct frame *frame = mem_alloc(sizeof *frame);
    char *room = malloc(FRAME_HEADROOM + cap); /* not zeroed: it is about to be written */
    if (!room)
        abort();
    *frame = (struct frame){.refs = 1, .cap = cap, .data = room + FRAME_HEADROOM};
    return frame;
}

struct frame *frame_from(struct gl_slice bytes)
{
    struct frame *frame = frame_new(bytes.len);
    memcpy(frame->data, bytes.data, bytes.len);
    frame->len = bytes.len;
    return frame;
}

struct frame *frame_take(struct gl_buf *buf)
{
    size_t len;
    assert(buf->len >= FRAME_HEADROOM);
    char *room = gl_buf_take(buf, &len);
    if (!room)
        abort(); /* nothing is too large that stands there: only memory can have run out */
    struct frame *frame = mem_alloc(sizeof *frame);
    *frame = (struct frame){.refs = 1, .len = len - FRAME_HEADROOM, .cap = len - FRAME_HEADROOM, .data = room + FRAME_HEADROOM};
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    frame->refs++;
    return frame;
}

void frame_unref(struct frame **frame)
{
    if (!*frame)
        return;
    assert((*frame)->refs > 0);
    if (--(*frame)->refs == 0) {
        frame_unref(&(*frame)->deflated);
        free((*frame)->data - FRAME_HEADROOM);
        mem_free(frame);
    }
    *frame = NULL;
}
