/* group_project.c - what waits in one project, judged into rows to append; and what happens once they are durable. */
#include <stdlib.h>

#include "service/core/group_priv.h"
#include "service/store/genesis.h"

#define LABELS_AT_ONCE 256

static json_t *uuid_json(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_string(text);
}

static json_t *document_json(const struct append_document *document)
{
    struct gl_buf hex;
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, document->sha256, 32);
    json_t *json =
        json_pack("{s:s, s:o, s:o, s:o, s:s%, s:s%, s:I, s:I}", "kind", gl_op_kind_name(GL_OP_DOCUMENT_CREATE), "document",
                  uuid_json(&document->document), "revision", uuid_json(&document->revision), "session",
                  uuid_json(&document->session), "title", document->title.data, document->title.len, "sha256", hex.data, hex.len,
                  "bytes", (json_int_t)document->bytes.len, "codepoints", (json_int_t)document->codepoints);
    if (document->filename.len > 0)
        json_object_set_new(json, "filename", json_stringn(document->filename.data, document->filename.len));
    gl_buf_fini(&hex);
    return json;
}

static json_t *change_of(const struct project_op *op)
{
    switch (op->kind) {
    case GL_OP_LABEL_CREATE:
    case GL_OP_RELATION_CREATE:
        return json_pack("{s:s, s:o, s:s%}", "kind", gl_op_kind_name(op->kind),
                         op->kind == GL_OP_LABEL_CREATE ? "label" : "relation", uuid_json(&op->label), "name", op->name.data,
                         op->name.len);
    case GL_OP_CODEBOOK_POLICY: return json_pack("{s:s, s:b}", "kind", gl_op_kind_name(op->kind), "open", op->open);
    case GL_OP_MEMBER_SET:
        return json_pack("{s:s, s:o, s:o}", "kind", gl_op_kind_name(op->kind), "account", uuid_json(&op->member), "role",
                         op->role >= GL_VIEWER ? json_string(gl_role_name(op->role)) : json_null());
    default: return document_json(op->document);
    }
}

static void drop(struct project_op *op, enum gl_code code, uint64_t seq)
{
    if (op->done)
        op->done(op->ctx, code, seq);
    project_op_free(&op);
}

static enum gl_role role_needed(enum gl_op_kind kind)
{
    return kind == GL_OP_MEMBER_SET ? GL_OWNER : kind == GL_OP_CODEBOOK_POLICY ? GL_CURATOR : GL_ANNOTATOR;
}

static bool is_term(enum gl_op_kind kind)
{
    return kind == GL_OP_LABEL_CREATE || kind == GL_OP_RELATION_CREATE;
}

static enum gl_term_kind term_kind(enum gl_op_kind kind)
{
    return kind == GL_OP_RELATION_CREATE ? GL_TERM_RELATION : GL_TERM_LABEL;
}

/* Still right, with all that has happened since it was asked? Otherwise it is answered and gone. */
static bool holds(struct project *project, struct project_op *op)
{
    struct gl_err err = {0};
    const enum gl_code known = core_check_kind(project->core, op->kind, &err);
    if (known != GL_OK) {
        drop(op, known, 0);
        return false;
    }
    if (op->asker_role < role_needed(op->kind)) {
        project_not_wanted(project, op->kind, op->name);
        drop(op, GL_E_FORBIDDEN, 0);
        return false;
    }
    if (is_term(op->kind) && (gl_codebook_by_name(project->terms, term_kind(op->kind), op->name) || !project->is_open)) {
        project_not_wanted(project, op->kind, op->name);
        drop(op, GL_OK, project->head);
        return false;
    }
    if (op->kind == GL_OP_CODEBOOK_POLICY && op->open == project->is_open) {
        drop(op, GL_OK, project->head);
        return false;
    }
    if (op->kind == GL_OP_MEMBER_SET && op->checked_head != project->head) {
        drop(op, GL_E_RESYNC, 0);
        return false;
    }
    return true;
}

static json_t *effects_of_term(struct project_op *op, uint64_t seq)
{
    struct gl_err err = {0};
    const enum gl_term_kind kind = term_kind(op->kind);
    json_t *set = json_pack("{s:s, s:s%}", "kind", gl_term_kind_name(kind), "name", op->name.data, op->name.len);
    gl_term_free(&op->term);
    if (gl_term_apply(NULL, kind, &op->label, set, &op->account, seq, &op->term, &err) != GL_OK)
        abort(); /* the name was checked where it was used */
    return json_pack("[{s:[o], s:{}, s:o}]", "ids", uuid_json(&op->label), "prev", "set", set);
}

static void write_payload(struct gl_buf *buf, struct project *project, struct project_op *op, uint64_t seq, const json_t *change)
{
    if (!is_term(op->kind)) {
        project_op_write(buf, op->kind, &op->id, &op->account, seq, project->last_at_ms, project->codebook, change);
        return;
    }
    struct gl_op it = {.id = op->id,
                       .account = op->account,
                       .seq = seq,
                       .at_ms = project->last_at_ms,
                       .codebook = project->codebook,
                       .kind = op->kind,
                       .effects = effects_of_term(op, seq),
                       .intent = json_pack("{s:O}", "change", change)};
    gl_op_write(buf, &it);
    json_decref(it.effects);
    json_decref(it.intent);
}

static void add_row(struct part *part, struct project_op *op)
{
    struct project *project = part->project;
    struct gl_buf buf;
    json_t *change = change_of(op);
    gl_buf_init(&buf, PAYLOAD_MAX_BYTES);
    project->last_at_ms = core_stream_time(project->core, project->last_at_ms);
    uint64_t seq = project->head + part->row_count + 1;
    write_payload(&buf, project, op, seq, change);
    struct append_op row = {.id = op->id, .account = op->account, .seq = seq, .kind = op->kind};
    row.request_hash = gl_op_request_hash(&op->account, NULL, change);
    part_push_row(part, &row, &buf, &part->stream.chain);
    json_decref(change);
}

static void take_ops(struct part *part)
{
    struct project *project = part->project;
    struct project_op **tail = &part->project_ops;
    while (project->waiting && part->row_count < LABELS_AT_ONCE) {
        struct project_op *op = project->waiting;
        if (part->row_count > 0 && (!is_term(op->kind) || !is_term(part->project_ops->kind)))
            break; /* labels go together, everything else by itself */
        project->waiting = op->next;
        if (!project->waiting)
            project->waiting_tail = &project->waiting;
        op->next = NULL;
        if (!holds(project, op))
            continue;
        add_row(part, op);
        *tail = op;
        tail = &op->next;
    }
}

static void fill_stream(struct part *part)
{
    struct project *project = part->project;
    struct append_stream *stream = &part->stream;
    struct project_op *first = part->project_ops;
    stream->owner = part;
    stream->stream = stream->project = project->id;
    stream->epoch = project->epoch;
    stream->expected_head = project->head;
    stream->ops = part->rows;
    stream->op_count = part->row_count;
    stream->set_open = first->kind == GL_OP_CODEBOOK_POLICY ? first->open : -1;
    if (first->kind == GL_OP_DOCUMENT_CREATE)
        stream->document = (struct append_document *)(uintptr_t)first->document;
    if (first->kind == GL_OP_MEMBER_SET) {
        part->member = (struct append_member){first->member, first->role};
        stream->member = &part->member;
    }
    if (!is_term(first->kind))
        return;
    part->terms = mem_array(part->row_count, sizeof *part->terms);
    for (struct project_op *op = first; op; op = op->next)
        part->terms[stream->term_count++] =
            (struct append_term){op->label, op->term->kind, op->term->seq, op->term->name, op->term->canonical};
    stream->terms = part->terms;
}

struct part *part_from_project(struct project *project)
{
    struct part *part = mem_alloc(sizeof *part);
    part->project = project;
    part->stream.chain = project->chain;
    map_init(&part->by_id);
    take_ops(part);
    if (part->row_count == 0) {
        part_free(part);
        return NULL;
    }
    fill_stream(part);
    project->is_in_flight = true;
    return part;
}

static void tell(struct part *part)
{
    struct gl_slice logged[LABELS_AT_ONCE];
    for (size_t i = 0; i < part->row_count; i++)
        logged[i] = logged_row(&part->rows[i]);
    project_push_recent(part->project, part->rows[0].seq, &part->stream.chain, logged, part->row_count);
    for (size_t i = 0; i < part->row_count; i++)
        free((void *)logged[i].data);
    project_deliver_all(part->project);
}

static void take_term(struct project *project, struct project_op *op)
{
    project_not_wanted(project, op->kind, op->name);
    if (gl_codebook_take(project->terms, &op->term, NULL) != GL_OK)
        abort(); /* only memory can have run out */
}

void project_part_commit(struct part *part)
{
    struct project *project = part->project;
    enum gl_op_kind kind = part->project_ops->kind;
    project->head += part->row_count;
    project->chain = part->stream.chain;
    project->is_in_flight = false;
    if (gl_op_is_of_codebook(kind))
        project->codebook = project->head;
    if (kind == GL_OP_CODEBOOK_POLICY)
        gl_codebook_set_open(project->terms, project->is_open = part->project_ops->open);
    if (kind == GL_OP_MEMBER_SET || kind == GL_OP_CODEBOOK_POLICY)
        project->epoch++;
    for (struct project_op *op = part->project_ops; op; op = op->next)
        if (op->term)
            take_term(project, op);
    tell(part);
    for (struct project_op *op = part->project_ops, *next; op; op = next) {
        next = op->next;
        drop(op, GL_OK, project->head);
    }
    part_free(part);
    if (kind == GL_OP_MEMBER_SET)
        project_refresh_roles(project);
}

void project_part_give_back(struct part *part)
{
    struct project *project = part->project;
    struct project_op **tail = &part->project_ops;
    while (*tail)
        tail = &(*tail)->next;
    *tail = project->waiting;
    if (!project->waiting)
        project->waiting_tail = tail;
    project->waiting = part->project_ops;
    project->is_in_flight = false;
    part_free(part);
}

void project_part_fail(struct part *part, enum gl_code code)
{
    struct project *project = part->project;
    project->is_in_flight = false;
    for (struct project_op *op = part->project_ops, *next; op; op = next) {
        next = op->next;
        project_not_wanted(project, op->kind, op->name);
        drop(op, code, 0);
    }
    part_free(part);
    project_reload(project);
}
