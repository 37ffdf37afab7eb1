/* test_hold.c - a stream whose fence is lost every time: it goes on under the row's lock, and only so. */
#include <limits.h>

#include "tests/unit/core/two_people.h"

#define FOR_EVER UINT_MAX

static struct core_counts counts(size_t worker)
{
    struct core_counts counts;
    core_counts(bench.cores[worker], &counts);
    return counts;
}

START_TEST(op__of_who_loses_every_fence__is_appended_under_the_lock)
{
    store_mem_rival(bench.stores[0], FOR_EVER);
    uint64_t request = send_op(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 200);
    ck_assert_uint_eq(seq_of(ana, request, 0), 4); /* behind the three that were faster */
    ck_assert_uint_eq(counts(0).fence_losses, 3);
    ck_assert_uint_eq(counts(0).holds, 1);
    ck_assert_uint_eq(client_op_count(ana), 4);
    loop_sim_run(bench.loop, 600);
    ck_assert_uint_eq(client_op_count(ben), 4);
    struct gl_state *state = db_replay(bench.db);
    ck_assert_uint_eq(state->count, 4);
    gl_state_free(&state);
}
END_TEST

START_TEST(op__of_who_loses_every_fence__waits_without_the_lock_for_as_long_as_the_rival_goes_on)
{
    store_mem_rival(bench.stores[0], 50);
    store_mem_refuse_holds(bench.stores[0], true);
    uint64_t request = send_op(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 200);
    ck_assert_uint_eq(seq_of(ana, request, 0), 51); /* only once the rival had enough */
    ck_assert_uint_eq(counts(0).fence_losses, 50);
    ck_assert_uint_eq(counts(0).holds, 0);
}
END_TEST

START_TEST(label_and_op__of_who_loses_every_fence_of_both_streams__get_through)
{
    store_mem_rival(bench.stores[0], FOR_EVER);
    uint64_t request = send_op(ana, op_create("one", "harbour", "claim"));
    loop_sim_run(bench.loop, 1000);
    seq_of(ana, request, 0);
    ck_assert_uint_eq(counts(0).holds, 2);
    ck_assert_uint_eq(db_label_count(bench.db), db_project_head(bench.db));
}
END_TEST

START_TEST(hundred_ops__against_the_rival__keep_their_order_and_are_there_once)
{
    store_mem_rival(bench.stores[0], FOR_EVER);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        send_op(ana, op_create(name, "quay", NULL));
        loop_sim_run(bench.loop, 10);
    }
    loop_sim_run(bench.loop, 1000);
    for (int i = 0; i < 100; i++) {
        char name[16];
        gl_uuid id;
        snprintf(name, sizeof name, "op %d", i);
        ck_assert(gl_uuid_parse(gl_slice_str(op_id(name)), &id));
        ck_assert_uint_eq(db_count_op(bench.db, &id), 1);
    }
    struct gl_state *state = db_replay(bench.db);
    gl_state_free(&state);
}
END_TEST

START_TEST(others__go_on_while_a_stream_waits_for_its_lock)
{
    gl_uuid other = *db_other_session(bench.db, 0);
    struct client *cleo = client_new(&bench, 0, "cleo", GL_ANNOTATOR);
    store_mem_fault(bench.stores[0], FAULT_LOCKED, 3);
    uint64_t request = send_op(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 20 * 3 - 1);
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(&other, text);
    uint64_t beside =
        client_send(cleo, "session.submit", json_pack("{s:s, s:[o]}", "session", text, "ops", op_create("two", "quay", NULL)));
    loop_sim_run(bench.loop, 100);
    seq_of(cleo, beside, 0);
    seq_of(ana, request, 0);
    ck_assert_uint_eq(counts(0).holds, 1);
    client_free(&cleo);
}
END_TEST

START_TEST(refusal__under_the_lock__lets_it_go)
{
    submit(ana, op_create("one", "harbour", NULL));
    store_mem_rival(bench.stores[0], FOR_EVER);
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o]", op_update("two", json_integer(1), "one", "note", json_string("x")),
                                               op_create("three", "not there", NULL)),
                                     false);
    loop_sim_run(bench.loop, 500);
    seq_of(ana, request, 0);
    expect_error(ana, request, 1, "quote_not_found");
    store_mem_rival(bench.stores[0], 0);
    uint64_t after = submit(ana, op_create("four", "quay", NULL));
    seq_of(ana, after, 0);
    uint64_t bens = submit(ben, op_create("five", "quay", NULL));
    seq_of(ben, bens, 0);
}
END_TEST

START_TEST(two_workers__that_both_lose_every_fence__both_get_through)
{
    teardown();
    setup_two();
    uint64_t of_ana[20], of_ben[20];
    store_mem_rival(bench.stores[0], FOR_EVER);
    store_mem_rival(bench.stores[1], FOR_EVER);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "ana %d", i);
        of_ana[i] = send_op(ana, op_create(name, "quay", NULL));
        snprintf(name, sizeof name, "ben %d", i);
        of_ben[i] = send_op(ben, op_create(name, "quay", NULL));
        loop_sim_run(bench.loop, 5);
    }
    loop_sim_run(bench.loop, 2000);
    for (int i = 0; i < 20; i++) {
        seq_of(ana, of_ana[i], 0);
        seq_of(ben, of_ben[i], 0);
    }
    ck_assert_uint_eq(client_op_count(ana), db_head(bench.db));
    ck_assert_uint_eq(client_op_count(ben), db_head(bench.db));
}
END_TEST

START_TEST(store__that_goes_down_while_the_lock_is_asked_for__costs_nothing)
{
    store_mem_fault(bench.stores[0], FAULT_LOCKED, 3);
    uint64_t request = send_op(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 39);
    store_mem_set_up(bench.stores[0], false);
    loop_sim_run(bench.loop, 300);
    store_mem_set_up(bench.stores[0], true);
    loop_sim_run(bench.loop, 300);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
}
END_TEST

START_TEST(worker__that_ends_while_it_holds_a_stream__ends_cleanly)
{
    store_mem_rival(bench.stores[0], FOR_EVER);
    send_op(ana, op_create("one", "harbour", NULL));
    for (int i = 0; counts(0).holds == 0 && i < 1000; i++)
        loop_sim_run(bench.loop, 1);
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    send_op(ana, op_create("two", "harbour", NULL));
    loop_sim_run(bench.loop, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hold");
    TCase *tcase = tcase_create("hold");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, op__of_who_loses_every_fence__is_appended_under_the_lock);
    tcase_add_test(tcase, op__of_who_loses_every_fence__waits_without_the_lock_for_as_long_as_the_rival_goes_on);
    tcase_add_test(tcase, label_and_op__of_who_loses_every_fence_of_both_streams__get_through);
    tcase_add_test(tcase, hundred_ops__against_the_rival__keep_their_order_and_are_there_once);
    tcase_add_test(tcase, others__go_on_while_a_stream_waits_for_its_lock);
    tcase_add_test(tcase, refusal__under_the_lock__lets_it_go);
    tcase_add_test(tcase, two_workers__that_both_lose_every_fence__both_get_through);
    tcase_add_test(tcase, store__that_goes_down_while_the_lock_is_asked_for__costs_nothing);
    tcase_add_test(tcase, worker__that_ends_while_it_holds_a_stream__ends_cleanly);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
