/*
 * retention.h - one session's old ops into the archive: a snapshot when one is due, the cut when there is one old enough, then segment by segment.
 *
 * Owns      nothing.
 * Thread    blocks: in the helper that takes jobs, and in `glossd retention`.
 * Units     ops, days, milliseconds of the monotonic clock.
 * Errors    those of admin_pg.h; each step is a transaction of its own, and what was done stays done.
 * Source    migration 0007; service/decisions/retention.md.
 */
#ifndef RETENTION_H
#define RETENTION_H

#include "service/store/admin_pg.h"

struct retention_limits {
    uint64_t keep_ops;     /* newer ops that an op must have to be archived */
    uint64_t keep_days;    /* and how old it must be; 0: however young */
    uint64_t snapshot_ops; /* between two snapshots */
};
struct settings;
struct retention_limits retention_limits(const struct settings *settings);

struct retention_done {
    uint64_t snapshot;      /* the one that was made, or 0 */
    uint64_t retained_from; /* where the log begins now, or 0: as before */
    uint64_t moved;         /* ops into the archive */
    bool has_more;          /* the time was up */
};
enum gl_code retention_run(struct admin_db *db, const gl_uuid *session, const struct retention_limits *limits, uint64_t until_ms,
                           struct retention_done *done, struct gl_err *err) GL_MUST_USE;

#endif
