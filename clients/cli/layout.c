#include "clients/cli/layout.h"

#include <stdlib.h>

#include "clients/cli/heap.h"
#include "clients/cli/layout_marks.h"
#include "clients/cli/safe.h"
#include "clients/cli/wrap.h"

#define TAKE_BYTES        ((size_t)32 << 10)
#define MARGIN_LEAST      28
#define MARGIN_MOST       60
#define TEXT_MOST         100
#define SEPARATOR         " │ "
#define SEPARATOR_COLUMNS 3
#define DEPTH_COLUMNS     2
#define FSI               "\xe2\x81\xa8"
#define PDI               "\xe2\x81\xa9"

/* Lines of notes that wait for a place in the margin; each is painted already. */
struct margin_line {
    char *text;
    struct margin_line *next;
};

struct page {
    struct gl_buf *out;
    const struct layout *layout;
    unsigned gutter, text, margin; /* columns; margin 0: notes go beneath */
    struct marks marks;
    size_t next_note;
    unsigned paragraph;
    struct margin_line *first, **last;
    bool is_over; /* nobody reads on */
};

/* Behind a line: a long sheet is shown while it is laid out. */
static void let_take(struct page *page)
{
    if (page->layout->take && !page->is_over && page->out->len >= TAKE_BYTES) {
        page->is_over = !page->layout->take(page->layout->take_ctx, page->out);
    }
}

/* ---- one line of pieces ------------------------------------------------------------------------------------------ */

static bool has_rtl(const struct pieces *pieces, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (pieces->items[i].is_rtl) {
            return true;
        }
    }
    return false;
}

static bool same_look(const struct piece *a, const struct piece *b)
{
    return a && a->depth == b->depth && (a->role == PIECE_CLUSTER) == (b->role == PIECE_CLUSTER) &&
           (a->colour == b->colour || (a->depth == 0 && a->role == PIECE_CLUSTER));
}

static void put_look(struct gl_buf *out, enum paint_mode paint, const struct piece *before, const struct piece *piece)
{
    if (same_look(before, piece)) {
        return;
    }
    if (piece->role != PIECE_CLUSTER) {
        paint_label(out, paint, piece->colour);
    } else if (piece->depth > 0) {
        paint_highlight(out, paint, piece->colour, piece->depth);
    } else if (before) {
        paint_reset(out, paint);
    }
}

/* Appends pieces from..to with their looks; gives the columns they take. */
static size_t put_pieces(struct gl_buf *out, enum paint_mode paint, const struct pieces *pieces, size_t from, size_t to)
{
    size_t columns = 0;
    bool isolate = paint != PAINT_PLAIN && has_rtl(pieces, from, to);
    const struct piece *before = NULL;
    gl_buf_str(out, isolate ? FSI : "");
    for (size_t i = from; i < to; i++) {
        const struct piece *piece = &pieces->items[i];
        put_look(out, paint, before, piece);
        piece_put(out, piece);
        columns += piece->columns;
        before = piece;
    }
    if (before && (before->depth > 0 || before->role != PIECE_CLUSTER)) {
        paint_reset(out, paint);
    }
    gl_buf_str(out, isolate ? PDI : "");
    return columns;
}

static void put_spaces(struct gl_buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gl_buf_byte(out, ' ');
    }
}

/* ---- notes --------------------------------------------------------------------------------------------------------- */

typedef void (*note_line_fn)(struct page *page, struct gl_buf *line);

/* Wraps text to columns and hands over each line, the first of all behind `first`, the others indented as far. */
static void wrap_note_part(struct page *page, struct gl_slice text, enum paint_role role, size_t indent, size_t columns,
                           struct gl_buf *first, note_line_fn fn)
{
    struct pieces pieces;
    struct gl_buf line;
    pieces_init(&pieces);
    gl_buf_init(&line, SIZE_MAX);
    for (size_t at = 0, cp = 0; at < text.len;) {
        pieces.count = 0;
        while (at < text.len && pieces_add_cluster(&pieces, text, &at, &cp)) {
        }
        size_t from = 0, shown;
        do {
            size_t next = wrap_line(&pieces, from, columns - indent, &shown);
            gl_buf_clear(&line);
            if (first && first->len) {
                gl_buf_put(&line, first->data, first->len);
                first->len = 0;
            } else {
                put_spaces(&line, indent);
            }
            paint_role(&line, page->layout->paint, role);
            put_pieces(&line, page->layout->paint, &pieces, from, shown);
            if (role != PAINT_NORMAL) {
                paint_reset(&line, page->layout->paint);
            }
            fn(page, &line);
            from = next;
        } while (from < pieces.count);
    }
    gl_buf_fini(&line);
    pieces_fini(&pieces);
}

/* What stands beneath: indented by its depth, but never so far that no words have room. */
static void wrap_part(struct page *page, const struct layout_part *part, size_t indent, size_t columns, struct gl_buf *first,
                      note_line_fn fn)
{
    size_t lead = text_columns(gl_slice_str(part->lead)), before = indent + (size_t)part->depth * DEPTH_COLUMNS;
    size_t most = columns / 2 > indent ? columns / 2 : indent;
    before = before < most ? before : most;
    gl_buf_clear(first);
    put_spaces(first, before);
    paint_role(first, page->layout->paint, *part->lead ? PAINT_FAINT : PAINT_NORMAL);
    gl_buf_str(first, part->lead);
    if (*part->lead) {
        paint_reset(first, page->layout->paint);
    }
    wrap_note_part(page, part->text, part->role, before + lead, columns, first, fn);
}

/* "3 claim, ana", then the note's own words, indented beneath the label. */
static void wrap_note(struct page *page, const struct layout_note *note, size_t columns, note_line_fn fn)
{
    struct gl_buf first;
    gl_buf_init(&first, 256);
    gl_buf_printf(&first, "%u ", note->number);
    size_t indent = first.len;
    gl_buf_clear(&first);
    paint_label(&first, page->layout->paint, note->colour);
    gl_buf_printf(&first, "%u", note->number);
    paint_reset(&first, page->layout->paint);
    gl_buf_byte(&first, ' ');
    wrap_note_part(page, note->head.len ? note->head : GL_SLICE(" "), PAINT_NORMAL, indent, columns, &first, fn);
    wrap_note_part(page, note->body, PAINT_NORMAL, indent, columns, NULL, fn);
    for (size_t i = 0; i < note->part_count; i++) {
        wrap_part(page, &note->parts[i], indent, columns, &first, fn);
    }
    gl_buf_fini(&first);
}

static void queue_margin_line(struct page *page, struct gl_buf *line)
{
    heap_check(line);
    struct margin_line *entry = heap_alloc(1, sizeof *entry);
    entry->text = heap_copy(gl_buf_peek(line));
    *page->last = entry;
    page->last = &entry->next;
}

static void put_note_line(struct page *page, struct gl_buf *line)
{
    put_spaces(page->out, page->gutter + 2);
    gl_buf_put(page->out, line->data, line->len);
    gl_buf_byte(page->out, '\n');
    let_take(page);
}

/* Notes whose place begins before code point `before_cp`. */
static void pass_notes(struct page *page, size_t before_cp)
{
    const struct layout *layout = page->layout;
    for (; !page->is_over && page->next_note < layout->note_count && layout->notes[page->next_note].at_cp < before_cp;
         page->next_note++) {
        const struct layout_note *note = &layout->notes[page->next_note];
        if (page->margin) {
            wrap_note(page, note, page->margin, queue_margin_line);
        } else {
            wrap_note(page, note, page->text - 2, put_note_line);
        }
    }
}

/* ---- lines of the page ----------------------------------------------------------------------------------------------- */

/* The rest of a line whose text took `columns`: the next line of the margin, if one waits. */
static void end_line(struct page *page, size_t columns)
{
    struct margin_line *entry = page->first;
    if (entry) {
        put_spaces(page->out, page->text - (columns < page->text ? columns : page->text));
        paint_role(page->out, page->layout->paint, PAINT_FAINT);
        gl_buf_str(page->out, SEPARATOR);
        paint_reset(page->out, page->layout->paint);
        gl_buf_str(page->out, entry->text);
        page->first = entry->next;
        if (!page->first) {
            page->last = &page->first;
        }
        free(entry->text);
        free(entry);
    }
    gl_buf_byte(page->out, '\n');
    let_take(page);
}

static void flush_margin(struct page *page)
{
    while (page->first && !page->is_over) {
        put_spaces(page->out, page->gutter);
        end_line(page, 0);
    }
}

static void drop_margin(struct page *page)
{
    while (page->first) {
        struct margin_line *entry = page->first;
        page->first = entry->next;
        free(entry->text);
        free(entry);
    }
}

static void put_gutter(struct page *page, bool is_first_line)
{
    if (!is_first_line) {
        put_spaces(page->out, page->gutter);
        return;
    }
    paint_role(page->out, page->layout->paint, PAINT_FAINT);
    gl_buf_printf(page->out, "%*u", (int)page->gutter - 2, page->paragraph);
    paint_reset(page->out, page->layout->paint);
    gl_buf_str(page->out, "  ");
}

/* Whether the text has nothing to see on this line; what others marked there does not count, so paragraphs keep their numbers. */
static bool is_blank_line(const struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (piece->role == PIECE_CLUSTER && piece->kind != CLUSTER_SPACE && piece->kind != CLUSTER_TAB) {
            return false;
        }
    }
    return true;
}

/* A line without words: it has room for what is left in the margin. */
static void put_blank_line(struct page *page, const struct pieces *pieces, size_t end_cp)
{
    size_t shown, columns = 0;
    wrap_line(pieces, 0, page->text, &shown);
    pass_notes(page, end_cp);
    if (shown > 0 || page->first) {
        put_spaces(page->out, page->gutter);
    }
    if (shown > 0) {
        columns = put_pieces(page->out, page->layout->paint, pieces, 0, shown);
    }
    end_line(page, columns);
}

/* One line of the text: pieces, and the code point behind its end. */
static void put_paragraph(struct page *page, const struct pieces *pieces, size_t end_cp)
{
    flush_margin(page); /* of the paragraph before */
    page->paragraph++;
    for (size_t from = 0, shown; !page->is_over && from < pieces->count;) {
        size_t next = wrap_line(pieces, from, page->text, &shown);
        if (page->margin) {
            pass_notes(page, next < pieces->count ? pieces->items[next].begin_cp : end_cp);
        }
        put_gutter(page, from == 0);
        end_line(page, put_pieces(page->out, page->layout->paint, pieces, from, shown));
        from = next;
    }
    if (!page->margin) {
        pass_notes(page, end_cp);
    }
}

static unsigned count_paragraphs(struct gl_slice text)
{
    unsigned count = 0;
    bool is_blank = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' || text.data[i] == '\r') {
            is_blank = true;
        } else if (is_blank && text.data[i] != ' ' && text.data[i] != '\t') {
            is_blank = false;
            count++;
        }
    }
    return count;
}

static void page_init(struct page *page, struct gl_buf *out, const struct layout *layout, unsigned paragraphs)
{
    unsigned digits = 2;
    for (unsigned n = paragraphs; n >= 100; n /= 10) {
        digits++;
    }
    *page = (struct page){.out = out, .layout = layout, .gutter = digits + 2};
    page->last = &page->first;
    unsigned room = layout->columns - page->gutter;
    if (layout->columns >= LAYOUT_MARGIN_FROM && layout->note_count > 0) {
        unsigned margin = room * 3 / 10;
        page->margin = margin < MARGIN_LEAST ? MARGIN_LEAST : margin;
        if (room - page->margin - SEPARATOR_COLUMNS > TEXT_MOST) {
            page->margin = room - TEXT_MOST - SEPARATOR_COLUMNS;
            page->margin = page->margin > MARGIN_MOST ? MARGIN_MOST : page->margin;
        }
        room -= page->margin + SEPARATOR_COLUMNS;
    }
    page->text = room < TEXT_MOST ? room : TEXT_MOST;
    marks_init(&page->marks, layout);
}

void layout_text(struct gl_buf *out, struct gl_slice text, const struct layout *layout)
{
    struct page page;
    struct pieces pieces;
    struct gl_arena arena;
    page_init(&page, out, layout, count_paragraphs(text));
    pieces_init(&pieces);
    gl_arena_init(&arena);
    size_t at = 0, cp = 0;
    while (!page.is_over && at < text.len) {
        bool goes_on = true;
        pieces.count = 0;
        gl_arena_reset(&arena);
        while (goes_on && at < text.len) {
            marks_cross(&page.marks, cp, &pieces, &arena);
            goes_on = pieces_add_cluster(&pieces, text, &at, &cp);
            if (goes_on) {
                marks_cover(&page.marks, &pieces.items[pieces.count - 1]);
            }
        }
        if (at >= text.len) {
            marks_cross(&page.marks, SIZE_MAX, &pieces, &arena); /* those that end with the text */
        }
        (is_blank_line(&pieces) ? put_blank_line : put_paragraph)(&page, &pieces, at >= text.len ? SIZE_MAX : cp);
    }
    pass_notes(&page, SIZE_MAX);
    flush_margin(&page);
    drop_margin(&page);
    marks_fini(&page.marks);
    gl_arena_fini(&arena);
    pieces_fini(&pieces);
}

void layout_notes(struct gl_buf *out, const struct layout *layout)
{
    struct layout beneath = *layout;
    beneath.columns = layout->columns < LAYOUT_MARGIN_FROM ? layout->columns : LAYOUT_MARGIN_FROM - 1;
    struct page page;
    page_init(&page, out, &beneath, 0);
    pass_notes(&page, SIZE_MAX);
    marks_fini(&page.marks);
}
