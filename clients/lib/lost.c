/*
 * lost.c - whether what was accepted is still in the server's log, and what becomes of it when it is not.
 *
 * A log goes back in time by losing its end, so two questions are enough when all is well: is the chain that was here still there; is the newest op
 * that was accepted? Otherwise the first one that is lost is found by halving. The lost ones wait in front of what has no answer yet, refused as
 * `lost`: the program decides. A base of the other past says nothing of this one; it becomes the newest seq of which both pasts are known to be the same.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define LOWER_AGAIN_MS 1000 /* after the disk would not take a base */

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

/* ---- doubts */

void lg_lost_doubt(struct gloss_session *session, bool has_chain)
{
    struct lg_doubt *doubt = &session->doubt;
    if (doubt->is_there && doubt->went_back) { /* and once more */
        doubt->is_searching = doubt->is_told = false;
        doubt->same_seq = 0;
    } else if (!doubt->is_there || (has_chain && !doubt->has_chain)) {
        *doubt = (struct lg_doubt){.is_there = true, .has_chain = has_chain, .seq = session->seq, .chain = session->chain};
    }
    for (struct lg_op *op = session->ops; op; op = op->next) {
        op->is_doubted = true;
    }
}

void lg_lost_joined(struct gloss_session *session, bool is_proven)
{
    uint64_t newest = 0;
    for (const struct lg_accepted *at = session->accepted; at; at = at->next) {
        newest = at->seq > newest ? at->seq : newest;
    }
    if (!is_proven) {
        lg_base_joined(session);
    }
    if (!session->doubt.is_there && newest > (is_proven ? session->seq : 0)) {
        lg_lost_doubt(session, is_proven && session->seq > 0);
    }
}

/* ---- what is lost */

static struct lg_accepted *at_index(const struct gloss_session *session, size_t index)
{
    struct lg_accepted *at = session->accepted;
    while (at && index-- > 0) {
        at = at->next;
    }
    return at;
}

/* The program may leave, and with the session goes the op: nothing is lent from it. */
static void tell(struct gloss_session *session, struct lg_op *op)
{
    json_t *asked = json_incref((json_t *)(uintptr_t)lg_op_asked(op));
    const json_t *change = json_object_get(asked, "change");
    struct gloss_error error = {0};
    char id[GLOSS_ID];
    memcpy(id, op->id, sizeof(id));
    lg_error_set(&error, GLOSS_E_LOST, "it was accepted as op %llu, and the server has lost it", (unsigned long long)op->seq);
    const struct gloss_event event = {.type = GLOSS_EV_LOST,
                                      .session = session,
                                      .seq = op->seq,
                                      .op = id,
                                      .kind = json_string_value(json_object_get(change, "kind")),
                                      .payload = asked,
                                      .error = &error};
    lg_emit(session->g, &event);
    gloss_error_clear(&error);
    json_decref(asked);
}

static void tell_forgotten(struct gloss_session *session, uint64_t seq)
{
    struct gloss_error error = {0};
    lg_error_set(&error, GLOSS_E_LOST, "what was accepted before op %llu is not remembered here; some of it may be lost, too",
                 (unsigned long long)seq);
    const struct gloss_event event = {.type = GLOSS_EV_LOST, .session = session, .seq = seq, .error = &error};
    lg_emit(session->g, &event);
    gloss_error_clear(&error);
}

/* A base of a past that is not there any more. What is kept, or to be decided on, is written with that decision. False: out of memory, or the disk is full. */
bool lg_lost_lower(struct gloss_session *session, struct lg_op *op, uint64_t same)
{
    bool is_waiting = op->state == LG_OP_WAITING, is_on_disk = op->is_on_disk;
    const json_t *base = op->request ? json_object_get(lg_op_asked(op), "base") : NULL;
    if (op->request && !lg_op_asked(op)) {
        return false;
    }
    if (!json_is_integer(base) || (uint64_t)json_integer_value(base) <= same) {
        return true;
    }
    json_t *lower = json_integer((json_int_t)same);
    bool was_lowered = op->original != NULL; /* if it arrived, then as it was first */
    if (!was_lowered) {
        op->original = strndup(op->request, op->len);
        op->original_len = op->len;
    }
    if (!op->is_left_over || op->is_base_known) {
        lg_base_see(session, op);
    }
    op->is_on_disk = is_on_disk && is_waiting;
    bool is_lower = op->original && lower && lg_op_renew(session, op, lower, NULL) == GLOSS_OK;
    op->is_on_disk = is_on_disk;
    json_decref(lower);
    if (!is_lower && !was_lowered) {
        free(op->original);
        op->original = NULL;
    }
    if (is_lower && op->state == LG_OP_KEPT) {
        lg_queue_keep(session, op);
    }
    return is_lower;
}

/* An op of its own for each, as one that an earlier run has left; NULL with *count > 0: out of memory. */
static struct lg_op *make_ops(struct gloss_session *session, size_t first, size_t *count)
{
    struct lg_op *list = NULL, **end = &list;
    *count = 0;
    for (const struct lg_accepted *at = at_index(session, first); at; at = at->next) {
        struct lg_op **place = end;
        ++*count;
        if (lg_accepted_op(at, place) != GL_OK) {
            lg_ops_free(list);
            return NULL;
        }
        (*place)->seq = at->seq;
        (*place)->is_on_disk = session->journal != NULL;
        (*place)->is_doubted = (*place)->is_base_known = true;
        lg_base_see(session, *place);
        (*place)->state = LG_OP_REFUSED;
        end = &(*place)->next;
    }
    return list;
}

/* Of a step one op is asked about, for all of them. */
static void name_errors(struct lg_op *list)
{
    uint64_t group = 0;
    lg_ops_count(list);
    for (struct lg_op *op = list; op; op = op->next) {
        bool is_first = !op->group || op->group != group;
        group = op->group;
        lg_error_set(&op->error, is_first ? GLOSS_E_LOST : GLOSS_E_ATOMIC_REFUSED,
                     is_first ? "it was accepted as op %llu, and the server has lost it"
                              : "op %llu is of a step that the server has lost",
                     (unsigned long long)op->seq);
        op->error.data = json_pack("{s:s, s:I}", "name", op->error.name, "accepted_as", (json_int_t)op->seq); /* or nothing */
    }
}

static void put_in_front(struct gloss_session *session, struct lg_op *list, size_t first, size_t count)
{
    struct lg_op **end = &list->next;
    while (session->accepted_count > first) {
        lg_accepted_free(lg_accepted_take(session, at_index(session, first)->id));
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = session->ops;
    if (!session->ops) {
        session->ops_end = end;
    }
    session->ops = list;
    session->unanswered += count;
    session->looked_at = NULL;
}

static bool goes_on(const struct gloss_session *session)
{
    return !session->is_left && !lg_is_over(session->g) && session->state == LG_JOINED;
}

/* One by one; the program may leave, and may submit more, but nothing of what is told goes before the pump asks about it. */
static void tell_all(struct gloss_session *session, size_t count, bool is_all)
{
    struct lg_op *op = session->ops;
    uint64_t first = op->seq;
    for (size_t i = 0; i < count && goes_on(session); i++) {
        struct lg_op *next = op->next;
        tell(session, op);
        op = next;
    }
    if (is_all && session->has_forgotten && goes_on(session)) {
        tell_forgotten(session, first);
    }
}

/* Nothing is sent before all are lowered: what cannot be written now is tried again. */
static void lower_all(struct gloss_session *session)
{
    struct lg_doubt *doubt = &session->doubt;
    bool is_lower = true;
    for (struct lg_op *op = session->ops; op; op = op->next) {
        if (op->is_doubted && op->state != LG_OP_DONE) {
            lg_pending_unshow(session, op, doubt->same_seq);
            op->is_doubted = !lg_lost_lower(session, op, doubt->same_seq);
            is_lower &= !op->is_doubted;
        }
    }
    if (is_lower) {
        memset(doubt, 0, sizeof(*doubt));
        return;
    }
    doubt->is_told = true;
    doubt->not_before_ms = lg_now_ms() + LOWER_AGAIN_MS;
    lg_wake_at(session->g, doubt->not_before_ms);
}

/* Those from `first` on are not there. */
static void lose(struct gloss_session *session, size_t first)
{
    size_t count;
    struct lg_op *list = make_ops(session, first, &count);
    if (count > 0 && !list) {
        lg_drop_nomem(session->g);
        return;
    }
    name_errors(list);
    if (list) {
        put_in_front(session, list, first, count);
    }
    lower_all(session);
    if (count > 0) {
        tell_all(session, count, first == 0);
    }
}

static void no_doubt(struct gloss_session *session)
{
    memset(&session->doubt, 0, sizeof(session->doubt));
    for (struct lg_op *op = session->ops; op; op = op->next) {
        op->is_doubted = false;
    }
}

/* ---- looking */

static void begin_search(struct gloss_session *session)
{
    struct lg_doubt *doubt = &session->doubt;
    doubt->is_searching = true;
    doubt->low = 0;
    doubt->high = session->accepted_count;
    for (const struct lg_accepted *at = session->accepted; at && at->seq <= doubt->same_seq; at = at->next) {
        doubt->low++;
    }
    doubt->asked = doubt->high > 0 ? doubt->high - 1 : 0; /* the newest first: when it is there, all are */
}

/* What it looks like once everything is here: then the program can be shown what stands there now. */
void lg_lost_pump(struct gloss_session *session, uint64_t now)
{
    struct lg_doubt *doubt = &session->doubt;
    bool is_here = session->state == LG_JOINED && (session->is_submit_only || session->is_synced);
    if (!doubt->is_there || !is_here || session->is_left || lg_calls_have(session->g, session, on_log)) {
        return;
    }
    if (now < doubt->not_before_ms) {
        lg_wake_at(session->g, doubt->not_before_ms);
        return;
    }
    if (doubt->is_told) {
        lower_all(session);
        return;
    }
    if (!doubt->has_chain && !doubt->is_searching) {
        begin_search(session);
    }
    if (!doubt->has_chain && doubt->low >= doubt->high) {
        if (doubt->went_back) {
            lose(session, doubt->low);
        } else {
            no_doubt(session);
        }
        session->g->is_due = true;
        return;
    }
    if (!lg_call_log(session, doubt->has_chain ? doubt->seq : at_index(session, doubt->asked)->seq - 1, on_log)) {
        lg_drop_nomem(session->g);
    }
}

bool gloss_session_is_proven(const struct gloss_session *session)
{
    return session->state == LG_JOINED && !session->doubt.is_there && !session->has_bases;
}

/* An erased op does not say whose it was; it is ours, if nothing else says that the log is another one. */
static bool is_there(const struct gloss_session *session, const struct lg_accepted *accepted, const json_t *result)
{
    const json_t *logged = json_array_get(json_object_get(result, "ops"), 0), *payload = json_object_get(logged, "payload");
    const char *id = json_string_value(json_object_get(payload, "op"));
    return payload ? id && strcmp(id, accepted->id) == 0 : logged && !session->doubt.went_back;
}

static void take_chain(struct lg_doubt *doubt, const json_t *result)
{
    gl_hash chain;
    bool is_same = lg_json_hash(result, "chain_before", &chain) && gl_hash_equal(&chain, &doubt->chain);
    doubt->has_chain = false;
    doubt->went_back = !is_same;
    doubt->same_seq = is_same ? doubt->seq : 0;
}

static void take_place(struct gloss_session *session, const json_t *result)
{
    struct lg_doubt *doubt = &session->doubt;
    const struct lg_accepted *accepted = doubt->is_searching ? at_index(session, doubt->asked) : NULL;
    if (!accepted) {
        return; /* some went meanwhile: it begins again */
    }
    if (is_there(session, accepted, result)) {
        doubt->same_seq = accepted->seq > doubt->same_seq ? accepted->seq : doubt->same_seq;
        doubt->low = doubt->asked + 1;
    } else {
        doubt->went_back = true;
        doubt->high = doubt->asked;
    }
    doubt->asked = doubt->low + (doubt->high - doubt->low) / 2;
}

static void on_log(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    struct lg_doubt *doubt = &session->doubt;
    bool is_beyond = error && error->code == GLOSS_E_INVALID_PARAMS; /* the log ends before */
    if (!doubt->is_there || session->state != LG_JOINED) {
        return;
    }
    if (error && lg_error_is_later(error)) {
        doubt->not_before_ms = lg_now_ms() + lg_retry_delay(g, error, 0);
        lg_wake_at(g, doubt->not_before_ms);
    } else if (error && !is_beyond) {
        lg_session_fail(session, error);
    } else if (doubt->has_chain) {
        take_chain(doubt, result);
    } else {
        take_place(session, result);
    }
    g->is_due = true;
}
