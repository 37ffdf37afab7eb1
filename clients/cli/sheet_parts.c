#include "clients/cli/sheet_parts.h"

#include <stdlib.h>

#include "clients/cli/ops.h"
#include "clients/cli/safe.h"

#define WORDS_COLUMNS 40
#define TITLE_COLUMNS 34
#define SHORT_ID      8

/* ---- lines -------------------------------------------------------------------------------------------------------------- */

static void parts_add(struct parts *parts, unsigned depth, const char *lead, struct gl_slice text, enum paint_role role)
{
    if (parts->count == parts->cap) {
        parts->cap = parts->cap ? parts->cap * 2 : 8;
        parts->items = heap_grow(parts->items, parts->cap, sizeof *parts->items);
    }
    parts->items[parts->count++] = (struct layout_part){.depth = depth, .lead = lead, .text = text, .role = role};
}

/* text is taken */
static void parts_take(struct parts *parts, unsigned depth, const char *lead, char *text, enum paint_role role)
{
    if (parts->text_count == parts->text_cap) {
        parts->text_cap = parts->text_cap ? parts->text_cap * 2 : 8;
        parts->texts = heap_grow(parts->texts, parts->text_cap, sizeof *parts->texts);
    }
    parts->texts[parts->text_count++] = text;
    parts_add(parts, depth, lead, gl_slice_str(text), role);
}

void parts_fini(struct parts *parts)
{
    for (size_t i = 0; i < parts->text_count; i++) {
        free(parts->texts[i]);
    }
    free(parts->texts);
    free(parts->items);
    *parts = (struct parts){0};
}

/* ---- words about one ------------------------------------------------------------------------------------------------------ */

static const char *label_of(const struct sheet *sheet, const struct entry *entry)
{
    char label[GLOSS_ID];
    return gloss_annotation_label(entry->annotation, label) ? gloss_label_name(sheet->session, label) : NULL;
}

/* "ana", or "ana by bot/1, 83 %" */
static void put_author(struct gl_buf *out, const struct sheet *sheet, const struct entry *entry)
{
    char creator[GLOSS_ID];
    const json_t *record = gloss_annotation_record(entry->annotation), *confidence = json_object_get(record, "confidence");
    const char *agent = json_string_value(json_object_get(record, "agent"));
    gl_uuid_format(&entry->annotation->creator, creator);
    gl_buf_str(out, member_name(sheet->session, creator));
    if (agent) {
        gl_buf_printf(out, " by %s", agent);
    }
    if (confidence) {
        gl_buf_printf(out, ", %lld %%", (long long)json_integer_value(confidence) / 10);
    }
}

static void put_status(struct gl_buf *out, const struct entry *entry)
{
    const struct gl_annotation *annotation = entry->annotation;
    if (annotation->is_deleted) {
        gl_buf_str(out, " (deleted)");
    } else if (annotation->status != GL_ACTIVE) {
        gl_buf_printf(out, " (%s)", gl_status_name(annotation->status));
    }
}

char *entry_head(const struct sheet *sheet, const struct entry *entry)
{
    struct gl_buf head;
    gl_buf_init(&head, SIZE_MAX);
    const char *label = entry_is_relation(entry) ? NULL : label_of(sheet, entry);
    if (label) {
        gl_buf_printf(&head, "%s · ", label);
    }
    put_author(&head, sheet, entry);
    gl_buf_printf(&head, " · %.*s", (int)entry->short_id, entry->id);
    put_status(&head, entry);
    return heap_take(&head);
}

bool entry_is_folded(const struct sheet *sheet, const struct entry *entry)
{
    return !sheet->unfolds && entry->annotation->status == GL_RESOLVED && !entry->annotation->is_deleted;
}

static bool has_words(const struct entry *entry)
{
    return !entry->annotation->is_deleted;
}

static char *attributes_of(const struct entry *entry)
{
    const char *name, *between = "";
    json_t *value, *attributes = json_object_get(gloss_annotation_record(entry->annotation), "attributes");
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    json_object_foreach(attributes, name, value)
    {
        gl_buf_printf(&line, "%s%s: ", between, name);
        if (json_is_string(value)) {
            gl_buf_slice(&line, gl_slice_of(json_string_value(value), json_string_length(value)));
        } else if (json_is_integer(value)) {
            gl_buf_printf(&line, "%lld", (long long)json_integer_value(value));
        } else {
            gl_buf_str(&line, json_is_true(value) ? "yes" : "no");
        }
        between = " · ";
    }
    return heap_take(&line);
}

/* ---- the ends of relations -------------------------------------------------------------------------------------------------- */

static void put_far_end(struct gl_buf *out, const struct sheet *sheet, const gl_uuid *id)
{
    const struct far_end *far = far_find(sheet->far, id);
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    if (!far || !far->title) {
        gl_buf_printf(out, "something that is not yours to see (%.*s)", SHORT_ID, text);
        return;
    }
    if (!far->end || far->end->is_deleted) {
        gl_buf_str(out, "something deleted");
    } else {
        record_put_words(out, NULL, far->end, WORDS_COLUMNS);
    }
    gl_buf_str(out, " in ");
    safe_put_short(out, gl_slice_str(far->title), TITLE_COLUMNS);
    gl_buf_printf(out, " (%.*s)", SHORT_ID, text);
}

static void put_near_end(struct gl_buf *out, const struct sheet *sheet, const struct entry *end)
{
    if (end->annotation->is_deleted) {
        gl_buf_printf(out, "something deleted (%.*s)", (int)end->short_id, end->id);
    } else if (end->number) {
        gl_buf_printf(out, "%u ", end->number);
        record_put_words(out, sheet->session, end->annotation, WORDS_COLUMNS);
    } else {
        gl_buf_str(out, entry_is_reply(end) ? "a reply of " : "a relation of ");
        put_author(out, sheet, end);
        gl_buf_printf(out, " (%.*s)", (int)end->short_id, end->id);
    }
}

/* "supports 4 “closer ties” · ben · 1a2b3c4d" */
static char *relation_line(const struct sheet *sheet, const struct threads *threads, const struct entry *entry, bool is_incoming)
{
    const struct gl_link *link = &entry->annotation->link;
    const struct entry *end = threads_find(threads, is_incoming ? &link->from : &link->to);
    const char *type = label_of(sheet, entry);
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    gl_buf_printf(&line, "%s ", type ? type : "related to");
    if (end) {
        put_near_end(&line, sheet, end);
    } else {
        put_far_end(&line, sheet, &link->to);
    }
    if (!is_incoming) {
        char *head = entry_head(sheet, entry);
        gl_buf_printf(&line, " · %s", head);
        free(head);
    }
    return heap_take(&line);
}

/* ---- all of it -------------------------------------------------------------------------------------------------------------- */

static void add_own(struct parts *parts, const struct sheet *sheet, const struct threads *threads, const struct entry *entry,
                    unsigned depth)
{
    char *attributes = has_words(entry) ? attributes_of(entry) : heap_copy(GL_SLICE(""));
    if (*attributes) {
        parts_take(parts, depth, "", attributes, PAINT_FAINT);
    } else {
        free(attributes);
    }
    for (const struct entry *in = entry->first_in; in; in = in->next_in) {
        if (!in->annotation->is_deleted && in->parent != entry) {
            parts_take(parts, depth, "← ", relation_line(sheet, threads, in, true), PAINT_NORMAL);
        }
    }
}

static void add_child(struct parts *parts, const struct sheet *sheet, const struct threads *threads, const struct entry *entry,
                      unsigned depth)
{
    bool is_relation = entry_is_relation(entry);
    char *head = is_relation ? relation_line(sheet, threads, entry, false) : entry_head(sheet, entry);
    parts_take(parts, depth, is_relation ? "→ " : "↳ ", head, PAINT_NORMAL);
    struct gl_slice note = gl_annotation_note(entry->annotation);
    if (note.len && has_words(entry) && !entry_is_folded(sheet, entry)) {
        parts_add(parts, depth + 1, "", note, PAINT_NORMAL);
    }
    add_own(parts, sheet, threads, entry, depth + 1);
}

/* Replies beneath a folded entry are counted, not shown. */
static void add_folded(struct parts *parts, const struct entry *entry, unsigned depth)
{
    size_t replies = 0;
    for (const struct entry *at = entry; (at = threads_next(entry, at, false));) {
        replies += entry_is_reply(at) && !at->annotation->is_deleted;
    }
    bool has_note = gl_annotation_note(entry->annotation).len > 0;
    if (replies || has_note) {
        char *count = replies ? heap_printf("%zu repl%s", replies, replies == 1 ? "y" : "ies") : heap_copy(GL_SLICE(""));
        parts_take(parts, depth, "", heap_printf("… %s%s%s", has_note ? "a note" : "", has_note && replies ? " and " : "", count),
                   PAINT_FAINT);
        free(count);
    }
}

void parts_init(struct parts *parts, const struct sheet *sheet, const struct threads *threads, const struct entry *root)
{
    *parts = (struct parts){0};
    add_own(parts, sheet, threads, root, 0);
    if (entry_is_folded(sheet, root)) {
        add_folded(parts, root, 0);
    }
    bool is_passed_over = false;
    for (const struct entry *entry = root; (entry = threads_next(root, entry, is_passed_over));) {
        bool is_hidden = !entry->is_shown || (entry_is_reply(entry) && entry_is_folded(sheet, entry->parent));
        unsigned depth = 0;
        for (const struct entry *above = entry->parent; above != root; above = above->parent) {
            depth++;
        }
        is_passed_over = is_hidden;
        if (!is_hidden) {
            add_child(parts, sheet, threads, entry, depth);
            if (entry_is_folded(sheet, entry)) {
                add_folded(parts, entry, depth + 1);
            }
        }
    }
}
