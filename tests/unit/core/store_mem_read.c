/* store_mem_read.c - reading sessions, tails, projects and heads: each question waits one turn. */
#include "tests/unit/core/store_mem_priv.h"

#include <check.h>

#include "service/base/loop.h"
#include "service/base/mem.h"

struct question *store_mem_ask(struct store *store, const gl_uuid *account, const gl_uuid *id, void *fn, void *ctx)
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
enum gl_code store_mem_may_read(const struct question *q)
{
    return q->is_unreadable ? GL_E_STORE_DOWN : db_role_of(q->store->db, &q->account) < GL_VIEWER ? GL_E_NOT_FOUND : GL_OK;
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

static enum gl_code open_session(const struct question *q, struct store_session *session)
{
    struct db *db = q->store->db;
    const struct log *log = db_log_of(db, &q->id);
    *session = (struct store_session){.session = log->id,
                                      .project = db->project.id,
                                      .role = db_role_of(db, &q->account),
                                      .epoch = db->epoch,
                                      .head = log->head,
                                      .retained_from = 1,
                                      .live = db->live,
                                      .document = info_of(db, log)};
    if (store_mem_may_read(q) == GL_OK && gl_uuid_equal(&q->id, &log->id) && log != &db->project)
        return GL_OK;
    return q->is_unreadable ? GL_E_STORE_DOWN : GL_E_NOT_FOUND;
}

static void open_now(void *ctx)
{
    struct question *q = ctx;
    struct store_session session;
    const enum gl_code code = open_session(q, &session);
    ((store_session_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &session : NULL);
    mem_free(&q);
}

void store_session_open(struct store *store, const gl_uuid *account, const gl_uuid *session, store_session_fn fn, void *ctx)
{
    loop_defer(store->loop, open_now, store_mem_ask(store, account, session, (void *)(uintptr_t)fn, ctx));
}

static const struct token_row *find_token(const struct db *db, const uint8_t digest[32])
{
    for (size_t i = 0; i < db->token_count; i++)
        if (memcmp(db->tokens[i].digest, digest, 32) == 0)
            return &db->tokens[i];
    return NULL;
}

static void sign_in_now(void *ctx)
{
    struct question *q = ctx;
    const struct token_row *token = find_token(q->store->db, q->digest);
    struct store_signed_in who = {0};
    struct store_session session;
    if (token) {
        who = (struct store_signed_in){.account = token->account,
                                       .token = token->account,
                                       .name = gl_slice_str(token->name),
                                       .is_disabled = token->is_disabled};
        q->account = token->is_disabled ? (gl_uuid){{0}} : token->account;
    }
    const enum gl_code code = q->is_unreadable ? GL_E_STORE_DOWN : GL_OK, opened = open_session(q, &session);
    ((store_sign_in_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK && token ? &who : NULL, opened,
                                         opened == GL_OK ? &session : NULL);
    mem_free(&q);
}

void store_sign_in(struct store *store, const uint8_t *digest, const gl_uuid *session, store_sign_in_fn fn, void *ctx)
{
    struct question *q = store_mem_ask(store, NULL, session, (void *)(uintptr_t)fn, ctx);
    memcpy(q->digest, digest, sizeof q->digest);
    loop_defer(store->loop, sign_in_now, q);
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
    struct log *log = db_log_of(db, &q->id);
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
    enum gl_code code = store_mem_may_read(q);
    ((store_state_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &state : NULL);
    mem_free(&state.records);
    mem_free(&state.recent);
    mem_free(&q);
}

void store_session_load(struct store *store, const gl_uuid *account, const gl_uuid *session, size_t recent_max, store_state_fn fn,
                        void *ctx)
{
    struct question *question = store_mem_ask(store, account, session, (void *)(uintptr_t)fn, ctx);
    question->max = recent_max;
    loop_defer(store->loop, load_now, question);
}

void store_mem_tail_now(void *ctx)
{
    struct question *q = ctx;
    struct log *log = db_log_of(q->store->db, &q->id);
    struct store_tail tail = {.head = q->head > 0 ? q->head : log->head};
    tail.chain_before = q->after == 0 ? log->chain_start : q->after <= log->head ? log->ops[q->after - 1].chain : log->chain;
    tail.ops = mem_array(q->max + 1, sizeof *tail.ops);
    while (tail.count < q->max && q->after + tail.count < tail.head) {
        tail.ops[tail.count] = tail_op(&log->ops[q->after + tail.count]);
        tail.count++;
    }
    enum gl_code code = q->head > 0 ? GL_OK : store_mem_may_read(q);
    ((store_tail_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &tail : NULL);
    mem_free(&tail.ops);
    mem_free(&q);
}

void store_tail_read(struct store *store, const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops,
                     size_t max_bytes, store_tail_fn fn, void *ctx)
{
    struct question *question = store_mem_ask(store, account, stream, (void *)(uintptr_t)fn, ctx);
    (void)max_bytes;
    question->after = after;
    question->max = max_ops;
    if (!store->holds_tail) {
        loop_defer(store->loop, store_mem_tail_now, question);
        return;
    }
    store->holds_tail = false;
    store->late_tail = question;
    if (store_mem_may_read(question) == GL_OK)
        question->head = db_log_of(store->db, stream)->head;
}

void store_mem_project_now(void *ctx)
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
    enum gl_code code = store_mem_may_read(q);
    ((store_project_fn)(uintptr_t)q->fn)(q->ctx, code, code == GL_OK ? &project : NULL);
    mem_free(&records);
    mem_free(&q);
}

void store_project_load(struct store *store, const gl_uuid *account, const gl_uuid *project, uint64_t after, store_project_fn fn,
                        void *ctx)
{
    struct question *question = store_mem_ask(store, account, project, (void *)(uintptr_t)fn, ctx);
    question->after = after;
    if (store->holds_project)
        store->late_project = question;
    else
        loop_defer(store->loop, store_mem_project_now, question);
    store->holds_project = false;
}

static void read_heads(struct question *q)
{
    q->heads = mem_array(q->count + 1, sizeof *q->heads);
    for (size_t i = 0; i < q->count; i++)
        q->heads[i] = (struct store_head){
            .stream = q->ids[i], .head = db_log_of(q->store->db, &q->ids[i])->head, .epoch = q->store->db->epoch};
}

void store_mem_heads_now(void *ctx)
{
    struct question *q = ctx;
    if (!q->heads)
        read_heads(q);
    ((store_heads_fn)(uintptr_t)q->fn)(q->ctx, GL_OK, q->heads, q->count);
    mem_free(&q->heads);
    mem_free(&q->ids);
    mem_free(&q);
}

void store_heads_read(struct store *store, const gl_uuid *streams, size_t count, store_heads_fn fn, void *ctx)
{
    struct question *question = store_mem_ask(store, NULL, NULL, (void *)(uintptr_t)fn, ctx);
    question->ids = (gl_uuid *)(void *)mem_copy(streams, count * sizeof *streams);
    question->count = count;
    if (!store->holds_heads) {
        loop_defer(store->loop, store_mem_heads_now, question);
        return;
    }
    store->holds_heads = false;
    read_heads(question);
    store->late_heads = question;
}
