#include "tests/bench/load/scan.h"

static const char *skip_string(const char *at, const char *end)
{
    while (++at < end && *at != '"')
        at += *at == '\\';
    return at < end ? at + 1 : NULL;
}

/* Behind the value that begins at `at`; NULL when it does not end. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;
    while (at && at < end) {
        switch (*at) {
        case '"': at = skip_string(at, end); break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            if (depth == 0)
                return at;
            depth--;
            at++;
            break;
        case ',':
        case ':':
            if (depth == 0)
                return at;
            at++;
            continue;
        default: at++; continue;
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

struct gl_slice scan_member(struct gl_slice object, const char *name)
{
    const char *at = object.data + 1, *end = object.data + object.len, *behind;
    if (object.len < 2 || *object.data != '{')
        return (struct gl_slice){0};
    while (at < end && *at == '"' && (behind = skip_string(at, end)) && behind < end && *behind == ':') {
        const char *value = behind + 1, *next = skip_value(value, end);
        if (!next)
            break;
        if (is_named(at, behind, name))
            return gl_slice_of(value, (size_t)(next - value));
        at = next + (next < end && *next == ',');
    }
    return (struct gl_slice){0};
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
