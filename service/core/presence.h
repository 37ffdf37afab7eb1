/*
 * presence.h - one person's place, and how workers write it for each other. Between presence.c and presence_wire.c.
 *
 * Owns      nothing.
 * Thread    any; pure.
 * Units     code points.
 * Errors    false: what does not fit, or cannot be read. Nobody is told: presence may be lost.
 */
#ifndef PRESENCE_H
#define PRESENCE_H

#include "service/core/core_priv.h"

struct place {
    bool has_view, has_selection, has_annotation, is_gone;
    uint64_t start, end, selection_start, selection_end;
    gl_uuid annotation;
};
struct person {
    gl_uuid stay, account;
    char name[GL_LABEL_MAX_BYTES + 1];
    struct place place;
    bool is_local;  /* of a connection of this worker */
    bool has_moved; /* those who have joined must be told */
    bool must_say;  /* and so must the other workers; local ones only */
    uint64_t at_ms; /* when it was last said, or heard */
};

/* What is said: any number of words, each about one session. */
struct presence_word {
    enum { PRESENCE_PERSON = 1, PRESENCE_WHO = 2 } what; /* WHO: say who is there */
    gl_uuid session;
    struct person person;
};
bool presence_write(struct gl_buf *buf, const struct presence_word *word); /* false: it does not fit, nothing was written */
bool presence_read(struct gl_slice *bytes, struct presence_word *word); /* the next word; false: there is none that can be read */

#endif
