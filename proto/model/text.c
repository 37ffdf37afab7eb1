/* text.c - the bytes of a text, the index over them, and where its graphemes end. */
#include "proto/model/text_priv.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "proto/model/hash.h"

/* Two low code points never join, except CR LF; the rules of graphemes begin anew between them. */
static bool joins_nothing(uint32_t before, uint32_t cp)
{
    return before < FIRST_COMBINING_CP && cp < FIRST_COMBINING_CP && !(before == '\r' && cp == '\n');
}

static bool breaks_between(uint32_t before, uint32_t cp, int32_t *state)
{
    if (joins_nothing(before, cp)) {
        *state = 0;
        return true;
    }
    return utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)cp, state);
}

static bool is_ascii(struct gl_slice bytes)
{
    unsigned char all = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        all |= (unsigned char)bytes.data[i];
    }
    return all < 0x80;
}

static bool build_marks(struct gl_text *text)
{
    text->marks = malloc((text->length / INDEX_STEP + 1) * sizeof *text->marks);
    if (!text->marks) {
        return false;
    }
    int32_t state = 0;
    uint32_t before = 0;
    const char *at = text->bytes;
    for (size_t cp = 0; cp <= text->length; cp++) {
        if (cp % INDEX_STEP == 0) {
            text->marks[cp / INDEX_STEP] = (struct text_mark){(uint32_t)(at - text->bytes), state};
        }
        if (cp == text->length) {
            break;
        }
        uint32_t here = utf8_next(&at);
        text->has_high |= here >= FIRST_COMBINING_CP;
        if (cp > 0) {
            breaks_between(before, here, &state);
        }
        before = here;
    }
    return true;
}

enum gl_code gl_text_new(struct gl_slice bytes, struct gl_text **text, struct gl_err *err)
{
    *text = NULL;
    if (bytes.len >= UINT32_MAX) {
        return gl_fail(err, GL_E_TOO_LARGE, "a text of %zu bytes is more than this program can index", bytes.len);
    }
    enum gl_code code = gl_utf8_check(bytes, err);
    if (code != GL_OK) {
        return code;
    }
    struct gl_text *made = calloc(1, sizeof *made);
    if (!made || !(made->bytes = malloc(bytes.len + 1))) {
        goto out;
    }
    if (bytes.len > 0) {
        memcpy(made->bytes, bytes.data, bytes.len);
    }
    made->bytes[bytes.len] = '\0';
    made->byte_len = bytes.len;
    made->length = gl_utf8_count(bytes);
    if (!is_ascii(bytes) && !build_marks(made)) {
        goto out;
    }
    gl_hash hash = gl_sha256(bytes.data, bytes.len);
    memcpy(made->sha256, hash.bytes, sizeof made->sha256);
    *text = made;
    return GL_OK;
out:
    gl_text_free(&made);
    return gl_fail(err, GL_E_NOMEM, "no memory for a text of %zu bytes", bytes.len);
}

void gl_text_free(struct gl_text **text)
{
    if (!*text) {
        return;
    }
    nfc_form_free(atomic_load(&(*text)->nfc));
    free((*text)->marks);
    free((*text)->bytes);
    free(*text);
    *text = NULL;
}

struct gl_slice gl_text_bytes(const struct gl_text *text)
{
    return gl_slice_of(text->bytes, text->byte_len);
}
size_t gl_text_length(const struct gl_text *text)
{
    return text->length;
}
const uint8_t *gl_text_sha256(const struct gl_text *text)
{
    return text->sha256;
}

size_t gl_text_byte_of(const struct gl_text *text, size_t cp)
{
    if (!text->marks) {
        return cp;
    }
    const char *at = text->bytes + text->marks[cp / INDEX_STEP].byte;
    for (size_t left = cp % INDEX_STEP; left > 0; left--) {
        utf8_next(&at);
    }
    return (size_t)(at - text->bytes);
}

size_t gl_text_cp_of(const struct gl_text *text, size_t byte)
{
    if (!text->marks) {
        return byte;
    }
    size_t low = 0, high = text->length / INDEX_STEP; /* the last mark at or before byte is in [low, high] */
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        if (text->marks[middle].byte <= byte) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    size_t begin = text->marks[low].byte;
    return low * INDEX_STEP + gl_utf8_count(gl_slice_of(text->bytes + begin, byte - begin));
}

struct gl_slice gl_text_slice(const struct gl_text *text, size_t begin_cp, size_t end_cp)
{
    size_t begin = gl_text_byte_of(text, begin_cp), end = gl_text_byte_of(text, end_cp);
    return gl_slice_of(text->bytes + begin, end - begin);
}

bool gl_text_is_grapheme_boundary(const struct gl_text *text, size_t cp)
{
    if (cp == 0 || cp >= text->length) {
        return cp == 0 || cp == text->length;
    }
    if (!text->marks) {
        return !(text->bytes[cp - 1] == '\r' && text->bytes[cp] == '\n');
    }

    const struct text_mark *mark = &text->marks[cp / INDEX_STEP];
    const char *at = text->bytes + mark->byte;
    size_t here = cp - cp % INDEX_STEP;
    int32_t state = mark->grapheme_state;
    uint32_t before;
    if (here > 0) {
        const char *previous = utf8_back(at);
        before = utf8_next(&previous);
    } else {
        before = utf8_next(&at);
        here = 1;
    }
    for (bool is_break;; here++) {
        uint32_t next = utf8_next(&at);
        is_break = breaks_between(before, next, &state);
        if (here == cp) {
            return is_break;
        }
        before = next;
    }
}
