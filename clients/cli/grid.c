#include "clients/cli/grid.h"

#include <stdlib.h>

#include "clients/cli/heap.h"
#include "clients/cli/safe.h"
#include "clients/cli/width.h"

#define GAP_COLUMNS    2
#define NARROWEST_CELL 6
#define ANY_WIDTH      (SIZE_MAX / 2)

void grid_init(struct grid *grid)
{
    *grid = (struct grid){0};
}

void grid_fini(struct grid *grid)
{
    for (size_t i = 0; i < grid->count; i++) {
        free(grid->cells[i].text);
    }
    free(grid->cells);
    *grid = (struct grid){0};
}

void grid_column(struct grid *grid, const char *head, enum grid_side side)
{
    grid->column[grid->columns].head = head;
    grid->column[grid->columns++].side = side;
}

static void add_cell(struct grid *grid, const char *text, enum paint_role role, unsigned colour)
{
    struct gl_buf bytes;
    gl_buf_init(&bytes, SIZE_MAX);
    safe_put_str(&bytes, text ? text : "");
    size_t columns = text_columns(gl_buf_peek(&bytes));
    if (grid->count == grid->cap) {
        grid->cap = grid->cap ? grid->cap * 2 : 64;
        grid->cells = heap_grow(grid->cells, grid->cap, sizeof *grid->cells);
    }
    grid->cells[grid->count++] =
        (struct grid_cell){.text = heap_take(&bytes), .columns = columns, .role = role, .colour = colour};
}

void grid_add(struct grid *grid, const char *text, enum paint_role role)
{
    add_cell(grid, text, role, PAINT_NONE);
}

void grid_add_label(struct grid *grid, const char *text, unsigned colour)
{
    add_cell(grid, text, PAINT_NORMAL, colour);
}

void grid_number(struct grid *grid, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add_cell(grid, text, PAINT_NORMAL, PAINT_NONE);
}

/* How wide each column is; 0 for one that has nothing in it. False when so many columns do not fit beside each other. */
static bool measure(const struct grid *grid, bool has_head, size_t room, size_t widths[GRID_MOST])
{
    size_t total = 0;
    for (size_t c = 0; c < grid->columns; c++) {
        widths[c] = 0;
        for (size_t i = c; i < grid->count; i += grid->columns) {
            widths[c] = grid->cells[i].columns > widths[c] ? grid->cells[i].columns : widths[c];
        }
        size_t head = has_head ? strlen(grid->column[c].head) : 0;
        widths[c] = widths[c] && head > widths[c] ? head : widths[c];
        total += widths[c] ? widths[c] + GAP_COLUMNS : 0;
    }
    while (total > room + GAP_COLUMNS) {
        size_t *widest = NULL;
        for (size_t c = 0; c < grid->columns; c++) {
            if (grid->column[c].side != GRID_WHOLE && (!widest || widths[c] > *widest)) {
                widest = &widths[c];
            }
        }
        if (!widest || *widest <= NARROWEST_CELL) {
            return false;
        }
        --*widest;
        total--;
    }
    return true;
}

static void put_spaces(struct gl_buf *out, size_t count)
{
    while (count-- > 0) {
        gl_buf_byte(out, ' ');
    }
}

/* Right-to-left words are isolated on a terminal, so that the columns beside them stay where they are. */
static void put_isolated(struct gl_buf *out, enum paint_mode paint, struct gl_slice text)
{
    struct cluster cluster;
    bool has_rtl = false;
    for (size_t at = 0; at < text.len && paint != PAINT_PLAIN && !has_rtl;) {
        cluster_next(text, &at, &cluster);
        has_rtl = cluster.is_rtl;
    }
    gl_buf_str(out, has_rtl ? "\xe2\x81\xa8" : "");
    gl_buf_slice(out, text);
    gl_buf_str(out, has_rtl ? "\xe2\x81\xa9" : "");
}

static void put_cell(struct gl_buf *out, const struct grid_cell *cell, enum paint_mode paint, enum grid_side side, size_t width,
                     bool is_last)
{
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    safe_put_short(&text, gl_slice_str(cell->text), width);
    size_t columns = text_columns(gl_buf_peek(&text)), rest = width > columns ? width - columns : 0;
    bool is_painted = text.len && (cell->role != PAINT_NORMAL || cell->colour != PAINT_NONE);
    put_spaces(out, side == GRID_RIGHT ? rest : 0);
    if (is_painted && cell->colour != PAINT_NONE) {
        paint_label(out, paint, cell->colour);
    } else if (is_painted) {
        paint_role(out, paint, cell->role);
    }
    put_isolated(out, paint, gl_buf_peek(&text));
    if (is_painted) {
        paint_reset(out, paint);
    }
    put_spaces(out, is_last ? 0 : GAP_COLUMNS + (side == GRID_RIGHT ? 0 : rest));
    gl_buf_fini(&text);
}

static void put_row(struct gl_buf *out, const struct grid *grid, const struct grid_cell *cells, enum paint_mode paint,
                    const size_t widths[GRID_MOST])
{
    size_t last = 0;
    for (size_t c = 0; c < grid->columns; c++) {
        last = widths[c] && cells[c].columns ? c : last;
    }
    for (size_t c = 0; c <= last; c++) {
        if (widths[c]) {
            put_cell(out, &cells[c], paint, grid->column[c].side, widths[c], c == last);
        }
    }
    gl_buf_byte(out, '\n');
}

static struct grid_cell head_of(const struct grid *grid, size_t column)
{
    const char *head = grid->column[column].head;
    return (struct grid_cell){(char *)(uintptr_t)head, strlen(head), PAINT_FAINT, PAINT_NONE};
}

static size_t most_columns(const struct grid *grid, const struct grid_cell *cell, size_t column, size_t room)
{
    const size_t most = room > NARROWEST_CELL ? room : NARROWEST_CELL;
    return grid->column[column].side == GRID_WHOLE && cell->columns > most ? cell->columns : most;
}

/* A row where there is no room for columns: its first cell, and below it a line for each other. */
static void put_block(struct gl_buf *out, const struct grid *grid, const struct grid_cell *cells, enum paint_mode paint,
                      size_t room)
{
    size_t head_width = 0;
    for (size_t c = 1; c < grid->columns; c++) {
        size_t width = cells[c].columns ? strlen(grid->column[c].head) : 0;
        head_width = width > head_width ? width : head_width;
    }
    const size_t indent = GAP_COLUMNS + head_width + GAP_COLUMNS;
    for (size_t c = 0; c < grid->columns; c++) {
        struct grid_cell head = head_of(grid, c);
        if (c > 0 && cells[c].columns) {
            put_spaces(out, GAP_COLUMNS);
            put_cell(out, &head, paint, GRID_LEFT, head_width, false);
        }
        if (c == 0 || cells[c].columns) {
            const size_t left = c == 0 ? room : room > indent ? room - indent : 0;
            put_cell(out, &cells[c], paint, GRID_LEFT, most_columns(grid, &cells[c], c, left), true);
            gl_buf_byte(out, '\n');
        }
    }
}

void grid_put(const struct grid *grid, struct screen *screen)
{
    size_t widths[GRID_MOST];
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    bool has_head = screen->is_terminal && grid->count > 0;
    const bool has_columns = measure(grid, has_head, screen->has_width ? screen->columns : ANY_WIDTH, widths);
    if (has_head && has_columns) {
        struct grid_cell heads[GRID_MOST];
        for (size_t c = 0; c < grid->columns; c++) {
            heads[c] = head_of(grid, c);
        }
        put_row(&out, grid, heads, screen->paint, widths);
    }
    for (size_t i = 0; i + grid->columns <= grid->count; i += grid->columns) {
        if (has_columns) {
            put_row(&out, grid, &grid->cells[i], screen->paint, widths);
        } else {
            put_block(&out, grid, &grid->cells[i], screen->paint, screen->columns);
        }
    }
    screen_page(screen, &out);
    gl_buf_fini(&out);
}
