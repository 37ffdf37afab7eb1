/* Settings for readers: `glossd --help`, glossd.8 and the page of all settings, each row as settings.def has it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "service/base/settings_priv.h"

enum { POSSIBLE_MAX = 256, WIDTH = 100, INDENT = 6 };

/* A number in the largest unit that divides it, as it may be written in a file: 262144 is 256KiB. */
static int put_number(char *out, size_t room, const struct setting_row *row, uint64_t number)
{
    static const struct unit {
        uint64_t factor;
        const char *name;
    } sizes[] = {{1u << 30, "GiB"}, {1u << 20, "MiB"}, {1u << 10, "KiB"}, {0, NULL}},
      durations[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}, {0, NULL}}, none[] = {{0, NULL}};
    const struct unit *unit = row->type == SETTING_T_SIZE ? sizes : row->type == SETTING_T_DURATION ? durations : none;
    while (unit->name && (number == 0 || number % unit->factor))
        unit++;
    return unit->name ? snprintf(out, room, "%" PRIu64 "%s", number / unit->factor, unit->name)
                      : snprintf(out, room, "%" PRIu64, number);
}

/* What may be said: "1 to 16 connections", "64KiB to 1GiB", "debug|info|warn|error". */
static const char *possible(const struct setting_row *row, char text[POSSIBLE_MAX])
{
    char least[32], most[32];
    put_number(least, sizeof(least), row, row->min);
    put_number(most, sizeof(most), row, row->max);
    switch (row->type) {
    case SETTING_T_INT: snprintf(text, POSSIBLE_MAX, "%s to %s%s%s", least, most, *row->unit ? " " : "", row->unit); break;
    case SETTING_T_SIZE:
    case SETTING_T_DURATION: snprintf(text, POSSIBLE_MAX, "%s to %s", least, most); break;
    case SETTING_T_BOOL: snprintf(text, POSSIBLE_MAX, "true or false"); break;
    case SETTING_T_CHOICE: snprintf(text, POSSIBLE_MAX, "%s", row->unit); break;
    case SETTING_T_TEXT: snprintf(text, POSSIBLE_MAX, "text of at most %s bytes", most); break;
    case SETTING_T_PATH: snprintf(text, POSSIBLE_MAX, "a path"); break;
    case SETTING_T_LIST: snprintf(text, POSSIBLE_MAX, "a list, with commas between"); break;
    case SETTING_T_CONNINFO: snprintf(text, POSSIBLE_MAX, "a connection string"); break;
    }
    return text;
}

static const char *when_taken(const struct setting_row *row)
{
    return row->flags & SETTING_RELOAD ? "reload" : row->flags & SETTING_START ? "start" : "restart";
}

/* What holds without it, numbers with their unit: text lends room for that. */
static const char *default_of(const struct setting_row *row, const char *nothing, char text[POSSIBLE_MAX])
{
    const bool has_units = row->type == SETTING_T_SIZE || row->type == SETTING_T_DURATION;
    char *end;
    const uint64_t number = strtoull(row->def, &end, 10);
    if (!has_units || *end)
        return *row->def ? row->def : nothing;
    put_number(text, POSSIBLE_MAX, row, number);
    return text;
}

/* One setting, in words. */
struct told {
    const struct setting_row *row;
    const char *without, *possible, *when;
};

/* nothing: what is said of a default that is empty. */
static void tell_each(FILE *out, const char *nothing, void (*put)(FILE *out, const struct told *it))
{
    char text[POSSIBLE_MAX], without[POSSIBLE_MAX];
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        const struct setting_row *row = &setting_rows[id];
        put(out, &(struct told){row, default_of(row, nothing, without), possible(row, text), when_taken(row)});
    }
}

/* --key-with-dashes */
static void put_flag(FILE *out, const char *name, const char *dash)
{
    fprintf(out, "%s%s", dash, dash);
    for (; *name; name++)
        *name == '_' ? fputs(dash, out) : fputc(*name, out);
}

static void put_wrapped(FILE *out, const char *text)
{
    for (size_t column = 0; *text;) {
        size_t word = strcspn(text, " "), blanks = strspn(text + word, " ");
        if (column && column + 1 + word > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (!column)
            column = (size_t)fprintf(out, "%*s", INDENT, "") - 1;
        else
            fputc(' ', out);
        fwrite(text, 1, word, out);
        column += 1 + word;
        text += word + blanks;
    }
    fputc('\n', out);
}

static void put_help(FILE *out, const struct told *it)
{
    fputs("  ", out);
    put_flag(out, it->row->name, "-");
    fprintf(out, " = %s  (%s; %s)\n", it->without, it->possible, it->when);
    put_wrapped(out, it->row->doc);
}

void settings_print_help(FILE *out)
{
    tell_each(out, "nothing", put_help);
}

/* ---- a page */

/* A bar would end the cell. */
static void put_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        *text == '|' ? fputs("\\|", out) : fputc(*text, out);
}

static void put_line(FILE *out, const struct told *it)
{
    const char *quote = *it->without ? "`" : "";
    fprintf(out, "| `%s` | %s%s%s | ", it->row->name, quote, it->without, quote);
    put_cell(out, it->possible);
    fprintf(out, " | %s | ", it->when);
    put_cell(out, it->row->doc);
    fputs(it->row->flags & SETTING_SECRET ? "; a secret: not from the command line |\n" : " |\n", out);
}

void settings_print_list(FILE *out)
{
    fputs(
        "# Settings of glossd\n\n"
        "Printed by `glossd settings --list` from service/base/settings.def. A setting stands in the file that `--config` or `GLOSS_CONFIG` names (`port = 7443`), in\n"
        "the environment (`GLOSS_PORT`) or on the command line (`--port`); a later place of these wins. Sizes take KiB, MiB and GiB, durations ms, s, min, h and d.\n"
        "*reload*: `glossd reload` takes it up; *restart*: `glossd restart` does, one worker after the other; *start*: the next start. `glossd settings` tells what is in force.\n\n"
        "| setting | without it | possible | taken up | what it does |\n|---|---|---|---|---|\n",
        out);
    tell_each(out, "", put_line);
}

/* ---- a manual page */

void settings_print_roff(FILE *out, const char *text)
{
    bool is_bold = false;
    for (const char *at = text; *at; at++)
        if (*at == '\\')
            fputs("\\e", out);
        else if (*at == '-')
            fputs("\\-", out);
        else if (*at == '`')
            fputs((is_bold = !is_bold) ? "\\fB" : "\\fR", out);
        else if ((*at == '.' || *at == '\'') && at == text)
            fprintf(out, "\\&%c", *at);
        else if (!strncmp(at, "…", strlen("…"))) {
            fputs("...", out);
            at += strlen("…") - 1;
        } else
            fputc(*at, out);
}

static void put_man(FILE *out, const struct told *it)
{
    fputs(".TP\n.B ", out);
    put_flag(out, it->row->name, "\\-");
    fputs(" \\fR=\\fP ", out);
    settings_print_roff(out, it->without);
    fputc('\n', out);
    settings_print_roff(out, it->row->doc);
    fputs(". Possible: ", out);
    settings_print_roff(out, it->possible);
    fprintf(out, "; taken up by a %s.\n", it->when);
}

void settings_print_man(FILE *out)
{
    tell_each(out, "nothing", put_man);
}
