/*
 * check_priv.h - the parts of glossd check.
 *
 * Owns      struct check_run what holds for all streams of a run, struct checking what it has rebuilt of one stream.
 * Errors    what is wrong with the data is a problem in the report; a code other than GL_OK means that the database could not be read.
 *
 * A project's stream is read before those of its sessions, which ask what it says (terms, members). One wrong thing is one problem: what only follows from
 * it is not told. So from an op on that is broken or erased nothing is said of the state (can_rebuild), until a snapshot that holds begins it anew.
 */
#ifndef CHECK_PRIV_H
#define CHECK_PRIV_H

#include "proto/model/codebook.h"
#include "proto/model/state.h"
#include "service/admin/check_report.h"
#include "service/base/map.h"

/* A project's tables, as its log says they must be; members go from id to role, documents from id to what is said of them. */
struct project_mirror {
    gl_uuid project;
    struct gl_codebook *terms;
    json_t *members, *documents;
    json_t *since; /* id of a member who never left -> [seq, ms] of the op that made it one */
    char name[257];
    bool others_may_edit;
    bool is_whole; /* nothing of its log is broken or erased */
    uint64_t codebook, head;
};
void project_mirror_init(struct project_mirror *mirror);
void project_mirror_fini(struct project_mirror *mirror);

/* A snapshot of a session, as it is stored: the row, and what its records make. */
struct check_snapshot {
    uint64_t seq, live, codebook;
    gl_hash chain, sum;
    struct gl_state *state; /* what its records make, with the row's mode */
    bool is_good;           /* they make its sum, and can be read */
    bool is_told;           /* a problem of it is in the report */
};

/* An op without its words: a redact behind it must say so. */
struct check_erased {
    uint64_t seq;
    bool is_named;
};

/* What an op of the log tells to somebody (core/tell.h), until a row of the inbox is there for it. */
struct check_tell {
    uint64_t seq;
    uint64_t codebook;
    gl_uuid annotation, by, account; /* account: nil when nobody of the project has the name */
    char *name;                      /* NULL: by account */
    const char *why;
    int64_t at_ms;
    bool is_found;
};

/* One row of the log. */
struct logged {
    uint64_t seq;
    gl_uuid op, account;
    struct gl_slice kind, payload; /* lent by the row; payload empty: erased, or lost */
    gl_hash leaf, stored_leaf, chain, request_hash;
    bool has_payload, has_leaf; /* the column leaf */
};

/* An op whose chain does not fit, until the next one tells which of its columns is wrong. */
struct held_op {
    bool is_held;
    struct logged it;
    char *bytes; /* kind and payload */
    gl_hash computed;
};

struct far_end { /* of a relation, that is not there; told at the end, unless the far session tells it itself */
    gl_uuid stream, annotation, far_session, far;
};

struct check_run {
    struct admin_db *db;
    bool json, is_whole; /* of all streams */
    uint64_t findings;
    struct progress progress;
    struct project_mirror project; /* of the sessions that come now */
    struct map accounts;           /* id -> struct account_use: who is named in logs */
    struct far_end *far;
    size_t far_count, far_cap, far_known; /* the first ones are known to be missing */
    struct map missing;                   /* ids of annotations whose rows are missing */
    int64_t inbox_since_ms;               /* before that nothing was told */
    struct store_rows *inbox;             /* of the cursor over the inbox: what has been fetched, and where it stands */
    size_t inbox_at;
    bool inbox_is_over;
};

struct repair;

struct checking {
    struct check_run *run;
    struct admin_db *db;
    gl_uuid stream, project, revision;
    struct report report;
    struct repair *repair; /* NULL: nothing is repaired */
    struct gl_state *state;
    struct gl_text *text;             /* of a session; NULL for a project, and when the bytes are no text or not the right ones */
    struct check_snapshot *snapshots; /* oldest first */
    size_t snapshot_count, snapshot_cap, snapshots_passed;
    uint64_t (*bad_segments)[2]; /* first and last: of the archive, where lines and ops do not fit */
    size_t bad_segment_count, bad_segment_cap;
    uint64_t archived_to;        /* the archive ends there */
    bool has_overlap;            /* some ops are in two segments */
    uint64_t cut;                /* where the log must begin */
    uint64_t lost_from, lost_to; /* archived ops that the archive does not have; 0: none */
    struct held_op held;
    struct map ops; /* ids of all ops */
    bool is_session;
    bool is_erased; /* some ops are erased: what they did cannot be rebuilt */
    bool is_broken; /* some ops are not what they were */
    bool is_newest_erased;
    bool was_unsure; /* broken or erased at some op */
    struct check_tell *tells;
    size_t tell_count, tell_cap;
    struct check_erased *erased; /* in order */
    size_t erased_count, erased_cap;
    /* The stream's row: */
    uint64_t head, mode_seq, live, retained_from;
    gl_hash chain_start, chain, sum;
    gl_hash start; /* chain(0) as it must be */
    char mode[16];
    int64_t last_at_ms, at_ms; /* of the row; of the op read last */
    uint64_t codebook;         /* of the op read last */
    gl_hash row_sum;           /* over the annotation rows */
    size_t rows, rows_live;
};

static inline bool can_rebuild(const struct checking *checking)
{
    return !checking->is_erased && !checking->is_broken;
}

/* check_stream.c: one stream, within the transaction that the caller began. GL_E_NOT_FOUND: there is none. */
void checking_init(struct checking *checking, struct check_run *run, const gl_uuid *stream);
void checking_fini(struct checking *checking);
enum gl_code check_stream(struct checking *checking, struct gl_err *err);
/* check.c: what a session's check asks of its project, without a word about that. */
enum gl_code check_project_quietly(struct check_run *run, const gl_uuid *project, struct gl_err *err);
gl_hash check_hash(const struct store_rows *rows,
                   size_t column); /* of row 0; null: zeroes; of another length: what nothing has */

enum gl_code check_log(struct checking *checking, struct gl_err *err); /* check_log.c */
/* check_erased.c: words go by a redact, and those that one names are gone. */
void check_erased_note(struct checking *checking, uint64_t seq);
void check_erased_by(struct checking *checking, const struct gl_op *redact);
void check_erased_end(struct checking *checking);
void check_op(struct checking *checking, const struct logged *it); /* check_op.c: what an op says, and its columns */

/* check_snapshot.c: snapshots by themselves, and the segments of the archive; then, on the way through the log, each at its seq. */
enum gl_code check_snapshots(struct checking *checking, struct gl_err *err);
void check_snapshot_here(struct checking *checking);
void check_snapshots_end(struct checking *checking);
void check_snapshots_fini(struct checking *checking);
bool check_is_in_bad_segment(const struct checking *checking, uint64_t seq);

enum gl_code check_rows(struct checking *checking,
                        struct gl_err *err); /* check_rows.c: annotations against the log and the text */

/* check_inbox.c: an op and what it tells, with the annotation before (NULL: new) and after; then the rows. */
void check_tells(struct checking *checking, const struct gl_op *op, const struct gl_annotation *before,
                 const struct gl_annotation *after);
enum gl_code check_inbox_begin(struct check_run *run, const gl_uuid *only,
                               struct gl_err *err); /* the cursor; NULL: all streams */
void check_inbox_end(struct check_run *run);
enum gl_code check_inbox(struct checking *checking, struct gl_err *err);
void check_inbox_fini(struct checking *checking);

enum gl_code check_project(struct checking *checking, struct gl_err *err);    /* check_project.c */
void project_mirror_apply(struct checking *checking, const struct gl_op *op); /* check_mirror.c */

/* check_across.c: what is in no stream, or between them. */
void across_account(struct check_run *run, const gl_uuid *account);
enum gl_code across_far(struct check_run *run, struct gl_err *err); /* behind each session: keeps what is missing */
enum gl_code across_check(struct check_run *run, struct report *report, struct gl_err *err);
void across_fini(struct check_run *run);

#endif
