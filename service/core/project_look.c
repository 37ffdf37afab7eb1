/*
 * project_look.c - what memory does not have of a project: the log, asked before an op is refused (as lookup.c does for sessions); a member's role and a
 * document's metadata, before an op about them is judged.
 *
 * What was looked up holds at the head that memory has. If the log moved meanwhile the fence is lost, memory follows, and it is looked up again.
 */
#include "service/core/core_priv.h"

#define LOOKUPS_MAX 8

struct look {
    struct project *project;
    gl_uuid op, account;
    uint64_t head;
    enum gl_op_kind kind;
};

static struct look *look_new(struct project *project, const struct project_op *op)
{
    struct look *look = mem_alloc(sizeof *look);
    *look = (struct look){.project = project, .op = op->id, .account = op->account, .head = project->head};
    project->is_asking = true;
    project->uses++;
    return look;
}

/* It may have been answered meanwhile. */
static struct project_op *op_of(const struct look *look)
{
    struct project_op *op = look->project->waiting;
    while (op && !gl_uuid_equal(&op->id, &look->op))
        op = op->next;
    return op;
}

static void look_end(struct look *look, enum gl_code code)
{
    struct project *project = look->project;
    project->is_asking = false;
    if (code != GL_OK)
        project->not_before_ms = loop_now_ms(project->core->loop) + READ_BACK_OFF_MS;
    project_heard(project, 0);
    writer_kick(project->core);
    project_release(project);
    mem_free(&look);
}

/* ---- facts */

static void take_member(struct project_facts *facts, const struct store_rows *rows)
{
    facts->is_there = store_bool(rows, 0, 2);
    facts->owners = store_u64(rows, 0, 1);
    if (store_is_null(rows, 0, 0) || !gl_role_parse(store_text(rows, 0, 0), &facts->member_role))
        facts->member_role = GL_NOBODY;
}

static void take_document(struct project_facts *facts, const struct store_rows *rows)
{
    facts->is_there = gl_json_load(store_text(rows, 0, 2), &facts->meta, NULL) == GL_OK;
    facts->changed_seq = store_u64(rows, 0, 0);
    if (!store_is_null(rows, 0, 1))
        facts->changed_by = store_uuid(rows, 0, 1);
}

static void take_stored(struct project_facts *facts, const struct store_rows *rows)
{
    facts->documents = store_u64(rows, 0, 1);
    facts->bytes = store_u64(rows, 0, 2);
}

static void on_facts(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct look *look = ctx;
    struct project_op *op = op_of(look);
    if (op && code == GL_OK) {
        json_decref(op->facts.meta);
        op->facts = (struct project_facts){.is_there = false};
        op->facts_as_of = look->head + 1;
        if (store_rows_count(rows) > 0)
            (look->kind == GL_OP_MEMBER_SET        ? take_member
             : look->kind == GL_OP_DOCUMENT_CREATE ? take_stored
                                                   : take_document)(&op->facts, rows);
    }
    look_end(look, code);
}

static bool must_ask_stored(struct project *project, struct project_op *op)
{
    if (!quota_limits_documents(project->core, &project->id) || op->facts_as_of == project->head + 1)
        return false;
    struct look *look = look_new(project, op);
    look->kind = GL_OP_DOCUMENT_CREATE;
    store_query(project->core->store, STORE_Q_project_stored, NULL, (struct store_param[]){P_UUID(project->id)}, 1, on_facts,
                look);
    return true;
}

bool project_must_ask(struct project *project, struct project_op *op)
{
    enum gl_op_kind kind;
    gl_uuid about;
    if (op->document)
        return must_ask_stored(project, op);
    if (!project_judge_needs_facts(op->change, &kind, &about) || op->facts_as_of == project->head + 1)
        return false;
    struct look *look = look_new(project, op);
    look->kind = kind;
    store_query(project->core->store, kind == GL_OP_MEMBER_SET ? STORE_Q_member_role : STORE_Q_document_meta, &op->account,
                (struct store_param[]){P_UUID(project->id), P_UUID(about)}, 2, on_facts, look);
    return true;
}

/* ---- the log */

void project_remember(struct project *project, const struct store_tail_op *op)
{
    struct known_op known = {.seq = op->seq, .account = op->account, .request_hash = op->request_hash};
    known_put(&project->known, &op->op, &known);
}

static void on_found(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct look *look = ctx;
    struct project *project = look->project;
    struct project_op *op = op_of(look);
    const size_t count = code == GL_OK ? store_rows_count(rows) : 0;
    for (size_t i = 0; i < count && !store_is_null(rows, i, 1); i++) {
        const gl_uuid id = store_uuid(rows, i, 1);
        const struct gl_slice hash = store_bytes(rows, i, 3);
        struct known_op known = {.seq = store_u64(rows, i, 2), .account = store_uuid(rows, i, 4)};
        memcpy(known.request_hash.bytes, hash.data, hash.len < 32 ? hash.len : 32);
        known_put(&project->known, &id, &known);
    }
    if (count > 0 && store_u64(rows, 0, 0) > project->head)
        project_heard(project, store_u64(rows, 0, 0)); /* and then judged again */
    else if (count > 0 && op)
        op->new_as_of = project->head + 1;
    else if (code == GL_OK && op) /* hidden from that account */
        project_refresh_account(project, &look->account);
    look_end(look, code);
}

bool project_must_look_up(struct project *project, struct project_op *op, const struct op_outcome *refusal)
{
    gl_uuid ids[2] = {op->id};
    size_t count = 1;
    if (!op->is_of_client || refusal->code == GL_E_ID_REUSED || op->new_as_of == project->head + 1 ||
        op->lookups >= LOOKUPS_MAX || op->asker_role < GL_VIEWER)
        return false;
    op->lookups++;
    if (json_is_string(op->base) &&
        gl_uuid_parse(gl_slice_of(json_string_value(op->base), json_string_length(op->base)), &ids[1]))
        count = 2;
    struct look *look = look_new(project, op);
    store_query(project->core->store, STORE_Q_ops_by_id, &op->account,
                (struct store_param[]){P_UUID(project->id), P_BYTES(ids, count * sizeof *ids)}, 2, on_found, look);
    return true;
}
