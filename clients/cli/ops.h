/*
 * ops.h - one op of a session's log as gloss tells it: a JSON object for scripts, a line for people.
 *
 * Owns      a struct seen keeps what its event only lent.
 * Lifetime  seen_new / seen_free.
 * Thread    the main thread.
 * Errors    none; without memory the program ends (heap.h).
 * Source    "Contract from outside": {"seq","op","author","at","kind","annotation"}.
 */
#ifndef CLI_OPS_H
#define CLI_OPS_H

#include "clients/cli/cli.h"

struct seen {
    struct seen *next; /* for whoever keeps several */
    uint64_t seq;
    bool is_erased;
    char op[GLOSS_ID];
    char author[GLOSS_ID];
    char at[32];
    char kind[64];
    json_t *payload;
    struct gl_annotation *annotation; /* after it; NULL when it is not about one */
    int64_t came_ms;
};

struct seen *seen_new(const struct gloss_event *event);
void seen_free(struct seen **seen);
/* Whether all that it names has a name yet: a label may be newer than what is known of the codebook. */
bool seen_has_names(const struct gloss_session *session, const struct seen *seen);
json_t *seen_json(const struct gloss_session *session, const struct seen *seen);
void seen_line(struct gl_buf *out, const struct gloss_session *session, const struct seen *seen, enum paint_mode paint);

/* An annotation's record with names and its place beside it: label_name, creator_name, start, end, exact. */
json_t *record_json(const struct gloss_session *session, const struct gl_annotation *annotation);
/* Adds start, end and, when it is one span, exact. */
void record_put_place(json_t *object, const struct gl_annotation *annotation);
const char *member_name(const struct gloss_session *session, const char *account); /* never NULL: "somebody" at worst */
/* Where it stands, harmless: the first words of what it marks, with quotes; of a reply the words of what the thread is about, of a relation both ends.
 * session may be NULL. */
void record_put_where(struct gl_buf *out, const struct gloss_session *session, const struct gl_annotation *annotation,
                      size_t max_columns);
/* The same with "the reply to" or "the relation" before it. */
void record_put_words(struct gl_buf *out, const struct gloss_session *session, const struct gl_annotation *annotation,
                      size_t max_columns);

#endif
