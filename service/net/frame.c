#include "service/net/frame.h"

#include "service/base/mem.h"

#define FINAL 0x80u

size_t frame_put_header(unsigned char *data, size_t len, enum frame_opcode opcode)
{
    size_t bytes = len < 126 ? 2 : len < 65536 ? 4 : 10;
    unsigned char *header = data - bytes;
    header[0] = (unsigned char)(FINAL | opcode);
    header[1] = (unsigned char)(bytes == 2 ? len : bytes == 4 ? 126 : 127);
    for (size_t i = bytes; i > 2; i--, len >>= 8)
        header[i - 1] = (unsigned char)(len & 0xff);
    return bytes;
}

enum assembled assembly_add(struct assembly *assembly, struct gl_slice piece, size_t rest, bool is_last, size_t max_bytes,
                            struct gl_slice *message)
{
    if (rest > max_bytes || piece.len > max_bytes - rest || assembly->len > max_bytes - rest - piece.len) {
        assembly_reset(assembly);
        return ASSEMBLY_TOO_LARGE;
    }
    if (!assembly->is_under_way && is_last) {
        *message = piece;
        return ASSEMBLY_WHOLE;
    }
    assembly->is_under_way = true;
    if (assembly->len + piece.len + rest > assembly->cap) {
        /* What the frame announces is not believed beyond a page: memory is taken as bytes come. */
        size_t need = assembly->len + piece.len + (rest < 4096 ? rest : 4096);
        assembly->data = mem_grow(assembly->data, &assembly->cap, need, 1);
    }
    if (piece.len > 0)
        memcpy(assembly->data + assembly->len, piece.data, piece.len);
    assembly->len += piece.len;
    if (!is_last)
        return ASSEMBLY_MORE;
    *message = gl_slice_of(assembly->data, assembly->len);
    return ASSEMBLY_WHOLE;
}

void assembly_reset(struct assembly *assembly)
{
    mem_free(&assembly->data);
    *assembly = (struct assembly){0};
}
