/* glossd metrics: what the server on this machine counts, as Prometheus would read it; or what it is that is counted, and what is logged. */
#include <stdio.h>

#include "service/admin/admin.h"
#include "service/admin/ask.h"
#include "service/base/metrics.h"

enum { ASK_MS = 10000, BODY_MAX = 16 << 20 };

static int print_now(const struct settings *settings)
{
    unsigned status = 0;
    struct gl_err err = {0};
    struct gl_buf body;
    gl_buf_init(&body, BODY_MAX);
    enum gl_code code = ask_server(settings, "/metrics", ASK_MS, &status, &body, &err);
    struct gl_slice said = ask_first_line(&body);
    if (!code && status != 200)
        code = gl_fail(&err, GL_E_FORBIDDEN, "the server says: %.*s", (int)said.len, said.data);
    if (code)
        admin_complain("%s", err.detail);
    else
        fwrite(body.data, 1, body.len, stdout);
    gl_buf_fini(&body);
    return !code ? ADMIN_OK : code == GL_E_SETTING ? ADMIN_SETTINGS : ADMIN_FAILED;
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool list = false, events = false;
    const struct admin_option options[] = {{"list", NULL, &list}, {"events", NULL, &events}, {0}};
    if (!admin_options(&admin_metrics, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_metrics, "\"%s\" is one word too many", argv[0]);
    int code = ADMIN_OK;
    if (list)
        metrics_list(stdout);
    else if (events)
        log_list(stdout);
    else
        code = print_now(settings);
    if (fflush(stdout) != 0) {
        admin_complain("the metrics could not be written to standard output");
        return ADMIN_FAILED;
    }
    return code;
}

const struct admin_verb admin_metrics = {
    .name = "metrics",
    .usage = "[--list | --events]",
    .help = "print what the server on this machine counts, or a table of what that is (--list), or of what it logs (--events)",
    .run = run,
};
