/* What worker and supervisor say to each other. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/base/seat.h"
#include "tests/support/suite.h"

static int ends[2];
static _Atomic uint64_t beats;
static struct seat seat;

static void setup(void)
{
    ck_assert(seat_pair(ends));
    seat = (struct seat){.helpers = 2, .control_fd = ends[1], .beats = &beats};
}

START_TEST(seat__worker_speaks__supervisor_hears)
{
    struct seat_message message;
    int fd;
    ck_assert_int_eq(seat_receive(ends[0], &message, &fd), 0);
    seat_say_ready(&seat);
    seat_kill_helper(&seat, 1, 77);
    seat_beat(&seat);
    ck_assert_int_eq(seat_receive(ends[0], &message, &fd), 1);
    ck_assert_int_eq(message.kind, SEAT_SAYS_READY);
    ck_assert_int_eq(seat_receive(ends[0], &message, &fd), 1);
    ck_assert(message.kind == SEAT_SAYS_KILL && message.slot == 1 && message.generation == 77 && fd == -1);
    ck_assert_uint_eq(beats, 1);
}
END_TEST

START_TEST(seat_read__descriptor_of_a_helper__arrives_and_works)
{
    struct seat_helper helper;
    int sent[2];
    char byte = 0;
    ck_assert_int_eq(seat_read(&seat, &helper), SEAT_NOTHING);
    ck_assert_int_eq(pipe(sent), 0);
    ck_assert(seat_send(ends[0], &(struct seat_message){SEAT_SAYS_HELPER, 1, 5}, sent[1]));
    close(sent[1]);
    ck_assert_int_eq(seat_read(&seat, &helper), SEAT_HELPER);
    ck_assert(helper.slot == 1 && helper.generation == 5);
    ck_assert(fcntl(helper.fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(write(helper.fd, "x", 1), 1);
    ck_assert_int_eq(read(sent[0], &byte, 1), 1);
    close(helper.fd);
    ck_assert_int_eq(read(sent[0], &byte, 1), 0); /* nobody else holds it */
}
END_TEST

START_TEST(seat_read__helper_for_a_slot_that_is_not_there__is_let_go)
{
    struct seat_helper helper;
    int sent[2];
    char byte;
    ck_assert_int_eq(pipe(sent), 0);
    ck_assert(seat_send(ends[0], &(struct seat_message){SEAT_SAYS_HELPER, 9, 5}, sent[1]));
    close(sent[1]);
    ck_assert_int_eq(seat_read(&seat, &helper), SEAT_NOTHING);
    ck_assert_int_eq(read(sent[0], &byte, 1), 0);
}
END_TEST

START_TEST(seat_read__supervisor_gone__is_alone)
{
    struct seat_helper helper;
    close(ends[0]);
    ck_assert_int_eq(seat_read(&seat, &helper), SEAT_ALONE);
    seat_say_ready(&seat); /* nobody hears it; no signal either */
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, seat__worker_speaks__supervisor_hears);
    tcase_add_test(tests, seat_read__descriptor_of_a_helper__arrives_and_works);
    tcase_add_test(tests, seat_read__helper_for_a_slot_that_is_not_there__is_let_go);
    tcase_add_test(tests, seat_read__supervisor_gone__is_alone);
}

int main(void)
{
    return suite_run("seat", add);
}
