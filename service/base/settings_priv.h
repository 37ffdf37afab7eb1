/*
 * settings_priv.h - the rows of settings.def as data, for settings*.c only.
 */
#ifndef SETTINGS_PRIV_H
#define SETTINGS_PRIV_H

#include "service/base/settings.h"

enum setting_type {
    SETTING_T_INT,
    SETTING_T_SIZE,
    SETTING_T_DURATION,
    SETTING_T_BOOL,
    SETTING_T_TEXT,
    SETTING_T_PATH,
    SETTING_T_LIST,
    SETTING_T_CHOICE,
    SETTING_T_CONNINFO,
};
struct setting_row {
    const char *name;
    enum setting_type type;
    const char *unit;
    uint64_t min, max;
    const char *def;
    unsigned flags;
    const char *doc;
    size_t offset; /* of the value in struct settings */
};
extern const struct setting_row setting_rows[SETTING_COUNT];

size_t settings_find(const char *key); /* SETTING_COUNT when there is none */
bool settings_holds_password(const char *conninfo);

#endif
