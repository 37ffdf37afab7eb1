/*
 * layout.h - a text with its highlights and notes, laid out for so many columns.
 *
 * Owns      nothing; layout_text only reads.
 * Thread    any.
 * Units     code points (_cp), columns.
 * Errors    none; out remembers when memory is out.
 *
 * On the left the number of each paragraph (a line of the text that is not blank). Notes stand in a margin on the right from LAYOUT_MARGIN_FROM
 * columns on, beginning beside the line where their place begins; otherwise beneath the paragraph. Highlights may overlap, nest and be empty:
 * the ground is the innermost one's, what several cover is underlined, and each one's number stands at its end (without colour: also at its
 * beginning). Everything is made harmless. The order is logical; a line with right-to-left text is isolated on a terminal, so that the columns
 * beside it stay where they are.
 */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "clients/cli/paint.h"

#define LAYOUT_MARGIN_FROM 100

/* Takes what is laid out so far, and empties it. False: nobody reads on. */
typedef bool (*layout_take_fn)(void *ctx, struct gl_buf *out);

struct layout_mark {
    size_t begin_cp, end_cp;
    unsigned number;
    unsigned colour;
};

/* What stands beneath a note: a reply, a relation, attributes. */
struct layout_part {
    unsigned depth;       /* how far it is indented: 0 for what belongs to the note itself */
    const char *lead;     /* what its first line begins with: "↳ "; may be "" */
    struct gl_slice text; /* not harmless yet, may have several lines */
    enum paint_role role;
};

struct layout_note {
    size_t at_cp;
    unsigned number;
    unsigned colour;
    struct gl_slice head; /* label, author ...: not harmless yet */
    struct gl_slice body; /* the note; may be empty and have several lines */
    const struct layout_part *parts;
    size_t part_count;
};

struct layout {
    unsigned columns;
    enum paint_mode paint;
    const struct layout_mark *marks; /* by begin_cp, longer ones first */
    size_t mark_count;
    const struct layout_note *notes; /* by at_cp */
    size_t note_count;
    layout_take_fn take; /* behind a line, whenever 32 KB are there; NULL: out has everything in the end */
    void *take_ctx;
};

void layout_text(struct gl_buf *out, struct gl_slice text, const struct layout *layout);
/* Notes by themselves, over the whole width: those on the whole brief. */
void layout_notes(struct gl_buf *out, const struct layout *layout);

#endif
