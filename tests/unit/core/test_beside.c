/* test_beside.c - an append that does not come to its end keeps its own streams, and nobody else: the others go by another connection. */
#include "tests/unit/core/two_people.h"

static struct client *cleo; /* in the first of the other sessions */

static uint64_t in_other(struct client *client, const char *method, size_t n, json_t *ops)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(db_other_session(bench.db, n), id);
    return client_send(client, method, json_pack("{s:s, s:o*}", "session", id, "ops", ops));
}

static uint64_t send_other(size_t n, json_t *op)
{
    return in_other(cleo, "session.submit", n, json_pack("[o]", op));
}

static void setup_three(void)
{
    setup();
    cleo = client_new(&bench, 0, "cleo", GL_ANNOTATOR);
    in_other(cleo, "session.join", 0, NULL);
    in_other(cleo, "session.join", 1, NULL);
    loop_sim_run(bench.loop, 600); /* a poll has seen the new member's epoch */
    store_mem_set_writers(bench.stores[0], 2);
}

static void teardown_three(void)
{
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    store_mem_answer(bench.stores[0]);
    client_free(&cleo);
    teardown();
}

START_TEST(append__that_stands_still__keeps_its_own_session_only)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t stuck = submit(ana, op_create("one", "harbour", NULL));
    for (int i = 0; i < 20; i++) {
        char name[24];
        snprintf(name, sizeof name, "beside %d", i);
        uint64_t beside = send_other(0, op_create(name, "quay", NULL));
        loop_sim_run(bench.loop, i == 0 ? 25 : 1); /* the first one waits a little: most appends come to an end */
        ck_assert_uint_eq(seq_of(cleo, beside, 0), 1 + (uint64_t)i);
    }
    uint64_t behind = submit(ben, op_create("two", "harbour", NULL));
    loop_sim_run(bench.loop, 1000);
    ck_assert_ptr_null(client_answer(ana, stuck));
    ck_assert_ptr_null(client_answer(ben, behind));
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, stuck, 0), 1);
    ck_assert_uint_eq(seq_of(ben, behind, 0), 2);
}
END_TEST

START_TEST(append__that_is_quick__gathers_what_comes_meanwhile)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    const unsigned before = store_mem_appends(bench.stores[0]);
    uint64_t first = submit(ana, op_create("one", "harbour", NULL)), others[2];
    others[0] = send_other(0, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 5);
    others[1] = send_other(1, op_create("three", "quay", NULL));
    loop_sim_run(bench.loop, 5);
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]), before + 1);
    store_mem_answer(bench.stores[0]);
    turn();
    seq_of(ana, first, 0);
    seq_of(cleo, others[0], 0);
    seq_of(cleo, others[1], 0);
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]), before + 2);
}
END_TEST

START_TEST(appends__that_all_stand_still__are_gone_on_from)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 2);
    uint64_t first = submit(ana, op_create("one", "harbour", NULL));
    uint64_t second = send_other(0, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 100);
    uint64_t third = send_other(1, op_create("three", "quay", NULL));
    loop_sim_run(bench.loop, 1000);
    ck_assert(!client_answer(ana, first) && !client_answer(cleo, second) && !client_answer(cleo, third));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    seq_of(ana, first, 0);
    seq_of(cleo, second, 0);
    seq_of(cleo, third, 0);
}
END_TEST

START_TEST(project__whose_append_stands_still__keeps_nobody_waiting_for_a_moment)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t labelled = submit(ana, op_create("one", "harbour", "claim")); /* the label is made first */
    uint64_t beside = send_other(0, op_create("two", "quay", NULL));
    turn();
    loop_sim_run(bench.loop, 25);
    seq_of(cleo, beside, 0);
    ck_assert_ptr_null(client_answer(ana, labelled));
    uint64_t again = send_other(0, op_create("three", "quay", NULL));
    turn();
    seq_of(cleo, again, 0);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 50);
    seq_of(ana, labelled, 0);
}
END_TEST

START_TEST(session__that_stood_at_a_lock__goes_by_itself_until_it_gets_through)
{
    store_mem_fault(bench.stores[0], FAULT_WAITED, 1);
    uint64_t stuck = submit(ana, op_create("one", "harbour", NULL));
    const unsigned before = store_mem_appends(bench.stores[0]);
    loop_sim_run(bench.loop, 10);
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    loop_sim_run(bench.loop, 15); /* its second turn, with all of the lock's time before it */
    uint64_t beside = send_other(0, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 25);
    seq_of(cleo, beside, 0);
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]), before + 2);
    ck_assert_ptr_null(client_answer(ana, stuck));
    store_mem_answer(bench.stores[0]);
    turn();
    seq_of(ana, stuck, 0);
    uint64_t both[] = {send_op(ana, op_create("three", "harbour", NULL)), send_other(0, op_create("four", "quay", NULL))};
    loop_sim_run(bench.loop, 50);
    seq_of(ana, both[0], 0);
    seq_of(cleo, both[1], 0);
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]), before + 3); /* it got through: together again */
}
END_TEST

START_TEST(worker__that_ends_with_several_under_way__ends_cleanly)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 2);
    submit(ana, op_create("one", "harbour", NULL));
    send_other(0, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 100);
    struct core_counts counts;
    core_counts(bench.cores[0], &counts);
    ck_assert_uint_eq(counts.appends_in_flight, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beside");
    TCase *tcase = tcase_create("beside");
    tcase_add_checked_fixture(tcase, setup_three, teardown_three);
    tcase_add_test(tcase, append__that_stands_still__keeps_its_own_session_only);
    tcase_add_test(tcase, append__that_is_quick__gathers_what_comes_meanwhile);
    tcase_add_test(tcase, appends__that_all_stand_still__are_gone_on_from);
    tcase_add_test(tcase, project__whose_append_stands_still__keeps_nobody_waiting_for_a_moment);
    tcase_add_test(tcase, session__that_stood_at_a_lock__goes_by_itself_until_it_gets_through);
    tcase_add_test(tcase, worker__that_ends_with_several_under_way__ends_cleanly);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
