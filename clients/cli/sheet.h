/*
 * sheet.h - a brief and its annotations as one sheet: which numbers, colours and words the layout gets.
 *
 * Owns      nothing that outlives sheet_put.
 * Thread    the main thread.
 * Errors    none; out remembers when memory is out. What `take` was not given is in out.
 * Source    layout.h draws it.
 *
 * Annotations on the text are numbered as they come in it; replies and relations stand beneath them (thread.h, sheet_parts.h). A label's colour is
 * the codebook's, or follows from its place among the labels by age, so it stays when new ones come. An id is shown as far as it is needed to tell it from the others.
 */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H

#include "clients/cli/far.h"
#include "clients/cli/layout.h"
#include "clients/cli/terms.h"

struct sheet {
    const char *title;
    uint64_t seq;
    const struct gloss_session *session;      /* for names */
    struct gl_annotation *const *annotations; /* deleted ones too: something may hang beneath them */
    size_t count;
    const struct terms *terms;  /* for colours */
    const struct far_list *far; /* the other ends of relations that lead to other briefs */
    bool unfolds;               /* shows what stands in resolved threads */
    unsigned columns;
    enum paint_mode paint;
    layout_take_fn take; /* layout.h; may be NULL */
    void *take_ctx;
};

void sheet_put(struct gl_buf *out, const struct gl_text *text, const struct sheet *sheet);

#endif
