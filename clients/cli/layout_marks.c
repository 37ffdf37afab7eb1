#include "clients/cli/layout_marks.h"

#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/heap.h"

#define MARKER_MAX 48

void marks_init(struct marks *marks, const struct layout *layout)
{
    *marks = (struct marks){.layout = layout};
}

void marks_fini(struct marks *marks)
{
    free(marks->open);
}

/* 12 as superscript digits, one column each. */
static void put_superscript(char *text, size_t size, unsigned number)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char decimal[16];
    snprintf(decimal, sizeof decimal, "%u", number);
    size_t len = 0;
    for (const char *digit = decimal; *digit && len + 4 < size; digit++) {
        len += (size_t)snprintf(text + len, size - len, "%s", digits[*digit - '0']);
    }
}

enum marker { MARKER_OPENS, MARKER_CLOSES, MARKER_EMPTY };

static void add_marker(const struct marks *marks, const struct layout_mark *mark, enum marker marker, struct pieces *pieces,
                       struct gl_arena *arena)
{
    char text[MARKER_MAX] = "", superscript[MARKER_MAX - 8] = "";
    bool is_plain = marks->layout->paint == PAINT_PLAIN;
    put_superscript(superscript, sizeof superscript, mark->number);
    if (is_plain && marker == MARKER_OPENS) {
        snprintf(text, sizeof text, "[%u|", mark->number);
    } else if (is_plain && marker == MARKER_CLOSES) {
        snprintf(text, sizeof text, "|%u]", mark->number);
    } else if (is_plain) {
        snprintf(text, sizeof text, "[%u||%u]", mark->number, mark->number);
    } else {
        bool is_behind_another = pieces->count > 0 && pieces->items[pieces->count - 1].role != PIECE_CLUSTER;
        snprintf(text, sizeof text, "%s%s%s", is_behind_another ? "·" : "", marker == MARKER_EMPTY ? "‸" : "", superscript);
    }
    struct piece *piece = pieces_add(pieces);
    char *copy = gl_arena_copy(arena, gl_slice_str(text));
    piece->bytes = gl_slice_str(copy ? copy : "");
    piece->columns = (unsigned)text_columns(piece->bytes);
    piece->role = marker == MARKER_OPENS ? PIECE_OPENS : PIECE_CLOSES;
    piece->begin_cp = mark->begin_cp;
    piece->colour = mark->colour;
}

static void close_until(struct marks *marks, size_t cp, struct pieces *pieces, struct gl_arena *arena)
{
    size_t kept = marks->open_count;
    for (size_t i = marks->open_count; i-- > 0;) { /* what was opened last is closed first */
        if (marks->open[i]->end_cp <= cp) {
            add_marker(marks, marks->open[i], MARKER_CLOSES, pieces, arena);
            marks->open[i] = NULL;
        }
    }
    kept = 0;
    for (size_t i = 0; i < marks->open_count; i++) {
        if (marks->open[i]) {
            marks->open[kept++] = marks->open[i];
        }
    }
    marks->open_count = kept;
}

void marks_cross(struct marks *marks, size_t cp, struct pieces *pieces, struct gl_arena *arena)
{
    const struct layout *layout = marks->layout;
    close_until(marks, cp, pieces, arena);
    while (marks->next < layout->mark_count && layout->marks[marks->next].begin_cp <= cp) {
        const struct layout_mark *mark = &layout->marks[marks->next++];
        if (mark->end_cp <= cp) {
            add_marker(marks, mark, MARKER_EMPTY, pieces, arena);
            continue;
        }
        if (layout->paint <= PAINT_MONO) { /* colour shows where it begins */
            add_marker(marks, mark, MARKER_OPENS, pieces, arena);
        }
        if (marks->open_count == marks->open_cap) {
            marks->open_cap = marks->open_cap ? marks->open_cap * 2 : 16;
            marks->open = heap_grow(marks->open, marks->open_cap, sizeof(struct layout_mark *));
        }
        marks->open[marks->open_count++] = mark;
    }
}

void marks_cover(const struct marks *marks, struct piece *piece)
{
    const struct layout_mark *innermost = NULL;
    for (size_t i = 0; i < marks->open_count; i++) {
        const struct layout_mark *mark = marks->open[i];
        if (!innermost || mark->end_cp - mark->begin_cp <= innermost->end_cp - innermost->begin_cp) {
            innermost = mark;
        }
    }
    piece->depth = (unsigned)marks->open_count;
    piece->colour = innermost ? innermost->colour : 0;
}
