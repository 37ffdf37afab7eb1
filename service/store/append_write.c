/* append_write.c - an append as statements and parameters, and its answer: for the store's units and for glossd's verbs. */
#include <assert.h>

#include "proto/gl_json.h"
#include "service/store/append_priv.h"

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

static bool is_mode(enum gl_op_kind kind)
{
    return kind == GL_OP_SESSION_MODE;
}

static uint64_t last_seq_of(const struct append_stream *stream, bool (*is_such)(enum gl_op_kind))
{
    for (size_t i = stream->op_count; i > 0; i--) {
        if (is_such(stream->ops[i - 1].kind)) {
            return stream->ops[i - 1].seq;
        }
    }
    return 0;
}

bool append_is_project(const struct append_stream *stream)
{
    return gl_uuid_equal(&stream->stream, &stream->project);
}

/* ---- the arrays of the statement `append`, in the order of its parameters */

/* An array parameter each: put is evaluated for every stream s, op o (of all streams) or annotation a. */
#define STREAMS(letter, put)                                                                                                     \
    params_array(p, letter);                                                                                                     \
    for (size_t i = 0; i < count; i++) {                                                                                         \
        const struct append_stream *s = streams[i];                                                                              \
        put;                                                                                                                     \
    }                                                                                                                            \
    params_array_end(p)
#define OPS(letter, put)                                                                                                         \
    params_array(p, letter);                                                                                                     \
    for (size_t i = 0; i < count; i++) {                                                                                         \
        for (const struct append_op *o = streams[i]->ops, *end = o + streams[i]->op_count; o < end; o++) {                       \
            put;                                                                                                                 \
        }                                                                                                                        \
    }                                                                                                                            \
    params_array_end(p)
#define ANNOTATIONS(letter, put)                                                                                                 \
    params_array(p, letter);                                                                                                     \
    for (size_t i = 0; i < count; i++) {                                                                                         \
        for (size_t n = 0; n < streams[i]->annotation_count; n++) {                                                              \
            const struct gl_annotation *a = streams[i]->annotations[n];                                                          \
            put;                                                                                                                 \
        }                                                                                                                        \
    }                                                                                                                            \
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
    STREAMS('n', s->mode.len ? array_u64(p, last_seq_of(s, is_mode)) : array_null(p));
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

static void put_fence(struct params *p, struct append_stream *const *streams, size_t count)
{
    STREAMS('b', array_hash(p, &s->expected_chain));
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

/* An array parameter: put is evaluated for every term t. */
#define TERMS(letter, put)                                                                                                       \
    params_array(p, letter);                                                                                                     \
    for (size_t i = 0; i < stream->term_count; i++) {                                                                            \
        const struct append_term *t = &stream->terms[i];                                                                         \
        put;                                                                                                                     \
    }                                                                                                                            \
    params_array_end(p)

static bool write_terms(const struct append_stream *stream, struct params *p, append_send_fn send, void *ctx)
{
    if (stream->term_count == 0) {
        return true;
    }
    begin_for_project(p, stream);
    TERMS('u', array_id(p, &t->id));
    TERMS('t', array_name(p, gl_term_kind_name(t->kind)));
    TERMS('t', array_slice(p, t->name));
    TERMS('n', array_u64(p, t->seq));
    TERMS('t', array_slice(p, t->record));
    return send(ctx, STORE_Q_append_terms, p);
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
    params_text(params, document->meta.len > 0 ? document->meta : GL_SLICE("{}"));
    return send(ctx, STORE_Q_append_document, params);
}

static bool write_meta(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    if (!stream->meta) {
        return true;
    }
    begin_for_project(params, stream);
    params_uuid(params, &stream->meta->document);
    params_text(params, stream->meta->all);
    params_uuid(params, &stream->ops[stream->op_count - 1].account);
    return send(ctx, STORE_Q_append_meta, params);
}

static bool write_settings(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    if (!stream->settings) {
        return true;
    }
    begin_for_project(params, stream);
    params_text(params, stream->settings->name);
    params_bool(params, stream->settings->others_may_edit);
    return send(ctx, STORE_Q_append_settings, params);
}

static bool write_project(const struct append_stream *stream, struct params *params, append_send_fn send, void *ctx)
{
    uint64_t codebook = last_seq_of(stream, gl_op_is_of_codebook);
    bool moves_policy = stream->set_open >= 0;
    bool moves_epoch = moves_policy || stream->member || stream->settings || stream->moves_epoch;
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

/* ---- what a session's stream writes besides: rows in the inboxes of those whom its ops concern, if there are any */

/* An array parameter: put is evaluated for every tell t and its op o. */
#define TELLS(letter, put)                                                                                                       \
    params_array(p, letter);                                                                                                     \
    for (const struct append_tell *t = stream->tells, *end = t + stream->tell_count; t < end; t++) {                             \
        const struct append_op *o = &stream->ops[t->op];                                                                         \
        put;                                                                                                                     \
    }                                                                                                                            \
    params_array_end(p)

static bool write_inbox(const struct append_stream *stream, struct params *p, append_send_fn send, void *ctx)
{
    const struct append_op *last = &stream->ops[stream->op_count - 1];
    if (stream->tell_count == 0) {
        return true;
    }
    params_clear(p);
    params_uuid(p, &stream->stream);
    params_uuid(p, &last->id);
    params_u64(p, last->seq);
    params_uuid(p, &stream->project);
    TELLS('u', ((void)o, t->name.len ? array_null(p) : array_id(p, &t->account)));
    TELLS('t', ((void)o, t->name.len ? array_slice(p, t->name) : array_null(p)));
    TELLS('t', ((void)o, array_name(p, t->why)));
    TELLS('u', ((void)o, array_id(p, &t->annotation)));
    TELLS('n', array_u64(p, o->seq));
    TELLS('u', array_id(p, &o->account));
    TELLS('m', array_time(p, payload_at_ms(o->payload)));
    return send(ctx, STORE_Q_append_inbox, p);
}

/* ---- ops that lose their words: by key, and whatever else has them is left to a job */

#define ERASED(letter, put)                                                                                                      \
    params_array(p, letter);                                                                                                     \
    for (const struct append_erased *e = stream->erased, *end = e + stream->erased_count; e < end; e++) {                        \
        put;                                                                                                                     \
    }                                                                                                                            \
    params_array_end(p)

static bool write_erased(const struct append_stream *stream, struct params *p, append_send_fn send, void *ctx)
{
    const struct append_op *last = &stream->ops[stream->op_count - 1];
    if (stream->erased_count == 0) {
        return true;
    }
    params_clear(p);
    params_uuid(p, &stream->stream);
    params_uuid(p, &last->id);
    params_u64(p, last->seq);
    ERASED('n', array_u64(p, e->seq));
    ERASED('u', array_id(p, &e->annotation));
    ERASED('n', array_u64(p, stream->ops[e->row].seq));
    return send(ctx, STORE_Q_append_erased, p);
}

/* Whether an annotation that is there is written anew; whoever has its row locked is stepped around then, which costs something. */
static bool changes_any(struct append_stream *const *streams, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < streams[i]->annotation_count; n++) {
            if (streams[i]->annotations[n]->created_seq <= streams[i]->expected_head) {
                return true;
            }
        }
    }
    return false;
}

bool append_write(struct append_stream *const *streams, size_t count, append_send_fn send, void *ctx)
{
    struct params params;
    params_init(&params);
    put_streams(&params, streams, count);
    put_ops(&params, streams, count);
    put_annotations(&params, streams, count);
    put_fence(&params, streams, count);
    bool goes_on = send(ctx, changes_any(streams, count) ? STORE_Q_append_changing : STORE_Q_append, &params);
    for (size_t i = 0; goes_on && i < count; i++) {
        goes_on = append_is_project(streams[i])
                      ? (write_terms(streams[i], &params, send, ctx) && write_document(streams[i], &params, send, ctx) &&
                         write_meta(streams[i], &params, send, ctx) && write_settings(streams[i], &params, send, ctx) &&
                         write_member(streams[i], &params, send, ctx) && write_project(streams[i], &params, send, ctx))
                      : (write_inbox(streams[i], &params, send, ctx) && write_erased(streams[i], &params, send, ctx));
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
    static const enum append_outcome outcomes[] = {APPEND_COMMITTED, APPEND_FENCE_LOST, APPEND_LOCKED, APPEND_FOUND,
                                                   APPEND_EXISTS};
    for (int row = 0; row < PQntuples(result); row++) {
        uint64_t i = row_u64(result, row, 0), outcome = row_u64(result, row, 1);
        assert(i >= 1 && i <= count && outcome < sizeof(outcomes) / sizeof(outcomes[0]));
        streams[i - 1]->outcome = outcomes[outcome];
        if (!PQgetisnull(result, row, 2)) {
            take_found(streams[i - 1], result, row);
        }
    }
}
