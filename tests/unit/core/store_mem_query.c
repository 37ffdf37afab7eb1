/* store_mem_query.c - plain queries: a role, or ops by their ids. The library's methods are tested against PostgreSQL, here they only have to link. */
#include "tests/unit/core/store_mem_priv.h"

#include <check.h>

#include "service/base/loop.h"
#include "service/base/mem.h"

struct store_rows {
    size_t count;
    gl_uuid project;
    enum gl_role role;
    uint64_t head, epoch;
    const struct logged *ops[2048];
    const struct gl_annotation *ends[2048]; /* of annotation_ends, with the places of what was asked for */
    size_t places[2048];
    bool are_ends;
    const struct db *quotas; /* whose rows of quotas these are */
    uint64_t stored[3];
    bool is_stored;
};

static void count_stored(const struct db *db, struct store_rows *rows)
{
    rows->is_stored = true;
    rows->count = 1;
    for (size_t i = 0; i < db->record_count; i++)
        rows->stored[0] += !db->records[i]->is_deleted;
    rows->stored[1] = 1;
    rows->stored[2] = strlen(db->text);
}

static void find_ends(const struct question *q, struct store_rows *rows)
{
    const struct db *db = q->store->db;
    rows->are_ends = true;
    for (size_t i = 0; i < q->count && rows->role >= GL_VIEWER; i++)
        for (size_t k = 0; k < db->record_count; k++)
            if (gl_uuid_equal(&db->records[k]->id, &q->ids[i]) && gl_uuid_equal(&db->record_of[k]->id, &q->sessions[i])) {
                rows->places[rows->count] = i + 1;
                rows->ends[rows->count++] = db->records[k];
            }
}

void store_mem_rows_now(void *ctx)
{
    struct question *q = ctx;
    struct db *db = q->store->db;
    struct store_rows rows = {
        .project = db->project.id, .role = db_role_of(db, &q->account), .head = db_log_of(db, &q->id)->head, .epoch = db->epoch};
    if (q->epoch > 0) {
        rows.role = q->role;
        rows.epoch = q->epoch;
    }
    if (q->max == STORE_Q_accounts_disabled) {
        for (size_t i = 0; i < q->count; i++)
            rows.count |= gl_uuid_equal(&q->ids[i], &db->disabled);
        rows.project = db->disabled;
        q->count = 0;
    } else if (q->max == STORE_Q_quotas) {
        rows.quotas = db;
        rows.count = q->after == db->quota_count ? 0 : db->quota_count > 0 ? db->quota_count : 1;
    } else if (q->max == STORE_Q_project_stored) {
        count_stored(db, &rows);
    } else {
        rows.count = !q->ids && q->max == STORE_Q_role_of_project && rows.role >= GL_VIEWER;
    }
    if (q->max == STORE_Q_annotation_ends)
        find_ends(q, &rows);
    for (size_t i = 0; i < q->count && !q->sessions && store_mem_may_read(q) == GL_OK; i++)
        if ((rows.ops[rows.count] = db_find_op(db_log_of(db, &q->id), &q->ids[i])))
            rows.count++;
    rows.count += q->max == STORE_Q_ops_by_id && rows.count == 0 && store_mem_may_read(q) == GL_OK;
    ((store_rows_fn)(uintptr_t)q->fn)(q->ctx, q->is_unreadable ? GL_E_STORE_DOWN : GL_OK, q->is_unreadable ? NULL : &rows);
    mem_free(&q->ids);
    mem_free(&q->sessions);
    mem_free(&q);
}

void store_query(struct store *store, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx)
{
    struct question *question = store_mem_ask(store, account, NULL, (void *)(uintptr_t)fn, ctx);
    question->max = query;
    question->after = query == STORE_Q_quotas ? params[0].u64 : 0;
    if (query == STORE_Q_annotation_ends)
        question->sessions = (gl_uuid *)(void *)mem_copy(params[1].slice.data, params[1].slice.len);
    if (query == STORE_Q_annotation_ends || query == STORE_Q_ops_by_id || query == STORE_Q_accounts_disabled) {
        struct gl_slice ids = params[count - 1].slice;
        question->id = params[0].uuid;
        question->ids = (gl_uuid *)(void *)mem_copy(ids.data, ids.len);
        question->count = ids.len / sizeof *question->ids;
    } else {
        ck_assert_msg(query == STORE_Q_role_of_project || query == STORE_Q_document_by_sha || query == STORE_Q_quotas ||
                          query == STORE_Q_project_stored,
                      "these tests ask for roles, ops, new documents and quotas only");
    }
    if (query == STORE_Q_role_of_project && store->holds_role && gl_uuid_equal(account, &store->role_of)) {
        ck_assert_ptr_null(store->late_role);
        store->holds_role = false;
        question->role = db_role_of(store->db, account);
        question->epoch = store->db->epoch;
        store->late_role = question;
    } else {
        loop_defer(store->loop, store_mem_rows_now, question);
    }
}

void store_mem_hold_role(struct store *store, const gl_uuid *account)
{
    store->holds_role = true;
    store->role_of = *account;
}

size_t store_rows_count(const struct store_rows *rows)
{
    return rows->count;
}
gl_uuid store_uuid(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->are_ends)
        return rows->ends[row]->label;
    if (rows->quotas)
        return column == 1 ? rows->quotas->quotas[row].account : rows->quotas->quotas[row].project;
    return !rows->ops[row] ? rows->project : column == 1 ? rows->ops[row]->id : rows->ops[row]->account;
}
struct gl_slice store_text(const struct store_rows *rows, size_t row, size_t column)
{
    (void)column;
    return gl_slice_str(rows->quotas ? rows->quotas->quotas[row].what : gl_role_name(rows->role));
}
bool store_is_null(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->are_ends)
        return !rows->ends[row]->has_label;
    if (rows->quotas)
        return row >= rows->quotas->quota_count || (column == 1 && !rows->quotas->quotas[row].is_of_account);
    return column > 0 && !rows->ops[row];
}
uint64_t store_u64(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->are_ends)
        return rows->places[row];
    if (rows->quotas)
        return column == 0 ? rows->quotas->quota_count : rows->quotas->quotas[row].most;
    if (rows->is_stored)
        return rows->stored[column];
    return column == 0 ? rows->head : column == 3 ? rows->epoch : rows->ops[row]->seq;
}
bool store_bool(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows && rows->are_ends)
        return rows->ends[row]->is_deleted;
    return !rows || row || column;
}
struct gl_slice store_bytes(const struct store_rows *rows, size_t row, size_t column)
{
    (void)column;
    return gl_slice_of(rows->ops[row]->request_hash.bytes, 32);
}
int64_t store_time(const struct store_rows *rows, size_t row, size_t column)
{
    return (int64_t)store_u64(rows, row, column);
}
