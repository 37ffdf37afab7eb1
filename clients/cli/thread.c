#include "clients/cli/thread.h"

#include <stdlib.h>

#define SHORT_ID_LEAST 8

static int by_place(const void *left, const void *right)
{
    const struct entry *x = *(struct entry *const *)left, *y = *(struct entry *const *)right;
    const struct gl_annotation *a = x->annotation, *b = y->annotation;
    if (x->is_whole != y->is_whole) {
        return x->is_whole ? -1 : 1;
    }
    if (a->begin_cp != b->begin_cp) {
        return a->begin_cp < b->begin_cp ? -1 : 1;
    }
    if (a->end_cp != b->end_cp) {
        return a->end_cp > b->end_cp ? -1 : 1;
    }
    return a->created_seq < b->created_seq ? -1 : a->created_seq > b->created_seq;
}

static int by_age(const void *left, const void *right)
{
    const struct gl_annotation *a = ((const struct entry *)left)->annotation, *b = ((const struct entry *)right)->annotation;
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

static void index_ids(struct threads *threads)
{
    for (size_t i = 0; i < threads->count; i++) {
        threads->by_id[i] = &threads->entries[i];
    }
    qsort(threads->by_id, threads->count, sizeof(struct entry *), by_id);
}

static void shorten_ids(struct threads *threads)
{
    struct entry **sorted = threads->by_id;
    for (size_t i = 0; i < threads->count; i++) {
        unsigned before = i > 0 ? common(sorted[i]->id, sorted[i - 1]->id) : 0;
        unsigned behind = i + 1 < threads->count ? common(sorted[i]->id, sorted[i + 1]->id) : 0;
        unsigned needed = (before > behind ? before : behind) + 1;
        sorted[i]->short_id = needed < SHORT_ID_LEAST ? SHORT_ID_LEAST : needed;
    }
}

struct entry *threads_find(const struct threads *threads, const gl_uuid *id)
{
    struct entry key, *pointer = &key;
    gl_uuid_format(id, key.id);
    struct entry **found = bsearch(&pointer, threads->by_id, threads->count, sizeof pointer, by_id);
    return found ? *found : NULL;
}

/* What it hangs beneath. A relation may be led back to itself by changes of its ends: then it hangs beneath nothing. */
static struct entry *parent_of(const struct threads *threads, const struct entry *entry)
{
    if (!entry_is_reply(entry) && !entry_is_relation(entry)) {
        return NULL;
    }
    struct entry *parent = threads_find(threads, &entry->annotation->link.from);
    for (const struct entry *above = parent; above; above = above->parent) {
        if (above == entry) {
            return NULL;
        }
    }
    return parent;
}

static void hang(struct threads *threads)
{
    for (size_t i = 0; i < threads->count; i++) {
        struct entry *entry = &threads->entries[i], *parent = parent_of(threads, entry);
        entry->parent = parent;
        if (parent) {
            *(parent->last_child ? &parent->last_child->next : &parent->first_child) = entry;
            parent->last_child = entry;
        }
        struct entry *end = entry_is_relation(entry) ? threads_find(threads, &entry->annotation->link.to) : NULL;
        if (end) {
            entry->next_in = end->first_in;
            end->first_in = entry;
        }
    }
}

/* One that is not deleted, and everything above it. */
static void show_with_parents(struct entry *entry)
{
    for (; entry && !entry->is_shown; entry = entry->parent) {
        entry->is_shown = true;
    }
}

static void gather_roots(struct threads *threads)
{
    for (size_t i = 0; i < threads->count; i++) {
        struct entry *entry = &threads->entries[i];
        entry->is_whole = !entry->parent && entry->annotation->target_kind != GL_TARGET_SPANS;
        if (entry->is_shown && !entry->parent) {
            threads->roots[threads->root_count++] = entry;
            threads->whole_count += entry->is_whole;
        }
    }
    qsort(threads->roots, threads->root_count, sizeof(struct entry *), by_place);
    for (size_t i = 0; i < threads->root_count; i++) {
        threads->roots[i]->number = (unsigned)i + 1;
    }
}

void threads_init(struct threads *threads, struct gl_annotation *const *annotations, size_t count)
{
    *threads = (struct threads){.entries = heap_alloc(count, sizeof(struct entry)),
                                .count = count,
                                .roots = heap_alloc(count, sizeof(struct entry *)),
                                .by_id = heap_alloc(count, sizeof(struct entry *))};
    for (size_t i = 0; i < count; i++) {
        threads->entries[i].annotation = annotations[i];
        gloss_annotation_id(annotations[i], threads->entries[i].id);
    }
    qsort(threads->entries, count, sizeof(struct entry), by_age);
    index_ids(threads);
    shorten_ids(threads);
    hang(threads);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &threads->entries[i];
        if (!entry->annotation->is_deleted) {
            show_with_parents(entry);
            threads->replies += entry_is_reply(entry);
            threads->relations += entry_is_relation(entry);
        }
    }
    gather_roots(threads);
}

void threads_fini(struct threads *threads)
{
    free(threads->by_id);
    free(threads->roots);
    free(threads->entries);
    *threads = (struct threads){0};
}

struct entry *threads_next(const struct entry *root, const struct entry *entry, bool is_passed_over)
{
    if (entry->first_child && !is_passed_over) {
        return entry->first_child;
    }
    while (entry != root && !entry->next) {
        entry = entry->parent;
    }
    return entry == root ? NULL : entry->next;
}
