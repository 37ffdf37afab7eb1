#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/base/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

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

static struct metrics_page own, followed;
struct metrics_page *metrics_here = &own;
static struct metrics_page *pages = &own; /* the workers', then the supervisor's */
static size_t worker_count;
static atomic_bool *is_taken; /* behind the pages */

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

void metrics_share(size_t workers)
{
    const size_t bytes = (workers + 1) * sizeof(*pages);
    void *shared = mmap(NULL, bytes + workers * sizeof(*is_taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort(); /* as any want of memory */
    pages = shared;
    is_taken = (atomic_bool *)((char *)shared + bytes);
    worker_count = workers;
    metrics_here = &pages[workers];
}

static metric_cell *cells_of(struct metrics_page *page, const struct row *row)
{
    return (metric_cell *)((char *)page + row->offset);
}

void metrics_sit(unsigned worker)
{
    metrics_here = &pages[worker];
    atomic_store(&is_taken[worker], true);
    for (size_t i = 0; i < ROWS; i++) /* what a predecessor had at its end */
        if (rows[i].kind == GAUGE)
            metric_cell_set(cells_of(metrics_here, &rows[i]), 0);
}

void metrics_rise(unsigned worker)
{
    if (worker < worker_count)
        atomic_store(&is_taken[worker], false);
}

/* ---- telling */

static uint64_t sum(const struct row *row, size_t cell)
{
    uint64_t all = 0;
    for (size_t i = 0; i <= worker_count; i++)
        all += atomic_load_explicit(&cells_of(&pages[i], row)[cell], memory_order_relaxed);
    return all;
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
        if (worker_count && !atomic_load(&is_taken[i]))
            continue;
        int64_t value = (int64_t)atomic_load_explicit(cells_of(&pages[i], row), memory_order_relaxed);
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
