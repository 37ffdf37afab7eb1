/*
 * store.c - service/store/store.h for a worker of the simulator: each question reaches the database after a while, and its answer the worker after another.
 *
 * Between the two the database goes on: others append, the worker may die, the answer may be lost. A lost answer of an append is settled later, by op id.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_mutation.h"
#include "service/base/loop.h"
#include "service/base/mem.h"
#include "tests/sim/person.h"
#include "tests/sim/watch.h"
#include "tests/sim/wire.h"

#define HOLD_WAIT_MS 2000 /* for the row */
#define HOLD_IDLE_MS 3000 /* until the database ends a hold that nothing comes of */

enum ask_kind { ASK_APPEND, ASK_HOLD, ASK_OPEN, ASK_LOAD, ASK_TAIL, ASK_PROJECT, ASK_HEADS, ASK_QUERY };

struct ask {
    struct ask *prev, *next;
    struct store *store; /* NULL: the worker is dead, nobody waits for it */
    enum ask_kind kind;
    void (*fn)(void);
    void *ctx;
    bool has_account, is_held, is_performed, is_unsettled, is_answered, has_event;
    gl_uuid account, id;
    uint64_t after, since_ms;
    size_t max_ops, count;
    gl_uuid *ids;
    bool is_of_named, is_of_one, are_wanted; /* of session_words: after, and max_ops of them */
    gl_uuid whose;
    enum store_query_id query;
    struct append_stream *streams;
    /* ---- what the database said */
    enum gl_code code;
    struct db_log *log;
    uint64_t head, epoch, codebook, mode_seq;
    gl_hash chain, sum;
    char mode[16];
    bool is_open;
    enum gl_role role;
    struct gl_annotation **records;
    size_t record_count, term_count;
    struct store_head *heads;
};
struct store {
    struct worker *worker;
    struct loop *loop;
    struct ask *asks;
    bool is_severed;
    struct db_log *holding; /* asked for, or held */
    uint64_t hold_number;
    store_moved_fn moved;
    void *moved_ctx;
};

static void perform(void *ctx, uint64_t arg);

/* ---- asks */

static uint64_t on_the_way(void)
{
    if (fault_hits(FAULT_slow_store, 8))
        return 50 + draw(DICE_STORE, 900);
    return draw(DICE_STORE, 6) / 2;
}

/* Small questions overtake each other: what is answered last need not have been asked last. */
static uint64_t on_the_way_back(const struct ask *ask)
{
    if (ask->kind == ASK_QUERY && fault_hits(FAULT_slow_store, 60))
        return draw(DICE_STORE, 1000);
    return on_the_way();
}

static struct ask *ask_new(struct store *store, enum ask_kind kind, const gl_uuid *account, const gl_uuid *id, void (*fn)(void),
                           void *ctx)
{
    struct ask *ask = mem_alloc(sizeof *ask);
    ask->store = store;
    ask->kind = kind;
    ask->fn = fn;
    ask->ctx = ctx;
    ask->since_ms = world.now_ms;
    ask->has_event = !store->is_severed;
    if ((ask->has_account = account != NULL))
        ask->account = *account;
    if (id)
        ask->id = *id;
    ask->next = store->asks;
    if (store->asks)
        store->asks->prev = ask;
    store->asks = ask;
    if (ask->has_event)
        world_at(on_the_way(), perform, ask, 0);
    return ask;
}

static void ask_free(struct ask *ask)
{
    for (size_t i = 0; i < ask->record_count; i++)
        gl_annotation_unref(&ask->records[i]);
    mem_free(&ask->records);
    mem_free(&ask->heads);
    mem_free(&ask->ids);
    mem_free(&ask);
}

static void unlink_ask(struct ask *ask)
{
    struct store *store = ask->store;
    if (ask->prev)
        ask->prev->next = ask->next;
    else
        store->asks = ask->next;
    if (ask->next)
        ask->next->prev = ask->prev;
    ask->store = NULL;
}

/* ---- the database's side of each */

static enum gl_code may_read(const struct ask *ask)
{
    if (!ask->log)
        return GL_E_NOT_FOUND;
    return db_role(db_project_of(ask->log), &ask->account) < GL_VIEWER ? GL_E_NOT_FOUND : GL_OK;
}

static void look(struct ask *ask)
{
    const struct db_project *project = db_project_of(ask->log);
    ask->head = ask->log->head;
    ask->chain = ask->log->chain;
    ask->sum = ask->log->sum;
    ask->epoch = project->epoch;
    ask->codebook = project->codebook;
    ask->is_open = project->is_open;
    ask->term_count = project->term_count;
    ask->role = db_role(project, &ask->account);
    memcpy(ask->mode, ask->log->mode, sizeof ask->mode);
    ask->mode_seq = ask->log->mode_seq;
}

static void copy_records(struct ask *ask)
{
    ask->records = mem_array(ask->log->record_count + 1, sizeof(struct gl_annotation *));
    for (size_t i = 0; i < ask->log->record_count; i++)
        ask->records[ask->record_count++] = gl_annotation_ref(ask->log->records[i]);
    SAW(reads_of_the_state);
}

static void copy_heads(struct ask *ask)
{
    ask->heads = mem_array(ask->count + 1, sizeof *ask->heads);
    for (size_t i = 0; i < ask->count; i++) {
        const struct db_log *log = db_log_of(&ask->ids[i]);
        ask->heads[i] = (struct store_head){
            .stream = ask->ids[i], .head = log ? log->head : UINT64_MAX, .epoch = log ? db_project_of(log)->epoch : 0};
    }
}

static void note_sought(const struct ask *ask)
{
    SAW(lookups_of_ops);
    for (size_t i = 0; ask->store && i < ask->count; i++) {
        struct asked *it = asked_of(&ask->ids[i]);
        if (it)
            it->sought_ms[ask->store->worker->index] = world.now_ms;
    }
}

static void read_rows(struct ask *ask)
{
    ask->log = ask->kind == ASK_HEADS || !gl_uuid_equal(&ask->id, &(gl_uuid){{0}}) ? db_log_of(&ask->id) : NULL;
    if (ask->kind == ASK_HEADS) {
        copy_heads(ask);
        return;
    }
    if (ask->kind == ASK_QUERY && (ask->query == STORE_Q_accounts_disabled || ask->query == STORE_Q_tokens_ended))
        return;
    ask->code = may_read(ask);
    if (ask->code == GL_OK && (ask->kind == ASK_OPEN || ask->kind == ASK_LOAD) && !ask->log->is_session)
        ask->code = GL_E_NOT_FOUND;
    if (ask->log)
        look(ask);
    if (ask->code == GL_OK && ask->kind == ASK_LOAD)
        copy_records(ask);
    if (ask->kind == ASK_TAIL)
        SAW(reads_of_the_log);
    if (ask->kind == ASK_QUERY && ask->query == STORE_Q_ops_by_id)
        note_sought(ask);
}

/* ---- answers, inside the worker's loop */

static struct gl_document_info info_of(const struct db_log *log)
{
    const struct db_project *project = db_project_of(log);
    struct gl_document_info info = {.document = project->document,
                                    .project = project->id,
                                    .session = log->id,
                                    .revision = project->revision,
                                    .title = GL_SLICE("A brief"),
                                    .bytes = strlen(SIM_TEXT),
                                    .codepoints = strlen(SIM_TEXT)};
    gl_hash sha256 = gl_sha256(SIM_TEXT, strlen(SIM_TEXT));
    memcpy(info.sha256, sha256.bytes, 32);
    return info;
}

static struct store_tail_op tail_op(const struct db_op *op, uint64_t head)
{
    struct store_tail_op tail = {.seq = op->seq,
                                 .chain = op->chain,
                                 .payload = op->payload,
                                 .op = op->id,
                                 .account = op->account,
                                 .request_hash = op->request_hash};
    memcpy(tail.salt, op->salt, sizeof tail.salt);
    if (db_is_erased(op, head)) {
        tail.payload = gl_slice_of(NULL, 0);
        tail.leaf = op->leaf;
        memset(tail.salt, 0, sizeof tail.salt);
    }
    return tail;
}

static struct store_tail_op *tail_ops(const struct db_log *log, uint64_t head, uint64_t after, size_t count)
{
    struct store_tail_op *ops = mem_array(count + 1, sizeof *ops);
    for (size_t i = 0; i < count; i++)
        ops[i] = tail_op(&log->ops[after + i], head);
    return ops;
}

static void answer_open(struct ask *ask)
{
    struct store_session session = {.role = ask->role, .epoch = ask->epoch, .head = ask->head, .retained_from = 1};
    if (ask->code == GL_OK) {
        session.session = ask->log->id;
        session.project = db_project_of(ask->log)->id;
        session.document = info_of(ask->log);
    }
    ((store_session_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, ask->code == GL_OK ? &session : NULL);
}

static void answer_load(struct ask *ask)
{
    if (ask->code != GL_OK) {
        ((store_state_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, NULL);
        return;
    }
    size_t recent = ask->head < ask->max_ops ? (size_t)ask->head : ask->max_ops;
    struct store_state state = {.text = gl_slice_str(SIM_TEXT),
                                .head = ask->head,
                                .chain = ask->chain,
                                .sum = ask->sum,
                                .epoch = ask->epoch,
                                .mode = gl_slice_str(ask->mode),
                                .mode_seq = ask->mode_seq,
                                .record_count = ask->record_count,
                                .recent_count = recent,
                                .retained_from = 1};
    state.records = mem_array(ask->record_count + 1, sizeof *state.records);
    for (size_t i = 0; i < ask->record_count; i++)
        state.records[i] = ask->records[i]->canonical;
    for (uint64_t seq = 1; seq <= ask->head; seq++)
        if (db_is_erased(&ask->log->ops[seq - 1], ask->head))
            state.erased_to = seq;
    state.recent = tail_ops(ask->log, ask->head, ask->head - recent, recent);
    ((store_state_fn)(uintptr_t)ask->fn)(ask->ctx, GL_OK, &state);
    mem_free(&state.records);
    mem_free(&state.recent);
}

static void answer_tail(struct ask *ask)
{
    if (ask->code != GL_OK) {
        ((store_tail_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, NULL);
        return;
    }
    uint64_t after = ask->after < ask->head ? ask->after : ask->head;
    size_t count = ask->head - after < ask->max_ops ? (size_t)(ask->head - after) : ask->max_ops;
    struct store_tail tail = {.count = count, .head = ask->head};
    tail.chain_before = after == 0 ? ask->log->chain_start : ask->log->ops[after - 1].chain;
    tail.ops = tail_ops(ask->log, ask->head, after, count);
    ((store_tail_fn)(uintptr_t)ask->fn)(ask->ctx, GL_OK, &tail);
    mem_free(&tail.ops);
}

static void answer_project(struct ask *ask)
{
    if (ask->code != GL_OK) {
        ((store_project_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, NULL);
        return;
    }
    const struct db_project *from = db_project_of(ask->log);
    struct store_project project = {.project = from->id,
                                    .name = GL_SLICE("A project"),
                                    .head = ask->head,
                                    .epoch = ask->epoch,
                                    .codebook = ask->codebook,
                                    .chain = ask->chain,
                                    .is_open = ask->is_open,
                                    .others_may_edit = true};
    project.records = mem_array(ask->term_count + 1, sizeof *project.records);
    for (size_t i = 0; i < ask->term_count; i++)
        if (from->terms[i].seq > ask->after)
            project.records[project.record_count++] = gl_slice_str(from->terms[i].record);
    ((store_project_fn)(uintptr_t)ask->fn)(ask->ctx, GL_OK, &project);
    mem_free(&project.records);
}

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

static void answer_query(struct ask *ask)
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

static void free_found(struct ask *ask, struct append_found **found)
{
    for (size_t i = 0; i < ask->count; i++)
        mem_free(&found[i]);
    mem_free(&found);
}

static void answer_append(struct ask *ask)
{
    struct append_found **found = mem_array(ask->count, sizeof *found);
    if (ask->code == GL_OK)
        for (size_t i = 0; i < ask->count; i++)
            found[i] = ask->streams[i].found;
    ((store_append_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, ask->streams, ask->count);
    free_found(ask, found);
}

static void answer(struct ask *ask)
{
    switch (ask->kind) {
    case ASK_APPEND: answer_append(ask); break;
    case ASK_HOLD: ((store_hold_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code); break;
    case ASK_OPEN: answer_open(ask); break;
    case ASK_LOAD: answer_load(ask); break;
    case ASK_TAIL: answer_tail(ask); break;
    case ASK_PROJECT: answer_project(ask); break;
    case ASK_HEADS:
        ((store_heads_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, ask->heads, ask->code == GL_OK ? ask->count : 0);
        break;
    case ASK_QUERY: answer_query(ask); break;
    }
}

/* What the answer is to a session; NULL: nothing. */
static const char *event_of(const struct ask *ask)
{
    static const char *const outcomes[] = {"committed", "fence lost", "locked", "fence lost", "not appended", "not appended"};
    const bool is_good = ask->code == GL_OK;
    switch (ask->kind) {
    case ASK_APPEND: return is_good ? outcomes[ask->streams[0].outcome] : "not appended";
    case ASK_HOLD: return is_good ? "held" : "not held";
    case ASK_OPEN: return "opened";
    case ASK_LOAD: return is_good ? "loaded" : "not loaded";
    case ASK_TAIL: return is_good ? "tail" : "no tail";
    case ASK_QUERY: return ask->query != STORE_Q_ops_by_id ? NULL : is_good ? "looked up" : "not looked up";
    default: return NULL;
    }
}

static void answer_now(void *ctx)
{
    struct ask *ask = ctx;
    const struct worker *worker = ask->store ? ask->store->worker : NULL;
    const char *event = event_of(ask);
    const gl_uuid of = ask->kind == ASK_APPEND ? ask->streams[0].stream : ask->id;
    if (ask->store)
        unlink_ask(ask);
    answer(ask);
    ask_free(ask);
    if (worker)
        watch_came(worker, event ? &of : NULL, event ? event : "turn");
}

static void arrive(void *ctx, uint64_t arg)
{
    struct ask *ask = ctx;
    (void)arg;
    if (!ask->store) { /* its worker is dead */
        ask_free(ask);
        return;
    }
    ask->is_answered = true;
    loop_defer(ask->store->loop, answer_now, ask);
}

/* ---- appending */

/* The connection is back: what became of it is asked by op id, under the row's lock. */
static void settle(void *ctx, uint64_t arg)
{
    struct ask *ask = ctx;
    if (!ask->store) {
        ask_free(ask);
        return;
    }
    bool is_locked = db_is_away();
    for (size_t i = 0; i < ask->count; i++) {
        const struct db_log *log = db_log_of(&ask->streams[i].stream);
        is_locked |= log->locked_until_ms > world.now_ms || (log->holder && log->holder != ask->store);
    }
    if (is_locked) {
        world_at(100, settle, ask, arg);
        return;
    }
    for (size_t i = 0; i < ask->count; i++) {
        bool is_there = db_has_all(&ask->streams[i]) || MUTATION(unknown_taken_for_committed);
        mem_free(&ask->streams[i].found);
        ask->streams[i].found_count = 0;
        ask->streams[i].outcome = is_there ? APPEND_COMMITTED : APPEND_FENCE_LOST;
        trace("worker %zu  the append to %zu is found out: %s", ask->store->worker->index,
              (size_t)(db_log_of(&ask->streams[i].stream) - database.logs), is_there ? "committed" : "not there");
        if (is_there)
            SAW(unknown_committed);
        else
            SAW(unknown_absent);
    }
    ask->code = GL_OK;
    world_at(on_the_way(), arrive, ask, 0);
}

static void let_go(struct store *store)
{
    if (store->holding && store->holding->holder == store)
        store->holding->holder = NULL;
    store->holding = NULL;
    store->hold_number++;
}

static bool awaits(const void *ctx, size_t person)
{
    const struct ask *ask = ctx;
    return wire_had_peer(ask->store->worker, person, ask->since_ms);
}

static void write_all(struct ask *ask)
{
    for (size_t i = 0; i < ask->count; i++) {
        struct append_stream *stream = &ask->streams[i];
        bool is_alone = ask->is_held && db_log_of(&stream->stream)->holder == ask->store;
        db_append(ask->store, stream, awaits, ask);
        if (is_alone && stream->outcome == APPEND_FENCE_LOST && stream->expected_head != db_log_of(&stream->stream)->head)
            broken(6, "worker %zu holds the lock of %zu and appends at %llu, behind its end", ask->store->worker->index,
                   (size_t)(db_log_of(&stream->stream) - database.logs), (unsigned long long)stream->expected_head + 1);
        trace("worker %zu  append to %zu of %zu ops at %llu: %s", ask->store->worker->index,
              (size_t)(db_log_of(&stream->stream) - database.logs), stream->op_count,
              (unsigned long long)stream->expected_head + 1,
              (const char *[]){"committed", "fence lost", "locked", "found", "exists", "failed"}[stream->outcome]);
    }
    SAW(streams_in_one_append);
}

static void perform_append(struct ask *ask)
{
    struct store *store = ask->store;
    bool is_lost_before = db_is_away() ? chance(DICE_STORE, 500) : fault_hits(FAULT_lost_answer, 12);
    if (ask->is_held)
        SAW(held_appends);
    if (db_is_away() && !is_lost_before) {
        SAW(appends_store_down);
        ask->code = GL_E_STORE_DOWN;
        if (ask->is_held)
            let_go(store);
        world_at(on_the_way(), arrive, ask, 0);
        return;
    }
    if (!is_lost_before)
        write_all(ask);
    if (ask->is_held)
        let_go(store);
    ask->is_performed = true;
    ask->is_unsettled = is_lost_before || fault_hits(FAULT_lost_answer, 25);
    if (ask->is_unsettled)
        world_at(100 + draw(DICE_STORE, chance(DICE_STORE, 150) ? 8000 : 600), settle, ask, 0);
    else
        world_at(on_the_way(), arrive, ask, 0);
}

static void perform_hold(struct ask *ask)
{
    struct store *store = ask->store;
    struct db_log *log = store->holding;
    bool is_free = log->locked_until_ms <= world.now_ms && !log->holder;
    if (!db_is_away() && !is_free && world.now_ms - ask->since_ms < HOLD_WAIT_MS) {
        world_at(20, perform, ask, 0);
        return;
    }
    ask->code = db_is_away() ? GL_E_STORE_DOWN : is_free ? GL_OK : GL_E_BUSY;
    if (ask->code == GL_OK) {
        log->holder = store;
        SAW(holds_granted);
    } else {
        let_go(store);
        SAW(holds_busy);
    }
    world_at(on_the_way(), arrive, ask, 0);
}

static void perform(void *ctx, uint64_t arg)
{
    struct ask *ask = ctx;
    (void)arg;
    if (!ask->store) {
        ask_free(ask);
    } else if (ask->kind == ASK_APPEND) {
        perform_append(ask);
    } else if (ask->kind == ASK_HOLD) {
        perform_hold(ask);
    } else {
        if (db_is_away()) {
            ask->code = GL_E_STORE_DOWN;
            SAW(reads_failed);
        } else {
            read_rows(ask);
        }
        world_at(on_the_way_back(ask), arrive, ask, 0);
    }
}

void store_append(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx)
{
    struct ask *ask = ask_new(store, ASK_APPEND, NULL, NULL, (void (*)(void))fn, ctx);
    ask->streams = streams;
    ask->count = count;
}

/* ---- holding */

static void end_hold(void *ctx, uint64_t number)
{
    struct worker *worker = ctx;
    struct store *store = worker->store;
    if (!store || store->hold_number != number || !store->holding || store->holding->holder != store)
        return;
    store->holding->holder = NULL; /* the transaction is over; the worker will find out */
    SAW(holds_ended_by_database);
}

bool store_hold(struct store *store, const gl_uuid *stream, store_hold_fn fn, void *ctx)
{
    if (store->holding)
        return false;
    store->holding = db_log_of(stream);
    ask_new(store, ASK_HOLD, NULL, stream, (void (*)(void))fn, ctx);
    if (!store->is_severed)
        world_at(HOLD_WAIT_MS + HOLD_IDLE_MS, end_hold, store->worker, store->hold_number);
    return true;
}

void store_hold_append(struct store *store, struct append_stream *stream, store_append_fn fn, void *ctx)
{
    struct ask *ask = ask_new(store, ASK_APPEND, NULL, NULL, (void (*)(void))fn, ctx);
    ask->streams = stream;
    ask->count = 1;
    ask->is_held = true;
}

void store_release(struct store *store)
{
    let_go(store);
}

/* ---- reading */

void store_session_open(struct store *store, const gl_uuid *account, const gl_uuid *session, store_session_fn fn, void *ctx)
{
    ask_new(store, ASK_OPEN, account, session, (void (*)(void))fn, ctx);
}

void store_session_load(struct store *store, const gl_uuid *account, const gl_uuid *session, size_t recent_max, store_state_fn fn,
                        void *ctx)
{
    ask_new(store, ASK_LOAD, account, session, (void (*)(void))fn, ctx)->max_ops = recent_max;
}

void store_tail_read(struct store *store, const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops,
                     size_t max_bytes, store_tail_fn fn, void *ctx)
{
    struct ask *ask = ask_new(store, ASK_TAIL, account, stream, (void (*)(void))fn, ctx);
    (void)max_bytes;
    ask->after = after;
    ask->max_ops = max_ops;
}

void store_project_load(struct store *store, const gl_uuid *account, const gl_uuid *project, uint64_t after, store_project_fn fn,
                        void *ctx)
{
    ask_new(store, ASK_PROJECT, account, project, (void (*)(void))fn, ctx)->after = after;
}

void store_heads_read(struct store *store, const gl_uuid *streams, size_t count, store_heads_fn fn, void *ctx)
{
    struct ask *ask = ask_new(store, ASK_HEADS, NULL, NULL, (void (*)(void))fn, ctx);
    ask->ids = (gl_uuid *)(void *)mem_copy(streams, count * sizeof *streams);
    ask->count = count;
}

void store_query(struct store *store, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx)
{
    struct ask *ask = ask_new(store, ASK_QUERY, account, count > 0 && params[0].type == STORE_UUID ? &params[0].uuid : NULL,
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

/* ---- waking the others */

struct notice {
    struct worker *to;
    uint64_t life;
    size_t count;
    struct store_head moved[LOGS];
};

static void hear(void *ctx)
{
    struct notice *notice = ctx;
    struct store *store = notice->to->store;
    if (store && store->moved && !store->is_severed)
        store->moved(store->moved_ctx, notice->moved, notice->count);
    watch_came(notice->to, notice->count == 1 ? &notice->moved[0].stream : NULL, "told");
    mem_free(&notice);
}

static void notice_arrives(void *ctx, uint64_t arg)
{
    struct notice *notice = ctx;
    (void)arg;
    if (notice->to->store && notice->to->life == notice->life)
        loop_defer(notice->to->loop, hear, notice);
    else
        mem_free(&notice);
}

void store_notify(struct store *store, const struct store_head *moved, size_t count)
{
    for (size_t i = 0; i < worker_count && !store->is_severed; i++) {
        struct worker *to = &workers[i];
        if (to->store == store || !to->store || !to->store->moved)
            continue;
        SAW(notifications);
        if (fault_may(FAULT_deaf) && fault_hits(FAULT_deaf, 200)) {
            SAW(notifications_lost);
            continue;
        }
        struct notice *notice = mem_alloc(sizeof *notice);
        *notice = (struct notice){.to = to, .life = to->life, .count = count < LOGS ? count : LOGS};
        memcpy(notice->moved, moved, notice->count * sizeof *moved);
        if (fault_hits(FAULT_deaf, 30)) {
            notice->count = 0;
            SAW(notifications_vague);
        }
        world_at(on_the_way(), notice_arrives, notice, 0);
    }
}

void store_listen(struct store *store, store_moved_fn fn, void *ctx)
{
    store->moved = fn;
    store->moved_ctx = ctx;
}

/* ---- the rest */

/* One connection, two or three, as the worker is. While an outcome is unknown, its connection is another one. */
unsigned store_writers(const struct store *store, unsigned *idle)
{
    const unsigned all = 1 + (unsigned)((store->worker->index + world.plan.seed) % 3);
    unsigned busy = 0;
    for (const struct ask *ask = store->asks; ask; ask = ask->next)
        busy += ask->kind == ASK_APPEND && !ask->is_held && !ask->is_unsettled;
    *idle = all > busy ? all - busy : 0;
    return all;
}
bool store_is_up(const struct store *store)
{
    return !store->is_severed && !db_is_away();
}
uint64_t store_generation(const struct store *store)
{
    (void)store;
    return 0; /* it is the same database for ever */
}
int64_t store_now_ms(const struct store *store)
{
    return loop_unix_ms(store->worker->loop) - store->worker->skew_ms + (store->worker->skew_ms % 200);
}
size_t store_in_flight(const struct store *store)
{
    size_t count = 0;
    for (const struct ask *ask = store->asks; ask; ask = ask->next)
        count++;
    return count;
}

/* Presence is not simulated: nobody hears. */
void store_hear(struct store *store, store_said_fn fn, void *ctx)
{
    (void)store;
    (void)fn;
    (void)ctx;
}
enum store_saying store_may_say(const struct store *store)
{
    (void)store;
    return STORE_SAY_NOBODY;
}
void store_say(struct store *store, const void *bytes, size_t len)
{
    (void)store;
    (void)bytes;
    (void)len;
}

bool store_kind_known(const struct store *store, enum gl_op_kind kind)
{
    (void)store;
    (void)kind;
    return true;
}

struct store *sim_store_new(struct worker *worker)
{
    struct store *store = mem_alloc(sizeof *store);
    store->worker = worker;
    store->loop = worker->loop;
    return store;
}

/* What had been sent may have reached the database. */
void sim_store_sever(struct store *store)
{
    for (struct ask *ask = store->asks; ask; ask = ask->next)
        if (ask->kind == ASK_APPEND && !ask->is_performed && !db_is_away() && chance(DICE_STORE, 500))
            write_all(ask);
    store->is_severed = true;
    let_go(store);
}

/* The event of an ask frees it; to its dead worker another one says that it failed. */
void sim_store_fail_all(struct store *store)
{
    struct ask *ask = store->asks, *next;
    for (; ask; ask = next) {
        next = ask->next;
        if (ask->is_answered)
            continue; /* it is among what the loop has to run */
        struct ask *failed = mem_alloc(sizeof *failed);
        *failed = *ask;
        failed->records = NULL;
        failed->heads = NULL;
        failed->ids = NULL;
        failed->record_count = 0;
        failed->code = GL_E_STORE_DOWN;
        for (size_t i = 0; ask->kind == ASK_APPEND && i < ask->count; i++)
            mem_free(&ask->streams[i].found);
        unlink_ask(ask);
        failed->store = NULL;
        if (!ask->has_event)
            ask_free(ask);
        answer_now(failed);
    }
}

bool sim_store_is_settled(const struct store *store)
{
    for (const struct ask *ask = store->asks; ask; ask = ask->next)
        if (ask->is_unsettled)
            return false;
    return true;
}

bool sim_store_is_idle(const struct store *store)
{
    return !store->asks;
}

void store_free(struct store **store)
{
    assert(!(*store)->asks);
    mem_free(store);
}
