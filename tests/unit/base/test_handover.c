/* What one program leaves to the next in the same process. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/base/handover.h"
#include "service/base/listener.h"
#include "service/base/mem.h"
#include "tests/support/suite.h"

START_TEST(lines__are_found_by_their_word__whatever_else_there_is)
{
    struct handover one, other;
    handover_init(&one);
    handover_say(&one, "fish %d", 1);
    handover_say(&one, "fishes 2");
    handover_say(&one, "of a newer program: %s", "whatever");
    handover_say(&one, "fish 3 and more");
    ck_assert(handover_seal(&one));
    ck_assert_int_eq(handover_open(&other), 1);
    ck_assert_ptr_null(getenv("GLOSSD_HANDOVER")); /* nobody that is started from here finds it */
    const char *line = handover_next(&other, "fish", NULL);
    ck_assert_str_eq(line, "1");
    line = handover_next(&other, "fish", line);
    ck_assert_str_eq(line, "3 and more");
    ck_assert_ptr_null(handover_next(&other, "fish", line));
    ck_assert_ptr_null(handover_next(&other, "bird", NULL));
    one.fd = -1; /* it is the other's */
    handover_fini(&one);
    handover_fini(&other);
}
END_TEST

START_TEST(what_is_none_or_anothers__is_not_taken)
{
    struct handover handover;
    ck_assert_int_eq(handover_open(&handover), 0);
    handover_fini(&handover);
    setenv("GLOSSD_HANDOVER", "1:0", true); /* another process's: it came with the environment */
    ck_assert_int_eq(handover_open(&handover), 0);
    handover_fini(&handover);
}
END_TEST

START_TEST(another_format__is_not_understood)
{
    struct handover handover;
    handover_init(&handover);
    handover.lines.len = 0;
    handover_say(&handover, "glossd %d", HANDOVER_FORMAT + 1);
    ck_assert(handover_seal(&handover));
    handover.fd = -1;
    handover_fini(&handover);
    ck_assert_int_eq(handover_open(&handover), -1);
    handover_fini(&handover);
}
END_TEST

static bool stays_open(int fd)
{
    return !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

START_TEST(sockets__stay_open_until_they_are_taken_over)
{
    struct gl_err err;
    struct handover handover;
    struct listener before, after;
    char address[] = "127.0.0.1", *list[] = {address};
    ck_assert_msg(!listener_open(&before, list, 1, 0, 2, &err), "%s", err.detail);
    for (int round = 0; round < 2; round++) { /* the first time the other program cannot be run */
        handover_init(&handover);
        listener_hand_over(&before, &handover);
        ck_assert(stays_open(before.fds[0]) && stays_open(before.fds[1]));
        if (round == 0) {
            handover_undo(&handover);
            ck_assert(!stays_open(before.fds[0]) && !stays_open(before.fds[1]));
            handover_fini(&handover);
        }
    }
    ck_assert(listener_take_over(&after, &handover));
    ck_assert(!stays_open(after.fds[0]) && !stays_open(after.fds[1]));
    ck_assert_uint_eq(after.port, before.port);
    ck_assert_str_eq(after.host, before.host);
    ck_assert_int_eq(listener_set(&after, 1)[0], listener_set(&before, 1)[0]);
    handover_fini(&handover);
    mem_free(&before.fds);
    listener_close(&after);
    ck_assert(!listener_take_over(&after, &(struct handover){.fd = -1}));
    listener_close(&after);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, lines__are_found_by_their_word__whatever_else_there_is);
    tcase_add_test(tests, what_is_none_or_anothers__is_not_taken);
    tcase_add_test(tests, another_format__is_not_understood);
    tcase_add_test(tests, sockets__stay_open_until_they_are_taken_over);
}

int main(void)
{
    return suite_run("handover", add);
}
