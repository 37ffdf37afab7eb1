/* Settings for people: what is in force and why, and a file to begin with. */
#include <inttypes.h>
#include <string.h>

#include "proto/gl_json.h"
#include "service/base/escape.h"
#include "service/base/mem.h"
#include "service/base/settings_priv.h"

static const char hidden[] = "(hidden)";

static bool is_hidden(const struct setting_row *row, const char *text)
{
    return (row->flags & SETTING_SECRET && *text) || (row->type == SETTING_T_CONNINFO && settings_holds_password(text));
}

/* The three types are 64 bits wide, and what they hold fits either sign. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a SIZE is printed as 64 bits");

static bool is_number(const struct setting_row *row)
{
    return row->type == SETTING_T_INT || row->type == SETTING_T_SIZE || row->type == SETTING_T_DURATION;
}

static void print_json_string(FILE *out, const char *text)
{
    char escaped[2048];
    size_t used, left = strlen(text);
    for (fputc('"', out); left; text += used, left -= used) {
        size_t len = escape_text(escaped, sizeof(escaped), gl_slice_of(text, left), &used);
        fwrite(escaped, 1, len, out);
    }
    fputc('"', out);
}

static void print_json_value(FILE *out, const struct settings *settings, size_t id)
{
    const struct setting_row *row = &setting_rows[id];
    const void *field = (const char *)settings + row->offset;
    const struct settings_list *list = field;
    const char *text = settings->sources[id].text;
    if (is_hidden(row, text))
        print_json_string(out, hidden);
    else if (is_number(row))
        fprintf(out, "%" PRIu64, *(const uint64_t *)field);
    else if (row->type == SETTING_T_BOOL)
        fputs(*(const bool *)field ? "true" : "false", out);
    else if (row->type != SETTING_T_LIST)
        print_json_string(out, text);
    else {
        fputc('[', out);
        for (size_t i = 0; i < list->count; i++) {
            fputs(i ? "," : "", out);
            print_json_string(out, list->items[i]);
        }
        fputc(']', out);
    }
}

static const char *const origins[] = {"default", "file", "environment", "flag"};

struct setting_told settings_tell(const struct settings *settings, enum setting_id id)
{
    const struct setting_row *row = &setting_rows[id];
    const struct setting_source *source = &settings->sources[id];
    return (struct setting_told){.name = row->name,
                                 .value = is_hidden(row, source->text) ? hidden : source->text,
                                 .origin = origins[source->origin],
                                 .where = source->where,
                                 .is_reloaded = (row->flags & SETTING_RELOAD) != 0};
}

static void print_json(const struct settings *settings, FILE *out, size_t id)
{
    fprintf(out, "{\"setting\":\"%s\",\"value\":", setting_rows[id].name);
    print_json_value(out, settings, id);
    fprintf(out, ",\"origin\":\"%s\",\"where\":", origins[settings->sources[id].origin]);
    print_json_string(out, settings->sources[id].where);
    fprintf(out, ",\"reload\":%s,\"doc\":", setting_rows[id].flags & SETTING_RELOAD ? "true" : "false");
    print_json_string(out, setting_rows[id].doc);
    fputs("}\n", out);
}

static void print_text(const struct settings *settings, FILE *out, size_t id)
{
    const struct setting_source *source = &settings->sources[id];
    char escaped[4096];
    size_t len = escape_text(escaped, sizeof(escaped), gl_slice_str(settings_tell(settings, (enum setting_id)id).value), NULL);
    fprintf(out, "%-21s = %-30.*s # ", setting_rows[id].name, (int)len, escaped);
    len = escape_text(escaped, sizeof(escaped), gl_slice_str(source->where), NULL);
    fprintf(out, "%.*s\n", (int)len, escaped);
}

void settings_print(const struct settings *settings, FILE *out, bool json)
{
    for (size_t id = 0; id < SETTING_COUNT; id++)
        if (json)
            print_json(settings, out, id);
        else
            print_text(settings, out, id);
}

static void print_possible(FILE *out, const struct setting_row *row)
{
    if (is_number(row))
        fprintf(out, " (%" PRIu64 " to %" PRIu64 "%s%s)", row->min, row->max, *row->unit ? " " : "", row->unit);
    else if (row->type == SETTING_T_CHOICE)
        fprintf(out, " (%s)", row->unit);
    else if (row->type == SETTING_T_BOOL)
        fputs(" (true or false)", out);
    if (row->flags & SETTING_RELOAD)
        fputs("; SIGHUP reads it again", out);
    else if (row->flags & SETTING_START)
        fputs("; holds until the service ends", out);
}

void settings_print_example(FILE *out)
{
    fputs("# Settings of glossd: `key = value` a line. What stands here behind a '#' is what holds without this file.\n", out);
    fputs("# The environment wins over this file (GLOSS_PORT for port), the command line over both (--port).\n", out);
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        const struct setting_row *row = &setting_rows[id];
        fprintf(out, "\n# %s", row->doc);
        print_possible(out, row);
        fprintf(out, "\n#%s = %s\n", row->name, row->def);
    }
}
