/*
 * colours.h - colours by name, so that nobody has to know their numbers.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none: what is no colour is said by false.
 */
#ifndef CLI_COLOURS_H
#define CLI_COLOURS_H

#include <stdbool.h>

/* name: "#rrggbb", "rrggbb" or one of colour_names; writes "#rrggbb". False: it is none of these. */
bool colour_read(const char *name, char hex[8]);
extern const char *const colour_names[]; /* ending in NULL */

#endif
