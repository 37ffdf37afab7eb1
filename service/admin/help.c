/* What glossd says of itself. Verbs come from verbs.def, exit statuses from admin.h, settings from settings.def: nothing is written here that stands there. */
#include "service/admin/help.h"

#include <string.h>

#include "service/base/nearest.h"

static const struct admin_verb *const verbs[] = {
#define ADMIN_VERB(name) &admin_##name,
#include "service/admin/verbs.def"
#undef ADMIN_VERB
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(*verbs) };

static const struct {
    int status;
    const char *when;
} exits[] = {
#define ADMIN_EXIT(name, status, when) {status, when},
    ADMIN_EXITS(ADMIN_EXIT)
#undef ADMIN_EXIT
};
enum { EXIT_COUNT = sizeof(exits) / sizeof(*exits) };

const struct admin_verb *help_find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (!strcmp(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}

const char *help_nearest_verb(const char *name)
{
    const char *names[VERB_COUNT];
    for (size_t i = 0; i < VERB_COUNT; i++)
        names[i] = verbs[i]->name;
    size_t nearest = nearest_index(name, names, VERB_COUNT);
    return nearest < VERB_COUNT ? names[nearest] : NULL;
}

/* ---- for a terminal */

void help_print(FILE *out)
{
    fputs(
        "glossd - the Gloss service: shared, durable annotation of texts\n\nusage: glossd VERB [argument …] [--setting value …]\n\n",
        out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(out, "  %-11s %s\n", verbs[i]->name, verbs[i]->help);
    fputs(
        "\n  glossd VERB --help   how a verb is used\n"
        "  glossd --help        this, and every setting\n"
        "  glossd help --man    all of it as a manual page, glossd.8\n"
        "  glossd --version     the version of this program\n"
        "\nSettings: --config FILE or GLOSS_CONFIG names a file of `key = value` lines; GLOSS_KEY in the environment wins over it,\n"
        "--key on the command line over both. `glossd settings` lists them, `glossd settings --example` explains them.\n"
        "\nExit codes:\n",
        out);
    for (size_t i = 0; i < EXIT_COUNT; i++)
        fprintf(out, "  %d  %s\n", exits[i].status, exits[i].when);
}

void help_print_whole(FILE *out)
{
    help_print(out);
    fputs("\nEvery setting, and what holds without it:\n\n", out);
    settings_print_help(out);
}

void help_print_verb(FILE *out, const struct admin_verb *verb)
{
    fprintf(out, "glossd %s - %s\n\nusage: glossd %s %s [--setting value …]\n", verb->name, verb->help, verb->name, verb->usage);
}

/* ---- for man */

static void print_pairs(FILE *out, const char *section, const char *const (*pairs)[2], size_t count)
{
    fprintf(out, ".SH %s\n", section);
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n.B ", out);
        settings_print_roff(out, pairs[i][0]);
        fputc('\n', out);
        settings_print_roff(out, pairs[i][1]);
        fputc('\n', out);
    }
}

static void print_man_verbs(FILE *out)
{
    fputs(".SH VERBS\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        fprintf(out, ".SS glossd %s ", verbs[i]->name);
        settings_print_roff(out, verbs[i]->usage);
        fputc('\n', out);
        settings_print_roff(out, verbs[i]->help);
        fputs(".\n", out);
    }
}

static void print_man_exits(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < EXIT_COUNT; i++) {
        fprintf(out, ".TP\n.B %d\n", exits[i].status);
        settings_print_roff(out, exits[i].when);
        fputc('\n', out);
    }
}

static const char *const files[][2] = {
    {"/etc/gloss/gloss.conf",
     "the settings, where the systemd unit and the packages look for them; `glossd settings --example` writes one to begin with"},
    {"~/.pgpass", "passwords for PostgreSQL, which no command line should have"},
};
static const char *const examples[][2] = {
    {"glossd init && glossd migrate && glossd user add ana --admin && glossd token add ana",
     "roles, database, schema and a first administrator, who signs in with the token that is printed"},
    {"glossd settings --example > /etc/gloss/gloss.conf", "a settings file that says nothing new, with every setting explained"},
    {"glossd check --json", "proves from the log that all that is stored is right"},
};

void help_print_man(FILE *out)
{
    fputs(".\\\" Made by `glossd help --man` from verbs.def, admin.h and settings.def.\n.TH GLOSSD 8 \"\" \"glossd " GLOSS_VERSION
          "\" \"Gloss\"\n.SH NAME\nglossd \\- the Gloss service, and the verbs of its administrators\n"
          ".SH SYNOPSIS\n.B glossd\n.I VERB\n[\\fIargument\\fR...] [\\fB\\-\\-\\fIsetting value\\fR...]\n.SH DESCRIPTION\n",
          out);
    settings_print_roff(
        out,
        "`glossd serve` answers people and programs on one port over TLS and keeps everything in PostgreSQL. The other verbs administer it: most talk to the database "
        "as the role that owns it, some to the server on this machine. Results go to standard output, with `--json` one object a line, everything else to standard "
        "error.");
    fputc('\n', out);
    print_man_verbs(out);
    fputs(".SH SETTINGS\n", out);
    settings_print_roff(
        out,
        "Each can stand in the file that `--config` or GLOSS_CONFIG names (`key = value` a line, `#` before a comment), in the environment (GLOSS_PORT for port), "
        "which wins over the file, and on the command line (`--port`), which wins over both. `glossd settings` tells what is in force and where it comes from.");
    fputc('\n', out);
    settings_print_man(out);
    print_man_exits(out);
    print_pairs(out, "FILES", files, sizeof(files) / sizeof(*files));
    print_pairs(out, "EXAMPLES", examples, sizeof(examples) / sizeof(*examples));
    fputs(".SH SEE ALSO\n.BR gloss (1)\n", out);
}
