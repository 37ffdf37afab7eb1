/*
 * lookup.c - a refusal is said only after a look into the log.
 *
 * An op that was accepted may be sent again by a client that never heard so, perhaps to another worker, perhaps a day later. Judged anew it would often be
 * refused (somebody changed the field since), and the client would believe that its work was lost. Memory knows the newest op ids only, and it may be behind
 * what other workers appended. So the log is asked first whether it has the op, and where it ends: a refusal holds when the judge had seen all of it.
 */
#include "service/core/group_priv.h"

struct lookup {
    struct session *session;
    gl_uuid account;
    gl_uuid *ids; /* of the ops, and of those that they name as their base */
    size_t count;
};

#define LOOKUPS_MAX 8 /* while other workers append faster than this one reads, a refusal is said after so many looks */

static bool is_doubtful(const struct session *session, const struct tried *tried)
{
    return !MUTATION(refusal_without_lookup) && tried->outcome.code != GL_OK && tried->outcome.code != GL_E_ID_REUSED &&
           tried->op->new_as_of != session->state->seq + 1 && tried->op->lookups < LOOKUPS_MAX &&
           tried->op->role >= GL_VIEWER; /* what one may not see does not exist */
}

static void add_ids(struct lookup *lookup, const struct waiting_op *op)
{
    gl_uuid base;
    lookup->ids[lookup->count++] = op->id;
    if (json_is_string(op->base) && gl_uuid_parse(gl_slice_of(json_string_value(op->base), json_string_length(op->base)), &base))
        lookup->ids[lookup->count++] = base;
}

/*
 * Those asked for are not in the log up to here; or, when it could not be asked (found: NULL), have not been looked for. Those found are known now, and
 * should others have pushed one out of memory again before it is judged, it is not taken for new.
 */
static void mark(struct session *session, const struct lookup *lookup, const struct store_rows *found)
{
    const bool has_asked = found != NULL;
    struct map asked;
    map_init(&asked);
    for (size_t i = 0; i < lookup->count; i++)
        map_put(&asked, &lookup->ids[i], session);
    for (size_t i = 0; has_asked && i < store_rows_count(found) && !store_is_null(found, i, 1); i++) {
        gl_uuid op = store_uuid(found, i, 1);
        map_remove(&asked, &op);
    }
    for (struct waiting_op *op = session->waiting; op; op = op->next) {
        if (!map_get(&asked, &op->id))
            continue;
        if (has_asked)
            op->new_as_of = session->state->seq + 1;
        else
            op->lookups -= op->lookups > 0;
    }
    map_fini(&asked);
}

static void take_found(struct session *session, const struct store_rows *rows)
{
    for (size_t i = 0; i < store_rows_count(rows) && !store_is_null(rows, i, 1); i++) {
        gl_uuid op = store_uuid(rows, i, 1);
        struct gl_slice hash = store_bytes(rows, i, 3);
        struct known_op known = {.seq = store_u64(rows, i, 2) + MUTATION(found_after), .account = store_uuid(rows, i, 4)};
        memcpy(known.request_hash.bytes, hash.data, hash.len < 32 ? hash.len : 32);
        session_remember_op(session, &op, &known);
    }
}

static void on_found(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct lookup *lookup = ctx;
    struct session *session = lookup->session;
    session->is_looking_up = false;
    if (code == GL_OK && store_rows_count(rows) > 0) {
        take_found(session, rows); /* what is known is not judged again */
        if (store_u64(rows, 0, 0) > session->state->seq)
            session_catch_up(session); /* and then judged again, and looked up again */
        else
            mark(session, lookup, rows);
    } else if (code == GL_OK) { /* hidden from that account */
        project_refresh_account(session->project, &lookup->account);
    } else {
        mark(session, lookup, NULL);
        session->not_before_ms = loop_now_ms(session->core->loop) + READ_BACK_OFF_MS;
    }
    session_heard(session, 0);
    writer_kick(session->core); /* when the store is down it comes back here, until the ops expire */
    session_release(session);
    mem_free(&lookup->ids);
    mem_free(&lookup);
}

/* Refused for what the project says? Another worker may have made the label a moment ago, and the author seen it. */
static bool is_for_the_project(enum gl_code code)
{
    return code == GL_E_UNKNOWN_LABEL || code == GL_E_UNKNOWN_ATTRIBUTE || code == GL_E_INVALID_ATTRIBUTE ||
           code == GL_E_INVALID_ENDPOINT || code == GL_E_CONFLICT || code == GL_E_FORBIDDEN;
}

static bool is_project_doubtful(const struct part *part)
{
    for (size_t i = 0; i < part->tried_count; i++)
        if (is_for_the_project(part->tried[i].outcome.code) && is_doubtful(part->session, &part->tried[i]))
            return true;
    return false;
}

bool part_must_look_up(struct part *part)
{
    struct session *session = part->session;
    const struct tried *doubtful = NULL;
    for (size_t i = 0; i < part->tried_count && !doubtful; i++)
        doubtful = is_doubtful(session, &part->tried[i]) ? &part->tried[i] : NULL;
    if (!doubtful)
        return false;
    const gl_uuid account = doubtful->op->account;
    const bool must_look = is_project_doubtful(part);
    struct lookup *lookup = mem_alloc(sizeof *lookup);
    lookup->session = session;
    lookup->account = account;
    lookup->ids = mem_array(part->tried_count * 2, sizeof *lookup->ids);
    for (size_t i = 0; i < part->tried_count; i++) {
        part->tried[i].op->lookups++;
        add_ids(lookup, part->tried[i].op);
    }
    session->is_looking_up = true;
    session->uses++;
    store_query(session->core->store, STORE_Q_ops_by_id, &account,
                (struct store_param[]){P_UUID(session->id), P_BYTES(lookup->ids, lookup->count * sizeof *lookup->ids)}, 2,
                on_found, lookup);
    part_give_back(part);
    if (must_look)
        project_look(session->project);
    return true;
}
