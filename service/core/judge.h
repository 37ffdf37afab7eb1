/*
 * judge.h - decides about one op: accepted with these effects, or refused for this reason. Pure: no clock, no socket, no store.
 *
 * Owns      a view owns its overlay: annotations as they will be once what is in flight has committed. Nobody but the judge sees them before.
 * Lifetime  judge_view_init / judge_view_fini around one group.
 * Thread    any; a function of its arguments.
 * Units     seqs.
 * Errors    the codes of a refused op, with the path below "change", and data for the answer.
 * Source    PROTOCOL.md, "Changes" and "Conflicts".
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "proto/gl_wire.h"
#include "proto/model/codebook.h"
#include "proto/model/state.h"
#include "service/base/map.h"

#define JUDGE_THREAD_LEVELS 64u      /* a reply and all that it answers, up to the first annotation */
#define JUDGE_GROUP_STEPS   100000u  /* so many replies are looked at in a group before the rest waits for the next */
#define JUDGE_REDACT_MAX    1000u    /* annotations in one erasure */
#define JUDGE_BLOCK_STEPS   1000000u /* and in an atomic request before its next delete is refused */

struct judge_view {
    const struct gl_state *state;  /* what has committed */
    const struct judge_view *upon; /* lent: what is being committed, and is taken to be true already; NULL: nothing */
    const struct gl_text *text;
    gl_uuid revision, session;
    bool others_may_edit;
    const struct gl_codebook *terms; /* of the project; NULL: nothing is checked against it */
    uint64_t codebook;
    uint64_t seq; /* of the last op accepted in this view */
    gl_hash chain, sum;
    char mode[16];
    uint64_t mode_seq;
    int64_t grown;              /* how many more annotations there are that are not deleted */
    size_t steps;               /* replies looked at, for deletes; whoever judges starts it again at 0 for each request */
    struct map overlay;         /* id -> struct gl_annotation, a reference each */
    struct judge_undo *journal; /* what was in the overlay before, newest last */
    size_t journal_count, journal_cap;
};
struct judge_mark {
    size_t journal_count;
    uint64_t seq, mode_seq;
    int64_t grown;
    gl_hash chain, sum;
    char mode[16];
};
void judge_view_init(struct judge_view *view, const struct gl_state *state);
/* Upon what another view says will be; it must stay until it is in the state, or this view is not looked into any more. */
void judge_view_init_upon(struct judge_view *view, const struct judge_view *upon);
void judge_view_stands(struct judge_view *view); /* what it is upon is in the state now */
void judge_view_fini(struct judge_view *view);
struct judge_mark judge_mark(const struct judge_view *view);
void judge_back_to(struct judge_view *view, const struct judge_mark *mark);         /* forgets what was accepted since */
struct gl_annotation *judge_find(const struct judge_view *view, const gl_uuid *id); /* lent */
/* The annotations that the view changes, in the order first touched, lent. Returns how many; out may be NULL to count. */
size_t judge_touched(const struct judge_view *view, struct gl_annotation **out);

/* The far end of a relation into another session, as it was found for the asker. Looked up once; the first judgement says for which op it is needed. */
struct judge_far {
    gl_uuid session, annotation;
    enum { JUDGE_FAR_NOT_ASKED, JUDGE_FAR_MISSING, JUDGE_FAR_DELETED, JUDGE_FAR_THERE } is;
    bool has_label;
    gl_uuid label;
};
/* What the log says in somebody's words, of the annotations (or the account) that a redact names: an op each, in order, up to as_of. Looked up likewise. */
struct judge_word {
    uint64_t seq;
    gl_uuid annotation, account;
};
struct judge_words {
    uint64_t as_of;
    bool was_cut; /* there may be later ones that the list has no room for */
    struct judge_word *list;
    size_t count, cap;
};
struct judge_ask {
    gl_uuid op, account;
    enum gl_role role;
    const json_t *change;
    bool has_base;
    uint64_t base; /* resolved to a seq */
    /* The label that change names: */
    enum { JUDGE_NO_LABEL, JUDGE_LABEL, JUDGE_LABEL_REMOVED, JUDGE_LABEL_UNKNOWN } label_is;
    gl_uuid label; /* JUDGE_LABEL; for a name that would make a new label: the id that it would get */
    struct judge_far far;
    const struct judge_words *words; /* lent; NULL: not looked up */
};
struct judge_verdict {
    enum gl_op_kind kind;
    json_t *effects; /* taken by the caller */
    bool has_annotation;
    gl_uuid annotation;
    const struct gl_annotation *before; /* lent by the view; NULL: it was made */
    bool wants_far;                     /* with a refusal: look up this end, then judge again */
    struct gl_link far;
    bool wants_words; /* likewise: what the log says */
};
/* Judges ask as the op that would get view->seq + 1. Accepted: the verdict is filled in, the view holds the effects, and view->seq has moved; chain is the
 * caller's to move. Refused: the view is as it was; *err and *data (taken by the caller, may become NULL) say why. */
enum gl_code judge(struct judge_view *view, const struct judge_ask *ask, struct judge_verdict *verdict, struct gl_err *err,
                   json_t **data) GL_MUST_USE;
/* Whether the value of an attribute is in a person's own words: a text, and none of those that the codebook lists. terms may be NULL. */
bool judge_is_word(const struct gl_codebook *terms, const char *attribute, const json_t *value);
/* Whether a change is about a relation, so that its label is a type of relation. */
bool judge_is_relation(const struct judge_view *view, const json_t *change);
/* The kind and the label (NULL: none named) of a change, before it is judged. Refuses what is no change at all. */
enum gl_code judge_peek(const json_t *change, enum gl_op_kind *kind, const json_t **label, struct gl_err *err) GL_MUST_USE;

#endif
