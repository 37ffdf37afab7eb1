/*
 * text_nfc.c - a text under NFC, with the way back to its own code points.
 *
 * A text is kept as it is; only searching looks through normalisation. The text is cut before every code point that cannot attach to the one
 * before it. Normalisation never reaches across such a cut, so only pieces that change are normalised, and each leaves a patch.
 */
#include <stdlib.h>
#include <utf8proc.h>

#include "proto/model/text_priv.h"

#define PIECE_MAX_CP 1024 /* a longer run of combining marks is no writing; it is compared as it stands */

bool nfc_attaches(uint32_t cp)
{
    if (cp < FIRST_COMBINING_CP) {
        return false;
    }
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)cp);
    switch (property->boundclass) {
    case UTF8PROC_BOUNDCLASS_EXTEND:
    case UTF8PROC_BOUNDCLASS_SPACINGMARK:
    case UTF8PROC_BOUNDCLASS_ZWJ:
    case UTF8PROC_BOUNDCLASS_V:
    case UTF8PROC_BOUNDCLASS_T: return true;
    default: return property->combining_class != 0;
    }
}

/* Whether cp, standing alone, is its own NFC form without asking: no decomposition, or Hangul. */
static bool is_stable_alone(uint32_t cp)
{
    if (cp < FIRST_COMBINING_CP || (cp >= 0xAC00 && cp < 0xD7A4)) {
        return true;
    }
    return utf8proc_get_property((utf8proc_int32_t)cp)->decomp_seqindex == UINT16_MAX;
}

/* Appends the NFC form of one piece of count code points; false when the form is the piece itself (which is appended all the same). */
static bool append_piece(struct gl_buf *out, struct gl_slice piece, size_t count)
{
    const char *first = piece.data;
    if (piece.len == 0 || count > PIECE_MAX_CP || (count == 1 && is_stable_alone(utf8_next(&first)))) {
        gl_buf_slice(out, piece);
        return false;
    }
    utf8proc_uint8_t *form = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)piece.data, (utf8proc_ssize_t)piece.len, &form,
                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    struct gl_slice normal = len < 0 ? piece : gl_slice_of(form, (size_t)len);
    bool is_other = !gl_slice_equal(normal, piece);
    if (len == UTF8PROC_ERROR_NOMEM) {
        out->code = GL_E_NOMEM;
    }
    gl_buf_slice(out, normal);
    free(form);
    return is_other;
}

/* The end of the piece that begins at begin, and how many code points it has. */
static const char *piece_end(const char *begin, const char *end, size_t *count)
{
    const char *at = begin, *next = begin;
    utf8_next(&at);
    for (*count = 1, next = at; next < end; at = next, ++*count) {
        if (!nfc_attaches(utf8_next(&next))) {
            return at;
        }
    }
    return at;
}

void nfc_append(struct gl_buf *buf, struct gl_slice text)
{
    const char *end = text.data + text.len;
    size_t count;
    for (const char *at = text.data, *next; at < end; at = next) {
        next = piece_end(at, end, &count);
        append_piece(buf, gl_slice_of(at, (size_t)(next - at)), count);
    }
}

static void add_patch(struct nfc_form *form, struct nfc_patch patch)
{
    if (form->patch_count == form->patch_cap) {
        size_t cap = form->patch_cap ? form->patch_cap * 2 : 64;
        struct nfc_patch *grown = realloc(form->patches, cap * sizeof *grown);
        if (!grown) {
            form->bytes.code = GL_E_NOMEM;
            return;
        }
        form->patches = grown;
        form->patch_cap = cap;
    }
    form->patches[form->patch_count++] = patch;
}

void nfc_form_free(struct nfc_form *form)
{
    if (!form) {
        return;
    }
    gl_buf_fini(&form->bytes);
    free(form->patches);
    free(form);
}

static struct nfc_form *form_new(const struct gl_text *text)
{
    struct nfc_form *form = calloc(1, sizeof *form);
    if (!form) {
        return NULL;
    }
    gl_buf_init(&form->bytes, UINT32_MAX);
    const char *end = text->bytes + text->byte_len;
    size_t cp = 0, count;
    for (const char *at = text->bytes, *next; text->has_high && at < end; at = next, cp += count) {
        next = piece_end(at, end, &count);
        size_t before = form->bytes.len;
        if (append_piece(&form->bytes, gl_slice_of(at, (size_t)(next - at)), count)) {
            add_patch(form,
                      (struct nfc_patch){(uint32_t)cp, (uint32_t)(cp + count), (uint32_t)before, (uint32_t)form->bytes.len});
        }
    }
    if (form->bytes.code != GL_OK) {
        nfc_form_free(form);
        return NULL;
    }
    if (form->patch_count == 0) {
        gl_buf_fini(&form->bytes);
        gl_buf_init(&form->bytes, 0);
    }
    return form;
}

const struct nfc_form *text_nfc(const struct gl_text *text)
{
    struct nfc_form *there = atomic_load(&text->nfc);
    if (there) {
        return there;
    }
    struct nfc_form *made = form_new(text);
    /* A cache inside an immutable object: what is stored depends on nothing but the text. */
    struct gl_text *mutable = (struct gl_text *)text;
    if (made && !atomic_compare_exchange_strong(&mutable->nfc, &there, made)) {
        nfc_form_free(made);
        return there;
    }
    return made;
}

bool nfc_cp_of(const struct gl_text *text, const struct nfc_form *form, size_t byte, size_t *cp)
{
    size_t low = 0, high = form->patch_count; /* patches before low end at or before byte */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (form->patches[middle].end_byte <= byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < form->patch_count && form->patches[low].begin_byte < byte) {
        return false;
    }
    /* Behind the last patch, text and form run in step again. */
    size_t form_byte = low ? form->patches[low - 1].end_byte : 0, text_cp = low ? form->patches[low - 1].end_cp : 0;
    *cp = gl_text_cp_of(text, gl_text_byte_of(text, text_cp) + (byte - form_byte));
    return true;
}
