/*
 * metrics.h - what is counted, and how it is told to Prometheus.
 *
 * Owns      one page of numbers for each worker and one for the supervisor, in memory that all processes of the service share. A worker that ends leaves its
 *           page to its successor, so counters never go back.
 * Lifetime  until metrics_share() is called, and in tests, a process counts in a page of its own; the shared ones last as long as the service.
 * Thread    the loop thread counts; events may be counted in any thread. Reading is possible at any time, in any process.
 * Units     durations are given in microseconds.
 * Errors    none.
 * Source    metrics.def has one row for each; https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4.
 *
 * Counting is one addition to memory that nobody else writes: no lock, no look-up.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdatomic.h>
#include <stdio.h>

#include "proto/gl_buf.h"
#include "service/base/handover.h"
#include "service/base/log.h"

#define METRIC_BOUNDS 16 /* of a histogram; one more bucket is beyond the last, and the sum of all stands behind it */

#define METRIC_CELLS_INFO      1
#define METRIC_CELLS_COUNTER   1
#define METRIC_CELLS_GAUGE     1
#define METRIC_CELLS_HISTOGRAM (METRIC_BOUNDS + 2)
#define METRIC_CELLS_BY_REASON GL_CODE_COUNT
#define METRIC_CELLS_BY_EVENT  LOG_EVENT_COUNT

typedef _Atomic uint64_t metric_cell;
struct metrics_page {
#define METRIC(name, kind, text, divisor, doc) metric_cell name[METRIC_CELLS_##kind];
#include "service/base/metrics.def"
#undef METRIC
};
extern struct metrics_page *metrics_here; /* this process's */

/* One writer, so no locked instruction; others may read at the same time. */
static inline void metric_cell_add(metric_cell *cell, uint64_t by)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + by, memory_order_relaxed);
}
static inline void metric_cell_set(metric_cell *cell, uint64_t value)
{
    atomic_store_explicit(cell, value, memory_order_relaxed);
}
void metric_cells_observe(metric_cell *cells, uint64_t us);
void metric_cell_follow(metric_cell *cell, uint64_t now);

#define metric_add(name, by)       metric_cell_add(metrics_here->name, (by))              /* a COUNTER */
#define metric_set(name, value)    metric_cell_set(metrics_here->name, (uint64_t)(value)) /* a GAUGE */
#define metric_observe(name, us)   metric_cells_observe(metrics_here->name, (us))         /* a HISTOGRAM */
#define metric_add_at(name, index) metric_cell_add(&metrics_here->name[(index)], 1)       /* BY_REASON */
#define metric_follow(name, now)                                                                                                 \
    metric_cell_follow(metrics_here->name, (now)) /* a COUNTER that is counted elsewhere, from 0 when this process began */

/* The pages of a service that goes on under another program: what was counted stays, and its workers go on counting in them. One that counts other things, or in
 * another order, gets pages of its own beside them: what it tells has both. The workers of the one before cannot know of those, and tell nothing from then on
 * (metrics_are_told_elsewhere). False: the pages cannot be had. */
void metrics_hand_over(struct handover *handover);
bool metrics_take_over(const struct handover *handover, size_t workers) GL_MUST_USE;
bool metrics_are_told_elsewhere(void);

/* Pages for so many workers, of which those are told that somebody has sat down at; this process counts in the supervisor's. Before any other process is made. */
bool metrics_share(size_t workers);          /* false: errno */
void metrics_sit(unsigned worker);           /* from now on this process counts in that worker's page */
void metrics_rise(unsigned worker);          /* nobody sits there now: its gauges are told no more */
void metrics_event(enum log_event_id event); /* from log.c; any thread, any process */

void metrics_write(struct gl_buf *out, const char *version); /* all of it, as Prometheus reads it */
void metrics_list(FILE *out);                                /* the table for people, in Markdown */

#endif
