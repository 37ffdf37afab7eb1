/* peer.c - one connection: what waits to be sent to it, and its end. */
#include <assert.h>
#include <stdio.h>

#include "service/core/core_priv.h"

#define CLOSE_POLICY  1008
#define CLOSE_RESTART 1012

struct peer *peer_new(struct core *core, const struct peer_link *link)
{
    struct peer *peer = mem_alloc(sizeof *peer);
    peer->core = core;
    peer->link = *link;
    peer->refs = 1;
    peer->since_ms = loop_now_ms(core->loop);
    peer->outbox_tail = &peer->outbox;
    peer->submits_tail = &peer->submits;
    peer->behind_tail = &peer->behind;
    TAILQ_INIT(&peer->in_order);
    peer->next = core->peers;
    if (core->peers)
        core->peers->prev = peer;
    core->peers = peer;
    core->counts.peers++;
    if (core->is_draining)
        peer_end_moved(peer);
    return peer;
}

void peer_ref(struct peer *peer)
{
    peer->refs++;
}

void peer_unref(struct peer *peer)
{
    assert(peer->refs > 0);
    if (--peer->refs > 0)
        return;
    mem_free(&peer->refused);
    mem_free(&peer->client);
    mem_free(&peer->account_name);
    mem_free(&peer);
}

static void drop_outbox(struct peer *peer)
{
    while (peer->outbox) {
        struct outgoing *first = peer->outbox;
        peer->outbox = first->next;
        frame_unref(&first->frame);
        mem_free(&first);
    }
    peer->outbox_tail = &peer->outbox;
}

void peer_closed(struct peer *peer)
{
    struct core *core = peer->core;
    peer->is_closed = true;
    while (peer->subscriptions)
        subscription_free(peer->subscriptions);
    upload_free(&peer->upload);
    behind_drop(peer);
    drop_outbox(peer);
    if (peer->prev)
        peer->prev->next = peer->next;
    else
        core->peers = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    core->counts.peers--;
    core->counts.signed_in -= peer->is_signed_in;
    if (peer->is_signed_in)
        log_event(LOG_INFO, EV_peer_closed, F_ID("account", &peer->account), F_STR("address", peer->link.address));
    peer_unref(peer);
    core_look_drained(core);
}

void peer_end(struct peer *peer, unsigned code, const char *reason)
{
    if (peer->is_closed || peer->is_closing)
        return;
    peer->is_closing = true;
    while (peer->outbox) { /* what was answered still goes out: it is bounded */
        struct outgoing *first = peer->outbox;
        peer->outbox = first->next;
        peer->link.write(peer->link.ctx, first->frame);
        frame_unref(&first->frame);
        mem_free(&first);
    }
    peer->outbox_tail = &peer->outbox;
    peer->link.close(peer->link.ctx, code, reason);
}

void peer_send(struct peer *peer, struct frame **frame)
{
    if (peer->is_closed || peer->is_closing) {
        frame_unref(frame);
        return;
    }
    if (!peer->outbox && !peer->link.is_full(peer->link.ctx)) {
        peer->link.write(peer->link.ctx, *frame);
        frame_unref(frame);
        return;
    }
    struct outgoing *last = mem_alloc(sizeof *last);
    last->frame = *frame;
    *frame = NULL;
    *peer->outbox_tail = last;
    peer->outbox_tail = &last->next;
}

void peer_pump(struct peer *peer)
{
    while (peer->outbox && !peer->is_closed && !peer->is_closing && !peer->link.is_full(peer->link.ctx)) {
        struct outgoing *first = peer->outbox;
        peer->outbox = first->next;
        if (!peer->outbox)
            peer->outbox_tail = &peer->outbox;
        peer->link.write(peer->link.ctx, first->frame);
        frame_unref(&first->frame);
        mem_free(&first);
    }
    for (struct subscription *it = peer->subscriptions; it && !peer->outbox; it = it->next_of_peer) {
        project_deliver(it);
        const bool is_current = deliver_pump(it);
        if (is_current || it->reading)
            deliver_pages(it);
        if (is_current)
            presence_pump(it);
    }
}

static void pump_now(void *ctx)
{
    struct peer *peer = ctx;
    if (!peer->is_closed)
        peer_pump(peer);
    peer_unref(peer);
}

void peer_pump_later(struct peer *peer)
{
    peer_ref(peer);
    loop_defer(peer->core->loop, pump_now, peer);
}

void peer_writable(struct peer *peer)
{
    peer_pump(peer);
}

void send_session_notice(struct peer *peer, const struct gl_session_notice_notice *notice)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 4096);
    gl_notice_begin(&buf, "session.notice");
    gl_session_notice_notice_write(&buf, notice);
    gl_envelope_end(&buf);
    struct frame *frame = frame_from(gl_buf_peek(&buf));
    gl_buf_fini(&buf);
    peer_send(peer, &frame);
}

/* ---- going elsewhere */

void peer_end_moved(struct peer *peer)
{
    peer_end(peer, CLOSE_RESTART, gl_code_sentence(GL_E_SHUTTING_DOWN));
}

void peer_look_moved(struct peer *peer)
{
    if (peer->is_moving && peer->requests_in_flight == 0)
        peer_end_moved(peer);
}

void peer_move(struct peer *peer, uint64_t retry_after_ms)
{
    const struct gl_server_notice_notice notice = {
        .what = GL_SLICE("closing"), .has_retry_after_ms = retry_after_ms > 0, .retry_after_ms = retry_after_ms};
    struct gl_buf buf;
    peer->is_moving = true;
    if (peer->is_signed_in) {
        gl_buf_init(&buf, 4096);
        gl_notice_begin(&buf, "server.notice");
        gl_server_notice_notice_write(&buf, &notice);
        gl_envelope_end(&buf);
        struct frame *frame = frame_from(gl_buf_peek(&buf));
        gl_buf_fini(&buf);
        peer_send(peer, &frame);
    }
    peer_look_moved(peer);
}

/* ---- who it is */

void peer_sign_in(struct peer *peer, const gl_uuid *account, struct gl_slice name, bool is_admin, const gl_uuid *token)
{
    peer->is_signing_in = false;
    peer->is_signed_in = true;
    peer->is_admin = is_admin;
    peer->ops_most = peer->core->limits.ops_in_flight;
    peer->account = *account;
    if ((peer->has_token = token != NULL))
        peer->token = *token;
    mem_free(&peer->account_name);
    peer->account_name = mem_copy(name.data, name.len);
    if (!peer->is_closed)
        peer->core->counts.signed_in++;
}

void core_end_token(struct core *core, const gl_uuid *token)
{
    for (struct peer *peer = core->peers, *next; peer; peer = next) {
        next = peer->next;
        if (peer->has_token && gl_uuid_equal(&peer->token, token))
            peer_end(peer, CLOSE_POLICY, "the token was revoked");
    }
}

const char *peer_address(const struct peer *peer)
{
    return peer->is_closed ? "" : peer->link.address;
}

void peer_remember_refused(struct peer *peer, const gl_uuid *op)
{
    if (!peer->refused)
        peer->refused = mem_array(REFUSED_KEPT, sizeof *peer->refused);
    peer->refused[peer->refused_at++ % REFUSED_KEPT] = *op;
}

bool peer_has_refused(const struct peer *peer, const gl_uuid *op)
{
    size_t kept = peer->refused_at < REFUSED_KEPT ? peer->refused_at : REFUSED_KEPT;
    for (size_t i = 0; i < kept; i++)
        if (gl_uuid_equal(&peer->refused[i], op))
            return true;
    return false;
}
