/*
 * main.c - gloss: read what was typed, run the verb, end with its exit status.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "clients/cli/heap.h"
#include "clients/cli/help.h"
#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

static int check_options_text(struct cli *cli)
{
    int status = 0;
    for (size_t i = 0; i < cli->args.given_count && status == 0; i++) {
        enum option_id id = cli->args.given[i].id;
        char what[64];
        snprintf(what, sizeof what, "the value of --%s", option_rows[id].name);
        bool is_file = id == OPT_password_file || id == OPT_token_file || id == OPT_ca;
        status = is_file ? 0 : cli_check_text(cli, what, cli->args.given[i].value);
    }
    return status;
}

static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static int run_verb(struct cli *cli)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    struct settings_asked asked = cli_settings_asked(cli);
    int status = check_options_text(cli);
    if (status == 0 && !settings_load(&cli->settings, &asked, &problem)) {
        status = fail(cli, EXIT_COULD_NOT, "setting", "%s", gl_buf_cstr(&problem));
    }
    if (status == 0) {
        status = cli->args.verb->run(cli);
    }
    gl_buf_fini(&problem);
    return status;
}

/* These work whatever is set for the server. */
static bool needs_no_server(const struct verb_row *verb)
{
    return verb == &verb_rows[VERB_help] || verb == &verb_rows[VERB_version] || verb == &verb_rows[VERB_completion] ||
           verb == &verb_rows[VERB_servers_list] || verb == &verb_rows[VERB_servers_default];
}

static int run(struct cli *cli, int argc, char **argv)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    int status;
    cli->is_json = wants_json(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        argv[1] += strlen("--");
    }
    if (!args_parse(argc, argv, &cli->args, &problem)) {
        status = fail(cli, EXIT_COULD_NOT, "usage", "%s", gl_buf_cstr(&problem));
        gl_buf_fini(&problem);
        return status;
    }
    if (cli_flag(cli, OPT_plain)) {
        screen_plain(&cli->out);
        screen_plain(&cli->err);
    }
    cli->out.may_page = cli->out.may_page && !cli->is_json;
    if (cli_flag(cli, OPT_help)) {
        status = cli->args.group ? help_group(cli, cli->args.group) : help_verb(cli, cli->args.has_verb ? cli->args.verb : NULL);
    } else if (argc == 1) {
        help_list(&cli->err);
        status = EXIT_COULD_NOT;
    } else if (needs_no_server(cli->args.verb)) {
        status = cli->args.verb->run(cli);
    } else {
        status = run_verb(cli);
    }
    gl_buf_fini(&problem);
    return status;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of writing, and sockets must not end us */
    struct cli cli = {0};
    heap_for_json();
    screen_init(&cli.out, stdout);
    screen_init(&cli.err, stderr);
    int status = run(&cli, argc, argv);
    if (!screen_end(&cli.out)) {
        if (errno != EPIPE) { /* `gloss log | head` has what it wanted */
            fprintf(stderr, "gloss: the output could not be written: %s\n", strerror(errno));
        }
        status = EXIT_COULD_NOT;
    }
    link_close(&cli);
    known_end(&cli);
    settings_free(&cli.settings);
    return status;
}
