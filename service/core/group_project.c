/* group_project.c - what waits in one project, judged into rows to append; and what happens once they are durable. */
#include <stdlib.h>

#include "service/core/group_priv.h"

#define TERMS_AT_ONCE   256
#define GROUP_MAX_BYTES (128u * 1024) /* of payloads: a group is told in one frame, which a client must have room for */

/* ---- one op */

static enum gl_code resolve_base(const struct project *project, const struct project_op *op, struct project_ask *ask,
                                 struct gl_err *err)
{
    struct base base;
    enum gl_code code = base_read(op->base, project->head, &base, err);
    ask->has_base = base.kind != BASE_NONE;
    ask->base = base.seq;
    if (code != GL_OK || base.kind != BASE_OP)
        return code;
    const struct known_op *known = map_get(&project->known.by_id, &base.op);
    if (known && gl_uuid_equal(&known->account, &op->account)) {
        ask->base = known->seq;
        return GL_OK;
    }
    if (op->peer && peer_has_refused(op->peer, &base.op))
        return gl_fail_at(err, GL_E_DEPENDS_ON_REFUSED, "base", "%s", gl_code_sentence(GL_E_DEPENDS_ON_REFUSED));
    return gl_fail_at(err, GL_E_INVALID_PARAMS, "base", "base names no op of yours that is known here; name a seq instead");
}

static void decide(const struct part *part, struct project_op *op, struct op_outcome *outcome)
{
    const struct project *project = part->project;
    struct project_view view = {.terms = project->terms,
                                .name = project->name_slice,
                                .others_may_edit = project->others_may_edit,
                                .seq = project->head + part->row_count + 1,
                                .others_taken = part->row_count};
    struct project_ask ask = {.op = op->id,
                              .account = op->account,
                              .role = op->asker_role,
                              .change = op->change,
                              .is_wanted = op->is_wanted,
                              .is_quiet = op->is_quiet,
                              .is_import = op->document != NULL,
                              .facts = &op->facts};
    project_verdict_fini(&op->verdict);
    outcome->code = resolve_base(project, op, &ask, &outcome->err);
    if (outcome->code == GL_OK)
        outcome->code = project_judge(&view, &ask, &op->verdict, &outcome->err, &outcome->data);
    if (outcome->code == GL_OK && op->document && op->facts_as_of == project->head + 1)
        outcome->code = quota_check_document(project->core, &project->id, op->facts.documents, op->facts.bytes,
                                             op->document->bytes.len, &outcome->err, &outcome->data);
    if (outcome->code == GL_OK && !(op->verdict.is_needless && op->is_quiet))
        outcome->code = core_check_kind(project->core, op->verdict.kind, &outcome->err);
}

/* Accepted before? */
static bool settle_repetition(struct project *project, const struct project_op *op, struct op_outcome *outcome)
{
    const struct known_op *known = map_get(&project->known.by_id, &op->id);
    if (!known)
        return false;
    if (gl_hash_equal(&known->request_hash, &op->request_hash) && gl_uuid_equal(&known->account, &op->account)) {
        *outcome = (struct op_outcome){.seq = known->seq, .is_repeated = true};
        outcome->has_made = project_judge_made(&op->id, op->change, &outcome->made);
        return true;
    }
    *outcome = (struct op_outcome){.code = GL_E_ID_REUSED};
    gl_fail_at(&outcome->err, GL_E_ID_REUSED, "id", "%s; choose a new one", gl_code_sentence(GL_E_ID_REUSED));
    return true;
}

/* Unless it is one too many for the group. */
static enum gl_code add_row(struct part *part, struct project_op *op, bool *must_wait)
{
    struct project *project = part->project;
    struct gl_buf buf;
    const uint64_t seq = project->head + part->row_count + 1;
    project->last_at_ms = core_stream_time(project->core, project->last_at_ms);
    struct gl_op it = {.id = op->id,
                       .account = op->account,
                       .seq = seq,
                       .at_ms = project->last_at_ms,
                       .codebook = project->codebook,
                       .kind = op->verdict.kind,
                       .effects = op->verdict.effects,
                       .intent = json_pack("{s:O}", "change", op->change)};
    if (op->base)
        json_object_set(it.intent, "base", op->base);
    gl_buf_init(&buf, PAYLOAD_MAX_BYTES);
    gl_op_write(&buf, &it);
    json_decref(it.intent);
    const size_t len = gl_buf_peek(&buf).len;
    *must_wait = part->row_count > 0 && part->payload_bytes + len > GROUP_MAX_BYTES;
    if (*must_wait) {
        gl_buf_fini(&buf);
        return GL_OK;
    }
    part->payload_bytes += len;
    struct append_op row = {
        .id = op->id, .account = op->account, .seq = seq, .kind = op->verdict.kind, .request_hash = op->request_hash};
    return part_push_row(part, &row, &buf, &part->stream.chain);
}

/* ---- those that go together: new labels and types of relations, as bulk posting wants them. Everything else goes by itself. */

static bool goes_with_others(const struct project_op *op)
{
    const char *kind = json_string_value(json_object_get(op->change, "kind"));
    return kind && (strcmp(kind, "label.create") == 0 || strcmp(kind, "relation.create") == 0) && !op->base &&
           !json_object_get(op->change, "hotkey");
}

static gl_uuid name_key(const struct gl_term *term)
{
    return gl_uuid_derive(gl_term_kind_name(term->kind), term->name.data, term->name.len);
}

/* The view is of what has committed: an id or a name that another op of this group takes must wait until it has. */
static bool clashes(const struct part *part, const struct project_op *op)
{
    if (!op->verdict.term)
        return false;
    const gl_uuid key = name_key(op->verdict.term);
    return map_get(&part->by_id, &key) || map_get(&part->by_id, &op->verdict.term->id) || map_get(&part->by_id, &op->id);
}

static void note_taken(struct part *part, const struct project_op *op)
{
    if (!op->verdict.term)
        return;
    const gl_uuid key = name_key(op->verdict.term);
    map_put(&part->by_id, &key, part);
    map_put(&part->by_id, &op->verdict.term->id, part);
    map_put(&part->by_id, &op->id, part);
}

/* ---- the group */

static void unlink_first(struct project *project)
{
    project->waiting = project->waiting->next;
    if (!project->waiting)
        project->waiting_tail = &project->waiting;
}

/* Nobody waits for it any more, or it was answered: its client sends it again, perhaps to another worker, which may refuse it. Accepted here later it would contradict that. */
static bool drop_abandoned(struct project *project)
{
    struct project_op *op = project->waiting;
    if (!op->is_answered && !(op->peer && op->peer->is_closed))
        return false;
    unlink_first(project);
    project_op_fail(project, op, GL_E_SHUTTING_DOWN);
    return true;
}

/* False: the op has to wait, and with it those behind it. */
static bool take_first(struct part *part, struct project_op ***tail)
{
    struct project *project = part->project;
    struct project_op *op = project->waiting;
    struct op_outcome outcome = {0};
    const bool is_first = part->row_count == 0;
    if (!is_first && !(goes_with_others(op) && goes_with_others(part->project_ops)))
        return false;
    bool is_over = settle_repetition(project, op, &outcome);
    if (!is_over) {
        if (project_must_ask(project, op))
            return false;
        decide(part, op, &outcome);
        is_over = outcome.code != GL_OK || (op->verdict.is_needless && op->is_quiet);
        bool must_wait =
            is_over ? outcome.code != GL_OK && (!is_first || project_must_look_up(project, op, &outcome)) : clashes(part, op);
        if (!must_wait && !is_over && (outcome.code = add_row(part, op, &must_wait)) != GL_OK) {
            gl_fail_at(&outcome.err, outcome.code, "change", "the op is larger than %u bytes", PAYLOAD_MAX_BYTES);
            is_over = true;
        }
        if (must_wait) {
            json_decref(outcome.data);
            return false;
        }
    }
    unlink_first(project);
    op->next = NULL;
    if (is_over) {
        if (outcome.code == GL_OK && !outcome.is_repeated)
            outcome.seq = project->head;
        project_op_done(project, op, &outcome);
        return true;
    }
    note_taken(part, op);
    **tail = op;
    *tail = &op->next;
    return true;
}

static void fill_stream(struct part *part)
{
    struct project *project = part->project;
    struct append_stream *stream = &part->stream;
    const struct project_op *first = part->project_ops;
    const struct project_verdict *verdict = &first->verdict;
    stream->owner = part;
    stream->stream = stream->project = project->id;
    stream->epoch = project->epoch;
    stream->expected_head = project->head;
    stream->expected_chain = project->chain;
    stream->ops = part->rows;
    stream->op_count = part->row_count;
    stream->moves_epoch = verdict->moves_epoch;
    stream->set_open = verdict->kind == GL_OP_CODEBOOK_POLICY ? verdict->open : -1;
    stream->document = (struct append_document *)(uintptr_t)first->document;
    if (verdict->kind == GL_OP_MEMBER_SET) {
        part->member = (struct append_member){verdict->member, verdict->member_role};
        stream->member = &part->member;
    }
    if (verdict->kind == GL_OP_PROJECT_UPDATE) {
        part->settings = (struct append_settings){verdict->name, verdict->others_may_edit};
        stream->settings = &part->settings;
    }
    if (verdict->meta) {
        gl_buf_init(&part->meta_text, SIZE_MAX);
        gl_canon_write(&part->meta_text, verdict->meta);
        part->meta = (struct append_meta){verdict->made, gl_buf_peek(&part->meta_text)};
        stream->meta = &part->meta;
    }
    if (!verdict->term)
        return;
    part->terms = mem_array(part->row_count, sizeof *part->terms);
    for (const struct project_op *op = first; op; op = op->next) {
        const struct gl_term *term = op->verdict.term;
        part->terms[stream->term_count++] = (struct append_term){term->id, term->kind, term->seq, term->name, term->canonical};
    }
    stream->terms = part->terms;
}

struct part *part_from_project(struct project *project)
{
    struct part *part = mem_alloc(sizeof *part);
    struct project_op **tail = &part->project_ops;
    part->project = project;
    part->stream.chain = project->chain;
    map_init(&part->by_id);
    while (project->waiting && part->row_count < TERMS_AT_ONCE && (drop_abandoned(project) || take_first(part, &tail)))
        ;
    if (part->row_count == 0) {
        part_free(part);
        return NULL;
    }
    fill_stream(part);
    project->is_in_flight = true;
    project->in_flight_since_ms = loop_now_ms(project->core->loop);
    return part;
}

/* ---- outcomes */

static void tell(struct part *part)
{
    struct gl_slice logged[TERMS_AT_ONCE];
    for (size_t i = 0; i < part->row_count; i++)
        logged[i] = logged_row(&part->rows[i]);
    project_push_recent(part->project, part->rows[0].seq, &part->stream.chain, logged, part->row_count);
    for (size_t i = 0; i < part->row_count; i++)
        free((void *)logged[i].data);
    project_deliver_all(part->project);
}

static void take_effect(struct project *project, struct project_op *op)
{
    const struct project_verdict *verdict = &op->verdict;
    if (op->verdict.term && gl_codebook_take(project->terms, &op->verdict.term, NULL) != GL_OK)
        abort(); /* only memory can have run out */
    if (verdict->kind == GL_OP_CODEBOOK_POLICY)
        gl_codebook_set_open(project->terms, project->is_open = verdict->open);
    if (verdict->kind == GL_OP_PROJECT_UPDATE) {
        project->others_may_edit = verdict->others_may_edit;
        project_set_name(project, verdict->name);
    }
    project->epoch += verdict->moves_epoch;
}

static void remember(struct project *project, const struct append_op *row)
{
    struct known_op known = {.seq = row->seq, .account = row->account, .request_hash = row->request_hash};
    known_put(&project->known, &row->id, &known);
}

void project_part_commit(struct part *part)
{
    struct project *project = part->project;
    const enum gl_op_kind kind = part->project_ops->verdict.kind;
    project->chain = part->stream.chain;
    project->is_in_flight = false;
    for (struct project_op *op = part->project_ops; op; op = op->next)
        take_effect(project, op);
    for (size_t i = 0; i < part->row_count; i++)
        remember(project, &part->rows[i]);
    const uint64_t first = project->head + 1;
    project->head += part->row_count;
    if (gl_op_is_of_codebook(kind))
        project->codebook = project->head;
    tell(part);
    size_t i = 0;
    for (struct project_op *op = part->project_ops, *next; op; op = next, i++) {
        struct op_outcome outcome = {.seq = first + i, .has_made = op->verdict.has_made, .made = op->verdict.made};
        next = op->next;
        project_op_done(project, op, &outcome);
    }
    part_free(part);
    project->member_was_set |= kind == GL_OP_MEMBER_SET;
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

/* Some were in the log: they are settled as repetitions when they are taken again. */
void project_part_found(struct part *part)
{
    for (size_t i = 0; i < part->stream.found_count; i++) {
        const struct append_found *found = &part->stream.found[i];
        struct known_op known = {.seq = found->seq, .account = found->account, .request_hash = found->request_hash};
        known_put(&part->project->known, &found->id, &known);
    }
    project_part_give_back(part);
}

void project_part_fail(struct part *part, enum gl_code code)
{
    struct project *project = part->project;
    project->is_in_flight = false;
    for (struct project_op *op = part->project_ops, *next; op; op = next) {
        next = op->next;
        project_op_fail(project, op, code);
    }
    part_free(part);
    project_reload(project);
}
