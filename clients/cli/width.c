#include "clients/cli/width.h"

#include <utf8proc.h>

#include "clients/cli/safe.h"

#define VARIATION_EMOJI 0xfe0f
#define TAB_COLUMNS     4

/* Closing punctuation that must not begin a line (a short list of what CJK texts use; UAX 14 class CL, EX, NS). */
static const int32_t closers[] = {0x3001, 0x3002, 0x300b, 0x300d, 0x300f, 0x3011, 0x3015, 0x3009, 0xff01, 0xff09,
                                  0xff0c, 0xff0e, 0xff1a, 0xff1b, 0xff1f, 0x2019, 0x201d, 0xff3d, 0xff5d, 0x30fc};

static int32_t decode(struct gl_slice text, size_t at, size_t *len)
{
    utf8proc_int32_t cp = 0;
    utf8proc_ssize_t got = utf8proc_iterate((const utf8proc_uint8_t *)text.data + at, (utf8proc_ssize_t)(text.len - at), &cp);
    *len = got > 0 ? (size_t)got : 1;
    return got > 0 ? cp : -1;
}

static bool is_strong_rtl(const utf8proc_property_t *property)
{
    return property->bidi_class == UTF8PROC_BIDI_CLASS_R || property->bidi_class == UTF8PROC_BIDI_CLASS_AL;
}

static bool is_closer(int32_t cp)
{
    for (size_t i = 0; i < sizeof closers / sizeof closers[0]; i++) {
        if (closers[i] == cp) {
            return true;
        }
    }
    return false;
}

static unsigned escape_columns(int32_t cp)
{
    if (cp == '\n' || cp == '\r' || cp == '\t') {
        return 2;
    }
    return cp < 0x100 ? 4 : 6; /* \x1b, \u202e */
}

/* A cluster of one code point that is not shown as it is: line ends, tabs, controls, bytes that are not UTF-8. */
static bool is_special(struct gl_slice text, size_t at, int32_t cp, size_t len, struct cluster *cluster)
{
    if (cp == '\n' || cp == '\r') {
        bool is_crlf = cp == '\r' && at + 1 < text.len && text.data[at + 1] == '\n';
        *cluster = (struct cluster){.bytes = is_crlf ? 2 : 1, .codepoints = is_crlf ? 2 : 1, .kind = CLUSTER_NEWLINE};
        return true;
    }
    if (cp == '\t') {
        *cluster = (struct cluster){.bytes = 1, .codepoints = 1, .columns = TAB_COLUMNS, .kind = CLUSTER_TAB};
        return true;
    }
    if (cp < 0 || safe_is_harmful(cp)) {
        *cluster =
            (struct cluster){.bytes = len, .codepoints = 1, .columns = cp < 0 ? 4 : escape_columns(cp), .kind = CLUSTER_HARMFUL};
        return true;
    }
    return false;
}

static enum cluster_kind kind_of(int32_t first, unsigned columns)
{
    if (first == ' ' || first == 0x3000 || (first >= 0x2000 && first <= 0x200b && first != 0x2007)) {
        return CLUSTER_SPACE;
    }
    if (first == '-' || first == 0x2010 || first == 0x2013 || first == 0x2014) {
        return CLUSTER_HYPHEN;
    }
    return columns >= 2 ? CLUSTER_WIDE : CLUSTER_TEXT;
}

static unsigned columns_of(const utf8proc_property_t *first, unsigned sum, unsigned widest, bool is_emoji)
{
    switch (first->boundclass) {
    case UTF8PROC_BOUNDCLASS_L:
    case UTF8PROC_BOUNDCLASS_V:
    case UTF8PROC_BOUNDCLASS_T:
    case UTF8PROC_BOUNDCLASS_LV:
    case UTF8PROC_BOUNDCLASS_LVT: return widest; /* jamo of one syllable stand on top of each other */
    case UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR:
    case UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC: return is_emoji || widest > 1 ? 2 : widest;
    default: return is_emoji ? 2 : sum;
    }
}

void cluster_next(struct gl_slice text, size_t *at, struct cluster *cluster)
{
    size_t len;
    int32_t cp = decode(text, *at, &len);
    if (is_special(text, *at, cp, len, cluster)) {
        *at += cluster->bytes;
        return;
    }
    const utf8proc_property_t *first = utf8proc_get_property(cp);
    int32_t first_cp = cp;
    utf8proc_int32_t state = 0;
    bool is_emoji = false;
    unsigned sum = 0, widest = 0;
    *cluster = (struct cluster){.stays = is_closer(cp)};
    for (;;) {
        const utf8proc_property_t *property = utf8proc_get_property(cp);
        unsigned width = (unsigned)utf8proc_charwidth(cp);
        sum += width;
        widest = width > widest ? width : widest;
        is_emoji = is_emoji || cp == VARIATION_EMOJI ||
                   (cluster->codepoints == 1 && property->boundclass == first->boundclass &&
                    first->boundclass == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR);
        cluster->is_rtl = cluster->is_rtl || is_strong_rtl(property);
        cluster->bytes += len;
        cluster->codepoints++;
        size_t next = *at + cluster->bytes;
        if (next >= text.len) {
            break;
        }
        int32_t following = decode(text, next, &len);
        if (following < 0 || safe_is_harmful(following) || utf8proc_grapheme_break_stateful(cp, following, &state)) {
            break;
        }
        cp = following;
    }
    cluster->columns = columns_of(first, sum, widest, is_emoji);
    cluster->kind = kind_of(first_cp, cluster->columns);
    *at += cluster->bytes;
}

size_t text_columns(struct gl_slice text)
{
    size_t columns = 0;
    struct cluster cluster;
    for (size_t at = 0; at < text.len;) {
        cluster_next(text, &at, &cluster);
        columns += cluster.columns;
    }
    return columns;
}
