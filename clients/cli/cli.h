/*
 * cli.h - one run of gloss: what was asked, where it prints, which server it talks to.
 *
 * Owns      everything below; main.c makes it and throws it away.
 * Lifetime  the run.
 * Thread    the main thread.
 * Errors    a function that fails has said why (say.h) and gives the exit status; 0 is success.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <gloss.h>

#include "clients/cli/args.h"
#include "clients/cli/config.h"
#include "clients/cli/exits.h"
#include "clients/cli/heap.h"
#include "clients/cli/screen.h"

struct cli {
    struct args args;
    bool is_json;
    struct screen out;
    struct screen err;
    struct settings settings;
    struct gloss *gloss; /* NULL until link_open */
    json_t *known;       /* known.h; NULL until it is asked for */
    bool is_known_new;
    struct link { /* link.h */
        gloss_event_fn fn;
        const char *queue_folder; /* of ops that wait to be sent; NULL: none are */
        void *arg;
        int64_t lost_ms; /* since when there is no connection; 0: there is one */
        int final_code;  /* the connection's final error; 0: it has none */
        struct gloss_error final_error;
        bool is_put_off; /* that is what the server has said again and again to the same */
    } link;
};

static inline const char *cli_option(const struct cli *cli, enum option_id id)
{
    return cli->args.values[id];
}
static inline bool cli_flag(const struct cli *cli, enum option_id id)
{
    return cli->args.values[id] != NULL;
}
/* What it was given the (n + 1)th time; NULL: not so often. */
static inline const char *cli_nth(const struct cli *cli, enum option_id id, size_t n)
{
    return args_nth(&cli->args, id, n);
}
static inline const char *cli_word(const struct cli *cli, size_t i)
{
    return i < cli->args.word_count ? cli->args.words[i] : NULL;
}

static inline struct settings_asked cli_settings_asked(const struct cli *cli)
{
    return (struct settings_asked){.server = cli_option(cli, OPT_server),
                                   .url = cli_option(cli, OPT_url),
                                   .token_file = cli_option(cli, OPT_token_file),
                                   .ca = cli_option(cli, OPT_ca)};
}

/* A number given as an option; *has (may be NULL) says whether it was. Says what is wrong when it is none. */
int cli_number(struct cli *cli, enum option_id id, uint64_t least, uint64_t most, uint64_t *value, bool *has) GL_MUST_USE;
/* Words from the command line must be UTF-8: says at which byte they are not. */
int cli_check_text(struct cli *cli, const char *what, const char *text) GL_MUST_USE;

#endif
