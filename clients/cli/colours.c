#include "clients/cli/colours.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Grounds that black letters are easy to read on. */
#define COLOURS(ROW)                                                                                                             \
    ROW("red", "#ff9d94")                                                                                                        \
    ROW("orange", "#ffc078")                                                                                                     \
    ROW("yellow", "#ffe066")                                                                                                     \
    ROW("green", "#a9e34b")                                                                                                      \
    ROW("teal", "#63e6be")                                                                                                       \
    ROW("cyan", "#66d9e8")                                                                                                       \
    ROW("blue", "#91c4ff")                                                                                                       \
    ROW("purple", "#c5a3ff")                                                                                                     \
    ROW("pink", "#faa2c1")                                                                                                       \
    ROW("brown", "#d9b38c")                                                                                                      \
    ROW("grey", "#ced4da")

const char *const colour_names[] = {
#define ROW(name, hex) name,
    COLOURS(ROW)
#undef ROW
        NULL,
};

static const char *const hexes[] = {
#define ROW(name, hex) hex,
    COLOURS(ROW)
#undef ROW
};

bool colour_read(const char *name, char hex[8])
{
    for (unsigned i = 0; colour_names[i]; i++) {
        if (strcasecmp(colour_names[i], name) == 0) {
            snprintf(hex, 8, "%s", hexes[i]);
            return true;
        }
    }
    const char *digits = name[0] == '#' ? name + 1 : name;
    if (strlen(digits) != 6 || strspn(digits, "0123456789abcdefABCDEF") != 6) {
        return false;
    }
    hex[0] = '#';
    for (unsigned i = 0; i < 6; i++) {
        hex[i + 1] = (char)tolower((unsigned char)digits[i]);
    }
    hex[7] = '\0';
    return true;
}
