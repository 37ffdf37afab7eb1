/* store_mem_append.c - appends and holds. Judged by the fence as PostgreSQL does it, one turn of the loop after they were asked for. */
#include "tests/unit/core/store_mem_priv.h"

#include <check.h>
#include <stdlib.h>

#include "service/base/loop.h"
#include "service/base/mem.h"

struct pending { /* an answer on its way */
    struct pending *next;
    struct store *store;
    struct append_stream *streams;
    size_t count;
    store_append_fn fn;
    void *ctx;
    enum gl_code code;
    bool is_held;
};

/* ---- the fence */

void db_keep_record(struct db *db, const struct log *log, struct gl_annotation *annotation)
{
    for (size_t i = 0; i < db->record_count; i++) {
        if (db->record_of[i] == log && gl_uuid_equal(&db->records[i]->id, &annotation->id)) {
            gl_annotation_unref(&db->records[i]);
            db->records[i] = gl_annotation_ref(annotation);
            return;
        }
    }
    db->record_of[db->record_count] = log;
    db->records[db->record_count++] = gl_annotation_ref(annotation);
}

static void keep_term(struct db *db, struct gl_slice text)
{
    json_t *record;
    ck_assert_int_eq(gl_json_load(text, &record, NULL), GL_OK);
    ck_assert_int_eq(gl_codebook_put(db->codebook_terms, record, NULL), GL_OK);
    json_decref(record);
}

void db_write_rows(struct db *db, struct log *log, const struct append_stream *stream)
{
    for (size_t i = 0; i < stream->op_count; i++) {
        const struct append_op *op = &stream->ops[i];
        struct logged kept = {.seq = op->seq,
                              .id = op->id,
                              .account = op->account,
                              .request_hash = op->request_hash,
                              .chain = op->chain,
                              .payload = mem_copy(op->payload.data, op->payload.len),
                              .payload_len = op->payload.len};
        memcpy(kept.salt, op->salt, sizeof kept.salt);
        ck_assert_uint_eq(op->seq, log->head + 1);
        log->ops = mem_grow(log->ops, &log->cap, log->head + 1, sizeof *log->ops);
        log->ops[log->head++] = kept;
    }
    log->chain = stream->chain;
    log->sum = stream->sum;
    for (size_t i = 0; i < stream->annotation_count; i++)
        db_keep_record(db, log, stream->annotations[i]);
    for (size_t i = 0; i < stream->term_count; i++)
        keep_term(db, stream->terms[i].record);
    if (stream->term_count > 0)
        db->codebook = log->head;
    if (stream->set_open >= 0)
        db_set_open(db, stream->set_open);
    if (stream->member)
        db_set_role(db, &stream->member->account, stream->member->role);
    if (stream->mode.len > 0) {
        snprintf(db->mode, sizeof db->mode, "%.*s", (int)stream->mode.len, stream->mode.data);
        db->mode_seq = log->head;
    }
}

static enum append_outcome append_one(const struct store *store, struct append_stream *stream)
{
    struct db *db = store->db;
    struct log *log = db_log_of(db, &stream->stream);
    if (log->holder && log->holder != store)
        return APPEND_LOCKED;
    if (stream->expected_head != log->head)
        return APPEND_FENCE_LOST;
    for (size_t i = 0; i < stream->op_count; i++) {
        const struct logged *there = db_find_op(log, &stream->ops[i].id);
        if (!there)
            continue;
        stream->found = realloc(stream->found, (stream->found_count + 1) * sizeof *stream->found);
        stream->found[stream->found_count++] = (struct append_found){there->id, there->seq, there->request_hash, there->account};
    }
    if (stream->found_count > 0)
        return APPEND_FOUND;
    if (stream->epoch != db->epoch)
        return APPEND_FENCE_LOST;
    db_write_rows(db, log, stream);
    return APPEND_COMMITTED;
}

/* ---- appending */

static void answer(struct pending *pending)
{
    struct store *store = pending->store;
    store->busy -= !pending->is_held;
    if (!store->is_freed) {
        pending->fn(pending->ctx, pending->code, pending->streams, pending->count);
    }
    mem_free(&pending);
}

static void perform(void *ctx)
{
    struct pending *pending = ctx;
    struct store *store = pending->store;
    enum store_fault fault = store->fault_times > 0 ? store->fault : FAULT_NONE;
    struct append_found *found[64] = {0};
    store->fault_times -= store->fault_times > 0;
    store->appends++;
    const bool is_late = fault == FAULT_LATE || fault == FAULT_LATE_LOCKED || fault == FAULT_LATE_DOWN;
    const bool is_locked = fault == FAULT_LOCKED || fault == FAULT_WAITED || fault == FAULT_LATE_LOCKED;
    pending->code = fault == FAULT_DOWN || fault == FAULT_LATE_DOWN ? GL_E_STORE_DOWN : GL_OK;
    for (size_t i = 0; i < pending->count && pending->code == GL_OK; i++) {
        store_mem_let_rival_go_first(store, &pending->streams[i]);
        pending->streams[i].has_waited = fault == FAULT_WAITED;
        pending->streams[i].outcome = is_locked ? APPEND_LOCKED : append_one(store, &pending->streams[i]);
        found[i] = pending->streams[i].found;
    }
    if (pending->is_held)
        store_release(store);
    if (is_late) {
        pending->next = store->late;
        store->late = pending;
        return;
    }
    size_t count = pending->count;
    answer(pending);
    for (size_t i = 0; i < count; i++)
        free(found[i]);
}

void store_append(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx)
{
    struct pending *pending = mem_alloc(sizeof *pending);
    *pending = (struct pending){NULL, store, streams, count, fn, ctx, GL_OK, false};
    store->busy++;
    loop_defer(store->loop, perform, pending);
}

/* ---- holding */

struct holding {
    struct store *store;
    store_hold_fn fn;
    void *ctx;
};

static void hold_now(void *ctx)
{
    struct holding *holding = ctx;
    struct store *store = holding->store;
    enum gl_code code = store->is_down ? GL_E_STORE_DOWN : store->holding->holder ? GL_E_BUSY : GL_OK;
    if (code == GL_OK)
        store->holding->holder = store;
    else
        store->holding = NULL;
    holding->fn(holding->ctx, code);
    mem_free(&holding);
}

bool store_hold(struct store *store, const gl_uuid *stream, store_hold_fn fn, void *ctx)
{
    if (store->holding || store->are_holds_refused)
        return false;
    struct holding *holding = mem_alloc(sizeof *holding);
    *holding = (struct holding){store, fn, ctx};
    store->holding = db_log_of(store->db, stream);
    loop_defer(store->loop, hold_now, holding);
    return true;
}

void store_hold_append(struct store *store, struct append_stream *stream, store_append_fn fn, void *ctx)
{
    struct pending *pending = mem_alloc(sizeof *pending);
    ck_assert_ptr_eq(store->holding, db_log_of(store->db, &stream->stream));
    *pending = (struct pending){NULL, store, stream, 1, fn, ctx, GL_OK, true};
    loop_defer(store->loop, perform, pending);
}

void store_release(struct store *store)
{
    ck_assert(store->holding && store->holding->holder == store);
    store->holding->holder = NULL;
    store->holding = NULL;
}

/* ---- what comes late */

void store_mem_answer(struct store *store)
{
    while (store->late) {
        struct pending *pending = store->late;
        store->late = pending->next;
        answer(pending);
    }
    if (store->late_tail)
        loop_defer(store->loop, store_mem_tail_now, store->late_tail);
    store->late_tail = NULL;
    if (store->late_role)
        loop_defer(store->loop, store_mem_rows_now, store->late_role);
    store->late_role = NULL;
    if (store->late_project)
        loop_defer(store->loop, store_mem_project_now, store->late_project);
    store->late_project = NULL;
    store_mem_tell_heads(store);
}

void store_mem_hold_tail(struct store *store)
{
    store->holds_tail = true;
}

void store_mem_hold_project(struct store *store)
{
    store->holds_project = true;
}

void store_mem_hold_heads(struct store *store)
{
    store->holds_heads = true;
}

void store_mem_tell_heads(struct store *store)
{
    if (store->late_heads)
        loop_defer(store->loop, store_mem_heads_now, store->late_heads);
    store->late_heads = NULL;
}

void store_mem_delay_tail(struct store *store)
{
    ck_assert_ptr_nonnull(store->late_tail);
    store->late_tail->head = 0;
}
