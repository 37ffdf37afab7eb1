/* Jobs given to helpers: real ones, and some that die, say nothing or talk nonsense. The test is the worker, and plays the supervisor's part too. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/auth/password.h"
#include "service/helper/helper.h"
#include "service/helper/helper_client.h"
#include "service/helper/job.h"
#include "service/net/loop_uv.h"
#include "tests/support/suite.h"

enum { SLOTS = 2 };

static struct loop *loop;
static struct seat seat;
static int control; /* the supervisor's end */
static _Atomic uint64_t beats;
static struct helper_client *client;
static struct core_helpers helpers;
static uint64_t generations[SLOTS];
static pid_t pids[SLOTS];
static struct loop_timer *deadline;
static bool is_alone;
static char record[PASSWORD_RECORD_MAX];
static struct gl_text *text;

/* ---- what came back */

struct outcome {
    int calls;
    int order; /* 1: the first answer of all */
    enum gl_code code;
    bool fits;
    size_t count;
    struct gl_candidate best;
};
static int awaited, answered;

static void called(struct outcome *outcome, enum gl_code code)
{
    outcome->calls++;
    outcome->order = ++answered;
    outcome->code = code;
    if (--awaited == 0)
        loop_stop(loop);
}

static void password_checked(void *arg, enum gl_code code, bool fits)
{
    struct outcome *outcome = arg;
    outcome->fits = fits;
    called(outcome, code);
}

static void nearest_found(void *arg, enum gl_code code, const struct gl_candidate *candidates, size_t count)
{
    struct outcome *outcome = arg;
    outcome->count = count;
    if (count)
        outcome->best = candidates[0];
    called(outcome, code);
}

static void check(struct outcome *outcome, const char *stored, const char *password)
{
    awaited++;
    helpers.check_password(helpers.ctx, gl_slice_str(stored), gl_slice_str(password), password_checked, outcome);
    ck_assert_msg(!outcome->calls, "answered within the call");
}

static void search(struct outcome *outcome, const struct gl_text *in, const char *quote)
{
    awaited++;
    helpers.nearest(helpers.ctx, in, gl_slice_str(quote), nearest_found, outcome);
    ck_assert_msg(!outcome->calls, "answered within the call");
}

static void wait_for_all(void)
{
    if (awaited)
        loop_run(loop);
    ck_assert_int_eq(awaited, 0);
}

/* ---- helpers, good and bad */

static int main_real(int fd)
{
    return helper_main(fd, 1 << 20);
}

/* Takes jobs and says nothing, until the worker lets go of it. */
static int main_silent(int fd)
{
    char bytes[256];
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
    return 0;
}

static int main_dying(int fd)
{
    struct job_head head;
    (void)!read(fd, &head, sizeof(head));
    return 0;
}

static int main_nonsense(int fd)
{
    struct job_head head;
    (void)!read(fd, &head, sizeof(head));
    head.body_bytes = UINT64_MAX;
    (void)!write(fd, &head, sizeof(head));
    return main_silent(fd);
}

static void start_helper(unsigned slot, int (*main_fn)(int))
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pids[slot] = fork();
    if (pids[slot] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Nothing of the worker's, as from the supervisor: else a socket that waits unread at its end would outlive it. */
        dup2(pair[1], 3);
        close_range(4, ~0U, 0);
        _exit(main_fn(3));
    }
    close(pair[1]);
    ck_assert(seat_send(control, &(struct seat_message){SEAT_SAYS_HELPER, slot, ++generations[slot]}, pair[0]));
    close(pair[0]);
}

/* What the worker has asked its supervisor for; does it. */
static unsigned expect_kill(void)
{
    struct seat_message message;
    int fd;
    ck_assert_int_eq(seat_receive(control, &message, &fd), 1);
    ck_assert_int_eq(message.kind, SEAT_SAYS_KILL);
    ck_assert_uint_eq(message.generation, generations[message.slot]);
    kill(pids[message.slot], SIGKILL);
    waitpid(pids[message.slot], NULL, 0);
    return message.slot;
}

/* ---- before and after */

static void too_late(void *ctx)
{
    (void)ctx;
    ck_abort_msg("%d answers are missing", awaited);
}

static void alone(void *ctx)
{
    (void)ctx;
    is_alone = true;
    loop_stop(loop);
}

static void open_client(struct helper_limits limits)
{
    client = helper_client_new(loop, &seat, &limits, alone, NULL);
    helpers = helper_client_core(client);
}

static void setup(void)
{
    int ends[2];
    static const char words[] = "Noise in the harbour is measured at three places. The second place is the mole.";
    ck_assert(seat_pair(ends));
    control = ends[0];
    seat = (struct seat){.helpers = SLOTS, .control_fd = ends[1], .beats = &beats};
    loop = loop_new();
    deadline = loop_timer_new(loop, too_late, NULL);
    loop_timer_start(deadline, 200000, 0);
    password_hash(GL_SLICE("correct horse"), record);
    ck_assert(!gl_text_new(gl_slice_of(words, sizeof(words) - 1), &text, NULL));
    open_client((struct helper_limits){.jobs = 8, .job_bytes = 1 << 20, .wait_ms = 100000, .run_ms = 100000});
}

static void teardown(void)
{
    helper_client_free(&client);
    loop_timer_free(&deadline);
    loop_free(&loop);
    gl_text_free(&text);
    close(control);
    close(seat.control_fd);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
}

static void reopen(struct helper_limits limits)
{
    helper_client_free(&client);
    open_client(limits);
}

/* ---- tests */

START_TEST(check_password__says_whether_it_fits)
{
    struct outcome right = {0}, wrong = {0}, unknown = {0};
    start_helper(0, main_real);
    check(&right, record, "correct horse");
    check(&wrong, record, "battery staple");
    check(&unknown, "", "correct horse");
    wait_for_all();
    ck_assert(!right.code && right.fits);
    ck_assert(!wrong.code && !wrong.fits);
    ck_assert(!unknown.code && !unknown.fits);
}
END_TEST

static char hashed[PASSWORD_RECORD_MAX];

static void password_hashed(void *arg, enum gl_code code, struct gl_slice answer)
{
    ck_assert_int_eq(code, GL_OK);
    ck_assert_uint_lt(answer.len, sizeof hashed);
    memcpy(hashed, answer.data, answer.len);
    (void)arg;
    if (!--awaited)
        loop_stop(loop);
}

START_TEST(hash_password__gives_a_record_that_fits)
{
    struct outcome right = {0}, wrong = {0};
    start_helper(0, main_real);
    awaited++;
    helpers.hash_password(helpers.ctx, GL_SLICE("a new one"), password_hashed, NULL);
    wait_for_all();
    check(&right, hashed, "a new one");
    check(&wrong, hashed, "another one");
    wait_for_all();
    ck_assert(!right.code && right.fits);
    ck_assert(!wrong.code && !wrong.fits);
}
END_TEST

START_TEST(nearest__finds_what_the_model_finds)
{
    struct outcome first = {0}, second = {0};
    struct gl_candidate expected[8];
    size_t count;
    ck_assert(!gl_text_nearest(text, GL_SLICE("the harbor is measured"), expected, 8, &count));
    ck_assert_uint_gt(count, 0);
    start_helper(0, main_real);
    search(&first, text, "the harbor is measured");
    wait_for_all();
    search(&second, text, "the harbor is measured"); /* the helper has the text by now */
    wait_for_all();
    ck_assert(!first.code && first.count == count && first.best.begin_cp == expected[0].begin_cp);
    ck_assert(!second.code && second.count == count && second.best.begin_cp == expected[0].begin_cp);
}
END_TEST

/* More texts than a helper keeps, in an order that makes it drop and take them again. */
START_TEST(nearest__many_texts__each_is_searched_itself)
{
    struct gl_text *texts[7];
    struct outcome outcomes[70] = {{0}};
    start_helper(0, main_real);
    reopen((struct helper_limits){.jobs = 100, .job_bytes = 1 << 20, .wait_ms = 100000, .run_ms = 100000});
    for (size_t i = 0; i < 7; i++) {
        char words[64];
        int len = snprintf(words, sizeof(words), "%.*sthe place number %zu", (int)i, "..........", i);
        ck_assert(!gl_text_new(gl_slice_of(words, (size_t)len), &texts[i], NULL));
    }
    for (size_t i = 0; i < 70; i++)
        search(&outcomes[i], texts[i * i % 7], "the plaice number");
    wait_for_all();
    for (size_t i = 0; i < 70; i++)
        ck_assert_msg(!outcomes[i].code && outcomes[i].count && outcomes[i].best.begin_cp == i * i % 7, "job %zu", i);
    for (size_t i = 0; i < 7; i++)
        gl_text_free(&texts[i]);
}
END_TEST

START_TEST(nearest__text_larger_than_a_socket_takes__arrives_whole)
{
    size_t len = 1 << 20;
    char *words = malloc(len);
    struct gl_text *large;
    struct outcome outcome = {0};
    memset(words, 'x', len);
    memcpy(words + len - 19, " a harbour at night", 19);
    ck_assert(!gl_text_new(gl_slice_of(words, len), &large, NULL));
    reopen((struct helper_limits){.jobs = 8, .job_bytes = 2 << 20, .wait_ms = 100000, .run_ms = 150000});
    start_helper(0, main_real);
    search(&outcome, large, "a harbour at night");
    wait_for_all();
    ck_assert_msg(!outcome.code && outcome.count, "%s", gl_code_name(outcome.code));
    ck_assert_uint_eq(outcome.best.begin_cp, len - 18);
    gl_text_free(&large);
    free(words);
}
END_TEST

START_TEST(helper_client__no_helper_yet__jobs_wait_for_one)
{
    struct outcome outcome = {0};
    check(&outcome, record, "correct horse");
    start_helper(1, main_real);
    wait_for_all();
    ck_assert(!outcome.code && outcome.fits);
}
END_TEST

START_TEST(helper_client__too_many_jobs__are_answered_busy_and_the_others_done)
{
    struct outcome outcomes[9] = {{0}};
    for (int i = 0; i < 9; i++)
        check(&outcomes[i], "", "");
    start_helper(0, main_real);
    start_helper(1, main_real);
    wait_for_all();
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(outcomes[i].code, i < 8 ? GL_OK : GL_E_BUSY);
}
END_TEST

START_TEST(helper_client__too_many_bytes__are_answered_busy)
{
    struct outcome first = {0}, second = {0};
    reopen((struct helper_limits){.jobs = 8, .job_bytes = 150, .wait_ms = 100000, .run_ms = 100000});
    search(&first, text, "place");
    search(&second, text, "place");
    start_helper(0, main_real);
    wait_for_all();
    ck_assert_int_eq(first.code, GL_OK);
    ck_assert_int_eq(second.code, GL_E_BUSY);
}
END_TEST

START_TEST(helper_client__job_that_takes_too_long__costs_the_helper_its_life)
{
    struct outcome slow = {0}, next = {0};
    reopen((struct helper_limits){.jobs = 8, .job_bytes = 1 << 20, .wait_ms = 100000, .run_ms = 300});
    start_helper(0, main_silent);
    check(&slow, record, "correct horse");
    wait_for_all();
    ck_assert_int_eq(slow.code, GL_E_BUSY);
    unsigned slot = expect_kill();
    start_helper(slot, main_real);
    check(&next, record, "correct horse");
    wait_for_all();
    ck_assert(next.code == GL_E_BUSY || next.fits); /* BUSY: hashing took longer than 300 ms on this machine */
}
END_TEST

START_TEST(helper_client__job_that_waits_too_long__is_given_up)
{
    struct outcome running = {0}, waiting = {0};
    reopen((struct helper_limits){.jobs = 8, .job_bytes = 1 << 20, .wait_ms = 200, .run_ms = 1000});
    start_helper(0, main_silent);
    check(&running, record, "x");
    search(&waiting, text, "place");
    wait_for_all();
    ck_assert_int_eq(waiting.code, GL_E_BUSY);
    ck_assert_int_eq(running.code, GL_E_BUSY);
}
END_TEST

static int (*const bad_helpers[])(int) = {main_dying, main_nonsense};

START_TEST(helper_client__helper_that_dies_or_talks_nonsense__fails_its_job_only)
{
    struct outcome failed = {0}, next = {0};
    start_helper(0, bad_helpers[_i]);
    check(&failed, record, "correct horse");
    wait_for_all();
    ck_assert_int_eq(failed.code, GL_E_INTERNAL);
    check(&next, record, "correct horse");
    start_helper(0, main_real);
    wait_for_all();
    ck_assert(!next.code && next.fits);
}
END_TEST

START_TEST(helper_client__helper_killed_between_jobs__is_replaced)
{
    struct outcome first = {0}, second = {0};
    start_helper(0, main_real);
    search(&first, text, "the mole");
    wait_for_all();
    kill(pids[0], SIGKILL);
    waitpid(pids[0], NULL, 0);
    start_helper(0, main_real); /* it does not have the text */
    search(&second, text, "the mole");
    wait_for_all();
    /* Whether the job met the dead one or its successor is a race; either way it is answered, and well if by the successor. */
    ck_assert(second.code == GL_E_INTERNAL || (!second.code && second.count));
}
END_TEST

START_TEST(helper_client__passwords__go_before_searches)
{
    struct outcome outcomes[3] = {{0}};
    search(&outcomes[0], text, "place");
    search(&outcomes[1], text, "place");
    check(&outcomes[2], record, "correct horse");
    start_helper(0, main_real);
    wait_for_all();
    ck_assert_int_eq(outcomes[2].order, 1);
}
END_TEST

START_TEST(helper_client_free__jobs_that_are_left__are_answered)
{
    struct outcome running = {0}, waiting = {0};
    start_helper(0, main_silent);
    check(&running, record, "x");
    check(&waiting, record, "x");
    helper_client_free(&client);
    ck_assert(running.calls == 1 && running.code == GL_E_SHUTTING_DOWN);
    ck_assert(waiting.calls == 1 && waiting.code == GL_E_SHUTTING_DOWN);
    kill(pids[0], SIGKILL);
}
END_TEST

START_TEST(helper_client__supervisor_gone__says_so)
{
    close(control);
    control = -1;
    loop_run(loop);
    ck_assert(is_alone);
}
END_TEST

START_TEST(helper_main__message_that_cannot_be_right__ends_the_process)
{
    int pair[2], status;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const struct job_head heads[] = {{.kind = JOB_PASSWORD, .body_bytes = UINT64_MAX}, {.kind = 99}, {.kind = JOB_NEAREST}};
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        _exit(helper_main(pair[1], 1 << 20));
    }
    close(pair[1]);
    ck_assert_int_eq(write(pair[0], &heads[_i], sizeof(heads[_i])), sizeof(heads[_i]));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    close(pair[0]);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, check_password__says_whether_it_fits);
    tcase_add_test(tests, hash_password__gives_a_record_that_fits);
    tcase_add_test(tests, nearest__finds_what_the_model_finds);
    tcase_add_test(tests, nearest__many_texts__each_is_searched_itself);
    tcase_add_test(tests, nearest__text_larger_than_a_socket_takes__arrives_whole);
    tcase_add_test(tests, helper_client__no_helper_yet__jobs_wait_for_one);
    tcase_add_test(tests, helper_client__too_many_jobs__are_answered_busy_and_the_others_done);
    tcase_add_test(tests, helper_client__too_many_bytes__are_answered_busy);
    tcase_add_test(tests, helper_client__job_that_takes_too_long__costs_the_helper_its_life);
    tcase_add_test(tests, helper_client__job_that_waits_too_long__is_given_up);
    tcase_add_loop_test(tests, helper_client__helper_that_dies_or_talks_nonsense__fails_its_job_only, 0, 2);
    tcase_add_test(tests, helper_client__helper_killed_between_jobs__is_replaced);
    tcase_add_test(tests, helper_client__passwords__go_before_searches);
    tcase_add_test(tests, helper_client_free__jobs_that_are_left__are_answered);
    tcase_add_test(tests, helper_client__supervisor_gone__says_so);
    tcase_add_loop_test(tests, helper_main__message_that_cannot_be_right__ends_the_process, 0, 3);
}

int main(void)
{
    return suite_run("helper_client", add);
}
