#include "service/admin/meter.h"

#include <stdio.h>
#include <unistd.h>

#include "service/base/clock.h"

enum { TERMINAL_MS = 200, LINE_MS = 10000 };

void meter_init(struct meter *meter, const char *verb, uint64_t total)
{
    const uint64_t now_ms = clock_monotonic_ms();
    *meter = (struct meter){
        .verb = verb, .total = total, .told_ms = now_ms, .began_ms = now_ms, .is_terminal = isatty(STDERR_FILENO) == 1};
}

void meter_tell(struct meter *meter, uint64_t done, const char *what)
{
    const uint64_t now_ms = clock_monotonic_ms();
    if (now_ms - meter->told_ms < (meter->is_terminal ? TERMINAL_MS : LINE_MS)) {
        return;
    }
    const double mb = (double)done / 1e6;
    meter->told_ms = now_ms;
    meter->is_shown = meter->is_terminal;
    fprintf(stderr, "%s%s: %s, %.1f MB", meter->is_terminal ? "\r\033[K" : "", meter->verb, what, mb);
    if (meter->total > 0) {
        fprintf(stderr, " of %.1f", (double)meter->total / 1e6);
    }
    fprintf(stderr, ", %.1f MB/s%s", mb / meter_seconds(meter), meter->is_terminal ? "" : "\n");
    fflush(stderr);
}

void meter_clear(struct meter *meter)
{
    if (meter->is_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    meter->is_shown = false;
}

double meter_seconds(const struct meter *meter)
{
    return (double)(clock_monotonic_ms() - meter->began_ms + 1) / 1000.0;
}
