#include "service/admin/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "service/base/escape.h"
#include "service/base/nearest.h"

enum { SENTENCE_MAX = 2048, NAMES_MAX = SETTING_COUNT + 32 };

static GL_PRINTF(1, 0) void complain(const char *fmt, va_list args)
{
    char sentence[SENTENCE_MAX], safe[SENTENCE_MAX * 2];
    vsnprintf(sentence, sizeof(sentence), fmt, args);
    fputs("glossd: ", stderr);
    /* Quotes and line ends of ours are kept; everything else that a terminal could act on is escaped. */
    for (char *at = sentence; *at;) {
        size_t plain = strcspn(at, "\"\n\\");
        fwrite(safe, 1, escape_text(safe, sizeof(safe), gl_slice_of(at, plain), NULL), stderr);
        at += plain;
        if (*at)
            fputc(*at++, stderr);
    }
    fputc('\n', stderr);
}

void admin_complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain(fmt, args);
    va_end(args);
}

int admin_usage(const struct admin_verb *verb, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain(fmt, args);
    va_end(args);
    fprintf(stderr, "usage: glossd %s%s%s [--setting value …]\n", verb->name, *verb->usage ? " " : "", verb->usage);
    return ADMIN_USAGE;
}

static bool say_unknown(const struct admin_verb *verb, const struct admin_option *options, const char *name)
{
    const char *names[NAMES_MAX];
    char flags[SETTING_COUNT][64];
    size_t count = 0;
    for (; options->name && count < NAMES_MAX - SETTING_COUNT; options++)
        names[count++] = options->name;
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        snprintf(flags[id], sizeof(flags[id]), "%s", settings_key((enum setting_id)id));
        for (char *at = flags[id]; *at; at++)
            if (*at == '_')
                *at = '-';
        names[count++] = flags[id];
    }
    size_t nearest = nearest_index(name, names, count);
    if (nearest < count)
        (void)admin_usage(verb, "there is no option --%s; did you mean --%s?", name, names[nearest]);
    else
        (void)admin_usage(verb, "there is no option --%s", name);
    return false;
}

static const struct admin_option *find_option(const struct admin_option *options, const char *name, size_t len)
{
    for (; options->name; options++)
        if (strlen(options->name) == len && !strncmp(options->name, name, len))
            return options;
    return NULL;
}

/* Takes the option at argv[at]; gives how many words it has, or 0 after saying what is wrong. */
static int take_option(const struct admin_verb *verb, const struct admin_option *options, int argc, char **argv, int at)
{
    const char *name = argv[at] + 2;
    size_t len = strcspn(name, "=");
    const struct admin_option *option = find_option(options, name, len);
    char shown[64];
    snprintf(shown, sizeof(shown), "%.*s", (int)(len < 60 ? len : 60), name);
    if (!option) {
        (void)say_unknown(verb, options, shown);
        return 0;
    }
    if (option->flag) {
        if (name[len]) {
            (void)admin_usage(verb, "--%s takes no value", shown);
            return 0;
        }
        *option->flag = true;
        return 1;
    }
    if (!name[len] && at + 1 == argc) {
        (void)admin_usage(verb, "--%s needs a value", shown);
        return 0;
    }
    *option->value = name[len] ? name + len + 1 : argv[at + 1];
    return name[len] ? 1 : 2;
}

bool admin_options(const struct admin_verb *verb, const struct admin_option *options, int *argc, char **argv)
{
    int kept = 0;
    bool is_over = false; /* behind "--" everything is an operand */
    for (int at = 0, words; at < *argc; at += words) {
        words = 1;
        if (is_over || argv[at][0] != '-' || !argv[at][1])
            argv[kept++] = argv[at];
        else if (!strcmp(argv[at], "--"))
            is_over = true;
        else if (argv[at][1] != '-')
            return say_unknown(verb, options, argv[at] + 1);
        else if (!(words = take_option(verb, options, *argc, argv, at)))
            return false;
    }
    *argc = kept;
    return true;
}
