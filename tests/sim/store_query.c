/* store_query.c - the queries that the core asks: a role, ops by their ids, words that are to be erased. Others have no rows. */
#include <string.h>

#include "service/base/mem.h"
#include "tests/sim/store_priv.h"

struct store_rows {
    size_t count;
    const struct ask *ask;
    const struct db_op *ops[512];
    gl_uuid annotations[512]; /* of session_words */
};

static bool is_asked_for(const struct ask *ask, const struct db_op *op, const gl_uuid *annotation)
{
    bool is_named = !ask->is_of_named;
    for (size_t i = 0; i < ask->count; i++)
        is_named |= gl_uuid_equal(&ask->ids[i], annotation);
    return is_named && (!ask->is_of_one || gl_uuid_equal(&op->account, &ask->whose));
}

static void put_word(struct store_rows *rows, const struct db_op *op, const gl_uuid *annotation)
{
    if (rows->count == sizeof rows->ops / sizeof rows->ops[0])
        return;
    rows->annotations[rows->count] = *annotation;
    rows->ops[rows->count++] = op;
}

/* What a redact took is told like a word without an annotation. */
static void put_taken(const struct ask *ask, const struct db_op *op, struct store_rows *rows)
{
    json_t *payload;
    if (gl_json_load(op->payload, &payload, NULL) != GL_OK)
        return;
    const json_t *ops = json_object_get(json_object_get(json_array_get(json_object_get(payload, "effects"), 0), "set"), "ops");
    for (size_t i = 0; strcmp(json_string_value(json_object_get(payload, "kind")), "redact") == 0 && i < json_array_size(ops);
         i++)
        put_word(rows, &ask->log->ops[json_integer_value(json_array_get(ops, i)) - 1], &(gl_uuid){{0}});
    json_decref(payload);
}

static void find_words(const struct ask *ask, struct store_rows *rows)
{
    for (uint64_t seq = ask->after + 1; seq <= ask->head && seq <= ask->after + ask->max_ops; seq++) {
        const struct db_op *op = &ask->log->ops[seq - 1];
        json_t *payload;
        const char *text = db_says_words(op, &payload);
        gl_uuid annotation;
        if (text && ask->are_wanted && !db_is_erased(op, ask->head) && gl_uuid_parse(gl_slice_str(text), &annotation) &&
            is_asked_for(ask, op, &annotation))
            put_word(rows, op, &annotation);
        if (!text)
            put_taken(ask, op, rows);
        json_decref(payload);
    }
    rows->count += rows->count == 0;
}

void sim_answer_query(struct ask *ask)
{
    struct store_rows rows = {.ask = ask};
    if (ask->code == GL_OK && ask->query == STORE_Q_role_of_project)
        rows.count = 1;
    if (ask->code == GL_OK && ask->query == STORE_Q_ops_by_id) {
        for (size_t i = 0; i < ask->count && rows.count < 512; i++) {
            const struct db_op *op = db_find(ask->log, &ask->ids[i]);
            if (op && op->seq <= ask->head)
                rows.ops[rows.count++] = op;
        }
        rows.count += rows.count == 0;
    }
    if (ask->code == GL_OK && ask->query == STORE_Q_session_words)
        find_words(ask, &rows);
    bool is_readable = ask->code == GL_OK || ask->code == GL_E_NOT_FOUND;
    ((store_rows_fn)(uintptr_t)ask->fn)(ask->ctx, is_readable ? GL_OK : ask->code, is_readable ? &rows : NULL);
}

void store_query(struct store *store, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx)
{
    struct ask *ask = sim_ask(store, ASK_QUERY, account, count > 0 && params[0].type == STORE_UUID ? &params[0].uuid : NULL,
                              (void (*)(void))fn, ctx);
    ask->query = query;
    if (query == STORE_Q_ops_by_id) {
        struct gl_slice ids = params[count - 1].slice;
        ask->ids = (gl_uuid *)(void *)mem_copy(ids.data, ids.len);
        ask->count = ids.len / sizeof *ask->ids;
    }
    if (query == STORE_Q_session_words) {
        ask->is_of_named = params[1].u64;
        ask->count = params[2].slice.len / sizeof *ask->ids;
        ask->ids = (gl_uuid *)(void *)mem_copy(params[2].slice.data, params[2].slice.len);
        ask->is_of_one = params[3].type == STORE_UUID;
        ask->whose = params[3].uuid;
        ask->after = params[5].u64;
        ask->max_ops = (size_t)params[6].u64;
        ask->are_wanted = params[7].u64;
    }
}

/* ---- rows */

size_t store_rows_count(const struct store_rows *rows)
{
    return rows->count;
}
gl_uuid store_uuid(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->ask->query == STORE_Q_session_words && column == 2)
        return rows->annotations[row];
    return !rows->ops[row] ? db_project_of(rows->ask->log)->id : column == 1 ? rows->ops[row]->id : rows->ops[row]->account;
}
struct gl_slice store_text(const struct store_rows *rows, size_t row, size_t column)
{
    (void)row;
    (void)column;
    return gl_slice_str(gl_role_name(rows->ask->role));
}
bool store_is_null(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->ask->query == STORE_Q_session_words && column == 2)
        return gl_uuid_equal(&rows->annotations[row], &(gl_uuid){{0}});
    return column > 0 && !rows->ops[row];
}
uint64_t store_u64(const struct store_rows *rows, size_t row, size_t column)
{
    return column == 0 ? rows->ask->head : column == 3 ? rows->ask->epoch : rows->ops[row]->seq;
}
bool store_bool(const struct store_rows *rows, size_t row, size_t column)
{
    (void)row;
    (void)column;
    return rows->ask->is_open;
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
