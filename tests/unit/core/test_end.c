/* test_end.c - the end of a worker: people are moved or told, and what was asked is answered. */
#include "tests/unit/core/two_people.h"

static void set_true(void *flag)
{
    *(bool *)flag = true;
}

START_TEST(drain__finishes_what_waits_and_says_goodbye)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    static bool is_done;
    core_drain(bench.cores[0], set_true, &is_done);
    turn();
    ck_assert_uint_eq(ana->close_code, 0);
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(ana->close_code, 1012);
}
END_TEST

/* Those of them whose connection was ended. */
static size_t count_closed(struct client *const *people, size_t count)
{
    size_t closed = 0;
    for (size_t i = 0; i < count; i++)
        closed += people[i]->close_code == 1012;
    return closed;
}

START_TEST(move__tells_people_one_after_the_other__and_serves_those_that_are_left)
{
    enum { PEOPLE = 200, SPREAD_MS = 100 };
    struct client *people[PEOPLE];
    static bool is_done;
    is_done = false;
    for (size_t i = 0; i < PEOPLE; i++)
        people[i] = client_new(&bench, 0, "ana", GL_ANNOTATOR);
    size_t here = PEOPLE + 2; /* ana and ben, too */
    core_move(bench.cores[0], SPREAD_MS, set_true, &is_done);
    loop_sim_run(bench.loop, SPREAD_MS / 2);
    const size_t half = count_closed(people, PEOPLE);
    ck_assert_uint_gt(half, here / 4);
    ck_assert_uint_lt(half, here * 3 / 4);
    ck_assert(!is_done);
    for (size_t i = 0; i < PEOPLE; i++) {
        json_t *notice = client_notice(people[i], "server.notice", 0);
        ck_assert_int_eq(notice != NULL, people[i]->close_code == 1012);
        ck_assert(!notice || !strcmp(json_string_value(json_object_get(json_object_get(notice, "params"), "what")), "closing"));
        if (!people[i]->close_code) { /* whoever is left is served as ever */
            ck_assert_uint_eq(seq_of(people[i], submit(people[i], op_create("one", "harbour", NULL)), 0), 1);
            break;
        }
    }
    loop_sim_run(bench.loop, SPREAD_MS);
    ck_assert_uint_eq(count_closed(people, PEOPLE), PEOPLE);
    ck_assert_uint_eq(ana->close_code, 1012);
    ck_assert(is_done);
    for (size_t i = 0; i < PEOPLE; i++)
        client_free(&people[i]);
}
END_TEST

START_TEST(move__waits_for_what_was_asked__and_takes_nothing_more)
{
    static bool is_done;
    is_done = false;
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    turn();
    core_move(bench.cores[0], 0, set_true, &is_done);
    loop_sim_run(bench.loop, 100);
    ck_assert_ptr_nonnull(client_notice(ana, "server.notice", 0));
    ck_assert_uint_eq(ana->close_code, 0);
    ck_assert_uint_eq(ben->close_code, 1012);
    uint64_t late = client_send(ana, "document.list", json_object());
    turn();
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(json_object_get(client_answer(ana, late), "error"), "data"), "name")),
        "shutting_down");
    ck_assert_uint_eq(ana->close_code, 0);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(ana->close_code, 1012);
    ck_assert(is_done);
}
END_TEST

START_TEST(drain__of_many_at_once__tells_each_another_time_to_come_back)
{
    enum { PEOPLE = 50 };
    struct client *people[PEOPLE];
    static bool is_done, seen[PEOPLE + 3];
    struct core_limits limits = bench_limits();
    limits.spread_ms = 1000;
    core_set_limits(bench.cores[0], &limits);
    for (size_t i = 0; i < PEOPLE; i++)
        people[i] = client_new(&bench, 0, "ana", GL_ANNOTATOR);
    core_drain(bench.cores[0], set_true, &is_done);
    turn();
    for (size_t i = 0; i < PEOPLE; i++) {
        json_t *notice = client_notice(people[i], "server.notice", 0);
        ck_assert_ptr_nonnull(notice);
        json_int_t after = json_integer_value(json_object_get(json_object_get(notice, "params"), "retry_after_ms"));
        ck_assert(after >= 0 && after < PEOPLE + 3 && !seen[after]);
        seen[after] = true;
        ck_assert_uint_eq(people[i]->close_code, 1012);
        client_free(&people[i]);
    }
}
END_TEST

START_TEST(end__with_a_project_s_op_under_way__answers_it_and_frees_everything)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    project_submit(ana, json_pack("[o]", op_label("two", "place", "second")));
    turn();
    static bool is_done;
    core_drain(bench.cores[0], set_true, &is_done);
    turn();
    core_end_drain(bench.cores[0]);
    turn();
    expect_error(ana, request, 0, "unknown_outcome");
}
END_TEST

/* A third worker, on which nobody is yet; and its end, with the questions that its store has not answered. */
static void setup_three(void)
{
    setup_with(3, NULL);
}

static void end_worker(size_t worker)
{
    core_free(&bench.cores[worker]);
    store_free(&bench.stores[worker]);
}

START_TEST(end__while_who_joins_waits_for_the_log_s_tail__frees_everything)
{
    struct client *cleo = client_new(&bench, 1, "cleo", GL_VIEWER);
    client_join(cleo, NULL);
    client_free(&cleo);
    store_mem_lose_notifications(bench.stores[0], true);
    submit(ana, op_create("one", "harbour", NULL));
    cleo = client_new(&bench, 1, "cleo", GL_VIEWER);
    store_mem_hold_tail(bench.stores[1]);
    client_join(cleo, NULL); /* the session is there, and lacks an op */
    client_free(&cleo);
    end_worker(1);
}
END_TEST

START_TEST(end__while_people_wait_for_a_project__frees_everything)
{
    struct client *cleo = client_new(&bench, 1, "cleo", GL_CURATOR);
    store_mem_hold_project(bench.stores[1]);
    client_join(cleo, NULL); /* the session waits for it, and she for the session */
    project_submit(cleo, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    client_free(&cleo);
    end_worker(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, the end");
    TCase *one = tcase_create("one worker");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, drain__finishes_what_waits_and_says_goodbye);
    tcase_add_test(one, move__tells_people_one_after_the_other__and_serves_those_that_are_left);
    tcase_add_test(one, move__waits_for_what_was_asked__and_takes_nothing_more);
    tcase_add_test(one, drain__of_many_at_once__tells_each_another_time_to_come_back);
    tcase_add_test(one, end__with_a_project_s_op_under_way__answers_it_and_frees_everything);
    TCase *three = tcase_create("three workers");
    tcase_add_checked_fixture(three, setup_three, teardown);
    tcase_add_test(three, end__while_who_joins_waits_for_the_log_s_tail__frees_everything);
    tcase_add_test(three, end__while_people_wait_for_a_project__frees_everything);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, three);
    return run_suite(suite);
}
