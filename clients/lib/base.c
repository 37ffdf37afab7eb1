/*
 * base.c - whether a base that an earlier run has left on disk is of the log that the server has.
 *
 * A number says nothing of the past that it counts in, so each op has beside it where its session was when it was asked for: a seq, and the chain there. The
 * server is asked for the chain at that seq before any such op is sent. When it is another one, or none is known, nothing was seen: the base becomes 0, and
 * what others did meanwhile is asked about once too often, but never overwritten.
 */
#include "clients/lib/lib_priv.h"

#define AGAIN_MS 1000 /* after the disk would not take a base */

static bool is_open(const struct lg_op *op)
{
    bool is_told = op->state == LG_OP_KEPT && op->view.is_there;
    return op->is_left_over && !op->is_base_known && op->state != LG_OP_DONE && (op->base_seq > 0 || is_told);
}

bool lg_base_is_same(const struct lg_view *a, const struct lg_view *b)
{
    return a->is_there && b->is_there && a->seq == b->seq && gl_hash_equal(&a->chain, &b->chain);
}

static bool has_chain(const struct gloss_session *session)
{
    return session->has_position && !(session->is_submit_only && session->was_joined);
}

void lg_base_see(const struct gloss_session *session, struct lg_op *op)
{
    op->view = (struct lg_view){.is_there = has_chain(session), .seq = session->seq, .chain = session->chain};
}

/* A refusal that comes before the state is read takes nothing from what was known, unless it shows what nobody knows the log of. */
void lg_base_keep(const struct gloss_session *session, struct lg_op *op)
{
    bool is_as_before = !has_chain(session) && op->view.is_there && !json_object_get(op->error.data, "current");
    if (!session->doubt.is_there && !is_open(op) && !is_as_before) {
        lg_base_see(session, op);
    }
}

void lg_base_joined(struct gloss_session *session)
{
    for (struct lg_op *op = session->ops; op; op = op->next) {
        op->is_base_known = op->is_base_known && !op->view.is_there;
    }
    session->has_bases = true;
}

/* Nothing was seen. False: it cannot be written now. */
static bool refute(struct gloss_session *session, struct lg_op *op)
{
    lg_pending_unshow(session, op, 0);
    op->view.is_there = false;
    return lg_lost_lower(session, op, 0);
}

/* view: of what is known now; NULL: of all that have none. */
static void settle(struct gloss_session *session, const struct lg_view *view, bool is_same)
{
    for (struct lg_op *op = session->ops; op; op = op->next) {
        bool has_none = !op->view.is_there || op->view.seq < op->base_seq;
        if (!is_open(op) || !(view ? !has_none && lg_base_is_same(&op->view, view) : has_none)) {
            continue;
        }
        op->is_base_known = is_same || refute(session, op);
        if (!op->is_base_known) {
            session->bases_not_before_ms = lg_now_ms() + AGAIN_MS;
        }
    }
    session->g->is_due = true;
}

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    gl_hash chain;
    if (!session->has_bases || session->state != LG_JOINED) {
        return;
    }
    g->is_due = true;
    if (error && lg_error_is_later(error)) {
        session->bases_not_before_ms = lg_now_ms() + lg_retry_delay(g, error, 0);
        lg_wake_at(g, session->bases_not_before_ms);
    } else if (error && error->code != GLOSS_E_INVALID_PARAMS) { /* that one: the log ends before */
        lg_session_fail(session, error);
    } else {
        bool is_same =
            !error && lg_json_hash(result, "chain_before", &chain) && gl_hash_equal(&chain, &session->asked_view.chain);
        settle(session, &session->asked_view, is_same);
    }
}

static bool ask(struct gloss_session *session, const struct lg_view *view)
{
    session->asked_view = *view;
    return lg_call_log(session, view->seq, on_log);
}

static struct lg_op *first_open(const struct gloss_session *session)
{
    struct lg_op *op = session->ops;
    while (op && !is_open(op)) {
        op = op->next;
    }
    return op;
}

void lg_base_pump(struct gloss_session *session, uint64_t now)
{
    if (!session->has_bases || session->state != LG_JOINED || session->is_left || session->doubt.is_there ||
        lg_calls_have(session->g, session, on_log)) {
        return;
    }
    if (now < session->bases_not_before_ms) {
        lg_wake_at(session->g, session->bases_not_before_ms);
        return;
    }
    struct lg_op *op = first_open(session);
    if (!op) {
        session->has_bases = false;
    } else if (!op->view.is_there || op->view.seq < op->base_seq) {
        settle(session, NULL, false);
    } else if (!ask(session, &op->view)) {
        lg_drop_nomem(session->g);
    }
}
