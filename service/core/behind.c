/*
 * behind.c - what comes behind hello before hello has its answer.
 *
 * Who connects knows what it is going to ask, and need not wait for the answer to hello before it does: it is kept here, and admitted when it is known who asks.
 * Mostly it is a session.join: then one transaction of the store says who it is and whether they may (account.c), and both answers leave together where the session is in memory.
 *
 * Nobody is known yet, so little is kept; what is more, and all that follows, is told to say hello first, as everything is without one.
 */
#include <assert.h>

#include "service/core/core_priv.h"
#include "service/core/handler.h"

#define BEHIND_BYTES 16384u /* of the messages of one connection: more joins than requests_in_flight lets it have */

bool behind_keep(struct request *request)
{
    struct peer *peer = request->peer;
    if (!peer->is_signing_in || request->method->role == GL_NOBODY)
        return false;
    peer->behind_bytes += request->bytes; /* also of one that is too much: none behind it is kept then */
    if (peer->behind_bytes > BEHIND_BYTES)
        return false;
    request->next = NULL;
    *peer->behind_tail = request;
    peer->behind_tail = &request->next;
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

static struct request *take_first(struct peer *peer)
{
    struct request *first = peer->behind;
    if (!first)
        return NULL;
    peer->behind = first->next;
    if (!peer->behind)
        peer->behind_tail = &peer->behind;
    first->next = NULL; /* the next list's */
    return first;
}

void behind_drop(struct peer *peer)
{
    for (struct request *request; (request = take_first(peer));)
        request_free(request);
}

void behind_admit(struct peer *peer, const struct opened *opened)
{
    const struct log_context before = *log_context();
    assert(!peer->is_signing_in);
    peer_ref(peer);
    peer->behind_bytes = 0;
    for (struct request *request; !peer->is_closed && !peer->is_closing && (request = take_first(peer));) {
        log_set_context(&request->context);
        request->account = peer->account;
        request->opened = peer->is_signed_in ? opened : NULL;
        opened = NULL;
        request_admit(request);
    }
    behind_drop(peer); /* of who is gone */
    log_set_context(&before);
    peer_unref(peer);
}
