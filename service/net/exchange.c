/*
 * exchange.c - one plain request and its answer.
 *
 * Every answer ends its connection: the library's keep-alive reads freed memory. It does not cap a body at its
 * Content-Length either, nor does it know a body without one, so both are counted here. A body is taken whole before its
 * handler runs; all bodies together are bounded.
 */
#include <assert.h>
#include <strings.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/net_priv.h"

#define BODIES_MAX (64u << 20) /* bytes of all bodies that are under way */
#define ANSWER_MAX (64u << 20)

struct exchange {
    struct http_call call; /* first */
    struct conn *conn;
    const struct http_route *route;
    char *head; /* what call.request points into */
    char *body;
    size_t body_len, body_cap, announced;
    struct gl_buf answer;
    bool is_answered, is_written, is_in_handler, head_only, strict_transport;
};

/* ---- answering */

/* Says what the callback returns: the connection ends now, or once the library got rid of what the socket did not take. */
static int write_answer(struct conn *conn, struct gl_buf *answer)
{
    if (answer->code != GL_OK || lws_write(conn->wsi, (unsigned char *)answer->data, answer->len, LWS_WRITE_HTTP_HEADERS) < 0)
        return -1;
    return lws_partial_buffered(conn->wsi) ? 0 : -1;
}

/* An answer to something that never became an exchange. */
static int refuse(struct conn *conn, unsigned status, const char *sentence, const char *headers)
{
    char line[256];
    snprintf(line, sizeof line, "%s\n", sentence);
    struct http_answer answer = {.status = status, .body = gl_slice_str(line), .headers = headers};
    struct http_form form = {.unix_ms = loop_unix_ms(conn->server->loop)};
    struct gl_buf bytes;
    gl_buf_init(&bytes, 16384);
    http_write(&bytes, &answer, &form);
    write_answer(conn, &bytes); /* a few hundred bytes into an empty socket */
    gl_buf_fini(&bytes);
    conn->server->counts.refused++;
    log_event(LOG_INFO, EV_handshake_refused, F_U64("status", status), F_STR("reason", sentence),
              F_STR("address", conn->address));
    return -1;
}

static bool is_one_too_many(const struct conn *conn)
{
    return conn->visitor && visitor_has_too_many(&conn->server->visitors, conn->visitor);
}

static int refuse_address(struct conn *conn)
{
    conn->server->counts.address_refused++;
    log_event(LOG_INFO, EV_address_refused, F_STR("reason", "too many connections"), F_STR("address", conn->address));
    return refuse(conn, 429, "your address has as many connections here as one may have", "Retry-After: 10\r\n");
}

static int write_if_answered(struct exchange *exchange)
{
    if (!exchange->is_answered)
        return 0;
    exchange->is_written = true;
    return write_answer(exchange->conn, &exchange->answer);
}

static void call_answer(struct http_call *call, const struct http_answer *answer)
{
    struct exchange *exchange = (struct exchange *)call;
    struct http_form form = {.head_only = exchange->head_only, .strict_transport = exchange->strict_transport};
    assert(!exchange->is_answered); /* once */
    form.unix_ms = loop_unix_ms(exchange->conn->server->loop);
    http_write(&exchange->answer, answer, &form);
    exchange->is_answered = true;
    exchange->call.gone = NULL;
    if (!exchange->is_in_handler)
        lws_callback_on_writable(exchange->conn->wsi);
}

static struct gl_slice call_header(struct http_call *call, const char *name)
{
    struct exchange *exchange = (struct exchange *)call;
    struct net_server *server = exchange->conn->server;
    assert(exchange->is_in_handler);
    return head_value(exchange->conn->wsi, name, server->scratch, HEAD_BYTES);
}

static int run_handler(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    exchange->call.request.body = gl_slice_of(exchange->body, exchange->body_len);
    conn_move(conn, CONN_ANSWERING);
    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0); /* ours counts */
    exchange->is_in_handler = true;
    http_handle(exchange->route, &exchange->call);
    exchange->is_in_handler = false;
    return write_if_answered(exchange);
}

/* ---- the library's callbacks */

static struct exchange *exchange_new(struct conn *conn, const struct head *head, const struct http_route *route, size_t announced)
{
    struct exchange *exchange = mem_alloc(sizeof *exchange);
    struct gl_slice host = head->fields[HEAD_HOST].value;
    size_t path_len = head->path.len, query_len = head->query.len;
    char *text = exchange->head = mem_alloc(path_len + query_len + host.len + 1);
    memcpy(text, head->path.data, path_len);
    memcpy(text + path_len, head->query.data, query_len);
    memcpy(text + path_len + query_len, host.data, host.len);
    exchange->call = (struct http_call){
        .request = {.method = head->method,
                    .path = gl_slice_of(text, path_len),
                    .query = gl_slice_of(text + path_len, query_len),
                    .host = gl_slice_of(text + path_len + query_len, host.len),
                    .address = conn->address},
        .header = call_header,
        .answer = call_answer,
    };
    exchange->conn = conn;
    exchange->route = route;
    exchange->announced = announced;
    exchange->head_only = head->method == HTTP_HEAD;
    /* A browser would keep it for the name localhost, whatever else a developer runs there without TLS. */
    exchange->strict_transport = !handshake_is_loopback_name(host);
    gl_buf_init(&exchange->answer, ANSWER_MAX);
    return exchange;
}

/* curl waits a second for this before it sends a larger body. */
static int go_on_if_asked(struct conn *conn)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct gl_slice expect = head_value(conn->wsi, "expect", conn->server->scratch, HEAD_BYTES);
    unsigned char *bytes = conn->server->record + LWS_PRE;
    if (expect.len != strlen("100-continue") || strncasecmp(expect.data, "100-continue", expect.len) != 0)
        return 0;
    memcpy(bytes, go_on, sizeof go_on - 1);
    return lws_write(conn->wsi, bytes, sizeof go_on - 1, LWS_WRITE_HTTP_HEADERS) < 0 ? -1 : 0;
}

int exchange_begin(struct conn *conn)
{
    struct net_server *server = conn->server;
    struct head head;
    if (conn->state != CONN_ARRIVING || conn->exchange)
        return -1; /* never a second request on a connection */
    if (is_one_too_many(conn))
        return refuse_address(conn);
    head_read(conn->wsi, &head, server->scratch, HEAD_BYTES);
    const struct http_route *route = server->config.http ? http_find(server->config.http, head.path) : NULL;
    struct refusal wrong = handshake_check_request(&head, &server->policy, route && route->any_host);
    if (wrong.status)
        return refuse(conn, wrong.status, wrong.sentence, NULL);
    int64_t length = handshake_body_length(&head);
    struct http_refusal refusal;
    if (!http_may_begin(route, head.method, length, &refusal))
        return refuse(conn, refusal.status, refusal.sentence, refusal.headers);
    size_t announced = length > 0 ? (size_t)length : 0;
    if (announced > BODIES_MAX - server->bodies_bytes)
        return refuse(conn, 503, "too many requests are under way; try again", NULL);
    server->bodies_bytes += announced;
    conn->exchange = exchange_new(conn, &head, route, announced);
    if (announced == 0)
        return run_handler(conn->exchange);
    conn_move(conn, CONN_ASKING);
    return go_on_if_asked(conn);
}

int exchange_body(struct conn *conn, struct gl_slice piece)
{
    struct exchange *exchange = conn->exchange;
    if (piece.len == 0)
        return 0;
    if (!exchange || conn->state != CONN_ASKING)
        return -1;
    if (piece.len > exchange->announced - exchange->body_len)
        return refuse(conn, 400, "the body is longer than its Content-Length", NULL);
    exchange->body = mem_grow(exchange->body, &exchange->body_cap, exchange->body_len + piece.len, 1);
    memcpy(exchange->body + exchange->body_len, piece.data, piece.len);
    exchange->body_len += piece.len;
    return 0;
}

int exchange_body_end(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange)
        return -1;
    if (exchange->announced == 0 && !exchange->is_written)
        return 0; /* said for an empty body too, whose handler has run already */
    if (conn->state != CONN_ASKING || exchange->body_len != exchange->announced)
        return -1;
    return run_handler(exchange);
}

int exchange_writable(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange || conn->state != CONN_ANSWERING)
        return 0;
    if (exchange->is_written)
        return lws_partial_buffered(conn->wsi) ? 0 : -1;
    return write_if_answered(exchange);
}

int exchange_confirm_upgrade(struct conn *conn)
{
    struct net_server *server = conn->server;
    struct head head;
    if (conn->state != CONN_ARRIVING || conn->exchange || server->is_draining)
        return -1;
    if (is_one_too_many(conn))
        return refuse_address(conn);
    head_read(conn->wsi, &head, server->scratch, HEAD_BYTES);
    struct refusal wrong = handshake_check_upgrade(&head, &server->policy);
    if (wrong.status)
        return refuse(conn, wrong.status, wrong.sentence, wrong.status == 426 ? "Sec-WebSocket-Version: 13\r\n" : NULL);
    trace_read(head_value(conn->wsi, "traceparent", server->scratch, HEAD_BYTES), &conn->trace);
    conn->upgrade_is_granted = true;
    return 0;
}

void exchange_drop(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange)
        return;
    conn->exchange = NULL;
    if (exchange->call.gone)
        exchange->call.gone(&exchange->call);
    conn->server->bodies_bytes -= exchange->announced;
    gl_buf_fini(&exchange->answer);
    mem_free(&exchange->body);
    mem_free(&exchange->head);
    mem_free(&exchange);
}
