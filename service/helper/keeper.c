#include "service/helper/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/helper/retention.h"

enum {
    NICE = 5,
    LOOK_MS = 1000,         /* between two looks when nothing was due */
    CONNECT_FIRST_MS = 500, /* before the next attempt to connect, doubled each time */
    CONNECT_LAST_MS = 15000,
    SHARE = 4, /* a job may go on for this part of its time, then it lets others go first */
    PRUNED_AT_ONCE = 1000
};

struct keeper {
    const struct settings *settings;
    struct admin_db *db;
    struct retention_limits retention;
};
struct taken {
    uint64_t id;
    const struct kind *kind;
    gl_uuid stream;
    uint64_t attempts;
};
struct kind {
    const char *name;
    enum gl_code (*run)(struct keeper *keeper, const struct taken *job, bool *again, struct gl_err *err);
    bool recurs; /* every retention_every_ms */
};

/* ---- the kinds of jobs */

/* What is older than so many days, or more than so many rows (0: nothing is); the rest comes with the next job. */
static enum gl_code prune(struct keeper *keeper, enum store_query_id query, int64_t keep, struct gl_err *err)
{
    const struct store_param params[] = {P_U64((uint64_t)keep), P_U64(PRUNED_AT_ONCE)};
    const uint64_t until = clock_monotonic_ms() + keeper->settings->job_timeout_ms / SHARE;
    enum gl_code code = GL_OK;
    for (uint64_t gone = PRUNED_AT_ONCE; keep > 0 && code == GL_OK && gone == PRUNED_AT_ONCE && clock_monotonic_ms() < until;) {
        struct store_rows *rows;
        code = admin_db_query(keeper->db, query, params, 2, &rows, err);
        if (code != GL_OK)
            break;
        gone = store_rows_count(rows) > 0 ? store_u64(rows, 0, 0) : 0;
        admin_rows_free(&rows);
    }
    return code;
}

static enum gl_code prune_inboxes(struct keeper *keeper, const struct taken *job, bool *again, struct gl_err *err)
{
    (void)job, (void)again;
    return prune(keeper, STORE_Q_inbox_prune, keeper->settings->inbox_days, err);
}

static enum gl_code prune_audit(struct keeper *keeper, const struct taken *job, bool *again, struct gl_err *err)
{
    (void)job, (void)again;
    const enum gl_code code = prune(keeper, STORE_Q_audit_prune, keeper->settings->audit_days, err);
    return code != GL_OK ? code : prune(keeper, STORE_Q_sign_ins_prune, keeper->settings->audit_sign_ins, err);
}

static enum gl_code scan_retention(struct keeper *keeper, const struct taken *job, bool *again, struct gl_err *err)
{
    const struct retention_limits *limits = &keeper->retention;
    const struct store_param params[] = {P_U64(limits->keep_ops), P_U64(limits->keep_days), P_U64(limits->snapshot_ops)};
    (void)job, (void)again;
    return admin_db_query(keeper->db, STORE_Q_retention_scan, params, 3, NULL, err);
}

static enum gl_code archive_stream(struct keeper *keeper, const struct taken *job, bool *again, struct gl_err *err)
{
    struct retention_done done;
    if (keeper->retention.keep_ops == 0)
        return GL_OK; /* switched off since the job was made */
    uint64_t until = clock_monotonic_ms() + keeper->settings->job_timeout_ms / SHARE;
    enum gl_code code = retention_run(keeper->db, &job->stream, &keeper->retention, until, &done, err);
    *again = done.has_more;
    if (done.snapshot || done.retained_from || done.moved)
        log_event(LOG_INFO, EV_retention_done, F_ID("session", &job->stream), F_U64("snapshot", done.snapshot),
                  F_U64("retained_from", done.retained_from), F_U64("moved", done.moved));
    return code;
}

static enum gl_code erase_stream(struct keeper *keeper, const struct taken *job, bool *again, struct gl_err *err)
{
    const struct store_param param = P_UUID(job->stream);
    const uint64_t until = clock_monotonic_ms() + keeper->settings->job_timeout_ms / SHARE;
    enum gl_code code = GL_OK;
    for (uint64_t done = 1; code == GL_OK && done > 0 && !*again; *again = done > 0 && clock_monotonic_ms() >= until) {
        struct store_rows *rows;
        code = admin_db_query(keeper->db, STORE_Q_erase_more, &param, 1, &rows, err);
        if (code != GL_OK)
            break;
        done = store_rows_count(rows) > 0 ? store_u64(rows, 0, 0) : 0;
        admin_rows_free(&rows);
    }
    return code;
}

static const struct kind kinds[] = {
    {"retention.scan", scan_retention, true}, {"inbox.prune", prune_inboxes, true}, {"audit.prune", prune_audit, true},
    {"retention", archive_stream, false},     {"erase", erase_stream, false},
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(*kinds) };

/* ---- one job */

static enum gl_code take(struct keeper *keeper, struct taken *job, struct gl_err *err)
{
    char names[256] = "";
    struct store_rows *rows;
    for (size_t i = 0, at = 0; i < KIND_COUNT; i++)
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? "," : "", kinds[i].name);
    const struct store_param param = P_TEXT(gl_slice_str(names));
    *job = (struct taken){0};
    enum gl_code code = admin_db_query(keeper->db, STORE_Q_job_take, &param, 1, &rows, err);
    if (code != GL_OK)
        return code;
    if (store_rows_count(rows) > 0) {
        job->id = store_u64(rows, 0, 0);
        for (size_t i = 0; i < KIND_COUNT; i++)
            if (gl_slice_is(store_text(rows, 0, 1), kinds[i].name))
                job->kind = &kinds[i];
        if (!store_is_null(rows, 0, 2))
            job->stream = store_uuid(rows, 0, 2);
        job->attempts = store_u64(rows, 0, 3);
    }
    admin_rows_free(&rows);
    return GL_OK;
}

/* False: the connection is of no use any more. Its locks go with it, and the job is taken again. */
static bool run(struct keeper *keeper, const struct taken *job)
{
    struct gl_err err = {0}, end_err = {0};
    bool again = false;
    alarm((unsigned)(keeper->settings->job_timeout_ms / 1000 + 1)); /* nobody catches it: the process ends */
    enum gl_code code = job->kind->run(keeper, job, &again, &err);
    if (code != GL_OK)
        log_event(LOG_ERROR, EV_job_failed, F_U64("job", job->id), F_STR("kind", job->kind->name), F_ID("stream", &job->stream),
                  F_U64("attempt", job->attempts), F_STR("detail", err.detail));
    const struct store_param end[] = {P_U64(job->id), P_BOOL(again), code == GL_OK ? P_NULL : P_TEXT(gl_slice_str(err.detail)),
                                      P_U64(KEEPER_ATTEMPTS)};
    bool is_well = code != GL_E_STORE_DOWN && admin_db_query(keeper->db, STORE_Q_job_end, end, 4, NULL, &end_err) == GL_OK;
    alarm(0);
    return is_well;
}

/* ---- the process */

static void rest(uint64_t ms)
{
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static enum gl_code open_database(struct keeper *keeper, struct gl_err *err)
{
    const struct settings *settings = keeper->settings;
    const struct store_param timeout = P_U64(settings->job_timeout_ms);
    enum gl_code code = admin_db_open(settings->database, settings->append_role, &keeper->db, err);
    if (code == GL_OK)
        code = admin_db_check_schema(keeper->db, err);
    if (code == GL_OK)
        code = admin_db_query(keeper->db, STORE_Q_job_setup, &timeout, 1, NULL, err);
    for (size_t i = 0; i < KIND_COUNT && code == GL_OK; i++) {
        const struct store_param keep[] = {P_TEXT(gl_slice_str(kinds[i].name)), P_U64(settings->retention_every_ms)};
        if (kinds[i].recurs)
            code = admin_db_query(keeper->db, STORE_Q_job_keep, keep, 2, NULL, err);
    }
    if (code != GL_OK)
        admin_db_close(&keeper->db);
    return code;
}

static void connect_again(struct keeper *keeper)
{
    uint64_t pause = CONNECT_FIRST_MS;
    struct gl_err err = {0};
    while (open_database(keeper, &err) != GL_OK) {
        log_event(LOG_WARN, EV_store_lost, F_STR("role", "jobs"), F_STR("detail", err.detail));
        rest(pause);
        pause = pause * 2 < CONNECT_LAST_MS ? pause * 2 : CONNECT_LAST_MS;
        err = (struct gl_err){0};
    }
    log_event(LOG_INFO, EV_store_connected, F_STR("role", "jobs"));
}

/* Until the connection is lost. */
static void work(struct keeper *keeper)
{
    struct taken job;
    struct gl_err err = {0};
    enum gl_code code;
    while ((code = take(keeper, &job, &err)) == GL_OK) {
        if (!job.kind)
            rest(LOOK_MS);
        else if (!run(keeper, &job))
            return;
    }
    log_event(LOG_WARN, EV_store_lost, F_STR("role", "jobs"), F_STR("detail", err.detail));
}

/* A job that wants more than it should have ends this process and none beside it. Sanitizers reserve more than any limit at once. */
static void limit_memory(uint64_t bytes)
{
#ifndef __SANITIZE_ADDRESS__
    setrlimit(RLIMIT_DATA, &(struct rlimit){bytes, bytes});
#else
    (void)bytes;
#endif
}

int keeper_main(const struct settings *settings)
{
    struct keeper keeper = {.settings = settings, .retention = retention_limits(settings)};
    setpriority(PRIO_PROCESS, 0, NICE); /* the loops come first */
    limit_memory(settings->job_memory);
    for (;;) {
        connect_again(&keeper);
        work(&keeper);
        admin_db_close(&keeper.db);
    }
}
