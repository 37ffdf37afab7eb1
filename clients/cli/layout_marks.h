/*
 * layout_marks.h - where highlights begin and end while a text is gone through; a part of layout.c.
 *
 * Owns      the list of the highlights that are open; marker texts go into the arena it is given.
 * Lifetime  marks_init / marks_fini.
 * Thread    any.
 * Errors    none; without memory the program ends (heap.h).
 */
#ifndef CLI_LAYOUT_MARKS_H
#define CLI_LAYOUT_MARKS_H

#include "clients/cli/layout.h"
#include "clients/cli/wrap.h"

struct marks {
    const struct layout *layout;
    size_t next; /* the first mark that is not open yet */
    const struct layout_mark **open;
    size_t open_count, open_cap;
};

void marks_init(struct marks *marks, const struct layout *layout);
void marks_fini(struct marks *marks);
/* Adds the markers that stand before code point cp, closing ones first. */
void marks_cross(struct marks *marks, size_t cp, struct pieces *pieces, struct gl_arena *arena);
/* Says of a cluster what covers it. */
void marks_cover(const struct marks *marks, struct piece *piece);

#endif
