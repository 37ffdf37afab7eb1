/*
 * transport.c - one WebSocket connection over TLS, on libwebsockets and a private libuv loop.
 *
 * How it hangs together: callbacks of libwebsockets only write into the transport (inbox, `ending`); events are made after uv_run
 * has returned. Every connection attempt has a number, carried by its lws as opaque data, so that what an abandoned attempt still
 * says is not heard. What libwebsockets would do by waiting or by itself is done here: names are looked up by resolve.c, so it
 * only ever sees numeric addresses; the certificate is judged by trust.c; redirects are not followed; its own timers matter
 * nowhere.
 */
#include "clients/lib/transport.h"

#include <errno.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "clients/lib/resolve.h"
#include "clients/lib/trust.h"
#include "clients/lib/url.h"

#define SUBPROTOCOL      "gloss.v1"
#define RX_CHUNK         65536
#define ADDRESS_LEAST_MS 1000

enum state { IDLE, RESOLVING, CONNECTING, UP };

struct outgoing {
    struct outgoing *next;
    size_t len;
    unsigned char bytes[]; /* LWS_PRE bytes of room for the frame's head, then the message */
};

struct incoming {
    struct incoming *next;
    size_t len;
    char bytes[];
};

struct lg_transport {
    struct lg_url url;
    struct lg_trust *trust;
    char *user_agent;
    uv_loop_t loop;
    bool has_loop;
    struct lws_context *context;
    int forgotten_fd; /* of the context, which does not close it; -1: none */
    struct lws_protocols protocols[2];
    lws_log_cx_t silent;

    enum state state;
    uintptr_t attempt; /* number of the current one */
    struct lws *wsi;   /* of the current attempt */
    struct lg_resolve *resolve;
    uv_poll_t *resolve_poll;
    char addresses[LG_ADDRESSES_MAX][LG_ADDRESS_TEXT];
    size_t address_count, address_index;
    uint64_t deadline_ms, address_deadline_ms; /* of the whole try, of this address */

    struct gl_buf message; /* the one that is coming */
    struct incoming *inbox, **inbox_end, *taken;
    struct outgoing *outbox, **outbox_end;
    size_t outbox_bytes;
    uint64_t heard_ms;
    bool is_connected; /* the socket; TLS and the WebSocket are still to come */
    bool wants_ping;
    bool is_up_told;
    bool has_ended; /* ending is filled in and not told yet */
    bool next_address;
    struct lg_transport_event ending;
};

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

/* ---- SIGPIPE: a write to a connection that the other end closed must not end the program, and its disposition is not ours to
 * change. */

struct pipe_guard {
    bool was_pending, was_blocked;
};

static struct pipe_guard block_sigpipe(void)
{
    sigset_t set, before;
    struct pipe_guard guard = {0};
    (void)sigpending(&set);
    guard.was_pending = sigismember(&set, SIGPIPE) == 1;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, &before);
    guard.was_blocked = sigismember(&before, SIGPIPE) == 1;
    return guard;
}

static void restore_sigpipe(struct pipe_guard guard)
{
    sigset_t set;
    static const struct timespec at_once;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    while (!guard.was_pending && sigtimedwait(&set, NULL, &at_once) == -1 && errno == EINTR) {
    }
    if (!guard.was_blocked) {
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
}

/* ---- what is noted while libwebsockets is on the stack */

static void end(struct lg_transport *t, enum lg_reason reason, enum gl_code code, const char *fmt, ...) GL_PRINTF(4, 5);

/* The first reason stays. */
static void end(struct lg_transport *t, enum lg_reason reason, enum gl_code code, const char *fmt, ...)
{
    if (t->has_ended || t->state == IDLE) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    t->has_ended = true;
    t->ending.type = LG_DOWN;
    t->ending.reason = reason;
    t->ending.err.code = code;
    (void)vsnprintf(t->ending.err.detail, sizeof(t->ending.err.detail), fmt, args);
    va_end(args);
}

static void end_nomem(struct lg_transport *t)
{
    end(t, LG_OUT_OF_MEMORY, GL_E_NOMEM, "out of memory");
}

static bool keep_message(struct lg_transport *t)
{
    struct incoming *item = malloc(sizeof(*item) + t->message.len + 1);
    if (!item) {
        end_nomem(t);
        return false;
    }
    item->next = NULL;
    item->len = t->message.len;
    if (item->len > 0) {
        memcpy(item->bytes, t->message.data, item->len);
    }
    item->bytes[item->len] = '\0';
    *t->inbox_end = item;
    t->inbox_end = &item->next;
    gl_buf_clear(&t->message);
    return true;
}

static int on_receive(struct lg_transport *t, struct lws *wsi, const void *in, size_t len)
{
    t->heard_ms = lg_now_ms();
    if (lws_frame_is_binary(wsi)) {
        end(t, LG_BAD_MESSAGE, GL_E_MALFORMED, "the server sent something that is not text; is it a Gloss server?");
        return -1;
    }
    if (lws_is_first_fragment(wsi)) {
        gl_buf_clear(&t->message);
    }
    gl_buf_put(&t->message, in, len);
    if (t->message.code != GL_OK) {
        if (t->message.code == GL_E_NOMEM) {
            end_nomem(t);
        } else {
            end(t, LG_BAD_MESSAGE, GL_E_FRAME_TOO_LARGE, "the server sent a message of more than %u bytes", LG_MESSAGE_MAX);
        }
        return -1;
    }
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        return keep_message(t) ? 0 : -1;
    }
    return 0;
}

static int on_writable(struct lg_transport *t, struct lws *wsi)
{
    if (t->wants_ping) {
        unsigned char frame[LWS_PRE + 4] = {0};
        t->wants_ping = false;
        if (lws_write(wsi, frame + LWS_PRE, 0, LWS_WRITE_PING) < 0) {
            return -1;
        }
    }
    while (t->outbox && !lws_send_pipe_choked(wsi)) {
        struct outgoing *item = t->outbox;
        int written = lws_write(wsi, item->bytes + LWS_PRE, item->len, LWS_WRITE_TEXT);
        t->outbox = item->next;
        t->outbox_bytes -= item->len;
        if (!t->outbox) {
            t->outbox_end = &t->outbox;
        }
        free(item);
        if (written < 0) {
            return -1;
        }
    }
    if (t->outbox) {
        (void)lws_callback_on_writable(wsi);
    }
    return 0;
}

static void on_peer_close(struct lg_transport *t, const unsigned char *in, size_t len)
{
    if (len < 2) {
        end(t, LG_CLOSED, GL_E_DISCONNECTED, "the server closed the connection");
        return;
    }
    t->ending.close_code = (unsigned)in[0] << 8 | in[1];
    end(t, LG_CLOSED, GL_E_DISCONNECTED, "the server closed the connection (%u%s%.*s)", t->ending.close_code, len > 2 ? ": " : "",
        (int)(len - 2), (const char *)in + 2);
}

/* What the system said about connecting: in words of libwebsockets', or still in the socket. 0: it is not about that. */
static int connect_errno(const struct lg_transport *t, struct lws *wsi, const char *why)
{
    int problem = 0;
    socklen_t size = sizeof(problem);
    if (sscanf(why, "conn fail: %d", &problem) == 1 || sscanf(why, "conn fail: errno %d", &problem) == 1) {
        return problem;
    }
    bool is_asked = !t->is_connected && wsi && getsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_ERROR, &problem, &size) == 0;
    return is_asked ? problem : 0;
}

/* libwebsockets says why in words only. */
static void on_connect_error(struct lg_transport *t, struct lws *wsi, const char *why)
{
    const char *at = t->url.authority;
    int problem = connect_errno(t, wsi, why);
    unsigned status = wsi ? lws_http_client_http_response(wsi) : 0;
    if (t->ending.err.code == GL_E_UNTRUSTED) {
        t->has_ended = true;
        t->ending.type = LG_DOWN;
        t->ending.reason = LG_UNTRUSTED;
    } else if (problem != 0) {
        t->next_address = t->address_index + 1 < t->address_count;
        if (problem == ECONNREFUSED) {
            end(t, LG_REFUSED, GL_E_UNREACHABLE, "nothing listens at %.200s (connection refused)", at);
        } else {
            end(t, problem == ETIMEDOUT ? LG_TIMEOUT : LG_UNREACHABLE, GL_E_UNREACHABLE, "%.200s cannot be reached: %s", at,
                strerror(problem));
        }
    } else if (strncmp(why, "tls: ", 5) == 0 || strncmp(why, "connect SYSCALL", 15) == 0) {
        end(t, LG_NO_TLS, GL_E_UNREACHABLE, "%.200s does not speak TLS 1.2 or newer (%.120s)", at, why);
    } else if (strncmp(why, "HS: ", 4) == 0) {
        t->ending.http_status = status;
        end(t, LG_NO_WEBSOCKET, GL_E_UNREACHABLE, "%.200s is there, but does not open a WebSocket at %.100s (HTTP status %u)", at,
            t->url.path, status);
    } else {
        end(t, LG_LOST, GL_E_UNREACHABLE, "%.200s broke the connection off before it stood (%.120s)", at, why);
    }
}

static bool accepts_subprotocol(struct lws *wsi)
{
    char chosen[32];
    return lws_hdr_copy(wsi, chosen, sizeof(chosen), WSI_TOKEN_PROTOCOL) > 0 && strcmp(chosen, SUBPROTOCOL) == 0;
}

static int on_current(struct lg_transport *t, struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        on_connect_error(t, wsi, in ? (const char *)in : "");
        t->wsi = NULL;
        return 0;
    case LWS_CALLBACK_WSI_CREATE: t->is_connected = true; return 0;
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        if (!accepts_subprotocol(wsi)) {
            end(t, LG_NO_WEBSOCKET, GL_E_UNREACHABLE, "%.200s opens WebSockets, but does not speak " SUBPROTOCOL,
                t->url.authority);
            return -1;
        }
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        t->state = UP;
        t->heard_ms = lg_now_ms();
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: return on_receive(t, wsi, in, len);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG: t->heard_ms = lg_now_ms(); return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writable(t, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: on_peer_close(t, in, len); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        end(t, LG_LOST, GL_E_DISCONNECTED, "the connection to %.200s was lost", t->url.authority);
        t->wsi = NULL;
        return 0;
    default: return 0;
    }
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION) {
        struct lg_transport *t = lws_context_user(lws_get_context(wsi));
        return lg_trust_check(t->trust, user, len != 0, &t->ending.err) ? 0 : 1;
    }
    bool is_about_connection = reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR ||
                               reason == LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH || reason == LWS_CALLBACK_CLIENT_ESTABLISHED ||
                               reason == LWS_CALLBACK_CLIENT_RECEIVE || reason == LWS_CALLBACK_CLIENT_RECEIVE_PONG ||
                               reason == LWS_CALLBACK_CLIENT_WRITEABLE || reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE ||
                               reason == LWS_CALLBACK_CLIENT_CLOSED || reason == LWS_CALLBACK_WSI_DESTROY;
    if (!is_about_connection) {
        return 0;
    }
    struct lg_transport *t = lws_context_user(lws_get_context(wsi));
    bool is_current = t->state != IDLE && (uintptr_t)lws_get_opaque_user_data(wsi) == t->attempt;
    return is_current ? on_current(t, wsi, reason, in, len) : 0;
}

/* ---- making and ending */

/* lws_context_destroy begins, and ends when it is asked again once everything on the loop is closed; then it clears t->context. */
static void close_loop(struct lg_transport *t)
{
    struct pipe_guard guard = block_sigpipe();
    while (t->context) {
        lws_context_destroy(t->context);
        (void)uv_run(&t->loop, UV_RUN_NOWAIT);
    }
    while (t->has_loop && uv_loop_close(&t->loop) == UV_EBUSY) {
        (void)uv_run(&t->loop, UV_RUN_NOWAIT); /* a few turns, none of which waits */
    }
    t->has_loop = false;
    if (t->forgotten_fd >= 0) {
        (void)close(t->forgotten_fd);
        t->forgotten_fd = -1;
    }
    restore_sigpipe(guard);
}

/* libwebsockets 4.3.5 opens an eventfd for waking a context from other threads, and with libuv never closes it: close.c sets it
 * to invalid and so hides it from lws_pt_destroy. Right after the context was made it is the one that is watched. */
static void find_forgotten(uv_handle_t *handle, void *arg)
{
    struct lg_transport *t = arg;
    uv_os_fd_t fd;
    if (handle->type == UV_POLL && LWS_LIBRARY_VERSION_NUMBER <= 4003005 && uv_fileno(handle, &fd) == 0) {
        t->forgotten_fd = fd;
    }
}

/* libwebsockets' own counts all bytes in one variable, from every thread. */
static void *plain_realloc(void *before, size_t size, const char *reason)
{
    (void)reason;
    if (size == 0) {
        free(before);
        return NULL;
    }
    return realloc(before, size);
}

/* lws_create_context makes SIGPIPE ignored; that is for the program to decide. It also sets up what all contexts share, the first
 * time. So one thread at a time makes a context; this lock and what it protects are all that is shared by different clients. */
static void create_context(struct lg_transport *t)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool is_set_up;
    void *loops[1] = {&t->loop};
    struct lws_context_creation_info info = {0};
    struct sigaction sigpipe;
    t->protocols[0] = (struct lws_protocols){
        .name = SUBPROTOCOL, .callback = on_lws, .rx_buffer_size = RX_CHUNK, .tx_packet_size = 2 * LG_MESSAGE_MAX};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = t->protocols;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8;
    info.provided_client_ssl_ctx = lg_trust_ssl_ctx(t->trust);
    info.foreign_loops = loops;
    info.user = t;
    info.pcontext = &t->context;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    info.fd_limit_per_thread = 16; /* the connection and what is still closing; otherwise a table for every possible descriptor */
    info.max_http_header_pool = 4;
    info.pt_serv_buf_size = 32768; /* above a TLS record, so that nothing stays behind in OpenSSL */
    info.log_cx = &t->silent;
    (void)pthread_mutex_lock(&lock);
    if (!is_set_up) {
        lws_set_log_level(0, NULL); /* for what does not know its context yet */
        lws_set_allocator(plain_realloc);
        is_set_up = true;
    }
    (void)sigaction(SIGPIPE, NULL, &sigpipe);
    t->context = lws_create_context(&info);
    (void)sigaction(SIGPIPE, &sigpipe, NULL);
    (void)pthread_mutex_unlock(&lock);
    if (t->context) {
        uv_walk(&t->loop, find_forgotten, t);
    }
}

enum gl_code lg_transport_new(const struct lg_transport_config *config, struct lg_transport **out, struct gl_err *err)
{
    struct lg_transport *t = calloc(1, sizeof(*t));
    enum gl_code code = GL_E_NOMEM;
    *out = NULL;
    if (!t) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    t->forgotten_fd = -1;
    t->inbox_end = &t->inbox;
    t->outbox_end = &t->outbox;
    gl_buf_init(&t->message, LG_MESSAGE_MAX);
    t->user_agent = strdup(config->user_agent);
    code = lg_url_init(&t->url, config->url, err);
    if (code == GL_OK) {
        code = lg_trust_new(config->ca_file, t->url.host, &t->trust, err);
    }
    if (code != GL_OK) {
        goto out;
    }
    t->has_loop = uv_loop_init(&t->loop) == 0;
    if (!t->has_loop) {
        code = gl_fail(err, GL_E_SYSTEM, "no event loop: %s", strerror(errno));
        goto out;
    }
    if (t->user_agent) {
        create_context(t);
    }
    if (!t->context) {
        code = gl_fail(err, GL_E_NOMEM, "out of memory, or of descriptors");
    }
out:
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

static void drop_inbox(struct lg_transport *t)
{
    free(t->taken);
    t->taken = NULL;
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
        struct pipe_guard guard = block_sigpipe();
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
        restore_sigpipe(guard);
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
    close_loop(t);
    lg_trust_free(&t->trust);
    lg_url_fini(&t->url);
    gl_buf_fini(&t->message);
    free(t->user_agent);
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
    info.protocol = SUBPROTOCOL;
    info.local_protocol_name = SUBPROTOCOL;
    info.alpn = "http/1.1";
    info.ietf_version_or_minus_one = -1;
    info.opaque_user_data = (void *)t->attempt; /* NOLINT: a number, never followed */
    /* The host's name is checked by trust.c, which knows addresses with colons, too. */
    info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    struct pipe_guard guard = block_sigpipe();
    errno = 0;
    t->wsi = lws_client_connect_via_info(&info);
    int problem = errno;
    restore_sigpipe(guard);
    if (!t->wsi && !t->has_ended) {
        t->next_address = t->address_index + 1 < t->address_count;
        end(t, LG_UNREACHABLE, problem == ENOMEM ? GL_E_NOMEM : GL_E_UNREACHABLE, "%.200s cannot be reached%s%s",
            t->url.authority, problem ? ": " : "", problem ? strerror(problem) : "");
    }
}

static void on_resolved(struct lg_transport *t)
{
    struct gl_err err = {0};
    enum gl_code code = lg_resolve_result(t->resolve, t->addresses, &t->address_count, &err);
    stop_resolving(t);
    if (code != GL_OK) {
        end(t, code == GL_E_NOMEM ? LG_OUT_OF_MEMORY : LG_NO_SUCH_HOST, code, "%s", err.detail);
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
    if (lg_resolve_new(t->url.host, &t->resolve, &err) != GL_OK) {
        end(t, err.code == GL_E_NOMEM ? LG_OUT_OF_MEMORY : LG_UNREACHABLE, err.code, "%s", err.detail);
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
        end_nomem(t);
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
        struct pipe_guard guard = block_sigpipe();
        lws_close_reason(t->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        abandon(t);
        for (int turn = 0; turn < 3; turn++) { /* the close frame goes out when the socket is writable: most often at once */
            (void)uv_run(&t->loop, UV_RUN_NOWAIT);
        }
        restore_sigpipe(guard);
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
        end(t, LG_TIMEOUT, GL_E_UNREACHABLE, "%.200s did not answer in time", t->url.authority);
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
    struct pipe_guard guard = block_sigpipe();
    (void)uv_run(&t->loop, UV_RUN_NOWAIT);
    restore_sigpipe(guard);
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

bool lg_transport_next(struct lg_transport *t, struct lg_transport_event *event)
{
    memset(event, 0, sizeof(*event));
    free(t->taken);
    t->taken = NULL;
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
        event->message = gl_slice_of(t->taken->bytes, t->taken->len);
        return true;
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
