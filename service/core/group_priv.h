/*
 * group_priv.h - one append: what was judged for each stream, and what becomes of it. Between writer.c, group_*.c, part.c and project.c.
 *
 * Owns      a part owns the waiting ops that it took from its session until they are settled or given back, and all memory that its stream's rows
 *           point to.
 */
#ifndef GROUP_PRIV_H
#define GROUP_PRIV_H

#include "service/core/core_priv.h"

#define PAYLOAD_MAX_BYTES (192u * 1024) /* so that one op always fits into a frame */
#define RETRY_MS          50u           /* until a database is asked again that is not there, or failed */
#define PATIENCE_MS       20            /* with an append in flight; then the next ones go beside it */

struct tried { /* one op of a session, judged */
    struct waiting_op *op;
    struct op_outcome outcome;
    bool is_accepted;
    bool is_same;
    size_t same_as; /* the index of the op with the same id, earlier in this group */
    size_t row;     /* in rows, when accepted */
    bool wants_far; /* it is refused only until this end has been looked up */
    struct gl_link far;
    bool wants_words; /* likewise, until the log was asked for what it says */
};
struct ahead { /* what a part supposed that was judged ahead */
    uint64_t seq, epoch, project_head, repaired;
    gl_hash chain;
    size_t budget; /* it was judged with */
    bool is_over;  /* what waits next must be judged by what is true, or needs something first */
};
struct part {
    struct session *session; /* or */
    struct project *project;
    struct judge_view view;
    const struct part *upon; /* ahead.c: in flight, and taken for committed; NULL: nothing is supposed */
    struct ahead ahead;
    struct tried *tried;
    size_t tried_count, tried_cap;
    struct map by_id; /* op id -> index in tried, plus one; of a project: ids and names that its ops take -> the part */
    struct append_op *rows;
    size_t row_count, row_cap;
    size_t payload_bytes;         /* of a project's rows */
    int64_t last_at_ms;           /* of the newest row */
    int64_t room;                 /* by so many may the project's annotations grow */
    bool is_full, is_counted;     /* there was none for an op; it is counted as in flight (quota_stored.c) */
    struct append_erased *erased; /* ops that lose their words with this part */
    size_t erased_count, erased_cap;
    struct gl_annotation **annotations;
    struct append_tell *tells; /* of the rows; what they lend belongs to the view */
    size_t tell_count, tell_cap;
    struct project_op *project_ops; /* taken */
    struct append_term *terms;
    struct append_member member;
    struct append_settings settings;
    struct append_meta meta;
    struct gl_buf meta_text;
    struct append_stream stream;
};
struct group {
    struct core *core;
    struct group *next; /* of those in flight */
    uint64_t started_ms;
    struct part **parts;
    struct append_stream *streams; /* one a part */
    size_t count, cap;
};

/* What is appended for it next may meet a stranger's lock, and should hold up nobody else. */
bool session_goes_alone(const struct session *session);
/* share.c: how much of an append one session may have. */
void share_asked(struct core *core, const struct session *session); /* an op has come for it */
void share_next_append(struct core *core);                          /* one is going to be built */
size_t share_of(const struct session *session, size_t left);        /* of what is left of the next one */
size_t share_ahead(const struct core *core, size_t left);           /* of the one after that which is in flight: anybody's */
void share_taken(struct core *core, const struct session *session); /* it has brought its share */
void share_settled(struct core *core, uint64_t took_ms);            /* an append has committed */
/* Judges what waits, at most budget ops (or one atomic request). NULL: there is nothing to append (what could be settled was). */
struct part *part_from_session(struct session *session, size_t budget);
void part_apply(struct part *part);     /* it is durable: the state has it. Then, in the same turn: */
void part_deliver(struct part *part);   /* everybody is told, and it is settled */
void part_give_back(struct part *part); /* nothing was written: the ops wait again, in their order */
void part_found(struct part *part);     /* some were in the log: remembers them, gives all back */
void part_fail(struct part *part);      /* the database refused it: so are the ops */
/* For ahead.c: one that is in no group yet. */
struct part *part_new(struct session *session, const struct part *upon);
void part_judge(struct part *part, size_t budget); /* more of what waits, until it has so many ops */
void part_undo(struct part *part);                 /* its ops wait again; frees it */
void session_drop_abandoned(struct session *session);

/* ahead.c: the next part of a session, judged while the one before is being committed. */
void ahead_judge(struct core *core);                             /* what waits behind all that is in flight */
void ahead_give_back(struct session *session);                   /* it waits again, before everything else */
void ahead_stands(const struct session *session);                /* what was in flight is in the state */
struct part *ahead_take(struct session *session, size_t budget); /* NULL: there is none, or it had to be given back */
/* Memory knows the newest op ids only. Before an op is refused that it does not know, the log is asked: true when that is under way, and everything
 * waits again (lookup.c). */
bool part_must_look_up(struct part *part);
/* Likewise for annotations in other sessions that relations lead to (ends.c). */
bool part_must_ask_ends(struct part *part);
/* Likewise for what the log says in words that are to be erased (words.c). */
bool part_must_ask_words(struct part *part);
/* What an op was told of that, brought up to where memory stands; NULL: it must be asked (again). */
const struct judge_words *words_now(const struct session *session, struct waiting_op *op);
/* Those that no erasure before it in the group takes; the caller frees them. */
struct judge_words *words_left(const struct judge_words *words, const struct append_erased *erased, size_t count);
void words_free(struct judge_words **words);
void words_set_aside(struct session *session); /* what waits behind an op of the same account that stands aside */
/* ---- group_refer.c: what an op refers to. Of its base and its label the question for the judge; of one that was sent before its outcome. */
struct wanted {           /* a term that would have to be made first */
    struct gl_slice name; /* empty: none */
    enum gl_term_kind kind;
    gl_uuid asker;
};
struct tried *part_find_tried(const struct part *part, const gl_uuid *id); /* earlier in this group, or NULL */
struct base {                                                              /* what an op says that it was made upon */
    enum { BASE_NONE, BASE_SEQ, BASE_OP } kind;
    uint64_t seq;
    gl_uuid op;
};
enum gl_code base_read(const json_t *base, uint64_t head, struct base *read, struct gl_err *err) GL_MUST_USE;
enum gl_code part_resolve_base(struct part *part, const struct waiting_op *op, struct judge_ask *ask,
                               struct gl_err *err) GL_MUST_USE;
enum gl_code part_resolve_label(const struct part *part, const struct waiting_op *op, struct judge_ask *ask,
                                struct wanted *wanted, struct gl_err *err) GL_MUST_USE;
void op_settle_repetition(const struct waiting_op *op, const gl_hash *request_hash, const gl_uuid *account, uint64_t seq,
                          struct op_outcome *outcome);
void op_name_annotation(const struct waiting_op *op,
                        struct op_outcome *outcome); /* that it had made or changed, as far as it says itself */

/* ---- part.c */
void part_free(struct part *part);
void part_drop_rows(struct part *part, size_t keep); /* those behind the first so many, and what they tell and erase */
/* quota_stored.c. May this session's ops be judged? False: it is counted what its project has. */
bool quota_may_judge(const struct session *session);
int64_t quota_room(const struct project *project);
enum gl_code quota_refuse_annotation(struct part *part, int64_t grown,
                                     struct op_outcome *outcome); /* grown: by what was accepted before it */
bool part_must_count(struct part *part); /* likewise what the project has, before an op is refused for that */
void quota_part_sent(struct part *part);
void quota_part_over(struct part *part, bool has_committed);
/* Adds a row: takes payload's bytes, draws the salt, moves the chain. GL_E_TOO_LARGE when the payload hit its ceiling; then nothing was added. */
enum gl_code part_push_row(struct part *part, struct append_op *row, struct gl_buf *payload, gl_hash *chain);
struct gl_slice logged_row(const struct append_op *row); /* owned */

/* writer.c */
bool project_may(const struct project *project); /* judge now: nothing of it is being read */
bool writer_write(struct core *core);            /* sends what waits, if it may; false: there is nothing to send */
void group_add(struct group *group, struct part *part);
void group_free(struct group *group);
/* settle.c: what became of a part, and the news of it. */
void group_settle(struct group *group, enum gl_code code, struct append_stream *streams); /* and frees it */
struct group *hold_group(const struct core *core);                                        /* in flight under a lock, or NULL */

/* tell.c: whom an accepted op concerns. */
void part_tell(struct part *part, const struct tried *tried, enum gl_op_kind kind, const struct gl_annotation *before,
               const struct gl_annotation *after);

struct part *part_from_project(struct project *project);
void project_part_commit(struct part *part);
void project_part_give_back(struct part *part);
void project_part_found(struct part *part);                   /* some were in the log: remembers them, gives all back */
void project_part_fail(struct part *part, enum gl_code code); /* it cannot be written: EXISTS, or the database refused it */

#endif
