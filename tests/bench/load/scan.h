/*
 * scan.h - looks at JSON without building anything: for messages that come by the hundred thousand.
 *
 * Owns      nothing; slices point into the text.
 * Errors    what is not JSON is not found, or ends the walk; nothing is read beyond the slice. It is not checked for being strict.
 */
#ifndef SCAN_H
#define SCAN_H

#include "proto/gl_buf.h"

/* The raw value of a member of an object; an empty slice when there is none. */
struct gl_slice scan_member(struct gl_slice object, const char *name);
/* So many members at once, in one walk: values[i] is names[i]'s. */
void scan_members(struct gl_slice object, size_t count, const char *const names[], struct gl_slice values[]);
/* Walks an array: *at begins at 0; an empty slice at its end. */
struct gl_slice scan_item(struct gl_slice array, size_t *at);
struct gl_slice scan_text(
    struct gl_slice value); /* what stands between the quotes, escapes and all; empty when it is no string */
bool scan_number(struct gl_slice value, uint64_t *number);

#endif
