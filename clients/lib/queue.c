/*
 * queue.c - the ops without an answer, on disk: one journal for an account and a session.
 *
 * When most of a journal is over it is written anew.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/queue_priv.h"

#define COMPACT_BYTES   32768
#define IDLE_BYTES      1024 /* a journal without ops is not left larger */
#define SETTLE_AGAIN_MS 1000 /* after the disk would not take what was answered */

bool lg_queue_is_wanted(const struct gloss_session *session)
{
    return session->g->queue_dir && !session->no_queue;
}

static void name_of(const char *account, const char *session, char name[2 * GLOSS_ID + sizeof(LG_QUEUE_SUFFIX)])
{
    (void)snprintf(name, 2 * GLOSS_ID + sizeof(LG_QUEUE_SUFFIX), "%s.%s" LG_QUEUE_SUFFIX, account, session);
}

/* ---- records */

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

/* Ops from list on: a step, or one that stands for itself, or (many) all of them. */
static void write_ops(struct gl_buf *buf, const struct lg_op *list, size_t count)
{
    bool is_one_view = true;
    gl_buf_byte(buf, '{');
    gl_write_u64(buf, "at", (uint64_t)list->since_ms);
    gl_write_name(buf, "ops");
    gl_buf_byte(buf, '[');
    for (const struct lg_op *op = list; op && count > 0; op = op->next, count--) {
        gl_buf_str(buf, op == list ? "" : ",");
        gl_buf_put(buf, op->request, op->len);
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

static void write_kept(struct gl_buf *buf, const struct lg_op *op)
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
        gl_buf_put(buf, op->request, op->len);
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

/* ---- opened, written anew, closed */

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
static void fill(void *arg, struct lg_journal_writer *writer)
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
            write_ops(&buf, op, op->group ? op->group_left : 1);
            lg_journal_add(writer, gl_buf_peek(&buf));
        }
        group = op->group;
        bool is_to_ask = op->state == LG_OP_REFUSED && op->error.code == GLOSS_E_LOST; /* not sent before */
        if (op->state == LG_OP_KEPT || is_to_ask) {
            gl_buf_clear(&buf);
            write_kept(&buf, op);
            lg_journal_add(writer, gl_buf_peek(&buf));
        }
    }
    if (buf.code != GL_OK) {
        writer->file.code = buf.code;
    }
    gl_buf_fini(&buf);
}

static void set_limit(struct gloss_session *session)
{
    uint64_t twice = 2 * lg_journal_bytes(session->journal);
    session->compact_bytes = twice > COMPACT_BYTES ? twice : COMPACT_BYTES;
}

static enum gl_code rewrite(struct gloss_session *session)
{
    struct lg_queue_reading rewriting = {.session = session};
    struct gl_err err = {0};
    enum gl_code code = lg_journal_rewrite(session->journal, fill, &rewriting, &err);
    if (code == GL_OK) {
        set_limit(session);
    }
    return code;
}

/* Appends what is in buf, and drops it. What cannot be appended may be when the file was written anew. */
static enum gl_code append(struct gloss_session *session, struct gl_buf *buf, bool sync, struct gl_err *err)
{
    enum gl_code code = buf->code == GL_OK ? lg_journal_append(session->journal, gl_buf_peek(buf), sync, err)
                                           : gl_fail(err, buf->code, "a record of the queue cannot be written");
    if (code == GL_E_SYSTEM && rewrite(session) == GL_OK) {
        code = lg_journal_append(session->journal, gl_buf_peek(buf), sync, err);
    }
    gl_buf_fini(buf);
    return code;
}

int lg_queue_open(struct gloss_session *session)
{
    struct gloss *g = session->g;
    struct lg_queue_reading reading = {.session = session};
    struct gl_err err = {0};
    char name[2 * GLOSS_ID + sizeof(LG_QUEUE_SUFFIX)];
    if (!lg_queue_is_wanted(session) || session->journal) {
        return GLOSS_OK;
    }
    memcpy(session->queue_account, g->account_id, GLOSS_ID);
    name_of(session->queue_account, session->id, name);
    if (lg_journal_open(g->queue_dir, name, fill, lg_queue_read, &reading, &session->journal, &err) != GL_OK) {
        lg_submit_free(session);
        return lg_fail_gl(g, &err);
    }
    set_limit(session);
    if (session->is_evicted) {
        lg_queue_forget(session); /* what is too old to be remembered does not stay on disk either */
    }
    return GLOSS_OK;
}

void lg_queue_close(struct gloss_session *session)
{
    session->must_forget = false; /* there is nothing any more to write to */
    lg_journal_close(&session->journal);
}

/* ---- what happens to ops */

int lg_queue_put(struct gloss_session *session, struct lg_op *list)
{
    struct gl_buf buf;
    struct gl_err err = {0};
    size_t count = 0;
    if (!lg_queue_is_wanted(session)) {
        return GLOSS_OK;
    }
    if (!session->journal) {
        return lg_fail(session->g, GLOSS_E_SETTING,
                       "it is not known here yet who you are, so the op cannot be kept: sign in once, or give account_id");
    }
    for (const struct lg_op *op = list; op; op = op->next) {
        count++;
    }
    gl_buf_init(&buf, SIZE_MAX);
    write_ops(&buf, list, count);
    if (append(session, &buf, true, &err) != GL_OK) {
        return lg_fail_gl(session->g, &err);
    }
    for (struct lg_op *op = list; op; op = op->next) {
        op->is_on_disk = true;
    }
    return GLOSS_OK;
}

int lg_queue_renew(struct gloss_session *session, const struct lg_op *op)
{
    struct gl_buf buf;
    struct gl_err err = {0};
    if (!session->journal) {
        return GLOSS_OK;
    }
    gl_buf_init(&buf, SIZE_MAX);
    gl_buf_str(&buf, "{\"renewed\":");
    gl_buf_put(&buf, op->request, op->len);
    write_view(&buf, &op->view);
    gl_buf_byte(&buf, '}');
    return append(session, &buf, true, &err) == GL_OK ? GLOSS_OK : lg_fail_gl(session->g, &err);
}

/* If it cannot be written: the op is sent again by the next run, and refused again. */
void lg_queue_keep(struct gloss_session *session, const struct lg_op *op)
{
    struct gl_buf buf;
    struct gl_err err = {0};
    if (session->journal && op->is_on_disk) {
        gl_buf_init(&buf, SIZE_MAX);
        write_kept(&buf, op);
        (void)append(session, &buf, true, &err);
    }
}

/* Ops that were accepted may stay in the file after a loss of power: sent again they change nothing. Those that were refused
 * might be taken then, after the program was told that they were not. */
static size_t write_answered(const struct gloss_session *session, struct gl_buf *buf, bool *has_refused)
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

static void compact(struct gloss_session *session)
{
    bool is_idle = !session->accepted;
    for (const struct lg_op *op = session->ops; op && is_idle; op = op->next) {
        is_idle = op->is_answered || !op->is_on_disk;
    }
    if (lg_journal_bytes(session->journal) > (is_idle ? IDLE_BYTES : session->compact_bytes)) {
        (void)rewrite(session); /* if not now, then the next time */
    }
}

/* What was answered is in the file until it is written anew, and with it what was said. */
static void write_anew(struct gloss_session *session)
{
    if (session->must_forget && rewrite(session) == GL_OK) {
        session->must_forget = false;
    }
}

void lg_queue_forget(struct gloss_session *session)
{
    session->must_forget = session->journal != NULL;
    session->g->is_due = true;
}

bool lg_queue_may_send_again(const struct lg_op *op)
{
    return op->is_on_disk && op->is_answered && op->error.code != 0;
}

void lg_queue_settle(struct gloss_session *session)
{
    struct gl_buf buf;
    struct gl_err err = {0};
    bool has_refused = false;
    if (!session->journal || !session->has_answers) {
        write_anew(session);
        return;
    }
    if (lg_now_ms() < session->settle_not_before_ms) {
        lg_wake_at(session->g, session->settle_not_before_ms);
        return;
    }
    gl_buf_init(&buf, SIZE_MAX);
    if (write_answered(session, &buf, &has_refused) == 0) {
        session->has_answers = false;
        gl_buf_fini(&buf);
        write_anew(session);
        return;
    }
    if (append(session, &buf, has_refused, &err) != GL_OK) {
        session->settle_not_before_ms = lg_now_ms() + SETTLE_AGAIN_MS;
        lg_wake_at(session->g, session->settle_not_before_ms);
        return;
    }
    session->has_answers = false;
    for (struct lg_op *op = session->ops; op; op = op->next) {
        op->is_on_disk &= !op->is_answered;
    }
    compact(session);
    write_anew(session);
}

/* ---- whose ops they are */

static bool who_name(const struct gloss *g, char name[64])
{
    struct gl_buf buf;
    char hex[65];
    gl_buf_init(&buf, SIZE_MAX);
    gl_buf_str(&buf, g->url);
    gl_buf_byte(&buf, '\n');
    gl_buf_str(&buf, g->token[0] ? g->token : g->account);
    gl_hash hash = gl_sha256(buf.data, buf.len);
    bool is_made = buf.code == GL_OK;
    explicit_bzero(buf.data, buf.len);
    gl_buf_fini(&buf);
    lg_hash_text(&hash, hex);
    (void)snprintf(name, 64, "who.%.32s", hex);
    return is_made;
}

void lg_queue_remember(struct gloss *g)
{
    struct gl_err err = {0};
    char name[64];
    if (g->queue_dir && strcmp(g->account_id, g->known_account) != 0 && who_name(g, name) &&
        lg_file_write(g->queue_dir, name, gl_slice_str(g->account_id), &err) == GL_OK) {
        memcpy(g->known_account, g->account_id, GLOSS_ID);
    }
}

void lg_queue_recall(struct gloss *g)
{
    struct gl_buf buf;
    struct gl_err err = {0};
    gl_uuid id;
    char name[64];
    gl_buf_init(&buf, GLOSS_ID);
    if (g->queue_dir && !g->account_id[0] && who_name(g, name) && lg_file_read(g->queue_dir, name, &buf, &err) == GL_OK &&
        gl_uuid_parse(gl_buf_peek(&buf), &id)) {
        gl_uuid_format(&id, g->account_id);
        memcpy(g->known_account, g->account_id, GLOSS_ID);
    }
    gl_buf_fini(&buf);
}
