/*
 * deflate.h - a message compressed, once for everybody it goes to.
 *
 * Owns      a deflater owns libdeflate's state (a fifth of a megabyte), used for one message after the other: none knows of those before it.
 * Thread    the loop thread. The largest frame takes it about 1 ms.
 * Units     bytes.
 * Errors    none: what does not become shorter is not compressed.
 * Source    PROTOCOL.md, "Connection"; RFC 1951. Nothing is ever inflated here: clients do not send such messages.
 */
#ifndef NET_DEFLATE_H
#define NET_DEFLATE_H

#include "service/core/peer.h"

struct deflater;
struct deflater *deflater_new(void);
void deflater_free(struct deflater **deflater);
/* The form in which it goes to those who take such: another frame, kept by it; or NULL, where few would share the work or too little would be saved. */
struct frame *deflate_for_many(struct deflater *deflater, struct frame *frame);

#endif
