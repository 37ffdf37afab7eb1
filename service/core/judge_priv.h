/* judge_priv.h - between the files of the judge: judge.c decides, judge_target.c about targets, judge_view.c keeps what was decided. */
#ifndef JUDGE_PRIV_H
#define JUDGE_PRIV_H

#include <stdio.h>

#include "service/core/judge.h"

/* One op being judged: what was asked, what is there, and the effect as it grows. */
struct trial {
    struct judge_view *view;
    const struct judge_ask *ask;
    const struct gl_annotation *before; /* NULL for a create */
    gl_uuid id;
    json_t *set, *prev;
    json_t *conflicts; /* array of {"field","author","seq"} */
    struct gl_err *err;
    json_t **data;
};

/* Notes which op had set field before, and whether that is a conflict. */
void trial_note_field(struct trial *trial, const char *field);
void trial_add_conflict(struct trial *trial, const char *field, const gl_uuid *author, uint64_t seq);

enum gl_code judge_set_target(struct trial *trial, const json_t *target) GL_MUST_USE;
/* Somebody else's reply, anywhere in the thread below, that the asker had not seen: a conflict of the field "replies". */
void judge_depend_on_replies(struct trial *trial);

/* The annotations that only the view has yet, one after the other from *at = 0; NULL: no more. */
const struct gl_annotation *judge_made(const struct judge_view *view, size_t *at);
void judge_put(struct judge_view *view, struct gl_annotation *after); /* takes the reference */
void judge_put_mode(struct judge_view *view, const char *mode, uint64_t seq);

#endif
