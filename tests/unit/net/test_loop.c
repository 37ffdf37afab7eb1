/* test_loop.c - the loop: order, freeing within callbacks, descriptors that change under it. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/net/loop_uv.h"
#include "tests/support/suite.h"

#define ENOUGH_MS 120000 /* a bound for what hangs */

static struct loop *loop;
static struct loop_timer *too_late;
static char story[64]; /* what happened, a letter each */

static void tell(char letter)
{
    size_t len = strlen(story);
    ck_assert_uint_lt(len, sizeof story - 1);
    story[len] = letter;
}

static void fail_late(void *ctx)
{
    (void)ctx;
    ck_abort_msg("the loop did not end; so far: %s", story);
}

static void begin(void)
{
    memset(story, 0, sizeof story);
    loop = loop_new();
    too_late = loop_timer_new(loop, fail_late, NULL);
    loop_timer_start(too_late, ENOUGH_MS, 0);
}

/* Also the test that nothing is left on the loop. */
static void end(void)
{
    loop_timer_free(&too_late);
    loop_free(&loop);
    ck_assert_ptr_null(loop);
}

static void stop(void *ctx)
{
    (void)ctx;
    loop_stop(loop);
}

static void tell_letter(void *ctx)
{
    tell(*(char *)ctx);
}

/* ---- deferring */

static void tell_and_defer(void *ctx)
{
    (void)ctx;
    tell('a');
    loop_defer(loop, tell_letter, "c");
    loop_defer(loop, stop, NULL);
    tell('b');
}

START_TEST(defer__from_within__runs_in_the_next_turn_and_in_order)
{
    begin();
    loop_defer(loop, tell_and_defer, NULL);
    loop_defer(loop, tell_letter, "2");
    ck_assert_str_eq(story, "");
    loop_run(loop);
    ck_assert_str_eq(story, "ab2c");
    end();
}
END_TEST

START_TEST(defer__when_the_loop_ends_before__is_dropped)
{
    begin();
    loop_defer(loop, tell_letter, "x");
    end();
    ck_assert_str_eq(story, "");
}
END_TEST

/* ---- timers */

static struct loop_timer *timers[3];

static void free_all_timers(void *ctx)
{
    tell(*(char *)ctx);
    for (int i = 0; i < 3; i++)
        loop_timer_free(&timers[i]);
    loop_defer(loop, stop, NULL);
}

START_TEST(timer__freed_by_another_that_is_due_too__does_not_run)
{
    begin();
    for (int i = 0; i < 3; i++) {
        timers[i] = loop_timer_new(loop, free_all_timers, "t");
        loop_timer_start(timers[i], 5, 0);
    }
    loop_run(loop);
    ck_assert_str_eq(story, "t");
    end();
}
END_TEST

static void tell_three_times(void *ctx)
{
    (void)ctx;
    tell('r');
    if (strlen(story) == 3) {
        loop_timer_stop(timers[0]);
        loop_defer(loop, stop, NULL);
    }
}

static void start_again(void *ctx)
{
    (void)ctx;
    tell('t');
    loop_timer_start(timers[0], 0, 0);
}

START_TEST(timer__that_starts_itself_again_at_once__lets_others_have_their_turn)
{
    begin();
    timers[0] = loop_timer_new(loop, start_again, NULL);
    loop_timer_start(timers[0], 0, 0);
    loop_defer(loop, stop, NULL);
    loop_run(loop);
    ck_assert_uint_le(strlen(story), 2);
    loop_timer_free(&timers[0]);
    end();
}
END_TEST

START_TEST(timer__that_repeats__runs_until_stopped)
{
    begin();
    uint64_t before_ms = loop_now_ms(loop);
    timers[0] = loop_timer_new(loop, tell_three_times, NULL);
    loop_timer_start(timers[0], 1, 2);
    loop_run(loop);
    ck_assert_str_eq(story, "rrr");
    ck_assert_uint_ge(loop_now_ms(loop), before_ms + 5);
    loop_timer_free(&timers[0]);
    loop_timer_free(&timers[0]); /* NULL is fine */
    end();
}
END_TEST

/* ---- waking */

static struct loop_wakeup *wakeup;

static void *wake_often(void *ctx)
{
    for (int i = 0; i < 1000; i++)
        loop_wake(ctx);
    return NULL;
}

static void woken(void *ctx)
{
    (void)ctx;
    loop_wakeup_free(&wakeup);
    tell('w');
    loop_defer(loop, stop, NULL);
}

START_TEST(wakeup__from_another_thread__runs_once_and_may_free_itself)
{
    pthread_t thread;
    begin();
    wakeup = loop_wakeup_new(loop, woken, NULL);
    struct loop_wakeup *lent = wakeup;
    pthread_create(&thread, NULL, wake_often, lent);
    pthread_join(thread, NULL);
    loop_run(loop);
    ck_assert_str_eq(story, "w");
    end();
}
END_TEST

/* ---- descriptors */

static struct loop_watch *watches[2];
static int pair[2], other_pair[2];

static void open_pairs(void)
{
    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, other_pair), 0);
}

static void close_pairs(void)
{
    for (int i = 0; i < 2; i++) {
        loop_watch_free(&watches[i]);
        close(pair[i]);
        close(other_pair[i]);
    }
    end();
}

static void tell_events(void *ctx, int events)
{
    (void)ctx;
    tell(events == LOOP_READ ? 'r' : events == LOOP_WRITE ? 'w' : events == (LOOP_READ | LOOP_WRITE) ? 'b' : '?');
    loop_stop(loop); /* at once: what can be read stays so, and would be told again */
}

START_TEST(watch__says_what_can_be_done)
{
    open_pairs();
    watches[0] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[0], LOOP_WRITE);
    loop_run(loop);
    loop_watch_set(watches[0], LOOP_READ);
    loop_watch_set(watches[0], LOOP_READ);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    loop_run(loop);
    loop_watch_set(watches[0], LOOP_READ | LOOP_WRITE);
    loop_run(loop);
    ck_assert_str_eq(story, "wrb");
    loop_watch_set(watches[0], 0); /* at rest, though there is something */
    loop_defer(loop, stop, NULL);
    loop_run(loop);
    ck_assert_str_eq(story, "wrb");
    close_pairs();
}
END_TEST

START_TEST(watch__when_descriptors_are_exhausted__waits_for_one)
{
    struct rlimit limit, few;
    int taken[64], count = 0;
    open_pairs();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = (struct rlimit){.rlim_cur = 64, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while ((taken[count] = dup(pair[0])) >= 0)
        count++;
    watches[0] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[0], LOOP_READ);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    loop_defer(loop, stop, NULL);
    loop_run(loop);
    ck_assert_str_eq(story, "");
    while (count > 0)
        close(taken[--count]);
    loop_run(loop);
    ck_assert_str_eq(story, "r");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    close_pairs();
}
END_TEST

static void free_both(void *ctx, int events)
{
    (void)ctx, (void)events;
    tell('f');
    loop_watch_free(&watches[0]);
    loop_watch_free(&watches[1]);
    loop_defer(loop, stop, NULL);
}

START_TEST(watch__freed_by_another_in_the_same_turn__is_silent)
{
    open_pairs();
    watches[0] = loop_watch_new(loop, pair[0], free_both, NULL);
    watches[1] = loop_watch_new(loop, other_pair[0], free_both, NULL);
    loop_watch_set(watches[0], LOOP_WRITE);
    loop_watch_set(watches[1], LOOP_WRITE);
    loop_run(loop);
    ck_assert_str_eq(story, "f");
    close_pairs();
}
END_TEST

START_TEST(watch__when_the_other_end_goes__says_so)
{
    open_pairs();
    watches[0] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[0], LOOP_READ);
    close(pair[1]);
    loop_run(loop);
    ck_assert_str_eq(story, "r");
    close_pairs();
}
END_TEST

START_TEST(watch__when_its_number_goes_to_another_file__follows)
{
    /* given */
    open_pairs();
    watches[0] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[0], LOOP_READ);
    /* when: what libpq does between two addresses, seen by the same events */
    ck_assert_int_eq(dup2(other_pair[0], pair[0]), pair[0]);
    loop_watch_set(watches[0], LOOP_READ);
    ck_assert_int_eq(write(other_pair[1], "x", 1), 1);
    loop_run(loop);
    /* then */
    ck_assert_str_eq(story, "r");
    close_pairs();
}
END_TEST

START_TEST(watch__freed_after_its_number_went_to_another_watch__leaves_that_one_alone)
{
    open_pairs();
    watches[0] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[0], LOOP_READ);
    ck_assert_int_eq(dup2(other_pair[0], pair[0]), pair[0]);
    watches[1] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[1], LOOP_READ);
    loop_watch_free(&watches[0]);
    ck_assert_int_eq(write(other_pair[1], "x", 1), 1);
    loop_run(loop);
    ck_assert_str_eq(story, "r");
    close_pairs();
}
END_TEST

START_TEST(watch__of_a_closed_descriptor__rests)
{
    open_pairs();
    watches[0] = loop_watch_new(loop, pair[0], tell_events, NULL);
    loop_watch_set(watches[0], LOOP_READ);
    close(pair[0]);
    loop_watch_set(watches[0], LOOP_READ | LOOP_WRITE);
    loop_defer(loop, stop, NULL);
    loop_run(loop);
    ck_assert_str_eq(story, "");
    close_pairs();
}
END_TEST

START_TEST(watch__of_a_refused_connection__can_be_read_and_written)
{
    begin();
    struct sockaddr_storage address = {.ss_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof address;
    /* A port on which nobody listens: bound, then closed. */
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!connect(fd, (struct sockaddr *)&address, len);
    watches[0] = loop_watch_new(loop, fd, tell_events, NULL);
    loop_watch_set(watches[0], LOOP_WRITE);
    loop_run(loop);
    ck_assert(strcmp(story, "b") == 0 || strcmp(story, "w") == 0);
    loop_watch_free(&watches[0]);
    close(fd);
    end();
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, defer__from_within__runs_in_the_next_turn_and_in_order);
    tcase_add_test(tests, defer__when_the_loop_ends_before__is_dropped);
    tcase_add_test(tests, timer__freed_by_another_that_is_due_too__does_not_run);
    tcase_add_test(tests, timer__that_starts_itself_again_at_once__lets_others_have_their_turn);
    tcase_add_test(tests, timer__that_repeats__runs_until_stopped);
    tcase_add_test(tests, wakeup__from_another_thread__runs_once_and_may_free_itself);
    tcase_add_test(tests, watch__says_what_can_be_done);
    tcase_add_test(tests, watch__when_descriptors_are_exhausted__waits_for_one);
    tcase_add_test(tests, watch__freed_by_another_in_the_same_turn__is_silent);
    tcase_add_test(tests, watch__when_the_other_end_goes__says_so);
    tcase_add_test(tests, watch__when_its_number_goes_to_another_file__follows);
    tcase_add_test(tests, watch__freed_after_its_number_went_to_another_watch__leaves_that_one_alone);
    tcase_add_test(tests, watch__of_a_closed_descriptor__rests);
    tcase_add_test(tests, watch__of_a_refused_connection__can_be_read_and_written);
}

int main(void)
{
    return suite_run("loop", add);
}
