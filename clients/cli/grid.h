/*
 * grid.h - rows and columns: what the verbs that list things print for people.
 *
 * Owns      the cells.
 * Lifetime  grid_init / grid_fini, embedded in yours.
 * Thread    the main thread.
 * Units     columns of a terminal.
 * Errors    none; without memory the program ends (heap.h).
 *
 * Each column is as wide as its widest cell. When they do not fit on a screen whose width is known, the widest are made narrower and their cells end in an ellipsis; where
 * not even that helps, each row becomes a block with a line for each of its cells, of which a whole one may be longer than the screen is wide. Everything is made harmless. The heads are shown on a terminal only, so that a script gets rows and nothing else.
 */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "clients/cli/screen.h"

#define GRID_MOST 8

enum grid_side { GRID_LEFT, GRID_RIGHT, GRID_WHOLE /* left, and never narrower: an id, which is typed again */ };

struct grid_cell {
    char *text; /* harmless */
    size_t columns;
    enum paint_role role;
    unsigned colour; /* PAINT_NONE, or the colour of a label */
};

struct grid {
    size_t columns;
    struct {
        const char *head;
        enum grid_side side;
    } column[GRID_MOST];
    struct grid_cell *cells;
    size_t count, cap;
};

void grid_init(struct grid *grid);
void grid_fini(struct grid *grid);
void grid_column(struct grid *grid, const char *head, enum grid_side side); /* the next one; before the first cell */
/* The next cell of the row. text may be NULL: empty. Line ends are shown as \n. */
void grid_add(struct grid *grid, const char *text, enum paint_role role);
void grid_add_label(struct grid *grid, const char *text, unsigned colour);
void grid_number(struct grid *grid, uint64_t number);
void grid_put(const struct grid *grid, struct screen *screen);

#endif
