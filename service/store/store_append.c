#include <assert.h>

#include "proto/gl_json.h"
#include "service/store/append_priv.h"

#define TRIES_MAX 5 /* of class 40: deadlock, serialization */

/* ---- what stands in the ops and is kept in rows too */

/* at of a canonical payload: members are sorted, so it is the second one, behind an account of fixed length. */
static int64_t payload_at_ms(struct gl_slice payload)
{
    static const char begin[] = "{\"account\":\"", middle[] = "\",\"at\":\"";
    size_t at = sizeof(begin) - 1 + GL_UUID_TEXT + sizeof(middle) - 1;
    int64_t unix_ms = 0;
    assert(payload.len > at + GL_TIME_TEXT && memcmp(payload.data, begin, sizeof(begin) - 1) == 0);
    bool is_time = gl_time_parse(gl_slice_of(payload.data + at, GL_TIME_TEXT), &unix_ms);
    assert(is_time);
    return unix_ms;
}

static uint64_t last_seq_of(const struct append_stream *stream, enum gl_op_kind kind, enum gl_op_kind or_kind)
{
    for (size_t i = stream->op_count; i > 0; i--) {
        if (stream->ops[i - 1].kind == kind || stream->ops[i - 1].kind == or_kind) {
            return stream->ops[i - 1].seq;
        }
    }
    return 0;
}

static bool is_project(const struct append_stream *stream)
{
    return gl_uuid_equal(&stream->stream, &stream->project);
}

/* ---- the arrays of the statement `append`, in the order of its parameters */

/* An array parameter each: put is evaluated for every stream s, op o (of all streams) or annotation a. */
#define STREAMS(letter, put)                                                                                                                        \
    params_array(p, letter);                                                                                                                         \
    for (size_t i = 0; i < count; i++) {                                                                                                             \
        const struct append_stream *s = streams[i];                                                                                                  \
        put;                                                                                                                                         \
    }                                                                                                                                                \
    params_array_end(p)
#define OPS(letter, put)                                                                                                                            \
    params_array(p, letter);                                                                                                                         \
    for (size_t i = 0; i < count; i++) {                                                                                                             \
        for (const struct append_op *o = streams[i]->ops, *end = o + streams[i]->op_count; o < end; o++) {                                           \
            put;                                                                                                                                     \
        }                                                                                                                                            \
    }                                                                                                                                                \
    params_array_end(p)
#define ANNOTATIONS(letter, put)                                                                                                                    \
    params_array(p, letter);                                                                                                                         \
    for (size_t i = 0; i < count; i++) {                                                                                                             \
        for (size_t n = 0; n < streams[i]->annotation_count; n++) {                                                                                  \
            const struct gl_annotation *a = streams[i]->annotations[n];                                                                              \
            put;                                                                                                                                     \
        }                                                                                                                                            \
    }                                                                                                                                                \
    params_array_end(p)

static void array_id(struct params *p, const gl_uuid *id)
{
    array_bytes(p, id->bytes, sizeof(id->bytes));
}

static void array_hash(struct params *p, const gl_hash *hash)
{
    array_bytes(p, hash->bytes, sizeof(hash->bytes));
}

static void array_slice(struct params *p, struct gl_slice slice)
{
    array_bytes(p, slice.data, slice.len);
}

static void array_name(struct params *p, const char *name)
{
    array_slice(p, gl_slice_str(name));
}

static void put_streams(struct params *p, struct append_stream *const *streams, size_t count)
{
    STREAMS('u', array_id(p, &s->stream));
    STREAMS('u', array_id(p, &s->project));
    STREAMS('n', array_u64(p, s->expected_head));
    STREAMS('n', array_u64(p, s->expected_head + s->op_count));
    STREAMS('n', array_u64(p, s->epoch));
    STREAMS('b', array_hash(p, &s->chain));
    STREAMS('b', array_hash(p, &s->sum));
    STREAMS('t', s->mode.len ? array_slice(p, s->mode) : array_null(p));
    STREAMS('n', s->mode.len ? array_u64(p, last_seq_of(s, GL_OP_SESSION_MODE, GL_OP_SESSION_MODE)) : array_null(p));
    STREAMS('m', array_time(p, payload_at_ms(s->ops[s->op_count - 1].payload)));
    STREAMS('n', array_u64(p, s->live_count));
    STREAMS('b', s->document ? array_bytes(p, s->document->sha256, 32) : array_null(p));
}

static void put_ops(struct params *p, struct append_stream *const *streams, size_t count)
{
    OPS('i', array_u32(p, (uint32_t)i + 1)); /* whose: index of the stream, from 1 as SQL counts */
    OPS('n', array_u64(p, o->seq));
    OPS('u', array_id(p, &o->id));
    OPS('u', array_id(p, &o->account));
    OPS('t', array_name(p, gl_op_kind_name(o->kind)));
    OPS('b', array_hash(p, &o->request_hash));
    OPS('t', array_slice(p, o->payload));
    OPS('b', array_bytes(p, o->salt, GL_SALT_BYTES));
    OPS('b', array_hash(p, &o->chain));
}

static void put_annotations(struct params *p, struct append_stream *const *streams, size_t count)
{
    ANNOTATIONS('i', ((void)a, array_u32(p, (uint32_t)i + 1)));
    ANNOTATIONS('u', array_id(p, &a->id));
    ANNOTATIONS('u', array_id(p, &a->creator));
    ANNOTATIONS('n', array_u64(p, a->created_seq));
    ANNOTATIONS('u', a->has_label ? array_id(p, &a->label) : array_null(p));
    ANNOTATIONS('t', array_name(p, gl_status_name(a->status)));
    ANNOTATIONS('n', array_u64(p, a->begin_cp));
    ANNOTATIONS('n', array_u64(p, a->end_cp));
    ANNOTATIONS('o', array_bool(p, a->is_deleted));
    ANNOTATIONS('t', array_slice(p, a->canonical));
}

/* ---- what a project's stream writes besides, each only if this transaction appended the stream's last op */

static void begin_for_project(struct params *params, const struct append_stream *stream)
{
    const struct append_op *last = &stream->ops[stream->op_count - 1];
    params_clear(params);
    params_uuid(params, &stream->project);
    params_uuid(params, &last->id);
    params_u64(params, last->seq);
}

static bool write_labels(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    if (stream->label_count == 0) {
        return true;
    }
    begin_for_project(params, stream);
    params_array(params, 'u');
    for (size_t i = 0; i < stream->label_count; i++) {
        array_bytes(params, stream->labels[i].id.bytes, 16);
    }
    params_array_end(params);
    params_array(params, 't');
    for (size_t i = 0; i < stream->label_count; i++) {
        array_bytes(params, stream->labels[i].name.data, stream->labels[i].name.len);
    }
    params_array_end(params);
    return send(ctx, STORE_Q_append_labels, params);
}

static bool write_member(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    const struct append_member *member = stream->member;
    if (!member) {
        return true;
    }
    begin_for_project(params, stream);
    params_uuid(params, &member->account);
    if (member->role == GL_NOBODY) {
        params_null(params);
    } else {
        params_text(params, gl_slice_str(gl_role_name(member->role)));
    }
    return send(ctx, STORE_Q_append_member, params);
}

static bool write_document(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    const struct append_document *document = stream->document;
    if (!document) {
        return true;
    }
    const struct append_op *op = &stream->ops[stream->op_count - 1];
    for (size_t i = 0; i < stream->op_count; i++) {
        if (stream->ops[i].kind == GL_OP_DOCUMENT_CREATE) {
            op = &stream->ops[i];
        }
    }
    begin_for_project(params, stream);
    params_uuid(params, &document->document);
    params_uuid(params, &document->revision);
    params_uuid(params, &document->session);
    params_text(params, document->title);
    if (document->filename.len > 0) {
        params_text(params, document->filename);
    } else {
        params_null(params);
    }
    params_bytes(params, document->sha256, sizeof(document->sha256));
    params_bytes(params, document->bytes.data, document->bytes.len);
    params_u64(params, document->codepoints);
    params_bytes(params, document->session_chain.bytes, sizeof(document->session_chain.bytes));
    params_time(params, payload_at_ms(op->payload));
    params_uuid(params, &op->account);
    return send(ctx, STORE_Q_append_document, params);
}

static bool write_project(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    uint64_t codebook = last_seq_of(stream, GL_OP_LABEL_CREATE, GL_OP_CODEBOOK_POLICY);
    bool moves_policy = stream->set_open >= 0 && last_seq_of(stream, GL_OP_CODEBOOK_POLICY, GL_OP_CODEBOOK_POLICY) > 0;
    bool moves_epoch = moves_policy || stream->member;
    if (codebook == 0 && !moves_epoch) {
        return true;
    }
    begin_for_project(params, stream);
    if (codebook > 0) {
        params_u64(params, codebook);
    } else {
        params_null(params);
    }
    if (moves_policy) {
        params_bool(params, stream->set_open > 0);
    } else {
        params_null(params);
    }
    params_u64(params, moves_epoch);
    return send(ctx, STORE_Q_append_project, params);
}

bool append_write(struct append_stream *const *streams, size_t count, append_send_fn send, void *ctx)
{
    struct params params;
    params_init(&params);
    put_streams(&params, streams, count);
    put_ops(&params, streams, count);
    put_annotations(&params, streams, count);
    bool goes_on = send(ctx, STORE_Q_append, &params);
    for (size_t i = 0; goes_on && i < count; i++) {
        goes_on = !is_project(streams[i]) || (write_labels(streams[i], &params, send, ctx) && write_document(streams[i], &params, send, ctx) &&
                                              write_member(streams[i], &params, send, ctx) && write_project(streams[i], &params, send, ctx));
    }
    params_fini(&params);
    return goes_on;
}

/* ---- the answer */

void append_forget(struct append_stream *stream)
{
    mem_free(&stream->found);
    stream->found_count = 0;
}

static void take_found(struct append_stream *stream, const PGresult *result, int row)
{
    stream->found = mem_realloc(stream->found, (stream->found_count + 1) * sizeof(*stream->found));
    stream->found[stream->found_count++] = (struct append_found){
        .id = row_uuid(result, row, 2),
        .seq = row_u64(result, row, 3),
        .request_hash = row_hash(result, row, 4),
        .account = row_uuid(result, row, 5),
    };
}

void append_take(struct append_stream *const *streams, size_t count, const PGresult *result)
{
    static const enum append_outcome outcomes[] = {APPEND_COMMITTED, APPEND_FENCE_LOST, APPEND_LOCKED, APPEND_FOUND, APPEND_EXISTS};
    for (int row = 0; row < PQntuples(result); row++) {
        uint64_t i = row_u64(result, row, 0), outcome = row_u64(result, row, 1);
        assert(i >= 1 && i <= count && outcome < sizeof(outcomes) / sizeof(outcomes[0]));
        streams[i - 1]->outcome = outcomes[outcome];
        if (!PQgetisnull(result, row, 2)) {
            take_found(streams[i - 1], result, row);
        }
    }
}

/* ---- units on their way */

static const struct request_kind unit_kind;

static struct unit *unit_new(struct store *store, struct append *append, size_t room)
{
    struct unit *unit = mem_alloc(sizeof(*unit));
    unit->request.kind = &unit_kind;
    unit->request.store = store;
    unit->append = append;
    unit->streams = mem_array(room, sizeof(struct append_stream *));
    append->units++;
    return unit;
}

void unit_free(struct unit *unit)
{
    mem_free(&unit->streams);
    mem_free(&unit->hits);
    mem_free(&unit);
}

static void append_free(struct append *append)
{
    for (size_t i = 0; i < append->count; i++) {
        append_forget(&append->streams[i]);
    }
    mem_free(&append);
}

/* Calls back, and frees what was found. The streams belong to the caller, who may free them in the callback. */
static void append_end(struct append *append, enum gl_code code)
{
    struct append_found **found = mem_array(append->count, sizeof(*found));
    size_t count = append->count;
    for (size_t i = 0; i < count; i++) {
        found[i] = append->streams[i].found;
    }
    append->fn(append->ctx, code, append->streams, count);
    for (size_t i = 0; i < count; i++) {
        mem_free(&found[i]);
    }
    mem_free(&found);
    mem_free(&append);
}

static void set_outcome(struct unit *unit, enum append_outcome outcome)
{
    for (size_t i = 0; i < unit->count; i++) {
        append_forget(unit->streams[i]);
        unit->streams[i]->outcome = outcome;
    }
}

void unit_finish(struct unit *unit)
{
    struct append *append = unit->append;
    struct store *store = unit->request.store;
    unit_free(unit);
    if (--append->units > 0) {
        return;
    }
    store->count--;
    /* Down is said only when nothing at all was written; else those streams look locked, which says the same of each. */
    append_end(append, append->down == append->count ? append->code : GL_OK);
}

static void unit_drop(struct request *request)
{
    struct unit *unit = (struct unit *)request;
    struct append *append = unit->append;
    unit_free(unit);
    if (--append->units == 0) {
        append_free(append);
    }
}

static void unit_not_written(struct unit *unit, enum gl_code code)
{
    set_outcome(unit, APPEND_LOCKED);
    unit->append->down += unit->count;
    unit->append->code = code;
    unit_finish(unit);
}

struct sending {
    struct unit *unit;
    struct conn *conn;
};

static bool send_statement(void *ctx, enum store_query_id query, struct params *params)
{
    struct sending *sending = ctx;
    conn_send(sending->conn, &sending->unit->request, query, params);
    return true;
}

static void unit_send(struct request *request, struct conn *conn)
{
    struct unit *unit = (struct unit *)request;
    struct sending sending = {unit, conn};
    set_outcome(unit, APPEND_LOCKED); /* what the answer does not name was locked */
    append_write(unit->streams, unit->count, send_statement, &sending);
}

static bool unit_result(struct request *request, unsigned statement, PGresult *result)
{
    struct unit *unit = (struct unit *)request;
    if (statement == 0) {
        append_take(unit->streams, unit->count, result);
    }
    return false;
}

/* The database refused the statement for what one of the streams brought: each goes by itself, so that the others do not suffer. */
static void split(struct unit *unit, struct conn *conn)
{
    for (size_t i = unit->count; i > 0; i--) {
        struct unit *single = unit_new(unit->request.store, unit->append, 1);
        single->streams[0] = unit->streams[i - 1];
        single->count = 1;
        single->request.expires_at_ms = unit->request.expires_at_ms;
        list_prepend(&conn->queue, &single->request);
    }
    unit->append->units--;
    unit_free(unit);
}

static void unit_refused(struct unit *unit, struct conn *conn, enum gl_code code)
{
    struct request *request = &unit->request;
    if (code == GL_E_BUSY) {
        bool again = request->sqlstate[0] == '4' && ++request->tries < TRIES_MAX;
        if (again) {
            list_prepend(&conn->queue, request);
        } else {
            set_outcome(unit, APPEND_LOCKED);
            unit_finish(unit);
        }
    } else if (code == GL_E_STORE_DOWN) {
        log_failure(LOG_WARN, "append", request->sqlstate, NULL);
        unit_not_written(unit, code);
    } else if (unit->count > 1) {
        split(unit, conn);
    } else {
        log_failure(code == GL_E_EXISTS ? LOG_INFO : LOG_ERROR, "append", request->sqlstate, request->constraint);
        set_outcome(unit, code == GL_E_EXISTS && is_project(unit->streams[0]) ? APPEND_EXISTS : APPEND_FAILED);
        unit_finish(unit);
    }
}

static void unit_done(struct request *request, struct conn *conn, enum gl_code code)
{
    struct unit *unit = (struct unit *)request;
    if (code == GL_OK) {
        unit_finish(unit);
    } else if (!conn) { /* it never left the queue */
        unit_not_written(unit, code);
    } else {
        unit_refused(unit, conn, code);
    }
}

static void unit_lost(struct request *request, struct conn *conn)
{
    settle_begin((struct unit *)request, conn);
}

static const struct request_kind unit_kind = {
    .name = "append", .send = unit_send, .result = unit_result, .done = unit_done, .lost = unit_lost, .drop = unit_drop};

/* ---- the call */

/* The unit of those streams of one writer that write nothing but ops and annotations. */
static struct unit *shared_unit(struct store *store, struct append *append, const struct conn *writer)
{
    struct unit *unit = NULL;
    for (size_t i = 0; i < append->count; i++) {
        struct append_stream *stream = &append->streams[i];
        if (is_project(stream) || store_writer_of(store, &stream->stream) != writer) {
            continue;
        }
        if (!unit) {
            unit = unit_new(store, append, append->count);
        }
        unit->streams[unit->count++] = stream;
    }
    return unit;
}

void store_append(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx)
{
    assert(count > 0);
    struct append *append = mem_alloc(sizeof(*append));
    *append = (struct append){.streams = streams, .count = count, .fn = fn, .ctx = ctx};
    struct request_list list;
    list_init(&list);
    store->count++;
    for (size_t i = 0; i < count; i++) {
        streams[i].found = NULL;
        streams[i].found_count = 0;
        assert(streams[i].op_count > 0);
    }
    append->units++; /* until all are queued */
    for (unsigned i = 0; i < store->writer_count; i++) {
        struct unit *unit = shared_unit(store, append, &store->writers[i]);
        if (unit) {
            store_write(store, &store->writers[i], &unit->request);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_project(&streams[i])) {
            struct unit *unit = unit_new(store, append, 1);
            unit->streams[unit->count++] = &streams[i];
            store_write(store, store_writer_of(store, &streams[i].stream), &unit->request);
        }
    }
    append->units--;
}
