/* check_across.c - what is in no stream, or between them: accounts that logs name, rows of streams that are not there, far ends of relations, jobs. */
#include <inttypes.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/base/mem.h"

#define BATCH 1000

struct account_use {
    gl_uuid account;
    uint64_t ops;
};

void across_account(struct check_run *run, const gl_uuid *account)
{
    static const gl_uuid nobody = {{0}}; /* ops of glossd */
    struct account_use *use = map_get(&run->accounts, account);
    if (!use && !gl_uuid_equal(account, &nobody)) {
        use = mem_alloc(sizeof(*use));
        use->account = *account;
        map_put(&run->accounts, account, use);
    }
    if (use) {
        use->ops++;
    }
}

void across_fini(struct check_run *run)
{
    struct account_use *use;
    for (size_t at = 0; (use = map_next(&run->accounts, &at));) {
        mem_free(&use);
    }
    map_fini(&run->accounts);
    map_fini(&run->missing);
    mem_free(&run->far);
}

/* ---- accounts */

struct asking {
    struct check_run *run;
    struct report *report;
};

static enum gl_code account_is_there(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct asking *asking = ctx;
    gl_uuid account = store_uuid(row, 0, 0);
    struct account_use *use = map_remove(&asking->run->accounts, &account);
    (void)err;
    mem_free(&use);
    return GL_OK;
}

static enum gl_code account_is_named(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct asking *asking = ctx;
    gl_uuid account = store_uuid(row, 0, 0);
    (void)err;
    across_account(asking->run, &account);
    return GL_OK;
}

static enum gl_code check_accounts(struct asking *asking, struct gl_err *err)
{
    struct account_use *use;
    char id[GL_UUID_TEXT + 1];
    enum gl_code code = admin_db_each(asking->run->db, STORE_Q_check_account_names, NULL, 0, account_is_named, asking, err);
    if (code == GL_OK) {
        code = admin_db_each(asking->run->db, STORE_Q_check_accounts, NULL, 0, account_is_there, asking, err);
    }
    for (size_t at = 0; code == GL_OK && (use = map_next(&asking->run->accounts, &at));) {
        gl_uuid_format(&use->account, id);
        report_problem(asking->report, CHECK_ACCOUNT_MISSING, AT("account", &use->account),
                       "account %s is not there, but logs or tables name it", id);
    }
    return code;
}

/* ---- rows without their stream */

static enum gl_code take_orphan(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct asking *asking = ctx;
    gl_uuid stream = store_uuid(row, 0, 0);
    struct gl_slice tables = store_text(row, 0, 1);
    (void)err;
    report_problem(asking->report, CHECK_STREAM_MISSING, AT("stream", &stream), "the stream is not there, but has rows in %.*s",
                   (int)tables.len, tables.data);
    return GL_OK;
}

static enum gl_code take_job(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct asking *asking = ctx;
    gl_uuid stream = store_uuid(row, 0, 1);
    struct gl_slice kind = store_text(row, 0, 2);
    (void)err;
    report_problem(asking->report, CHECK_JOB_STREAM, AT("stream", &stream),
                   "job %" PRIu64 " (%.*s) is for a stream that is not there, or of another project", store_u64(row, 0, 0),
                   (int)kind.len, kind.data);
    return GL_OK;
}

/* ---- far ends */

/* Of those from run->far_known on the missing ones are kept. */
static enum gl_code keep_missing(struct check_run *run, size_t from, size_t count, struct gl_err *err)
{
    gl_uuid columns[3][BATCH];
    struct store_rows *rows;
    for (size_t i = 0; i < count; i++) {
        columns[0][i] = run->far[from + i].stream;
        columns[1][i] = run->far[from + i].far_session;
        columns[2][i] = run->far[from + i].far;
    }
    struct store_param params[] = {P_BYTES(columns[0], count * sizeof(gl_uuid)), P_BYTES(columns[1], count * sizeof(gl_uuid)),
                                   P_BYTES(columns[2], count * sizeof(gl_uuid))};
    enum gl_code code = admin_db_query(run->db, STORE_Q_check_far, params, 3, &rows, err);
    for (size_t i = 0; code == GL_OK && i < store_rows_count(rows); i++) {
        run->far[run->far_known++] = run->far[from + store_u64(rows, i, 0) - 1];
    }
    if (code == GL_OK) {
        admin_rows_free(&rows);
    }
    return code;
}

enum gl_code across_far(struct check_run *run, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    for (size_t at = run->far_known; at < run->far_count && code == GL_OK; at += BATCH) {
        code = keep_missing(run, at, run->far_count - at < BATCH ? run->far_count - at : BATCH, err);
    }
    run->far_count = run->far_known;
    return code;
}

static void tell_far(const struct asking *asking, const struct far_end *end)
{
    char ids[3][GL_UUID_TEXT + 1];
    if (map_get(&asking->run->missing, &end->far)) {
        return; /* its own session has told that it is missing */
    }
    gl_uuid_format(&end->annotation, ids[0]);
    gl_uuid_format(&end->far, ids[1]);
    gl_uuid_format(&end->far_session, ids[2]);
    report_problem(asking->report, CHECK_ANNOTATION_FAR, AT("annotation", &end->annotation),
                   "annotation %s: what it leads to, %s of session %s, is not in the project", ids[0], ids[1], ids[2]);
}

enum gl_code across_check(struct check_run *run, struct report *report, struct gl_err *err)
{
    struct asking asking = {run, report};
    for (size_t i = 0; i < run->far_count; i++) {
        tell_far(&asking, &run->far[i]);
    }
    if (!run->is_whole) {
        return GL_OK;
    }
    enum gl_code code = check_accounts(&asking, err);
    if (code == GL_OK) {
        code = admin_db_each(run->db, STORE_Q_check_orphans, NULL, 0, take_orphan, &asking, err);
    }
    return code == GL_OK ? admin_db_each(run->db, STORE_Q_check_jobs, NULL, 0, take_job, &asking, err) : code;
}
