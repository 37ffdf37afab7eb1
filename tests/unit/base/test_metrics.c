#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* What is counted, by several processes, and how it is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/base/metrics.h"
#include "tests/support/suite.h"

static char *text;

static void tell(void)
{
    struct gl_buf out;
    size_t len;
    gl_buf_init(&out, 1 << 20);
    metrics_write(&out, "1.2.3");
    gl_buf_byte(&out, '\0');
    ck_assert_int_eq(out.code, GL_OK);
    free(text);
    text = gl_buf_take(&out, &len);
}

/* A whole line of what was told. */
static void expect(const char *line)
{
    char whole[256];
    tell();
    snprintf(whole, sizeof(whole), "\n%s\n", line);
    ck_assert_msg(strstr(text, whole) != NULL, "no line `%s` in\n%s", line, text);
}

/* Something that a worker does, in a process of its own. */
static void as_worker(unsigned worker, void (*fn)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        metrics_sit(worker);
        fn();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

static void first_does(void)
{
    metric_add(deliveries, 5);
    metric_follow(ops_accepted, 3);
    metric_follow(ops_accepted, 10);
    metric_set(connections, 7);
    metric_set(clock_offset, -1500);
    metric_add_at(ops_refused, GL_E_STALE);
    metrics_event(EV_store_lost);
    metric_observe(commit, 250);
    metric_observe(commit, 251);
}

static void second_does(void)
{
    metric_add(deliveries, 2);
    metric_set(connections, 1);
    metric_add_at(ops_refused, GL_E_STALE);
    metric_observe(commit, 3000000000);
}

static void nothing(void)
{
}

START_TEST(counters__are_of_all_workers_together__gauges_of_each)
{
    metrics_share(2);
    as_worker(0, first_does);
    as_worker(1, second_does);
    expect("gloss_deliveries_total 7");
    expect("gloss_ops_total 10");
    expect("gloss_connections{worker=\"0\"} 7");
    expect("gloss_connections{worker=\"1\"} 1");
    expect("gloss_database_clock_offset_seconds{worker=\"0\"} -1.5");
    expect("gloss_ops_refused_total{reason=\"stale\"} 2");
    expect("gloss_ops_refused_total{reason=\"gone\"} 0");
    expect("gloss_events_total{event=\"store.lost\"} 1");
    expect("gloss_build_info{version=\"1.2.3\"} 1");
}
END_TEST

START_TEST(histogram__counts_what_is_at_most_each_bound)
{
    metrics_share(2);
    as_worker(0, first_does);
    as_worker(1, second_does);
    expect("gloss_commit_seconds_bucket{le=\"0.00025\"} 1");
    expect("gloss_commit_seconds_bucket{le=\"0.0005\"} 2");
    expect("gloss_commit_seconds_bucket{le=\"10\"} 2");
    expect("gloss_commit_seconds_bucket{le=\"+Inf\"} 3");
    expect("gloss_commit_seconds_count 3");
    expect("gloss_commit_seconds_sum 3000.000501");
}
END_TEST

START_TEST(worker__that_succeeds_another__goes_on_counting_and_begins_its_gauges_anew)
{
    metrics_share(2);
    as_worker(0, first_does);
    as_worker(0, nothing);
    expect("gloss_deliveries_total 5");
    expect("gloss_connections{worker=\"0\"} 0");
    ck_assert_ptr_null(strstr(text, "worker=\"1\"")); /* nobody has sat there */
    as_worker(0, first_does);
    expect("gloss_deliveries_total 10");
    expect("gloss_ops_total 20");
    expect("gloss_connections{worker=\"0\"} 7");
    metrics_rise(0);
    expect("gloss_deliveries_total 10");
    ck_assert_ptr_null(strstr(text, "worker=\"0\""));
}
END_TEST

/* Pages of another program for two workers and a supervisor: it counts three things, in its own order. */
static uint64_t *other_pages(struct handover *handover)
{
    enum { CELLS = 4, BYTES = 3 * CELLS * sizeof(uint64_t) + 3 };
    const int fd = memfd_create("other", 0);
    ck_assert_int_eq(ftruncate(fd, BYTES), 0);
    uint64_t *pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(pages, MAP_FAILED);
    for (uint64_t page = 0; page < 3; page++) {
        pages[page * CELLS] = 100 * page;    /* something that is not known here */
        pages[page * CELLS + 1] = 10 + page; /* ops: 33 */
        pages[page * CELLS + 2] = page;      /* of an event: 3 */
        pages[page * CELLS + 3] = 7;         /* connections of each */
    }
    ((char *)&pages[3L * CELLS])[1] = 1; /* somebody sits at the second one */
    handover_init(handover);
    handover_say(handover, "metrics %d 2 %zu", fd, CELLS * sizeof(uint64_t));
    handover_say(handover, "counts 0 gloss_of_tomorrow_total:+0");
    handover_say(handover, "counts 24 gloss_connections:+0");
    handover_say(handover, "counts 8 gloss_ops_total:+0");
    handover_say(handover, "counts 16 gloss_events_total:store.lost");
    return pages;
}

static void goes_on(void)
{
    metric_add(ops_accepted, 2);
    metric_set(connections, 5);
}

START_TEST(pages__of_a_program_that_counts_other_things__are_told_with_ours)
{
    struct handover handover;
    uint64_t *theirs = other_pages(&handover);
    ck_assert(metrics_take_over(&handover, 2));
    ck_assert_int_eq(((char *)&theirs[12])[2], 1); /* they tell nothing any more */
    ck_assert(!metrics_are_told_elsewhere());
    expect("gloss_ops_total 33");
    expect("gloss_events_total{event=\"store.lost\"} 3");
    expect("gloss_deliveries_total 0");
    expect("gloss_connections{worker=\"1\"} 7");
    as_worker(0, goes_on);
    theirs[4 + 1]++; /* one of theirs counts on */
    expect("gloss_ops_total 36");
    expect("gloss_connections{worker=\"0\"} 5");
    metrics_rise(1);
    tell();
    ck_assert_ptr_null(strstr(text, "worker=\"1\""));
    handover_fini(&handover);
    /* And once more under another program, which is like this one. */
    handover_init(&handover);
    metrics_hand_over(&handover);
    expect("gloss_ops_total 36");
    ck_assert(metrics_take_over(&handover, 2));
    expect("gloss_ops_total 36");
    expect("gloss_connections{worker=\"0\"} 5");
    ck_assert(!metrics_are_told_elsewhere());
    handover_fini(&handover);
}
END_TEST

START_TEST(pages__that_are_for_others__are_refused)
{
    struct handover handover;
    handover_init(&handover);
    ck_assert(!metrics_take_over(&handover, 2));
    handover_fini(&handover);
    other_pages(&handover);
    ck_assert(!metrics_take_over(&handover, 3));
    handover_fini(&handover);
}
END_TEST

START_TEST(text__is_what_the_format_wants)
{
    tell();
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *space = strrchr(line, ' ');
        ck_assert_msg(!strncmp(line, "# HELP gloss_", 13) || !strncmp(line, "# TYPE gloss_", 13) ||
                          (!strncmp(line, "gloss_", 6) && space && strspn(space + 1, "0123456789.e+-") == strlen(space + 1)),
                      "%s", line);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, counters__are_of_all_workers_together__gauges_of_each);
    tcase_add_test(tests, histogram__counts_what_is_at_most_each_bound);
    tcase_add_test(tests, worker__that_succeeds_another__goes_on_counting_and_begins_its_gauges_anew);
    tcase_add_test(tests, pages__of_a_program_that_counts_other_things__are_told_with_ours);
    tcase_add_test(tests, pages__that_are_for_others__are_refused);
    tcase_add_test(tests, text__is_what_the_format_wants);
}

int main(void)
{
    return suite_run("metrics", add);
}
