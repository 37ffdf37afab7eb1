/*
 * transport_lws.c - libwebsockets and libuv: what they are told and what they say.
 *
 * What libwebsockets would do by waiting or by itself is done elsewhere: names are looked up by resolve.c, so it only ever sees
 * numeric
 * addresses; the certificate is judged by trust.c; redirects are not followed; its own timers matter nowhere.
 */
#include "clients/lib/transport_priv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RX_CHUNK     65536
#define RECORD_BYTES 16384 /* of a TLS record */
#define RECORD_ITEMS 64    /* messages in one, at most */
#define MASK_BYTES   4
#define HEAD_BYTES   (4 + MASK_BYTES) /* at most, of a frame below 64 KiB */

/* ---- SIGPIPE */

struct lg_pipe_guard lg_pipe_block(void)
{
    sigset_t set, before;
    struct lg_pipe_guard guard = {0};
    (void)sigpending(&set);
    guard.was_pending = sigismember(&set, SIGPIPE) == 1;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, &before);
    guard.was_blocked = sigismember(&before, SIGPIPE) == 1;
    return guard;
}

void lg_pipe_restore(struct lg_pipe_guard guard)
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

void lg_transport_end(struct lg_transport *t, enum lg_reason reason, enum gl_code code, const char *fmt, ...)
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

void lg_transport_end_nomem(struct lg_transport *t)
{
    lg_transport_end(t, LG_OUT_OF_MEMORY, GL_E_NOMEM, "out of memory");
}

static bool keep_message(struct lg_transport *t, bool is_deflated)
{
    struct incoming *item = malloc(sizeof(*item) + t->message.len + 1);
    if (!item) {
        lg_transport_end_nomem(t);
        return false;
    }
    item->next = NULL;
    item->len = t->message.len;
    item->is_deflated = is_deflated;
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
    const bool is_binary = lws_frame_is_binary(wsi);
    if (is_binary && !t->takes_deflated) {
        lg_transport_end(t, LG_BAD_MESSAGE, GL_E_MALFORMED, "the server sent something that is not text; is it a Gloss server?");
        return -1;
    }
    if (lws_is_first_fragment(wsi)) {
        gl_buf_clear(&t->message);
    }
    gl_buf_put(&t->message, in, len);
    if (t->message.code != GL_OK) {
        if (t->message.code == GL_E_NOMEM) {
            lg_transport_end_nomem(t);
        } else {
            lg_transport_end(t, LG_BAD_MESSAGE, GL_E_FRAME_TOO_LARGE, "the server sent a message of more than %u bytes",
                             LG_MESSAGE_MAX);
        }
        return -1;
    }
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        return keep_message(t, is_binary) ? 0 : -1;
    }
    return 0;
}

static void drop_first(struct lg_transport *t)
{
    struct outgoing *item = t->outbox;
    t->outbox = item->next;
    t->outbox_bytes -= item->len;
    if (!t->outbox) {
        t->outbox_end = &t->outbox;
    }
    free(item);
}

/* A message as a whole text frame, masked (RFC 6455 5.2); says how long it is. */
static size_t put_frame(unsigned char *to, const struct outgoing *item, const unsigned char *mask)
{
    const bool is_short = item->len < 126;
    size_t at = 0;
    to[at++] = 0x81; /* final, text */
    to[at++] = (unsigned char)(0x80 | (is_short ? item->len : 126));
    if (!is_short) {
        to[at++] = (unsigned char)(item->len >> 8);
        to[at++] = (unsigned char)item->len;
    }
    memcpy(to + at, mask, MASK_BYTES);
    at += MASK_BYTES;
    for (size_t i = 0; i < item->len; i++) {
        to[at + i] = item->bytes[LWS_PRE + i] ^ mask[i % MASK_BYTES];
    }
    return at + item->len;
}

/* How many of those that wait go into one record; none: the first is longer than that. */
static size_t count_packed(const struct lg_transport *t)
{
    size_t count = 0, bytes = 0;
    for (const struct outgoing *item = t->outbox; item && count < RECORD_ITEMS; item = item->next, count++) {
        bytes += HEAD_BYTES + item->len;
        if (bytes > RECORD_BYTES) {
            break;
        }
    }
    return count;
}

/* Several messages as one record and one write: each by itself costs the server more than reading it. */
static int write_packed(struct lg_transport *t, struct lws *wsi, size_t count)
{
    unsigned char record[LWS_PRE + RECORD_BYTES], masks[RECORD_ITEMS][MASK_BYTES];
    size_t len = 0;
    if (lws_get_random(lws_get_context(wsi), masks, count * MASK_BYTES) != count * MASK_BYTES) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        len += put_frame(record + LWS_PRE + len, t->outbox, masks[i]);
        drop_first(t);
    }
    return lws_write(wsi, record + LWS_PRE, len, LWS_WRITE_RAW);
}

static int write_first(struct lg_transport *t, struct lws *wsi)
{
    const int written = lws_write(wsi, t->outbox->bytes + LWS_PRE, t->outbox->len, LWS_WRITE_TEXT);
    drop_first(t);
    return written;
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
        const size_t count = count_packed(t);
        if ((count > 1 ? write_packed(t, wsi, count) : write_first(t, wsi)) < 0) {
            return -1;
        }
    }
    if (t->outbox) {
        (void)lws_callback_on_writable(wsi);
    }
    return 0;
}

/* The reason is an error's name, or says which right was taken away: a token, an account. */
static void on_policy(struct lg_transport *t, int len, const char *reason)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%.*s", len, reason);
    const enum gl_code named = gl_code_from_name(name);
    if (strcmp(gl_code_name(named), name) == 0) {
        lg_transport_end(t, LG_CLOSED, named, "the server ended the connection: %s", gl_code_sentence(named));
    } else {
        lg_transport_end(t, LG_CLOSED, GL_E_BAD_CREDENTIALS, "the server ended the connection: %.*s", len, reason);
    }
}

static void on_peer_close(struct lg_transport *t, const unsigned char *in, size_t len)
{
    if (len < 2) {
        lg_transport_end(t, LG_CLOSED, GL_E_DISCONNECTED, "the server closed the connection");
        return;
    }
    t->ending.close_code = (unsigned)in[0] << 8 | in[1];
    if (t->ending.close_code == LG_CLOSE_POLICY && len > 2) {
        on_policy(t, (int)(len - 2), (const char *)in + 2);
        return;
    }
    if (t->ending.close_code == LG_CLOSE_KICKED) {
        lg_transport_end(t, LG_CLOSED, GL_E_DISCONNECTED, "the server's administrator ended the connection%s%.*s",
                         len > 2 ? ": " : "", (int)(len - 2), (const char *)in + 2);
        return;
    }
    lg_transport_end(t, LG_CLOSED, GL_E_DISCONNECTED, "the server closed the connection (%u%s%.*s)", t->ending.close_code,
                     len > 2 ? ": " : "", (int)(len - 2), (const char *)in + 2);
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
            lg_transport_end(t, LG_REFUSED, GL_E_UNREACHABLE, "nothing listens at %.200s (connection refused)", at);
        } else {
            lg_transport_end(t, problem == ETIMEDOUT ? LG_TIMEOUT : LG_UNREACHABLE, GL_E_UNREACHABLE,
                             "%.200s cannot be reached: %s", at, strerror(problem));
        }
    } else if (strncmp(why, "tls: ", 5) == 0 && !strstr(why, "unexpected eof")) {
        lg_transport_end(t, LG_NO_TLS, GL_E_UNREACHABLE, "%.200s does not speak TLS 1.2 or newer (%.120s)", at, why);
    } else if (strncmp(why, "HS: ", 4) == 0) {
        t->ending.http_status = status;
        lg_transport_end(t, LG_NO_WEBSOCKET, GL_E_UNREACHABLE,
                         "%.200s is there, but does not open a WebSocket at %.100s (HTTP status %u)", at, t->url.path, status);
    } else {
        lg_transport_end(t, LG_LOST, GL_E_UNREACHABLE, "%.200s broke the connection off before it stood (%.120s)", at,
                         why[0] ? why : "without a word");
    }
}

static bool accepts_subprotocol(struct lg_transport *t, struct lws *wsi)
{
    char chosen[32];
    if (lws_hdr_copy(wsi, chosen, sizeof(chosen), WSI_TOKEN_PROTOCOL) <= 0) {
        return false;
    }
    t->takes_deflated = strcmp(chosen, LG_SUBPROTOCOL_DEFLATE) == 0;
    return t->takes_deflated || strcmp(chosen, LG_SUBPROTOCOL) == 0;
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
        if (!accepts_subprotocol(t, wsi)) {
            lg_transport_end(t, LG_NO_WEBSOCKET, GL_E_UNREACHABLE, "%.200s opens WebSockets, but does not speak " LG_SUBPROTOCOL,
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
        lg_transport_end(t, LG_LOST, GL_E_DISCONNECTED, "the connection to %.200s was lost", t->url.authority);
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

/* ---- memory for libwebsockets, which does not survive without: when there is none a reserve is given up so that it can finish
 * what it
 * does, everybody's connection ends, and none begins before there is a reserve again. Shared by all contexts, as its allocator
 * is. */

#define RESERVE_BYTES (256u * 1024)

static pthread_mutex_t reserve_lock = PTHREAD_MUTEX_INITIALIZER;
static void *reserve;
static atomic_uint reserve_spent; /* how often */

bool lg_reserve_fill(unsigned *spent)
{
    (void)pthread_mutex_lock(&reserve_lock);
    if (!reserve) {
        reserve = malloc(RESERVE_BYTES);
    }
    bool is_full = reserve != NULL;
    *spent = atomic_load(&reserve_spent);
    (void)pthread_mutex_unlock(&reserve_lock);
    return is_full;
}

bool lg_reserve_was_spent(unsigned spent)
{
    return atomic_load(&reserve_spent) != spent;
}

static void *spend_reserve(void *before, size_t size)
{
    (void)pthread_mutex_lock(&reserve_lock);
    free(reserve);
    reserve = NULL;
    atomic_fetch_add(&reserve_spent, 1);
    void *after = reallocarray(before, 1, size); /* by this name the tests can tell it from the first try */
    (void)pthread_mutex_unlock(&reserve_lock);
    return after;
}

static void *lws_memory(void *before, size_t size, const char *reason)
{
    (void)reason;
    if (size == 0) {
        free(before);
        return NULL;
    }
    void *after = realloc(before, size);
    return after ? after : spend_reserve(before, size);
}

/* ---- the context and its loop */

/* lws_context_destroy begins, and ends when it is asked again once everything on the loop is closed; then it clears t->context.
 * */
void lg_context_free(struct lg_transport *t)
{
    struct lg_pipe_guard guard = lg_pipe_block();
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
    lg_pipe_restore(guard);
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
        .name = LG_SUBPROTOCOL, .callback = on_lws, .rx_buffer_size = RX_CHUNK, .tx_packet_size = 2 * LG_MESSAGE_MAX};
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
        lws_set_allocator(lws_memory);
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

enum gl_code lg_context_new(struct lg_transport *t, struct gl_err *err)
{
    int problem = uv_loop_init(&t->loop);
    t->has_loop = problem == 0;
    if (!t->has_loop) {
        return gl_fail(err, problem == UV_ENOMEM ? GL_E_NOMEM : GL_E_SYSTEM, "no event loop: %s", uv_strerror(problem));
    }
    if (!lg_reserve_fill(&t->reserve_spent)) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    create_context(t);
    return t->context && !lg_reserve_was_spent(t->reserve_spent) ? GL_OK
                                                                 : gl_fail(err, GL_E_NOMEM, "out of memory, or of descriptors");
}
