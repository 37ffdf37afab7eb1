/*
 * random.h - random bytes from the operating system, fit for salts and tokens.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none: a system without randomness ends the process.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>

void random_bytes(void *out, size_t len);

#endif
