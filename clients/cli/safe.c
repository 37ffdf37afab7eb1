#include "clients/cli/safe.h"

#include <utf8proc.h>

#include "clients/cli/width.h"

#define TAB_COLUMNS      4
#define LINE_END_COLUMNS 2 /* shown as an escape */

bool safe_is_harmful(int32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f)         /* C0, DEL, C1 */
           || cp == 0x061c || cp == 0x200e || cp == 0x200f /* marks */
           || (cp >= 0x202a && cp <= 0x202e)               /* embeddings and overrides */
           || (cp >= 0x2066 && cp <= 0x2069)               /* isolates */
           || cp == 0x2028 || cp == 0x2029                 /* line and paragraph separator */
           || (cp >= 0xfff9 && cp <= 0xfffb);              /* interlinear annotation */
}

void safe_escape_byte(struct gl_buf *out, unsigned char byte)
{
    gl_buf_printf(out, "\\x%02x", byte);
}

void safe_escape(struct gl_buf *out, int32_t cp)
{
    switch (cp) {
    case '\n': gl_buf_str(out, "\\n"); break;
    case '\r': gl_buf_str(out, "\\r"); break;
    case '\t': gl_buf_str(out, "\\t"); break;
    default:
        if (cp < 0x100) {
            safe_escape_byte(out, (unsigned char)cp);
        } else {
            gl_buf_printf(out, "\\u%04x", (unsigned)cp);
        }
    }
}

/* A line end or a tab where lines may stay; false when cp is neither. */
static bool put_layout(struct gl_buf *out, struct gl_slice text, size_t at, int32_t cp)
{
    if (cp == '\n') {
        gl_buf_byte(out, '\n');
        return true;
    }
    if (cp == '\t') {
        gl_buf_put(out, "    ", TAB_COLUMNS);
        return true;
    }
    return cp == '\r' && at + 1 < text.len && text.data[at + 1] == '\n';
}

void safe_put(struct gl_buf *out, struct gl_slice text, enum safe_lines lines)
{
    for (size_t at = 0; at < text.len;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text.data + at, (utf8proc_ssize_t)(text.len - at), &cp);
        if (len <= 0) {
            safe_escape_byte(out, (unsigned char)text.data[at]);
            at++;
            continue;
        }
        if (!(lines == SAFE_LINES && put_layout(out, text, at, cp))) {
            if (safe_is_harmful(cp)) {
                safe_escape(out, cp);
            } else {
                gl_buf_put(out, text.data + at, (size_t)len);
            }
        }
        at += (size_t)len;
    }
}

void safe_put_short(struct gl_buf *out, struct gl_slice text, size_t max_columns)
{
    size_t columns = 0, fits = 0, at = 0; /* fits: bytes that leave room for the ellipsis */
    struct cluster cluster;
    while (at < text.len) {
        size_t next = at;
        cluster_next(text, &next, &cluster);
        columns += cluster.kind == CLUSTER_NEWLINE ? LINE_END_COLUMNS * cluster.codepoints : cluster.columns;
        if (columns > max_columns) {
            safe_put(out, gl_slice_of(text.data, fits), SAFE_ONE_LINE);
            gl_buf_str(out, "…");
            return;
        }
        at = next;
        if (columns + 1 <= max_columns) {
            fits = at;
        }
    }
    safe_put(out, text, SAFE_ONE_LINE);
}
