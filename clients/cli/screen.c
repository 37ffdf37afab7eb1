#include "clients/cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli/fit.h"
#include "clients/cli/heap.h"
#include "clients/cli/pager.h"
#include "clients/cli/safe.h"
#include "clients/cli/width.h"

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 100
#define BAR_COLUMNS       20
#define BAR_FROM_COLUMNS  72
#define ANSWER_MAX        1024

static unsigned clamp_columns(unsigned long columns)
{
    return columns < SCREEN_LEAST ? SCREEN_LEAST : columns > SCREEN_MOST ? SCREEN_MOST : (unsigned)columns;
}

/* 0: nobody knows. */
static unsigned columns_of(int fd, bool is_terminal)
{
    const char *told = getenv("COLUMNS");
    char *end;
    if (told && *told) {
        unsigned long columns = strtoul(told, &end, 10);
        if (*end == '\0' && columns > 0) {
            return clamp_columns(columns);
        }
    }
    struct winsize size;
    if (is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return clamp_columns(size.ws_col);
    }
    return 0;
}

static unsigned rows_of(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

/* NO_COLOR (https://no-color.org) wins over CLICOLOR_FORCE, which wins over what the terminal is (https://bixense.com/clicolors). */
static enum paint_mode paint_of(bool is_terminal)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR"), *click = getenv("CLICOLOR");
    bool is_dumb = !term || !*term || strcmp(term, "dumb") == 0, is_forced = is_set("CLICOLOR_FORCE");
    if (!is_forced && (!is_terminal || is_dumb)) {
        return PAINT_PLAIN;
    }
    if ((no_color && *no_color) || (!is_forced && click && strcmp(click, "0") == 0)) {
        return is_terminal && !is_dumb ? PAINT_MONO : PAINT_PLAIN;
    }
    return (!is_dumb && (strstr(term, "256color") || strstr(term, "kitty") || strstr(term, "ghostty"))) || is_set("COLORTERM")
               ? PAINT_256
               : PAINT_16;
}

void screen_init(struct screen *screen, FILE *stream)
{
    *screen = (struct screen){.stream = stream, .fd = fileno(stream)};
    screen->is_terminal = isatty(screen->fd) == 1;
    const unsigned columns = columns_of(screen->fd, screen->is_terminal);
    screen->has_width = columns > 0 || screen->is_terminal;
    screen->columns = columns > 0 ? columns : 80;
    screen->rows = screen->is_terminal ? rows_of(screen->fd) : 0;
    screen->paint = paint_of(screen->is_terminal);
    screen->may_page = screen->is_terminal && pager_is_wanted();
    gl_buf_init(&screen->held, SIZE_MAX);
}

void screen_plain(struct screen *screen)
{
    screen->paint = PAINT_PLAIN;
    screen->may_page = false;
}

bool screen_has_pager(const struct screen *screen)
{
    return screen->pager != 0;
}

static void write_bytes(struct screen *screen, const struct gl_buf *text)
{
    if (text->len) {
        fwrite(text->data, 1, text->len, screen->stream);
    }
}

static size_t count_lines(const struct gl_buf *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->len; i++) {
        lines += text->data[i] == '\n';
    }
    return lines;
}

/* There is more than a page: what was held back goes to the pager, or, when there is none, as it is. */
static void start_pager(struct screen *screen)
{
    struct gl_buf problem;
    gl_buf_init(&problem, SIZE_MAX);
    fflush(screen->stream);
    FILE *pipe = pager_start(&screen->pager, &problem);
    if (pipe) {
        screen->stream = pipe;
    } else {
        screen->pager = 0;
        fprintf(stderr, "gloss: %s\n", gl_buf_cstr(&problem));
    }
    screen->is_paged = screen->may_page = false;
    write_bytes(screen, &screen->held);
    gl_buf_fini(&screen->held);
    gl_buf_init(&screen->held, SIZE_MAX);
    gl_buf_fini(&problem);
}

void screen_put(struct screen *screen, const struct gl_buf *text)
{
    heap_check(text);
    if (!screen->is_paged) {
        write_bytes(screen, text);
        return;
    }
    gl_buf_put(&screen->held, text->data, text->len);
    if (count_lines(&screen->held) >= screen->rows) {
        start_pager(screen);
    }
}

void screen_begin_pages(struct screen *screen)
{
    screen->is_paged = screen->may_page && screen->pager == 0;
}

void screen_page(struct screen *screen, const struct gl_buf *text)
{
    screen_begin_pages(screen);
    screen_put(screen, text);
}

void screen_fit(struct screen *screen, const struct gl_buf *text, size_t indent)
{
    struct gl_buf fitted;
    if (!screen->is_terminal) {
        screen_put(screen, text);
        return;
    }
    gl_buf_init(&fitted, SIZE_MAX);
    fit_text(&fitted, gl_buf_peek(text), screen->columns, indent);
    screen_put(screen, &fitted);
    gl_buf_fini(&fitted);
}

bool screen_end(struct screen *screen)
{
    write_bytes(screen, &screen->held);
    gl_buf_fini(&screen->held);
    if (screen->pager) { /* whoever ends it early has seen enough */
        pager_end(screen->stream, screen->pager);
        screen->stream = stdout;
        screen->pager = 0;
    }
    return fflush(screen->stream) == 0 && !ferror(screen->stream);
}

int64_t screen_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress, const struct screen *screen, const char *what)
{
    *progress = (struct progress){.screen = screen, .what = what, .began_ms = screen_now_ms()};
}

static void put_bar(struct gl_buf *line, uint64_t done, uint64_t total)
{
    uint64_t thousandths = total == 0 ? 0 : done >= total ? 1000 : done * 1000 / total;
    unsigned full = (unsigned)(thousandths * BAR_COLUMNS / 1000);
    gl_buf_str(line, " [");
    for (unsigned i = 0; i < BAR_COLUMNS; i++) {
        gl_buf_byte(line, i < full ? '#' : ' ');
    }
    gl_buf_printf(line, "] %u %%", (unsigned)(thousandths / 10));
}

void progress_step(struct progress *progress, uint64_t done, uint64_t total, const char *tail)
{
    int64_t now = screen_now_ms();
    if (!progress->screen->is_terminal || now - progress->began_ms < PROGRESS_AFTER_MS ||
        now - progress->shown_ms < PROGRESS_EVERY_MS) {
        return;
    }
    struct gl_buf line;
    gl_buf_init(&line, 4096);
    safe_put_short(&line, gl_slice_str(progress->what), progress->screen->columns / 2);
    if (total > 0 && progress->screen->columns >= BAR_FROM_COLUMNS) {
        put_bar(&line, done, total);
    }
    if (*tail) {
        size_t used = text_columns(gl_buf_peek(&line));
        gl_buf_byte(&line, ' ');
        safe_put_short(&line, gl_slice_str(tail),
                       used + 2 < progress->screen->columns ? progress->screen->columns - used - 2 : 1);
    }
    if (progress->screen->paint != PAINT_PLAIN) {
        gl_buf_str(&line, "\x1b[K");
    }
    fputc('\r', progress->screen->stream);
    screen_put((struct screen *)progress->screen, &line);
    fflush(progress->screen->stream);
    gl_buf_fini(&line);
    progress->shown_ms = now;
    progress->is_shown = true;
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown) {
        fputs(progress->screen->paint != PAINT_PLAIN ? "\r\x1b[K" : "\n", progress->screen->stream);
        fflush(progress->screen->stream);
        progress->is_shown = false;
    }
}

static volatile sig_atomic_t caught;

static void catch_signal(int number)
{
    caught = number;
}

/* One line from the terminal, without its end; NULL: none. */
static char *read_line(int fd)
{
    char answer[ANSWER_MAX];
    size_t len = 0;
    while (len < sizeof answer - 1 && !caught) {
        ssize_t got = read(fd, answer + len, 1);
        if (got <= 0 || answer[len] == '\n') {
            if (got == 0 && len == 0) {
                return NULL;
            }
            break;
        }
        len++;
    }
    char *line = caught ? NULL : heap_copy(gl_slice_of(answer, len));
    explicit_bzero(answer, sizeof answer);
    return line;
}

char *screen_ask(const char *question, bool is_secret)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return NULL;
    }
    struct termios before, silent;
    struct sigaction on_signal = {.sa_handler = catch_signal}, old_int, old_term; /* no SA_RESTART: read() must end */
    caught = 0;
    sigaction(SIGINT, &on_signal, &old_int);
    sigaction(SIGTERM, &on_signal, &old_term);
    bool has_echo = is_secret && tcgetattr(fd, &before) == 0;
    if (has_echo) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSAFLUSH, &silent);
    }
    dprintf(fd, "%s", question);
    char *line = read_line(fd);
    if (has_echo) {
        tcsetattr(fd, TCSAFLUSH, &before);
        dprintf(fd, "\n");
    }
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    close(fd);
    if (caught) {
        raise(caught); /* the terminal shows letters again: now it may end us */
    }
    return line;
}
