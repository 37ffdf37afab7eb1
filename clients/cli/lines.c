#include "clients/cli/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/cli/heap.h"

#define READ_AHEAD (64 * 1024)

void lines_init(struct lines *lines, int fd, size_t max)
{
    *lines = (struct lines){.fd = fd, .max = max, .cap = max + 2 + READ_AHEAD};
    lines->buffer = heap_alloc(lines->cap, 1);
}

void lines_fini(struct lines *lines)
{
    free(lines->buffer);
    *lines = (struct lines){0};
}

bool lines_read(struct lines *lines)
{
    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    ssize_t got = read(lines->fd, lines->buffer + lines->end, lines->cap - lines->end);
    if (got < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    lines->end += (size_t)got;
    lines->is_over = got == 0 && lines->end < lines->cap;
    return true;
}

/* Gives what stands before `end`, and passes over `past` bytes behind it. */
static void give(struct lines *lines, struct line *line, size_t end, size_t past)
{
    size_t begin = lines->begin;
    bool is_too_long = lines->is_skipping || end - begin > lines->max;
    *line = (struct line){.number = ++lines->number, .is_too_long = is_too_long};
    line->text = is_too_long ? GL_SLICE("") : gl_slice_of(lines->buffer + begin, end - begin);
    lines->bytes += end + past - begin;
    lines->begin = end + past;
    lines->is_skipping = false;
}

bool lines_next(struct lines *lines, struct line *line)
{
    size_t waiting = lines->end - lines->begin;
    char *newline = waiting ? memchr(lines->buffer + lines->begin, '\n', waiting) : NULL;
    if (newline) {
        give(lines, line, (size_t)(newline - lines->buffer), 1);
        return true;
    }
    if (waiting > lines->max) { /* it is too long already; its end does not matter */
        lines->is_skipping = true;
        lines->bytes += waiting;
        lines->begin = lines->end = 0;
        waiting = 0;
    }
    if (lines->is_over && (waiting > 0 || lines->is_skipping)) {
        give(lines, line, lines->end, 0);
        return true;
    }
    return false;
}
