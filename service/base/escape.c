#include "service/base/escape.h"

#include <stdio.h>

#define INVALID UINT32_MAX

/* One code point and how many bytes it has; INVALID and 1 for a byte that does not begin one. */
static uint32_t decode(const unsigned char *at, size_t left, size_t *len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    *len = 1;
    if (at[0] < 0x80)
        return at[0];
    size_t need = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || need > left)
        return INVALID;
    uint32_t cp = at[0] & (0xffu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return INVALID;
        cp = cp << 6 | (at[i] & 0x3fu);
    }
    if (cp < smallest[need] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return INVALID;
    *len = need;
    return cp;
}

static bool is_unsafe(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } unsafe[] = {
        {0x00, 0x1f},     {'"', '"'},       {'\\', '\\'},       {0x7f, 0x9f},     {0xad, 0xad},
        {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f},   {0x2028, 0x202e}, {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    for (size_t i = 0; i < sizeof(unsafe) / sizeof(*unsafe); i++)
        if (cp >= unsafe[i].first && cp <= unsafe[i].last)
            return true;
    return false;
}

static size_t write_escape(char out[16], uint32_t cp)
{
    switch (cp) {
    case '"': return (size_t)snprintf(out, 16, "\\\"");
    case '\\': return (size_t)snprintf(out, 16, "\\\\");
    case '\n': return (size_t)snprintf(out, 16, "\\n");
    case '\r': return (size_t)snprintf(out, 16, "\\r");
    case '\t': return (size_t)snprintf(out, 16, "\\t");
    default: break;
    }
    if (cp >= 0x10000)
        return (size_t)snprintf(out, 16, "\\u%04x\\u%04x", 0xd800u + ((cp - 0x10000) >> 10), 0xdc00u + ((cp - 0x10000) & 0x3ff));
    return (size_t)snprintf(out, 16, "\\u%04x", cp);
}

size_t escape_text(char *out, size_t room, struct gl_slice text, size_t *used)
{
    size_t len = 0, at = 0, width;
    while (at < text.len) {
        char escape[16];
        const char *piece = text.data + at;
        uint32_t cp = decode((const unsigned char *)piece, text.len - at, &width);
        size_t piece_len = width;
        if (cp == INVALID || is_unsafe(cp)) {
            piece_len = write_escape(escape, cp == INVALID ? 0xfffd : cp);
            piece = escape;
        }
        if (piece_len > room - len)
            break;
        memcpy(out + len, piece, piece_len);
        len += piece_len;
        at += width;
    }
    if (used)
        *used = at;
    return len;
}

bool escape_is_needed(struct gl_slice text)
{
    size_t width;
    for (size_t at = 0; at < text.len; at += width) {
        uint32_t cp = decode((const unsigned char *)text.data + at, text.len - at, &width);
        if (cp == INVALID || is_unsafe(cp))
            return true;
    }
    return false;
}
