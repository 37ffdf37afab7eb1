#include "tests/unit/store/bench.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/base/random.h"
#include "service/store/genesis.h"

/* ---- waiting */

static void on_appended(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct appended *appended = ctx;
    (void)streams, (void)count;
    appended->is_done = true;
    appended->code = code;
}

void append_start(struct store *store, struct append_stream *streams, size_t count, struct appended *appended)
{
    *appended = (struct appended){.is_done = false};
    store_append(store, streams, count, on_appended, appended);
    ck_assert(!appended->is_done);
}

/* found is the store's and goes with the callback, so only outcomes are looked at here. */
enum gl_code append_wait(struct bench *bench, struct store *store, struct append_stream *streams, size_t count)
{
    struct appended appended;
    append_start(store, streams, count, &appended);
    ck_assert_msg(loop_poll_run(bench->loop, &appended.is_done, WAIT_MS), "no answer to an append");
    return appended.code;
}

static void on_rows(void *ctx, enum gl_code code, const struct store_rows *from)
{
    struct rows *rows = ctx;
    rows->is_done = true;
    rows->code = code;
    rows->count = code == GL_OK ? store_rows_count(from) : 0;
    for (size_t i = 0; i < rows->count && i < ROWS_MAX; i++) {
        struct gl_slice first = store_text(from, i, 0);
        if (first.len == sizeof(gl_uuid)) {
            rows->ids[i] = store_uuid(from, i, 0);
        } else if (first.len == 8 && i == 0) {
            rows->number = store_u64(from, i, 0);
        }
    }
}

void query_wait(struct bench *bench, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                size_t count, struct rows *rows)
{
    *rows = (struct rows){.is_done = false};
    store_query(bench->store, query, account, params, count, on_rows, rows);
    ck_assert(!rows->is_done);
    ck_assert_msg(loop_poll_run(bench->loop, &rows->is_done, WAIT_MS), "no answer to a query");
}

/* ---- people and a project */

struct store *bench_store(struct bench *bench, unsigned writers)
{
    struct store_pg_config config = db_config(&bench->db);
    config.writers = writers;
    struct store *store = store_pg_new(bench->loop, &config);
    for (int i = 0; i < 6000 && !store_is_up(store); i++) {
        loop_poll_run(bench->loop, NULL, 20);
    }
    ck_assert(store_is_up(store));
    return store;
}

gl_uuid bench_account(struct bench *bench, const char *name)
{
    gl_uuid id = gl_uuid_v7((uint64_t)clock_unix_ms());
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(&id, text);
    db_do(&bench->db, "insert into account (id, name) values ('%s', '%s')", text, name);
    return id;
}

gl_uuid bench_project(struct bench *bench, const gl_uuid *owner, const char *name)
{
    gl_uuid id = gl_uuid_v7((uint64_t)clock_unix_ms());
    struct genesis genesis;
    struct rows rows;
    genesis_init(&genesis, &id, gl_slice_str(name), owner, clock_unix_ms());
    query_wait(bench, STORE_Q_project_create, owner, genesis.params, GENESIS_PARAMS, &rows);
    ck_assert_int_eq(rows.code, GL_OK);
    bench->project_chain = genesis.chains[1];
    genesis_fini(&genesis);
    return id;
}

enum append_outcome bench_project_op(struct bench *bench, enum gl_op_kind kind, const json_t *change,
                                     void (*extra)(struct append_stream *, void *), void *ctx)
{
    struct gl_buf payload;
    gl_buf_init(&payload, 1 << 20);
    struct append_op op = {.id = gl_uuid_v7(1), .account = bench->ana, .seq = bench->project_head + 1, .kind = kind};
    project_op_write(&payload, kind, &op.id, &op.account, op.seq, clock_unix_ms(), 0, change);
    op.payload = gl_buf_peek(&payload);
    op.request_hash = gl_op_request_hash(&op.account, NULL, change);
    random_bytes(op.salt, sizeof(op.salt));
    gl_hash leaf = gl_leaf(op.salt, op.payload);
    op.chain = gl_chain_next(&bench->project_chain, &leaf);
    struct append_stream stream = {.stream = bench->project,
                                   .project = bench->project,
                                   .epoch = bench->epoch,
                                   .expected_head = bench->project_head,
                                   .expected_chain = bench->project_chain,
                                   .chain = op.chain,
                                   .ops = &op,
                                   .op_count = 1,
                                   .set_open = -1};
    extra(&stream, ctx);
    ck_assert_int_eq(append_wait(bench, bench->store, &stream, 1), GL_OK);
    if (stream.outcome == APPEND_COMMITTED) {
        bench->project_head++;
        bench->project_chain = op.chain;
        bench->epoch += stream.member || stream.set_open >= 0;
    }
    gl_buf_fini(&payload);
    return stream.outcome;
}

static void add_document(struct append_stream *stream, void *ctx)
{
    stream->document = ctx;
}

void bench_document(struct bench *bench, const char *text, gl_uuid *document, gl_uuid *revision, gl_uuid *session)
{
    struct append_document it = {
        .title = gl_slice_str(text), .filename = GL_SLICE("a.txt"), .bytes = gl_slice_str(text), .codepoints = strlen(text)};
    gl_hash sha256 = gl_sha256(text, strlen(text));
    it.document = *document = gl_uuid_v7(1);
    it.revision = *revision = gl_uuid_v7(2);
    it.session = *session = gl_uuid_v7(3);
    memcpy(it.sha256, sha256.bytes, 32);
    it.session_chain = gl_chain_start(session, it.sha256);
    struct gl_buf hex;
    char ids[3][GL_UUID_TEXT + 1];
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, sha256.bytes, 32);
    gl_uuid_format(document, ids[0]);
    gl_uuid_format(revision, ids[1]);
    gl_uuid_format(session, ids[2]);
    json_t *change = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kind", "document.create", "document", ids[0], "revision",
                               ids[1], "session", ids[2], "sha256", gl_buf_cstr(&hex), "title", text, "filename", "a.txt");
    gl_buf_fini(&hex);
    ck_assert_int_eq(bench_project_op(bench, GL_OP_DOCUMENT_CREATE, change, add_document, &it), APPEND_COMMITTED);
    json_decref(change);
}

static void add_member(struct append_stream *stream, void *ctx)
{
    stream->member = ctx;
}

void bench_member(struct bench *bench, const gl_uuid *account, enum gl_role role)
{
    struct append_member member = {*account, role};
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(account, id);
    json_t *change = json_pack("{s:s, s:s, s:s?}", "kind", "member.set", "account", id, "role", role ? gl_role_name(role) : NULL);
    ck_assert_int_eq(bench_project_op(bench, GL_OP_MEMBER_SET, change, add_member, &member), APPEND_COMMITTED);
    json_decref(change);
}

void bench_init(struct bench *bench)
{
    *bench = (struct bench){.epoch = 1};
    log_init(LOG_ERROR, LOG_TEXT);
    db_init(&bench->db);
    bench->loop = loop_poll_new();
    bench->store = bench_store(bench, 1);
    bench->ana = bench_account(bench, "ana");
    bench->ben = bench_account(bench, "ben");
    bench->eve = bench_account(bench, "eve");
    bench->elsewhere = bench_project(bench, &bench->eve, "elsewhere");
    bench->project = bench_project(bench, &bench->ana, "harbour");
    bench->project_head = 2;
    bench_document(bench, TEXT, &bench->document, &bench->revision, &bench->session);
    bench_member(bench, &bench->ben, GL_ANNOTATOR);
}

void bench_fini(struct bench *bench)
{
    store_free(&bench->store);
    loop_poll_free(&bench->loop);
    db_fini(&bench->db);
}

/* ---- the scribe */

void scribe_init(struct scribe *scribe, const struct bench *bench, const gl_uuid *session, const gl_uuid *account)
{
    gl_hash sha256 = gl_sha256(TEXT, strlen(TEXT));
    *scribe = (struct scribe){.project = bench->project, .account = *account, .revision = bench->revision, .epoch = bench->epoch};
    scribe->state = gl_state_new(session, sha256.bytes);
    for (size_t i = 0; i < 256; i++) {
        gl_buf_init(&scribe->payloads[i], 1 << 20);
    }
}

static void forget(struct scribe *scribe)
{
    for (size_t i = 0; i < scribe->stream.annotation_count; i++) {
        gl_annotation_unref(&scribe->touched[i]);
    }
    scribe->stream.annotation_count = 0;
    scribe->stream.op_count = 0;
}

void scribe_fini(struct scribe *scribe)
{
    forget(scribe);
    gl_state_free(&scribe->state);
    for (size_t i = 0; i < 256; i++) {
        gl_buf_fini(&scribe->payloads[i]);
    }
}

static json_t *create_set(const struct scribe *scribe, uint64_t seq)
{
    char account[GL_UUID_TEXT + 1], revision[GL_UUID_TEXT + 1];
    gl_uuid_format(&scribe->account, account);
    gl_uuid_format(&scribe->revision, revision);
    return json_pack("{s:I, s:s, s:s, s:s, s:{s:s, s:s, s:[{s:i, s:s, s:s, s:i, s:s}]}}", "created", (json_int_t)seq, "creator",
                     account, "note", "a word", "status", "active", "target", "type", "spans", "revision", revision, "spans",
                     "end", 11, "exact", "harbour", "prefix", "The ", "start", 4, "suffix", " is loud. The quay is long. Ship");
}

static struct gl_annotation *find(const struct scribe *scribe, const gl_uuid *id)
{
    for (size_t i = 0; i < scribe->stream.annotation_count; i++) {
        if (gl_uuid_equal(&scribe->touched[i]->id, id)) {
            return scribe->touched[i];
        }
    }
    return gl_state_find(scribe->state, id);
}

static void touch(struct scribe *scribe, struct gl_annotation *before, struct gl_annotation *after)
{
    struct append_stream *stream = &scribe->stream;
    stream->live_count += !before;
    if (before) {
        gl_sum_sub(&stream->sum, &before->hash);
    }
    gl_sum_add(&stream->sum, &after->hash);
    for (size_t i = 0; i < stream->annotation_count; i++) {
        if (scribe->touched[i] == before) {
            gl_annotation_unref(&scribe->touched[i]);
            scribe->touched[i] = after;
            return;
        }
    }
    scribe->touched[stream->annotation_count++] = after;
}

static void write_op(struct scribe *scribe, size_t i)
{
    struct append_stream *stream = &scribe->stream;
    struct append_op *op = &scribe->ops[i];
    bool is_update = scribe->state->count > 0 && i % 3 == 2;
    struct gl_annotation *before = NULL, *after;
    *op = (struct append_op){.id = gl_uuid_v7(1), .account = scribe->account, .seq = scribe->state->seq + i + 1};
    gl_uuid id = gl_op_annotation_id(&op->id);
    if (is_update) {
        id = scribe->state->items[i % scribe->state->count]->id;
        before = find(scribe, &id);
    }
    op->kind = is_update ? GL_OP_ANNOTATION_UPDATE : GL_OP_ANNOTATION_CREATE;
    json_t *set = is_update ? json_pack("{s:s}", "note", "another") : create_set(scribe, op->seq);
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(&id, text);
    struct gl_err err;
    ck_assert_msg(gl_annotation_apply(before, &id, set, &op->account, op->seq, &after, &err) == GL_OK, "%s", err.detail);
    json_t *effects = json_pack("[{s:[s], s:{}, s:o}]", "ids", text, "prev", "set", set);
    json_t *intent = json_pack("{s:{s:s}}", "change", "kind", gl_op_kind_name(op->kind));
    struct gl_op it = {.id = op->id,
                       .account = op->account,
                       .seq = op->seq,
                       .at_ms = clock_unix_ms(),
                       .kind = op->kind,
                       .effects = effects,
                       .intent = intent};
    gl_buf_clear(&scribe->payloads[i]);
    gl_op_write(&scribe->payloads[i], &it);
    op->payload = gl_buf_peek(&scribe->payloads[i]);
    op->request_hash = gl_op_request_hash(&op->account, NULL, json_object_get(intent, "change"));
    random_bytes(op->salt, sizeof(op->salt));
    gl_hash leaf = gl_leaf(op->salt, op->payload);
    stream->chain = op->chain = gl_chain_next(&stream->chain, &leaf);
    touch(scribe, before, after);
    json_decref(effects);
    json_decref(intent);
}

void scribe_write(struct scribe *scribe, size_t count)
{
    forget(scribe);
    struct append_stream *stream = &scribe->stream;
    *stream = (struct append_stream){.stream = scribe->state->stream,
                                     .project = scribe->project,
                                     .epoch = scribe->epoch,
                                     .expected_head = scribe->state->seq,
                                     .expected_chain = scribe->state->chain,
                                     .chain = scribe->state->chain,
                                     .sum = scribe->state->sum,
                                     .live_count = scribe->state->live_count,
                                     .ops = scribe->ops,
                                     .set_open = -1,
                                     .annotations = scribe->touched};
    for (size_t i = 0; i < count; i++) {
        write_op(scribe, i);
        stream->op_count++;
    }
}

static json_t *logged(struct gl_slice payload, const uint8_t *salt)
{
    struct gl_buf hex;
    json_t *root;
    gl_buf_init(&hex, 64);
    gl_buf_hex(&hex, salt, GL_SALT_BYTES);
    ck_assert_int_eq(gl_json_load(payload, &root, NULL), GL_OK);
    json_t *it = json_pack("{s:o, s:s}", "payload", root, "salt", gl_buf_cstr(&hex));
    gl_buf_fini(&hex);
    return it;
}

static bool follow(struct scribe *scribe, struct gl_slice payload, const uint8_t *salt)
{
    struct gl_err err;
    json_t *it = logged(payload, salt);
    enum gl_code code = gl_state_append(scribe->state, it, &err);
    json_decref(it);
    return code == GL_OK;
}

void scribe_committed(struct scribe *scribe)
{
    for (size_t i = 0; i < scribe->stream.op_count; i++) {
        ck_assert(follow(scribe, scribe->ops[i].payload, scribe->ops[i].salt));
    }
    ck_assert(gl_hash_equal(&scribe->state->chain, &scribe->stream.chain));
    ck_assert(gl_hash_equal(&scribe->state->sum, &scribe->stream.sum));
    forget(scribe);
}

struct catching {
    struct scribe *scribe;
    bool is_done, fits;
    uint64_t head;
};

static void on_tail(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct catching *catching = ctx;
    catching->is_done = true;
    catching->fits = code == GL_OK && gl_hash_equal(&tail->chain_before, &catching->scribe->state->chain);
    for (size_t i = 0; catching->fits && i < tail->count; i++) {
        catching->fits = follow(catching->scribe, tail->ops[i].payload, tail->ops[i].salt) &&
                         gl_hash_equal(&tail->ops[i].chain, &catching->scribe->state->chain);
    }
    catching->head = code == GL_OK ? tail->head : 0;
}

bool scribe_catch_up(struct scribe *scribe, struct bench *bench, struct store *store)
{
    struct catching catching = {.scribe = scribe, .fits = true};
    forget(scribe);
    do {
        catching.is_done = false;
        store_tail_read(store, &scribe->account, &scribe->state->stream, scribe->state->seq, 100, 1 << 20, on_tail, &catching);
        ck_assert_msg(loop_poll_run(bench->loop, &catching.is_done, WAIT_MS), "no answer to a tail");
    } while (catching.fits && scribe->state->seq < catching.head);
    return catching.fits;
}

size_t scribe_logged(const struct scribe *scribe, struct db *db)
{
    size_t count = 0;
    for (size_t i = 0; i < scribe->stream.op_count; i++) {
        char stream[GL_UUID_TEXT + 1], op[GL_UUID_TEXT + 1];
        gl_uuid_format(&scribe->stream.stream, stream);
        gl_uuid_format(&scribe->ops[i].id, op);
        count += db_count(db, "select count(*) from op where stream = '%s' and op_id = '%s' and seq = %llu", stream, op,
                          (unsigned long long)scribe->ops[i].seq);
    }
    return count;
}
