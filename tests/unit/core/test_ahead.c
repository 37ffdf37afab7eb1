/*
 * test_ahead.c - what waits behind an append is judged upon it, and sent once it has committed; when anything of what was supposed is not so, it is judged
 * by what is true.
 */
#include <stdlib.h>

#include "tests/unit/core/two_people.h"

static void setup_ahead(void)
{
    struct core_limits limits = bench_limits();
    limits.ahead_ops = 1;
    setup_with(1, &limits);
}

static void setup_ahead_two(void)
{
    struct core_limits limits = bench_limits();
    limits.ahead_ops = 1;
    setup_with(2, &limits);
}

static struct core_counts counts(void)
{
    struct core_counts counts;
    core_counts(bench.cores[0], &counts);
    return counts;
}

/* What comes of the next append is known only when it is answered: store_mem_answer(). */
static void appends_are_late(unsigned times)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, times);
}

static uint64_t update(struct client *client, const char *op, uint64_t base, const char *of, const char *note)
{
    return submit(client, op_update(op, json_integer((json_int_t)base), of, "note", json_string(note)));
}

/* Ana's "one" is in flight, and its outcome not known. */
static uint64_t in_flight(void)
{
    appends_are_late(1);
    return submit(ana, op_create("one", "harbour", NULL));
}

static void log_holds_together(uint64_t count)
{
    struct gl_state *state = db_replay(bench.db);
    ck_assert_uint_eq(state->count, count);
    gl_state_free(&state);
}

START_TEST(ops__behind_an_append__go_in_the_turn_in_which_it_has_committed)
{
    uint64_t first = in_flight();
    const unsigned before = store_mem_appends(bench.stores[0]);
    uint64_t second = submit(ben, op_create("two", "quay", NULL)), third = submit(ana, op_create("three", "quay", NULL));
    appends_are_late(1);
    ck_assert(!client_answer(ana, first) && !client_answer(ben, second) && client_op_count(ben) == 0);
    store_mem_answer(bench.stores[0]);
    ck_assert_uint_eq(counts().ops_ahead, 2);
    ck_assert_uint_eq(counts().appends_in_flight, 1);
    seq_of(ana, first, 0); /* the first is told, and nothing of what is in flight now */
    ck_assert_uint_eq(client_op_count(ben), 1);
    ck_assert(!client_answer(ben, second) && !client_answer(ana, third));
    turn();
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]), before + 1);
    ck_assert(!client_answer(ben, second) && !client_answer(ana, third));
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ben, second, 0), 2);
    ck_assert_uint_eq(seq_of(ana, third, 0), 3);
    ck_assert_uint_eq(client_op_count(ben), 3);
    ck_assert_uint_eq(counts().ops_ahead_again, 0);
    log_holds_together(3);
}
END_TEST

START_TEST(ops__that_build_on_what_is_in_flight__are_judged_upon_it)
{
    in_flight();
    uint64_t own = submit(ana, op_update("two", json_string(op_id("one")), "one", "note", json_string("mine")));
    uint64_t reply = submit(ben, op_reply("three", "one", "theirs"));
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, own, 0), 2);
    ck_assert_uint_eq(seq_of(ben, reply, 0), 3);
    ck_assert_uint_eq(counts().ops_ahead, 2);
    log_holds_together(2);
}
END_TEST

START_TEST(change__of_what_somebody_else_changes_in_flight__is_refused)
{
    submit(ana, op_create("one", "harbour", NULL));
    appends_are_late(1);
    uint64_t anas = update(ana, "two", 1, "one", "hers"), bens = update(ben, "three", 1, "one", "his");
    ck_assert_ptr_null(client_answer(ben, bens));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    seq_of(ana, anas, 0);
    expect_error(ben, bens, 0, "stale");
    ck_assert_uint_eq(counts().ops_ahead, 0);
    ck_assert_uint_eq(db_head(bench.db), 2);
}
END_TEST

START_TEST(what_stands_before_a_refusal__goes_ahead_and_the_refusal_by_what_is_true)
{
    in_flight();
    uint64_t both = client_submit(ben,
                                  json_pack("[o, o, o]", op_create("two", "quay", NULL), op_create("three", "not there", NULL),
                                            op_create("four", "quay", NULL)),
                                  false);
    turn();
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ben, both, 0), 2);
    expect_error(ben, both, 1, "quote_not_found");
    ck_assert_uint_eq(seq_of(ben, both, 2), 3);
    log_holds_together(3);
}
END_TEST

START_TEST(atomic_request__with_a_refusal__goes_not_by_halves)
{
    in_flight();
    uint64_t both =
        client_submit(ben, json_pack("[o, o]", op_create("two", "quay", NULL), op_create("three", "not there", NULL)), true);
    turn();
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    expect_error(ben, both, 0, "atomic_refused");
    expect_error(ben, both, 1, "quote_not_found");
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(op__that_comes_again_while_it_is_in_flight__is_answered_with_its_seq)
{
    uint64_t first = in_flight(), again = submit(ana, op_create("one", "harbour", NULL));
    uint64_t other = submit(ana, op_create("two", "harbour", NULL));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    ck_assert_uint_eq(seq_of(ana, again, 0), 1);
    ck_assert_uint_eq(seq_of(ana, other, 0), 2);
    log_holds_together(2);
}
END_TEST

START_TEST(ops__behind_a_lost_fence__are_judged_again_behind_those_that_lost_it)
{
    store_mem_rival(bench.stores[0], 1);
    uint64_t first = in_flight(), second = submit(ben, op_create("two", "quay", NULL));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ana, first, 0), 2); /* behind the one that was faster */
    ck_assert_uint_eq(seq_of(ben, second, 0), 3);
    ck_assert_uint_eq(counts().ops_ahead_again, 1);
    ck_assert_uint_eq(counts().fence_losses, 1);
    log_holds_together(3);
}
END_TEST

START_TEST(ops__behind_one_that_was_not_written__wait_behind_it)
{
    store_mem_fault(bench.stores[0], _i ? FAULT_LATE_LOCKED : FAULT_LATE_DOWN, 1);
    uint64_t first = submit(ana, op_create("one", "harbour", NULL)), second = submit(ben, op_create("two", "quay", NULL));
    store_mem_answer(bench.stores[0]);
    ck_assert_uint_eq(counts().ops_ahead_again, 1);
    loop_sim_run(bench.loop, 200);
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    ck_assert_uint_eq(seq_of(ben, second, 0), 2);
    log_holds_together(2);
}
END_TEST

START_TEST(ops__that_lose_the_fence_themselves__are_judged_again)
{
    uint64_t first = in_flight(), second = submit(ben, op_create("two", "quay", NULL));
    store_mem_rival(bench.stores[0], 1);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    ck_assert_uint_eq(seq_of(ben, second, 0), 3);
    ck_assert_uint_eq(counts().ops_ahead, 1);
    log_holds_together(3);
}
END_TEST

START_TEST(ops__behind_an_outcome_that_nobody_knows__are_given_up_as_not_written)
{
    uint64_t first = in_flight(), second = submit(ben, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 7000);
    expect_error(ana, first, 0, "unknown_outcome");
    expect_error(ben, second, 0, "store_down");
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(ops__of_who_loses_the_right_meanwhile__are_refused)
{
    uint64_t first = in_flight(), second = submit(ben, op_create("two", "quay", NULL));
    db_set_role(bench.db, &ben->account, GL_VIEWER); /* by another worker: the poll sees it */
    loop_sim_run(bench.loop, 1000);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 200);
    seq_of(ana, first, 0);
    expect_error(ben, second, 0, "forbidden");
    ck_assert_uint_eq(counts().ops_ahead, 0);
    ck_assert_uint_eq(counts().fence_losses, 0);
}
END_TEST

START_TEST(ops__of_who_has_left__are_dropped_and_the_others_judged_again)
{
    in_flight();
    submit(ben, op_create("two", "quay", NULL));
    uint64_t third = submit(ana, op_create("three", "quay", NULL));
    client_free(&ben);
    ben = client_new(&bench, 0, "cleo", GL_VIEWER);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ana, third, 0), 2);
    ck_assert_uint_eq(counts().ops_ahead, 0);
    log_holds_together(2);
}
END_TEST

START_TEST(label__that_is_not_there__is_made_before_what_names_it)
{
    in_flight();
    uint64_t named = submit(ben, op_create("two", "quay", "claim"));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ben, named, 0), 2);
    ck_assert_uint_eq(db_label_count(bench.db), 1);
    ck_assert_uint_lt(client_position(ana, client_notice(ana, "project.ops", 0)),
                      client_position(ana, client_notice(ana, "session.ops", 1)));
}
END_TEST

START_TEST(ops__behind_an_append_that_makes_a_label__are_judged_with_it)
{
    appends_are_late(1);
    uint64_t named = submit(ana, op_create("one", "harbour", "claim")); /* the label is in flight */
    uint64_t first = submit(ana, op_create("two", "harbour", NULL)), other = submit(ben, op_create("three", "quay", "claim"));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    seq_of(ana, named, 0);
    seq_of(ana, first, 0);
    seq_of(ben, other, 0);
    ck_assert_uint_eq(db_label_count(bench.db), 1);
    log_holds_together(3);
}
END_TEST

START_TEST(deletion__behind_a_reply_in_flight__waits_for_it)
{
    submit(ana, op_create("one", "harbour", NULL));
    appends_are_late(1);
    uint64_t reply = submit(ben, op_reply("two", "one", "why?"));
    uint64_t deletion = submit(ana, op_delete("three", json_integer(1), "one"));
    uint64_t behind = submit(ben, op_create("four", "quay", NULL));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    seq_of(ben, reply, 0);
    expect_error(ana, deletion, 0, "stale");
    seq_of(ben, behind, 0);
    ck_assert_uint_eq(counts().ops_ahead, 0);
}
END_TEST

START_TEST(session__that_is_closed_in_flight__takes_nothing_ahead)
{
    appends_are_late(1);
    uint64_t closed =
        submit(ana, json_pack("{s:s, s:{s:s, s:s}}", "id", op_id("one"), "change", "kind", "session.mode", "mode", "closed"));
    uint64_t behind = submit(ben, op_create("two", "quay", NULL));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    seq_of(ana, closed, 0);
    expect_error(ben, behind, 0, "session_closed");
}
END_TEST

START_TEST(two_workers__with_everything_in_flight__have_each_op_once)
{
    uint64_t of_ana[40], of_ben[40];
    teardown();
    setup_ahead_two();
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "ana %d", i);
        of_ana[i] = send_op(ana, op_create(name, "quay", NULL));
        snprintf(name, sizeof name, "ben %d", i);
        of_ben[i] = send_op(ben, op_create(name, "quay", NULL));
        store_mem_fault(bench.stores[i % 2], FAULT_LATE, 1);
        loop_sim_run(bench.loop, 3);
        store_mem_answer(bench.stores[0]);
        store_mem_answer(bench.stores[1]);
    }
    loop_sim_run(bench.loop, 3000);
    for (int i = 0; i < 40; i++) {
        seq_of(ana, of_ana[i], 0);
        seq_of(ben, of_ben[i], 0);
    }
    ck_assert_uint_eq(db_head(bench.db), 80);
    ck_assert_uint_eq(client_op_count(ana), 80);
    log_holds_together(80);
}
END_TEST

START_TEST(worker__that_ends_with_something_ahead__ends_cleanly)
{
    in_flight();
    submit(ben, op_create("two", "quay", NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ahead");
    TCase *tcase = tcase_create("ahead");
    tcase_add_checked_fixture(tcase, setup_ahead, teardown);
    tcase_add_test(tcase, ops__behind_an_append__go_in_the_turn_in_which_it_has_committed);
    tcase_add_test(tcase, ops__that_build_on_what_is_in_flight__are_judged_upon_it);
    tcase_add_test(tcase, change__of_what_somebody_else_changes_in_flight__is_refused);
    tcase_add_test(tcase, what_stands_before_a_refusal__goes_ahead_and_the_refusal_by_what_is_true);
    tcase_add_test(tcase, atomic_request__with_a_refusal__goes_not_by_halves);
    tcase_add_test(tcase, op__that_comes_again_while_it_is_in_flight__is_answered_with_its_seq);
    tcase_add_test(tcase, ops__behind_a_lost_fence__are_judged_again_behind_those_that_lost_it);
    tcase_add_loop_test(tcase, ops__behind_one_that_was_not_written__wait_behind_it, 0, 2);
    tcase_add_test(tcase, ops__that_lose_the_fence_themselves__are_judged_again);
    tcase_add_test(tcase, ops__behind_an_outcome_that_nobody_knows__are_given_up_as_not_written);
    tcase_add_test(tcase, ops__of_who_loses_the_right_meanwhile__are_refused);
    tcase_add_test(tcase, ops__of_who_has_left__are_dropped_and_the_others_judged_again);
    tcase_add_test(tcase, label__that_is_not_there__is_made_before_what_names_it);
    tcase_add_test(tcase, ops__behind_an_append_that_makes_a_label__are_judged_with_it);
    tcase_add_test(tcase, deletion__behind_a_reply_in_flight__waits_for_it);
    tcase_add_test(tcase, session__that_is_closed_in_flight__takes_nothing_ahead);
    tcase_add_test(tcase, two_workers__with_everything_in_flight__have_each_op_once);
    tcase_add_test(tcase, worker__that_ends_with_something_ahead__ends_cleanly);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
