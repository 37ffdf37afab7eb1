/* group_session.c - what waits in one session, judged in order into rows to append; and what happens once they are durable. */
#include <assert.h>
#include <stdlib.h>

#include "service/core/group_priv.h"

#define PAYLOAD_USUAL_BYTES 1536

/* ---- one op, one atomic request */

static json_t *intent_of(const struct waiting_op *op)
{
    json_t *intent = json_pack("{s:O}", "change", op->change);
    if (op->base)
        json_object_set(intent, "base", (json_t *)(uintptr_t)op->base);
    return intent;
}

static enum gl_code append_row(struct part *part, const struct tried *tried, const struct judge_verdict *verdict,
                               const gl_uuid *step)
{
    struct session *session = part->session;
    struct gl_op op = {.id = tried->op->id,
                       .account = tried->op->account,
                       .seq = part->view.seq,
                       .at_ms = core_stream_time(session->core, part->last_at_ms),
                       .codebook = part->view.codebook,
                       .kind = verdict->kind,
                       .effects = verdict->effects,
                       .intent = tried->op->intent.len > 0 ? NULL : intent_of(tried->op),
                       .intent_canonical = tried->op->intent};
    if ((op.has_step = step && !MUTATION(step_not_written)))
        op.step = *step;
    struct append_op row = {.id = op.id,
                            .account = op.account,
                            .seq = op.seq,
                            .kind = op.kind,
                            .request_hash = tried->op->request_hash,
                            .sum = part->view.sum};
    struct gl_buf payload;
    gl_buf_init(&payload, PAYLOAD_MAX_BYTES);
    gl_buf_grow(&payload, PAYLOAD_USUAL_BYTES); /* at once: growing in steps costs more than writing */
    gl_buf_clear(&payload);
    gl_op_write(&payload, &op);
    json_decref(op.intent);
    part->last_at_ms = op.at_ms;
    return part_push_row(part, &row, &payload, &part->view.chain);
}

static bool record_is_too_large(const struct part *part, const struct judge_verdict *verdict)
{
    return verdict->has_annotation && judge_find(&part->view, &verdict->annotation)->canonical.len > PAYLOAD_MAX_BYTES;
}

static bool is_redact(const struct waiting_op *op)
{
    const char *kind = json_string_value(json_object_get(op->change, "kind"));
    return kind && strcmp(kind, gl_op_kind_name(GL_OP_REDACT)) == 0;
}

/* Rows that say something: what is to be erased must be in the log before, and not only in this group. */
static bool has_other_rows(const struct part *part)
{
    for (size_t i = 0; i < part->row_count; i++)
        if (part->rows[i].kind != GL_OP_REDACT)
            return true;
    return false;
}

static void note_erased(struct part *part, const json_t *effects, const struct judge_words *words)
{
    const json_t *ops = json_object_get(json_object_get(json_array_get(effects, 0), "set"), "ops");
    for (size_t i = 0, at = 0; i < json_array_size(ops); i++) {
        const uint64_t seq = (uint64_t)json_integer_value(json_array_get(ops, i));
        while (words->list[at].seq != seq)
            at++;
        part->erased = mem_grow(part->erased, &part->erased_cap, part->erased_count + 1, sizeof *part->erased);
        part->erased[part->erased_count++] = (struct append_erased){seq, words->list[at].annotation, part->row_count - 1};
    }
}

static void try_with(struct part *part, struct tried *tried, const gl_uuid *step, struct wanted *wanted,
                     const struct judge_words *words)
{
    struct waiting_op *op = tried->op;
    struct op_outcome *outcome = &tried->outcome;
    struct judge_ask ask = {
        .op = op->id, .account = op->account, .role = op->role, .change = op->change, .far = op->far, .words = words};
    struct judge_verdict verdict = {0};
    struct judge_mark mark = judge_mark(&part->view);
    if (is_redact(op) && has_other_rows(part)) { /* of the same atomic request: judge_waiting() begins a group with it */
        outcome->code = gl_fail_at(&outcome->err, GL_E_INVALID_PARAMS, "change.kind",
                                   "words are erased by an op of its own: nothing else may stand before it in an atomic request");
        return;
    }
    outcome->code = part_resolve_base(part, op, &ask, &outcome->err);
    if (outcome->code == GL_OK)
        outcome->code = part_resolve_label(part, op, &ask, wanted, &outcome->err);
    if (outcome->code == GL_OK)
        outcome->code = judge(&part->view, &ask, &verdict, &outcome->err, &outcome->data);
    tried->wants_far = verdict.wants_far;
    tried->far = verdict.far;
    tried->wants_words = verdict.wants_words;
    if (outcome->code != GL_OK)
        return;
    outcome->code = core_check_kind(part->session->core, verdict.kind, &outcome->err);
    if (outcome->code != GL_OK) {
        json_decref(verdict.effects);
        judge_back_to(&part->view, &mark);
        return;
    }
    if (part->view.grown > mark.grown && part->view.grown > part->room) {
        outcome->code = quota_refuse_annotation(part, mark.grown, outcome);
        json_decref(verdict.effects);
        judge_back_to(&part->view, &mark);
        return;
    }
    outcome->code = record_is_too_large(part, &verdict) ? GL_E_TOO_LARGE : append_row(part, tried, &verdict, step);
    if (outcome->code == GL_OK && verdict.kind == GL_OP_REDACT)
        note_erased(part, verdict.effects, words);
    json_decref(verdict.effects);
    if (outcome->code != GL_OK) {
        judge_back_to(&part->view, &mark);
        gl_fail_at(&outcome->err, outcome->code, "change", "the op is larger than %u bytes; make it smaller", PAYLOAD_MAX_BYTES);
        return;
    }
    tried->is_accepted = true;
    tried->row = part->row_count - 1;
    if (verdict.has_annotation)
        part_tell(part, tried, verdict.kind, verdict.before, judge_find(&part->view, &verdict.annotation));
    outcome->seq = part->view.seq;
    outcome->has_annotation = verdict.has_annotation;
    outcome->annotation = verdict.annotation;
}

static void try_op(struct part *part, struct tried *tried, const gl_uuid *step, struct wanted *wanted)
{
    const struct judge_words *words = words_now(part->session, tried->op);
    struct judge_words *left = words && part->erased_count > 0 ? words_left(words, part->erased, part->erased_count) : NULL;
    try_with(part, tried, step, wanted, left ? left : words);
    words_free(&left);
}

/* Known already? In this group, or in the log. */
static bool is_repetition(const struct part *part, struct tried *tried, const struct tried *same)
{
    struct waiting_op *op = tried->op;
    const struct known_op *known = session_known_op(part->session, &op->id);
    if (part->upon && part_find_tried(part->upon, &op->id)) /* nobody knows yet: not accepted, and so nothing for now */
        return true;
    if (same && same->outcome.code == GL_OK) { /* a refusal leaves no trace */
        op_settle_repetition(op, &same->op->request_hash, &same->op->account, same->outcome.seq, &tried->outcome);
        tried->is_same = true;
        tried->same_as = (size_t)(same - part->tried);
        return true;
    }
    if (!known || MUTATION(forget_duplicate))
        return false;
    op_settle_repetition(op, &known->request_hash, &known->account, known->seq, &tried->outcome);
    op_name_annotation(op, &tried->outcome);
    return true;
}

static struct tried *take_first(struct part *part)
{
    struct session *session = part->session;
    struct waiting_op *op = session->waiting;
    session->waiting = op->next;
    if (!session->waiting)
        session->waiting_tail = &session->waiting;
    op->next = NULL;
    part->tried = mem_grow(part->tried, &part->tried_cap, part->tried_count + 1, sizeof *part->tried);
    part->tried[part->tried_count] = (struct tried){.op = op};
    return &part->tried[part->tried_count++];
}

static void put_back(struct part *part, size_t keep)
{
    struct session *session = part->session;
    while (part->tried_count > keep) {
        struct tried *tried = &part->tried[--part->tried_count];
        struct waiting_op *op = tried->op;
        json_decref(tried->outcome.data);
        if (map_get(&part->by_id, &op->id) == (void *)(uintptr_t)(part->tried_count + 1))
            map_remove(&part->by_id, &op->id);
        op->next = session->waiting;
        if (!session->waiting)
            session->waiting_tail = &op->next;
        session->waiting = op;
        session_set_busy(session);
    }
}

/* All or none: one refusal refuses the rest. */
static void refuse_block(struct part *part, size_t from, size_t rows, const struct judge_mark *mark)
{
    judge_back_to(&part->view, mark);
    part_drop_rows(part, rows + MUTATION(refused_row_stays));
    for (size_t i = from; i < part->tried_count; i++) {
        struct op_outcome *outcome = &part->tried[i].outcome;
        bool stands = part->tried[i].is_same ? part->tried[i].same_as < from : outcome->is_repeated; /* outside of this request */
        if (outcome->code != GL_OK || stands)
            continue;
        part->tried[i].is_accepted = false;
        part->tried[i].is_same = false;
        *outcome = (struct op_outcome){.code = GL_E_ATOMIC_REFUSED};
        gl_fail(&outcome->err, GL_E_ATOMIC_REFUSED, "%s", gl_code_sentence(GL_E_ATOMIC_REFUSED));
    }
}

struct block { /* one op, or all of an atomic request */
    size_t from, rows;
    struct judge_mark mark;
    struct wanted *wanted; /* terms that must be made first */
    size_t wanted_count, wanted_cap;
};

static void want(struct block *block, const struct wanted *wanted)
{
    block->wanted = mem_grow(block->wanted, &block->wanted_cap, block->wanted_count + 1, sizeof *block->wanted);
    block->wanted[block->wanted_count++] = *wanted;
}

static void try_block(struct part *part, struct block *block)
{
    struct session *session = part->session;
    const bool is_atomic = session->waiting->is_atomic;
    const gl_uuid step = session->waiting->step;
    bool is_refused = false;
    block->from = part->tried_count;
    block->rows = part->row_count;
    block->mark = judge_mark(&part->view);
    size_t wanted_before = block->wanted_count;
    do {
        struct wanted wanted = {.name = {0}};
        struct tried *tried = take_first(part);
        if (!is_repetition(part, tried, part_find_tried(part, &tried->op->id))) {
            map_put(&part->by_id, &tried->op->id, (void *)(uintptr_t)part->tried_count);
            try_op(part, tried, tried->op->is_step ? &step : NULL, &wanted);
        }
        is_refused |= tried->outcome.code != GL_OK;
        if (tried->is_accepted && wanted.name.len > 0)
            want(block, &wanted);
    } while (is_atomic && session->waiting && session->waiting->is_atomic && gl_uuid_equal(&session->waiting->step, &step));
    if (is_atomic && is_refused && !MUTATION(atomic_half_applied)) {
        refuse_block(part, block->from, block->rows, &block->mark);
        block->wanted_count = wanted_before;
    }
}

static void undo_since(struct part *part, const struct block *at)
{
    judge_back_to(&part->view, &at->mark);
    part_drop_rows(part, at->rows);
    put_back(part, at->from);
}

/* Ahead goes only what is accepted and needs nothing else. The state alone knows the replies to what is deleted; and words are erased in the log, too. */
static bool may_go_ahead(const struct part *part, const struct block *block)
{
    for (size_t i = block->from; i < part->tried_count; i++) {
        const struct tried *tried = &part->tried[i];
        const enum gl_op_kind kind = tried->is_accepted ? part->rows[tried->row].kind : GL_OP_REDACT;
        if (kind != GL_OP_ANNOTATION_CREATE && kind != GL_OP_ANNOTATION_UPDATE)
            return false;
    }
    return block->wanted_count == 0;
}

/* Terms first: what was judged since `at` waits until they are there. */
static void wait_for_terms(struct part *part, struct block *at, const struct block *block)
{
    for (size_t i = 0; i < block->wanted_count; i++)
        project_want_term(part->session->project, &block->wanted[i].asker, block->wanted[i].kind, block->wanted[i].name);
    undo_since(part, at);
}

static void settle_all(struct part *part)
{
    for (size_t i = 0; i < part->tried_count; i++) {
        struct tried *tried = &part->tried[i];
        if (MUTATION(one_answer_lost) && i == 3)
            continue;
        if (tried->is_same && tried->outcome.code == GL_OK) {
            tried->outcome.has_annotation = part->tried[tried->same_as].outcome.has_annotation;
            tried->outcome.annotation = part->tried[tried->same_as].outcome.annotation;
        }
        submit_settle(tried->op, &tried->outcome);
    }
}

void part_judge(struct part *part, size_t budget)
{
    struct block block = {0}, first_waiting = {0};
    bool must_wait = false;
    size_t steps = 0;
    while (part->session->waiting && part->tried_count < budget && steps < JUDGE_GROUP_STEPS) {
        if (part->tried_count > 0 && is_redact(part->session->waiting))
            break; /* it begins the next group */
        part->view.steps = 0;
        try_block(part, &block);
        steps += part->view.steps;
        if (part->upon && !may_go_ahead(part, &block)) {
            undo_since(part, &block);
            part->ahead.is_over = true;
            break;
        }
        if (!must_wait && block.wanted_count > 0) {
            must_wait = true;
            first_waiting = block;
        }
    }
    if (must_wait)
        wait_for_terms(part, &first_waiting, &block);
    if (part->upon && MUTATION(ahead_answered_when_judged))
        settle_all(part);
    mem_free(&block.wanted);
}

/* Nobody waits for them any more: their client sends them again, perhaps to another worker, which may refuse them. Accepting them here later would
 * contradict that; in an append they are judged on the state that everybody is judged on. */
void session_drop_abandoned(struct session *session)
{
    struct waiting_op **at = &session->waiting;
    while (*at) {
        struct waiting_op *op = *at;
        if (submit_is_awaited(op->submit) || MUTATION(abandoned_judged)) {
            at = &op->next;
            continue;
        }
        struct op_outcome outcome = {.code = GL_E_SHUTTING_DOWN};
        *at = op->next;
        submit_settle(op, &outcome);
        waiting_op_free(&op);
    }
    session->waiting_tail = at;
}

static uint64_t live_after(const struct part *part, size_t touched)
{
    uint64_t live = part->session->state->live_count;
    for (size_t i = 0; i < touched; i++) {
        const struct gl_annotation *after = part->annotations[i], *before = gl_state_find(part->session->state, &after->id);
        live += !after->is_deleted || MUTATION(live_count_drifts);
        live -= before && !before->is_deleted;
    }
    return live;
}

static void fill_stream(struct part *part)
{
    struct session *session = part->session;
    size_t touched = judge_touched(&part->view, NULL);
    part->annotations = mem_array(touched + 1, sizeof *part->annotations);
    judge_touched(&part->view, part->annotations);
    part->stream = (struct append_stream){.owner = part,
                                          .stream = session->id,
                                          .project = session->project->id,
                                          .epoch = session->project->epoch - MUTATION(epoch_before),
                                          .expected_head = session->state->seq,
                                          .expected_chain = session->state->chain,
                                          .chain = part->view.chain,
                                          .sum = part->view.sum,
                                          .ops = part->rows,
                                          .op_count = part->row_count,
                                          .annotations = part->annotations,
                                          .annotation_count = touched,
                                          .tells = part->tells,
                                          .tell_count = part->tell_count,
                                          .erased = part->erased,
                                          .erased_count = part->erased_count,
                                          .live_count = live_after(part, touched),
                                          .set_open = -1};
    if (part->view.mode_seq != session->state->mode_seq && !MUTATION(mode_not_written))
        part->stream.mode = gl_slice_str(part->view.mode);
}

bool session_goes_alone(const struct session *session)
{
    const bool has_ahead = session->ahead && session->ahead->tried_count > 0;
    return session->waiting && !has_ahead && (session->has_waited || is_redact(session->waiting));
}

struct part *part_new(struct session *session, const struct part *upon)
{
    struct part *part = mem_alloc(sizeof *part);
    const uint64_t codebook = upon ? upon->view.codebook : session->codebook;
    part->session = session;
    part->upon = upon;
    map_init(&part->by_id);
    if (upon)
        judge_view_init_upon(&part->view, &upon->view);
    else
        judge_view_init(&part->view, session->state);
    part->view.text = session->text;
    part->view.revision = session->document.revision;
    part->view.session = session->id;
    part->view.terms = session->project->terms;
    part->view.others_may_edit = session->project->others_may_edit;
    part->view.codebook =
        session->project->codebook > codebook || MUTATION(codebook_goes_back) ? session->project->codebook : codebook;
    part->last_at_ms = MUTATION(time_forgotten) ? 0 : upon ? upon->last_at_ms : session->last_at_ms;
    part->room = quota_room(session->project);
    return part;
}

struct part *part_from_session(struct session *session, size_t budget)
{
    struct part *part = ahead_take(session, budget);
    session_drop_abandoned(session);
    words_set_aside(session);
    if (!part && !session->waiting)
        return NULL;
    if (!part)
        part = part_new(session, NULL);
    part_judge(part, budget);
    if (part_must_ask_ends(part) || part_must_ask_words(part) || part_must_look_up(part) || part_must_count(part))
        return NULL;
    if (part->row_count == 0) { /* refused and repeated ones depend on nothing that is still to come */
        settle_all(part);
        part_free(part);
        return NULL;
    }
    session->is_in_flight = true;
    quota_part_sent(part);
    fill_stream(part);
    if (MUTATION(ack_before_commit))
        settle_all(part);

    return part;
}

/* ---- afterwards */

static void keep_recent(struct part *part)
{
    struct session *session = part->session;
    for (size_t i = 0; i < part->row_count; i++) {
        const struct append_op *row = &part->rows[i];
        struct recent_op op = {.seq = row->seq,
                               .chain = row->chain,
                               .id = row->id,
                               .account = row->account,
                               .request_hash = row->request_hash,
                               .logged = logged_row(row),
                               .has_sum = true,
                               .sum = row->sum};
        struct known_op known = {.seq = row->seq, .account = row->account, .request_hash = row->request_hash};
        session_push_recent(session, &op);
        session_remember_op(session, &row->id, &known);
    }
}

static void erase(struct part *part)
{
    json_t *seqs = json_array();
    for (size_t i = 0; i < part->erased_count; i++)
        json_array_append_new(seqs, json_integer((json_int_t)part->erased[i].seq));
    session_erase(part->session, seqs);
    json_decref(seqs);
}

void part_apply(struct part *part)
{
    struct session *session = part->session;
    struct gl_state *state = session->state;
    for (size_t i = 0; i < part->stream.annotation_count; i++) {
        gl_annotation_put_away(part->annotations[i]);
        if (gl_state_put(state, part->annotations[i]) != GL_OK)
            abort(); /* only memory can have run out */
    }
    if (part->stream.mode.len > 0)
        gl_state_set_mode(state, part->view.mode, part->view.mode_seq - MUTATION(mode_seq_before));
    assert(gl_hash_equal(&state->sum, &part->view.sum));
    state->seq = part->view.seq;
    if (!MUTATION(chain_not_kept))
        state->chain = part->view.chain;
    if (!MUTATION(time_not_kept))
        session->last_at_ms = part->last_at_ms;
    session->codebook = part->view.codebook;
    quota_part_over(part, true);
    session->fences_lost = 0;
    session->is_in_flight = false;
    keep_recent(part);
    ahead_stands(session);
}

void part_deliver(struct part *part)
{
    struct session *session = part->session;
    deliver_live(session, part->rows[0].seq + (MUTATION(first_of_group_untold) && part->row_count > 2));
    if (part->erased_count > 0)
        erase(part);
    settle_all(part);
    part_free(part);
}

void part_undo(struct part *part)
{
    quota_part_over(part, false);
    part_drop_rows(part, 0);
    put_back(part, MUTATION(give_back_forgets) ? part->tried_count : 0);
    part_free(part);
}

void part_give_back(struct part *part)
{
    struct session *session = part->session;
    if (MUTATION(ahead_kept_after_a_lost_fence))
        ahead_stands(session);
    else
        ahead_give_back(session); /* it waits behind these */
    part_undo(part);
    session->is_in_flight = false;
}

void part_found(struct part *part)
{
    for (size_t i = 0; i < part->stream.found_count; i++) {
        const struct append_found *found = &part->stream.found[i];
        struct known_op known = {.seq = found->seq, .account = found->account, .request_hash = found->request_hash};
        if (!MUTATION(found_not_remembered))
            session_remember_op(part->session, &found->id, &known);
    }
    part_give_back(part);
}

void part_fail(struct part *part)
{
    ahead_give_back(part->session);
    for (size_t i = 0; i < part->tried_count; i++) {
        struct op_outcome *outcome = &part->tried[i].outcome;
        if (outcome->code != GL_OK)
            continue;
        *outcome = (struct op_outcome){.code = GL_E_INTERNAL};
        gl_fail(&outcome->err, GL_E_INTERNAL, "%s", gl_code_sentence(GL_E_INTERNAL));
    }
    quota_part_over(part, false);
    part->session->is_in_flight = false;
    settle_all(part);
    part_free(part);
}
