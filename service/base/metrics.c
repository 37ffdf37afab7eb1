#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/base/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "service/base/mem.h"

enum metric_kind { INFO, COUNTER, GAUGE, HISTOGRAM, BY_REASON, BY_EVENT };
static const struct row {
    enum metric_kind kind;
    const char *name;
    unsigned divisor;
    const char *doc;
    size_t offset, cells;
} rows[] = {
#define METRIC(name, kind, text, divisor, doc)                                                                                   \
    {kind, text, divisor, doc, offsetof(struct metrics_page, name), METRIC_CELLS_##kind},
#include "service/base/metrics.def"
#undef METRIC
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

static const struct {
    const char *in_prometheus, *for_people, *labels;
} kinds[] = {
    [INFO] = {"gauge", "info", "version"},          [COUNTER] = {"counter", "counter", ""},
    [GAUGE] = {"gauge", "gauge", "worker"},         [HISTOGRAM] = {"histogram", "histogram", "le"},
    [BY_REASON] = {"counter", "counter", "reason"}, [BY_EVENT] = {"counter", "counter", "event"},
};

/* Microseconds; each three times the one before or less, and the numbers that are promised stand among them. */
static const uint64_t bounds_us[METRIC_BOUNDS] = {250,   500,    1000,   2000,   4000,    8000,    15000,   30000,
                                                  60000, 125000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

enum { PAGE_CELLS = sizeof(struct metrics_page) / sizeof(metric_cell) };

static struct metrics_page own, followed;
struct metrics_page *metrics_here = &own;
static struct metrics_page *pages = &own; /* the workers', then the supervisor's */
static size_t worker_count;
static int pages_fd = -1;
static atomic_bool *is_taken; /* behind the pages, one a worker; then whether another program's pages are told now */

/* Pages of the program before, when they are not like ours. */
static struct {
    char *pages; /* NULL: none */
    size_t page_bytes, bytes;
    atomic_bool *is_taken;
    size_t at[PAGE_CELLS]; /* where in their page each cell of ours is */
} before;
enum { NOWHERE = SIZE_MAX };

/* ---- counting */

void metric_cells_observe(metric_cell *cells, uint64_t us)
{
    size_t at = 0;
    while (at < METRIC_BOUNDS && us > bounds_us[at])
        at++;
    metric_cell_add(&cells[at], 1);
    metric_cell_add(&cells[METRIC_BOUNDS + 1], us);
}

void metric_cell_follow(metric_cell *cell, uint64_t now)
{
    metric_cell *seen = (metric_cell *)((char *)&followed + ((char *)cell - (char *)metrics_here));
    metric_cell_add(cell, now - *seen);
    *seen = now;
}

void metrics_event(enum log_event_id event)
{
    atomic_fetch_add_explicit(&metrics_here->events[event], 1, memory_order_relaxed);
}

/* ---- pages */

static size_t all_bytes(size_t page_bytes, size_t workers)
{
    return (workers + 1) * page_bytes + (workers + 1) * sizeof(*is_taken);
}

static void *map_pages(int fd, size_t bytes)
{
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

static bool use(int fd, size_t workers)
{
    void *shared = map_pages(fd, all_bytes(sizeof(*pages), workers));
    if (!shared)
        return false;
    pages = shared;
    is_taken = (atomic_bool *)&pages[workers + 1];
    worker_count = workers;
    pages_fd = fd;
    metrics_here = &pages[workers];
    return true;
}

bool metrics_share(size_t workers)
{
    const int fd = handover_memory("glossd-metrics", all_bytes(sizeof(*pages), workers));
    return fd >= 0 && use(fd, workers);
}

static metric_cell *cells_of(struct metrics_page *page, const struct row *row)
{
    return (metric_cell *)((char *)page + row->offset);
}

void metrics_sit(unsigned worker)
{
    metrics_here = &pages[worker];
    if (before.pages)
        atomic_store(&before.is_taken[worker], false);
    atomic_store(&is_taken[worker], true);
    for (size_t i = 0; i < ROWS; i++) /* what a predecessor had at its end */
        if (rows[i].kind == GAUGE)
            metric_cell_set(cells_of(metrics_here, &rows[i]), 0);
}

void metrics_rise(unsigned worker)
{
    if (worker < worker_count)
        atomic_store(&is_taken[worker], false);
    if (before.pages && worker < worker_count)
        atomic_store(&before.is_taken[worker], false);
}

/* ---- pages of the program before */

static uint64_t before_cell(size_t page, size_t cell)
{
    if (before.at[cell] == NOWHERE)
        return 0;
    return atomic_load_explicit((metric_cell *)(before.pages + page * before.page_bytes + before.at[cell]), memory_order_relaxed);
}

static uint64_t before_sum(size_t cell)
{
    uint64_t all = 0;
    for (size_t i = 0; before.pages && i <= worker_count; i++)
        all += before_cell(i, cell);
    return all;
}

static uint64_t before_take(size_t cell)
{
    uint64_t all = 0;
    for (size_t i = 0; before.at[cell] != NOWHERE && i <= worker_count; i++)
        all += atomic_exchange((metric_cell *)(before.pages + i * before.page_bytes + before.at[cell]), 0);
    return all;
}

/* Only once more from here on: what its workers, if there are any left, count after that is not told. Whoever else adds these pages to what he tells finds
 * nothing in them. */
static void take_in(void)
{
    for (size_t row = 0; before.pages && row < ROWS; row++)
        for (size_t i = 0; rows[row].kind != GAUGE && i < rows[row].cells; i++) {
            const size_t cell = rows[row].offset / sizeof(metric_cell) + i;
            metric_cell_add((metric_cell *)metrics_here + cell, before_take(cell));
        }
    if (before.pages)
        munmap(before.pages, before.bytes);
    before.pages = NULL;
}

/* What a cell counts, as one word: of another program's, too. */
static void name_cell(const struct row *row, size_t i, char name[128])
{
    if (row->kind == BY_EVENT)
        snprintf(name, 128, "%s:%s", row->name, log_event_name((enum log_event_id)i));
    else if (row->kind == BY_REASON)
        snprintf(name, 128, "%s:%s", row->name, i ? gl_code_name((enum gl_code)i) : "none");
    else if (row->kind == HISTOGRAM && i < METRIC_BOUNDS)
        snprintf(name, 128, "%s:%" PRIu64, row->name, bounds_us[i]);
    else
        snprintf(name, 128, "%s:+%zu", row->name, row->kind == HISTOGRAM ? i - METRIC_BOUNDS : i);
}

void metrics_hand_over(struct handover *handover)
{
    char name[128];
    take_in();
    handover_say(handover, "metrics %d %zu %zu", pages_fd, worker_count, sizeof(*pages));
    handover_keep(handover, pages_fd);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < rows[row].cells; i++) {
            name_cell(&rows[row], i, name);
            handover_say(handover, "counts %zu %s", rows[row].offset + i * sizeof(metric_cell), name);
        }
}

static const char *cell_after(const struct handover *handover, const char *line, const char *name, size_t *offset)
{
    int end = 0;
    while ((line = handover_next(handover, "counts", line)))
        if (sscanf(line, "%zu %n", offset, &end) == 1 && !strcmp(line + end, name))
            return line;
    return NULL;
}

/* Where theirs has each of ours; true: all of it where ours has it. They are mostly in the same order. */
static bool compare(const struct handover *handover)
{
    const char *line = NULL, *found;
    bool is_same = true;
    char name[128];
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < rows[row].cells; i++) {
            const size_t offset = rows[row].offset + i * sizeof(metric_cell);
            size_t there = NOWHERE;
            name_cell(&rows[row], i, name);
            found = cell_after(handover, line, name, &there);
            if (!found && line)
                found = cell_after(handover, NULL, name, &there);
            line = found ? found : line;
            before.at[offset / sizeof(metric_cell)] = found ? there : NOWHERE;
            is_same = is_same && found && there == offset;
        }
    return is_same;
}

bool metrics_take_over(const struct handover *handover, size_t workers)
{
    int fd;
    size_t count, page_bytes;
    const char *line = handover_next(handover, "metrics", NULL);
    if (!line || sscanf(line, "%d %zu %zu", &fd, &count, &page_bytes) != 3 || count != workers)
        return false;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (compare(handover) && page_bytes == sizeof(*pages))
        return use(fd, workers);
    before.page_bytes = page_bytes;
    before.bytes = all_bytes(page_bytes, workers);
    before.pages = map_pages(fd, before.bytes);
    if (!before.pages)
        return false;
    before.is_taken = (atomic_bool *)(before.pages + (workers + 1) * page_bytes);
    atomic_store(&before.is_taken[workers], true);
    close(fd);
    return metrics_share(workers);
}

bool metrics_are_told_elsewhere(void)
{
    return worker_count && atomic_load(&is_taken[worker_count]);
}

/* ---- telling */

static uint64_t sum(const struct row *row, size_t cell)
{
    uint64_t all = 0;
    for (size_t i = 0; i <= worker_count; i++)
        all += atomic_load_explicit(&cells_of(&pages[i], row)[cell], memory_order_relaxed);
    return all + before_sum(row->offset / sizeof(metric_cell) + cell);
}

static void write_histogram(struct gl_buf *out, const struct row *row)
{
    uint64_t below = 0;
    for (size_t i = 0; i < METRIC_BOUNDS; i++) {
        below += sum(row, i);
        gl_buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", row->name, (double)bounds_us[i] / 1e6, below);
    }
    below += sum(row, METRIC_BOUNDS);
    gl_buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", row->name, below);
    gl_buf_printf(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", row->name, (double)sum(row, METRIC_BOUNDS + 1) / 1e6, row->name,
                  below);
}

static void write_gauge(struct gl_buf *out, const struct row *row)
{
    for (size_t i = 0; i < (worker_count ? worker_count : 1); i++) {
        const bool is_before = before.pages && atomic_load(&before.is_taken[i]);
        if (worker_count && !atomic_load(&is_taken[i]) && !is_before)
            continue;
        int64_t value = is_before ? (int64_t)before_cell(i, row->offset / sizeof(metric_cell))
                                  : (int64_t)atomic_load_explicit(cells_of(&pages[i], row), memory_order_relaxed);
        gl_buf_printf(out, "%s{worker=\"%zu\"} ", row->name, i);
        if (row->divisor == 1)
            gl_buf_printf(out, "%" PRId64 "\n", value);
        else
            gl_buf_printf(out, "%g\n", (double)value / row->divisor);
    }
}

static void write_row(struct gl_buf *out, const struct row *row, const char *version)
{
    gl_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->doc, row->name, kinds[row->kind].in_prometheus);
    switch (row->kind) {
    case INFO: gl_buf_printf(out, "%s{version=\"%s\"} 1\n", row->name, version); break;
    case COUNTER: gl_buf_printf(out, "%s %" PRIu64 "\n", row->name, sum(row, 0)); break;
    case GAUGE: write_gauge(out, row); break;
    case HISTOGRAM: write_histogram(out, row); break;
    case BY_REASON:
        for (size_t i = GL_OK + 1; i < row->cells; i++)
            gl_buf_printf(out, "%s{reason=\"%s\"} %" PRIu64 "\n", row->name, gl_code_name((enum gl_code)i), sum(row, i));
        break;
    case BY_EVENT:
        for (size_t i = 0; i < row->cells; i++)
            gl_buf_printf(out, "%s{event=\"%s\"} %" PRIu64 "\n", row->name, log_event_name((enum log_event_id)i), sum(row, i));
        break;
    }
}

void metrics_write(struct gl_buf *out, const char *version)
{
    for (size_t i = 0; i < ROWS; i++)
        write_row(out, &rows[i], version);
}

void metrics_list(FILE *out)
{
    fputs(
        "# What a Gloss server counts\n\n"
        "Printed by `glossd metrics --list` from service/base/metrics.def. `/metrics` tells all of it in Prometheus's text format to the\n"
        "addresses that the setting `metrics_from` names, any worker for all of them; `glossd metrics` prints it on the machine itself. What is\n"
        "a gauge has one value a worker and is at most a second old; the rest is the sum of all, since the service was started. Durations\n"
        "are in seconds.\n\n"
        "| name | kind | labels | what it is |\n|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < ROWS; i++)
        fprintf(out, "| `%s` | %s | %s | %s |\n", rows[i].name, kinds[rows[i].kind].for_people, kinds[rows[i].kind].labels,
                rows[i].doc);
}
