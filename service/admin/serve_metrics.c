#include "service/admin/serve_metrics.h"

#include <stdio.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/metrics.h"
#include "service/base/networks.h"

#define ANSWER_MAX (8u << 20)

/* ---- taking the numbers */

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void take_net(const struct net_server *net)
{
    struct net_counts counts;
    net_server_counts(net, &counts);
    metric_set(connections, counts.connections);
    metric_set(connections_most, counts.most);
    metric_set(arriving, counts.arriving);
    metric_set(websockets, counts.websockets);
    metric_set(full, counts.full);
    metric_follow(accepted, counts.accepted);
    metric_follow(handshakes_refused, counts.refused);
    metric_follow(proxy_refused, counts.proxy_refused);
    metric_follow(address_refused, counts.address_refused);
    metric_follow(timed_out, counts.timed_out);
    metric_follow(stalled, counts.stalled);
    metric_follow(pauses, counts.pauses);
    metric_follow(messages_in, counts.messages_in);
    metric_follow(messages_kept, counts.messages_kept);
    metric_follow(messages_out, counts.messages_out);
    metric_follow(bytes_out, counts.bytes_out);
}

static void take_core(const struct core *core)
{
    struct core_counts counts;
    core_counts(core, &counts);
    metric_set(signed_in, counts.signed_in);
    metric_set(sessions, counts.sessions);
    metric_set(projects, counts.projects);
    metric_follow(ops_accepted, counts.ops_accepted);
    metric_follow(ops_repeated, counts.ops_repeated);
    metric_follow(deliveries, counts.deliveries);
    metric_follow(resyncs, counts.resyncs);
    metric_follow(ops_ahead, counts.ops_ahead);
    metric_follow(ops_ahead_again, counts.ops_ahead_again);
    metric_follow(fence_losses, counts.fence_losses);
    metric_follow(holds, counts.holds);
}

static void take(struct serve_metrics *metrics)
{
    const char *why;
    take_net(metrics->net);
    take_core(metrics->core);
    metric_set(ready, metrics->is_ready(metrics->ctx, &why));
    metric_set(resident, resident_bytes());
    metric_set(database_up, store_is_up(metrics->store));
    metric_set(clock_offset, store_clock_offset_ms(metrics->store));
    metric_set(database_requests, store_in_flight(metrics->store));
}

void serve_metrics_beat(struct serve_metrics *metrics, uint64_t every_ms)
{
    const uint64_t now_us = clock_monotonic_us();
    if (metrics->due_us > 0)
        metric_observe(loop_delay, now_us > metrics->due_us ? now_us - metrics->due_us : 0);
    metrics->due_us = now_us + every_ms * 1000;
    if (metrics->net) /* else it is still being put together */
        take(metrics);
}

/* ---- telling them */

enum gl_code serve_metrics_check(const struct settings *settings, struct gl_err *err)
{
    struct network network;
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < settings->metrics_from.count && !code; i++)
        code = network_parse(settings->metrics_from.items[i], "metrics_from", &network, err);
    return code;
}

static bool may_ask(const struct settings *settings, const char *address)
{
    struct network network;
    for (size_t i = 0; i < settings->metrics_from.count; i++)
        if (!network_parse(settings->metrics_from.items[i], "metrics_from", &network, NULL) && network_has(&network, address))
            return true;
    return false;
}

static void answer(void *ctx, struct http_call *call)
{
    struct serve_metrics *metrics = ctx;
    struct http_answer answer = {.status = 403, .body = GL_SLICE("metrics are for the addresses of the setting metrics_from\n")};
    struct gl_buf text;
    gl_buf_init(&text, ANSWER_MAX);
    if (may_ask(metrics->settings, call->request.address) && metrics_are_told_elsewhere()) {
        answer = (struct http_answer){.status = 503, .body = GL_SLICE("a newer program tells them; connect again\n")};
    } else if (may_ask(metrics->settings, call->request.address)) {
        take(metrics);
        metrics_write(&text, GLOSS_VERSION);
        answer = (struct http_answer){.status = text.code == GL_OK ? 200 : 500,
                                      .type = "text/plain; version=0.0.4; charset=utf-8",
                                      .body = gl_buf_peek(&text)};
    }
    call->answer(call, &answer);
    gl_buf_fini(&text);
}

void serve_metrics_open(struct serve_metrics *metrics, struct http *http)
{
    metric_set(started, clock_unix_ms() / 1000);
    http_add(http,
             &(struct http_route){.path = "/metrics", .methods = HTTP_GET, .any_host = true, .handle = answer, .ctx = metrics});
}
