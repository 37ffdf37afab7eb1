/*
 * check_priv.h - the parts of glossd check.
 *
 * Owns      struct checking owns what it has rebuilt of one stream; the report owns its sentences.
 * Errors    what is wrong with the data is a problem in the report; a code other than GL_OK means that the database could not be read.
 */
#ifndef CHECK_PRIV_H
#define CHECK_PRIV_H

#include "proto/model/codebook.h"
#include "proto/model/state.h"
#include "service/admin/database.h"

#define PROBLEMS_MAX 50

struct report {
    json_t *problems; /* array of texts */
    size_t more;      /* beyond PROBLEMS_MAX */
};
void report_problem(struct report *report, const char *fmt, ...) GL_PRINTF(2, 3);

/* A project's tables, as its log says they must be; members go from id to role, documents from id to what is said of them. */
struct project_mirror {
    struct gl_codebook *terms;
    json_t *members, *documents;
    char name[257];
    bool others_may_edit;
    uint64_t codebook;
};

/* A snapshot of a session, as it is stored: the row, and what its records make. */
struct check_snapshot {
    uint64_t seq, live;
    gl_hash chain, sum;
    struct gl_state *state; /* what its records make, with the row's mode */
    bool is_good;           /* they make its sum */
};

struct checking {
    struct admin_db *db;
    gl_uuid stream;
    struct report report;
    struct gl_state *state;
    struct gl_text *text; /* of a session; NULL for a project, and when the bytes are no text */
    struct project_mirror project;
    struct check_snapshot *snapshots; /* oldest first */
    size_t snapshot_count, snapshot_cap, snapshots_passed;
    uint64_t archived_to;       /* the archive ends there */
    bool is_session, is_erased; /* some ops are erased: what they did cannot be rebuilt */
    bool is_newest_erased;      /* so is its time */
    /* The stream's row: */
    uint64_t head, mode_seq, live, retained_from, codepoints;
    gl_hash chain, sum;
    char mode[16];
    int64_t last_at_ms, at_ms; /* of the row; of the op read last */
    gl_hash row_sum;           /* over the annotation rows */
    size_t rows, rows_live;
};

enum gl_code check_log(struct checking *checking, struct gl_err *err); /* check_log.c */
/* check_snapshot.c: snapshots by themselves, and the segments of the archive; then, on the way through the log, each at its seq. */
enum gl_code check_snapshots(struct checking *checking, struct gl_err *err);
void check_snapshot_here(struct checking *checking);
void check_snapshots_fini(struct checking *checking);
enum gl_code check_rows(struct checking *checking,
                        struct gl_err *err); /* check_rows.c: annotations against the log and the text */
enum gl_code check_project(struct checking *checking, struct gl_err *err); /* check_project.c */
void project_mirror_init(struct project_mirror *mirror);
void project_mirror_fini(struct project_mirror *mirror);
void project_mirror_apply(struct checking *checking, const struct gl_op *op);

#endif
