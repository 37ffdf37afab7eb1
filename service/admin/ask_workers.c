#include "service/admin/ask_workers.h"

#include <stdlib.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/base/clock.h"

enum { WAIT_MS = 8000, LOOK_US = 100000 };

static json_t *answer_of(const struct store_rows *rows, size_t row)
{
    gl_uuid worker = store_uuid(rows, row, 0);
    json_t *body = NULL;
    struct gl_err err = {0};
    if (!store_is_null(rows, row, 5) && gl_json_load(store_text(rows, row, 5), &body, &err) != GL_OK)
        body = NULL;
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o}", "worker", json_id(&worker), "node", json_text(store_text(rows, row, 1)),
                     "pid", (json_int_t)store_u64(rows, row, 2), "version", json_text(store_text(rows, row, 3)), "started",
                     json_time(store_time(rows, row, 4)), "body", body ? body : json_null());
}

size_t ask_silent(const json_t *answers)
{
    size_t i, silent = 0;
    const json_t *it;
    json_array_foreach((json_t *)(uintptr_t)answers, i, it) silent += json_is_null(json_object_get(it, "body"));
    return silent;
}

void ask_tell_silent(const json_t *answers)
{
    const size_t silent = ask_silent(answers);
    if (silent > 0)
        admin_complain("%zu of %zu workers did not answer: what they have is missing here", silent, json_array_size(answers));
}

static enum gl_code look(struct admin_db *db, const gl_uuid *ask, json_t **answers, struct gl_err *err)
{
    const struct store_param param = P_UUID(*ask);
    struct store_rows *rows;
    enum gl_code code = admin_db_query(db, STORE_Q_answers, &param, 1, &rows, err);
    if (code != GL_OK)
        return code;
    json_decref(*answers);
    *answers = json_array();
    for (size_t i = 0; i < store_rows_count(rows); i++)
        json_array_append_new(*answers, answer_of(rows, i));
    admin_rows_free(&rows);
    return GL_OK;
}

int ask_workers(struct admin_db *db, const char *kind, json_t *detail, bool may_be_none, json_t **answers)
{
    const gl_uuid ask = gl_uuid_v7((uint64_t)clock_unix_ms());
    const uint64_t until = clock_monotonic_ms() + WAIT_MS;
    struct gl_err err = {0};
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    gl_canon_write(&text, detail);
    json_decref(detail);
    *answers = json_array();
    enum gl_code code = admin_db_query(
        db, STORE_Q_ask, (struct store_param[]){P_UUID(ask), P_TEXT(gl_slice_str(kind)), P_TEXT(gl_buf_peek(&text)), P_NULL}, 4,
        NULL, &err);
    gl_buf_fini(&text);
    do {
        usleep(LOOK_US);
        if (code == GL_OK)
            code = look(db, &ask, answers, &err);
    } while (code == GL_OK && ask_silent(*answers) > 0 && clock_monotonic_ms() < until);
    if (code == GL_OK && (may_be_none || json_array_size(*answers) > 0))
        return ADMIN_OK;
    json_decref(*answers);
    *answers = NULL;
    if (code != GL_OK)
        return database_failed(&err);
    admin_complain("no server runs on this database");
    return ADMIN_FAILED;
}
