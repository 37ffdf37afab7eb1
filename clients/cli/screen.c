#include "clients/cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 100
#define BAR_COLUMNS       20
#define BAR_FROM_COLUMNS  72
#define ANSWER_MAX        1024

static unsigned clamp_columns(unsigned long columns)
{
    return columns < SCREEN_LEAST ? SCREEN_LEAST : columns > SCREEN_MOST ? SCREEN_MOST : (unsigned)columns;
}

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
    return 80;
}

static unsigned rows_of(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

static enum paint_mode paint_of(bool is_terminal)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR"), *true_color = getenv("COLORTERM");
    if (!is_terminal || !term || !*term || strcmp(term, "dumb") == 0) {
        return PAINT_PLAIN;
    }
    if (no_color && *no_color) {
        return PAINT_MONO;
    }
    return strstr(term, "256color") || strstr(term, "kitty") || strstr(term, "ghostty") || (true_color && *true_color) ? PAINT_256
                                                                                                                       : PAINT_16;
}

void screen_init(struct screen *screen, FILE *stream)
{
    *screen = (struct screen){.stream = stream, .fd = fileno(stream)};
    screen->is_terminal = isatty(screen->fd) == 1;
    screen->columns = columns_of(screen->fd, screen->is_terminal);
    screen->rows = screen->is_terminal ? rows_of(screen->fd) : 0;
    screen->paint = paint_of(screen->is_terminal);
}

void screen_put(struct screen *screen, const struct gl_buf *text)
{
    heap_check(text);
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

void screen_page(struct screen *screen, const struct gl_buf *text)
{
    const char *pager = getenv("PAGER");
    pager = pager && *pager ? pager : "less";
    if (!screen->is_terminal || count_lines(text) < screen->rows || strcmp(pager, "cat") == 0) {
        screen_put(screen, text);
        return;
    }
    heap_check(text);
    setenv("LESS", "FRX", 0); /* colours, and no more than a page needs no pager */
    setenv("LESSCHARSET", "utf-8", 0);
    fflush(screen->stream);
    FILE *pipe = popen(pager, "w");
    size_t written = pipe ? fwrite(text->data, 1, text->len, pipe) : 0;
    int status = pipe ? pclose(pipe) : -1;
    if (written == 0 || status == -1 || status == 127 << 8) { /* no such pager */
        screen_put(screen, text);
    }
}

bool screen_end(struct screen *screen)
{
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
    gl_buf_str(&line, "\r");
    safe_put_short(&line, gl_slice_str(progress->what), progress->screen->columns / 2);
    if (total > 0 && progress->screen->columns >= BAR_FROM_COLUMNS) {
        put_bar(&line, done, total);
    }
    gl_buf_printf(&line, " %s", tail);
    if (progress->screen->paint != PAINT_PLAIN) {
        gl_buf_str(&line, "\x1b[K");
    }
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
