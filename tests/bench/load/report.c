/* report.c - what was measured since `measure`, and what happened, as lines of JSON on stdout. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/load/load.h"

void refusals_count(struct refusals *refusals, const char *name, size_t len)
{
    for (size_t i = 0; i < REFUSALS_MAX; i++) {
        char *kept = refusals->names[i];
        if (!*kept)
            snprintf(kept, sizeof refusals->names[i], "%.*s", len > 0 ? (int)len : 1, len > 0 ? name : "?");
        if (strlen(kept) == len && strncmp(kept, name, len) == 0) {
            refusals->counts[i]++;
            return;
        }
    }
    refusals->counts[REFUSALS_MAX - 1]++;
}

void report_said(const char *event, const char *fmt, ...)
{
    va_list args;
    printf("{\"event\":\"%s\"%s", event, *fmt ? "," : "");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("}\n");
    fflush(stdout);
}

static void print_hist(const char *name, const struct hist *hist)
{
    const struct {
        const char *name;
        uint64_t millionths;
    } points[] = {{"p50", 500000}, {"p90", 900000}, {"p99", 990000}, {"p999", 999000}};
    printf(",\"%s\":{\"count\":%llu", name, (unsigned long long)hist->count);
    for (size_t i = 0; i < sizeof points / sizeof *points && hist->count > 0; i++)
        printf(",\"%s\":%.3f", points[i].name, (double)hist_at(hist, points[i].millionths) / 1000);
    if (hist->count > 0)
        printf(",\"mean\":%.3f,\"max\":%.3f", (double)hist->sum_us / (double)hist->count / 1000, (double)hist->largest_us / 1000);
    printf("}");
}

static void print_refusals(const char *name, const struct refusals *refusals)
{
    printf(",\"%s\":{", name);
    for (size_t i = 0; i < REFUSALS_MAX && *refusals->names[i]; i++)
        printf("%s\"%s\":%llu", i > 0 ? "," : "", refusals->names[i], (unsigned long long)refusals->counts[i]);
    printf("}");
}

static void print_group(const struct group *group)
{
    printf("\"%s\":{\"clients\":%llu,\"live\":%zu,\"asked\":%llu,\"answered\":%llu,\"repeated\":%llu,\"skipped\":%llu,"
           "\"deliveries\":%llu,\"resynchronised\":%llu,\"lost_connections\":%llu,\"gone\":%llu",
           group->plan.name, (unsigned long long)group->plan.clients, group->live, (unsigned long long)group->asked,
           (unsigned long long)group->answered, (unsigned long long)group->repeated, (unsigned long long)group->skipped,
           (unsigned long long)group->deliveries, (unsigned long long)group->notices, (unsigned long long)group->lost_connections,
           (unsigned long long)group->gone);
    print_hist("delivery_ms", &group->delivery);
    print_hist("answer_ms", &group->answer);
    print_hist("back_ms", &group->back);
    print_hist("first_page_ms", &group->first_page);
    print_hist("joined_ms", &group->joined);
    print_refusals("refused", &group->refusals);
    print_refusals("closed", &group->closes);
    printf("}");
}

void report_groups(struct load *load, const char *name)
{
    const struct faults *faults = &load->faults;
    uint64_t proved = 0, read = 0;
    for (size_t i = 0; i < load->stream_count; i++) {
        proved += load->streams[i].ops_proved;
        read += load->streams[i].ops_read;
    }
    printf("{\"event\":\"report\",\"name\":\"%s\",\"seconds\":%.3f,\"groups\":{", name,
           (double)(load->now_us - load->since_us) / 1e6);
    for (size_t i = 0; i < load->workload.count; i++) {
        printf("%s", i > 0 ? "," : "");
        print_group(&load->groups[i]);
    }
    printf("},\"bytes_in\":%llu,\"bytes_out\":%llu,\"frames_in\":%llu,\"handshakes\":%llu,\"handshakes_resumed\":%llu,"
           "\"ops_read\":%llu,\"ops_proved\":%llu,\"lost\":%llu,\"twice\":%llu,\"disorder\":%llu,\"wrong_chain\":%llu,"
           "\"unreadable\":%llu,\"fault\":\"",
           (unsigned long long)load->shared.bytes_in, (unsigned long long)load->shared.bytes_out,
           (unsigned long long)load->shared.frames_in, (unsigned long long)load->shared.handshakes,
           (unsigned long long)load->shared.handshakes_resumed, (unsigned long long)read, (unsigned long long)proved,
           (unsigned long long)faults->lost, (unsigned long long)faults->twice, (unsigned long long)faults->disorder,
           (unsigned long long)faults->wrong_chain, (unsigned long long)faults->unreadable);
    for (const char *c = faults->first; *c; c++)
        putchar(*c < ' ' || *c == '"' || *c == '\\' ? '\'' : *c);
    printf("\"}\n");
    fflush(stdout);
}

void report_histogram(const struct group *group)
{
    const char *comma = "";
    printf("{\"event\":\"histogram\",\"group\":\"%s\",\"delivery_us\":[", group->plan.name);
    for (uint32_t step = 0; step < HIST_STEPS; step++) {
        if (group->delivery.steps[step] == 0)
            continue;
        printf("%s[%llu,%u]", comma, (unsigned long long)hist_end_of(step), group->delivery.steps[step]);
        comma = ",";
    }
    printf("]}\n");
    fflush(stdout);
}

void report_clear(struct load *load)
{
    for (size_t i = 0; i < load->workload.count; i++) {
        struct group *group = &load->groups[i];
        group->deliveries = group->asked = group->answered = group->skipped = group->repeated = 0;
        group->notices = group->lost_connections = group->gone = 0;
        hist_clear(&group->delivery);
        hist_clear(&group->answer);
        hist_clear(&group->back);
        hist_clear(&group->first_page);
        hist_clear(&group->joined);
        group->refusals = group->closes = (struct refusals){0};
    }
    load->shared.bytes_in = load->shared.bytes_out = load->shared.frames_in = 0;
    load->shared.handshakes = load->shared.handshakes_resumed = 0;
    load->since_us = load->now_us;
}
