#include "tests/bench/load/scan.h"

/* What is looked at in the values that are skipped, which is most of what a generator does: a table for what stands between strings, and the
   C library's search, which takes 32 bytes at a time, for what stands in them. */
enum kind { OTHER, QUOTE, OPENS, CLOSES, PARTS };
static const uint8_t kinds[256] = {
    ['"'] = QUOTE, ['{'] = OPENS, ['['] = OPENS, ['}'] = CLOSES, [']'] = CLOSES, [','] = PARTS, [':'] = PARTS};

static bool is_escaped(const char *quote, const char *begin)
{
    const char *at = quote;
    while (at > begin && at[-1] == '\\')
        at--;
    return (quote - at) % 2 != 0;
}

/* Behind the string that begins with the quote at `at`; NULL when it does not end. */
static const char *skip_string(const char *at, const char *end)
{
    const char *const begin = at + 1;
    const char *quote = begin < end ? memchr(begin, '"', (size_t)(end - begin)) : NULL;
    while (quote && is_escaped(quote, begin))
        quote = quote + 1 < end ? memchr(quote + 1, '"', (size_t)(end - quote - 1)) : NULL;
    return quote ? quote + 1 : NULL;
}

/* Behind the value that begins at `at`; NULL when it does not end. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;
    while (at && at < end) {
        const enum kind kind = (enum kind)kinds[(uint8_t)*at];
        if (kind == QUOTE)
            at = skip_string(at, end);
        else if (depth == 0 && (kind == CLOSES || kind == PARTS))
            return at;
        else {
            depth += kind == OPENS;
            depth -= kind == CLOSES;
            at++;
            if (kind == OTHER || kind == PARTS)
                continue;
        }
        if (depth == 0)
            return at;
    }
    return depth == 0 ? at : NULL;
}

static bool is_named(const char *quoted, const char *end, const char *name)
{
    size_t len = strlen(name);
    return (size_t)(end - quoted) == len + 2 && memcmp(quoted + 1, name, len) == 0;
}

void scan_members(struct gl_slice object, size_t count, const char *const names[], struct gl_slice values[])
{
    const char *at = object.data + 1, *end = object.data + object.len, *behind;
    size_t found = 0;
    memset(values, 0, count * sizeof *values);
    if (object.len < 2 || *object.data != '{')
        return;
    while (found < count && at < end && *at == '"' && (behind = skip_string(at, end)) && behind < end && *behind == ':') {
        const char *value = behind + 1, *next = skip_value(value, end);
        if (!next)
            break;
        for (size_t i = 0; i < count; i++)
            if (values[i].len == 0 && is_named(at, behind, names[i])) {
                values[i] = gl_slice_of(value, (size_t)(next - value));
                found++;
            }
        at = next + (next < end && *next == ',');
    }
}

struct gl_slice scan_member(struct gl_slice object, const char *name)
{
    struct gl_slice value;
    scan_members(object, 1, &name, &value);
    return value;
}

struct gl_slice scan_item(struct gl_slice array, size_t *at)
{
    const char *end = array.data + array.len;
    if (array.len < 2 || *array.data != '[')
        return (struct gl_slice){0};
    const char *begin = array.data + (*at ? *at : 1), *next = begin < end && *begin != ']' ? skip_value(begin, end) : NULL;
    if (!next || next == begin)
        return (struct gl_slice){0};
    *at = (size_t)(next - array.data) + (next < end && *next == ',');
    return gl_slice_of(begin, (size_t)(next - begin));
}

struct gl_slice scan_text(struct gl_slice value)
{
    return value.len >= 2 && *value.data == '"' ? gl_slice_of(value.data + 1, value.len - 2) : (struct gl_slice){0};
}

bool scan_number(struct gl_slice value, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i > 18)
            return false;
        *number = *number * 10 + (uint64_t)(value.data[i] - '0');
    }
    return value.len > 0;
}
