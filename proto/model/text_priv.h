/*
 * text_priv.h - what the files behind text.h share. Nobody else includes it.
 *
 * text.c     the bytes, the index and the graphemes      text_utf8.c   is it UTF-8, how many code points
 * text_find.c  exact and NFC search                       text_nfc.c    the text under NFC, with the way back
 * text_nearest.c  what comes close to a quote that is not there, with text_fold.c (what counts as alike) and text_myers.c (how alike)
 */
#ifndef GL_TEXT_PRIV_H
#define GL_TEXT_PRIV_H

#include <stdatomic.h>

#include "proto/model/text.h"

/* Below this every code point is its own NFC form, and none but CR LF joins its neighbour. */
#define FIRST_COMBINING_CP 0x300

/* Every INDEX_STEP code points: where the bytes are, and in which state utf8proc's grapheme rules stand behind the code point before. */
#define INDEX_STEP 64
struct text_mark {
    uint32_t byte;
    int32_t grapheme_state;
};

/* A stretch whose NFC form is other bytes: code points [begin_cp, end_cp) of the text, bytes [begin_byte, end_byte) of the form. */
struct nfc_patch {
    uint32_t begin_cp, end_cp;
    uint32_t begin_byte, end_byte;
};

/* The text under NFC. When the text is in NFC already there are no patches and bytes stays empty: read the text itself. */
struct nfc_form {
    struct gl_buf bytes;
    struct nfc_patch *patches;
    size_t patch_count, patch_cap;
};

struct gl_text {
    char *bytes; /* NUL behind the last */
    size_t byte_len;
    size_t length;           /* code points */
    struct text_mark *marks; /* NULL: all ASCII */
    bool has_high;           /* a code point >= FIRST_COMBINING_CP is in it, so its NFC form may differ */
    uint8_t sha256[32];
    _Atomic(struct nfc_form *) nfc; /* made when first wanted; whoever comes second throws his own away */
};

/* A slice whose data may be NULL when it is empty, in a form that may be computed with. */
static inline struct gl_slice solid(struct gl_slice slice)
{
    return slice.data ? slice : GL_SLICE("");
}

/* One code point of valid UTF-8 at *at, which moves behind it. */
uint32_t utf8_next(const char **at);
/* The start of the code point that ends before at (there must be one). */
const char *utf8_back(const char *at);

/* The NFC form of text, lent; NULL when out of memory. */
const struct nfc_form *text_nfc(const struct gl_text *text);
void nfc_form_free(struct nfc_form *form);
/* Appends the NFC form of valid UTF-8. */
void nfc_append(struct gl_buf *buf, struct gl_slice text);
/* Whether cp attaches to what stands before it: the only code points that normalisation ever reorders or merges with an earlier one. */
bool nfc_attaches(uint32_t cp);
/* The code point that begins at byte of the form; false when byte is inside a patch, where no single answer exists. */
bool nfc_cp_of(const struct gl_text *text, const struct nfc_form *form, size_t byte, size_t *cp);

enum text_part { TEXT_SAME, TEXT_PREFIX, TEXT_QUOTE, TEXT_SUFFIX };
/* Whether quote stands at place, directly between prefix and suffix: byte by byte or under NFC. *differs is the first part that does not. */
enum gl_code text_compare_at(const struct gl_text *text, struct gl_match place, struct gl_slice quote, struct gl_slice prefix,
                             struct gl_slice suffix, enum text_part *differs) GL_MUST_USE;

/* Text without what a careless copyist changes: one symbol after the other, each with the code point it came from. */
struct folded_cp {
    uint32_t symbol, from_cp;
};
struct folded {
    struct folded_cp *list;
    size_t count, cap;
};
bool text_fold(struct gl_slice text, struct folded *folded) GL_MUST_USE; /* false: out of memory, and nothing to release */
void folded_fini(struct folded *folded);

/* Edit distances between a pattern and pieces of a row of symbols, many at once in machine words (Myers 1999, in Hyyro's form). */
struct pattern;
struct pattern *pattern_new(const struct folded_cp *symbols, size_t count, bool reversed); /* NULL: out of memory */
void pattern_free(struct pattern *pattern);
/* distances[i] becomes the distance from the pattern to the best stretch of the text that ends behind symbol i; or, anchored, to exactly the
 * first i + 1 symbols. reversed reads the text from its end. Distances above 65535 are told as 65535. */
void pattern_distances(struct pattern *pattern, const struct folded_cp *text, size_t count, bool reversed, bool anchored,
                       uint16_t *distances);

#endif
