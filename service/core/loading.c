#include <stdio.h>
#include <stdlib.h>

#include "service/core/loading.h"

#define RECORDS_A_TURN 128 /* a millisecond or two */
#define OPS_A_TURN     512

struct loading {
    struct session *session;
    struct store_state *from;
    struct gl_text *text;
    struct gl_state *state;
    size_t record_at, op_at;
    struct loop_timer *turn;
    void (*done)(struct session *session, enum gl_code code);
};

void loading_free(struct loading **address)
{
    struct loading *loading = *address;
    if (!loading)
        return;
    store_state_free(&loading->from);
    gl_text_free(&loading->text);
    gl_state_free(&loading->state);
    loop_timer_free(&loading->turn);
    mem_free(address);
}

static enum gl_code take_record(struct loading *loading, struct gl_slice text, struct gl_err *err)
{
    json_t *record = NULL;
    struct gl_annotation *annotation = NULL;
    enum gl_code code = gl_json_load(text, &record, err);
    if (code == GL_OK)
        code = gl_annotation_from_record(record, &annotation, err);
    if (code == GL_OK) {
        gl_annotation_put_away(annotation);
        code = gl_state_put(loading->state, annotation);
    }
    gl_annotation_unref(&annotation);
    json_decref(record);
    return code;
}

static void take_op(struct session *session, const struct store_state *from, const struct store_tail_op *op)
{
    const struct known_op known = {.seq = op->seq, .account = op->account, .request_hash = op->request_hash};
    const struct recent_op recent = {.seq = op->seq,
                                     .chain = op->chain,
                                     .has_sum = op->seq == from->head, /* the sums before that are not kept */
                                     .sum = from->sum,
                                     .id = op->op,
                                     .account = op->account,
                                     .request_hash = op->request_hash,
                                     .logged = logged_op(op)};
    session_push_recent(session, &recent);
    session_remember_op(session, &op->op, &known);
}

/* Where the stream stands: the records must be those of that place. */
static enum gl_code take_place(struct loading *loading, struct gl_err *err)
{
    const struct store_state *from = loading->from;
    if (from->mode_seq > 0 && !MUTATION(mode_not_loaded)) {
        char mode[sizeof loading->state->mode];
        snprintf(mode, sizeof mode, "%.*s", (int)from->mode.len, from->mode.data);
        gl_state_set_mode(loading->state, mode, from->mode_seq);
    }
    if (!gl_hash_equal(&loading->state->sum, &from->sum))
        return gl_fail(err, GL_E_CHAIN_BROKEN,
                       "the annotations in the database do not have the sum that the stream says; run glossd check");
    loading->state->seq = from->head;
    loading->state->chain = from->chain;
    return GL_OK;
}

static void hand_over(struct loading *loading)
{
    struct session *session = loading->session;
    const struct store_state *from = loading->from;
    gl_text_free(&session->text); /* of before it was read anew */
    gl_state_free(&session->state);
    session->text = loading->text;
    session->state = loading->state;
    loading->text = NULL;
    loading->state = NULL;
    session->last_at_ms = from->last_at_ms;
    session->codebook = from->codebook;
    session->retained_from = from->retained_from;
    session->erased_to = from->erased_to;
    session_take_newest_stamp(session);
}

static void finish(struct loading *loading, enum gl_code code, const struct gl_err *err)
{
    struct session *session = loading->session;
    void (*done)(struct session *, enum gl_code) = loading->done;
    if (code != GL_OK)
        log_event(LOG_ERROR, EV_session_diverged, F_ID("session", &session->id), F_CODE("code", code), F_STR("why", err->detail));
    else
        hand_over(loading);
    loading_free(&session->loading);
    done(session, code == GL_OK ? GL_OK : GL_E_INTERNAL);
}

static enum gl_code take_text(struct loading *loading, struct gl_err *err)
{
    enum gl_code code = gl_text_new(loading->from->text, &loading->text, err);
    if (code == GL_OK)
        loading->state = gl_state_new(&loading->session->id, gl_text_sha256(loading->text));
    loading->session->recent_chain = loading->from->chain;
    return code;
}

static bool is_over(const struct loading *loading)
{
    return loading->state && loading->record_at == loading->from->record_count && loading->op_at == loading->from->recent_count;
}

/* The text first, then records, then ops, and where the stream stands behind the last. */
static enum gl_code take_piece(struct loading *loading, struct gl_err *err)
{
    const struct store_state *from = loading->from;
    enum gl_code code = loading->state ? GL_OK : take_text(loading, err);
    for (size_t i = 0; code == GL_OK && i < RECORDS_A_TURN && loading->record_at < from->record_count; i++)
        code = take_record(loading, from->records[loading->record_at++], err);
    const bool has_records = loading->record_at == from->record_count;
    for (size_t i = 0; code == GL_OK && has_records && i < OPS_A_TURN && loading->op_at < from->recent_count; i++)
        take_op(loading->session, from, &from->recent[loading->op_at++]);
    return code == GL_OK && is_over(loading) ? take_place(loading, err) : code;
}

/* Then everybody else has their turn. */
static void on_turn(void *ctx)
{
    struct loading *loading = ctx;
    struct gl_err err = {0};
    enum gl_code code = take_piece(loading, &err);
    if (code != GL_OK || is_over(loading))
        finish(loading, code, &err);
    else
        loop_timer_start(loading->turn, 0, 0);
}

struct loading *loading_start(struct session *session, const struct store_state *lent,
                              void (*done)(struct session *session, enum gl_code code))
{
    struct loading *loading = mem_alloc(sizeof *loading);
    *loading = (struct loading){.session = session, .from = store_state_keep(lent), .done = done};
    loading->turn = loop_timer_new(session->core->loop, on_turn, loading);
    loop_timer_start(loading->turn, 0, 0);
    return loading;
}
