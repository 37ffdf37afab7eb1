/*
 * sheet.h - a brief and its annotations as one sheet: which numbers, colours and words the layout gets.
 *
 * Owns      nothing that outlives sheet_put.
 * Thread    the main thread.
 * Source    layout.h draws it.
 *
 * Annotations are numbered as they come in the text. A label's colour follows from its place among the labels by age, so it stays when new
 * ones come. An id is shown as far as it is needed to tell it from the others.
 */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H

#include "clients/cli/cli.h"

struct sheet {
    const char *title;
    uint64_t seq;
    const struct gloss_session *session; /* for names */
    struct gl_annotation *const *annotations;
    size_t count;
    unsigned columns;
    enum paint_mode paint;
};

void sheet_put(struct gl_buf *out, const struct gl_text *text, const struct sheet *sheet);

#endif
