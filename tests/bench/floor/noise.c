/*
 * bench_noise - how quiet the machine is, while something else is measured: every ten milliseconds it wakes, notes how late, and does a piece of work of
 * always the same size, noting how long. On a machine with nothing else to do both are always the same; what they are beyond that is the machine's noise.
 *
 * usage: bench_noise        until stdin ends; then one line of JSON: microseconds. It takes about one hundredth of one core.
 *        bench_noise alone  the same for three tenths of a second without pause: gaps are time that somebody else had the core.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load/hist.h"

#define EVERY_US   10000u
#define WORK_STEPS 20000u /* about 100 µs */
#define ALONE_US   300000u
#define GAP_US     20u /* longer than any interrupt */

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t work_us(void)
{
    static volatile uint32_t sink;
    uint64_t begun_us = now_us();
    uint32_t value = sink;
    for (uint32_t i = 0; i < WORK_STEPS; i++)
        value = (value ^ i) * 16777619u + (value >> 13);
    sink = value;
    return now_us() - begun_us;
}

static void print(const char *name, const struct hist *hist)
{
    printf("\"%s\":{\"count\":%llu,\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"max\":%llu}", name, (unsigned long long)hist->count,
           (unsigned long long)hist_at(hist, 500000), (unsigned long long)hist_at(hist, 900000),
           (unsigned long long)hist_at(hist, 990000), (unsigned long long)hist->largest_us);
}

static void alone(void)
{
    uint64_t begun_us = now_us(), last_us = begun_us, lost_us = 0, longest_us = 0;
    while (last_us - begun_us < ALONE_US) {
        uint64_t at_us = now_us(), gap_us = at_us - last_us;
        if (gap_us > GAP_US)
            lost_us += gap_us;
        if (gap_us > longest_us)
            longest_us = gap_us;
        last_us = at_us;
    }
    printf("{\"lost\":%.4f,\"longest_gap_us\":%llu}\n", (double)lost_us / (double)(last_us - begun_us),
           (unsigned long long)longest_us);
}

static void beside(void)
{
    static struct hist late, work;
    struct pollfd stdin_poll = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t due_us = now_us() + EVERY_US;
    char byte;
    while (true) {
        uint64_t before_us = now_us();
        struct timespec left = {0, due_us > before_us ? (long)(due_us - before_us) * 1000 : 0};
        if (ppoll(&stdin_poll, 1, &left, NULL) > 0 && read(STDIN_FILENO, &byte, 1) <= 0)
            break;
        uint64_t at_us = now_us();
        if (at_us < due_us)
            continue;
        hist_add(&late, at_us - due_us);
        hist_add(&work, work_us());
        due_us = now_us() + EVERY_US;
    }
    printf("{");
    print("late_us", &late);
    printf(",");
    print("work_us", &work);
    printf("}\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "alone") == 0)
        alone();
    else
        beside();
    return 0;
}
