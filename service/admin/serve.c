/* glossd serve: checks what can be checked without a library, takes the sockets, and becomes the supervisor. */
#include "service/admin/serve_metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/admin/serve_again.h"
#include "service/base/log.h"
#include "service/base/metrics.h"
#include "service/base/networks.h"
#include "service/base/supervisor.h"
#include "service/helper/helper.h"
#include "service/helper/keeper.h"

extern char **environ;

enum {
    OTHER_FDS = 256,      /* of a worker, beside its connections */
    SUCCESSOR_MS = 60000, /* to find the database, when it takes over from a worker that has it */
};

struct serve {
    struct settings *settings;
    struct listener listener;
    int ready_fd; /* -1: none */
};

void serve_fail(const struct settings *settings, const char *fmt, ...)
{
    char sentence[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    if (!strcmp(settings->log_format, "json"))
        log_event(LOG_ERROR, EV_service_failed, F_STR("detail", sentence));
    else
        admin_complain("%s", sentence);
}

/* ---- before anything is started */

enum gl_code serve_check(const struct settings *settings, struct gl_err *err)
{
    struct network network;
    enum gl_code code = serve_metrics_check(settings, err);
    for (size_t i = 0; i < settings->proxy_from.count && !code; i++)
        code = network_parse(settings->proxy_from.items[i], "proxy_from", &network, err);
    return code;
}

static bool is_readable(const struct settings *settings, const char *name, const char *path)
{
    if (!*path) {
        serve_fail(settings, "the setting %s is missing: name the PEM file (service/deps/certificate makes one to try with)",
                   name);
        return false;
    }
    if (access(path, R_OK) == 0)
        return true;
    serve_fail(settings, "%s %s cannot be read: %s; correct the setting %s, or the file's owner and mode", name, path,
               strerror(errno), name);
    return false;
}

static int check_settings(const struct settings *settings)
{
    if (!*settings->tls_certificate || !*settings->tls_key) {
        (void)is_readable(settings, *settings->tls_certificate ? "tls_key" : "tls_certificate", "");
        return ADMIN_SETTINGS;
    }
    if (!is_readable(settings, "tls_certificate", settings->tls_certificate) ||
        !is_readable(settings, "tls_key", settings->tls_key))
        return ADMIN_CERTIFICATE;
    struct gl_err err = {0};
    if (serve_check(settings, &err)) {
        serve_fail(settings, "%s", err.detail);
        return ADMIN_SETTINGS;
    }
    return ADMIN_OK;
}

static void raise_limits(const struct settings *settings)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)settings->max_connections + OTHER_FDS;
    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < wanted)
            log_event(LOG_WARN, EV_service_limited, F_STR("limit", "open files"), F_U64("wanted", wanted),
                      F_U64("have", limit.rlim_cur));
    }
    if (!settings->core_dumps)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static int open_listener(struct serve *serve)
{
    const struct settings *settings = serve->settings;
    struct gl_err err = {0};
    enum gl_code code = listener_open(&serve->listener, settings->listen.items, settings->listen.count, (uint16_t)settings->port,
                                      (size_t)settings->workers, &err);
    if (!code)
        return ADMIN_OK;
    serve_fail(settings, "%s", err.detail);
    return code == GL_E_SETTING ? ADMIN_SETTINGS : ADMIN_PORT;
}

/* ---- the processes */

static int run_worker(void *ctx, struct seat *seat)
{
    struct serve *serve = ctx;
    if (serve->ready_fd >= 0)
        close(serve->ready_fd);
    return serve_worker(serve->settings, seat);
}

static int run_helper(void *ctx, int fd)
{
    struct serve *serve = ctx;
    if (serve->ready_fd >= 0)
        close(serve->ready_fd);
    return helper_main(fd, serve->settings->max_document_bytes);
}

static int run_keeper(void *ctx)
{
    struct serve *serve = ctx;
    if (serve->ready_fd >= 0)
        close(serve->ready_fd);
    return keeper_main(serve->settings);
}

/* One line, for whoever started us and waits. */
static void say_ready(void *ctx)
{
    struct serve *serve = ctx;
    char line[128];
    int len = snprintf(line, sizeof(line), "glossd ready: https://%s:%u/\n", serve->listener.host, serve->listener.port);
    ssize_t ignored = write(STDOUT_FILENO, line, (size_t)len);
    if (serve->ready_fd >= 0) {
        ignored = write(serve->ready_fd, line, (size_t)len);
        close(serve->ready_fd);
        serve->ready_fd = -1;
    }
    (void)ignored;
}

/* In a process of its own, since no library is initialised in this one. */
static bool is_pair_usable(const struct settings *settings)
{
    const pid_t pid = fork();
    int status;
    if (pid == 0)
        _exit(net_check_tls(settings->tls_certificate, settings->tls_key, NULL) ? EXIT_FAILURE : EXIT_SUCCESS);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* As every worker does, which says so, too: whoever is started again begins with what the others have. */
static void reload(void *ctx)
{
    const struct serve *serve = ctx;
    struct settings fresh;
    struct gl_err err = {0};
    enum log_level level;
    settings_init(&fresh);
    if (!settings_load_again(&fresh, serve->settings, environ, &err) && !serve_check(&fresh, &err) && is_pair_usable(&fresh)) {
        settings_reload(serve->settings, &fresh);
        if (log_level_parse(serve->settings->log_level, &level))
            log_set_level(level);
    }
    settings_fini(&fresh);
}

/* ---- going on under another program */

static int rehearse(void *ctx)
{
    (void)ctx;
    return serve_again_rehearse();
}

static void exchange(void *ctx, struct handover *handover)
{
    const struct serve *serve = ctx;
    handover_say(handover, "version %s", GLOSS_VERSION);
    listener_hand_over(&serve->listener, handover);
    settings_hand_over(serve->settings, handover);
    metrics_hand_over(handover);
    serve_again_exchange(handover);
}

static int supervise(struct serve *serve, const struct handover *handed)
{
    const struct settings *settings = serve->settings;
    const struct supervisor_plan plan = {
        .workers = (size_t)settings->workers,
        .helpers = (size_t)settings->helpers,
        .keepers = (size_t)settings->job_helpers,
        .watchdog_ms = settings->watchdog_ms,
        .drain_ms = settings->drain_timeout_ms,
        .move_ms = settings->drain_delay_ms + settings->drain_spread_ms,
        .successor_ms = SUCCESSOR_MS,
        .listener = &serve->listener,
        .worker_main = run_worker,
        .helper_main = run_helper,
        .keeper_main = run_keeper,
        .ready = say_ready,
        .reload = reload,
        .rehearse = rehearse,
        .exchange = exchange,
        .handed = handed,
        .ctx = serve,
        .final_first = ADMIN_USAGE,
        .final_last = ADMIN_CERTIFICATE,
        .always_final = ADMIN_SCHEMA,
    };
    return supervisor_run(&plan);
}

/* What a start would find wrong, but for the port, which is there. */
static int check_all(struct settings *settings)
{
    struct gl_err err = {0};
    log_set_process("rehearsal");
    int code =
        settings_set(settings, "log_format", "text", SETTING_FROM_FLAG, "here", NULL) ? ADMIN_FAILED : check_settings(settings);
    if (code)
        return code;
    if (net_check_tls(settings->tls_certificate, settings->tls_key, &err)) {
        serve_fail(settings, "%s", err.detail);
        return ADMIN_CERTIFICATE;
    }
    return serve_check_database(settings, true);
}

static void begin_log(const struct settings *settings)
{
    enum log_level level = LOG_INFO;
    (void)log_level_parse(settings->log_level, &level);
    log_init(level, strcmp(settings->log_format, "json") ? LOG_TEXT : LOG_JSON);
}

static int go_on(struct serve *serve, struct handover *handed)
{
    const char *was = handover_next(handed, "version", NULL);
    serve->ready_fd = -1; /* it is said, and the number may be another's by now */
    settings_take_over(serve->settings, handed);
    begin_log(serve->settings);
    if (!listener_take_over(&serve->listener, handed) || !metrics_take_over(handed, (size_t)serve->settings->workers * 2)) {
        serve_fail(serve->settings, "what the program before has left cannot be used");
        return ADMIN_FAILED;
    }
    log_event(LOG_INFO, EV_service_exchanged, F_STR("version", GLOSS_VERSION), F_STR("was", was ? was : ""));
    return supervise(serve, handed);
}

static int start(struct serve *serve)
{
    int code = check_settings(serve->settings);
    if (code)
        return code;
    raise_limits(serve->settings);
    if (!metrics_share((size_t)serve->settings->workers * 2)) { /* each has two seats: supervisor.h */
        serve_fail(serve->settings,
                   "there is no memory that processes can share, neither by memfd_create nor in /dev/shm or /tmp: %s",
                   strerror(errno));
        return ADMIN_FAILED;
    }
    code = open_listener(serve);
    return code ? code : supervise(serve, NULL);
}

/* From the beginning, or where the program before has left it. */
static int serve_from(struct serve *serve)
{
    struct handover handed;
    const int left = handover_open(&handed);
    int code = ADMIN_FAILED;
    if (left < 0)
        admin_complain("glossd " GLOSS_VERSION
                       " cannot go on where the program that runs would leave it; end that one, and start this one");
    else if (left && handover_next(&handed, "rehearsal", NULL))
        code = check_all(serve->settings);
    else if (left)
        code = go_on(serve, &handed);
    else
        code = start(serve);
    handover_fini(&handed);
    return code;
}

static bool parse_fd(const char *text, int *fd)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    *fd = (int)number;
    return !errno && *text && !*end && number > 2 && number < 65536;
}

static int run(struct settings *settings, int argc, char **argv)
{
    const char *ready_fd = NULL;
    struct serve serve = {.settings = settings, .ready_fd = -1};
    const struct admin_option options[] = {{"ready-fd", &ready_fd, NULL}, {0}};
    if (!admin_options(&admin_serve, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_serve, "\"%s\" is one word too many", argv[0]);
    if (ready_fd && !parse_fd(ready_fd, &serve.ready_fd))
        return admin_usage(&admin_serve, "--ready-fd: \"%s\" is not the number of a descriptor above 2", ready_fd);

    begin_log(settings);
    log_set_process("supervisor");
    serve_again_note_program();
    const int code = serve_from(&serve);
    listener_close(&serve.listener);
    return code;
}

const struct admin_verb admin_serve = {
    .name = "serve",
    .usage = "[--ready-fd N]",
    .help = "run the service in the foreground until SIGTERM or Ctrl-C",
    .run = run,
};
