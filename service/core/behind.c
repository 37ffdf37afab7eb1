/*
 * behind.c - what comes behind hello before hello has its answer.
 *
 * Who connects knows what it is going to ask, and need not wait for the answer to hello before it does: it is kept here, and admitted when it is known who asks.
 * Mostly it is a session.join: then one transaction of the store says who it is and whether they may (account.c), and both are answered in one turn.
 *
 * Nobody is known yet, so little is kept; what is more is told to say hello first, as everything is without one.
 */
#include <assert.h>

#include "service/core/core_priv.h"
#include "service/core/handler.h"

#define BEHIND_BYTES 16384u /* of the messages of one connection: joins of a hundred sessions */

bool behind_keep(struct request *request)
{
    struct peer *peer = request->peer;
    if (!peer->is_signing_in || request->method->role == GL_NOBODY || peer->behind_bytes + request->bytes > BEHIND_BYTES)
        return false;
    request->next = NULL;
    *peer->behind_tail = request;
    peer->behind_tail = &request->next;
    peer->behind_bytes += request->bytes;
    return true;
}

bool behind_session(const struct peer *peer, gl_uuid *session)
{
    const struct request *first = peer->behind;
    if (!first || first->method != &gl_methods[GL_METHOD_session_join])
        return false;
    const json_t *text = json_object_get(first->params, first->method->scope_param);
    return json_is_string(text) && gl_uuid_parse(gl_slice_of(json_string_value(text), json_string_length(text)), session);
}

static void admit(struct request *request, const struct opened *opened)
{
    struct peer *peer = request->peer;
    if (peer->is_closed || peer->is_closing) {
        request_drop(request);
        return;
    }
    log_set_context(&request->context);
    request->account = peer->account;
    request->opened = peer->is_signed_in ? opened : NULL;
    request_admit(request);
}

void behind_admit(struct peer *peer, const struct opened *opened)
{
    const struct log_context before = *log_context();
    struct request *request;
    assert(!peer->is_signing_in);
    peer_ref(peer);
    while ((request = peer->behind)) {
        peer->behind = request->next;
        if (!peer->behind)
            peer->behind_tail = &peer->behind;
        peer->behind_bytes -= request->bytes;
        admit(request, opened);
        opened = NULL;
    }
    log_set_context(&before);
    peer_unref(peer);
}
