/*
 * text_find.c - every place where a quote stands.
 *
 * Prefix, quote and suffix are searched as one string, so that a long context costs no more than a short one. First byte by byte; where that
 * finds nothing, NFC form in NFC form.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <stdlib.h>

#include "proto/model/text_priv.h"

#define COUNT_MAX    10000
#define RESTARTS_MAX 16 /* occurrences after which searching anew from each would cost more than a table */

/* Finds one occurrence after the other, overlapping ones too, in time linear in the haystack. */
struct scan {
    struct gl_slice hay, needle;
    size_t at;        /* next byte to look at */
    size_t found;     /* occurrences so far */
    uint32_t *border; /* Knuth-Morris-Pratt, once there were RESTARTS_MAX of them */
    size_t matched;   /* needle bytes that match before at */
    enum gl_code code;
};

static bool scan_make_table(struct scan *scan)
{
    const char *needle = scan->needle.data;
    scan->border = malloc((scan->needle.len + 1) * sizeof *scan->border);
    if (!scan->border) {
        scan->code = GL_E_NOMEM;
        return false;
    }
    scan->border[0] = 0;
    scan->border[1] = 0;
    for (size_t i = 1, border = 0; i < scan->needle.len; i++) {
        while (border > 0 && needle[i] != needle[border]) {
            border = scan->border[border];
        }
        border += needle[i] == needle[border];
        scan->border[i + 1] = (uint32_t)border;
    }
    return true;
}

static bool scan_with_table(struct scan *scan, size_t *begin)
{
    const char *needle = scan->needle.data;
    size_t len = scan->needle.len;
    while (scan->at < scan->hay.len) {
        char byte = scan->hay.data[scan->at++];
        while (scan->matched > 0 && (scan->matched == len || needle[scan->matched] != byte)) {
            scan->matched = scan->border[scan->matched];
        }
        scan->matched += needle[scan->matched] == byte;
        if (scan->matched == len) {
            *begin = scan->at - len;
            return true;
        }
    }
    return false;
}

static bool scan_next(struct scan *scan, size_t *begin)
{
    if (scan->code != GL_OK || (scan->found++ == RESTARTS_MAX && !scan_make_table(scan))) {
        return false;
    }
    if (scan->border) {
        return scan_with_table(scan, begin);
    }
    const char *hit = memmem(scan->hay.data + scan->at, scan->hay.len - scan->at, scan->needle.data, scan->needle.len);
    if (!hit) {
        return false;
    }
    *begin = (size_t)(hit - scan->hay.data);
    scan->at = *begin + 1;
    return true;
}

/* Where the matches go. */
struct matches {
    const struct gl_text *text;
    struct gl_match *list;
    size_t max, count;
};

static void add_match(struct matches *matches, size_t begin_cp, size_t end_cp)
{
    if (!gl_text_is_grapheme_boundary(matches->text, begin_cp) || !gl_text_is_grapheme_boundary(matches->text, end_cp)) {
        return;
    }
    if (matches->count < matches->max) {
        matches->list[matches->count] = (struct gl_match){begin_cp, end_cp};
    }
    matches->count++;
}

/* The string to search, and which part of it is the quote. */
struct needle {
    struct gl_buf bytes;
    size_t quote_at, quote_end;
};

static enum gl_code find_exact(const struct needle *needle, struct matches *matches)
{
    const struct gl_text *text = matches->text;
    struct scan scan = {.hay = gl_text_bytes(text), .needle = gl_buf_peek(&needle->bytes)};
    for (size_t hit; matches->count < COUNT_MAX && scan_next(&scan, &hit);) {
        add_match(matches, gl_text_cp_of(text, hit + needle->quote_at), gl_text_cp_of(text, hit + needle->quote_end));
    }
    free(scan.border);
    return scan.code;
}

static enum gl_code find_under_nfc(const struct needle *needle, struct matches *matches)
{
    const struct gl_text *text = matches->text;
    const struct nfc_form *form = text_nfc(text);
    if (!form) {
        return GL_E_NOMEM;
    }
    struct gl_slice hay = form->patch_count ? gl_buf_peek(&form->bytes) : gl_text_bytes(text);
    struct scan scan = {.hay = hay, .needle = gl_buf_peek(&needle->bytes)};
    for (size_t hit, begin, end; matches->count < COUNT_MAX && scan_next(&scan, &hit);) {
        if (nfc_cp_of(text, form, hit + needle->quote_at, &begin) && nfc_cp_of(text, form, hit + needle->quote_end, &end)) {
            add_match(matches, begin, end);
        }
    }
    free(scan.border);
    return scan.code;
}

/* Contexts of a fixed number of code points may be cut inside a cluster; what is left of it there compares with nothing under NFC. */
static struct gl_slice without_cut_begin(struct gl_slice prefix)
{
    const char *at = prefix.data, *end = prefix.data + prefix.len;
    for (const char *next = at; at < end && nfc_attaches(utf8_next(&next)); at = next) {
        ;
    }
    return gl_slice_of(at, (size_t)(end - at));
}

static struct gl_slice without_cut_end(struct gl_slice suffix)
{
    if (gl_utf8_count(suffix) < GL_CONTEXT_CP) {
        return suffix;
    }
    const char *at = utf8_back(suffix.data + suffix.len);
    for (const char *look = at; at > suffix.data && nfc_attaches(utf8_next(&look)); look = at) {
        at = utf8_back(at);
    }
    return gl_slice_of(suffix.data, (size_t)(at - suffix.data));
}

static void needle_exact(struct needle *needle, struct gl_slice quote, struct gl_slice prefix, struct gl_slice suffix)
{
    gl_buf_slice(&needle->bytes, prefix);
    gl_buf_slice(&needle->bytes, quote);
    gl_buf_slice(&needle->bytes, suffix);
    needle->quote_at = prefix.len;
    needle->quote_end = prefix.len + quote.len;
}

static void needle_under_nfc(struct needle *needle, struct gl_slice quote, struct gl_slice prefix, struct gl_slice suffix)
{
    gl_buf_clear(&needle->bytes);
    nfc_append(&needle->bytes, without_cut_begin(prefix));
    needle->quote_at = needle->bytes.len;
    nfc_append(&needle->bytes, quote);
    needle->quote_end = needle->bytes.len;
    nfc_append(&needle->bytes, without_cut_end(suffix));
}

static enum gl_code find_needle(struct needle *needle, struct matches *matches, struct gl_slice quote, struct gl_slice prefix,
                                struct gl_slice suffix)
{
    needle_exact(needle, quote, prefix, suffix);
    if (needle->bytes.code != GL_OK || needle->bytes.len == 0) {
        return needle->bytes.code;
    }
    enum gl_code code = find_exact(needle, matches);
    if (code != GL_OK || matches->count > 0) {
        return code;
    }
    needle_under_nfc(needle, quote, prefix, suffix);
    if (needle->bytes.code != GL_OK || needle->bytes.len == 0) {
        return needle->bytes.code;
    }
    return find_under_nfc(needle, matches);
}

enum gl_code gl_text_find(const struct gl_text *text, struct gl_slice quote, struct gl_slice prefix, struct gl_slice suffix,
                          struct gl_match *matches, size_t max, size_t *count)
{
    *count = 0;
    struct gl_slice parts[] = {solid(quote), solid(prefix), solid(suffix)};
    size_t needle_bytes = 0;
    for (size_t i = 0; i < 3; i++) {
        enum gl_code code = gl_utf8_check(parts[i], NULL);
        if (code != GL_OK) {
            return code;
        }
        needle_bytes += parts[i].len;
    }
    struct needle needle = {.quote_at = 0};
    gl_buf_init(&needle.bytes, needle_bytes * 3 + 16); /* NFC is never longer than three times the text */
    struct matches found = {text, matches, max, 0};
    enum gl_code code = find_needle(&needle, &found, parts[0], parts[1], parts[2]);
    gl_buf_fini(&needle.bytes);
    *count = code == GL_OK ? found.count : 0;
    return code;
}

/* ---- one place */

enum edge { WHOLE, BEGINNING, ENDING };

static bool agrees(struct gl_slice there, struct gl_slice part, enum edge edge)
{
    if (part.len > there.len || (edge == WHOLE && part.len < there.len)) {
        return false;
    }
    const char *from = edge == ENDING ? there.data + (there.len - part.len) : there.data;
    return gl_slice_equal(gl_slice_of(from, part.len), part);
}

/* there is what may be compared: for an edge, more than part can cover. */
static enum gl_code compare(struct gl_slice there, struct gl_slice part, enum edge edge, bool *is_same)
{
    *is_same = part.len == 0 ? edge != WHOLE || there.len == 0 : agrees(there, part, edge);
    if (*is_same) {
        return GL_OK;
    }
    struct gl_buf both;
    gl_buf_init(&both, (there.len + part.len) * 3 + 16);
    nfc_append(&both, there);
    size_t cut = both.len;
    nfc_append(&both, edge == ENDING ? without_cut_begin(part) : edge == BEGINNING ? without_cut_end(part) : part);
    if (both.code == GL_OK && both.len > 0) {
        *is_same = agrees(gl_slice_of(both.data, cut), gl_slice_of(both.data + cut, both.len - cut), edge);
    }
    enum gl_code code = both.code;
    gl_buf_fini(&both);
    return code;
}

/* A context's NFD form has at most four times the code points of its NFC form, and back. */
static size_t reach(struct gl_slice context)
{
    return gl_utf8_count(context) * 4 + GL_CONTEXT_CP;
}

enum gl_code text_compare_at(const struct gl_text *text, struct gl_match place, struct gl_slice quote, struct gl_slice prefix,
                             struct gl_slice suffix, enum text_part *differs)
{
    size_t length = gl_text_length(text);
    size_t from = place.begin_cp > reach(prefix) ? place.begin_cp - reach(prefix) : 0;
    size_t to = length - place.end_cp > reach(suffix) ? place.end_cp + reach(suffix) : length;
    struct {
        enum text_part part;
        struct gl_slice there, wanted;
        enum edge edge;
    } rows[] = {
        {TEXT_QUOTE, gl_text_slice(text, place.begin_cp, place.end_cp), solid(quote), WHOLE},
        {TEXT_PREFIX, gl_text_slice(text, from, place.begin_cp), solid(prefix), ENDING},
        {TEXT_SUFFIX, gl_text_slice(text, place.end_cp, to), solid(suffix), BEGINNING},
    };
    *differs = TEXT_SAME;
    for (size_t i = 0; i < 3 && *differs == TEXT_SAME; i++) {
        bool is_same;
        enum gl_code code = compare(rows[i].there, rows[i].wanted, rows[i].edge, &is_same);
        if (code != GL_OK) {
            return code;
        }
        if (!is_same) {
            *differs = rows[i].part;
        }
    }
    return GL_OK;
}
