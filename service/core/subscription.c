/* subscription.c - somebody's connection in a session: a cursor into its recent ops. Owned by the peer and the session, each of which finds it. */
#include "service/core/core_priv.h"

struct subscription *subscription_find(const struct peer *peer, const gl_uuid *session)
{
    for (struct subscription *it = peer->subscriptions; it; it = it->next_of_peer)
        if (gl_uuid_equal(&it->session->id, session))
            return it;
    return NULL;
}

struct subscription *subscription_new(struct peer *peer, struct session *session, enum gl_role role)
{
    struct subscription *subscription = mem_alloc(sizeof *subscription);
    subscription->peer = peer;
    subscription->session = session;
    subscription->role = role;
    subscription->cursor = session->state->seq;
    subscription->project_cursor = project_cursor(peer, session->project);
    subscription->pages_tail = &subscription->pages;
    subscription->next_of_peer = peer->subscriptions;
    peer->subscriptions = subscription;
    peer->subscription_count++;
    subscription->next_of_session = session->subscriptions;
    if (session->subscriptions)
        session->subscriptions->prev_of_session = subscription;
    session->subscriptions = subscription;
    session->subscription_count++;
    session->uses++;
    memory_joined_or_left(session);
    return subscription;
}

void subscription_rejoin(struct subscription *subscription)
{
    struct gl_session_notice_notice notice = {.session = subscription->session->id, .what = GL_SLICE("rejoin")};
    subscription->peer->core->counts.resyncs++;
    send_session_notice(subscription->peer, &notice);
    subscription_free(subscription);
}

void subscription_end(struct subscription *subscription)
{
    struct session *session = subscription->session;
    struct peer *peer = subscription->peer;
    struct subscription **at = &peer->subscriptions;
    while (*at != subscription)
        at = &(*at)->next_of_peer;
    *at = subscription->next_of_peer;
    peer->subscription_count--;
    if (subscription->reading)
        *subscription->reading = NULL;
    presence_leave(subscription);
    session->subscription_count--;
    if (subscription->prev_of_session)
        subscription->prev_of_session->next_of_session = subscription->next_of_session;
    else
        session->subscriptions = subscription->next_of_session;
    if (subscription->next_of_session)
        subscription->next_of_session->prev_of_session = subscription->prev_of_session;
    while (subscription->pages) {
        struct request *page = subscription->pages;
        subscription->pages = page->next;
        request_fail(page, GL_E_RESYNC, "the session was left before this page was sent");
    }
    mem_free(&subscription);
    memory_joined_or_left(session);
    session_release(session);
}

void subscription_free(struct subscription *subscription)
{
    struct peer *peer = subscription->peer;
    const gl_uuid session = subscription->session->id;
    subscription_end(subscription);
    submit_flush(peer, &session);
}
