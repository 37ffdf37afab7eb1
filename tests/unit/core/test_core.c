/* test_core.c - ops: judged, appended and delivered, against a store in memory. */
#include "tests/unit/core/two_people.h"

START_TEST(op__accepted__comes_to_everybody_and_the_result_right_behind_it)
{
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(client_position(ana, client_answer(ana, request)),
                      client_position(ana, client_notice(ana, "session.ops", 0)) + 1);
    expect_all_ops(ana, 0);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(op__before_the_append_is_answered__is_seen_by_nobody)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    ck_assert_ptr_null(client_answer(ana, request));
    ck_assert_ptr_null(client_op(ben, 0));
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(ops__that_gather_behind_an_append__go_into_the_next_one)
{
    unsigned before = store_mem_appends(bench.stores[0]);
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    submit(ana, op_create("one", "harbour", NULL));
    for (int i = 0; i < 30; i++) { /* fewer than are divided */
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        client_submit(i % 2 ? ana : ben, json_pack("[o]", op_create(name, "quay", NULL)), false);
    }
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]) - before, 2);
    ck_assert_uint_eq(db_head(bench.db), 31);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(field__that_somebody_changed_since__is_answered_stale_with_what_is_there)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_update("two", json_integer(1), "one", "label", json_string("evidence")));
    uint64_t request = submit(ana, op_update("three", json_integer(1), "one", "label", json_string("threat")));
    json_t *data = expect_error(ana, request, 0, "stale");
    ck_assert_str_eq(json_string_value(json_object_get(data, "field")), "label");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "seq")), 2);
    ck_assert(json_object_get(json_object_get(data, "current"), "label") != NULL);
    ck_assert_uint_eq(db_head(bench.db), 2);
}
END_TEST

START_TEST(fields__that_differ__merge)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_update("two", json_integer(1), "one", "label", json_string("evidence")));
    uint64_t request = submit(ana, op_update("three", json_integer(1), "one", "note", json_string("loud at night")));
    ck_assert_uint_eq(seq_of(ana, request, 0), 3);
    expect_all_ops(ana, 0);
}
END_TEST

START_TEST(own_earlier_change__is_no_conflict__and_may_be_the_base)
{
    submit(ana, op_create("one", "harbour", "claim"));
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o]", op_update("two", json_integer(1), "one", "note", json_string("a")),
                                               op_update("three", json_string(op_id("two")), "one", "note", json_string("b"))),
                                     false);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 1), 3);
}
END_TEST

START_TEST(delete__depends_on_the_whole_annotation)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_update("two", json_integer(1), "one", "note", json_string("mind this")));
    expect_error(ana, submit(ana, op_delete("three", json_integer(1), "one")), 0, "stale");
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_delete("four", json_integer(2), "one")), 0), 3);
    expect_error(ben, submit(ben, op_update("five", json_integer(2), "one", "note", json_string("more"))), 0, "gone");
}
END_TEST

START_TEST(op__sent_again__changes_nothing_and_answers_its_seq)
{
    submit(ana, op_create("one", "harbour", "claim"));
    uint64_t request = submit(ana, op_create("one", "harbour", "claim"));
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert(json_is_true(json_object_get(client_outcome(ana, request, 0), "repeated")));
    ck_assert_str_eq(json_string_value(json_object_get(client_outcome(ana, request, 0), "annotation")), annotation_id("one"));
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(op__twice_in_one_group__is_applied_once)
{
    uint64_t request = submit_two(ana, op_create("one", "harbour", NULL), op_create("one", "harbour", NULL));
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(seq_of(ana, request, 1), 1);
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(op_id__used_for_another_request_or_by_another_account__is_refused)
{
    submit(ana, op_create("one", "harbour", NULL));
    expect_error(ana, submit(ana, op_create("one", "quay", NULL)), 0, "id_reused");
    expect_error(ben, submit(ben, op_create("one", "harbour", NULL)), 0, "id_reused");
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

/* Looking for one pushes another out of memory that had been there when the look began: that one is not new for it. */
START_TEST(op__pushed_out_of_memory_by_what_was_found__is_looked_for_again)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = 1;
    limits.append_max_ops = 2; /* and so twelve op ids in memory */
    teardown();
    setup_with(1, &limits);
    submit_many(0, 14);
    uint64_t request = submit_two(ana, op_create("op 2", "quay", NULL), op_create("op 0", "quay", NULL));
    ck_assert_uint_eq(seq_of(ana, request, 0), 3);
    ck_assert_uint_eq(seq_of(ana, request, 1), 1);
    ck_assert_uint_eq(db_head(bench.db), 14);
}
END_TEST

START_TEST(op__known_only_to_the_log__is_found_there)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = limits.append_max_ops = 1; /* and so eight op ids in memory */
    teardown();
    setup_with(1, &limits);
    submit_many(0, 10);
    uint64_t request = submit_two(ana, op_create("op 1", "quay", NULL), op_create("new", "quay", NULL));
    ck_assert_uint_eq(seq_of(ana, request, 0), 2);
    ck_assert_uint_eq(seq_of(ana, request, 1), 11);
    expect_all_ops(ben, 0);
    submit(ana, op_update("edit", json_integer(11), "op 9", "note", json_string("first")));
    submit(ben, op_update("other", json_integer(12), "op 9", "note", json_string("second")));
    submit_many(20, 10);
    request = submit(
        ana, op_update("edit", json_integer(11), "op 9", "note", json_string("first"))); /* judged anew it would be stale */
    ck_assert_uint_eq(seq_of(ana, request, 0), 12);
    ck_assert_uint_eq(db_head(bench.db), 23);
}
END_TEST

START_TEST(op__of_a_kind_that_another_server_does_not_know__is_refused)
{
    submit(ana, op_create("one", "harbour", NULL));
    store_mem_lack_kind(bench.stores[0], GL_OP_ANNOTATION_DELETE);
    expect_error(ana, submit(ana, op_delete("two", json_integer(1), "one")), 0, "upgrade");
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_update("three", json_integer(1), "one", "note", json_string("x"))), 0), 2);
    ck_assert_uint_eq(db_head(bench.db), 2);
}
END_TEST

START_TEST(op__that_builds_on_a_refused_one__is_refused_too)
{
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o]", op_create("one", "nowhere at all", NULL),
                                               op_update("two", json_string(op_id("one")), "one", "note", json_string("x"))),
                                     false);
    turn();
    expect_error(ana, request, 0, "quote_not_found");
    expect_error(ana, request, 1, "depends_on_refused");
    expect_error(ana, submit(ana, op_update("three", json_string(op_id("one")), "one", "note", json_string("x"))), 0,
                 "depends_on_refused");
}
END_TEST

START_TEST(atomic__with_one_refusal__applies_nothing)
{
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o, o]", op_create("one", "harbour", "new label"),
                                               op_create("two", "nowhere", NULL), op_create("three", "quay", NULL)),
                                     true);
    turn();
    expect_error(ana, request, 0, "atomic_refused");
    expect_error(ana, request, 1, "quote_not_found");
    expect_error(ana, request, 2, "atomic_refused");
    ck_assert_uint_eq(db_head(bench.db), 0);
    ck_assert_uint_eq(db_label_count(bench.db), 0);
    uint64_t again =
        client_submit(ana, json_pack("[o, o]", op_create("one", "harbour", "new label"), op_create("three", "quay", NULL)), true);
    turn();
    ck_assert_uint_eq(seq_of(ana, again, 1), 2);
    ck_assert_str_eq(json_string_value(json_object_get(client_op(ben, 1), "step")), op_id("one"));
}
END_TEST

START_TEST(row__locked_by_a_stranger__delays_but_loses_nothing)
{
    store_mem_fault(bench.stores[0], FAULT_LOCKED, 3);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    ck_assert_ptr_null(client_answer(ana, request));
    loop_sim_run(bench.loop, 300);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
}
END_TEST

START_TEST(store__away_for_too_long__is_said_in_time_and_the_op_can_be_sent_again)
{
    store_mem_set_up(bench.stores[0], false);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 8000);
    expect_error(ana, request, 0, "store_down");
    store_mem_set_up(bench.stores[0], true);
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_create("one", "harbour", NULL)), 0), 1);
}
END_TEST

/* Its disk is full, say. */
START_TEST(database__that_refuses_to_write__is_asked_less_and_less_often__and_at_once_when_it_does_not)
{
    store_mem_fault(bench.stores[0], FAULT_DOWN, 3);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 250);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    store_mem_fault(bench.stores[0], FAULT_DOWN, 1000);
    const unsigned before = store_mem_appends(bench.stores[0]);
    request = submit(ana, op_create("two", "quay", NULL));
    for (int i = 0; i < 40; i++) {
        char name[24];
        snprintf(name, sizeof name, "more %d", i);
        send_op(ben, op_create(name, "quay", NULL));
        loop_sim_run(bench.loop, 100);
    }
    ck_assert_uint_lt(store_mem_appends(bench.stores[0]) - before, 12);
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    loop_sim_run(bench.loop, 1000);
    ck_assert_uint_eq(seq_of(ana, request, 0), 2);
    ck_assert_uint_eq(db_head(bench.db), 42);
}
END_TEST

START_TEST(outcome__unknown_for_too_long__is_said_and_settled_by_sending_again)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 8000);
    expect_error(ana, request, 0, "unknown_outcome");
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_create("one", "harbour", NULL)), 0), 1);
    ck_assert_uint_eq(db_head(bench.db), 1);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(outcome__of_a_project_s_ops__unknown_for_too_long__is_said_and_settled_by_sending_again)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t first = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    uint64_t second = project_submit(ben, json_pack("[o]", op_label("two", "place", "second")));
    loop_sim_run(bench.loop, 8000);
    json_t *data = expect_error(ana, first, 0, "unknown_outcome");
    ck_assert_int_gt(json_integer_value(json_object_get(data, "retry_after_ms")), 0);
    data = expect_error(ben, second, 0, "store_down");
    ck_assert_int_gt(json_integer_value(json_object_get(data, "retry_after_ms")), 0);
    store_mem_answer(bench.stores[0]);
    turn();
    first = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    ck_assert_uint_eq(db_label_count(bench.db), 1);
}
END_TEST

/* What was answered and is given back is not judged again: its client may have sent it to another worker by then. */
START_TEST(project_s_op__answered_and_then_not_written__is_dropped)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    store_mem_rival(bench.stores[0], 1);
    uint64_t request = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    loop_sim_run(bench.loop, 8000);
    expect_error(ana, request, 0, "unknown_outcome");
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 8000);
    ck_assert_uint_eq(db_label_count(bench.db), 1); /* the rival's */
}
END_TEST

START_TEST(workers__two__judge_again_after_a_lost_fence_and_converge)
{
    store_mem_lose_notifications(bench.stores[0], true);
    for (int i = 0; i < 60; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        client_submit(i % 2 ? ana : ben, json_pack("[o]", op_create(name, "quay", NULL)), false);
        if (i % 7 == 0)
            turn();
    }
    loop_sim_run(bench.loop, 3000);
    ck_assert_uint_eq(db_head(bench.db), 60);
    expect_all_ops(ana, 0);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(workers__two__stale_is_judged_against_what_the_other_one_wrote)
{
    submit(ana, op_create("one", "harbour", "claim"));
    loop_sim_run(bench.loop, 600);
    client_submit(ben, json_pack("[o]", op_update("two", json_integer(1), "one", "label", json_string("evidence"))), false);
    uint64_t request =
        client_submit(ana, json_pack("[o]", op_update("three", json_integer(1), "one", "label", json_string("threat"))), false);
    loop_sim_run(bench.loop, 2000);
    json_t *one = client_outcome(ana, request, 0);
    ck_assert_uint_eq(db_head(bench.db), 2); /* exactly one of the two */
    (void)one;
    expect_all_ops(ana, 0);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(refusal__that_waits_for_its_answer_while_another_worker_takes_the_op__is_not_said)
{
    struct core_limits limits = bench_limits();
    limits.append_max_ops = 1;
    teardown();
    setup_with(2, &limits);
    struct client *again = client_new(&bench, 1, "ana", GL_ANNOTATOR);
    db_set_open(bench.db, false);
    loop_sim_run(bench.loop, 600); /* the poll sees the epoch */
    store_mem_fault(bench.stores[0], FAULT_LOCKED, 1000);
    store_mem_refuse_holds(bench.stores[0], true);
    uint64_t request =
        client_submit(ana, json_pack("[o, o]", op_create("one", "harbour", "claim"), op_create("two", "quay", NULL)), false);
    loop_sim_run(bench.loop, 300); /* the first is refused, the second waits */
    ck_assert_ptr_null(client_answer(ana, request));
    db_set_open(bench.db, true);
    loop_sim_run(bench.loop, 600);
    client_submit(again, json_pack("[o]", op_create("one", "harbour", "claim")), false);
    loop_sim_run(bench.loop, 600);
    ck_assert_uint_eq(db_head(bench.db), 1);
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    loop_sim_run(bench.loop, 2000);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(seq_of(ana, request, 1), 2);
    client_free(&again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_add_test(one, op__accepted__comes_to_everybody_and_the_result_right_behind_it);
    tcase_add_test(one, op__before_the_append_is_answered__is_seen_by_nobody);
    tcase_add_test(one, ops__that_gather_behind_an_append__go_into_the_next_one);
    tcase_add_test(one, field__that_somebody_changed_since__is_answered_stale_with_what_is_there);
    tcase_add_test(one, fields__that_differ__merge);
    tcase_add_test(one, own_earlier_change__is_no_conflict__and_may_be_the_base);
    tcase_add_test(one, delete__depends_on_the_whole_annotation);
    tcase_add_test(one, op__sent_again__changes_nothing_and_answers_its_seq);
    tcase_add_test(one, op__twice_in_one_group__is_applied_once);
    tcase_add_test(one, op_id__used_for_another_request_or_by_another_account__is_refused);
    tcase_add_test(one, op__pushed_out_of_memory_by_what_was_found__is_looked_for_again);
    tcase_add_test(one, op__known_only_to_the_log__is_found_there);
    tcase_add_test(one, op__of_a_kind_that_another_server_does_not_know__is_refused);
    tcase_add_test(one, op__that_builds_on_a_refused_one__is_refused_too);
    tcase_add_test(one, atomic__with_one_refusal__applies_nothing);
    tcase_add_test(one, row__locked_by_a_stranger__delays_but_loses_nothing);
    tcase_add_test(one, database__that_refuses_to_write__is_asked_less_and_less_often__and_at_once_when_it_does_not);
    tcase_add_test(one, store__away_for_too_long__is_said_in_time_and_the_op_can_be_sent_again);
    tcase_add_test(one, outcome__unknown_for_too_long__is_said_and_settled_by_sending_again);
    tcase_add_test(one, outcome__of_a_project_s_ops__unknown_for_too_long__is_said_and_settled_by_sending_again);
    tcase_add_test(one, project_s_op__answered_and_then_not_written__is_dropped);
    tcase_add_test(two, workers__two__judge_again_after_a_lost_fence_and_converge);
    tcase_add_test(two, workers__two__stale_is_judged_against_what_the_other_one_wrote);
    tcase_add_test(two, refusal__that_waits_for_its_answer_while_another_worker_takes_the_op__is_not_said);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
