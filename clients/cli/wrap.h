/*
 * wrap.h - breaking a text into lines of so many columns.
 *
 * Owns      struct pieces owns its array, not the bytes that the pieces point to.
 * Lifetime  pieces_init / pieces_fini, embedded in yours.
 * Thread    any.
 * Units     columns of a terminal; code points where a name ends in _cp.
 * Errors    none; without memory the program ends (heap.h).
 *
 * A piece is a grapheme cluster of the text, or a marker that somebody puts between clusters and that sticks to what it marks. Lines break
 * behind spaces and hyphens and around ideographs; a word longer than a line is cut between clusters.
 */
#ifndef CLI_WRAP_H
#define CLI_WRAP_H

#include "clients/cli/width.h"

enum piece_role { PIECE_CLUSTER, PIECE_OPENS, PIECE_CLOSES };

struct piece {
    struct gl_slice bytes;
    size_t begin_cp;
    unsigned columns;
    enum piece_role role;
    enum cluster_kind kind;
    bool is_rtl;
    bool stays;
    unsigned depth;  /* highlights that cover it */
    unsigned colour; /* of the innermost of them, or of the marker's */
};

struct pieces {
    struct piece *items;
    size_t count;
    size_t cap;
};

void pieces_init(struct pieces *pieces);
void pieces_fini(struct pieces *pieces);
struct piece *pieces_add(struct pieces *pieces); /* zeroed, at the end; lent until the next */
/* Adds the cluster at byte *at of text, which is at code point *cp; both move on. False at a line end, which is passed but not added. */
bool pieces_add_cluster(struct pieces *pieces, struct gl_slice text, size_t *at, size_t *cp);
/* The line that begins with piece `from`: gives the first piece of the next one; *shown is the end of what is shown (without hanging spaces). */
size_t wrap_line(const struct pieces *pieces, size_t from, size_t columns, size_t *shown);
/* Appends what one piece looks like, harmless. */
void piece_put(struct gl_buf *out, const struct piece *piece);

#endif
