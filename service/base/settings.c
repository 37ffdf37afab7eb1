#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_size.h"
#include "service/base/mem.h"
#include "service/base/nearest.h"
#include "service/base/settings_priv.h"

const struct setting_row setting_rows[SETTING_COUNT] = {
#define SETTING(name, type, unit, min, max, def, flags, doc)                                                                     \
    {#name, SETTING_T_##type, unit, min, max, def, flags, doc, offsetof(struct settings, name)},
#include "service/base/settings.def"
#undef SETTING
};

struct suffix {
    const char *name;
    uint64_t factor;
};
static const struct suffix duration_suffixes[] = {{"", 1},        {"ms", 1},       {"s", 1000}, {"min", 60000},
                                                  {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct suffix no_suffixes[] = {{"", 1}, {NULL, 0}};

size_t settings_find(const char *key)
{
    size_t id = 0;
    while (id < SETTING_COUNT && strcmp(setting_rows[id].name, key) != 0)
        id++;
    return id;
}

const char *settings_key(enum setting_id id)
{
    return setting_rows[id].name;
}

const char *settings_nearest_key(const char *key)
{
    const char *names[SETTING_COUNT];
    for (size_t id = 0; id < SETTING_COUNT; id++)
        names[id] = setting_rows[id].name;
    size_t id = nearest_index(key, names, SETTING_COUNT);
    return id < SETTING_COUNT ? names[id] : NULL;
}

/* ---- one value */

/* What one value is read with: where it stands, for the sentence that says what is wrong with it. */
struct reading {
    const struct setting_row *row;
    const char *value;
    const char *where;
    struct gl_err *err;
};

/* How much a number with this suffix is more; 0: there is no such suffix. */
static uint64_t factor_of(enum setting_type type, const char *suffix)
{
    if (type == SETTING_T_SIZE)
        return gl_size_unit(suffix);
    const struct suffix *it = type == SETTING_T_DURATION ? duration_suffixes : no_suffixes;
    while (it->name && strcmp(it->name, suffix) != 0)
        it++;
    return it->factor;
}

static const char *examples_of(enum setting_type type)
{
    return type == SETTING_T_SIZE       ? " (such as 65536 or 64KiB)"
           : type == SETTING_T_DURATION ? " (such as 1500 or 1500ms or 2s)"
                                        : "";
}

static enum gl_code not_a_number(const struct reading *r)
{
    return gl_fail(r->err, GL_E_SETTING, "%s: \"%.80s\" is not a number for %s: it can be %llu to %llu%s%s%s", r->where, r->value,
                   r->row->name, (unsigned long long)r->row->min, (unsigned long long)r->row->max, *r->row->unit ? " " : "",
                   r->row->unit, examples_of(r->row->type));
}

static enum gl_code read_number(const struct reading *r, uint64_t *number)
{
    const char *at = r->value;
    uint64_t digits = 0;
    bool overflows = false;
    if (!isdigit((unsigned char)*at))
        return not_a_number(r);
    for (; isdigit((unsigned char)*at); at++)
        if (__builtin_mul_overflow(digits, 10, &digits) || __builtin_add_overflow(digits, (uint64_t)(*at - '0'), &digits))
            overflows = true;
    while (*at == ' ')
        at++;
    const uint64_t factor = factor_of(r->row->type, at);
    if (factor == 0)
        return not_a_number(r);
    if (__builtin_mul_overflow(digits, factor, number))
        overflows = true;
    if (overflows || *number < r->row->min || *number > r->row->max)
        return gl_fail(r->err, GL_E_SETTING, "%s: %.80s is too %s for %s: it can be %llu to %llu%s%s", r->where, r->value,
                       !overflows && *number < r->row->min ? "small" : "large", r->row->name, (unsigned long long)r->row->min,
                       (unsigned long long)r->row->max, *r->row->unit ? " " : "", r->row->unit);
    return GL_OK;
}

static enum gl_code read_bool(const struct reading *r, bool *value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (!strcmp(words[i], r->value)) {
            *value = i % 2;
            return GL_OK;
        }
    return gl_fail(r->err, GL_E_SETTING, "%s: \"%.80s\" is not true or false, which %s must be", r->where, r->value,
                   r->row->name);
}

static enum gl_code check_choice(const struct reading *r)
{
    size_t len = strlen(r->value);
    for (const char *at = r->row->unit; *at;) {
        size_t word = strcspn(at, "|");
        if (word == len && !strncmp(at, r->value, len))
            return GL_OK;
        at += word + (at[word] == '|');
    }
    return gl_fail(r->err, GL_E_SETTING, "%s: \"%.80s\" is not possible for %s: it can be %s", r->where, r->value, r->row->name,
                   r->row->unit);
}

static enum gl_code check_length(const struct reading *r)
{
    size_t len = strlen(r->value);
    if (len >= r->row->min && len <= r->row->max)
        return GL_OK;
    if (!len)
        return gl_fail(r->err, GL_E_SETTING, "%s: %s must not be empty: %s", r->where, r->row->name, r->row->doc);
    return gl_fail(r->err, GL_E_SETTING, "%s: the value of %s has %zu bytes; it can have %llu at most", r->where, r->row->name,
                   len, (unsigned long long)r->row->max);
}

static void free_list(struct settings_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(&list->items[i]);
    mem_free(&list->items);
    list->count = 0;
}

static enum gl_code read_list(const struct reading *r, struct settings_list *list)
{
    enum gl_code code = check_length(r);
    size_t cap = 0;
    *list = (struct settings_list){0};
    for (const char *at = r->value; !code && *r->value;) {
        at += strspn(at, " \t");
        size_t whole = strcspn(at, ","), len = whole;
        while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        if (!len)
            code =
                gl_fail(r->err, GL_E_SETTING, "%s: the list %s has an empty item: \"%.80s\"", r->where, r->row->name, r->value);
        list->items = mem_grow(list->items, &cap, list->count + 1, sizeof(*list->items));
        list->items[list->count++] = mem_copy(at, len);
        if (!at[whole])
            break;
        at += whole + 1;
    }
    if (code)
        free_list(list);
    return code;
}

static enum gl_code read_text(const struct reading *r, char **text)
{
    enum gl_code code = r->row->type == SETTING_T_CHOICE ? check_choice(r) : check_length(r);
    if (!code)
        *text = mem_copy(r->value, strlen(r->value));
    return code;
}

/* A value of any type; texts and lists are the reader's to free. */
union value {
    uint64_t number;
    bool is_true;
    char *text;
    struct settings_list list;
};

static enum gl_code read_value(const struct reading *r, union value *value)
{
    switch (r->row->type) {
    case SETTING_T_INT:
    case SETTING_T_SIZE:
    case SETTING_T_DURATION: return read_number(r, &value->number);
    case SETTING_T_BOOL: return read_bool(r, &value->is_true);
    case SETTING_T_LIST: return read_list(r, &value->list);
    case SETTING_T_TEXT:
    case SETTING_T_PATH:
    case SETTING_T_CHOICE:
    case SETTING_T_CONNINFO: return read_text(r, &value->text);
    }
    return GL_E_INTERNAL;
}

/* Frees what stood there before. */
static void store_value(struct settings *settings, const struct setting_row *row, const union value *value)
{
    void *field = (char *)settings + row->offset;
    switch (row->type) {
    case SETTING_T_INT: *(int64_t *)field = (int64_t)value->number; break;
    case SETTING_T_SIZE: *(size_t *)field = value->number; break;
    case SETTING_T_DURATION: *(uint64_t *)field = value->number; break;
    case SETTING_T_BOOL: *(bool *)field = value->is_true; break;
    case SETTING_T_LIST:
        free_list(field);
        *(struct settings_list *)field = value->list;
        break;
    case SETTING_T_TEXT:
    case SETTING_T_PATH:
    case SETTING_T_CHOICE:
    case SETTING_T_CONNINFO:
        mem_free((char **)field);
        *(char **)field = value->text;
        break;
    }
}

bool settings_holds_password(const char *conninfo)
{
    const char *authority = strstr(conninfo, "://"), *at = authority ? strchr(authority, '@') : NULL;
    return strstr(conninfo, "password") || (at && memchr(authority + 3, ':', (size_t)(at - authority - 3)));
}

static enum gl_code check_flag(const struct reading *r)
{
    if (r->row->flags & SETTING_SECRET || (r->row->type == SETTING_T_CONNINFO && settings_holds_password(r->value)))
        return gl_fail(
            r->err, GL_E_SETTING,
            "%s: everybody on this machine can read a command line; put what is secret into the settings file, the environment or, for "
            "PostgreSQL, into a password file (~/.pgpass)",
            r->where);
    return GL_OK;
}

enum gl_code settings_set(struct settings *settings, const char *key, const char *value, enum setting_origin origin,
                          const char *where, struct gl_err *err)
{
    size_t id = settings_find(key);
    if (id == SETTING_COUNT) {
        const char *nearest = settings_nearest_key(key);
        return gl_fail(err, GL_E_SETTING,
                       nearest ? "%s: there is no setting \"%.80s\"; did you mean %s?"
                               : "%s: there is no setting \"%.80s\"; `glossd settings` lists them all",
                       where, key, nearest);
    }
    const struct reading reading = {&setting_rows[id], value, where, err};
    union value read = {0};
    enum gl_code code = origin == SETTING_FROM_FLAG ? check_flag(&reading) : GL_OK;
    if (!code)
        code = read_value(&reading, &read);
    if (code)
        return code;
    store_value(settings, reading.row, &read);
    struct setting_source *source = &settings->sources[id];
    mem_free(&source->text);
    mem_free(&source->where);
    *source = (struct setting_source){origin, mem_copy(value, strlen(value)), mem_copy(where, strlen(where))};
    return GL_OK;
}

/* ---- all of them */

void settings_init(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        const struct setting_row *row = &setting_rows[id];
        /* A default that its own row refuses is a mistake in settings.def. */
        if (settings_set(settings, row->name, row->def, SETTING_FROM_DEFAULT, "default", NULL))
            abort();
    }
}

void settings_fini(struct settings *settings)
{
    const union value nothing = {0};
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        store_value(settings, &setting_rows[id], &nothing);
        mem_free(&settings->sources[id].text);
        mem_free(&settings->sources[id].where);
    }
    mem_free(&settings->file);
}

size_t settings_reload(struct settings *settings, const struct settings *fresh)
{
    size_t changed = 0;
    for (size_t id = 0; id < SETTING_COUNT; id++) {
        const struct setting_source *source = &fresh->sources[id];
        if (!(setting_rows[id].flags & SETTING_RELOAD) || !strcmp(source->text, settings->sources[id].text))
            continue;
        if (!settings_set(settings, setting_rows[id].name, source->text, source->origin, source->where, NULL))
            changed++;
    }
    return changed;
}

/* ---- under another program */

void settings_hand_over(const struct settings *settings, struct handover *handover)
{
    for (size_t id = 0; id < SETTING_COUNT; id++)
        if (setting_rows[id].flags & SETTING_START)
            handover_say(handover, "setting %s %s", setting_rows[id].name, settings->sources[id].text);
}

void settings_take_over(struct settings *settings, const struct handover *handover)
{
    const char *line = NULL;
    char key[64];
    int end;
    while ((line = handover_next(handover, "setting", line)))
        if (sscanf(line, "%63s %n", key, &end) ==
            1) /* one that this program does not know, or not like that, has its own value */
            (void)!settings_set(settings, key, line + end, SETTING_FROM_FLAG, "as the service was started", NULL);
}
