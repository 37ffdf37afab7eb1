/*
 * gl_size.h - sizes as people write them: 65536, 64KiB, 200 MiB.
 *
 * Owns      nothing.
 * Thread    any.
 * Units     bytes.
 * Source    IEC 80000-13 for KiB to TiB; K, M and G are read as these.
 */
#ifndef GL_SIZE_H
#define GL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* How many bytes a unit has; "" and "B" have one. 0: there is no such unit. */
uint64_t gl_size_unit(const char *unit);

/* A whole number, and where takes_unit a unit behind it, perhaps after spaces. False, with *number as it was, for anything else and beyond GL_INT_MAX. */
bool gl_size_read(const char *text, bool takes_unit, uint64_t *number);

#endif
