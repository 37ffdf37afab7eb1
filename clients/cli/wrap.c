#include "clients/cli/wrap.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

void pieces_init(struct pieces *pieces)
{
    *pieces = (struct pieces){0};
}

void pieces_fini(struct pieces *pieces)
{
    free(pieces->items);
    *pieces = (struct pieces){0};
}

struct piece *pieces_add(struct pieces *pieces)
{
    if (pieces->count == pieces->cap) {
        pieces->cap = pieces->cap ? pieces->cap * 2 : 256;
        pieces->items = heap_grow(pieces->items, pieces->cap, sizeof *pieces->items);
    }
    struct piece *piece = &pieces->items[pieces->count++];
    *piece = (struct piece){0};
    return piece;
}

bool pieces_add_cluster(struct pieces *pieces, struct gl_slice text, size_t *at, size_t *cp)
{
    struct cluster cluster;
    size_t begin = *at, begin_cp = *cp;
    cluster_next(text, at, &cluster);
    *cp += cluster.codepoints;
    if (cluster.kind == CLUSTER_NEWLINE) {
        return false;
    }
    struct piece *piece = pieces_add(pieces);
    piece->bytes = gl_slice_of(text.data + begin, cluster.bytes);
    piece->begin_cp = begin_cp;
    piece->columns = cluster.columns;
    piece->kind = cluster.kind;
    piece->is_rtl = cluster.is_rtl;
    piece->stays = cluster.stays;
    return true;
}

static bool is_blank(const struct piece *piece)
{
    return piece->role == PIECE_CLUSTER && (piece->kind == CLUSTER_SPACE || piece->kind == CLUSTER_TAB);
}

/* The cluster that a line would end with if it ended behind piece i: closing markers belong to what stands before them. */
static const struct piece *last_cluster(const struct pieces *pieces, size_t from, size_t i)
{
    while (i > from && pieces->items[i].role == PIECE_CLOSES) {
        i--;
    }
    return pieces->items[i].role == PIECE_CLUSTER ? &pieces->items[i] : NULL;
}

static const struct piece *next_cluster(const struct pieces *pieces, size_t i)
{
    while (i < pieces->count && pieces->items[i].role == PIECE_OPENS) {
        i++;
    }
    return i < pieces->count && pieces->items[i].role == PIECE_CLUSTER ? &pieces->items[i] : NULL;
}

/* Whether a line that began with piece `from` may end behind piece i. */
static bool may_break(const struct pieces *pieces, size_t from, size_t i)
{
    const struct piece *piece = &pieces->items[i];
    if (piece->role == PIECE_OPENS || i + 1 >= pieces->count || pieces->items[i + 1].role == PIECE_CLOSES) {
        return false;
    }
    const struct piece *before = last_cluster(pieces, from, i), *after = next_cluster(pieces, i + 1);
    if (!before || !after) {
        return false;
    }
    if (is_blank(before)) {
        return !is_blank(after);
    }
    if (is_blank(after) || after->stays) {
        return false;
    }
    bool is_first = before == &pieces->items[from]; /* i may be a marker behind it */
    bool hyphenated = before->kind == CLUSTER_HYPHEN && !is_first && !is_blank(before - 1) && (before - 1)->role == PIECE_CLUSTER;
    return hyphenated || before->kind == CLUSTER_WIDE || after->kind == CLUSTER_WIDE;
}

size_t wrap_line(const struct pieces *pieces, size_t from, size_t columns, size_t *shown)
{
    size_t used = 0, blanks = 0, last_break = 0, i = from;
    for (; i < pieces->count; i++) {
        const struct piece *piece = &pieces->items[i];
        if (is_blank(piece)) {
            blanks += piece->columns; /* they count only when something follows on the same line */
        } else {
            if (used + blanks + piece->columns > columns && i > from) {
                break;
            }
            used += blanks + piece->columns;
            blanks = 0;
        }
        if (may_break(pieces, from, i)) {
            last_break = i + 1;
        }
    }
    size_t end = i < pieces->count && last_break > from ? last_break : i;
    *shown = end;
    while (*shown > from && is_blank(&pieces->items[*shown - 1])) {
        (*shown)--;
    }
    return end;
}

void piece_put(struct gl_buf *out, const struct piece *piece)
{
    if (piece->role != PIECE_CLUSTER) {
        gl_buf_slice(out, piece->bytes);
    } else if (piece->kind == CLUSTER_TAB) {
        gl_buf_str(out, "    ");
    } else {
        safe_put(out, piece->bytes, SAFE_ONE_LINE);
    }
}
