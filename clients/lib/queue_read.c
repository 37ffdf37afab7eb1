/*
 * queue_read.c - what the records of a journal say: each one read does to a session what had happened when it was written.
 *
 * Owns      nothing; what is read becomes the session's: ops that wait or are kept, and what is remembered of accepted ones.
 * Errors    a record that cannot be read, or of another account, ends the reading; lg_queue_open then drops what was read before it.
 */
#include "clients/lib/queue_priv.h"

/* None: nothing is known. */
static void read_view(const json_t *record, struct lg_view *view)
{
    const json_t *told = json_object_get(record, "view");
    view->is_there = told && lg_json_hash(told, "chain", &view->chain);
    view->seq = (uint64_t)json_integer_value(json_object_get(told, "seq"));
}

static enum gl_code read_ops(struct gloss_session *session, const json_t *record, struct gl_err *err)
{
    const json_t *ops = json_object_get(record, "ops");
    struct lg_op *list = NULL, **end = &list;
    enum gl_code code = GL_OK;
    size_t count = json_array_size(ops);
    for (size_t i = 0; i < count && code == GL_OK; i++) {
        code = lg_op_read(json_array_get(ops, i), end);
        if (code == GL_OK) {
            (*end)->index = i;
            (*end)->since_ms = (int64_t)json_integer_value(json_object_get(record, "at"));
            (*end)->is_on_disk = (*end)->is_left_over = session->has_bases = true;
            read_view(record, &(*end)->view);
            end = &(*end)->next;
        }
    }
    if (code != GL_OK) {
        lg_ops_free(list);
        return gl_fail(err, code, "a record of the queue cannot be read");
    }
    if (json_is_true(json_object_get(record, "step"))) {
        lg_ops_group(session->g, list, count);
    }
    if (list) {
        *session->ops_end = list;
        session->ops_end = end;
        session->unanswered += count;
    }
    return GL_OK;
}

/* Out of the list; NULL: it is not there. */
static struct lg_op *take(struct gloss_session *session, const char *id)
{
    struct lg_op **at = &session->ops;
    while (*at && strcmp((*at)->id, id) != 0) {
        at = &(*at)->next;
    }
    struct lg_op *op = *at;
    if (op) {
        *at = op->next;
        session->ops_end = op->next ? session->ops_end : at;
        session->unanswered--;
        session->kept -= op->state == LG_OP_KEPT;
    }
    return op;
}

/* One of those that wait, or were accepted and turned out to be lost. */
static struct lg_op *find(struct gloss_session *session, const json_t *id, enum gl_code *code)
{
    const char *text = json_string_value(id) ? json_string_value(id) : "";
    struct lg_op *op = lg_op_find(session, text);
    return op ? op : lg_accepted_recall(session, text, code);
}

static enum gl_code forget(struct gloss_session *session, const json_t *ids)
{
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < json_array_size(ids) && code == GL_OK; i++) {
        struct lg_op *op = find(session, json_array_get(ids, i), &code);
        if (op) {
            lg_op_free(take(session, op->id));
        }
    }
    return code;
}

static enum gl_code read_accepted(struct gloss_session *session, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *told = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(told, "id"));
        struct lg_op *op = id ? take(session, id) : NULL;
        struct lg_accepted *accepted = op ? lg_accepted_of(op, (uint64_t)json_integer_value(json_object_get(told, "seq")),
                                                           (int64_t)json_integer_value(json_object_get(told, "at")))
                                          : NULL;
        if (op) {
            lg_op_free(op);
        }
        if (op && !accepted) {
            return GL_E_NOMEM;
        }
        if (accepted) {
            lg_accepted_put(session, accepted);
        }
    }
    return GL_OK;
}

/* A step is kept, or waits, as a whole, even if the program ended before each of its ops had its record. */
static void wait_again(struct gloss_session *session, const struct lg_op *op)
{
    for (struct lg_op *at = session->ops; at; at = at->next) {
        if (lg_op_shares_step(op, at)) {
            session->kept -= at->state == LG_OP_KEPT;
            at->state = LG_OP_WAITING;
        }
    }
}

static enum gl_code read_renewed(struct gloss_session *session, const json_t *record, struct gl_err *err)
{
    const json_t *asked = json_object_get(record, "renewed");
    struct lg_op *renewed = NULL;
    enum gl_code code = lg_op_read(asked, &renewed);
    struct lg_op *op = code == GL_OK ? find(session, json_object_get(asked, "id"), &code) : NULL;
    if (code != GL_OK) {
        if (renewed) {
            lg_op_free(renewed);
        }
        return gl_fail(err, code, "a record of the queue cannot be read");
    }
    if (op) {
        lg_op_swap_texts(op, renewed);
        op->base_seq = renewed->base_seq;
        read_view(record, &op->view);
        session->has_bases = true;
        op->is_create = renewed->is_create;
        memcpy(op->base, renewed->base, sizeof(op->base));
        memcpy(op->subject, renewed->subject, sizeof(op->subject));
        wait_again(session, op);
    }
    lg_op_free(renewed);
    return GL_OK;
}

static enum gl_code read_kept(struct gloss_session *session, const json_t *record, struct gl_err *err)
{
    const json_t *renewed = json_object_get(record, "renewed");
    enum gl_code code = renewed ? read_renewed(session, record, err) : GL_OK;
    struct lg_op *op = find(session, json_array_get(json_object_get(record, "kept"), 0), &code);
    for (struct lg_op *at = op ? session->ops : NULL; at; at = at->next) {
        if (lg_op_shares_step(op, at) && at->state != LG_OP_KEPT) {
            session->kept++;
            at->state = LG_OP_KEPT;
            lg_error_set(&at->error, GLOSS_E_ATOMIC_REFUSED, "another op of its step was refused, and is kept");
        }
    }
    if (op) {
        lg_error_take_json(&op->error, json_object_get(record, "error"));
        read_view(record, &op->view);
        session->has_bases = true;
    }
    return code;
}

static enum gl_code read_over(struct gloss_session *session, const json_t *record, struct gl_err *err)
{
    enum gl_code code = read_accepted(session, json_object_get(record, "accepted"));
    session->has_forgotten |= json_is_true(json_object_get(record, "forgotten"));
    if (code == GL_OK) {
        code = forget(session, json_object_get(record, "answered"));
    }
    return code == GL_OK ? code : gl_fail(err, code, "a record of the queue cannot be read");
}

enum gl_code lg_queue_read(void *arg, struct gl_slice payload, struct gl_err *err)
{
    struct lg_queue_reading *reading = arg;
    struct gloss_session *session = reading->session;
    json_t *record = NULL;
    enum gl_code code = gl_json_load(payload, &record, err);
    const char *account = json_string_value(json_object_get(record, "account"));
    if (code != GL_OK) {
        return code;
    }
    if (account) {
        reading->has_head = strcmp(account, session->queue_account) == 0;
    } else if (!reading->has_head) {
        code = gl_fail(err, GL_E_CHECKSUM, "the queue belongs to somebody else");
    } else if (json_object_get(record, "ops")) {
        code = read_ops(session, record, err);
    } else if (json_object_get(record, "kept")) {
        code = read_kept(session, record, err);
    } else if (json_object_get(record, "renewed")) {
        code = read_renewed(session, record, err);
    } else {
        code = read_over(session, record, err);
    }
    json_decref(record);
    return code;
}
