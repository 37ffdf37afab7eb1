/*
 * project_judge.h - decides about one op of a project's stream: accepted with these effects, or refused for this reason. Pure: no clock, no socket, no store.
 *
 * Owns      nothing; a verdict belongs to the caller, who ends it with project_verdict_fini.
 * Thread    any; a function of its arguments.
 * Units     seqs of the project's stream.
 * Errors    the codes of a refused op, with the path from "change" on, and data for the answer.
 * Source    PROTOCOL.md, "Changes of a project".
 */
#ifndef PROJECT_JUDGE_H
#define PROJECT_JUDGE_H

#include "proto/gl_wire.h"
#include "proto/model/codebook.h"

struct project_view { /* what has committed */
    const struct gl_codebook *terms;
    struct gl_slice name;
    bool others_may_edit;
    uint64_t seq;        /* that the op would get */
    size_t others_taken; /* of its group: at most so many terms come before */
};

/* What memory does not hold and was looked up for the op: a member's role, or a document's metadata. */
struct project_facts {
    bool is_there;            /* the account, the document */
    enum gl_role member_role; /* member.set */
    uint64_t owners;
    uint64_t changed_seq; /* document.update */
    gl_uuid changed_by;
    json_t *meta;              /* owned: title, authors ... as they are */
    uint64_t documents, bytes; /* document.create, where there is a limit: what the project has */
};

struct project_ask {
    gl_uuid op, account;
    enum gl_role role;
    const json_t *change;
    bool has_base;
    uint64_t base;
    bool
        is_wanted; /* a label or type of relation that an annotation names: made in passing, when that is allowed and still needed */
    bool is_quiet;  /* what would change nothing is no op */
    bool is_import; /* document.create: the bytes are at hand */
    const struct project_facts *facts;
};
struct project_verdict {
    enum gl_op_kind kind;
    bool is_needless; /* accepted, and there is nothing to append */
    json_t *effects;
    bool has_made;
    gl_uuid made;         /* the term or document that it makes or changes */
    struct gl_term *term; /* as it will be */
    json_t *meta;         /* document.update: all of it, as it will be */
    gl_uuid member;
    enum gl_role member_role;
    bool open;            /* codebook.policy */
    struct gl_slice name; /* project.update: both, as they will be; lent by change and view */
    bool others_may_edit;
    bool moves_epoch;
};
void project_verdict_fini(struct project_verdict *verdict);

/* Whether facts are needed to judge this change, and about whom: an account or a document. */
bool project_judge_needs_facts(const json_t *change, enum gl_op_kind *kind, gl_uuid *about);
/* data is taken by the caller, and may become NULL. */
enum gl_code project_judge(const struct project_view *view, const struct project_ask *ask, struct project_verdict *verdict,
                           struct gl_err *err, json_t **data) GL_MUST_USE;
/* What the op made or changed, as far as the request itself says: for one that was accepted before. */
bool project_judge_made(const gl_uuid *op, const json_t *change, gl_uuid *made);

#endif
