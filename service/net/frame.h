/*
 * frame.h - WebSocket frames: the header before a message that goes out, and the putting together of one that comes in pieces.
 *
 * Owns      an assembly owns the pieces of one message, and nothing while no message is under way.
 * Thread    the loop thread; there is neither a socket nor libwebsockets here.
 * Units     bytes.
 * Errors    a message that is too large is refused as a whole.
 * Source    RFC 6455 5.2. The library checks opcodes, lengths and the order of fragments before we see anything.
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "proto/gl_buf.h"

#define FRAME_HEADER_MAX 10

enum frame_opcode { FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9 };

/* Writes the header of an unmasked, final frame of len bytes so that it ends at data; says how many bytes it has (at most
 * FRAME_HEADER_MAX). Equal for all receivers, so a shared message may be headed again and again. */
size_t frame_put_header(unsigned char *data, size_t len, enum frame_opcode opcode);

struct assembly {
    char *data;
    size_t len, cap;
    bool is_under_way;
};
enum assembled { ASSEMBLY_MORE, ASSEMBLY_WHOLE, ASSEMBLY_TOO_LARGE };
/* Takes one piece; rest is what the frame is known to bring after it. WHOLE: *message is valid until assembly_reset(); a
 * message that came in one piece is not copied. */
enum assembled assembly_add(struct assembly *assembly, struct gl_slice piece, size_t rest, bool is_last, size_t max_bytes,
                            struct gl_slice *message);
void assembly_reset(struct assembly *assembly); /* nothing under way, no memory kept */

#endif
