#include "service/base/trace.h"

#include <string.h>

/* 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
#define VERSION_AT   0
#define ID_AT        3
#define PARENT_AT    36
#define PARENT_BYTES 16
#define FLAGS_AT     53
#define PARENT_LEN   55
#define SAMPLED      1u

static int digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (digit(text[i]) < 0)
            return false;
    return true;
}

static bool is_zero(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != '0')
            return false;
    return true;
}

static bool has_form(struct gl_slice text)
{
    const char *at = text.data;
    if (text.len < PARENT_LEN || !is_hex(at + VERSION_AT, 2) || !strncmp(at, "ff", 2))
        return false;
    if (text.len > PARENT_LEN && (!strncmp(at, "00", 2) || at[PARENT_LEN] != '-'))
        return false;
    return at[ID_AT - 1] == '-' && at[PARENT_AT - 1] == '-' && at[FLAGS_AT - 1] == '-' && is_hex(at + ID_AT, TRACE_ID_BYTES) &&
           is_hex(at + PARENT_AT, PARENT_BYTES) && is_hex(at + FLAGS_AT, 2);
}

bool trace_read(struct gl_slice traceparent, struct trace *trace)
{
    *trace = (struct trace){0};
    if (!has_form(traceparent) || is_zero(traceparent.data + ID_AT, TRACE_ID_BYTES) ||
        is_zero(traceparent.data + PARENT_AT, PARENT_BYTES))
        return false;
    memcpy(trace->id, traceparent.data + ID_AT, TRACE_ID_BYTES);
    trace->is_sampled = (unsigned)digit(traceparent.data[FLAGS_AT + 1]) & SAMPLED;
    return true;
}
