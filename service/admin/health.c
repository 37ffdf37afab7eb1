/* glossd health: does the server on this machine answer, and can work be done? For probes, so it says nothing when all is well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "service/admin/admin.h"
#include "service/admin/ask.h"
#include "service/base/clock.h"

enum { ASK_MS = 3000, AGAIN_MS = 200, BODY_MAX = 4096, WAIT_MAX_S = 86400 };

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Fills in what is wrong. */
static int look(const struct settings *settings, bool ready, struct gl_err *err)
{
    unsigned status = 0;
    struct gl_buf body;
    gl_buf_init(&body, BODY_MAX);
    enum gl_code code = ask_server(settings, ready ? "/readyz" : "/healthz", ASK_MS, &status, &body, err);
    if (!code && status != 200) {
        struct gl_slice said = ask_first_line(&body);
        code = gl_fail(err, GL_E_BUSY, "the server answers, but: %.*s", (int)said.len, said.data);
    }
    gl_buf_fini(&body);
    return !code ? ADMIN_OK : code == GL_E_SETTING ? ADMIN_SETTINGS : ADMIN_FAILED;
}

static bool parse_seconds(const char *text, uint64_t *seconds)
{
    char *end;
    errno = 0;
    *seconds = strtoull(text, &end, 10);
    return !errno && *text >= '0' && *text <= '9' && !*end && *seconds <= WAIT_MAX_S;
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool ready = false;
    const char *wait = "0";
    uint64_t seconds;
    struct gl_err err = {0};
    const struct admin_option options[] = {{"ready", NULL, &ready}, {"wait", &wait, NULL}, {0}};
    if (!admin_options(&admin_health, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_health, "\"%s\" is one word too many", argv[0]);
    if (!parse_seconds(wait, &seconds))
        return admin_usage(&admin_health, "--wait: \"%s\" is no number of seconds", wait);
    const uint64_t until = clock_monotonic_ms() + seconds * 1000;
    int code;
    while ((code = look(settings, ready, &err)) == ADMIN_FAILED && clock_monotonic_ms() < until)
        pause_ms(AGAIN_MS);
    if (code)
        admin_complain("%s", err.detail);
    return code;
}

const struct admin_verb admin_health = {
    .name = "health",
    .usage = "[--ready] [--wait SECONDS]",
    .help = "ask the server on this machine whether it answers, or (--ready) whether work can be done",
    .run = run,
};
