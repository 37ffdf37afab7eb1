/*
 * thread.h - annotations in order for `show`: those on the text by their place, beneath each its replies and relations.
 *
 * Owns      the entries and their heads; the annotations are lent.
 * Lifetime  threads_init / threads_fini, embedded in yours.
 * Thread    the main thread.
 * Errors    none; without memory the program ends (heap.h).
 *
 * An annotation on the text (or the whole brief) is a root. A reply hangs beneath what it answers, a relation beneath what it leads from, each in the
 * order in which they were made. A deleted annotation is shown only when something that is not deleted hangs beneath it.
 */
#ifndef CLI_THREAD_H
#define CLI_THREAD_H

#include "clients/cli/far.h"

struct entry {
    const struct gl_annotation *annotation;
    char id[GLOSS_ID];
    unsigned short_id; /* characters that tell it from the others */
    unsigned number;   /* of a root: 1, 2 ... as they come in the text */
    bool is_whole;     /* a root without a place in the text */
    bool is_shown;
    struct entry *parent, *first_child, *last_child, *next; /* next: the parent's next child */
    struct entry *first_in, *next_in;                       /* relations of this session that lead here */
};

struct threads {
    struct entry *entries; /* by age */
    size_t count;
    struct entry **roots; /* that are shown, by place; those on the whole brief come first */
    size_t root_count, whole_count;
    size_t replies, relations; /* that are not deleted */
    struct entry **by_id;
};

void threads_init(struct threads *threads, struct gl_annotation *const *annotations, size_t count);
void threads_fini(struct threads *threads);
struct entry *threads_find(const struct threads *threads, const gl_uuid *id); /* NULL: there is none */
/* The one behind `entry` on the way through everything beneath `root`: children first (unless is_passed_over), then the next. NULL: that was all. */
struct entry *threads_next(const struct entry *root, const struct entry *entry, bool is_passed_over);

static inline bool entry_is_reply(const struct entry *entry)
{
    return entry->annotation->target_kind == GL_TARGET_ANNOTATION;
}
static inline bool entry_is_relation(const struct entry *entry)
{
    return entry->annotation->target_kind == GL_TARGET_RELATION;
}

#endif
