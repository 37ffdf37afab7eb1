/* server.c - the server: the library's context on our loop, deadlines, draining, the end. */
#include "service/net/server.h"

#include <assert.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/net/loop_uv.h"
#include "service/net/net_priv.h"

#define SPARE_DESCRIPTORS    64 /* for everything that is not a connection */
#define TOO_MANY_DESCRIPTORS 1048576u

static const struct net_config defaults = {
    .max_connections = 10000,
    .max_frame_bytes = 262144,
    .hello_ms = 10000,
    .stall_ms = 8000,
    .ping_ms = 30000,
    .gone_ms = 52500,
};

static void fill_in_defaults(struct net_config *config)
{
#define DEFAULT(name)                                                                                                            \
    if (!config->name)                                                                                                           \
    config->name = defaults.name
    DEFAULT(max_connections);
    DEFAULT(max_frame_bytes);
    DEFAULT(hello_ms);
    DEFAULT(stall_ms);
    DEFAULT(ping_ms);
    DEFAULT(gone_ms);
#undef DEFAULT
    assert(config->gone_ms > config->ping_ms);
}

/* ---- turns of the loop */

static bool has_to_do(const struct net_server *server)
{
    return !TAILQ_EMPTY(&server->turn) || !TAILQ_EMPTY(&server->pausing);
}

static void before_wait(uv_prepare_t *prepare)
{
    struct net_server *server = prepare->data;
    /* The library keeps its timeouts in a list that it looks at when it is called, and may hold bytes that it has read but
     * not handled; so it is called. This ends connections that were to be killed, which may make the core write to others,
     * and so does the end of one that is closed. */
    bool has_more = lws_service_adjust_timeout(server->lws, 1, 0) == 0;
    for (int pass = 0; pass < 3 && has_to_do(server); pass++)
        outgoing_at_end_of_turn(server);
    if (has_more || server->has_killed || has_to_do(server))
        lws_cancel_service(server->lws); /* the coming wait ends at once */
    server->has_killed = false;
}

static void after_wait(uv_check_t *check)
{
    outgoing_begin_turn(check->data);
    outgoing_at_end_of_turn(check->data);
    budget_read_on(check->data);
    arrival_begin_some(check->data);
    budget_next_turn(check->data);
}

static void look_drained(struct net_server *server)
{
    void (*done)(void *) = server->drained;
    if (!server->is_draining || !done || server->counts.connections > 0)
        return;
    server->drained = NULL;
    done(server->drained_ctx);
}

static void sweep(void *ctx)
{
    struct net_server *server = ctx;
    uint64_t now_ms = loop_now_ms(server->loop);
    arrival_sweep(server, now_ms);
    visitors_sweep(&server->visitors, now_ms);
    conn_sweep(server, now_ms);
    outgoing_sweep(server, now_ms);
    accept_look(server, now_ms);
    look_drained(server);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void start_turns(struct net_server *server)
{
    uv_loop_t *uv = loop_uv(server->loop);
    uint64_t every_ms =
        smaller(250, smaller(server->config.hello_ms, smaller(server->config.stall_ms, server->config.ping_ms)) / 4);
    uv_prepare_init(uv, &server->before_wait);
    uv_check_init(uv, &server->after_wait);
    server->before_wait.data = server->after_wait.data = server;
    uv_prepare_start(&server->before_wait, before_wait);
    uv_check_start(&server->after_wait, after_wait);
    server->sweep = loop_timer_new(server->loop, sweep, server);
    loop_timer_start(server->sweep, every_ms + 1, every_ms + 1);
}

/* ---- the beginning */

/* The library has tables with a place for every descriptor that may be opened, and refuses those beyond. Its own limit
 * (fd_limit_per_thread) would make it search these tables at every event; so the process's limit is set instead, and we do
 * the counting. */
static void set_descriptor_limit(struct net_config *config)
{
    struct rlimit limit;
    rlim_t want = config->max_connections + 4 * SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < want || limit.rlim_cur > TOO_MANY_DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    size_t most = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS : SPARE_DESCRIPTORS;
    if (config->max_connections > most) {
        log_event(LOG_WARN, EV_accept_limited, F_U64("connections", most), F_U64("wanted", config->max_connections));
        config->max_connections = most;
    }
}

/* rx_buffer_size is memory of every connection, for as long as it lasts; longer messages come in pieces. What is sent in one go is never cut. */
static const struct lws_protocols protocols[] = {
    {.name = WEBSOCKET_PROTOCOL, .callback = callback, .rx_buffer_size = 512, .tx_packet_size = 65536},
    {.name = WEBSOCKET_PROTOCOL_DEFLATE, .callback = callback, .rx_buffer_size = 512, .tx_packet_size = 65536},
    {0},
};
/* No timers of the library: connections are swept (conn_sweep). */
static const lws_retry_bo_t no_pings = {0};

static enum gl_code start_library(struct net_server *server, struct gl_err *err)
{
    void *loops[] = {loop_uv(server->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .user = server,
        .pcontext = &server->lws,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .vhost_name = "gloss",
        .protocols = protocols,
        .alpn = "http/1.1",
        .timeout_secs = (unsigned)(server->config.hello_ms / 1000 + 30), /* ours are shorter */
        .retry_and_idle_policy = &no_pings,
        .max_http_header_data = 8192,
        .pt_serv_buf_size = 20000, /* a whole TLS record in one read */
        /* no .extensions: permessage-deflate can be made to abort, and costs more than it saves */
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, callback_log);
    server->lws = lws_create_context(&info);
    if (!server->lws)
        return gl_fail(err, GL_E_SYSTEM, "libwebsockets could not be started; its messages in the log say why");
    server->vhost = lws_create_vhost(server->lws, &info);
    if (!server->vhost)
        return gl_fail(err, GL_E_SYSTEM, "libwebsockets could not set up TLS; its messages in the log say why");
    return GL_OK;
}

struct net_server *net_server_new(struct loop *loop, struct core *core, const struct net_config *config, struct gl_err *err)
{
    struct tls_pair tls;
    if (tls_load(&tls, config->certificate_path, config->key_path, err))
        return NULL;
    struct net_server *server = mem_alloc(sizeof *server);
    *server = (struct net_server){.loop = loop, .core = core, .config = *config, .tls = tls};
    fill_in_defaults(&server->config);
    set_descriptor_limit(&server->config);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without asking for silence */
    server->policy =
        (struct handshake_policy){config->host_names, config->host_name_count, config->origins, config->origin_count};
    server->kept_max = 4 * server->config.max_frame_bytes + 8 * RECORD_BYTES;
    server->record = mem_alloc(LWS_PRE + RECORD_BYTES);
    server->scratch = mem_alloc(HEAD_BYTES);
    server->deflater = deflater_new();
    for (int i = 0; i < CONN_STATES; i++)
        TAILQ_INIT(&server->states[i]);
    TAILQ_INIT(&server->full);
    TAILQ_INIT(&server->unread);
    TAILQ_INIT(&server->turn);
    TAILQ_INIT(&server->pausing);
    TAILQ_INIT(&server->keeping);
    TAILQ_INIT(&server->heard);
    TAILQ_INIT(&server->waiting);
    TAILQ_INIT(&server->ready);
    visitors_init(&server->visitors);
    if (start_library(server, err)) {
        net_server_free(&server);
        return NULL;
    }
    start_turns(server);
    if (!config->is_waiting)
        accept_start(server);
    return server;
}

enum gl_code net_server_limit(struct net_server *server, const struct net_limits *limits, struct gl_err *err)
{
    struct network *proxies = mem_array(limits->proxy_from_count, sizeof *proxies);
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < limits->proxy_from_count && !code; i++)
        code = network_parse(limits->proxy_from[i], "proxy_from", &proxies[i], err);
    if (code) {
        mem_free(&proxies);
        return code;
    }
    mem_free(&server->proxies);
    server->proxies = proxies;
    server->proxy_count = limits->proxy_from_count;
    server->visitors.most = limits->address_connections;
    server->visitors.per_second = limits->address_rate;
    return GL_OK;
}

enum gl_code net_check_tls(const char *certificate_path, const char *key_path, struct gl_err *err)
{
    struct tls_pair pair;
    struct gl_err local;
    enum gl_code code = tls_load(&pair, certificate_path, key_path, err ? err : &local);
    if (code == GL_OK)
        tls_free(&pair);
    return code;
}

enum gl_code net_server_reload_tls(struct net_server *server, const char *certificate_path, const char *key_path,
                                   struct gl_err *err)
{
    struct tls_pair pair;
    struct gl_err local;
    if (!err)
        err = &local;
    enum gl_code code = tls_load(&pair, certificate_path, key_path, err);
    if (code) {
        log_event(LOG_ERROR, EV_tls_refused, F_STR("detail", err->detail));
        return code;
    }
    tls_free(&server->tls);
    server->tls = pair;
    log_event(LOG_INFO, EV_tls_loaded, F_STR("file", certificate_path));
    return GL_OK;
}

/* ---- the end */

void net_server_start_accepting(struct net_server *server)
{
    assert(!server->acceptors && !server->is_draining);
    accept_start(server);
}

void net_server_stop_accepting(struct net_server *server)
{
    accept_free(server);
}

void net_server_drain(struct net_server *server, void (*done)(void *), void *ctx)
{
    struct conn *conn;
    server->is_draining = true;
    server->drained = done;
    server->drained_ctx = ctx;
    arrival_drop_all(server);
    accept_free(server);
    while ((conn = TAILQ_FIRST(&server->states[CONN_ARRIVING])))
        conn_kill(conn);
    /* done is called by the sweep: never from in here */
}

static void closed_handle(uv_handle_t *handle)
{
    handle->data = NULL;
}

void net_server_free(struct net_server **address)
{
    struct net_server *server = *address;
    if (!server)
        return;
    *address = NULL;
    server->is_draining = true;
    server->drained = NULL;
    arrival_drop_all(server);
    accept_free(server);
    if (server->sweep) {
        uv_close((uv_handle_t *)&server->before_wait, closed_handle);
        uv_close((uv_handle_t *)&server->after_wait, closed_handle);
        loop_timer_free(&server->sweep);
    }
    /* The first call tells every peer and closes everything, which takes turns of the loop; on a loop that is not its own
     * the library does the rest when it is asked again. */
    while (server->lws || server->before_wait.data || server->after_wait.data || server->is_serving_later) {
        if (server->lws)
            lws_context_destroy(server->lws);
        uv_run(loop_uv(server->loop), UV_RUN_NOWAIT);
    }
    assert(!server->lws && server->counts.connections == 0);
    tls_free(&server->tls);
    visitors_fini(&server->visitors);
    mem_free(&server->proxies);
    mem_free(&server->record);
    mem_free(&server->scratch);
    deflater_free(&server->deflater);
    mem_free(&server);
}

void net_server_counts(const struct net_server *server, struct net_counts *counts)
{
    struct conn *conn;
    *counts = server->counts;
    counts->most = server->config.max_connections;
    counts->arriving = server->in_state[CONN_ARRIVING] + server->waiting_count + server->ready_count;
    counts->websockets = server->in_state[CONN_OPEN] + server->in_state[CONN_CLOSING] + server->in_state[CONN_CLOSED];
    TAILQ_FOREACH(conn, &server->full, of_full)
    counts->full++;
}
