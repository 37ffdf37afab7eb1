/*
 * fuzz_model_text.c - any bytes as a text, and their first line as a quote from it.
 *
 * What must hold of every text: it is taken exactly when it is UTF-8 without NUL, positions go there and back, and every place that is found
 * begins and ends at a character.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/model/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_positions(const struct gl_text *text)
{
    size_t length = gl_text_length(text), boundaries = 0;
    assert(gl_utf8_count(gl_text_bytes(text)) == length);
    for (size_t cp = 0; cp <= length; cp++) {
        assert(gl_text_cp_of(text, gl_text_byte_of(text, cp)) == cp);
        boundaries += gl_text_is_grapheme_boundary(text, cp);
    }
    assert(boundaries >= 1 && gl_text_is_grapheme_boundary(text, 0) && gl_text_is_grapheme_boundary(text, length));
}

static void check_search(const struct gl_text *text, struct gl_slice quote)
{
    struct gl_match matches[16];
    struct gl_candidate candidates[4];
    size_t count;
    enum gl_code code = gl_text_find(text, quote, GL_SLICE(""), GL_SLICE(""), matches, 16, &count);
    assert(code == GL_OK);
    for (size_t i = 0; i < count && i < 16; i++) {
        assert(matches[i].begin_cp <= matches[i].end_cp && matches[i].end_cp <= gl_text_length(text));
        assert(gl_text_is_grapheme_boundary(text, matches[i].begin_cp) && gl_text_is_grapheme_boundary(text, matches[i].end_cp));
    }
    code = gl_text_nearest(text, quote, candidates, 4, &count);
    assert(code == GL_OK && count <= 4);
    for (size_t i = 0; i < count; i++) {
        assert(candidates[i].begin_cp < candidates[i].end_cp && candidates[i].end_cp <= gl_text_length(text));
        assert(candidates[i].score_thousandths >= 500 && candidates[i].score_thousandths <= 1000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t quote_len = line ? (size_t)(line - data) : 0;
    struct gl_slice bytes = gl_slice_of(data + quote_len, size - quote_len), quote = gl_slice_of(data, quote_len);
    struct gl_err err;
    struct gl_text *text;
    enum gl_code code = gl_utf8_check(bytes, &err);
    assert(gl_text_new(bytes, &text, &err) == code);
    if (code != GL_OK) {
        return 0;
    }
    check_positions(text);
    if (gl_utf8_check(quote, NULL) == GL_OK) {
        check_search(text, quote);
    }
    gl_text_free(&text);
    return 0;
}
