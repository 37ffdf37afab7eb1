/* store_mem.c - see store_mem.h. Appends are judged by the fence as PostgreSQL does it, one turn of the loop after they were asked for. */
#include "tests/unit/core/store_mem.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>

#include "service/base/loop.h"
#include "service/base/map.h"
#include "service/base/mem.h"
#include "service/store/genesis.h"

#define OTHER_SESSIONS 3
#define LISTENERS_MAX  8

struct logged {
    uint64_t seq;
    gl_uuid id, account;
    gl_hash request_hash, chain;
    uint8_t salt[GL_SALT_BYTES];
    char *payload;
    size_t payload_len;
};
struct log {
    gl_uuid id;
    uint64_t head;
    gl_hash chain, chain_start, sum;
    struct logged *ops;
    size_t cap;
    const struct store *holder; /* who has locked it */
};
struct role {
    gl_uuid account;
    enum gl_role role;
};
struct db {
    struct log session, project, others[OTHER_SESSIONS]; /* the others are of the same document; they have no modes */
    gl_uuid document, revision;
    char *text;
    uint8_t sha256[32];
    size_t codepoints;
    uint64_t epoch, codebook;
    bool is_open;
    char mode[16];
    uint64_t mode_seq;
    struct gl_annotation *records[4096]; /* in the order made */
    const struct log *record_of[4096];
    size_t record_count;
    struct gl_codebook *codebook_terms;
    struct role roles[256];
    size_t role_count;
    gl_uuid disabled;
    struct store *listeners[LISTENERS_MAX];
    uint64_t live; /* said of every session */
};
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
struct store {
    struct db *db;
    struct loop *loop;
    enum store_fault fault;
    unsigned fault_times, rival_times, appends, questions, writers, busy;
    bool is_down, is_freed, are_notifications_lost, are_holds_refused;
    struct log *holding; /* asked for, or held */
    bool is_lacking[GL_OP_KIND_COUNT];
    store_moved_fn moved;
    void *moved_ctx;
    store_said_fn said;
    void *said_ctx;
    unsigned sayings;
    unsigned readable_until; /* so many questions; 0: all */
    int64_t clock_ms;
    struct pending *late;
    bool holds_tail;
    struct question *late_tail;
};

/* ---- the database */

static gl_uuid fixed_id(const char *name)
{
    return gl_uuid_derive("test", name, strlen(name));
}

struct db *db_new(const char *text)
{
    struct db *db = mem_alloc(sizeof *db);
    gl_hash sha256 = gl_sha256(text, strlen(text));
    db->text = mem_copy(text, strlen(text));
    db->codepoints = gl_utf8_count(gl_slice_str(text));
    memcpy(db->sha256, sha256.bytes, 32);
    db->session.id = fixed_id("session");
    db->codebook_terms = gl_codebook_new();
    db->project.id = fixed_id("project");
    db->document = fixed_id("document");
    db->revision = fixed_id("revision");
    db->session.chain = db->session.chain_start = gl_chain_start(&db->session.id, db->sha256);
    for (int i = 0; i < OTHER_SESSIONS; i++) {
        db->others[i].id = gl_uuid_derive("session", &i, sizeof i);
        db->others[i].chain = db->others[i].chain_start = gl_chain_start(&db->others[i].id, db->sha256);
    }
    db->project.chain = db->project.chain_start = gl_chain_start(&db->project.id, NULL);
    db->epoch = 1;
    db->is_open = true;
    strcpy(db->mode, "shared");
    return db;
}

static void log_fini(struct log *log)
{
    for (uint64_t i = 0; i < log->head; i++)
        mem_free(&log->ops[i].payload);
    mem_free(&log->ops);
}

void db_free(struct db **db)
{
    for (size_t i = 0; i < (*db)->record_count; i++)
        gl_annotation_unref(&(*db)->records[i]);
    gl_codebook_free(&(*db)->codebook_terms);
    log_fini(&(*db)->session);
    log_fini(&(*db)->project);
    for (int i = 0; i < OTHER_SESSIONS; i++)
        log_fini(&(*db)->others[i]);
    mem_free(&(*db)->text);
    mem_free(db);
}

const gl_uuid *db_session(const struct db *db)
{
    return &db->session.id;
}
const gl_uuid *db_other_session(const struct db *db, size_t n)
{
    return &db->others[n].id;
}
uint64_t db_project_head(const struct db *db)
{
    return db->project.head;
}
const gl_uuid *db_project(const struct db *db)
{
    return &db->project.id;
}
uint64_t db_head(const struct db *db)
{
    return db->session.head;
}
void db_flip_sum(struct db *db)
{
    db->session.sum.bytes[0] ^= 1;
}
size_t db_label_count(const struct db *db)
{
    return gl_codebook_count(db->codebook_terms, GL_TERM_LABEL);
}

void db_set_role(struct db *db, const gl_uuid *account, enum gl_role role)
{
    db->epoch++;
    for (size_t i = 0; i < db->role_count; i++) {
        if (gl_uuid_equal(&db->roles[i].account, account)) {
            db->roles[i].role = role;
            return;
        }
    }
    db->roles[db->role_count++] = (struct role){*account, role};
}

void db_set_open(struct db *db, bool is_open)
{
    db->is_open = is_open;
    db->epoch++;
}

void db_say_live(struct db *db, uint64_t live)
{
    db->live = live;
}

void db_disable(struct db *db, const gl_uuid *account)
{
    db->disabled = *account;
}

static enum gl_role role_of(const struct db *db, const gl_uuid *account)
{
    for (size_t i = 0; i < db->role_count; i++)
        if (gl_uuid_equal(&db->roles[i].account, account))
            return db->roles[i].role;
    return GL_NOBODY;
}

size_t db_count_op(const struct db *db, const gl_uuid *op)
{
    size_t count = 0;
    for (uint64_t i = 0; i < db->session.head; i++)
        count += gl_uuid_equal(&db->session.ops[i].id, op);
    return count;
}

struct gl_state *db_replay(const struct db *db)
{
    struct gl_state *state = gl_state_new(&db->session.id, db->sha256);
    for (uint64_t i = 0; i < db->session.head; i++) {
        const struct logged *op = &db->session.ops[i];
        struct gl_err err = {0};
        struct gl_buf salt;
        json_t *payload = NULL;
        ck_assert_int_eq(gl_json_load(gl_slice_of(op->payload, op->payload_len), &payload, &err), GL_OK);
        gl_buf_init(&salt, 64);
        gl_buf_hex(&salt, op->salt, sizeof op->salt);
        json_t *logged = json_pack("{s:o, s:s%}", "payload", payload, "salt", salt.data, salt.len);
        ck_assert_msg(gl_state_append(state, logged, &err) == GL_OK, "%s", err.detail);
        ck_assert(gl_hash_equal(&state->chain, &op->chain));
        json_decref(logged);
        gl_buf_fini(&salt);
    }
    ck_assert(gl_hash_equal(&state->sum, &db->session.sum));
    return state;
}

/* ---- the fence */

static struct log *log_of(struct db *db, const gl_uuid *id)
{
    for (int i = 0; i < OTHER_SESSIONS; i++)
        if (gl_uuid_equal(id, &db->others[i].id))
            return &db->others[i];
    return gl_uuid_equal(id, &db->session.id) ? &db->session : &db->project;
}

static const struct logged *find_op(const struct log *log, const gl_uuid *id)
{
    for (uint64_t i = 0; i < log->head; i++)
        if (gl_uuid_equal(&log->ops[i].id, id))
            return &log->ops[i];
    return NULL;
}

static void keep_record(struct db *db, const struct log *log, struct gl_annotation *annotation)
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

void db_put_label(struct db *db, const char *id, const char *name)
{
    json_t *record =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "by", id, "id", id, "kind", "label", "name", name, "created", 1, "seq", 1);
    ck_assert_int_eq(gl_codebook_put(db->codebook_terms, record, NULL), GL_OK);
    json_decref(record);
    db->epoch++;
}

static void write_rows(struct db *db, struct log *log, const struct append_stream *stream)
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
        keep_record(db, log, stream->annotations[i]);
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
    struct log *log = log_of(db, &stream->stream);
    if (log->holder && log->holder != store)
        return APPEND_LOCKED;
    if (stream->expected_head != log->head)
        return APPEND_FENCE_LOST;
    for (size_t i = 0; i < stream->op_count; i++) {
        const struct logged *there = find_op(log, &stream->ops[i].id);
        if (!there)
            continue;
        stream->found = realloc(stream->found, (stream->found_count + 1) * sizeof *stream->found);
        stream->found[stream->found_count++] = (struct append_found){there->id, there->seq, there->request_hash, there->account};
    }
    if (stream->found_count > 0)
        return APPEND_FOUND;
    if (stream->epoch != db->epoch)
        return APPEND_FENCE_LOST;
    write_rows(db, log, stream);
    return APPEND_COMMITTED;
}

/* ---- somebody who is always faster */

static void rival_row(struct db *db, struct log *log, struct append_op *row, struct gl_buf *payload)
{
    size_t len;
    struct append_stream stream = {.stream = log->id, .sum = log->sum, .ops = row, .op_count = 1, .set_open = -1};
    char *bytes = gl_buf_take(payload, &len);
    row->payload = gl_slice_of(bytes, len);
    gl_hash leaf = gl_leaf(row->salt, row->payload);
    row->chain = stream.chain = gl_chain_next(&log->chain, &leaf);
    write_rows(db, log, &stream);
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
    struct append_op row = {.id = gl_uuid_v7(1), .account = fixed_id("rival"), .seq = db->session.head + 1};
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
    keep_record(db, &db->session, state->items[state->count - 1]);
    json_decref(logged);
    json_decref(op.effects);
    json_decref(op.intent);
    gl_state_free(&state);
}

static void let_rival_go_first(struct store *store, const struct append_stream *stream)
{
    const struct log *log = log_of(store->db, &stream->stream);
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

void store_mem_refuse_holds(struct store *store, bool are_refused)
{
    store->are_holds_refused = are_refused;
}

/* ---- the store */

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
    pending->code = fault == FAULT_DOWN ? GL_E_STORE_DOWN : GL_OK;
    for (size_t i = 0; i < pending->count && fault != FAULT_DOWN; i++) {
        let_rival_go_first(store, &pending->streams[i]);
        pending->streams[i].has_waited = fault == FAULT_WAITED;
        pending->streams[i].outcome =
            fault == FAULT_LOCKED || fault == FAULT_WAITED ? APPEND_LOCKED : append_one(store, &pending->streams[i]);
        found[i] = pending->streams[i].found;
    }
    if (pending->is_held)
        store_release(store);
    if (fault == FAULT_LATE) {
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
    store->holding = log_of(store->db, stream);
    loop_defer(store->loop, hold_now, holding);
    return true;
}

void store_hold_append(struct store *store, struct append_stream *stream, store_append_fn fn, void *ctx)
{
    struct pending *pending = mem_alloc(sizeof *pending);
    ck_assert_ptr_eq(store->holding, log_of(store->db, &stream->stream));
    *pending = (struct pending){NULL, store, stream, 1, fn, ctx, GL_OK, true};
    loop_defer(store->loop, perform, pending);
}

void store_release(struct store *store)
{
    ck_assert(store->holding && store->holding->holder == store);
    store->holding->holder = NULL;
    store->holding = NULL;
}

static void tail_now(void *question);

void store_mem_answer(struct store *store)
{
    while (store->late) {
        struct pending *pending = store->late;
        store->late = pending->next;
        answer(pending);
    }
    if (store->late_tail)
        loop_defer(store->loop, tail_now, store->late_tail);
    store->late_tail = NULL;
}

void store_mem_hold_tail(struct store *store)
{
    store->holds_tail = true;
}

struct store *store_mem_new(struct db *db, struct loop *loop)
{
    struct store *store = mem_alloc(sizeof *store);
    store->db = db;
    store->loop = loop;
    store->writers = 1;
    return store;
}

void store_free(struct store **store)
{
    mem_free(store);
}

void store_mem_fault(struct store *store, enum store_fault fault, unsigned times)
{
    store->fault = fault;
    store->fault_times = times;
}

void store_mem_set_readable(struct store *store, bool is_readable)
{
    store_mem_readable_for(store, is_readable ? UINT_MAX - store->questions : 0);
}
void store_mem_readable_for(struct store *store, unsigned questions)
{
    store->readable_until = 1 + store->questions + questions;
}
void store_mem_set_clock(struct store *store, int64_t ms)
{
    store->clock_ms = ms;
}
void store_mem_set_up(struct store *store, bool is_up)
{
    store->is_down = !is_up;
}
unsigned store_mem_questions(const struct store *store)
{
    return store->questions;
}
unsigned store_mem_appends(const struct store *store)
{
    return store->appends;
}
void store_mem_set_writers(struct store *store, unsigned writers)
{
    store->writers = writers;
}
unsigned store_writers(const struct store *store, unsigned *idle)
{
    *idle = store->writers > store->busy ? store->writers - store->busy : 0;
    return store->writers;
}
bool store_is_up(const struct store *store)
{
    return !store->is_down;
}
uint64_t store_generation(const struct store *store)
{
    (void)store;
    return 0; /* it is the same database for ever */
}
int64_t store_now_ms(const struct store *store)
{
    return loop_unix_ms(store->loop) + store->clock_ms;
}

void store_mem_lack_kind(struct store *store, enum gl_op_kind kind)
{
    store->is_lacking[kind] = true;
}
bool store_kind_known(const struct store *store, enum gl_op_kind kind)
{
    return !store->is_lacking[kind];
}

/* ---- notifications: everybody else hears of it in the next turn */

struct notification {
    struct db *db;
    const struct store *from;
    struct store_head *moved;
    size_t count;
};

void store_mem_lose_notifications(struct store *store, bool is_lost)
{
    store->are_notifications_lost = is_lost;
}

void store_listen(struct store *store, store_moved_fn fn, void *ctx)
{
    struct store **listeners = store->db->listeners;
    size_t at = 0;
    store->moved = fn;
    store->moved_ctx = ctx;
    while (at < LISTENERS_MAX && listeners[at] != (fn ? NULL : store))
        at++;
    ck_assert_uint_lt(at, LISTENERS_MAX);
    listeners[at] = fn ? store : NULL;
}

static void notify_now(void *ctx)
{
    struct notification *it = ctx;
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct store *to = it->db->listeners[i];
        if (to && to != it->from)
            to->moved(to->moved_ctx, it->moved, it->count);
    }
    mem_free(&it->moved);
    mem_free(&it);
}

void store_notify(struct store *store, const struct store_head *moved, size_t count)
{
    if (store->are_notifications_lost)
        return;
    struct notification *it = mem_alloc(sizeof *it);
    it->db = store->db;
    it->from = store;
    it->moved = (struct store_head *)(void *)mem_copy(moved, count * sizeof *moved);
    it->count = count;
    loop_defer(store->loop, notify_now, it);
}

/* ---- words that nothing keeps */

struct word {
    struct store *from;
    size_t len;
    char bytes[STORE_SAY_MAX];
};

void store_hear(struct store *store, store_said_fn fn, void *ctx)
{
    store->said = fn;
    store->said_ctx = ctx;
}

enum store_saying store_may_say(const struct store *store)
{
    size_t others = 0;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        others += store->db->listeners[i] && store->db->listeners[i] != store;
    return store->is_down ? STORE_SAY_LATER : others > 0 ? STORE_SAY_NOW : STORE_SAY_NOBODY;
}

static void say_now(void *ctx)
{
    struct word *word = ctx;
    gl_uuid worker = gl_uuid_derive("worker", &word->from, sizeof word->from);
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct store *to = word->from->db->listeners[i];
        if (to && to != word->from && to->said)
            to->said(to->said_ctx, &worker, gl_slice_of(word->bytes, word->len));
    }
    mem_free(&word);
}

void store_say(struct store *store, const void *bytes, size_t len)
{
    ck_assert_int_eq(store_may_say(store), STORE_SAY_NOW);
    ck_assert_uint_le(len, STORE_SAY_MAX);
    store->sayings++;
    if (store->are_notifications_lost)
        return;
    struct word *word = mem_alloc(sizeof *word);
    word->from = store;
    word->len = len;
    memcpy(word->bytes, bytes, len);
    loop_defer(store->loop, say_now, word);
}

unsigned store_mem_sayings(const struct store *store)
{
    return store->sayings;
}

void store_mem_notify_everything(struct store *store)
{
    store->moved(store->moved_ctx, NULL, 0);
}

/* ---- reading: each question waits one turn */

struct question {
    struct store *store;
    gl_uuid account, id;
    bool is_unreadable;
    uint64_t after, head; /* head: where the log ended when it was read; 0: when it is answered */
    size_t max;
    void *fn, *ctx;
    gl_uuid *ids, *sessions; /* sessions: of annotation_ends */
    size_t count;
};

static struct question *ask(struct store *store, const gl_uuid *account, const gl_uuid *id, void *fn, void *ctx)
{
    struct question *question = mem_alloc(sizeof *question);
    ck_assert_uint_lt(++store->questions, 1000000); /* asked in a circle */
    question->store = store;
    question->is_unreadable = store->readable_until > 0 && store->questions >= store->readable_until;
    if (account)
        question->account = *account;
    if (id)
        question->id = *id;
    question->fn = fn;
    question->ctx = ctx;
    return question;
}

/* Row-level security: who is no member finds nothing. */
static enum gl_code may_read(const struct question *q)
{
    return q->is_unreadable ? GL_E_STORE_DOWN : role_of(q->store->db, &q->account) < GL_VIEWER ? GL_E_NOT_FOUND : GL_OK;
}

static struct gl_document_info info_of(const struct db *db, const struct log *log)
{
    struct gl_document_info info = {.document = db->document,
                                    .project = db->project.id,
                                    .session = log->id,
                                    .revision = db->revision,
                                    .title = GL_SLICE("A brief"),
                                    .bytes = strlen(db->text),
                                    .codepoints = db->codepoints};
    memcpy(info.sha256, db->sha256, 32);
    return info;
}

static void open_now(void *ctx)
{
    struct question *q = ctx;
    struct db *db = q->store->db;
    store_session_fn fn = (store_session_fn)(uintptr_t)q->fn;
    enum gl_role role = role_of(db, &q->account);
    const struct log *log = log_of(db, &q->id);
    struct store_session session = {.session = log->id,
                                    .project = db->project.id,
                                    .role = role,
                                    .epoch = db->epoch,
                                    .head = log->head,
                                    .retained_from = 1,
                                    .live = q->store->db->live,
                                    .document = info_of(db, log)};
    if (may_read(q) != GL_OK || !gl_uuid_equal(&q->id, &log->id) || log == &db->project)
        fn(q->ctx, q->is_unreadable ? GL_E_STORE_DOWN : GL_E_NOT_FOUND, NULL);
    else
        fn(q->ctx, GL_OK, &session);
    mem_free(&q);
}

void store_session_open(struct store *store, const gl_uuid *account, const gl_uuid *session, store_session_fn fn, void *ctx)
{
    loop_defer(store->loop, open_now, ask(store, account, session, (void *)(uintptr_t)fn, ctx));
}

static struct store_tail_op tail_op(const struct logged *op)
{
    struct store_tail_op tail = {.seq = op->seq,
                                 .chain = op->chain,
                                 .payload = gl_slice_of(op->payload, op->payload_len),
                                 .op = op->id,
                                 .account = op->account,
                                 .request_hash = op->request_hash};
    memcpy(tail.salt, op->salt, sizeof tail.salt);
    return tail;
}

static void load_now(void *ctx)
{
    struct question *q = ctx;
    struct db *db = q->store->db;
    struct log *log = log_of(db, &q->id);
    const bool is_main = log == &db->session;
    size_t recent = log->head < q->max ? (size_t)log->head : q->max;
    struct store_state state = {.text = gl_slice_str(db->text),
                                .head = log->head,
                                .chain = log->chain,
                                .sum = log->sum,
                                .epoch = db->epoch,
                                .mode = gl_slice_str(is_main ? db->mode : "shared"),
                                .mode_seq = is_main ? db->mode_seq : 0,
                                .recent_count = recent,
                                .retained_from = 1};
    state.records = mem_array(db->record_count + 1, sizeof *state.records);
    state.recent = mem_array(recent + 1, sizeof *state.recent);
    for (size_t i = 0; i < db->record_count; i++)
        if (db->record_of[i] == log)
            state.records[state.record_count++] = db->records[i]->canonical;
    for (size_t i = 0; i < recent; i++)
        state.recent[i] = tail_op(&log->ops[log->head - recent + i]);
    enum gl_code code = may_read(q);
    ((store_state_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &state : NULL);
    mem_free(&state.records);
    mem_free(&state.recent);
    mem_free(&q);
}

void store_session_load(struct store *store, const gl_uuid *account, const gl_uuid *session, size_t recent_max, store_state_fn fn,
                        void *ctx)
{
    struct question *question = ask(store, account, session, (void *)(uintptr_t)fn, ctx);
    question->max = recent_max;
    loop_defer(store->loop, load_now, question);
}

static void tail_now(void *ctx)
{
    struct question *q = ctx;
    struct log *log = log_of(q->store->db, &q->id);
    struct store_tail tail = {.head = q->head > 0 ? q->head : log->head};
    tail.chain_before = q->after == 0 ? log->chain_start : q->after <= log->head ? log->ops[q->after - 1].chain : log->chain;
    tail.ops = mem_array(q->max + 1, sizeof *tail.ops);
    while (tail.count < q->max && q->after + tail.count < tail.head) {
        tail.ops[tail.count] = tail_op(&log->ops[q->after + tail.count]);
        tail.count++;
    }
    enum gl_code code = may_read(q);
    ((store_tail_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &tail : NULL);
    mem_free(&tail.ops);
    mem_free(&q);
}

void store_tail_read(struct store *store, const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops,
                     size_t max_bytes, store_tail_fn fn, void *ctx)
{
    struct question *question = ask(store, account, stream, (void *)(uintptr_t)fn, ctx);
    (void)max_bytes;
    question->after = after;
    question->max = max_ops;
    if (!store->holds_tail) {
        loop_defer(store->loop, tail_now, question);
        return;
    }
    store->holds_tail = false;
    store->late_tail = question;
    question->head = log_of(store->db, stream)->head;
}

static void project_now(void *ctx)
{
    struct question *q = ctx;
    struct db *db = q->store->db;
    struct gl_slice *records = mem_array(GL_TERMS_MAX, sizeof *records);
    size_t count = 0;
    for (int kind = 0; kind < GL_TERM_KIND_COUNT; kind++)
        for (size_t i = 0; i < gl_codebook_count(db->codebook_terms, (enum gl_term_kind)kind); i++) {
            const struct gl_term *term = gl_codebook_at(db->codebook_terms, (enum gl_term_kind)kind, i);
            if (term->seq > q->after)
                records[count++] = term->canonical;
        }
    struct store_project project = {.project = db->project.id,
                                    .name = GL_SLICE("Test"),
                                    .head = db->project.head,
                                    .epoch = db->epoch,
                                    .codebook = db->codebook,
                                    .chain = db->project.chain,
                                    .is_open = db->is_open,
                                    .others_may_edit = true,
                                    .records = records,
                                    .record_count = count};
    enum gl_code code = may_read(q);
    ((store_project_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &project : NULL);
    mem_free(&records);
    mem_free(&q);
}

void store_project_load(struct store *store, const gl_uuid *account, const gl_uuid *project, uint64_t after, store_project_fn fn,
                        void *ctx)
{
    struct question *question = ask(store, account, project, (void *)(uintptr_t)fn, ctx);
    question->after = after;
    loop_defer(store->loop, project_now, question);
}

static void heads_now(void *ctx)
{
    struct question *q = ctx;
    struct store_head *heads = mem_array(q->count + 1, sizeof *heads);
    for (size_t i = 0; i < q->count; i++)
        heads[i] = (struct store_head){
            .stream = q->ids[i], .head = log_of(q->store->db, &q->ids[i])->head, .epoch = q->store->db->epoch};
    ((store_heads_fn)(uintptr_t)q->fn)(q->ctx, GL_OK, heads, q->count);
    mem_free(&heads);
    mem_free(&q->ids);
    mem_free(&q);
}

void store_heads_read(struct store *store, const gl_uuid *streams, size_t count, store_heads_fn fn, void *ctx)
{
    struct question *question = ask(store, NULL, NULL, (void *)(uintptr_t)fn, ctx);
    question->ids = (gl_uuid *)(void *)mem_copy(streams, count * sizeof *streams);
    question->count = count;
    loop_defer(store->loop, heads_now, question);
}

/* ---- plain queries: a role, or ops by their ids; the library's methods are tested against PostgreSQL, here they only have to link */

struct store_rows {
    size_t count;
    gl_uuid project;
    enum gl_role role;
    uint64_t head, epoch;
    const struct logged *ops[2048];
    const struct gl_annotation *ends[2048]; /* of annotation_ends, with the places of what was asked for */
    size_t places[2048];
    bool are_ends;
};

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

static void rows_now(void *ctx)
{
    struct question *q = ctx;
    struct db *db = q->store->db;
    struct store_rows rows = {
        .project = db->project.id, .role = role_of(db, &q->account), .head = log_of(db, &q->id)->head, .epoch = db->epoch};
    if (q->max == STORE_Q_accounts_disabled) {
        for (size_t i = 0; i < q->count; i++)
            rows.count |= gl_uuid_equal(&q->ids[i], &db->disabled);
        rows.project = db->disabled;
        q->count = 0;
    } else {
        rows.count = !q->ids && q->max == STORE_Q_role_of_project && rows.role >= GL_VIEWER;
    }
    if (q->max == STORE_Q_annotation_ends)
        find_ends(q, &rows);
    for (size_t i = 0; i < q->count && !q->sessions && may_read(q) == GL_OK; i++)
        if ((rows.ops[rows.count] = find_op(log_of(db, &q->id), &q->ids[i])))
            rows.count++;
    rows.count += q->max == STORE_Q_ops_by_id && rows.count == 0 && may_read(q) == GL_OK;
    ((store_rows_fn)(uintptr_t)q->fn)(q->ctx, q->is_unreadable ? GL_E_STORE_DOWN : GL_OK, q->is_unreadable ? NULL : &rows);
    mem_free(&q->ids);
    mem_free(&q->sessions);
    mem_free(&q);
}

void store_query(struct store *store, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx)
{
    struct question *question = ask(store, account, NULL, (void *)(uintptr_t)fn, ctx);
    question->max = query;
    if (query == STORE_Q_annotation_ends)
        question->sessions = (gl_uuid *)(void *)mem_copy(params[1].slice.data, params[1].slice.len);
    if (query == STORE_Q_annotation_ends || query == STORE_Q_ops_by_id || query == STORE_Q_accounts_disabled) {
        struct gl_slice ids = params[count - 1].slice;
        question->id = params[0].uuid;
        question->ids = (gl_uuid *)(void *)mem_copy(ids.data, ids.len);
        question->count = ids.len / sizeof *question->ids;
    } else {
        ck_assert_msg(query == STORE_Q_role_of_project || query == STORE_Q_document_by_sha,
                      "these tests ask for roles, ops and new documents only");
    }
    loop_defer(store->loop, rows_now, question);
}

size_t store_rows_count(const struct store_rows *rows)
{
    return rows->count;
}
gl_uuid store_uuid(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->are_ends)
        return rows->ends[row]->label;
    return !rows->ops[row] ? rows->project : column == 1 ? rows->ops[row]->id : rows->ops[row]->account;
}
struct gl_slice store_text(const struct store_rows *rows, size_t row, size_t column)
{
    (void)row;
    (void)column;
    return gl_slice_str(gl_role_name(rows->role));
}
bool store_is_null(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->are_ends)
        return !rows->ends[row]->has_label;
    return column > 0 && !rows->ops[row];
}
uint64_t store_u64(const struct store_rows *rows, size_t row, size_t column)
{
    if (rows->are_ends)
        return rows->places[row];
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
