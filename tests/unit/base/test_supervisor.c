/* The supervisor with tiny children: it runs in a process of its own, and everybody reports through one pipe. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/base/supervisor_priv.h"
#include "tests/support/suite.h"

enum { WAIT_MS = 110000 }; /* a bound for what hangs */

/* What the children and the supervisor say. */
enum what {
    STARTED,
    TERMINATED,
    HUNG_UP,
    READY,
    HELPER_STARTED,
    HELPER_ARRIVED,
    HELPER_ENDED,
    KEEPER_STARTED,
    TOLD_TO_MOVE,
    REHEARSED,
    EXCHANGED
};
struct event {
    enum what what;
    unsigned worker;
    pid_t pid;
    uint64_t at_ms;
};
/* How workers behave; in memory that all processes share, so that a test can change it. */
struct script {
    bool rehearsal_hangs, never_ready, successor_dies, dies_at_once, stands_still, ignores_term, accepts;
    int exit_code;
    int start_ms;         /* until it is ready */
    int rehearsal_status; /* of the program that is to go on */
    int exchanges;        /* how often it was to be run here */
};
static struct script *script;
static int events_read, events_write;
static pid_t supervisor;
static struct listener listener;
static struct supervisor_plan plan;

static void tell(enum what what, unsigned worker)
{
    struct event event = {what, worker, getpid(), clock_monotonic_ms()};
    ck_assert_int_eq(write(events_write, &event, sizeof(event)), sizeof(event));
}

/* ---- the children */

static void answer_one(int listening)
{
    int fd = accept(listening, NULL, NULL);
    if (fd >= 0) {
        (void)!write(fd, "x", 1);
        close(fd);
    }
}

static void take_helpers(struct seat *seat)
{
    struct seat_helper helper;
    enum seat_news news;
    while ((news = seat_read(seat, &helper)) == SEAT_HELPER) {
        tell(HELPER_ARRIVED, seat->worker);
        /* Not closed: that would end the helper. */
    }
    if (news == SEAT_ALONE)
        _exit(1);
}

static int worker_loop(struct seat *seat, int signals)
{
    struct pollfd polls[] = {{.fd = signals, .events = POLLIN},
                             {.fd = seat->control_fd, .events = POLLIN},
                             {.fd = script->accepts ? seat->listen_fds[0] : -1, .events = POLLIN}};
    for (;;) {
        poll(polls, 3, (int)seat->beat_every_ms);
        if (!script->stands_still)
            seat_beat(seat);
        if (polls[1].revents)
            take_helpers(seat);
        if (polls[2].revents)
            answer_one(seat->listen_fds[0]);
        struct signalfd_siginfo info;
        while (polls[0].revents && read(signals, &info, sizeof(info)) == sizeof(info)) {
            tell(info.ssi_signo == SIGTERM ? TERMINATED : info.ssi_signo == SIGUSR2 ? TOLD_TO_MOVE : HUNG_UP, seat->worker);
            if (info.ssi_signo != SIGHUP && !script->ignores_term)
                return 0;
        }
    }
}

static int worker_main(void *ctx, struct seat *seat)
{
    sigset_t wanted;
    (void)ctx;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    sigaddset(&wanted, SIGUSR2);
    tell(STARTED, seat->worker);
    if (script->exit_code || script->dies_at_once)
        _exit(script->dies_at_once ? 1 : script->exit_code);
    if (seat->is_successor && script->successor_dies)
        _exit(1);
    poll(NULL, 0, script->start_ms);
    if (!script->never_ready)
        seat_say_ready(seat);
    return worker_loop(seat, signalfd(-1, &wanted, SFD_NONBLOCK));
}

static int helper_main(void *ctx, int fd)
{
    char byte;
    (void)ctx;
    tell(HELPER_STARTED, 0);
    (void)!read(fd, &byte, 1);
    tell(HELPER_ENDED, 0);
    return 0;
}

static int keeper_main(void *ctx)
{
    (void)ctx;
    tell(KEEPER_STARTED, 0);
    pause();
    return 0;
}

static int rehearse(void *ctx)
{
    (void)ctx;
    tell(REHEARSED, 0);
    while (script->rehearsal_hangs)
        pause();
    return script->rehearsal_status;
}

/* No other program can be run: who comes back from this goes on. */
static void exchange(void *ctx, struct handover *handover)
{
    (void)ctx;
    script->exchanges += handover_next(handover, "supervisor", NULL) && handover_next(handover, "worker", NULL);
    errno = ENOEXEC;
    tell(EXCHANGED, 0);
}

static void say_ready(void *ctx)
{
    (void)ctx;
    tell(READY, 0);
}

/* ---- the test's side */

static void setup(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    events_read = ends[0];
    events_write = ends[1];
    script = mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    plan = (struct supervisor_plan){.workers = 1,
                                    .drain_ms = 60000,
                                    .successor_ms = 60000,
                                    .watchdog_ms = 60000,
                                    .listener = &listener,
                                    .worker_main = worker_main,
                                    .helper_main = helper_main,
                                    .keeper_main = keeper_main,
                                    .ready = say_ready,
                                    .final_first = 2,
                                    .final_last = 7,
                                    .always_final = 5};
}

static void start(void)
{
    struct gl_err err;
    char address[] = "127.0.0.1", *list[] = {address};
    ck_assert_msg(!listener_open(&listener, list, 1, 0, plan.workers, &err), "%s", err.detail);
    fflush(NULL);
    supervisor = fork();
    if (supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* with the test, if that fails */
        close(events_read);
        log_init(LOG_ERROR, LOG_TEXT);
        _exit(supervisor_run(&plan));
    }
    close(events_write);
}

/* What has come and nobody has waited for yet: processes speak in no order. */
static struct event waiting[256];
static size_t waiting_count;

static bool take_waiting(enum what what, struct event *event)
{
    for (size_t i = 0; i < waiting_count; i++)
        if (waiting[i].what == what) {
            *event = waiting[i];
            memmove(waiting + i, waiting + i + 1, (--waiting_count - i) * sizeof(*waiting));
            return true;
        }
    return false;
}

/* False: the pipe ended, so nobody lives any more. */
static bool read_event(uint64_t deadline, enum what what)
{
    struct pollfd ready = {.fd = events_read, .events = POLLIN};
    uint64_t now = clock_monotonic_ms();
    ck_assert_msg(now < deadline && poll(&ready, 1, (int)(deadline - now)) == 1, "waited in vain for event %d", (int)what);
    ck_assert_uint_lt(waiting_count, sizeof(waiting) / sizeof(*waiting));
    return read(events_read, &waiting[waiting_count++], sizeof(*waiting)) == sizeof(*waiting);
}

/* The oldest event of that kind that was not taken yet. */
static struct event await(enum what what)
{
    struct event event;
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (!take_waiting(what, &event))
        ck_assert_msg(read_event(deadline, what), "everybody is dead; event %d will not come", (int)what);
    return event;
}

static void await_all_dead(void)
{
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (read_event(deadline, (enum what)99))
        ;
}

static int finish(void)
{
    int status;
    await_all_dead();
    ck_assert_int_eq(waitpid(supervisor, &status, 0), supervisor);
    ck_assert_msg(WIFEXITED(status), "the supervisor died: %x", (unsigned)status);
    return WEXITSTATUS(status);
}

static int stop(void)
{
    kill(supervisor, SIGTERM);
    return finish();
}

/* ---- tests */

START_TEST(supervisor__when_every_worker_has_said_so__is_ready_and_ends_in_order)
{
    plan.workers = 3;
    start();
    for (int i = 0; i < 3; i++)
        await(STARTED);
    await(READY);
    kill(supervisor, SIGTERM);
    for (int i = 0; i < 3; i++)
        await(TERMINATED);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(supervisor__worker_that_is_killed__is_started_again_at_once)
{
    plan.workers = 2;
    start();
    struct event first = await(STARTED);
    await(STARTED);
    await(READY);
    kill(first.pid, SIGKILL);
    uint64_t killed_ms = clock_monotonic_ms();
    struct event second = await(STARTED);
    ck_assert_uint_eq(second.worker, first.worker);
    ck_assert_int_ne(second.pid, first.pid);
    printf("started again after %d ms\n", (int)(second.at_ms - killed_ms));
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__keeper_that_is_killed__is_started_again_and_ends_with_the_service)
{
    plan.keepers = 2;
    start();
    struct event first = await(KEEPER_STARTED), other = await(KEEPER_STARTED), worker = await(STARTED);
    await(READY);
    kill(first.pid, SIGKILL);
    struct event second = await(KEEPER_STARTED);
    ck_assert_int_ne(second.pid, first.pid);
    ck_assert_int_ne(second.pid, other.pid);
    /* It belongs to no worker: the end of one is nothing to it. */
    kill(worker.pid, SIGKILL);
    await(STARTED);
    ck_assert_int_eq(kill(second.pid, 0), 0);
    ck_assert_int_eq(stop(), 0);
    ck_assert_int_ne(kill(second.pid, 0), 0);
    ck_assert_int_ne(kill(other.pid, 0), 0);
}
END_TEST

START_TEST(supervisor__worker_that_keeps_dying__is_started_again_with_growing_pauses)
{
    start();
    struct event event = await(STARTED);
    await(READY);
    script->dies_at_once = true;
    kill(event.pid, SIGKILL);
    uint64_t starts[5];
    for (int i = 0; i < 5; i++)
        starts[i] = await(STARTED).at_ms;
    ck_assert_uint_ge(starts[3] - starts[2], 100);
    ck_assert_uint_ge(starts[4] - starts[3], 200);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__worker_that_had_been_ready__is_back_within_a_second_however_often_it_fell)
{
    struct child one = {0}, other = {0};
    for (uint64_t now = 10000; one.falls < 20; now++) {
        one.started_ms = other.started_ms = now;
        supervisor_postpone(&one, true, now + 10);
        supervisor_postpone(&other, false, now + 10);
        ck_assert_uint_le(one.start_at_ms - now, 500);
    }
    ck_assert_uint_ge(other.start_at_ms - other.started_ms, 5000);
}
END_TEST

START_TEST(supervisor__workers_that_die_before_anything_was_ready__end_the_service)
{
    script->dies_at_once = true;
    start();
    for (int i = 0; i < 5; i++)
        await(STARTED);
    ck_assert_int_eq(finish(), 1);
}
END_TEST

START_TEST(supervisor__worker_that_cannot_start__ends_the_service_with_its_code)
{
    plan.workers = 2;
    script->exit_code = 7;
    start();
    ck_assert_int_eq(finish(), 7);
}
END_TEST

START_TEST(supervisor__final_code_once_ready__is_like_a_crash_but_for_the_schema)
{
    start();
    struct event event = await(STARTED);
    await(READY);
    script->exit_code = 7;
    kill(event.pid, SIGKILL);
    await(STARTED);
    await(STARTED);
    script->exit_code = 5;
    ck_assert_int_eq(finish(), 5);
}
END_TEST

START_TEST(supervisor__worker_whose_loop_stands_still__is_killed_and_replaced)
{
    plan.watchdog_ms = 1000;
    start();
    struct event first = await(STARTED);
    await(READY);
    script->stands_still = true;
    struct event second = await(STARTED);
    ck_assert_int_ne(second.pid, first.pid);
    ck_assert_uint_ge(second.at_ms - first.at_ms, 1000);
    script->stands_still = false;
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__worker_that_took_long_to_start__has_its_time_from_then_on)
{
    plan.watchdog_ms = 1500; /* three times that to start in */
    script->start_ms = 2000;
    start();
    struct event first = await(STARTED);
    await(READY);
    kill(supervisor, SIGHUP);
    ck_assert_int_eq(await(HUNG_UP).pid, first.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__worker_that_was_stopped__is_killed_though_it_cannot_abort)
{
    plan.watchdog_ms = 1000;
    start();
    struct event first = await(STARTED);
    await(READY);
    kill(first.pid, SIGSTOP);
    ck_assert_int_ne(await(STARTED).pid, first.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__that_was_stopped_itself__kills_nobody)
{
    plan.watchdog_ms = 1500;
    start();
    struct event first = await(STARTED);
    await(READY);
    kill(supervisor, SIGSTOP);
    kill(first.pid, SIGSTOP);
    poll(NULL, 0, 4000); /* a frozen machine: this is what is being tested, not a wait for something */
    kill(supervisor, SIGCONT);
    poll(NULL, 0, 20);
    kill(first.pid, SIGCONT);
    kill(supervisor, SIGHUP);
    ck_assert_int_eq(await(HUNG_UP).pid, first.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__when_it_is_killed__all_children_die)
{
    plan.workers = 2;
    plan.helpers = 2;
    start();
    await(READY);
    for (int i = 0; i < 4; i++)
        await(HELPER_ARRIVED);
    kill(supervisor, SIGKILL);
    await_all_dead();
}
END_TEST

START_TEST(supervisor__worker_that_does_not_end__is_killed_after_the_drain_time)
{
    plan.drain_ms = 300;
    script->ignores_term = true;
    start();
    await(READY);
    uint64_t told_ms = clock_monotonic_ms();
    ck_assert_int_eq(stop(), 1);
    ck_assert_uint_ge(clock_monotonic_ms() - told_ms, 300);
}
END_TEST

/* Who is asked so often passes it on each time but the last, and then kills. */
static void ask_to_end(int signal_number, int times)
{
    script->ignores_term = true;
    start();
    await(READY);
    for (int i = 1; i < times; i++) {
        kill(supervisor, signal_number);
        await(TERMINATED);
    }
    kill(supervisor, signal_number);
    ck_assert_int_eq(finish(), 1);
}

START_TEST(supervisor__asked_twice_to_end__does_not_wait)
{
    ask_to_end(SIGINT, 2);
}
END_TEST

START_TEST(supervisor__told_to_hurry__passes_it_on__and_kills_the_third_time)
{
    plan.move_ms = 60000;
    ask_to_end(SIGTERM, 3);
}
END_TEST

START_TEST(supervisor__restart__replaces_one_after_the_other__and_nobody_goes_before_his_successor_is_ready)
{
    plan.workers = 2;
    plan.helpers = 1;
    start();
    struct event old[2] = {await(STARTED), await(STARTED)};
    await(READY);
    for (int round = 0; round < 2; round++) { /* the second time they go back to where the first ones sat */
        kill(supervisor, SIGUSR2);
        struct event fresh[2], told[2];
        for (int i = 0; i < 2; i++) {
            fresh[i] = await(STARTED);
            told[i] = await(TOLD_TO_MOVE);
            ck_assert_uint_eq((fresh[i].worker + 2) % 4, told[i].worker);
            ck_assert(told[i].pid == old[0].pid || told[i].pid == old[1].pid);
            ck_assert_uint_ge(told[i].at_ms, fresh[i].at_ms);
        }
        ck_assert_int_ne(told[0].pid, told[1].pid);
        ck_assert_uint_ge(fresh[1].at_ms, told[0].at_ms);
        memcpy(old, fresh, sizeof(old));
        while (!kill(told[1].pid, 0)) /* it is waited for: only then may they be replaced once more */
            poll(NULL, 0, 10);
    }
    kill(old[0].pid, SIGKILL); /* a successor that dies is a worker that dies */
    ck_assert_uint_eq(await(STARTED).worker, old[0].worker);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__successor_that_fails__changes_nothing)
{
    start();
    struct event first = await(STARTED);
    await(READY);
    script->successor_dies = true;
    kill(supervisor, SIGUSR2);
    struct event failed = await(STARTED);
    while (!kill(failed.pid, 0))
        poll(NULL, 0, 10);
    ck_assert_int_eq(kill(first.pid, 0), 0);
    script->successor_dies = false;
    kill(supervisor, SIGUSR2);
    ck_assert_int_ne(await(STARTED).pid, failed.pid);
    ck_assert_int_eq(await(TOLD_TO_MOVE).pid, first.pid);
    while (!kill(first.pid, 0))
        poll(NULL, 0, 10);
    kill(supervisor, SIGHUP);
    ck_assert_int_ne(await(HUNG_UP).pid, first.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__successor_that_does_not_get_ready__is_killed)
{
    plan.successor_ms = 300;
    plan.watchdog_ms = 0;
    start();
    struct event first = await(STARTED);
    await(READY);
    script->never_ready = true;
    kill(supervisor, SIGUSR2);
    struct event late = await(STARTED);
    while (!kill(late.pid, 0))
        poll(NULL, 0, 10);
    ck_assert_int_eq(kill(first.pid, 0), 0);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

/* The successor's time is over long since, and it was in time: a supervisor that counted it still would never wait again. */
START_TEST(supervisor__whose_old_worker_takes_its_time_to_go__waits_for_that)
{
    struct worker_child seats[] = {{.child.pid = fork(), .is_wanted = true}, {.is_ready = true}};
    if (seats[0].child.pid == 0)
        for (;;)
            pause();
    struct supervisor sup = {.plan = &plan, .seats = 2, .workers = seats, .is_restarting = true, .restart_by_ms = 1000};
    supervisor_restart_look(&sup, 900);
    ck_assert(seats[1].is_wanted);
    ck_assert_uint_eq(supervisor_restart_due(&sup, 2500), 2500);
    ck_assert_int_eq(waitpid(seats[0].child.pid, NULL, 0), seats[0].child.pid); /* of being told to go */
}
END_TEST

START_TEST(supervisor__program_that_cannot_go_on_from_here__changes_nothing)
{
    plan.rehearse = rehearse;
    plan.exchange = exchange;
    plan.keepers = 1;
    start();
    struct event first = await(STARTED), keeper = await(KEEPER_STARTED);
    await(READY);
    script->rehearsal_status = 7;
    for (int round = 0; round < 2; round++) {
        kill(supervisor, SIGUSR2);
        struct event rehearsed = await(REHEARSED);
        while (!kill(rehearsed.pid, 0))
            poll(NULL, 0, 10);
    }
    ck_assert_int_eq(script->exchanges, 0);
    ck_assert_int_eq(kill(keeper.pid, 0), 0);
    script->rehearsal_status = 0;
    kill(supervisor, SIGUSR2);
    await(EXCHANGED);
    ck_assert_int_ne(await(KEEPER_STARTED).pid, keeper.pid); /* they had been ended for it */
    ck_assert_int_eq(script->exchanges, 1);
    kill(supervisor, SIGHUP);
    ck_assert_int_eq(await(HUNG_UP).pid, first.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__rehearsal_that_takes_too_long__is_ended__and_one_that_is_under_way_ends_with_the_service)
{
    plan.rehearse = rehearse;
    plan.exchange = exchange;
    plan.successor_ms = 300;
    plan.watchdog_ms = 0;
    script->rehearsal_hangs = true;
    start();
    await(READY);
    kill(supervisor, SIGUSR2);
    struct event late = await(REHEARSED);
    while (!kill(late.pid, 0))
        poll(NULL, 0, 10);
    kill(supervisor, SIGUSR2);
    await(REHEARSED);
    ck_assert_int_eq(stop(), 0);
    ck_assert_int_eq(script->exchanges, 0);
}
END_TEST

START_TEST(supervisor__hangup__is_passed_on_to_every_worker)
{
    plan.workers = 2;
    start();
    await(READY);
    kill(supervisor, SIGHUP);
    unsigned first = await(HUNG_UP).worker;
    ck_assert_uint_ne(await(HUNG_UP).worker, first);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__helper_that_is_killed__is_replaced_and_its_worker_gets_the_new_one)
{
    plan.helpers = 1;
    start();
    struct event worker = await(STARTED), helper = await(HELPER_STARTED);
    await(HELPER_ARRIVED);
    kill(helper.pid, SIGKILL);
    ck_assert_int_ne(await(HELPER_STARTED).pid, helper.pid);
    ck_assert_int_eq(await(HELPER_ARRIVED).pid, worker.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

START_TEST(supervisor__worker_that_dies__takes_its_helpers_along_and_gets_new_ones)
{
    plan.helpers = 2;
    start();
    struct event worker = await(STARTED);
    await(HELPER_ARRIVED);
    await(HELPER_ARRIVED);
    kill(worker.pid, SIGKILL);
    worker = await(STARTED);
    ck_assert_int_eq(await(HELPER_ARRIVED).pid, worker.pid);
    ck_assert_int_eq(await(HELPER_ARRIVED).pid, worker.pid);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

/* Who connects while the only worker is dead waits in its socket's queue. */
START_TEST(supervisor__connection_made_while_the_worker_is_dead__is_taken_by_its_successor)
{
    script->accepts = true;
    start();
    struct event worker = await(STARTED);
    await(READY);
    script->dies_at_once = true;
    kill(worker.pid, SIGKILL);
    await(STARTED);
    await(STARTED);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(listener.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    listener_close(&listener); /* this process's copy */
    script->dies_at_once = false;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;
    ck_assert_int_eq(poll(&ready, 1, WAIT_MS), 1);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    close(fd);
    ck_assert_int_eq(stop(), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, supervisor__when_every_worker_has_said_so__is_ready_and_ends_in_order);
    tcase_add_test(tests, supervisor__worker_that_is_killed__is_started_again_at_once);
    tcase_add_test(tests, supervisor__keeper_that_is_killed__is_started_again_and_ends_with_the_service);
    tcase_add_test(tests, supervisor__worker_that_keeps_dying__is_started_again_with_growing_pauses);
    tcase_add_test(tests, supervisor__worker_that_had_been_ready__is_back_within_a_second_however_often_it_fell);
    tcase_add_test(tests, supervisor__workers_that_die_before_anything_was_ready__end_the_service);
    tcase_add_test(tests, supervisor__worker_that_cannot_start__ends_the_service_with_its_code);
    tcase_add_test(tests, supervisor__final_code_once_ready__is_like_a_crash_but_for_the_schema);
    tcase_add_test(tests, supervisor__worker_whose_loop_stands_still__is_killed_and_replaced);
    tcase_add_test(tests, supervisor__worker_that_took_long_to_start__has_its_time_from_then_on);
    tcase_add_test(tests, supervisor__worker_that_was_stopped__is_killed_though_it_cannot_abort);
    tcase_add_test(tests, supervisor__that_was_stopped_itself__kills_nobody);
    tcase_add_test(tests, supervisor__when_it_is_killed__all_children_die);
    tcase_add_test(tests, supervisor__worker_that_does_not_end__is_killed_after_the_drain_time);
    tcase_add_test(tests, supervisor__asked_twice_to_end__does_not_wait);
    tcase_add_test(tests, supervisor__told_to_hurry__passes_it_on__and_kills_the_third_time);
    tcase_add_test(tests, supervisor__restart__replaces_one_after_the_other__and_nobody_goes_before_his_successor_is_ready);
    tcase_add_test(tests, supervisor__successor_that_fails__changes_nothing);
    tcase_add_test(tests, supervisor__successor_that_does_not_get_ready__is_killed);
    tcase_add_test(tests, supervisor__whose_old_worker_takes_its_time_to_go__waits_for_that);
    tcase_add_test(tests, supervisor__program_that_cannot_go_on_from_here__changes_nothing);
    tcase_add_test(tests, supervisor__rehearsal_that_takes_too_long__is_ended__and_one_that_is_under_way_ends_with_the_service);
    tcase_add_test(tests, supervisor__hangup__is_passed_on_to_every_worker);
    tcase_add_test(tests, supervisor__helper_that_is_killed__is_replaced_and_its_worker_gets_the_new_one);
    tcase_add_test(tests, supervisor__worker_that_dies__takes_its_helpers_along_and_gets_new_ones);
    tcase_add_test(tests, supervisor__connection_made_while_the_worker_is_dead__is_taken_by_its_successor);
}

int main(void)
{
    return suite_run("supervisor", add);
}
