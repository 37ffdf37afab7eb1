#include "clients/cli/sheet.h"

#include <stdlib.h>

#include "clients/cli/layout.h"
#include "clients/cli/ops.h"
#include "clients/cli/safe.h"
#include "clients/cli/wrap.h"
#include "proto/model/annotation.h"

#define SHORT_ID_LEAST 8

/* One annotation on its way into the layout. */
struct entry {
    const struct gl_annotation *annotation;
    char id[GLOSS_ID];
    unsigned short_id; /* characters that tell it from the others */
    unsigned number;
    unsigned colour;
    bool is_whole;
    char *head;
};

static int by_place(const void *left, const void *right)
{
    const struct gl_annotation *a = ((const struct entry *)left)->annotation, *b = ((const struct entry *)right)->annotation;
    bool a_whole = ((const struct entry *)left)->is_whole, b_whole = ((const struct entry *)right)->is_whole;
    if (a_whole != b_whole) {
        return a_whole ? -1 : 1;
    }
    if (a->begin_cp != b->begin_cp) {
        return a->begin_cp < b->begin_cp ? -1 : 1;
    }
    if (a->end_cp != b->end_cp) {
        return a->end_cp > b->end_cp ? -1 : 1;
    }
    return a->created_seq < b->created_seq ? -1 : a->created_seq > b->created_seq;
}

static int by_id(const void *left, const void *right)
{
    return strcmp((*(struct entry *const *)left)->id, (*(struct entry *const *)right)->id);
}

static unsigned common(const char *a, const char *b)
{
    unsigned len = 0;
    while (a[len] && a[len] == b[len]) {
        len++;
    }
    return len;
}

static void shorten_ids(struct entry *entries, size_t count)
{
    struct entry **sorted = heap_alloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &entries[i];
    }
    qsort(sorted, count, sizeof(struct entry *), by_id);
    for (size_t i = 0; i < count; i++) {
        unsigned before = i > 0 ? common(sorted[i]->id, sorted[i - 1]->id) : 0;
        unsigned behind = i + 1 < count ? common(sorted[i]->id, sorted[i + 1]->id) : 0;
        unsigned needed = (before > behind ? before : behind) + 1;
        sorted[i]->short_id = needed < SHORT_ID_LEAST ? SHORT_ID_LEAST : needed;
    }
    free(sorted);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Label ids begin with the time they were made at, so their order is their age. */
static void give_colours(struct entry *entries, size_t count, const struct gloss_session *session)
{
    size_t labels = gloss_label_count(session);
    const char **ids = heap_alloc(labels, sizeof *ids), *name;
    size_t known = 0;
    for (size_t i = 0; i < labels; i++) {
        known += gloss_label_at(session, i, &ids[known], &name);
    }
    qsort(ids, known, sizeof(const char *), by_text);
    for (size_t i = 0; i < count; i++) {
        char label[GLOSS_ID];
        const char *key = label;
        const char **found = NULL;
        if (gloss_annotation_label(entries[i].annotation, label)) {
            found = bsearch(&key, ids, known, sizeof(const char *), by_text);
        }
        entries[i].colour = found ? (unsigned)((size_t)(found - ids) % (PAINT_COLOURS - 1)) : PAINT_COLOURS - 1;
    }
    free(ids);
}

/* "claim · ana · 9f3a1c2e (proposed)" */
static char *make_head(const struct sheet *sheet, const struct entry *entry)
{
    char label[GLOSS_ID], creator[GLOSS_ID];
    const char *name = gloss_annotation_label(entry->annotation, label) ? gloss_label_name(sheet->session, label) : NULL;
    gl_uuid_format(&entry->annotation->creator, creator);
    const char *status = entry->annotation->status == GL_ACTIVE ? NULL : gl_status_name(entry->annotation->status);
    return heap_printf("%s%s%s · %.*s%s%s%s", name ? name : "", name ? " · " : "", member_name(sheet->session, creator),
                       (int)entry->short_id, entry->id, status ? " (" : "", status ? status : "", status ? ")" : "");
}

static struct entry *make_entries(const struct sheet *sheet)
{
    struct entry *entries = heap_alloc(sheet->count, sizeof *entries);
    for (size_t i = 0; i < sheet->count; i++) {
        struct gl_span span;
        entries[i].annotation = sheet->annotations[i];
        entries[i].is_whole = gl_annotation_spans(sheet->annotations[i], &span, 1) == 0;
        gloss_annotation_id(sheet->annotations[i], entries[i].id);
    }
    qsort(entries, sheet->count, sizeof *entries, by_place);
    shorten_ids(entries, sheet->count);
    give_colours(entries, sheet->count, sheet->session);
    for (size_t i = 0; i < sheet->count; i++) {
        entries[i].number = (unsigned)i + 1;
        entries[i].head = make_head(sheet, &entries[i]);
    }
    return entries;
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

static struct layout_mark *make_marks(const struct entry *entries, size_t count, size_t *mark_count)
{
    struct gl_span spans[GL_SPANS_MAX];
    size_t cap = 64, used = 0;
    struct layout_mark *marks = heap_alloc(cap, sizeof *marks);
    for (size_t i = 0; i < count; i++) {
        size_t span_count = gl_annotation_spans(entries[i].annotation, spans, GL_SPANS_MAX);
        for (size_t j = 0; j < span_count && j < GL_SPANS_MAX; j++) {
            if (used == cap) {
                marks = heap_grow(marks, cap *= 2, sizeof *marks);
            }
            marks[used++] =
                (struct layout_mark){(size_t)spans[j].begin_cp, (size_t)spans[j].end_cp, entries[i].number, entries[i].colour};
        }
    }
    qsort(marks, used, sizeof *marks, by_mark);
    *mark_count = used;
    return marks;
}

static void put_title(struct gl_buf *out, const struct sheet *sheet)
{
    paint_role(out, sheet->paint, PAINT_TITLE);
    safe_put_short(out, gl_slice_str(sheet->title), sheet->columns);
    paint_reset(out, sheet->paint);
    gl_buf_byte(out, '\n');
    paint_role(out, sheet->paint, PAINT_FAINT);
    gl_buf_printf(out, "%zu annotation%s, op %llu", sheet->count, sheet->count == 1 ? "" : "s", (unsigned long long)sheet->seq);
    paint_reset(out, sheet->paint);
    gl_buf_str(out, "\n\n");
}

void sheet_put(struct gl_buf *out, const struct gl_text *text, const struct sheet *sheet)
{
    struct entry *entries = make_entries(sheet);
    struct layout_note *notes = heap_alloc(sheet->count, sizeof *notes);
    struct layout layout = {.columns = sheet->columns, .paint = sheet->paint};
    layout.marks = make_marks(entries, sheet->count, &layout.mark_count);
    size_t whole = 0;
    for (size_t i = 0; i < sheet->count; i++) {
        notes[i] = (struct layout_note){.at_cp = (size_t)entries[i].annotation->begin_cp,
                                        .number = entries[i].number,
                                        .colour = entries[i].colour,
                                        .head = gl_slice_str(entries[i].head),
                                        .body = gl_annotation_note(entries[i].annotation)};
        whole += entries[i].is_whole; /* these come first */
    }
    put_title(out, sheet);
    layout.notes = notes;
    layout.note_count = whole;
    layout_notes(out, &layout);
    gl_buf_str(out, whole ? "\n" : "");
    layout.notes = notes + whole;
    layout.note_count = sheet->count - whole;
    layout_text(out, gl_text_bytes(text), &layout);
    for (size_t i = 0; i < sheet->count; i++) {
        free(entries[i].head);
    }
    free((struct layout_mark *)layout.marks);
    free(notes);
    free(entries);
}
