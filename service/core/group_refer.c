/* group_refer.c - what an op of a session refers to: its base, its label, itself sent before. */
#include "service/core/group_priv.h"

#define WANTED_MAX_BYTES 4096 /* of the record of a term that has nothing but a name */

struct tried *part_find_tried(const struct part *part, const gl_uuid *id)
{
    size_t index = (size_t)(uintptr_t)map_get(&part->by_id, id);
    return index ? &part->tried[index - 1] : NULL;
}

static enum gl_code resolve_base_op(struct part *part, const struct waiting_op *op, const gl_uuid *id, uint64_t *seq,
                                    struct gl_err *err)
{
    const struct tried *own = part_find_tried(part, id), *here = own || !part->upon ? own : part_find_tried(part->upon, id);
    const struct known_op *known = session_known_op(part->session, id);
    if (here && !gl_uuid_equal(&here->op->account, &op->account) && !MUTATION(foreign_base))
        here = NULL;
    if (here && (here->outcome.code == GL_OK || MUTATION(refused_base_taken)) && here->op != op) {
        *seq = here->outcome.seq;
        return GL_OK;
    }
    if (known && (gl_uuid_equal(&known->account, &op->account) || MUTATION(foreign_base))) {
        *seq = known->seq;
        return GL_OK;
    }
    if ((here && here->op != op) || (op->submit && submit_has_refused(op->submit, id)))
        return gl_fail_at(err, GL_E_DEPENDS_ON_REFUSED, "base", "%s", gl_code_sentence(GL_E_DEPENDS_ON_REFUSED));
    return gl_fail_at(err, GL_E_INVALID_PARAMS, "base", "base names no op of yours that is known here; name a seq instead");
}

enum gl_code base_read(const json_t *base, uint64_t head, struct base *read, struct gl_err *err)
{
    *read = (struct base){0};
    if (!base || json_is_null(base))
        return GL_OK;
    if (json_is_integer(base) && json_integer_value(base) >= 0) {
        read->kind = BASE_SEQ;
        read->seq = (uint64_t)json_integer_value(base);
        if (read->seq <= head + MUTATION(base_beyond_head))
            return GL_OK;
        return gl_fail_at(err, GL_E_RESYNC, "base", "base is %llu, but the log ends at %llu: read the state anew",
                          (unsigned long long)read->seq, (unsigned long long)head);
    }
    read->kind = BASE_OP;
    if (json_is_string(base) && gl_uuid_parse(gl_slice_of(json_string_value(base), json_string_length(base)), &read->op))
        return GL_OK;
    return gl_fail_at(err, GL_E_INVALID_PARAMS, "base", "base must be a seq or the id of your own earlier op");
}

enum gl_code part_resolve_base(struct part *part, const struct waiting_op *op, struct judge_ask *ask, struct gl_err *err)
{
    struct base base;
    enum gl_code code = base_read(op->base, part->view.seq, &base, err);
    ask->has_base = base.kind != BASE_NONE;
    ask->base = base.seq;
    return code == GL_OK && base.kind == BASE_OP ? resolve_base_op(part, op, &base.op, &ask->base, err) : code;
}

/* What the label of a change names, by a term of the codebook that is there. Whether it may stand there the judge says. What reads as an id is one: a
 * term that bears another one's id as its name does not take its place. */
static enum gl_code resolve_term(const struct project *project, struct gl_slice name, enum gl_term_kind kind,
                                 struct judge_ask *ask, struct wanted *wanted, struct gl_err *err)
{
    const bool is_id = gl_uuid_parse(name, &ask->label);
    const struct gl_term *term =
        is_id ? gl_codebook_find(project->terms, &ask->label) : gl_codebook_by_name(project->terms, kind, name);
    ask->label_is = JUDGE_LABEL;
    if (term) {
        ask->label = MUTATION(label_of_another) ? gl_uuid_derive("label", name.data, name.len) : term->id;
    } else if (is_id) {
        return gl_fail_at(err, GL_E_UNKNOWN_LABEL, "change.label", "the codebook has no %s with this id",
                          kind == GL_TERM_RELATION ? "type of relation" : "label");
    } else if (!project->is_open) {
        ask->label_is = JUDGE_LABEL_UNKNOWN;
    } else if (!gl_codebook_has_room(project->terms, 1, WANTED_MAX_BYTES)) {
        return gl_fail_at(err, GL_E_TOO_LARGE, "change.label", "the codebook is full: it takes no new label or type of relation");
    } else {
        ask->label = gl_uuid_derive("gloss.label.wanted", name.data, name.len); /* stands in until the term is there */
        wanted->name = name;
        wanted->kind = kind;
    }
    return GL_OK;
}

enum gl_code part_resolve_label(const struct part *part, const struct waiting_op *op, struct judge_ask *ask,
                                struct wanted *wanted, struct gl_err *err)
{
    const json_t *label;
    enum gl_op_kind kind;
    enum gl_code code = judge_peek(op->change, &kind, &label, err);
    if (code != GL_OK || !label)
        return code;
    if (json_is_null(label)) {
        ask->label_is = JUDGE_LABEL_REMOVED;
        return GL_OK;
    }
    wanted->asker = op->account;
    return resolve_term(part->session->project, gl_slice_of(json_string_value(label), json_string_length(label)),
                        judge_is_relation(&part->view, op->change) ? GL_TERM_RELATION : GL_TERM_LABEL, ask, wanted, err);
}

void op_settle_repetition(const struct waiting_op *op, const gl_hash *request_hash, const gl_uuid *account, uint64_t seq,
                          struct op_outcome *outcome)
{
    if ((gl_hash_equal(request_hash, &op->request_hash) || MUTATION(reuse_not_seen)) && gl_uuid_equal(account, &op->account)) {
        *outcome = (struct op_outcome){.code = GL_OK, .seq = seq + MUTATION(repetition_with_next_seq), .is_repeated = true};
        return;
    }
    *outcome = (struct op_outcome){.code = GL_E_ID_REUSED};
    gl_fail_at(&outcome->err, GL_E_ID_REUSED, "id", "%s; choose a new one", gl_code_sentence(GL_E_ID_REUSED));
}

/* The annotation that a repeated op had made or changed, as far as the request itself says. */
void op_name_annotation(const struct waiting_op *op, struct op_outcome *outcome)
{
    const char *kind = json_string_value(json_object_get(op->change, "kind"));
    const json_t *named = json_object_get(op->change, "annotation");
    if (outcome->code != GL_OK || !kind || strncmp(kind, "annotation.", 11) != 0)
        return;
    outcome->has_annotation = true;
    if (json_is_string(named))
        outcome->has_annotation =
            gl_uuid_parse(gl_slice_of(json_string_value(named), json_string_length(named)), &outcome->annotation);
    else
        outcome->annotation = gl_op_annotation_id(&op->id);
}
