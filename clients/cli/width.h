/*
 * width.h - how many columns a text takes on a terminal.
 *
 * A terminal has columns, a text has grapheme clusters: a letter with its marks, a flag, a family joined by ZWJ. One cluster is never cut.
 * East Asian wide and emoji take two columns, marks none; ambiguous width counts one. What is not harmless counts as its escape (safe.h).
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none: bytes that are not UTF-8 are clusters of their own.
 * Source    UAX 11, UAX 29, UTS 51; utf8proc's tables.
 */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include "proto/gl_buf.h"

enum cluster_kind {
    CLUSTER_TEXT,
    CLUSTER_SPACE,   /* a line may be broken behind it, and it is not shown there */
    CLUSTER_WIDE,    /* ideographs and the like: a line may be broken on both sides */
    CLUSTER_HYPHEN,  /* a line may be broken behind it */
    CLUSTER_NEWLINE, /* LF, CR LF or CR */
    CLUSTER_TAB,
    CLUSTER_HARMFUL, /* to be shown as an escape */
};

struct cluster {
    size_t bytes;
    size_t codepoints;
    unsigned columns;
    enum cluster_kind kind;
    bool is_rtl; /* has a strong right-to-left character */
    bool stays;  /* must not begin a line (closing punctuation) */
};

/* The cluster that begins at byte *at (which must be below text.len); *at moves behind it. */
void cluster_next(struct gl_slice text, size_t *at, struct cluster *cluster);
size_t text_columns(struct gl_slice text);

#endif
