/* part.c - one stream's part of an append: its rows, and all that they point to. */
#include <stdlib.h>

#include "service/base/random.h"
#include "service/core/group_priv.h"

enum gl_code part_push_row(struct part *part, struct append_op *row, struct gl_buf *payload, gl_hash *chain)
{
    size_t len;
    if (payload->code != GL_OK) {
        gl_buf_fini(payload);
        return GL_E_TOO_LARGE;
    }
    char *bytes = gl_buf_take(payload, &len);
    if (!bytes)
        abort(); /* only memory can have run out */
    row->payload = gl_slice_of(bytes, len);
    random_bytes(row->salt, sizeof row->salt);
    gl_hash leaf = gl_leaf(row->salt, row->payload);
    row->chain = *chain = gl_chain_next(chain, &leaf);
    part->rows = mem_grow(part->rows, &part->row_cap, part->row_count + 1, sizeof *part->rows);
    part->rows[part->row_count++] = *row;
    return GL_OK;
}

struct gl_slice logged_row(const struct append_op *row)
{
    struct store_tail_op op = {.payload = row->payload};
    memcpy(op.salt, row->salt, sizeof op.salt);
    return logged_op(&op);
}

void part_drop_rows(struct part *part, size_t keep)
{
    while (part->row_count > keep)
        free((void *)part->rows[--part->row_count].payload.data);
    while (part->tell_count > 0 && part->tells[part->tell_count - 1].op >= keep)
        part->tell_count--;
    while (part->erased_count > 0 && part->erased[part->erased_count - 1].row >= keep)
        part->erased_count--;
}

void part_free(struct part *part)
{
    if (!part)
        return;
    part_drop_rows(part, 0);
    for (size_t i = 0; i < part->tried_count; i++) {
        json_decref(part->tried[i].outcome.data);
        if (part->tried[i].op)
            waiting_op_free(&part->tried[i].op);
    }
    if (part->session)
        judge_view_fini(&part->view);
    map_fini(&part->by_id);
    mem_free(&part->tried);
    mem_free(&part->rows);
    mem_free(&part->annotations);
    mem_free(&part->terms);
    mem_free(&part->tells);
    mem_free(&part->erased);
    gl_buf_fini(&part->meta_text);
    mem_free(&part);
}
