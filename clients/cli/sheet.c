#include "clients/cli/sheet.h"

#include <stdlib.h>

#include "clients/cli/safe.h"
#include "clients/cli/sheet_parts.h"

static unsigned *give_colours(const struct sheet *sheet, const struct threads *threads)
{
    unsigned *colours = heap_alloc(threads->root_count, sizeof *colours);
    size_t count;
    struct label_colour *known = terms_colours(sheet->terms, &count);
    for (size_t i = 0; i < threads->root_count; i++) {
        char label[GLOSS_ID] = "";
        (void)gloss_annotation_label(threads->roots[i]->annotation, label);
        colours[i] = label_colour_find(known, count, label);
    }
    free(known);
    return colours;
}

static int by_mark(const void *left, const void *right)
{
    const struct layout_mark *a = left, *b = right;
    if (a->begin_cp != b->begin_cp) {
        return a->begin_cp < b->begin_cp ? -1 : 1;
    }
    if (a->end_cp != b->end_cp) {
        return a->end_cp > b->end_cp ? -1 : 1;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

/* The deleted leave no mark on the text. */
static struct layout_mark *make_marks(const struct threads *threads, const unsigned *colours, size_t *mark_count)
{
    struct gl_span spans[GL_SPANS_MAX];
    size_t cap = 64, used = 0;
    struct layout_mark *marks = heap_alloc(cap, sizeof *marks);
    for (size_t i = 0; i < threads->root_count; i++) {
        const struct entry *root = threads->roots[i];
        size_t span_count = root->annotation->is_deleted ? 0 : gl_annotation_spans(root->annotation, spans, GL_SPANS_MAX);
        for (size_t j = 0; j < span_count && j < GL_SPANS_MAX; j++) {
            if (used == cap) {
                marks = heap_grow(marks, cap *= 2, sizeof *marks);
            }
            marks[used++] = (struct layout_mark){(size_t)spans[j].begin_cp, (size_t)spans[j].end_cp, root->number, colours[i]};
        }
    }
    qsort(marks, used, sizeof *marks, by_mark);
    *mark_count = used;
    return marks;
}

static void put_count(struct gl_buf *out, size_t count, const char *one, const char *many)
{
    if (count) {
        gl_buf_printf(out, ", %zu %s", count, count == 1 ? one : many);
    }
}

static void put_title(struct gl_buf *out, const struct sheet *sheet, const struct threads *threads)
{
    size_t live = 0;
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    for (size_t i = 0; i < threads->root_count; i++) {
        live += !threads->roots[i]->annotation->is_deleted;
    }
    paint_role(out, sheet->paint, PAINT_TITLE);
    safe_put_short(out, gl_slice_str(sheet->title), sheet->columns);
    paint_reset(out, sheet->paint);
    gl_buf_byte(out, '\n');
    paint_role(out, sheet->paint, PAINT_FAINT);
    gl_buf_printf(&line, "%zu annotation%s", live, live == 1 ? "" : "s");
    put_count(&line, threads->replies, "reply", "replies");
    put_count(&line, threads->relations, "relation", "relations");
    gl_buf_printf(&line, ", op %llu", (unsigned long long)sheet->seq);
    safe_put_short(out, gl_buf_peek(&line), sheet->columns);
    gl_buf_fini(&line);
    paint_reset(out, sheet->paint);
    gl_buf_str(out, "\n\n");
}

void sheet_put(struct gl_buf *out, const struct gl_text *text, const struct sheet *sheet)
{
    struct threads threads;
    threads_init(&threads, sheet->annotations, sheet->count);
    unsigned *colours = give_colours(sheet, &threads);
    struct parts *parts = heap_alloc(threads.root_count, sizeof *parts);
    struct layout_note *notes = heap_alloc(threads.root_count, sizeof *notes);
    struct layout layout = {.columns = sheet->columns, .paint = sheet->paint, .take = sheet->take, .take_ctx = sheet->take_ctx};
    layout.marks = make_marks(&threads, colours, &layout.mark_count);
    for (size_t i = 0; i < threads.root_count; i++) {
        const struct entry *root = threads.roots[i];
        bool has_body = !root->annotation->is_deleted && !entry_is_folded(sheet, root);
        parts_init(&parts[i], sheet, &threads, root);
        notes[i] = (struct layout_note){.at_cp = (size_t)root->annotation->begin_cp,
                                        .number = root->number,
                                        .colour = colours[i],
                                        .head = gl_slice_str(entry_head(sheet, root)),
                                        .body = has_body ? gl_annotation_note(root->annotation) : GL_SLICE(""),
                                        .parts = parts[i].items,
                                        .part_count = parts[i].count};
    }
    put_title(out, sheet, &threads);
    layout.notes = notes;
    layout.note_count = threads.whole_count;
    layout_notes(out, &layout);
    gl_buf_str(out, threads.whole_count ? "\n" : "");
    layout.notes = notes + threads.whole_count;
    layout.note_count = threads.root_count - threads.whole_count;
    layout_text(out, gl_text_bytes(text), &layout);
    for (size_t i = 0; i < threads.root_count; i++) {
        free((char *)(uintptr_t)notes[i].head.data);
        parts_fini(&parts[i]);
    }
    free((struct layout_mark *)layout.marks);
    free(notes);
    free(parts);
    free(colours);
    threads_fini(&threads);
}
