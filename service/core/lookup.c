/*
 * lookup.c - a refusal is said only of ops that are not in the log.
 *
 * An op that was accepted long ago may be sent again by a client that never heard so. Judged anew it would be refused (somebody changed the field since), and
 * the client would believe that its work was lost. So when memory does not reach back to the log's beginning, the log is asked first.
 */
#include "service/core/group_priv.h"

struct lookup {
    struct session *session;
    gl_uuid *ids;
    size_t count;
};

static bool is_doubtful(const struct session *session, const struct tried *tried)
{
    return tried->outcome.code != GL_OK && tried->outcome.code != GL_E_ID_REUSED && !tried->op->is_new && session->known_count < session->state->seq;
}

static void mark_new(struct session *session, const struct lookup *lookup)
{
    struct map asked;
    map_init(&asked);
    for (size_t i = 0; i < lookup->count; i++)
        map_put(&asked, &lookup->ids[i], session);
    for (struct waiting_op *op = session->waiting; op; op = op->next)
        op->is_new |= map_get(&asked, &op->id) != NULL;
    map_fini(&asked);
}

static void on_found(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct lookup *lookup = ctx;
    struct session *session = lookup->session;
    session->is_looking_up = false;
    for (size_t i = 0; code == GL_OK && i < store_rows_count(rows); i++) {
        gl_uuid op = store_uuid(rows, i, 0);
        struct gl_slice hash = store_bytes(rows, i, 2);
        struct known_op known = {.seq = store_u64(rows, i, 1), .account = store_uuid(rows, i, 3)};
        memcpy(known.request_hash.bytes, hash.data, hash.len < 32 ? hash.len : 32);
        session_remember_op(session, &op, &known);
    }
    if (code == GL_OK)
        mark_new(session, lookup); /* those that were found are known now, which is asked first */
    writer_kick(session->core);    /* when the store is down: it comes back here, until the ops expire */
    session_release(session);
    mem_free(&lookup->ids);
    mem_free(&lookup);
}

bool part_must_look_up(struct part *part)
{
    struct session *session = part->session;
    const gl_uuid account = part->tried_count > 0 ? part->tried[0].op->account : session->id;
    size_t doubtful = 0;
    for (size_t i = 0; i < part->tried_count; i++)
        doubtful += is_doubtful(session, &part->tried[i]);
    if (doubtful == 0)
        return false;
    struct lookup *lookup = mem_alloc(sizeof *lookup);
    lookup->session = session;
    lookup->ids = mem_array(part->tried_count, sizeof *lookup->ids);
    for (size_t i = 0; i < part->tried_count; i++)
        if (!part->tried[i].op->is_new)
            lookup->ids[lookup->count++] = part->tried[i].op->id;
    session->is_looking_up = true;
    session->uses++;
    store_query(session->core->store, STORE_Q_ops_by_id, &account,
                (struct store_param[]){P_UUID(session->id), P_BYTES(lookup->ids, lookup->count * sizeof *lookup->ids)}, 2, on_found, lookup);
    part_give_back(part);
    return true;
}
