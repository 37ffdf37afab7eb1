/* transport_inflate.c - a message that came compressed (PROTOCOL.md, "Connection"): raw DEFLATE, each by itself. */
#include <zlib.h>

#include "clients/lib/transport_priv.h"

#define RAW     (-15)
#define AT_ONCE 65536u

/* All that there is room for now, at most AT_ONCE. */
static int inflate_some(z_stream *z, struct gl_buf *out)
{
    const size_t left = out->max - out->len, room = left < AT_ONCE ? left : AT_ONCE, before = out->len;
    z->next_out = (unsigned char *)gl_buf_grow(out, room);
    if (!z->next_out || room == 0) {
        return room == 0 ? Z_BUF_ERROR : Z_MEM_ERROR;
    }
    z->avail_out = (unsigned)room;
    int result = inflate(z, Z_NO_FLUSH);
    out->len = before + room - z->avail_out;
    return result;
}

enum gl_code lg_inflate(struct gl_slice deflated, struct gl_buf *out)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)deflated.data, .avail_in = (unsigned)deflated.len};
    int result = inflateInit2(&z, RAW);
    if (result != Z_OK) {
        return GL_E_NOMEM;
    }
    do {
        result = inflate_some(&z, out);
    } while (result == Z_OK && (z.avail_in > 0 || z.avail_out == 0));
    const bool is_full = out->len == out->max, is_whole = result == Z_STREAM_END && z.avail_in == 0;
    (void)inflateEnd(&z);
    if (is_whole) {
        return GL_OK;
    }
    return result == Z_MEM_ERROR ? GL_E_NOMEM : is_full ? GL_E_FRAME_TOO_LARGE : GL_E_MALFORMED;
}
