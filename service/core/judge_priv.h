/* judge_priv.h - between the files of the judge: judge.c decides, judge_target.c about targets, judge_terms.c by the codebook, judge_view.c keeps what was decided. */
#ifndef JUDGE_PRIV_H
#define JUDGE_PRIV_H

#include <stdio.h>

#include "proto/gl_mutation.h"
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
    struct judge_verdict *verdict;
};

/* Notes which op had set field before, and whether that is a conflict. */
void trial_note_field(struct trial *trial, const char *field);
void trial_add_conflict(struct trial *trial, const char *field, const gl_uuid *author, uint64_t seq);

/* What a refusal says of an annotation that was deleted: as it is now, by whom, with which op. */
json_t *judge_deleted(const struct gl_annotation *annotation);
/* Its record was read as an object. Of what stands in the state for long only the bytes stay; of what the view has made something may be lent. */
void judge_put_away(const struct judge_view *view, const struct gl_annotation *annotation);
/* Something else than these members: refused, with its path. */
enum gl_code judge_only_members(const json_t *change, const char *const *names, struct gl_err *err) GL_MUST_USE;
enum gl_code judge_refuse_stale(struct trial *trial); /* for the first of its conflicts */
/* Words of people, erased: the effects, one for the log and one for each annotation. They are not in the view yet. */
enum gl_code judge_redact(struct trial *trial, json_t **effects) GL_MUST_USE;
enum gl_code judge_set_target(struct trial *trial, const json_t *target) GL_MUST_USE;
bool judge_knows_far(const struct judge_far *far, const struct gl_link *link);
/* The other session has not been asked yet: says so in the verdict, and refuses for now. */
enum gl_code judge_want_far(struct trial *trial, const struct gl_link *link) GL_MUST_USE;
/* Once everything else is decided: what the codebook says of the annotation as it would be. */
enum gl_code judge_check_terms(struct trial *trial) GL_MUST_USE;
/* Somebody else's reply, anywhere in the thread below, that the asker had not seen: a conflict of the field "replies". */
void judge_depend_on_replies(struct trial *trial);

/* The annotations that only the view has yet, one after the other from *at = 0; NULL: no more. */
const struct gl_annotation *judge_made(const struct judge_view *view, size_t *at);
void judge_put(struct judge_view *view, struct gl_annotation *after); /* takes the reference */
void judge_put_mode(struct judge_view *view, const char *mode, uint64_t seq);

#endif
