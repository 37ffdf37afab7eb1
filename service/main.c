/* glossd: reads the settings and hands over to a verb. The modules of the service itself are wired together in admin/serve.c. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/admin/help.h"

extern char **environ; /* POSIX has it in no header */

static int unknown_verb(const char *name)
{
    const char *nearest = help_nearest_verb(name);
    if (nearest)
        admin_complain("there is no verb \"%s\"; did you mean \"%s\"? `glossd --help` lists them", name, nearest);
    else
        admin_complain("there is no verb \"%s\"; `glossd --help` lists them", name);
    return ADMIN_USAGE;
}

static bool has_word(int argc, char **argv, const char *word, const char *other)
{
    for (int at = 0; at < argc && strcmp(argv[at], "--") != 0; at++)
        if (!strcmp(argv[at], word) || !strcmp(argv[at], other))
            return true;
    return false;
}

/* What needs no settings, so that it works while they are wrong. */
static bool is_question(int argc, char **argv)
{
    if (has_word(argc, argv, "--version", "-V")) {
        puts("glossd " GLOSS_VERSION);
        return true;
    }
    bool asks = has_word(argc, argv, "--help", "-h");
    const bool is_help = argc && !strcmp(argv[0], "help");
    const struct admin_verb *verb = argc ? help_find_verb(argv[is_help && argc > 1]) : NULL;
    if ((asks || is_help) && verb)
        help_print_verb(stdout, verb);
    else if (is_help && has_word(argc, argv, "--man", "--man"))
        help_print_man(stdout);
    else if (asks || is_help)
        help_print_whole(stdout);
    else
        return false;
    return true;
}

static int run(struct settings *settings, int argc, char **argv)
{
    struct gl_err err = {0};
    if (settings_load(settings, &argc, argv, environ, &err)) {
        admin_complain("%s", err.detail);
        return ADMIN_SETTINGS;
    }
    if (!argc) {
        help_print(stderr);
        return ADMIN_USAGE;
    }
    const struct admin_verb *verb = help_find_verb(argv[0]);
    return verb ? verb->run(settings, argc - 1, argv + 1) : unknown_verb(argv[0]);
}

int main(int argc, char **argv)
{
    if (argc < 1 || is_question(argc - 1, argv + 1))
        return ADMIN_OK;
    struct settings settings;
    settings_init(&settings);
    int code = run(&settings, argc - 1, argv + 1);
    settings_fini(&settings);
    return code;
}
