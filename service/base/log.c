#include "service/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/base/clock.h"
#include "service/base/escape.h"
#include "service/base/metrics.h"

enum {
    LINE_MAX_BYTES = 4096,  /* PIPE_BUF: such a write is never torn, nor mixed with another process's */
    LINE_RESERVE = 32,      /* for the mark that something was left out, and the end */
    VALUE_MAX_BYTES = 1024, /* of one value, escaped */
    LINES_PER_SECOND = 20,  /* of one event */
};

struct line {
    char data[LINE_MAX_BYTES];
    size_t len;
    bool is_cut;
    enum log_format format;
};

static const struct {
    const char *name, *doc;
} events[LOG_EVENT_COUNT] = {
#define LOG_EVENT(name, text, doc) {text, doc},
#include "service/base/events.def"
#undef LOG_EVENT
};
static const char *const level_names[] = {"debug", "info", "warn", "error"};

static enum log_level threshold = LOG_INFO;
static enum log_format chosen_format = LOG_TEXT;
static const char *process_name;
static _Thread_local struct log_context current;
static _Atomic uint64_t dropped_lines;
/* How many lines an event had in a second: second << 16 | lines; and how many were held back since. */
static _Atomic uint64_t windows[LOG_EVENT_COUNT];
static _Atomic uint64_t held_back[LOG_EVENT_COUNT];

void log_init(enum log_level level, enum log_format format)
{
    threshold = level;
    chosen_format = format;
}

void log_set_level(enum log_level level)
{
    threshold = level;
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
        if (!strcmp(name, level_names[i])) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

const char *log_event_name(enum log_event_id event)
{
    return events[event].name;
}

void log_list(FILE *out)
{
    fputs(
        "# What a Gloss server logs\n\n"
        "Printed by `glossd metrics --events` from service/base/events.def. Each line of the log has the name of its event; the handbook (\"The log\")\n"
        "says what else. Lines at error want somebody, lines at warn may. `gloss_events_total` counts the lines of each event that the setting\n"
        "`log_level` lets through, also those that were held back or lost.\n\n"
        "| name | what it means, and what to do |\n|---|---|\n",
        out);
    for (size_t i = 0; i < LOG_EVENT_COUNT; i++)
        fprintf(out, "| `%s` | %s |\n", events[i].name, events[i].doc);
}

void log_set_process(const char *name)
{
    process_name = name;
}

void log_set_context(const struct log_context *context)
{
    current = context ? *context : (struct log_context){0};
}

const struct log_context *log_context(void)
{
    return &current;
}

bool log_would(enum log_level level)
{
    return level >= threshold;
}

/* ---- building a line: whole fields or nothing */

static GL_PRINTF(2, 3) void put(struct line *line, const char *fmt, ...)
{
    size_t room = LINE_MAX_BYTES - LINE_RESERVE - line->len;
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line->data + line->len, room, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= room)
        line->is_cut = true;
    else
        line->len += (size_t)len;
}

static void put_name(struct line *line, const char *name)
{
    if (line->format == LOG_JSON)
        put(line, "%s\"%s\":", line->len > 1 ? "," : "", name);
    else
        put(line, " %s=", name);
}

static bool is_bare(struct gl_slice value)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@+,-[]()*~%#";
    for (size_t i = 0; i < value.len; i++)
        if (!memchr(bare, value.data[i], sizeof(bare) - 1))
            return false;
    return value.len > 0;
}

static void put_text(struct line *line, const char *name, struct gl_slice value)
{
    char escaped[VALUE_MAX_BYTES];
    size_t used, len = escape_text(escaped, sizeof(escaped), value, &used);
    bool is_quoted = line->format == LOG_JSON || used < value.len || !is_bare(value);
    put_name(line, name);
    put(line, is_quoted ? "\"%.*s%s\"" : "%.*s%s", (int)len, escaped, used < value.len ? "…" : "");
}

static void put_value(struct line *line, const struct log_field *field)
{
    char id[GL_UUID_TEXT + 1];
    switch (field->type) {
    case LOG_F_U64:
        put_name(line, field->name);
        put(line, "%" PRIu64, field->u64);
        break;
    case LOG_F_I64:
        put_name(line, field->name);
        put(line, "%" PRId64, field->i64);
        break;
    case LOG_F_UUID:
        gl_uuid_format(field->id, id);
        put_text(line, field->name, gl_slice_str(id));
        break;
    case LOG_F_STR: put_text(line, field->name, gl_slice_str(field->str ? field->str : "")); break;
    case LOG_F_END: break;
    }
}

static void put_field(struct line *line, const struct log_field *field)
{
    size_t before = line->len;
    if (!line->is_cut)
        put_value(line, field);
    if (line->is_cut)
        line->len = before;
}

static void put_number(struct line *line, const char *name, uint64_t value)
{
    if (value)
        put_field(line, &F_U64(name, value));
}

static void begin(struct line *line, enum log_level level, enum log_event_id event)
{
    char now[GL_TIME_TEXT + 1];
    gl_time_format(clock_unix_ms(), now);
    line->format = chosen_format;
    if (line->format == LOG_JSON)
        put(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now, level_names[level], events[event].name);
    else
        put(line, "%s %-5s %s", now, level_names[level], events[event].name);
    if (process_name)
        put_field(line, &F_STR("process", process_name));
    put_field(line, &F_I64("pid", getpid()));
    put_number(line, "connection", current.connection);
    if (current.request[0])
        put_field(line, &F_STR("request", current.request));
    if (current.trace.id[0])
        put_field(line, &F_STR("trace", current.trace.id));
}

static void finish(struct line *line)
{
    const char *mark = !line->is_cut ? "" : line->format == LOG_JSON ? ",\"cut\":true" : " cut=true";
    line->len += (size_t)snprintf(line->data + line->len, LINE_RESERVE, "%s%s\n", mark, line->format == LOG_JSON ? "}" : "");
}

/* ---- the limit, and writing */

static bool is_held_back(enum log_event_id event)
{
    uint64_t second = clock_monotonic_ms() / 1000, seen = atomic_load(&windows[event]), next;
    do {
        next = seen >> 16 == second ? seen + 1 : (second << 16 | 1);
        if ((next & 0xffff) > LINES_PER_SECOND) {
            atomic_fetch_add(&held_back[event], 1);
            return true;
        }
    } while (!atomic_compare_exchange_weak(&windows[event], &seen, next));
    return false;
}

/* Waiting for whoever reads the log would stop everybody: a pipe that is full loses the line. */
static void write_line(const struct line *line)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 1 && ready.revents & POLLOUT) {
        ssize_t wrote;
        do
            wrote = write(STDERR_FILENO, line->data, line->len);
        while (wrote < 0 && errno == EINTR);
        if (wrote > 0)
            return;
    }
    atomic_fetch_add(&dropped_lines, 1);
}

void log_emit(enum log_level level, enum log_event_id event, const struct log_field *fields)
{
    if (level < threshold)
        return;
    metrics_event(event);
    if (is_held_back(event))
        return;
    int saved = errno;
    struct line line;
    line.len = 0;
    line.is_cut = false;
    begin(&line, level, event);
    for (const struct log_field *field = fields; field->type != LOG_F_END; field++)
        put_field(&line, field);
    put_number(&line, "held_back", atomic_exchange(&held_back[event], 0));
    uint64_t dropped = atomic_exchange(&dropped_lines, 0);
    put_number(&line, "dropped", dropped);
    finish(&line);
    uint64_t before = atomic_load(&dropped_lines);
    write_line(&line);
    if (dropped && atomic_load(&dropped_lines) != before)
        atomic_fetch_add(&dropped_lines, dropped);
    errno = saved;
}
