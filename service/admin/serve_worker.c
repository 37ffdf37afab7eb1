/* One worker: what the modules of the service are to each other. Everything happens in its loop, from serve_worker() on. */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "service/admin/serve_asked.h"
#include "service/admin/serve_metrics.h"
#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/base/metrics.h"
#include "service/base/pool.h"
#include "service/core/core.h"
#include "service/helper/helper_client.h"
#include "service/http/http.h"
#include "service/net/loop_uv.h"
#include "service/net/server.h"
#include "service/store/store_pg.h"

enum {
    PREFLIGHT_MS = 2000,  /* one look at the database before the loop runs; a worker that was killed should be back in a second */
    REHEARSAL_MS = 20000, /* there is no haste while others serve */
    CLOCK_LIMIT_MS = 5000, /* further from the database's clock than this, and the worker is not ready */
    GOODBYE_MS = 500,      /* for the last answers and close frames, when the drain was not over in time */
    HELPER_JOBS = 256,
    HELPER_WAIT_MS = 10000,
    HELPER_RUN_MS = 15000,
};

extern char **environ;

struct worker {
    struct settings *settings;
    struct seat *seat;
    struct loop *loop;
    struct store *store;
    struct helper_client *helpers;
    struct core *core;
    struct http *http;
    struct net_server *net;
    struct serve_metrics metrics;
    struct serve_asked asked;
    struct loop_timer *beat, *announced, *drain_deadline;
    struct loop_watch *signals;
    int signal_fd;
    bool says_ready_later; /* takes connections when work can be done, not before */
    enum { STAYING, ANNOUNCED, MOVING, FINISHING } leaving;
    bool is_drain_over, is_core_done, is_net_done;
    int exit_code;
};

/* ---- the end */

static void end(struct worker *worker)
{
    if (worker->is_drain_over) /* what the database still owes an answer cannot be freed in order: it goes with the process */
        _exit(worker->exit_code);
    loop_stop(worker->loop);
}

static void on_core_done(void *ctx)
{
    struct worker *worker = ctx;
    worker->is_core_done = true;
    if (worker->is_net_done)
        end(worker);
}

static void on_net_done(void *ctx)
{
    struct worker *worker = ctx;
    worker->is_net_done = true;
    if (worker->is_core_done)
        end(worker);
}

static void on_drain_deadline(void *ctx)
{
    struct worker *worker = ctx;
    if (worker->is_drain_over)
        end(worker);
    log_event(LOG_WARN, EV_worker_draining, F_STR("detail", "not everything was finished in time"));
    worker->is_drain_over = true;
    loop_timer_start(worker->drain_deadline, GOODBYE_MS, 0);
    core_end_drain(worker->core);
}

static void finish(struct worker *worker)
{
    worker->leaving = FINISHING;
    loop_timer_stop(worker->announced);
    log_event(LOG_INFO, EV_worker_draining, F_MS("at_most", worker->settings->drain_timeout_ms));
    /* Somewhat before the supervisor would kill us. */
    loop_timer_start(worker->drain_deadline, worker->settings->drain_timeout_ms * 4 / 5, 0);
    net_server_drain(worker->net, on_net_done, worker);
    core_drain(worker->core, on_core_done, worker);
}

static void on_all_told(void *ctx)
{
    finish(ctx);
}

/* The supervisor has the sockets still when somebody takes over from us; otherwise whoever connects from now on is refused at once, and tries elsewhere. */
static void close_listening(struct worker *worker)
{
    net_server_stop_accepting(worker->net);
    for (size_t i = 0; i < worker->seat->listen_count; i++)
        close(worker->seat->listen_fds[i]);
}

static void move_away(void *ctx)
{
    struct worker *worker = ctx;
    worker->leaving = MOVING;
    loop_timer_stop(worker->announced);
    log_event(LOG_INFO, EV_worker_moving, F_MS("at_most", worker->settings->drain_spread_ms));
    close_listening(worker);
    core_move(worker->core, worker->settings->drain_spread_ms, on_all_told, worker);
}

/* is_alone: the node stays, and a successor is there already. Told once more, it hurries. */
static void leave(struct worker *worker, bool is_alone)
{
    if (worker->leaving == STAYING && !is_alone && worker->settings->drain_delay_ms > 0) {
        worker->leaving = ANNOUNCED;
        loop_timer_start(worker->announced, worker->settings->drain_delay_ms, 0);
    } else if (worker->leaving == STAYING) {
        move_away(worker);
    } else if (worker->leaving == ANNOUNCED) {
        close_listening(worker);
        finish(worker);
    } else if (worker->leaving == MOVING) {
        finish(worker);
    }
}

/* The supervisor is gone: nobody will start a successor on this socket, and the kernel kills us any moment. */
static void on_alone(void *ctx)
{
    struct worker *worker = ctx;
    worker->exit_code = ADMIN_FAILED;
    end(worker);
}

/* ---- SIGHUP */

static struct core_limits core_limits(const struct settings *settings)
{
    return (struct core_limits){
        .frame_bytes = settings->max_frame_bytes,
        .ops_in_flight = (size_t)settings->ops_in_flight,
        .requests_in_flight = (size_t)settings->requests_in_flight,
        .bytes_in_flight = (size_t)settings->bytes_in_flight,
        .document_bytes = settings->max_document_bytes,
        .uploads_bytes = settings->max_uploads_bytes,
        .append_max_ops = (size_t)settings->append_max_ops,
        .recent_ops = (size_t)settings->recent_ops,
        .recent_bytes = settings->recent_bytes,
        .sessions = (size_t)settings->max_sessions,
        .sessions_bytes = settings->sessions_memory,
        .hello_ms = settings->hello_timeout_ms,
        .audit_sign_ins = (uint64_t)settings->audit_sign_ins,
        .stall_ms = settings->stall_timeout_ms,
        .append_ms = settings->append_timeout_ms,
        .spread_ms = settings->drain_spread_ms,
        .idle_session_ms = settings->idle_session_ms,
        .quotas =
            {
#define QUOTA(name, ...) [QUOTA_##name] = (uint64_t)settings->name,
#include "service/base/quotas.def"
#undef QUOTA
            },
    };
}

static struct net_limits net_limits(const struct settings *settings)
{
    return (struct net_limits){
        .proxy_from = settings->proxy_from.items,
        .proxy_from_count = settings->proxy_from.count,
        .address_connections = (uint64_t)settings->max_address_connections,
        .address_rate = (uint64_t)settings->address_rate,
    };
}

static void take_settings(struct worker *worker, const struct settings *fresh)
{
    const size_t changed = settings_reload(worker->settings, fresh);
    const struct core_limits limits = core_limits(worker->settings);
    enum log_level level;
    if (log_level_parse(worker->settings->log_level, &level))
        log_set_level(level);
    core_set_limits(worker->core, &limits);
    const struct net_limits of_net = net_limits(worker->settings);
    struct gl_err err;
    const enum gl_code code = net_server_limit(worker->net, &of_net, &err);
    assert(!code); /* serve_check has looked */
    log_event(LOG_INFO, EV_service_reloaded, F_U64("changed", changed));
}

/* All of it, or nothing. The certificate comes first: only that can still fail once the settings were read. */
static void reload(struct worker *worker)
{
    struct settings fresh;
    struct gl_err err = {0};
    settings_init(&fresh);
    enum gl_code code = settings_load_again(&fresh, worker->settings, environ, &err);
    if (!code)
        code = serve_check(&fresh, &err);
    if (!code) /* also when no setting has changed: the files may have */
        code = net_server_reload_tls(worker->net, fresh.tls_certificate, fresh.tls_key, &err);
    if (code)
        log_event(LOG_ERROR, EV_service_reloaded, F_STR("detail", err.detail));
    else
        take_settings(worker, &fresh);
    settings_fini(&fresh);
}

static void on_signal(void *ctx, int events)
{
    struct worker *worker = ctx;
    struct signalfd_siginfo info;
    (void)events;
    while (read(worker->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGHUP)
            reload(worker);
        else
            leave(worker, info.ssi_signo == SIGUSR2);
}

static bool is_ready(void *ctx, const char **why);

static void on_beat(void *ctx)
{
    const char *why;
    struct worker *worker = ctx;
    seat_beat(worker->seat);
    serve_metrics_beat(&worker->metrics, worker->seat->beat_every_ms);
    serve_asked_beat(&worker->asked);
    if (worker->says_ready_later && is_ready(worker, &why)) {
        worker->says_ready_later = false;
        net_server_start_accepting(worker->net);
        seat_say_ready(worker->seat);
    }
}

/* ---- what it is made of */

static bool is_ready(void *ctx, const char **why)
{
    const struct worker *worker = ctx;
    int64_t offset = store_clock_offset_ms(worker->store);
    *why = worker->leaving != STAYING            ? "the server is going down"
           : !store_is_up(worker->store)         ? "the database is not there"
           : !store_takes_appends(worker->store) ? "the database refuses what is written; store.failed in the log has its reason"
           : !store_confirms_appends(worker->store)
               ? "the database does not say that what was written is safe; is its synchronous standby away?"
           : offset > CLOCK_LIMIT_MS || offset < -CLOCK_LIMIT_MS
               ? "this machine's clock and the database's are more than 5 seconds apart"
               : NULL;
    return !*why;
}

static struct store_pg_config store_config(const struct settings *settings)
{
    return (struct store_pg_config){
        .conninfo = settings->database,
        .append_role = settings->append_role,
        .reader_role = settings->reader_role,
        .writers = (unsigned)settings->database_writers,
        .readers = (unsigned)settings->database_readers,
        .statement_ms = settings->statement_timeout_ms,
        .version = GLOSS_VERSION,
        .allow_unsafe = settings->allow_unsafe_database,
    };
}

/* A database that is not there now may come; one that does not fit will not. */
int serve_check_database(const struct settings *settings, bool is_strict)
{
    struct store_pg_config config = store_config(settings);
    struct gl_err err = {0};
    config.connect_ms = is_strict ? REHEARSAL_MS : PREFLIGHT_MS;
    enum gl_code code = store_pg_preflight(&config, &err);
    if (!code)
        return ADMIN_OK;
    bool is_schema = code == GL_E_SCHEMA_TOO_OLD || code == GL_E_SCHEMA_TOO_NEW;
    if (!is_schema && code != GL_E_SETTING && !is_strict) {
        log_event(LOG_WARN, EV_store_lost, F_STR("detail", err.detail));
        return ADMIN_OK;
    }
    serve_fail(settings, "%s", err.detail);
    return is_schema ? ADMIN_SCHEMA : code == GL_E_SETTING ? ADMIN_SETTINGS : ADMIN_DATABASE;
}

static int open_network(struct worker *worker)
{
    const struct settings *settings = worker->settings;
    const struct net_config config = {
        .listening = worker->seat->listen_fds,
        .listening_count = worker->seat->listen_count,
        .is_waiting = worker->seat->is_successor,
        .certificate_path = settings->tls_certificate,
        .key_path = settings->tls_key,
        .host_names = (const char *const *)settings->host_names.items,
        .host_name_count = settings->host_names.count,
        .origins = (const char *const *)settings->origins.items,
        .origin_count = settings->origins.count,
        .max_connections = (size_t)settings->max_connections,
        .max_frame_bytes = settings->max_frame_bytes,
        .hello_ms = settings->hello_timeout_ms,
        .stall_ms = settings->stall_timeout_ms,
        .ping_ms = settings->ping_interval_ms,
        .gone_ms =
            settings->ping_interval_ms * 7 / 4, /* with what the sweep takes: two pings' time, which is what was promised */
        .http = worker->http,
    };
    struct gl_err err = {0};
    const struct net_limits limits = net_limits(settings);
    worker->net = net_server_new(worker->loop, worker->core, &config, &err);
    if (worker->net && !net_server_limit(worker->net, &limits, &err))
        return ADMIN_OK;
    serve_fail(settings, "%s", err.detail);
    return !strncmp(err.path, "tls_", 4) ? ADMIN_CERTIFICATE : ADMIN_SETTINGS;
}

static void open_signals(struct worker *worker)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    sigaddset(&wanted, SIGUSR2);
    worker->signal_fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    assert(worker->signal_fd >= 0);
    worker->signals = loop_watch_new(worker->loop, worker->signal_fd, on_signal, worker);
    loop_watch_set(worker->signals, LOOP_READ);
}

static int open_all(struct worker *worker)
{
    const struct settings *settings = worker->settings;
    int code = serve_check_database(settings, false);
    if (code)
        return code;
    const struct store_pg_config store = store_config(settings);
    const struct helper_limits limits = {
        .jobs = HELPER_JOBS, .job_bytes = settings->max_uploads_bytes, .wait_ms = HELPER_WAIT_MS, .run_ms = HELPER_RUN_MS};
    worker->helpers = helper_client_new(worker->loop, worker->seat, &limits, on_alone, worker);
    worker->store = store_pg_new(worker->loop, &store);
    const struct core_limits core = core_limits(settings);
    const struct core_helpers helpers = helper_client_core(worker->helpers);
    worker->core = core_new(worker->loop, worker->store, &core, &helpers, "glossd/" GLOSS_VERSION);
    core_show_settings(worker->core, settings);
    worker->http = http_new(&(struct http_config){"gloss " GLOSS_VERSION, is_ready, worker});
    worker->metrics = (struct serve_metrics){settings, worker->store, worker->core, NULL, is_ready, worker, 0};
    serve_metrics_open(&worker->metrics, worker->http);
    code = open_network(worker);
    worker->metrics.net = worker->net;
    worker->asked = (struct serve_asked){.store = worker->store, .core = worker->core, .net = worker->net};
    serve_asked_open(&worker->asked);
    return code;
}

static void close_all(struct worker *worker)
{
    if (worker->net)
        net_server_free(&worker->net);
    helper_client_free(&worker->helpers); /* calls back into the core */
    if (worker->core)
        core_free(&worker->core);
    if (worker->http)
        http_free(&worker->http);
    if (worker->store)
        store_free(&worker->store);
    loop_watch_free(&worker->signals);
    close(worker->signal_fd);
    loop_timer_free(&worker->beat);
    loop_timer_free(&worker->announced);
    loop_timer_free(&worker->drain_deadline);
    loop_free(&worker->loop);
}

int serve_worker(struct settings *settings, struct seat *seat)
{
    pool_serve_json(); /* nothing of JSON is there yet */
    struct worker worker = {.settings = settings, .seat = seat, .loop = loop_new()};
    seat_beat(seat);
    metrics_sit(seat->worker);
    worker.beat = loop_timer_new(worker.loop, on_beat, &worker);
    worker.announced = loop_timer_new(worker.loop, move_away, &worker);
    worker.drain_deadline = loop_timer_new(worker.loop, on_drain_deadline, &worker);
    loop_timer_start(worker.beat, seat->beat_every_ms, seat->beat_every_ms);
    open_signals(&worker);
    worker.exit_code = open_all(&worker);
    if (worker.exit_code == ADMIN_OK) {
        worker.says_ready_later = seat->is_successor;
        if (!seat->is_successor)
            seat_say_ready(seat);
        loop_run(worker.loop);
    }
    close_all(&worker);
    return worker.exit_code;
}
