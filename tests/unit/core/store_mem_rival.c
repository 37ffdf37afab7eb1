/* store_mem_rival.c - somebody who is always faster: before an append reaches a stream that nobody holds, another op is in its log. */
#include "tests/unit/core/store_mem_priv.h"

#include <check.h>
#include <stdlib.h>

#include "service/store/genesis.h"

static void rival_row(struct db *db, struct log *log, struct append_op *row, struct gl_buf *payload)
{
    size_t len;
    struct append_stream stream = {.stream = log->id, .sum = log->sum, .ops = row, .op_count = 1, .set_open = -1};
    char *bytes = gl_buf_take(payload, &len);
    row->payload = gl_slice_of(bytes, len);
    gl_hash leaf = gl_leaf(row->salt, row->payload);
    row->chain = stream.chain = gl_chain_next(&log->chain, &leaf);
    db_write_rows(db, log, &stream);
    free(bytes);
}

static void rival_label(struct db *db)
{
    char name[32], id[GL_UUID_TEXT + 1];
    struct gl_buf payload;
    struct gl_op op;
    json_t *written;
    struct append_op row = {.id = gl_uuid_v7(1), .seq = db->project.head + 1, .kind = GL_OP_LABEL_CREATE};
    snprintf(name, sizeof name, "rival %llu", (unsigned long long)row.seq);
    gl_uuid_format(&row.id, id);
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "label.create", "label", id, "name", name);
    gl_buf_init(&payload, 4096);
    project_op_write(&payload, row.kind, &row.id, &row.account, row.seq, 1, db->codebook, change);
    ck_assert_int_eq(gl_json_load(gl_buf_peek(&payload), &written, NULL), GL_OK);
    ck_assert_int_eq(gl_op_read(written, &op, NULL), GL_OK);
    ck_assert_int_eq(gl_codebook_apply(db->codebook_terms, &op, NULL), GL_OK);
    gl_op_fini(&op);
    json_decref(written);
    rival_row(db, &db->project, &row, &payload);
    db->codebook = db->project.head;
    json_decref(change);
}

static void rival_annotation(struct db *db)
{
    struct gl_state *state = db_replay(db);
    struct append_op row = {.id = gl_uuid_v7(1), .account = db_fixed_id("rival"), .seq = db->session.head + 1};
    char creator[GL_UUID_TEXT + 1], id[GL_UUID_TEXT + 1], revision[GL_UUID_TEXT + 1];
    struct gl_buf payload;
    struct gl_err err = {0};
    gl_uuid_format(&row.account, creator);
    gl_uuid_format(&row.id, id);
    gl_uuid_format(&db->revision, revision);
    struct gl_op op = {.id = row.id, .account = row.account, .seq = row.seq, .at_ms = 1, .kind = GL_OP_ANNOTATION_CREATE};
    op.effects =
        json_pack("[{s:[s], s:{}, s:{s:I, s:s, s:s, s:{s:s, s:s}}}]", "ids", id, "prev", "set", "created", (json_int_t)row.seq,
                  "creator", creator, "status", "active", "target", "revision", revision, "type", "document");
    op.intent = json_pack("{s:{s:s}}", "change", "kind", "annotation.create");
    gl_buf_init(&payload, 4096);
    gl_op_write(&payload, &op);
    json_t *parsed = NULL, *logged;
    ck_assert_int_eq(gl_json_load(gl_buf_peek(&payload), &parsed, &err), GL_OK);
    logged = json_pack("{s:o, s:s}", "payload", parsed, "salt", "00000000000000000000000000000000");
    ck_assert_msg(gl_state_append(state, logged, &err) == GL_OK, "%s", err.detail);
    rival_row(db, &db->session, &row, &payload);
    ck_assert(gl_hash_equal(&db->session.chain, &state->chain));
    db->session.sum = state->sum;
    db_keep_record(db, &db->session, state->items[state->count - 1]);
    json_decref(logged);
    json_decref(op.effects);
    json_decref(op.intent);
    gl_state_free(&state);
}

void store_mem_let_rival_go_first(struct store *store, const struct append_stream *stream)
{
    const struct log *log = db_log_of(store->db, &stream->stream);
    if (store->rival_times == 0 || log->holder)
        return;
    store->rival_times--;
    if (log == &store->db->project)
        rival_label(store->db);
    else if (log == &store->db->session)
        rival_annotation(store->db);
}

void store_mem_rival(struct store *store, unsigned times)
{
    store->rival_times = times;
}
