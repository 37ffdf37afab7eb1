/* submit.c - session.submit: from the request to ops that wait to be judged, and from their outcomes to one answer. */
#include <stdio.h>

#include "service/core/group_priv.h"

#define NEAREST_OPS_MAX   4            /* the helpers look for similar places only for people, not for bulk */
#define DETAILS_BYTES_MAX (128 * 1024) /* answers beyond this size leave out the current values */

struct submit {
    struct submit *next; /* of the same peer */
    struct request *request;
    gl_uuid session;
    uint64_t newest; /* the last seq that the answer names */
    size_t count, pending;
    bool is_atomic;
    struct op_outcome *outcomes;
    gl_uuid *ids;
    gl_hash *request_hashes;
};

/* ---- the answer */

static void write_outcome(struct gl_buf *buf, const gl_uuid *id, const struct op_outcome *outcome)
{
    gl_buf_byte(buf, '{');
    if (outcome->code == GL_OK && outcome->has_annotation)
        gl_write_uuid(buf, "annotation", &outcome->annotation);
    if (outcome->code != GL_OK) {
        gl_write_name(buf, "error");
        gl_error_write(buf, &outcome->err, buf->len < DETAILS_BYTES_MAX ? outcome->data : NULL);
    }
    gl_write_uuid(buf, "id", id);
    if (outcome->code == GL_OK && outcome->has_made)
        gl_write_uuid(buf, "made", &outcome->made);
    if (outcome->is_repeated && !MUTATION(repeated_not_said))
        gl_write_bool(buf, "repeated", true);
    if (outcome->code == GL_OK)
        gl_write_u64(buf, "seq", outcome->seq);
    gl_buf_byte(buf, '}');
}

void outcomes_send(struct request *request, const gl_uuid *ids, struct op_outcome *outcomes, size_t count)
{
    struct gl_buf *buf = request_result(request);
    gl_buf_str(buf, "{\"results\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            gl_buf_byte(buf, ',');
        if (MUTATION(second_answer_is_first) && i == 1)
            outcomes[i].seq = outcomes[0].seq;
        write_outcome(buf, &ids[i], &outcomes[i]);
        json_decref(outcomes[i].data);
    }
    gl_buf_str(buf, "]}");
    request->peer->ops_in_flight -= count;
    request_send(request);
}

void outcome_note(struct request *request, const gl_uuid *id, const struct op_outcome *outcome)
{
    struct core_counts *counts = &request->core->counts;
    counts->ops_refused += outcome->code != GL_OK;
    counts->ops_repeated += outcome->code == GL_OK && outcome->is_repeated;
    counts->ops_accepted += outcome->code == GL_OK && !outcome->is_repeated;
    if (outcome->code == GL_OK)
        metric_observe(commit, clock_monotonic_us() - request->arrived_us);
    else
        metric_add_at(ops_refused, outcome->code);
    if (outcome->code != GL_OK && gl_code_retry(outcome->code) != GL_LATER)
        peer_remember_refused(request->peer, id);
}

static void answer(struct submit *submit)
{
    outcomes_send(submit->request, submit->ids, submit->outcomes, submit->count);
    mem_free(&submit->outcomes);
    mem_free(&submit->ids);
    mem_free(&submit->request_hashes);
    mem_free(&submit);
}

/* While the answer waited for its other ops, a worker that still held a copy of a refused one may have appended it: then this is what is true. */
static void look_again(struct submit *submit)
{
    const struct request *request = submit->request;
    const struct session *session = map_get(&request->core->sessions, &submit->session);
    for (size_t i = 0; session && i < submit->count; i++) {
        struct op_outcome *outcome = &submit->outcomes[i];
        const struct known_op *known = outcome->code != GL_OK ? session_known_op(session, &submit->ids[i]) : NULL;
        if (!known || ((!gl_uuid_equal(&known->account, &request->account) ||
                        !gl_hash_equal(&known->request_hash, &submit->request_hashes[i])) &&
                       !MUTATION(looked_again_by_id_only)))
            continue;
        json_decref(outcome->data);
        *outcome = (struct op_outcome){
            .seq = known->seq, .is_repeated = true, .has_annotation = known->has_annotation, .annotation = known->annotation};
        if (known->seq > submit->newest)
            submit->newest = known->seq;
    }
}

/* Who has joined gets an op before its result, also when the socket is full and the op still has to wait. */
static bool may_answer(const struct submit *submit)
{
    const struct peer *peer = submit->request->peer;
    const struct subscription *joined = subscription_find(peer, &submit->session);
    return submit->pending == 0 && (peer->is_closed || peer->is_closing || !joined || !joined->is_live ||
                                    joined->cursor >= submit->newest || MUTATION(answer_overtakes_op));
}

void submit_flush(struct peer *peer, const gl_uuid *session)
{
    struct submit **at = &peer->submits;
    peer_ref(peer);
    while (*at) {
        struct submit *submit = *at;
        if (!gl_uuid_equal(&submit->session, session)) {
            at = &submit->next;
            continue;
        }
        if (!may_answer(submit))
            break;
        *at = submit->next;
        if (!*at)
            peer->submits_tail = at;
        answer(submit);
    }
    peer_unref(peer);
}

static void settled_one(struct submit *submit)
{
    const gl_uuid session = submit->session;
    if (--submit->pending > 0)
        return;
    look_again(submit);
    submit_flush(submit->request->peer, &session);
}

/* ---- "not there, but here is what looks like it": asked of a helper, and only added when it comes */

struct nearest {
    struct submit *submit;
    size_t index;
    struct session *session;
};

static void on_nearest(void *ctx, enum gl_code code, const struct gl_candidate *candidates, size_t count)
{
    struct nearest *nearest = ctx;
    struct op_outcome *outcome = &nearest->submit->outcomes[nearest->index];
    const struct gl_text *text = nearest->session->text;
    if (code == GL_OK) {
        json_t *list = json_array();
        for (size_t i = 0;
             i < count && candidates[i].end_cp <= gl_text_length(text) && candidates[i].begin_cp <= candidates[i].end_cp; i++) {
            struct gl_slice words = gl_text_slice(text, candidates[i].begin_cp, candidates[i].end_cp);
            json_array_append_new(list, json_pack("{s:I, s:I, s:i, s:s%}", "start", (json_int_t)candidates[i].begin_cp, "end",
                                                  (json_int_t)candidates[i].end_cp, "score", (int)candidates[i].score_thousandths,
                                                  "exact", words.data, words.len));
        }
        if (!outcome->data)
            outcome->data = json_object();
        json_object_set_new(outcome->data, "candidates", list);
    }
    session_release(nearest->session);
    settled_one(nearest->submit);
    mem_free(&nearest);
}

static const json_t *quote_of(const struct waiting_op *op)
{
    json_t *spans = json_object_get(json_object_get(op->change, "target"), "spans");
    size_t i;
    json_t *span;
    const json_t *exact = NULL;
    json_array_foreach(spans, i, span)
    {
        if (json_array_size(spans) == 1)
            exact = json_object_get(span, "exact");
    }
    return json_is_string(exact) ? exact : NULL;
}

static bool ask_nearest(struct waiting_op *op, struct session *session)
{
    struct submit *submit = op->submit;
    const struct core_helpers *helpers = &submit->request->core->helpers;
    const json_t *quote = quote_of(op);
    if (submit->outcomes[op->index].code != GL_E_QUOTE_NOT_FOUND || !helpers->nearest || submit->count > NEAREST_OPS_MAX ||
        !quote)
        return false;
    struct nearest *nearest = mem_alloc(sizeof *nearest);
    *nearest = (struct nearest){submit, op->index, session};
    session->uses++;
    helpers->nearest(helpers->ctx, session->text, gl_slice_of(json_string_value(quote), json_string_length(quote)), on_nearest,
                     nearest);
    return true;
}

void submit_settle(struct waiting_op *op, struct op_outcome *outcome)
{
    struct submit *submit = op->submit;
    if (!submit) { /* answered already, when the store took too long */
        json_decref(outcome->data);
        outcome->data = NULL;
        return;
    }
    outcome_note(submit->request, &op->id, outcome);
    if (outcome->code == GL_OK && outcome->seq > submit->newest)
        submit->newest = outcome->seq - (MUTATION(newest_before) && outcome->seq > 0);
    submit->outcomes[op->index] = *outcome;
    outcome->data = NULL;
    op->submit = NULL;
    struct waiting_op with = *op;
    with.submit = submit;
    if (!op->session || !ask_nearest(&with, op->session))
        settled_one(submit);
}

bool submit_is_awaited(const struct submit *submit)
{
    return submit && !submit->request->peer->is_closed;
}

bool submit_has_refused(const struct submit *submit, const gl_uuid *op)
{
    return peer_has_refused(submit->request->peer, op);
}

void waiting_op_free(struct waiting_op **op)
{
    json_decref((*op)->root);
    gl_buf_fini(&(*op)->canonical);
    words_free(&(*op)->words);
    mem_free(op);
}

/* ---- the request */

static struct waiting_op *wait_for(struct session *session, struct submit *submit, size_t index,
                                   const struct gl_op_request *asked, enum gl_role role)
{
    struct request *request = submit->request;
    struct waiting_op *op = mem_alloc(sizeof *op);
    op->session = session;
    op->submit = submit;
    op->index = index;
    op->id = asked->id;
    op->account = request->account;
    op->role = role;
    op->base = asked->base;
    op->change = asked->change;
    op->root = json_incref(request->root);
    const bool is_null = json_is_null(asked->base); /* stands in the intent, and counts for nothing in the hash */
    gl_buf_init(&op->canonical, SIZE_MAX);
    op->request_hash =
        gl_op_request_canonical(&op->canonical, &request->account, is_null ? NULL : asked->base, asked->change, &op->intent);
    if (is_null || MUTATION(hash_without_base))
        op->intent = gl_slice_of(NULL, 0);
    op->since_ms = loop_now_ms(request->core->loop);
    op->is_atomic = submit->is_atomic && !(MUTATION(last_of_step_alone) && index > 0 && index + 1 == submit->count);
    op->is_step = submit->is_atomic && submit->count > 1;
    op->step = submit->ids[0];
    return op;
}

bool submit_is_too_large(struct request *request)
{
    const size_t count = json_array_size(json_object_get(request->params, "ops")), limit = request->peer->ops_most;
    if (count <= limit)
        return false;
    request_fail_at(request, GL_E_TOO_LARGE, "ops", "%zu ops in one request; at most %zu are taken", count, limit);
    return true;
}

bool submit_has_room(struct request *request, size_t count)
{
    const struct peer *peer = request->peer;
    const size_t limit = request->core->limits.ops_in_flight;
    struct gl_err err = {0};
    if (peer->ops_in_flight == 0 || peer->ops_in_flight + count <= limit) /* by itself it fits: it is not too large */
        return true;
    gl_fail(&err, GL_E_BUSY, "%zu ops of this connection wait for their results; at most %zu may", peer->ops_in_flight, limit);
    request_fail_data(request, &err, json_pack("{s:i, s:I}", "retry_after_ms", 20, "limit", (json_int_t)limit));
    return false;
}

static void enqueue(struct request *request, struct session *session, enum gl_role role)
{
    struct gl_session_submit_params params = {0};
    if (!request_read(request, session_submit, &params) || !submit_has_room(request, params.ops_count) ||
        !quota_take_ops(request, &session->project->id, params.ops_count))
        return;
    struct peer *peer = request->peer;
    struct submit *submit = mem_alloc(sizeof *submit);
    *submit = (struct submit){.request = request,
                              .session = session->id,
                              .count = params.ops_count,
                              .pending = params.ops_count,
                              .is_atomic = params.atomic};
    *peer->submits_tail = submit;
    peer->submits_tail = &submit->next;
    submit->outcomes = mem_array(params.ops_count + 1, sizeof *submit->outcomes);
    submit->ids = mem_array(params.ops_count + 1, sizeof *submit->ids);
    submit->request_hashes = mem_array(params.ops_count + 1, sizeof *submit->request_hashes);
    peer->ops_in_flight += params.ops_count;
    if (params.ops_count == 0) {
        submit_flush(peer, &session->id);
        return;
    }
    for (size_t i = 0; i < params.ops_count; i++) {
        submit->ids[i] = params.ops[i].id;
        struct waiting_op *op = wait_for(session, submit, i, &params.ops[i], role);
        submit->request_hashes[i] = op->request_hash;
        *session->waiting_tail = op;
        session->waiting_tail = &op->next;
        session_set_busy(session);
    }
    share_asked(request->core, session);
    writer_kick(request->core);
}

static void on_opened(void *ctx, enum gl_code code, struct session *session)
{
    struct request *request = ctx;
    if (code != GL_OK) {
        memory_refuse(request, code);
        return;
    }
    struct project *project = session->project;
    const gl_uuid account = request->account;
    const bool is_old = request->scope.epoch < project->epoch; /* the role is from before the last change */
    enqueue(request, session, request->scope.role);
    if (is_old && !MUTATION(old_role_kept))
        project_refresh_account(project, &account);
    session_release(session); /* what waits keeps it */
}

void handle_session_submit(struct request *request)
{
    if (submit_is_too_large(request))
        return;
    const struct subscription *joined = request->scope_is_joined;
    if (joined)
        enqueue(request, joined->session, joined->role);
    else
        session_acquire(request->core, &request->account, &request->scope, on_opened, request);
}
