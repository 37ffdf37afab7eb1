/*
 * serve_metrics.h - what a worker tells of itself as numbers: the gauges, and the route /metrics.
 *
 * Owns      nothing; the rooms whose numbers are taken are lent.
 * Lifetime  as the worker's.
 * Thread    the loop thread.
 * Errors    /metrics answers 403 to whom the setting metrics_from does not name.
 * Source    base/metrics.def. What is counted where it happens needs nothing from here.
 */
#ifndef SERVE_METRICS_H
#define SERVE_METRICS_H

#include "service/admin/serve.h"
#include "service/core/core.h"
#include "service/http/http.h"
#include "service/net/server.h"

struct serve_metrics {
    const struct settings *settings;
    struct store *store;
    struct core *core;
    struct net_server *net;
    bool (*is_ready)(void *ctx, const char **why);
    void *ctx;
    uint64_t due_us; /* when the next beat should be; 0: there was none */
};

void serve_metrics_open(struct serve_metrics *metrics,
                        struct http *http); /* adds the route; the pointers above are set before the loop runs */
void serve_metrics_beat(struct serve_metrics *metrics, uint64_t every_ms); /* takes the numbers; to be called by a timer */
enum gl_code serve_metrics_check(const struct settings *settings,
                                 struct gl_err *err) GL_MUST_USE; /* of the setting metrics_from */

#endif
