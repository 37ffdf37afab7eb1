/*
 * sheet_parts.h - what stands beneath an annotation on a sheet: attributes, replies, relations; a part of sheet.c.
 *
 * Owns      a struct parts owns its lines.
 * Lifetime  parts_init / parts_fini, embedded in yours.
 * Thread    the main thread.
 * Errors    none; without memory the program ends (heap.h).
 */
#ifndef CLI_SHEET_PARTS_H
#define CLI_SHEET_PARTS_H

#include "clients/cli/layout.h"
#include "clients/cli/sheet.h"
#include "clients/cli/thread.h"

struct parts {
    struct layout_part *items;
    size_t count, cap;
    char **texts;
    size_t text_count, text_cap;
};

/* Everything beneath root; when root is resolved and nothing is unfolded, only how much there is. */
void parts_init(struct parts *parts, const struct sheet *sheet, const struct threads *threads, const struct entry *root);
void parts_fini(struct parts *parts);
/* Whether its words are folded away because it is resolved. */
bool entry_is_folded(const struct sheet *sheet, const struct entry *entry);
/* "claim · ana · 9f3a1c2e (proposed)": the caller's */
char *entry_head(const struct sheet *sheet, const struct entry *entry);

#endif
