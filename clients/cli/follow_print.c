#include "clients/cli/follow_print.h"

#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/link.h"
#include "clients/cli/ops.h"
#include "clients/cli/say.h"

#define LINE_INDENT 7    /* behind the number */
#define NAME_MS     2000 /* how long an op waits for the name of a new label */

struct printer {
    struct cli *cli;
    uint64_t since;
    bool is_raw;
    struct progress progress;   /* while the log goes to a file */
    struct seen *first, **last; /* ops that wait for a name; those behind wait too, for the order */
};

static void print_seen(struct printer *printer, const struct gloss_session *session, const struct seen *seen)
{
    struct cli *cli = printer->cli;
    if (cli->is_json) {
        out_json(cli, seen_json(session, seen));
        return;
    }
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    seen_line(&line, session, seen, cli->out.paint);
    screen_fit(&cli->out, &line, LINE_INDENT);
    fflush(cli->out.stream);
    gl_buf_fini(&line);
}

/* Prints what has its names, in order. */
static void print_ready(struct printer *printer, const struct gloss_session *session, bool all)
{
    while (printer->first) {
        struct seen *seen = printer->first;
        bool may_wait =
            !gloss_session_is_synced(session) || screen_now_ms() - seen->came_ms < NAME_MS; /* names come before SYNCED */
        if (!all && may_wait && !seen_has_names(session, seen)) {
            return;
        }
        printer->first = seen->next;
        if (!printer->first) {
            printer->last = &printer->first;
        }
        print_seen(printer, session, seen);
        seen_free(&seen);
    }
}

static void on_op(struct follow *follow, const struct gloss_event *event)
{
    struct printer *printer = follow->arg;
    if (follow->to_head && !printer->cli->out.is_terminal) {
        progress_step(&printer->progress, event->seq, follow->has_until ? follow->until : follow->head, "");
    }
    if (event->seq <= printer->since) {
        return;
    }
    if (printer->is_raw) {
        out_json(printer->cli, json_incref(event->logged));
        return;
    }
    struct seen *seen = seen_new(event);
    *printer->last = seen;
    printer->last = &seen->next;
    print_ready(printer, follow->session, false);
}

static void on_turn(struct follow *follow)
{
    struct printer *printer = follow->arg;
    print_ready(printer, follow->session, false);
    if (ferror(printer->cli->out.stream)) {
        follow->is_over = true; /* nobody reads any more; main says why */
    }
}

static int run(struct cli *cli, struct follow *follow, struct printer *printer)
{
    struct brief brief = {0};
    int status = follow_open(follow);
    if (status == 0) {
        status = brief_find(cli, cli_word(cli, 0), &brief);
    }
    if (status == 0) {
        follow->session_id = brief.session;
        status = follow_run(follow);
        progress_end(&printer->progress);
        if (follow->session) {
            print_ready(printer, follow->session, true);
        }
    }
    brief_fini(&brief);
    return status;
}

int follow_print(struct follow *follow, enum option_id since)
{
    struct cli *cli = follow->cli;
    const char *from = cli_option(cli, since);
    struct printer printer = {.cli = cli, .is_raw = cli_flag(cli, OPT_raw)};
    printer.last = &printer.first;
    progress_begin(&printer.progress, &cli->err, "reading the log");
    follow->on_op = on_op;
    follow->on_turn = on_turn;
    follow->arg = &printer;
    follow->from_now = since == OPT_since && from && strcmp(from, "now") == 0;
    if (since == OPT_since && from && !follow->from_now && (*from < '0' || *from > '9')) {
        return fail(cli, EXIT_COULD_NOT, "bad_number", "`--since %s`: it must be the number of an op, or `now`", from);
    }
    int status = follow->from_now ? 0 : cli_number(cli, since, 0, INT64_MAX, &printer.since, NULL);
    if (status == 0) {
        status = cli_number(cli, OPT_until, 0, INT64_MAX, &follow->until, &follow->has_until);
    }
    if (status == 0 && follow->has_until && follow->until <= printer.since) {
        return fail(cli, EXIT_COULD_NOT, "usage", "--until %llu lies before the first op behind --since %llu",
                    (unsigned long long)follow->until, (unsigned long long)printer.since);
    }
    return status ? status : run(cli, follow, &printer);
}
