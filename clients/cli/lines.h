/*
 * lines.h - lines of a descriptor, as they come, in constant memory.
 *
 * Owns      one buffer.
 * Lifetime  lines_init / lines_fini, embedded in yours; a line is lent until the next call.
 * Thread    any one at a time.
 * Units     bytes.
 * Errors    lines_read gives false with errno. A line that is too long is given empty, with is_too_long; the rest of it is passed over.
 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "proto/gl_buf.h"

struct lines {
    int fd;
    char *buffer;
    size_t begin, end, cap; /* what was read and not given yet */
    size_t max;
    bool is_over;     /* nothing more comes from fd */
    bool is_skipping; /* behind the beginning of a line that is too long */
    uint64_t number;  /* of the last line given, from 1 */
    uint64_t bytes;   /* given so far */
};

struct line {
    struct gl_slice text;
    uint64_t number;
    bool is_too_long;
};

void lines_init(struct lines *lines, int fd, size_t max);
void lines_fini(struct lines *lines);
bool lines_read(struct lines *lines) GL_MUST_USE;                    /* one read(2) */
bool lines_next(struct lines *lines, struct line *line) GL_MUST_USE; /* false: there is none yet, or no more at all (is_over) */

#endif
