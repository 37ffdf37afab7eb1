#include "proto/gl_size.h"

#include <string.h>

#include "proto/gl_json.h"

uint64_t gl_size_unit(const char *unit)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"K", 10}, {"M", 20}, {"G", 30}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].name, unit) == 0)
            return UINT64_C(1) << units[i].shift;
    return 0;
}

bool gl_size_read(const char *text, bool takes_unit, uint64_t *number)
{
    uint64_t read = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(read, 10, &read) || __builtin_add_overflow(read, (uint64_t)(*at - '0'), &read))
            return false;
    if (at == text)
        return false;
    if (takes_unit) {
        at += strspn(at, " ");
        const uint64_t unit = gl_size_unit(at);
        if (unit == 0 || __builtin_mul_overflow(read, unit, &read))
            return false;
    } else if (*at)
        return false;
    if (read > (uint64_t)GL_INT_MAX)
        return false;
    *number = read;
    return true;
}
