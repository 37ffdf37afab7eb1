/*
 * settings.h - what the operator decides, read once at the start from file, environment and command line.
 *
 * Owns      every text in struct settings.
 * Lifetime  settings_init / settings_fini, embedded in yours.
 * Thread    one at a time; afterwards constant, so any.
 * Units     as the row says; durations are milliseconds, sizes bytes.
 * Errors    GL_E_SETTING with a whole sentence in err->detail: where it stands (file and line, variable, flag), what is wrong, what is possible, and
 *           for an unknown name the nearest known one.
 * Source    settings.def has one row a setting. A later place wins: default < file < environment < command line.
 *
 * The file has `key = value` lines; '#' begins a comment line; a value may stand in double quotes. A relative path in a file counts from the file's folder.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdint.h>
#include <stdio.h>

#include "service/base/handover.h"

#define SETTING_SECRET 1u
#define SETTING_RELOAD 2u
#define SETTING_START  4u

struct settings_list {
    char **items;
    size_t count;
};
/* What each type of a row is in C. */
#define SETTING_C_INT      int64_t
#define SETTING_C_SIZE     size_t
#define SETTING_C_DURATION uint64_t
#define SETTING_C_BOOL     bool
#define SETTING_C_TEXT     char *
#define SETTING_C_PATH     char *
#define SETTING_C_LIST     struct settings_list
#define SETTING_C_CHOICE   char *
#define SETTING_C_CONNINFO char *

enum setting_id {
#define SETTING(name, type, unit, min, max, def, flags, doc) SETTING_##name,
#include "service/base/settings.def"
#undef SETTING
    SETTING_COUNT
};
enum setting_origin { SETTING_FROM_DEFAULT, SETTING_FROM_FILE, SETTING_FROM_ENVIRONMENT, SETTING_FROM_FLAG };

struct settings {
#define SETTING(name, type, unit, min, max, def, flags, doc) SETTING_C_##type name;
#include "service/base/settings.def"
#undef SETTING
    struct setting_source {
        enum setting_origin origin;
        char *text;  /* as it was written, or the default */
        char *where; /* "glossd.conf:12", "GLOSS_PORT", "--port", "default" */
    } sources[SETTING_COUNT];
    char *file; /* the settings file that was read, or NULL */
};

void settings_init(struct settings *settings); /* every default */
void settings_fini(struct settings *settings);

/* Everything in order: --config FILE or GLOSS_CONFIG, the environment (NULL-terminated, as environ), then argv, from which the flags that name settings
 * are taken out; what remains (*argc of them) is for the verb. Nothing behind "--" is looked at. */
enum gl_code settings_load(struct settings *settings, int *argc, char **argv, char *const *environment,
                           struct gl_err *err) GL_MUST_USE;
enum gl_code settings_read_file(struct settings *settings, const char *path, struct gl_err *err) GL_MUST_USE;
enum gl_code settings_read_environment(struct settings *settings, char *const *environment, struct gl_err *err) GL_MUST_USE;
enum gl_code settings_read_flags(struct settings *settings, int *argc, char **argv, struct gl_err *err) GL_MUST_USE;
enum gl_code settings_set(struct settings *settings, const char *key, const char *value, enum setting_origin origin,
                          const char *where, struct gl_err *err) GL_MUST_USE;
/* The same once more, into fresh: the file and the environment as they are now, the flags as they were. */
enum gl_code settings_load_again(struct settings *fresh, const struct settings *settings, char *const *environment,
                                 struct gl_err *err) GL_MUST_USE;
/* Takes over the rows marked SETTING_RELOAD from fresh; gives how many were different. */
size_t settings_reload(struct settings *settings, const struct settings *fresh);
/* Rows marked SETTING_START hold until the service ends, also when it goes on under another program. */
void settings_hand_over(const struct settings *settings, struct handover *handover);
void settings_take_over(struct settings *settings, const struct handover *handover);

const char *settings_key(enum setting_id id);
const char *settings_nearest_key(const char *key); /* the known key most like it, or NULL when none is */
void settings_print(const struct settings *settings, FILE *out,
                    bool json); /* all rows, values and where they come from; secrets are hidden */
/* One of them for who may ask from elsewhere. Texts are lent. */
struct setting_told {
    const char *name, *value, *origin, *where; /* value: as it was written, or the default; a secret is hidden */
    bool is_reloaded;                          /* SIGHUP reads it again */
};
struct setting_told settings_tell(const struct settings *settings, enum setting_id id);
void settings_print_example(FILE *out); /* a settings file that says nothing new, with every row explained */
/* All rows for people, settings_pages.c: what may be said, what holds without, how it is taken up, what it does. */
void settings_print_help(FILE *out);                   /* for `glossd --help` */
void settings_print_man(FILE *out);                    /* for glossd.8 */
void settings_print_list(FILE *out);                   /* a page in Markdown */
void settings_print_roff(FILE *out, const char *text); /* text, for roff; what stands in `quotes` becomes bold */

#endif
