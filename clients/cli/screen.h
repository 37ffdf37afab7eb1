/*
 * screen.h - where gloss prints: terminal or not, how wide, which colours; and the pager, the progress bar and the question for a password.
 *
 * Owns      the pager, and what was not printed yet.
 * Thread    the main thread.
 * Units     columns, milliseconds.
 * Errors    screen_end tells that standard output could not be written.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdio.h>
#include <sys/types.h>

#include "clients/cli/paint.h"

#define SCREEN_LEAST 40
#define SCREEN_MOST  200

struct screen {
    FILE *stream;
    int fd;
    bool is_terminal;
    bool may_page;      /* a pager may be started: a terminal, and nobody said --json or --plain */
    bool is_paged;      /* one is started when there is more than a page */
    struct gl_buf held; /* the first page, while it is not known whether there is more */
    pid_t pager;        /* stream goes to it; 0: there is none */
    unsigned columns;   /* 40..200; 80 when nobody knows */
    bool has_width;     /* somebody does: a terminal, or COLUMNS says it. A file or a program has room for anything */
    unsigned rows;
    enum paint_mode paint;
};

void screen_init(struct screen *screen, FILE *stream);
/* What is put from now on goes through the pager when it is more than a page and the screen may have one. */
void screen_begin_pages(struct screen *screen);
void screen_page(struct screen *screen, const struct gl_buf *text); /* begins pages, and puts */
void screen_put(struct screen *screen, const struct gl_buf *text);
/* The same for words that are broken to the width of a terminal. */
void screen_fit(struct screen *screen, const struct gl_buf *text, size_t indent);
void screen_plain(struct screen *screen); /* no colours, no pager */
bool screen_has_pager(const struct screen *screen);
/* Flushes, and waits for the pager; false, with errno, when something could not be written. */
bool screen_end(struct screen *screen) GL_MUST_USE;

/* A line of progress on a terminal that appears when something has taken a second. */
struct progress {
    const struct screen *screen;
    const char *what;
    int64_t began_ms;
    int64_t shown_ms;
    bool is_shown;
};
void progress_begin(struct progress *progress, const struct screen *screen, const char *what);
void progress_step(struct progress *progress, uint64_t done, uint64_t total,
                   const char *tail);         /* total 0: not known; tail may be "" */
void progress_end(struct progress *progress); /* wipes the line */

int64_t screen_now_ms(void); /* a clock that only goes forward */
/* Asks on the terminal; without echo for a secret. NULL: there is no terminal, or no answer. */
char *screen_ask(const char *question, bool is_secret);

#endif
