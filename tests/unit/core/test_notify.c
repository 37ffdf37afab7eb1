/* test_notify.c - two workers on one log tell each other: delivery needs no poll, and a notification that is lost costs no more than the poll. */
#include "tests/unit/core/two_people.h"

#define POLL_MS 500

static struct store_head session_at(uint64_t head)
{
    return (struct store_head){.stream = *db_session(bench.db), .head = head};
}

START_TEST(label__made_on_another_worker__is_told_before_the_op_that_has_it)
{
    store_mem_lose_notifications(bench.stores[0], true); /* the poll sees both streams at once, and the session is read faster */
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "label %d", i);
        send_op(ana, op_create(name, "harbour", name));
        loop_sim_run(bench.loop, 600);
        ck_assert_uint_eq(client_op_count(ben), (size_t)i + 1);
        ck_assert_uint_lt(client_position(ben, client_notice(ben, "project.ops", (size_t)i)),
                          client_position(ben, client_notice(ben, "session.ops", (size_t)i)));
    }
}
END_TEST

START_TEST(op__accepted_by_one_worker__comes_to_the_other_ones_people_at_once)
{
    for (size_t i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %zu", i);
        submit(i % 3 ? ana : ben, op_create(name, "quay", NULL));
        ck_assert_uint_eq(client_op_count(ana), i + 1);
        ck_assert_uint_eq(client_op_count(ben), i + 1);
    }
}
END_TEST

START_TEST(label__made_on_one_worker__is_told_on_the_other_one_at_once)
{
    submit(ana, op_create("one", "harbour", "claim"));
    ck_assert_ptr_nonnull(client_notice(ben, "project.ops", 0));
    ck_assert_uint_eq(client_op_count(ben), 1);
}
END_TEST

START_TEST(notification__that_is_lost__costs_no_more_than_the_poll)
{
    store_mem_lose_notifications(bench.stores[0], true);
    submit(ana, op_create("one", "harbour", "claim"));
    ck_assert_uint_eq(client_op_count(ben), 0);
    loop_sim_run(bench.loop, POLL_MS);
    ck_assert_uint_eq(client_op_count(ben), 1);
    ck_assert_ptr_nonnull(client_notice(ben, "project.ops", 0));
}
END_TEST

START_TEST(notifications__that_may_have_been_missed__are_made_up_for_at_once)
{
    store_mem_lose_notifications(bench.stores[0], true);
    submit(ana, op_create("one", "harbour", NULL));
    store_mem_notify_everything(bench.stores[1]);
    store_mem_notify_everything(bench.stores[1]); /* while the first look is under way */
    turn();
    ck_assert_uint_eq(client_op_count(ben), 1);
}
END_TEST

START_TEST(notification__while_an_append_is_under_way__is_followed_when_it_is_over)
{
    store_mem_fault(bench.stores[1], FAULT_LATE, 1);
    submit(ben, op_create("one", "harbour", NULL)); /* is in the log; its worker does not know yet */
    submit(ana, op_create("two", "quay", NULL));
    ck_assert_uint_eq(db_head(bench.db), 2);
    ck_assert_uint_eq(client_op_count(ben), 0);
    store_mem_answer(bench.stores[1]);
    turn();
    ck_assert_uint_eq(client_op_count(ben), 2);
}
END_TEST

START_TEST(notification__of_what_is_there__asks_for_nothing)
{
    submit(ana, op_create("one", "harbour", NULL));
    unsigned before = store_mem_questions(bench.stores[1]);
    struct store_head old = session_at(1), unknown = {.stream = *db_other_session(bench.db, 0), .head = 7};
    store_notify(bench.stores[0], &old, 1);
    store_notify(bench.stores[0], &unknown, 1);
    turn();
    ck_assert_uint_eq(store_mem_questions(bench.stores[1]), before);
}
END_TEST

START_TEST(notification__of_what_never_was__asks_once)
{
    submit(ana, op_create("one", "harbour", NULL));
    unsigned before = store_mem_questions(bench.stores[1]);
    struct store_head never = session_at(1000);
    store_notify(bench.stores[0], &never, 1);
    turn();
    ck_assert_uint_eq(store_mem_questions(bench.stores[1]), before + 1);
    seq_of(ben, submit(ben, op_create("two", "quay", NULL)), 0);
}
END_TEST

START_TEST(join__while_the_log_is_read__has_what_came_after_that_read_began)
{
    submit(ana, op_create("one", "harbour", NULL));
    store_mem_hold_tail(bench.stores[1]);
    submit(ana, op_create("two", "quay", NULL)); /* ben's worker reads it; the answer is on its way */
    store_mem_lose_notifications(bench.stores[0], true);
    submit(ana, op_create("three", "harbour", NULL));
    const json_t *third = json_object_get(client_notice(ana, "session.ops", 2), "params");
    struct client *cem = client_new(&bench, 1, "cem", GL_VIEWER);
    uint64_t join = client_join(cem, json_pack("{s:i, s:O}", "since", 3, "chain", json_object_get(third, "chain")));
    ck_assert_ptr_null(client_answer(cem, join));
    store_mem_answer(bench.stores[1]);
    turn();
    ck_assert_int_eq(json_integer_value(json_object_get(client_result(cem, join), "seq")), 3);
    client_free(&cem);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, notifications");
    TCase *two = tcase_create("two workers");
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_add_test(two, label__made_on_another_worker__is_told_before_the_op_that_has_it);
    tcase_add_test(two, op__accepted_by_one_worker__comes_to_the_other_ones_people_at_once);
    tcase_add_test(two, label__made_on_one_worker__is_told_on_the_other_one_at_once);
    tcase_add_test(two, notification__that_is_lost__costs_no_more_than_the_poll);
    tcase_add_test(two, notifications__that_may_have_been_missed__are_made_up_for_at_once);
    tcase_add_test(two, notification__while_an_append_is_under_way__is_followed_when_it_is_over);
    tcase_add_test(two, notification__of_what_is_there__asks_for_nothing);
    tcase_add_test(two, notification__of_what_never_was__asks_once);
    tcase_add_test(two, join__while_the_log_is_read__has_what_came_after_that_read_began);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
