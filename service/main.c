/* glossd: reads the settings and hands over to a verb. The modules of the service itself are wired together in admin/serve.c. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/admin/admin.h"
#include "service/base/nearest.h"

extern char **environ; /* POSIX has it in no header */

static const struct admin_verb *const verbs[] = {
#define ADMIN_VERB(name) &admin_##name,
#include "service/admin/verbs.def"
#undef ADMIN_VERB
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(*verbs) };

static void print_help(FILE *out)
{
    fputs(
        "glossd - the Gloss service: shared, durable annotation of texts\n\nusage: glossd VERB [argument …] [--setting value …]\n\n",
        out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->help);
    fputs(
        "\n  glossd VERB --help   how a verb is used\n"
        "  glossd --version     the version of this program\n"
        "\nSettings: --config FILE or GLOSS_CONFIG names a file of `key = value` lines; GLOSS_KEY in the environment wins over it,\n"
        "--key on the command line over both. `glossd settings` lists them, `glossd settings --example` explains them.\n"
        "\nExit codes: 0 done, 1 refused or found, 2 usage, 3 setting, 4 database not there, 5 schema older or newer,\n"
        "6 port taken, 7 certificate or key cannot be used.\n",
        out);
}

static void print_verb_help(const struct admin_verb *verb)
{
    printf("glossd %s - %s\n\nusage: glossd %s %s [--setting value …]\n", verb->name, verb->help, verb->name, verb->usage);
}

static const struct admin_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (!strcmp(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}

static int unknown_verb(const char *name)
{
    const char *names[VERB_COUNT];
    for (size_t i = 0; i < VERB_COUNT; i++)
        names[i] = verbs[i]->name;
    size_t nearest = nearest_index(name, names, VERB_COUNT);
    if (nearest < VERB_COUNT)
        admin_complain("there is no verb \"%s\"; did you mean \"%s\"? `glossd --help` lists them", name, names[nearest]);
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
    const struct admin_verb *verb = argc ? find_verb(argv[0]) : NULL;
    if (asks && verb)
        print_verb_help(verb);
    else if (asks || (argc && !strcmp(argv[0], "help")))
        print_help(stdout);
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
        print_help(stderr);
        return ADMIN_USAGE;
    }
    const struct admin_verb *verb = find_verb(argv[0]);
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
