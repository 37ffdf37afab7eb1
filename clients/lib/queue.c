/*
 * queue.c - the ops without an answer, on disk: one journal for an account and a session.
 *
 * Here is when: what goes to the disk before a function says yes, what leaves it and how soon, and when a journal is written anew
 * (most of it is over, or words in it were erased). What is written: queue_write.c; what it says to the next run: queue_read.c; all
 * journals of a folder: queue_list.c.
 *
 * Owns      session->journal and must_forget, has_answers, settle_not_before_ms, compact_bytes; in queue_dir also the file that tells
 *           whose ops they are before there is a connection.
 * Errors    what was to be kept and could not be is said; what leaves the disk late is tried again, or sent again by the next run.
 */
#include <stdio.h>

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

/* ---- opened, written anew, closed */

static void set_limit(struct gloss_session *session)
{
    uint64_t twice = 2 * lg_journal_bytes(session->journal);
    session->compact_bytes = twice > COMPACT_BYTES ? twice : COMPACT_BYTES;
}

static enum gl_code rewrite(struct gloss_session *session)
{
    struct lg_queue_reading rewriting = {.session = session};
    struct gl_err err = {0};
    enum gl_code code = lg_journal_rewrite(session->journal, lg_queue_fill, &rewriting, &err);
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
    if (lg_journal_open(g->queue_dir, name, lg_queue_fill, lg_queue_read, &reading, &session->journal, &err) != GL_OK) {
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
    lg_queue_write_ops(&buf, list, count);
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
    lg_queue_write_renewed(&buf, op);
    return append(session, &buf, true, &err) == GL_OK ? GLOSS_OK : lg_fail_gl(session->g, &err);
}

/* If it cannot be written: the op is sent again by the next run, and refused again. */
void lg_queue_keep(struct gloss_session *session, const struct lg_op *op)
{
    struct gl_buf buf;
    struct gl_err err = {0};
    if (session->journal && op->is_on_disk) {
        gl_buf_init(&buf, SIZE_MAX);
        lg_queue_write_kept(&buf, op);
        (void)append(session, &buf, true, &err);
    }
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
    if (lg_queue_write_answered(session, &buf, &has_refused) == 0) {
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
