/* text_fold.c - text as a careless copyist sees it: no case, no accents, plain quotes and dashes, one space for many. */
#include <stdlib.h>
#include <utf8proc.h>

#include "proto/model/text_priv.h"

#define PARTS_MAX 32 /* the longest decomposition has 18 code points */

static bool is_space(uint32_t cp)
{
    return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200B) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

static uint32_t plain_punctuation(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
        uint32_t plain;
    } rows[] = {
        {0x00AB, 0x00AB, '"'},  {0x00B4, 0x00B4, '\''}, {0x00BB, 0x00BB, '"'},  {0x02B9, 0x02B9, '\''},
        {0x02BC, 0x02BC, '\''}, {0x2010, 0x2015, '-'},  {0x2018, 0x201B, '\''}, {0x201C, 0x201F, '"'},
        {0x2032, 0x2032, '\''}, {0x2033, 0x2033, '"'},  {0x2039, 0x203A, '"'},  {0x2043, 0x2043, '-'},
        {0x2212, 0x2212, '-'},  {0x300C, 0x300F, '"'},  {0xFE58, 0xFE58, '-'},  {0xFF0D, 0xFF0D, '-'},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (cp >= rows[i].first && cp <= rows[i].last) {
            return rows[i].plain;
        }
    }
    return cp;
}

static bool add(struct folded *folded, uint32_t symbol, size_t from_cp)
{
    if (folded->count == folded->cap) {
        size_t cap = folded->cap ? folded->cap * 2 : 1024;
        struct folded_cp *grown = realloc(folded->list, cap * sizeof *grown);
        if (!grown) {
            return false;
        }
        folded->list = grown;
        folded->cap = cap;
    }
    folded->list[folded->count++] = (struct folded_cp){symbol, (uint32_t)from_cp};
    return true;
}

static bool add_high(struct folded *folded, uint32_t cp, size_t from_cp)
{
    utf8proc_int32_t parts[PARTS_MAX];
    int boundary = 0;
    uint32_t plain = plain_punctuation(cp);
    if (plain != cp) {
        return add(folded, plain, from_cp);
    }
    utf8proc_ssize_t count = utf8proc_decompose_char(
        (utf8proc_int32_t)cp, parts, PARTS_MAX,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE, &boundary);
    if (count < 0 || count > PARTS_MAX) {
        return add(folded, cp, from_cp);
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        if (!add(folded, (uint32_t)parts[i], from_cp)) {
            return false;
        }
    }
    return true;
}

bool text_fold(struct gl_slice text, struct folded *folded)
{
    const char *at = text.data, *end = text.data + text.len;
    *folded = (struct folded){.count = 0};
    for (size_t cp = 0; at < end; cp++) {
        uint32_t here = utf8_next(&at);
        bool is_fine = true;
        if (is_space(here)) {
            if (folded->count == 0 || folded->list[folded->count - 1].symbol != ' ') {
                is_fine = add(folded, ' ', cp);
            }
        } else if (here < 0x80) {
            is_fine = add(folded, here >= 'A' && here <= 'Z' ? here + 32 : here, cp);
        } else {
            is_fine = add_high(folded, here, cp);
        }
        if (!is_fine) {
            folded_fini(folded);
            return false;
        }
    }
    return true;
}

void folded_fini(struct folded *folded)
{
    free(folded->list);
    *folded = (struct folded){.count = 0};
}
