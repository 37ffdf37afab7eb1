/* log_methods.c - session.snapshot and session.log: where the log begins that is not archived, and any part of it, archived or not. */
#include "service/core/log_methods.h"

#include <stdio.h>
#include <stdlib.h>

#include "service/core/core_priv.h"
#include "service/core/library.h"

#define LOG_OPS   256u
#define LOG_BYTES (192u * 1024) /* as in a frame of session.ops */

static gl_hash hash_at(const struct store_rows *rows, size_t column)
{
    gl_hash hash = {{0}};
    struct gl_slice bytes = store_bytes(rows, 0, column);
    memcpy(hash.bytes, bytes.data, bytes.len < sizeof hash.bytes ? bytes.len : sizeof hash.bytes);
    return hash;
}

static json_t *json_hash(const gl_hash *hash)
{
    struct gl_buf hex;
    gl_buf_init(&hex, sizeof hash->bytes * 2);
    gl_buf_hex(&hex, hash->bytes, sizeof hash->bytes);
    json_t *text = json_stringn(hex.data, hex.len);
    gl_buf_fini(&hex);
    return text;
}

json_t *cut_data(const struct store_rows *rows)
{
    gl_hash chain = hash_at(rows, 2), sum = hash_at(rows, 3);
    return json_pack("{s:I, s:I, s:o, s:o}", "retained_from", (json_int_t)store_u64(rows, 0, 0), "seq",
                     (json_int_t)store_u64(rows, 0, 1), "chain", json_hash(&chain), "state", json_hash(&sum));
}

/* ---- session.snapshot */

struct snapshot_page {
    struct request *request;
    gl_uuid session;
    uint64_t seq, part; /* the cursor's; seq is only looked at behind the first page */
    bool has_cursor;
};

static struct gl_slice next_cursor(const struct snapshot_page *page, uint64_t seq, uint64_t part)
{
    char name[64];
    snprintf(name, sizeof name, "%llu.%llu", (unsigned long long)seq, (unsigned long long)part);
    return cursor_write(page->request, gl_slice_str(name), &page->session);
}

/* Lines of JSON, as an array. */
static void put_records(struct gl_buf *buf, struct gl_slice lines)
{
    gl_buf_byte(buf, '[');
    while (lines.len > 0) {
        const char *end = memchr(lines.data, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.data) : lines.len;
        gl_buf_put(buf, lines.data, len);
        lines = end ? gl_slice_of(end + 1, lines.len - len - 1) : gl_slice_of(NULL, 0);
        if (end)
            gl_buf_byte(buf, ',');
    }
    gl_buf_byte(buf, ']');
}

static void send_snapshot(struct snapshot_page *page, const struct store_rows *rows)
{
    struct request *request = page->request;
    gl_hash chain = hash_at(rows, 2), sum = hash_at(rows, 3);
    struct gl_buf records;
    struct gl_session_snapshot_result result = {
        .seq = store_u64(rows, 0, 1), .mode = store_text(rows, 0, 4), .mode_seq = store_u64(rows, 0, 5)};
    memcpy(result.chain, chain.bytes, sizeof result.chain);
    memcpy(result.state, sum.bytes, sizeof result.state);
    gl_buf_init(&records, request->core->limits.frame_bytes * 4);
    put_records(&records, store_is_null(rows, 0, 8) ? gl_slice_of(NULL, 0) : store_text(rows, 0, 8));
    result.records_raw = gl_buf_peek(&records);
    if ((result.has_next = store_rows_count(rows) > 1))
        result.next = next_cursor(page, result.seq, store_u64(rows, 1, 7));
    request_reply(request, session_snapshot, &result);
    gl_buf_fini(&records);
}

static void on_snapshot(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct snapshot_page *page = ctx;
    struct request *request = page->request;
    if (rows_failed(request, code, rows, "session"))
        return;
    if (page->has_cursor && store_u64(rows, 0, 1) != page->seq)
        request_fail_at(request, GL_E_RESYNC, "cursor", "more ops were archived meanwhile; begin at the first page again");
    else if (store_bool(rows, 0, 9))
        request_fail(request, GL_E_BUSY, "words are being erased from it; ask again in a moment");
    else if (!store_bool(rows, 0, 6))
        request_fail(request, GL_E_INTERNAL, "%s", gl_code_sentence(GL_E_INTERNAL));
    else
        send_snapshot(page, rows);
}

void handle_session_snapshot(struct request *request)
{
    struct gl_session_snapshot_params params = {0};
    struct page_cursor cursor;
    unsigned long long seq = 0, part = 0;
    char name[64];
    if (!request_read(request, session_snapshot, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    snprintf(name, sizeof name, "%.*s", (int)cursor.name.len, cursor.name.data ? cursor.name.data : "");
    if (params.has_cursor &&
        (sscanf(name, "%20llu.%20llu", &seq, &part) != 2 || part > NO_PARTS || !gl_uuid_equal(&cursor.id, &params.session))) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "cursor", "cursor must be `next` of the page before, as it came");
        return;
    }
    struct snapshot_page *page = gl_arena_alloc(&request->arena, sizeof *page);
    *page = (struct snapshot_page){request, params.session, seq, part, params.has_cursor};
    store_query(request->core->store, STORE_Q_session_cut, &request->account,
                (struct store_param[]){P_UUID(params.session), P_U64(part)}, 2, on_snapshot, page);
}

/* ---- session.log */

struct log_part {
    struct request *request;
    uint64_t after;
};

static void send_log(struct request *request, const struct store_tail *tail, uint64_t after)
{
    struct gl_buf ops;
    size_t count = 0, bytes = 0;
    struct gl_session_log_result result = {.first = after + 1, .head = tail->head};
    memcpy(result.chain_before, tail->chain_before.bytes, sizeof result.chain_before);
    gl_buf_init(&ops, request->core->limits.frame_bytes * 4);
    gl_buf_byte(&ops, '[');
    for (; count < tail->count && count < LOG_OPS && (count == 0 || bytes + tail->ops[count].payload.len <= LOG_BYTES); count++) {
        struct gl_slice logged = logged_op(&tail->ops[count]);
        bytes += logged.len;
        if (count > 0)
            gl_buf_byte(&ops, ',');
        gl_buf_slice(&ops, logged);
        free((void *)logged.data);
    }
    gl_buf_byte(&ops, ']');
    result.ops_raw = gl_buf_peek(&ops);
    request_reply(request, session_log, &result);
    gl_buf_fini(&ops);
}

static void on_log(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct log_part *part = ctx;
    struct request *request = part->request;
    if (code != GL_OK)
        request_fail_at(request, code, "session", "%s", gl_code_sentence(code));
    else if (part->after > tail->head)
        request_fail_at(request, GL_E_INVALID_PARAMS, "after", "the log ends at %llu", (unsigned long long)tail->head);
    else
        send_log(request, tail, part->after);
}

void handle_session_log(struct request *request)
{
    struct gl_session_log_params params = {0};
    if (!request_read(request, session_log, &params))
        return;
    struct log_part *part = gl_arena_alloc(&request->arena, sizeof *part);
    *part = (struct log_part){request, params.after};
    size_t limit = params.has_limit && params.limit > 0 ? (size_t)params.limit : LOG_OPS;
    store_tail_read(request->core->store, &request->account, &params.session, params.after, limit, LOG_BYTES, on_log, part);
}
