/*
 * echo_core.c - a server with the real network and a core that only echoes, so that the network can be tested alone.
 *
 * echo_core --cert FILE --key FILE [--port N] [--host NAME] [--origin ORIGIN] [--hello-ms N] [--stall-ms N] [--ping-ms N]
 * [--gone-ms N] [--max-connections N] [--max-frame N] [--not-ready] [--quiet]
 *
 * Prints "listening PORT" when it does; SIGHUP reads the certificate again; SIGTERM ends it in order, and then it prints
 * "clean". A message comes back as it is, but one that begins with "!": !close CODE REASON   closes        !flood COUNT
 * BYTES  so many messages, as fast as they are taken !burst COUNT         so many short messages within one turn of the loop
 * !force COUNT BYTES   so many messages, whether there is room or not !all TEXT            TEXT to everybody, as one shared
 * message      !counts  what the network has counted; !address where the message came from. Plain requests: /echo (POST PUT PATCH: the body comes back; DELETE),
 * /later (answers after a while), /never (does not), /header (x-probe and user-agent).
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/core/peer.h"
#include "service/net/loop_uv.h"
#include "service/net/server.h"

/* ---- the stand-in for the core */

struct peer {
    struct core *core;
    struct peer *next, **at;
    struct peer_link link;
    size_t flood_left, flood_bytes, flood_at;
};

static struct net_config config;

struct core {
    struct peer *peers;
    struct net_server *server;
};

struct frame *frame_new(size_t cap)
{
    struct frame *frame = mem_alloc(sizeof *frame);
    *frame = (struct frame){.refs = 1, .cap = cap, .data = (char *)mem_alloc(FRAME_HEADROOM + cap) + FRAME_HEADROOM};
    return frame;
}

struct frame *frame_from(struct gl_slice bytes)
{
    struct frame *frame = frame_new(bytes.len);
    if (bytes.len > 0)
        memcpy(frame->data, bytes.data, bytes.len);
    frame->len = bytes.len;
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    frame->refs++;
    return frame;
}

void frame_unref(struct frame **frame)
{
    if (*frame && --(*frame)->refs == 0) {
        char *memory = (*frame)->data - FRAME_HEADROOM;
        frame_unref(&(*frame)->deflated);
        mem_free(&memory);
        mem_free(frame);
    }
    *frame = NULL;
}

static void send_text(struct peer *peer, struct gl_slice text)
{
    struct frame *frame = frame_from(text);
    peer->link.write(peer->link.ctx, frame);
    frame_unref(&frame);
}

static void send_numbered(struct peer *peer, size_t number, size_t bytes)
{
    struct frame *frame = frame_new(bytes > 24 ? bytes : 24);
    int len = snprintf(frame->data, frame->cap, "%zu ", number);
    frame->len = bytes > (size_t)len ? bytes : (size_t)len;
    memset(frame->data + len, 'x', frame->len - (size_t)len);
    peer->link.write(peer->link.ctx, frame);
    frame_unref(&frame);
}

static void flood(struct peer *peer)
{
    while (peer->flood_left > 0 && !peer->link.is_full(peer->link.ctx)) {
        peer->flood_left--;
        send_numbered(peer, peer->flood_at++, peer->flood_bytes);
    }
}

static void send_counts(struct peer *peer)
{
    struct net_counts c;
    char text[512];
    net_server_counts(peer->core->server, &c);
    int len = snprintf(
        text, sizeof text,
        "{\"connections\":%zu,\"arriving\":%zu,\"websockets\":%zu,\"full\":%zu,\"accepted\":%llu,\"refused\":%llu,\"stalled\":%llu,"
        "\"timed_out\":%llu,\"pauses\":%llu,\"messages_in\":%llu,\"messages_kept\":%llu,\"messages_out\":%llu,\"bytes_out\":%llu,\"records_out\":%llu}",
        c.connections, c.arriving, c.websockets, c.full, (unsigned long long)c.accepted, (unsigned long long)c.refused,
        (unsigned long long)c.stalled, (unsigned long long)c.timed_out, (unsigned long long)c.pauses,
        (unsigned long long)c.messages_in, (unsigned long long)c.messages_kept, (unsigned long long)c.messages_out,
        (unsigned long long)c.bytes_out, (unsigned long long)c.records_out);
    send_text(peer, gl_slice_of(text, (size_t)len));
}

static void send_to_all(struct core *core, const char *text)
{
    struct frame *frame = frame_from(gl_slice_str(text));
    for (struct peer *peer = core->peers; peer; peer = peer->next)
        frame->readers++;
    for (struct peer *peer = core->peers; peer; peer = peer->next)
        if (!peer->link.is_full(peer->link.ctx))
            peer->link.write(peer->link.ctx, frame);
    frame_unref(&frame);
}

static void obey(struct peer *peer, const char *text)
{
    size_t count = 0, bytes = 0;
    unsigned code;
    int at = 0;
    if (sscanf(text, "!close %u %n", &code, &at) == 1) {
        peer->link.close(peer->link.ctx, code, text + at);
    } else if (sscanf(text, "!flood %zu %zu", &count, &bytes) == 2) {
        peer->flood_left = count;
        peer->flood_bytes = bytes;
        peer->flood_at = 0;
        flood(peer);
    } else if (sscanf(text, "!burst %zu", &count) == 1 || sscanf(text, "!force %zu %zu", &count, &bytes) == 2) {
        for (size_t i = 0; i < count; i++)
            send_numbered(peer, i, bytes);
    } else if (strncmp(text, "!all ", 5) == 0) {
        send_to_all(peer->core, text + 5);
    } else if (strcmp(text, "!counts") == 0) {
        send_counts(peer);
    } else if (strcmp(text, "!address") == 0) {
        struct frame *frame = frame_from(gl_slice_str(peer->link.address));
        peer->link.write(peer->link.ctx, frame);
        frame_unref(&frame);
    }
}

struct peer *peer_new(struct core *core, const struct peer_link *link)
{
    struct peer *peer = mem_alloc(sizeof *peer);
    *peer = (struct peer){.core = core, .link = *link, .next = core->peers, .at = &core->peers};
    if (core->peers)
        core->peers->at = &peer->next;
    core->peers = peer;
    return peer;
}

void peer_receive(struct peer *peer, struct gl_slice message)
{
    if (message.len > 0 && message.data[0] == '!') {
        char *text = mem_copy(message.data, message.len);
        obey(peer, text);
        mem_free(&text);
        return;
    }
    send_text(peer, message);
}

void peer_writable(struct peer *peer)
{
    flood(peer);
}

void peer_closed(struct peer *peer)
{
    *peer->at = peer->next;
    if (peer->next)
        peer->next->at = peer->at;
    mem_free(&peer);
}

/* ---- plain requests */

static struct loop *the_loop;
static bool is_ready = true;
static size_t gone_calls;

static bool ready(void *ctx, const char **why)
{
    (void)ctx;
    *why = "storage is unavailable";
    return is_ready;
}

static void answer_echo(void *ctx, struct http_call *call)
{
    (void)ctx;
    struct http_answer answer = {.status = 200, .type = "application/octet-stream", .body = call->request.body};
    call->answer(call, &answer);
}

struct later {
    struct http_call *call;
    struct loop_timer *timer;
};

static void end_later(struct later *later)
{
    loop_timer_free(&later->timer);
    mem_free(&later);
}

static void later_now(void *ctx)
{
    struct later *later = ctx;
    struct http_answer answer = {.status = 200, .body = later->call->request.path};
    later->call->answer(later->call, &answer);
    end_later(later);
}

static void later_gone(struct http_call *call)
{
    gone_calls++;
    end_later(call->data);
}

static void answer_later(void *ctx, struct http_call *call)
{
    struct later *later = call->data = mem_alloc(sizeof *later);
    later->call = call;
    later->timer = loop_timer_new(the_loop, later_now, later);
    call->gone = later_gone;
    loop_timer_start(later->timer, ctx ? 3600000 : 50, 0);
}

static void answer_header(void *ctx, struct http_call *call)
{
    char text[512];
    (void)ctx;
    struct gl_slice value = call->header(call, "x-probe");
    int len = snprintf(text, sizeof text, "%.*s|", (int)value.len, value.data);
    value = call->header(call, "user-agent");
    len += snprintf(text + len, sizeof text - (size_t)len, "%.*s|%.*s|%.*s", (int)value.len, value.data,
                    (int)call->request.path.len, call->request.path.data, (int)call->request.query.len, call->request.query.data);
    struct http_answer answer = {
        .status = 200, .body = gl_slice_of(text, (size_t)len), .headers = "Cache-Control: max-age=5\r\n"};
    call->answer(call, &answer);
}

static void add_routes(struct http *http)
{
    unsigned body = HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE;
    http_add(http, &(struct http_route){.path = "/echo", .methods = body, .max_body_bytes = 1 << 20, .handle = answer_echo});
    http_add(http, &(struct http_route){
                       .path = "/later", .methods = HTTP_GET | HTTP_POST, .max_body_bytes = 100, .handle = answer_later});
    http_add(http, &(struct http_route){.path = "/never", .methods = HTTP_GET, .handle = answer_later, .ctx = http});
    http_add(http, &(struct http_route){.path = "/header/", .methods = HTTP_GET, .handle = answer_header});
}

/* ---- main */

static volatile sig_atomic_t got_hup, got_term;
static struct loop_wakeup *wakeup;

static void on_signal(int signal)
{
    if (signal == SIGHUP)
        got_hup = 1;
    else
        got_term = 1;
    loop_wake(wakeup);
}

static void drained(void *ctx)
{
    loop_stop(ctx);
}

static void woken(void *ctx)
{
    struct core *core = ctx;
    if (got_hup) {
        got_hup = 0;
        (void)!net_server_reload_tls(core->server, config.certificate_path, config.key_path, NULL);
    }
    if (got_term) {
        got_term = 0;
        net_server_drain(core->server, drained, the_loop);
        for (struct peer *peer = core->peers; peer; peer = peer->next)
            peer->link.close(peer->link.ctx, 1001, "the server ends");
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0) {
        perror("echo_core: listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &len);
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"cert", 1, NULL, 'c'},
                                            {"key", 1, NULL, 'k'},
                                            {"port", 1, NULL, 'p'},
                                            {"host", 1, NULL, 'H'},
                                            {"origin", 1, NULL, 'o'},
                                            {"hello-ms", 1, NULL, 'h'},
                                            {"stall-ms", 1, NULL, 's'},
                                            {"ping-ms", 1, NULL, 'P'},
                                            {"gone-ms", 1, NULL, 'g'},
                                            {"max-connections", 1, NULL, 'm'},
                                            {"max-frame", 1, NULL, 'f'},
                                            {"not-ready", 0, NULL, 'n'},
                                            {"quiet", 0, NULL, 'q'},
                                            {"proxy-from", 1, NULL, 'F'},
                                            {"address-connections", 1, NULL, 'a'},
                                            {"address-rate", 1, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    const char *host = "gloss.test", *origin = "https://friend.test";
    enum log_level level = LOG_INFO;
    config = (struct net_config){.host_names = &host, .host_name_count = 1, .origins = &origin, .origin_count = 1};
    struct gl_err err;
    struct core core = {0};
    char *proxy_from = NULL;
    struct net_limits limits = {.proxy_from = &proxy_from};
    int port = 0;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;
        switch (option) {
        case 'c': config.certificate_path = optarg; break;
        case 'k': config.key_path = optarg; break;
        case 'p': port = (int)number; break;
        case 'H': host = optarg; break;
        case 'o': origin = optarg; break;
        case 'h': config.hello_ms = number; break;
        case 's': config.stall_ms = number; break;
        case 'P': config.ping_ms = number; break;
        case 'g': config.gone_ms = number; break;
        case 'm': config.max_connections = number; break;
        case 'f': config.max_frame_bytes = number; break;
        case 'n': is_ready = false; break;
        case 'F':
            proxy_from = optarg;
            limits.proxy_from_count = 1;
            break;
        case 'a': limits.address_connections = number; break;
        case 'r': limits.address_rate = number; break;
        case 'q': level = LOG_ERROR; break;
        default: return 2;
        }
    }
    log_init(level, LOG_TEXT);
    signal(SIGPIPE, SIG_IGN);
    the_loop = loop_new();
    wakeup = loop_wakeup_new(the_loop, woken, &core);
    struct http *http = http_new(&(struct http_config){.server_version = "echo_core <1>", .is_ready = ready});
    add_routes(http);
    int fd = -1;
    config.http = http;
    config.listening = &fd;
    config.listening_count = 1;
    fd = listen_on(port);
    core.server = net_server_new(the_loop, &core, &config, &err);
    if (core.server && net_server_limit(core.server, &limits, &err))
        return 3;
    if (!core.server) {
        fprintf(stderr, "echo_core: %s: %s\n", err.path, err.detail);
        loop_wakeup_free(&wakeup);
        http_free(&http);
        loop_free(&the_loop);
        close(fd);
        return 7;
    }
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_signal}, NULL);
    printf("ready\n");
    fflush(stdout);
    loop_run(the_loop);
    net_server_free(&core.server);
    assert(!core.peers);
    loop_wakeup_free(&wakeup);
    http_free(&http);
    loop_free(&the_loop);
    close(fd);
    printf("clean, %zu calls gone\n", gone_calls);
    return 0;
}
