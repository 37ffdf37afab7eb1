/*
 * queue_write.c - how what happened is written: each record of a journal as text, and all that a journal begins with when it is written anew.
 *
 * Owns      nothing. Want of memory is remembered by the buffer, or by the journal's writer.
 */
#include "clients/lib/queue_priv.h"

/* ---- single records */

static void write_str(struct gl_buf *buf, const char *name, const char *text)
{
    gl_write_str(buf, name, gl_slice_str(text));
}

static void write_head(const struct gloss_session *session, struct gl_buf *buf)
{
    gl_buf_byte(buf, '{');
    write_str(buf, "account", session->queue_account);
    write_str(buf, "session", session->id);
    write_str(buf, "url", session->g->url);
    gl_buf_byte(buf, '}');
}

static void write_view(struct gl_buf *buf, const struct lg_view *view)
{
    char hex[GLOSS_HASH];
    if (view->is_there) {
        lg_hash_text(&view->chain, hex);
        gl_write_name(buf, "view");
        gl_buf_byte(buf, '{');
        write_str(buf, "chain", hex);
        gl_write_u64(buf, "seq", view->seq);
        gl_buf_byte(buf, '}');
    }
}

/* With what it was before its base was lowered: the server may have it like that. */
static void write_op(struct gl_buf *buf, const struct lg_op *op)
{
    if (!op->original) {
        gl_buf_put(buf, op->request, op->len);
        return;
    }
    gl_buf_put(buf, op->request, op->len - 1);
    gl_buf_str(buf, ",\"was\":");
    gl_buf_put(buf, op->original, op->original_len);
    gl_buf_byte(buf, '}');
}

void lg_queue_write_ops(struct gl_buf *buf, const struct lg_op *list, size_t count)
{
    bool is_one_view = true;
    gl_buf_byte(buf, '{');
    gl_write_u64(buf, "at", (uint64_t)list->since_ms);
    gl_write_name(buf, "ops");
    gl_buf_byte(buf, '[');
    for (const struct lg_op *op = list; op && count > 0; op = op->next, count--) {
        gl_buf_str(buf, op == list ? "" : ",");
        write_op(buf, op);
        is_one_view = is_one_view && lg_base_is_same(&op->view, &list->view);
    }
    gl_buf_byte(buf, ']');
    if (list->group) {
        gl_write_bool(buf, "step", true);
    }
    if (is_one_view) {
        write_view(buf, &list->view);
    }
    gl_buf_byte(buf, '}');
}

void lg_queue_write_kept(struct gl_buf *buf, const struct lg_op *op)
{
    gl_buf_byte(buf, '{');
    gl_write_name(buf, "error");
    gl_buf_byte(buf, '{');
    gl_write_i64(buf, "code", op->error.code);
    if (op->error.data) {
        gl_write_json(buf, "data", op->error.data, (struct gl_slice){NULL, 0});
    }
    write_str(buf, "message", op->error.message);
    gl_buf_str(buf, "},\"kept\":[\"");
    gl_buf_str(buf, op->id);
    gl_buf_str(buf, "\"]");
    if (op->original || op->error.code == GLOSS_E_LOST) {
        gl_buf_str(buf, ",\"renewed\":");
        write_op(buf, op);
    }
    write_view(buf, &op->view);
    gl_buf_byte(buf, '}');
}

static void write_accepted(struct gl_buf *buf, const char *comma, const char *id, uint64_t seq, int64_t at_ms)
{
    gl_buf_str(buf, comma);
    gl_buf_byte(buf, '{');
    gl_write_u64(buf, "at", (uint64_t)at_ms);
    write_str(buf, "id", id);
    gl_write_u64(buf, "seq", seq);
    gl_buf_byte(buf, '}');
}

void lg_queue_write_renewed(struct gl_buf *buf, const struct lg_op *op)
{
    gl_buf_str(buf, "{\"renewed\":");
    write_op(buf, op);
    write_view(buf, &op->view);
    gl_buf_byte(buf, '}');
}

size_t lg_queue_write_answered(const struct gloss_session *session, struct gl_buf *buf, bool *has_refused)
{
    size_t accepted = 0, refused = 0;
    gl_buf_str(buf, "{\"accepted\":[");
    for (const struct lg_op *op = session->ops; op; op = op->next) {
        if (op->is_on_disk && op->is_answered && op->error.code == 0) {
            write_accepted(buf, accepted++ > 0 ? "," : "", op->id, op->seq, lg_time_ms());
        }
    }
    gl_buf_str(buf, "],\"answered\":[");
    for (const struct lg_op *op = session->ops; op; op = op->next) {
        if (op->is_on_disk && op->is_answered && op->error.code != 0) {
            gl_buf_str(buf, refused++ > 0 ? ",\"" : "\"");
            gl_buf_str(buf, op->id);
            gl_buf_byte(buf, '"');
        }
    }
    gl_buf_str(buf, "]}");
    *has_refused = refused > 0;
    return accepted + refused;
}

/* ---- a journal that is written anew */

/* A step, or one that stands for itself. Gives what follows it. */
static const struct lg_accepted *write_remembered(struct gl_buf *buf, const struct lg_accepted *first)
{
    const struct lg_accepted *at = first;
    gl_buf_byte(buf, '{');
    gl_write_u64(buf, "at", (uint64_t)first->since_ms);
    gl_write_name(buf, "ops");
    gl_buf_byte(buf, '[');
    do {
        gl_buf_str(buf, at == first ? "" : ",");
        gl_buf_put(buf, at->request, at->len);
        at = at->next;
    } while (at && first->group && at->group == first->group);
    gl_buf_byte(buf, ']');
    if (first->group) {
        gl_write_bool(buf, "step", true);
    }
    gl_buf_byte(buf, '}');
    return at;
}

/* What was accepted: as if it had been asked for and answered. */
static void fill_accepted(const struct gloss_session *session, struct lg_journal_writer *writer, struct gl_buf *buf)
{
    for (const struct lg_accepted *at = session->accepted; at;) {
        gl_buf_clear(buf);
        at = write_remembered(buf, at);
        lg_journal_add(writer, gl_buf_peek(buf));
    }
    if (!session->accepted && !session->has_forgotten) {
        return;
    }
    gl_buf_clear(buf);
    gl_buf_str(buf, "{\"accepted\":[");
    for (const struct lg_accepted *at = session->accepted; at; at = at->next) {
        write_accepted(buf, at == session->accepted ? "" : ",", at->id, at->seq, at->at_ms);
    }
    gl_buf_str(buf, session->has_forgotten ? "],\"forgotten\":true}" : "]}");
    lg_journal_add(writer, gl_buf_peek(buf));
}

/* What is not over, in order. An atomic step is one record. */
void lg_queue_fill(void *arg, struct lg_journal_writer *writer)
{
    const struct gloss_session *session = ((const struct lg_queue_reading *)arg)->session;
    uint64_t group = 0;
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    write_head(session, &buf);
    lg_journal_add(writer, gl_buf_peek(&buf));
    fill_accepted(session, writer, &buf);
    for (const struct lg_op *op = session->ops; op && buf.code == GL_OK; op = op->next) {
        if (op->is_answered || !op->is_on_disk) {
            continue;
        }
        if (!op->group || op->group != group) {
            gl_buf_clear(&buf);
            lg_queue_write_ops(&buf, op, op->group ? op->group_left : 1);
            lg_journal_add(writer, gl_buf_peek(&buf));
        }
        group = op->group;
        bool is_to_ask = op->state == LG_OP_REFUSED && op->error.code == GLOSS_E_LOST; /* not sent before */
        if (op->state == LG_OP_KEPT || is_to_ask) {
            gl_buf_clear(&buf);
            lg_queue_write_kept(&buf, op);
            lg_journal_add(writer, gl_buf_peek(&buf));
        }
    }
    if (buf.code != GL_OK) {
        writer->file.code = buf.code;
    }
    gl_buf_fini(&buf);
}
