/* store_read.c - reading sessions, tails, projects and heads: what the database has when it is asked, told when the answer arrives. */
#include <string.h>

#include "service/base/mem.h"
#include "tests/sim/person.h"
#include "tests/sim/store_priv.h"

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

void sim_read_rows(struct ask *ask)
{
    ask->log = ask->kind == ASK_HEADS || !gl_uuid_equal(&ask->id, &(gl_uuid){{0}}) ? db_log_of(&ask->id) : NULL;
    if (ask->kind == ASK_HEADS) {
        copy_heads(ask);
        return;
    }
    if (ask->kind == ASK_QUERY &&
        (ask->query == STORE_Q_accounts_disabled || ask->query == STORE_Q_tokens_ended || ask->query == STORE_Q_quotas))
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

void sim_answer_open(struct ask *ask)
{
    struct store_session session = {.role = ask->role, .epoch = ask->epoch, .head = ask->head, .retained_from = 1};
    if (ask->code == GL_OK) {
        session.session = ask->log->id;
        session.project = db_project_of(ask->log)->id;
        session.document = info_of(ask->log);
    }
    ((store_session_fn)(uintptr_t)ask->fn)(ask->ctx, ask->code, ask->code == GL_OK ? &session : NULL);
}

void sim_answer_load(struct ask *ask)
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

void sim_answer_tail(struct ask *ask)
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

void sim_answer_project(struct ask *ask)
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

/* ---- asked */

void store_session_open(struct store *store, const gl_uuid *account, const gl_uuid *session, store_session_fn fn, void *ctx)
{
    sim_ask(store, ASK_OPEN, account, session, (void (*)(void))fn, ctx);
}

/* Not here: hello is answered by the wire (wire.c). */
void store_sign_in(struct store *store, const uint8_t *digest, const gl_uuid *session, store_sign_in_fn fn, void *ctx)
{
    (void)store, (void)digest, (void)session;
    fn(ctx, GL_E_STORE_DOWN, NULL, GL_E_STORE_DOWN, NULL);
}

void store_session_load(struct store *store, const gl_uuid *account, const gl_uuid *session, size_t recent_max, store_state_fn fn,
                        void *ctx)
{
    sim_ask(store, ASK_LOAD, account, session, (void (*)(void))fn, ctx)->max_ops = recent_max;
}

void store_tail_read(struct store *store, const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops,
                     size_t max_bytes, store_tail_fn fn, void *ctx)
{
    struct ask *ask = sim_ask(store, ASK_TAIL, account, stream, (void (*)(void))fn, ctx);
    (void)max_bytes;
    ask->after = after;
    ask->max_ops = max_ops;
}

void store_project_load(struct store *store, const gl_uuid *account, const gl_uuid *project, uint64_t after, store_project_fn fn,
                        void *ctx)
{
    sim_ask(store, ASK_PROJECT, account, project, (void (*)(void))fn, ctx)->after = after;
}

void store_heads_read(struct store *store, const gl_uuid *streams, size_t count, store_heads_fn fn, void *ctx)
{
    struct ask *ask = sim_ask(store, ASK_HEADS, NULL, NULL, (void (*)(void))fn, ctx);
    ask->ids = (gl_uuid *)(void *)mem_copy(streams, count * sizeof *streams);
    ask->count = count;
}
