/*
 * meter.h - how far a long verb is, on standard error: on a terminal one line that changes, elsewhere a line every ten seconds.
 *
 * Owns      the line of the terminal that it writes, until meter_clear().
 * Thread    the main thread.
 * Errors    none.
 */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
    const char *verb;
    uint64_t total; /* bytes; 0: nobody knows */
    uint64_t told_ms, began_ms;
    bool is_terminal, is_shown;
};
void meter_init(struct meter *meter, const char *verb, uint64_t total);
void meter_tell(struct meter *meter, uint64_t done, const char *what);
void meter_clear(struct meter *meter); /* before anything else is said, and at the end */
double meter_seconds(const struct meter *meter);

#endif
