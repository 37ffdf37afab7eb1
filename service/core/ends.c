/*
 * ends.c - the far ends of relations into other sessions: whether they are there, for who asks, and what label they have.
 *
 * The judge says which ops need one. Everything of that session waits until the store has answered, as with lookup.c; each op is asked for once.
 */
#include "service/core/group_priv.h"

struct ends {
    struct session *session;
    gl_uuid account;
    gl_uuid *requests, *sessions, *annotations;
    struct judge_far *found;
    size_t count;
};

/* By what is asked, not by its id: two that wait may have the same, and be about different ends. */
static gl_uuid request_key(const struct waiting_op *op)
{
    gl_uuid key;
    memcpy(key.bytes, op->request_hash.bytes, sizeof key.bytes);
    return key;
}

static void mark(const struct ends *ends, const struct store_rows *rows)
{
    struct map found; /* request_key -> struct judge_far */
    map_init(&found);
    for (size_t i = 0; i < ends->count; i++) {
        ends->found[i] = (struct judge_far){ends->sessions[i], ends->annotations[i], .is = JUDGE_FAR_MISSING};
        map_put(&found, &ends->requests[i], &ends->found[i]);
    }
    for (size_t i = 0; i < store_rows_count(rows); i++) {
        struct judge_far *far = &ends->found[store_u64(rows, i, 0) - 1];
        far->is = store_bool(rows, i, 2) ? JUDGE_FAR_DELETED : JUDGE_FAR_THERE;
        far->has_label = !store_is_null(rows, i, 1);
        far->label = store_uuid(rows, i, 1);
    }
    for (struct waiting_op *op = ends->session->waiting; op; op = op->next) {
        const gl_uuid key = request_key(op);
        const struct judge_far *far = map_get(&found, &key);
        if (far && gl_uuid_equal(&op->account, &ends->account))
            op->far = *far;
    }
    map_fini(&found);
}

static void on_ends(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct ends *ends = ctx;
    struct session *session = ends->session;
    session->is_looking_up = false;
    if (code == GL_OK)
        mark(ends, rows);
    else
        session->not_before_ms = loop_now_ms(session->core->loop) + READ_BACK_OFF_MS;
    session_heard(session, 0);
    writer_kick(session->core); /* when the store is down it comes back here, until the ops expire */
    session_release(session);
    mem_free(&ends->requests);
    mem_free(&ends->sessions);
    mem_free(&ends->annotations);
    mem_free(&ends->found);
    mem_free(&ends);
}

/* All that one account needs: whose op comes first is asked for first. */
bool part_must_ask_ends(struct part *part)
{
    struct session *session = part->session;
    struct ends *ends = NULL;
    for (size_t i = 0; i < part->tried_count; i++) {
        const struct tried *tried = &part->tried[i];
        if (!tried->wants_far || (ends && !gl_uuid_equal(&tried->op->account, &ends->account)))
            continue;
        if (!ends) {
            ends = mem_alloc(sizeof *ends);
            *ends = (struct ends){.session = session, .account = tried->op->account};
            ends->requests = mem_array(part->tried_count, sizeof *ends->requests);
            ends->sessions = mem_array(part->tried_count, sizeof *ends->sessions);
            ends->annotations = mem_array(part->tried_count, sizeof *ends->annotations);
            ends->found = mem_array(part->tried_count, sizeof *ends->found);
        }
        ends->requests[ends->count] = request_key(tried->op);
        ends->sessions[ends->count] = tried->far.to_session;
        ends->annotations[ends->count++] = tried->far.to;
    }
    if (!ends)
        return false;
    session->is_looking_up = true;
    session->uses++;
    const size_t bytes = ends->count * sizeof(gl_uuid);
    store_query(
        session->core->store, STORE_Q_annotation_ends, &ends->account,
        (struct store_param[]){P_UUID(session->project->id), P_BYTES(ends->sessions, bytes), P_BYTES(ends->annotations, bytes)},
        3, on_ends, ends);
    part_give_back(part);
    return true;
}
