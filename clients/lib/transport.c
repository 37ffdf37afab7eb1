/*
 * transport.c - one WebSocket connection after the other: found, tried, used, ended; and every turn of it.
 */
#include "clients/lib/transport_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ADDRESS_LEAST_MS 1000

static const char *const reason_names[] = {[LG_NO_SUCH_HOST] = "no_such_host",
                                           [LG_REFUSED] = "refused",
                                           [LG_UNREACHABLE] = "unreachable",
                                           [LG_TIMEOUT] = "timeout",
                                           [LG_UNTRUSTED] = "untrusted",
                                           [LG_NO_TLS] = "no_tls",
                                           [LG_CLOSED] = "closed",
                                           [LG_LOST] = "lost",
                                           [LG_BAD_MESSAGE] = "bad_message",
                                           [LG_NO_WEBSOCKET] = "no_websocket",
                                           [LG_OUT_OF_MEMORY] = "out_of_memory"};

const char *lg_reason_name(enum lg_reason reason)
{
    return reason_names[reason];
}

uint64_t lg_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- making and ending */

enum gl_code lg_transport_new(const char *url, const char *ca_file, struct lg_transport **out, struct gl_err *err)
{
    struct lg_transport *t = calloc(1, sizeof(*t));
    *out = NULL;
    if (!t) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    t->forgotten_fd = -1;
    t->inbox_end = &t->inbox;
    t->outbox_end = &t->outbox;
    gl_buf_init(&t->message, LG_MESSAGE_MAX);
    gl_buf_init(&t->text, LG_MESSAGE_MAX);
    enum gl_code code = lg_url_init(&t->url, url, err);
    if (code == GL_OK) {
        code = lg_trust_new(ca_file, t->url.host, &t->trust, err);
    }
    if (code == GL_OK) {
        code = lg_context_new(t, err);
    }
    if (code != GL_OK) {
        lg_transport_free(&t);
    }
    *out = t;
    return code;
}

static void on_resolve_closed(uv_handle_t *handle)
{
    struct lg_resolve *resolve = handle->data;
    lg_resolve_free(&resolve);
    free(handle);
}

/* The descriptor belongs to the look-up, so that may only go after the loop has let go of it. */
static void stop_resolving(struct lg_transport *t)
{
    if (t->resolve_poll) {
        t->resolve_poll->data = t->resolve;
        uv_close((uv_handle_t *)t->resolve_poll, on_resolve_closed);
        t->resolve_poll = NULL;
        t->resolve = NULL;
    }
    lg_resolve_free(&t->resolve);
}

static void drop_taken(struct lg_transport *t)
{
    free(t->taken);
    t->taken = NULL;
    gl_buf_fini(&t->text);
}

static void drop_inbox(struct lg_transport *t)
{
    drop_taken(t);
    while (t->inbox) {
        struct incoming *item = t->inbox;
        t->inbox = item->next;
        free(item);
    }
    t->inbox_end = &t->inbox;
    gl_buf_clear(&t->message);
}

static void drop_outbox(struct lg_transport *t)
{
    while (t->outbox) {
        struct outgoing *item = t->outbox;
        t->outbox = item->next;
        free(item);
    }
    t->outbox_end = &t->outbox;
    t->outbox_bytes = 0;
}

/* Lets go of the connection of the current attempt; what it still says is not heard. */
static void abandon(struct lg_transport *t)
{
    struct lws *wsi = t->wsi;
    t->attempt++;
    t->wsi = NULL;
    if (wsi) {
        struct lg_pipe_guard guard = lg_pipe_block();
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
        lg_pipe_restore(guard);
    }
}

static void reset(struct lg_transport *t)
{
    stop_resolving(t);
    abandon(t);
    drop_inbox(t);
    drop_outbox(t);
    t->state = IDLE;
    t->wants_ping = t->is_up_told = t->has_ended = t->next_address = false;
    memset(&t->ending, 0, sizeof(t->ending));
}

void lg_transport_free(struct lg_transport **transport)
{
    struct lg_transport *t = *transport;
    if (!t) {
        return;
    }
    reset(t);
    lg_context_free(t);
    lg_trust_free(&t->trust);
    lg_url_fini(&t->url);
    gl_buf_fini(&t->message);
    free(t);
    *transport = NULL;
}

/* ---- connecting */

static void connect_address(struct lg_transport *t)
{
    struct lws_client_connect_info info = {0};
    uint64_t now = lg_now_ms();
    uint64_t left = t->deadline_ms > now ? t->deadline_ms - now : 0;
    uint64_t share = left / (t->address_count - t->address_index);
    t->address_deadline_ms = now + (share < ADDRESS_LEAST_MS ? ADDRESS_LEAST_MS : share);
    t->state = CONNECTING;
    t->is_connected = false;
    t->attempt++;
    info.context = t->context;
    info.address = t->addresses[t->address_index];
    info.port = t->url.port;
    info.path = t->url.path;
    info.host = t->url.authority;
    info.protocol = LG_SUBPROTOCOL_DEFLATE "," LG_SUBPROTOCOL;
    info.local_protocol_name = LG_SUBPROTOCOL;
    info.alpn = "http/1.1";
    info.ietf_version_or_minus_one = -1;
    info.opaque_user_data = (void *)t->attempt; /* NOLINT: a number, never followed */
    /* The host's name is checked by trust.c, which knows addresses with colons, too. */
    info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    struct lg_pipe_guard guard = lg_pipe_block();
    errno = 0;
    t->wsi = lws_client_connect_via_info(&info);
    int problem = errno;
    lg_pipe_restore(guard);
    if (!t->wsi && !t->has_ended) {
        t->next_address = t->address_index + 1 < t->address_count;
        lg_transport_end(t, LG_UNREACHABLE, problem == ENOMEM ? GL_E_NOMEM : GL_E_UNREACHABLE, "%.200s cannot be reached%s%s",
                         t->url.authority, problem ? ": " : "", problem ? strerror(problem) : "");
    }
}

static void on_resolved(struct lg_transport *t)
{
    struct gl_err err = {0};
    enum gl_code code = lg_resolve_result(t->resolve, t->addresses, &t->address_count, &err);
    stop_resolving(t);
    if (code != GL_OK) {
        lg_transport_end(t, code == GL_E_NOMEM ? LG_OUT_OF_MEMORY : LG_NO_SUCH_HOST, code, "%s", err.detail);
        return;
    }
    t->address_index = 0;
    connect_address(t);
}

static void on_resolve_readable(uv_poll_t *poll, int status, int events)
{
    struct lg_transport *t = poll->data;
    (void)status;
    (void)events;
    if (t->state == RESOLVING) {
        on_resolved(t);
    }
}

void lg_transport_connect(struct lg_transport *t, int timeout_ms)
{
    struct gl_err err = {0};
    reset(t);
    t->state = RESOLVING;
    t->deadline_ms = lg_now_ms() + (uint64_t)timeout_ms;
    if (!lg_reserve_fill(&t->reserve_spent)) {
        lg_transport_end_nomem(t);
        return;
    }
    if (lg_resolve_new(t->url.host, &t->resolve, &err) != GL_OK) {
        lg_transport_end(t, err.code == GL_E_NOMEM ? LG_OUT_OF_MEMORY : LG_UNREACHABLE, err.code, "%s", err.detail);
        return;
    }
    if (lg_resolve_fd(t->resolve) < 0) {
        on_resolved(t);
        return;
    }
    t->resolve_poll = malloc(sizeof(*t->resolve_poll));
    if (!t->resolve_poll || uv_poll_init(&t->loop, t->resolve_poll, lg_resolve_fd(t->resolve)) != 0) {
        free(t->resolve_poll);
        t->resolve_poll = NULL;
        lg_transport_end_nomem(t);
        return;
    }
    t->resolve_poll->data = t;
    (void)uv_poll_start(t->resolve_poll, UV_READABLE, on_resolve_readable);
}

void lg_transport_close(struct lg_transport *t)
{
    reset(t);
}

void lg_transport_goodbye(struct lg_transport *t)
{
    if (t->wsi && t->state == UP && !t->has_ended) {
        struct lg_pipe_guard guard = lg_pipe_block();
        lws_close_reason(t->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        abandon(t);
        for (int turn = 0; turn < 3; turn++) { /* the close frame goes out when the socket is writable: most often at once */
            (void)uv_run(&t->loop, UV_RUN_NOWAIT);
        }
        lg_pipe_restore(guard);
    }
    reset(t);
}

/* ---- every turn */

static void check_deadlines(struct lg_transport *t)
{
    uint64_t now = lg_now_ms();
    if ((t->state != RESOLVING && t->state != CONNECTING) || t->has_ended) {
        return;
    }
    bool is_over = now >= t->deadline_ms;
    if (is_over || (t->state == CONNECTING && now >= t->address_deadline_ms)) {
        t->next_address = !is_over && t->address_index + 1 < t->address_count;
        lg_transport_end(t, LG_TIMEOUT, GL_E_UNREACHABLE, "%.200s did not answer in time", t->url.authority);
    }
}

static void try_next_address(struct lg_transport *t)
{
    if (t->has_ended && t->next_address) {
        abandon(t);
        t->has_ended = t->next_address = false;
        memset(&t->ending, 0, sizeof(t->ending));
        t->address_index++;
        connect_address(t);
    }
}

void lg_transport_run(struct lg_transport *t)
{
    struct lg_pipe_guard guard = lg_pipe_block();
    (void)uv_run(&t->loop, UV_RUN_NOWAIT);
    lg_pipe_restore(guard);
    if (lg_reserve_was_spent(t->reserve_spent)) {
        lg_transport_end_nomem(t);
    }
    check_deadlines(t);
    try_next_address(t);
}

int lg_transport_fd(const struct lg_transport *t)
{
    return uv_backend_fd(&t->loop);
}

int lg_transport_timeout(struct lg_transport *t)
{
    if (t->has_ended || t->inbox || (t->state == UP && !t->is_up_told)) {
        return 0;
    }
    uv_update_time(&t->loop);
    int timeout = uv_backend_timeout(&t->loop);
    if (t->state == RESOLVING || t->state == CONNECTING) {
        uint64_t now = lg_now_ms();
        uint64_t at = t->state == CONNECTING && t->address_deadline_ms < t->deadline_ms ? t->address_deadline_ms : t->deadline_ms;
        int left = at > now ? (int)(at - now) : 0;
        timeout = timeout < 0 || left < timeout ? left : timeout;
    }
    return timeout;
}

/* The text of the message that was taken. It is inflated no sooner: what waits here takes no more room than it took on its way,
 * whatever it would become. */
static bool read_taken(struct lg_transport *t, struct gl_slice *message)
{
    const struct gl_slice bytes = gl_slice_of(t->taken->bytes, t->taken->len);
    enum gl_code code = t->taken->is_deflated ? lg_inflate(bytes, &t->text) : GL_OK;
    if (code == GL_OK) {
        *message = t->taken->is_deflated ? gl_buf_peek(&t->text) : bytes;
        return true;
    }
    drop_inbox(t);
    t->has_ended = false; /* whatever came behind it */
    memset(&t->ending, 0, sizeof(t->ending));
    if (code == GL_E_NOMEM) {
        lg_transport_end_nomem(t);
    } else {
        lg_transport_end(t, LG_BAD_MESSAGE, code,
                         code == GL_E_MALFORMED ? "the server sent a compressed message that is damaged"
                                                : "the server sent a compressed message of more than %u bytes",
                         LG_MESSAGE_MAX);
    }
    return false;
}

bool lg_transport_next(struct lg_transport *t, struct lg_transport_event *event)
{
    memset(event, 0, sizeof(*event));
    drop_taken(t);
    if (t->state == UP && !t->is_up_told) {
        t->is_up_told = true;
        event->type = LG_UP;
        return true;
    }
    if (t->inbox) {
        t->taken = t->inbox;
        t->inbox = t->taken->next;
        if (!t->inbox) {
            t->inbox_end = &t->inbox;
        }
        event->type = LG_MESSAGE;
        if (read_taken(t, &event->message)) {
            return true;
        }
    }
    if (t->has_ended) {
        *event = t->ending;
        reset(t);
        return true;
    }
    return false;
}

enum gl_code lg_transport_send(struct lg_transport *t, struct gl_slice message)
{
    if (t->state != UP || t->has_ended || !t->wsi) {
        return GL_E_DISCONNECTED;
    }
    if (t->outbox_bytes + message.len > LG_QUEUE_MAX) {
        return GL_E_BUSY;
    }
    struct outgoing *item = malloc(sizeof(*item) + LWS_PRE + message.len);
    if (!item) {
        return GL_E_NOMEM;
    }
    item->next = NULL;
    item->len = message.len;
    memcpy(item->bytes + LWS_PRE, message.data, message.len);
    *t->outbox_end = item;
    t->outbox_end = &item->next;
    t->outbox_bytes += message.len;
    (void)lws_callback_on_writable(t->wsi);
    return GL_OK;
}

void lg_transport_ping(struct lg_transport *t)
{
    if (t->state == UP && t->wsi) {
        t->wants_ping = true;
        (void)lws_callback_on_writable(t->wsi);
    }
}

size_t lg_transport_waiting(const struct lg_transport *t)
{
    return t->outbox_bytes;
}

uint64_t lg_transport_heard_ms(const struct lg_transport *t)
{
    return t->heard_ms;
}
