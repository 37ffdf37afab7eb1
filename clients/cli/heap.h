/*
 * heap.h - memory for the program gloss: there is some, or the program ends with a sentence and exit status 2.
 *
 * Owns      nothing; what it gives is the caller's, for free().
 * Thread    the main thread.
 * Errors    none comes back. (The libraries below return GL_E_NOMEM; this is the program, and it belongs to nobody else.)
 */
#ifndef CLI_HEAP_H
#define CLI_HEAP_H

#include "proto/gl_buf.h"

void *heap_alloc(size_t count, size_t size);            /* zeroed */
void *heap_grow(void *data, size_t count, size_t size); /* realloc; what is new is not zeroed */
char *heap_copy(struct gl_slice text);                  /* NUL-terminated */
char *heap_printf(const char *fmt, ...) GL_PRINTF(1, 2);
/* Bytes of a buffer as a string of one's own; the buffer is finished. */
char *heap_take(struct gl_buf *buf);
void heap_for_json(void); /* jansson's memory, too, is there or ends the program; before anything else uses it */
/* Ends the program when buf has failed; for buffers that only memory can stop. */
void heap_check(const struct gl_buf *buf);

#endif
