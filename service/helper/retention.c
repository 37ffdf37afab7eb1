#include "service/helper/retention.h"

#include "service/base/clock.h"
#include "service/base/settings.h"

enum { SNAPSHOTS_WAITING = 4 /* at most about so many stand between the cut and the head */ };

struct retention_limits retention_limits(const struct settings *settings)
{
    struct retention_limits limits = {.keep_ops = (uint64_t)settings->retention_ops,
                                      .keep_days = (uint64_t)settings->retention_days,
                                      .snapshot_ops = (uint64_t)settings->snapshot_every};
    if (limits.snapshot_ops < limits.keep_ops / SNAPSHOTS_WAITING)
        limits.snapshot_ops = limits.keep_ops / SNAPSHOTS_WAITING;
    return limits;
}

/* A function that gives one number. */
static enum gl_code ask(struct admin_db *db, enum store_query_id query, const struct store_param *params, size_t count,
                        uint64_t *number, struct gl_err *err)
{
    struct store_rows *rows;
    enum gl_code code = admin_db_query(db, query, params, count, &rows, err);
    if (code != GL_OK)
        return code;
    *number = store_rows_count(rows) > 0 ? store_u64(rows, 0, 0) : 0;
    admin_rows_free(&rows);
    return GL_OK;
}

enum gl_code retention_run(struct admin_db *db, const gl_uuid *session, const struct retention_limits *limits, uint64_t until_ms,
                           struct retention_done *done, struct gl_err *err)
{
    const struct store_param snapshot[] = {P_UUID(*session), P_U64(limits->snapshot_ops)};
    const struct store_param cut[] = {P_UUID(*session), P_U64(limits->keep_ops), P_U64(limits->keep_days)};
    *done = (struct retention_done){0};
    enum gl_code code = ask(db, STORE_Q_retention_snapshot, snapshot, 2, &done->snapshot, err);
    if (code == GL_OK)
        code = ask(db, STORE_Q_retention_cut, cut, 3, &done->retained_from, err);
    for (uint64_t moved = 1; code == GL_OK && moved > 0; done->moved += moved) {
        done->has_more = clock_monotonic_ms() >= until_ms;
        if (done->has_more)
            break;
        code = ask(db, STORE_Q_retention_move, snapshot, 1, &moved, err);
        if (code != GL_OK)
            break;
    }
    return code;
}
