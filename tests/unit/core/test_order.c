/* test_order.c - what comes before what: results behind ops, stamps that never go back, everybody's turn. */
#include <stdlib.h>

#include "service/base/mem.h"
#include "tests/unit/core/two_people.h"

START_TEST(refusals__more_than_one_append_takes__are_all_said_at_once)
{
    struct core_limits limits = bench_limits();
    limits.append_max_ops = 1;
    teardown();
    setup_with(1, &limits);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        send_op(ana, op_create(name, "not there", NULL));
    }
    turn();
    for (uint64_t request = ana->requests; request > ana->requests - 5; request--)
        expect_error(ana, request, 0, "quote_not_found");
}
END_TEST

static json_t *last_payload(struct client *client)
{
    return client_op(client, client_op_count(client) - 1);
}

START_TEST(result__of_a_reader_whose_socket_is_full__comes_behind_the_op)
{
    ana->is_full = true;
    uint64_t first = send_op(ana, op_create("one", "harbour", NULL));
    turn();
    uint64_t refused = send_op(ana, op_create("two", "not there", NULL));
    turn();
    ana->is_full = false;
    peer_writable(ana->peer);
    turn();
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    size_t at = client_position(ana, client_answer(ana, first));
    ck_assert_uint_gt(at, client_position(ana, client_notice(ana, "session.ops", 0)));
    ck_assert_uint_gt(client_position(ana, client_answer(ana, refused)), at);
}
END_TEST

/* It joins again before there is room: until the new join is answered it has not been told of the op either. */
START_TEST(result__of_a_reader_that_joins_again_before_there_is_room__comes_behind_the_join)
{
    ana->is_full = true;
    uint64_t asked = send_op(ana, op_create("one", "harbour", NULL));
    turn();
    ck_assert_ptr_null(client_answer(ana, asked));
    uint64_t joined = client_join(ana, NULL);
    ana->is_full = false;
    peer_writable(ana->peer);
    turn();
    ck_assert_uint_eq(seq_of(ana, asked, 0), 1);
    ck_assert_uint_gt(client_position(ana, client_answer(ana, asked)), client_position(ana, client_answer(ana, joined)));
}
END_TEST

START_TEST(op__twice_in_one_group__once_in_an_atomic_request_that_is_refused__keeps_its_seq)
{
    uint64_t first = send_op(ana, op_create("one", "harbour", NULL));
    uint64_t second = client_submit(ana,
                                    json_pack("[o, o, o]", op_create("one", "harbour", NULL), op_create("two", "quay", NULL),
                                              op_create("three", "not there", NULL)),
                                    true);
    turn();
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    ck_assert_uint_eq(seq_of(ana, second, 0), 1);
    expect_error(ana, second, 1, "atomic_refused");
    expect_error(ana, second, 2, "quote_not_found");
}
END_TEST

START_TEST(base__that_names_somebody_elses_op_of_the_same_group__is_no_base)
{
    send_op(ana, op_create("one", "harbour", NULL));
    uint64_t request = send_op(ben, op_update("two", json_string(op_id("one")), "one", "note", json_string("x")));
    turn();
    expect_error(ben, request, 0, "invalid_params");
    request = send_op(ben, op_update("three", json_string(op_id("three")), "one", "note", json_string("x"))); /* nor is itself */
    turn();
    expect_error(ben, request, 0, "invalid_params");
}
END_TEST

START_TEST(ops_in_flight__are_bounded_also_for_who_has_not_joined)
{
    struct core_limits limits = bench_limits();
    limits.ops_in_flight = 2;
    teardown();
    setup_with(1, &limits);
    struct client *late = client_new(&bench, 0, "late", GL_ANNOTATOR);
    uint64_t one = send_op(late, op_create("one", "harbour", NULL)), two = send_op(late, op_create("two", "harbour", NULL));
    uint64_t three = send_op(late, op_create("three", "harbour", NULL));
    loop_sim_run(bench.loop, 200);
    seq_of(late, one, 0);
    seq_of(late, two, 0);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(json_object_get(client_answer(late, three), "error"), "data"), "name")),
        "busy");
    client_free(&late);
}
END_TEST

/* Who waits with 256 ops would be refused for good, though its hello said that so many may be sent. */
START_TEST(limit__that_is_lowered__refuses_no_request_that_fitted_before)
{
    struct core_limits limits = bench_limits();
    limits.ops_in_flight = 2;
    core_set_limits(bench.cores[0], &limits);
    uint64_t large = client_submit(ana,
                                   json_pack("[o, o, o]", op_create("one", "harbour", NULL), op_create("two", "quay", NULL),
                                             op_create("three", "long", NULL)),
                                   false);
    uint64_t behind = send_op(ana, op_create("four", "harbour", NULL));
    turn();
    ck_assert_uint_eq(seq_of(ana, large, 2), 3);
    expect_refusal(ana, behind, "busy");
}
END_TEST

START_TEST(time__of_ops__never_goes_back_when_another_workers_clock_is_ahead)
{
    store_mem_set_clock(bench.stores[1], 3000);
    send_op(ben, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 600);
    send_op(ana, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 600);
    ck_assert_int_ge(strcmp(json_string_value(json_object_get(client_op(ana, 1), "at")),
                            json_string_value(json_object_get(client_op(ana, 0), "at"))),
                     0);
}
END_TEST

START_TEST(codebook__in_a_sessions_ops__never_goes_back)
{
    store_mem_lose_notifications(bench.stores[0], true);
    send_op(ana, op_create("one", "harbour", "claim"));
    turn();
    struct client *late = client_new(&bench, 1, "ben", GL_ANNOTATOR);
    client_result(late, client_join(late, NULL)); /* reads the session's log; the project's is read with the next poll */
    send_op(late, op_create("two", "quay", NULL));
    turn();
    loop_sim_run(bench.loop, 1000);
    ck_assert_int_eq(json_integer_value(json_object_get(last_payload(ana), "seq")), 2);
    ck_assert_int_ge(json_integer_value(json_object_get(client_op(ana, 1), "codebook")),
                     json_integer_value(json_object_get(client_op(ana, 0), "codebook")));
    client_free(&late);
}
END_TEST

START_TEST(label__by_the_id_that_another_worker_gave_it_a_moment_ago__is_known)
{
    store_mem_lose_notifications(bench.stores[0], true);
    send_op(ana, op_create("one", "harbour", "claim"));
    turn();
    json_t *set = json_object_get(json_array_get(json_object_get(client_op(ana, 0), "effects"), 0), "set");
    uint64_t request = send_op(ben, op_create("two", "quay", json_string_value(json_object_get(set, "label"))));
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ben, request, 0), 2);
}
END_TEST

START_TEST(bytes_in_flight__are_bounded__and_free_again_when_answered)
{
    struct core_limits limits = bench_limits();
    limits.bytes_in_flight = 4000;
    teardown();
    setup_with(1, &limits);
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t last = 0;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        last = client_submit(ana, json_pack("[o]", op_create(name, "quay", NULL)), false);
    }
    turn();
    json_t *error = json_object_get(client_answer(ana, last), "error");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(error, "data"), "name")), "busy");
    store_mem_answer(bench.stores[0]);
    turn();
    uint64_t again = client_submit(ana, json_pack("[o]", op_create("again", "quay", NULL)), false);
    turn();
    ck_assert_ptr_nonnull(json_object_get(client_outcome(ana, again, 0), "seq"));
}
END_TEST

START_TEST(project_ops__are_not_lost_when_a_reader_with_a_full_socket_joins_again)
{
    ben->is_full = true;
    send_op(ana, op_create("one", "harbour", "claim"));
    turn();
    client_join(ben, NULL);
    ben->is_full = false;
    peer_writable(ben->peer);
    turn();
    ck_assert_ptr_nonnull(client_notice(ben, "project.ops", 0));
}
END_TEST

static uint64_t in_session(struct client *client, const char *method, size_t other, json_t *ops)
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(db_other_session(bench.db, other), session);
    json_t *params = json_pack("{s:s}", "session", session);
    if (ops)
        json_object_set_new(params, "ops", ops);
    return client_send(client, method, params);
}

/* How many ops of that session have come. */
static size_t ops_in(struct client *client, size_t other)
{
    char id[GL_UUID_TEXT + 1];
    size_t ops = 0;
    json_t *notice;
    gl_uuid_format(db_other_session(bench.db, other), id);
    for (size_t n = 0; (notice = client_notice(client, "session.ops", n)); n++)
        if (strcmp(json_string_value(json_object_get(json_object_get(notice, "params"), "session")), id) == 0)
            ops += json_array_size(json_object_get(json_object_get(notice, "params"), "ops"));
    return ops;
}

START_TEST(project_ops__come_once_to_who_has_left_one_of_two_sessions)
{
    in_session(ben, "session.join", 0, NULL);
    turn();
    send_op(ana, op_create("one", "harbour", "claim"));
    turn();
    in_session(ben, "session.leave", 0, NULL);
    send_op(ana, op_create("two", "harbour", "evidence"));
    turn();
    ck_assert_ptr_nonnull(client_notice(ben, "project.ops", 1));
    ck_assert_ptr_null(client_notice(ben, "project.ops", 2));
}
END_TEST

START_TEST(sessions__with_more_ops_than_one_append_takes__take_turns)
{
    struct core_limits limits = bench_limits();
    limits.append_max_ops = 4;
    teardown();
    setup_with(1, &limits);
    for (size_t i = 0; i < 3; i++)
        in_session(ana, "session.join", i, NULL);
    turn();
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    send_op(ana, op_create("first", "harbour", NULL));
    turn();
    for (int i = 0; i < 120; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        in_session(ana, "session.submit", (size_t)i % 3, json_pack("[o]", op_create(name, "quay", NULL)));
    }
    turn();
    store_mem_answer(bench.stores[0]);
    store_mem_fault(bench.stores[0], FAULT_LATE, 100);
    for (int i = 0; i < 6; i++) { /* six appends of four ops each */
        turn();
        store_mem_answer(bench.stores[0]);
    }
    for (size_t i = 0; i < 3; i++)
        ck_assert_msg(ops_in(ana, i) >= 4, "session %zu: %zu ops", i, ops_in(ana, i));
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    turn();
}
END_TEST

static json_t *many_ops(const char *prefix, int count)
{
    json_t *ops = json_array();
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s %d", prefix, i);
        json_array_append_new(ops, op_create(name, "quay", NULL));
    }
    return ops;
}

/* Of these sessions those below `many` get two hundred ops each, the last one a single op behind them; gives how many of the many are there when that one is. */
static size_t ops_before_a_single_one(size_t many)
{
    for (size_t i = 0; i <= many; i++)
        in_session(ana, "session.join", i, NULL);
    turn();
    store_mem_fault(bench.stores[0], FAULT_LATE, 1000);
    send_op(ana, op_create("first", "harbour", NULL));
    turn();
    for (size_t i = 0; i < many; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "many %zu", i);
        in_session(ana, "session.submit", i, many_ops(prefix, 200));
    }
    in_session(ana, "session.submit", many, many_ops("single", 1));
    for (int appends = 0; ops_in(ana, many) == 0 && appends < 100; appends++) {
        store_mem_answer(bench.stores[0]);
        turn();
    }
    ck_assert_uint_eq(ops_in(ana, many), 1);
    size_t before = 0;
    for (size_t i = 0; i < many; i++)
        before += ops_in(ana, i);
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 1000);
    for (size_t i = 0; i < many; i++)
        ck_assert_uint_eq(ops_in(ana, i), 200);
    return before;
}

START_TEST(single_op__beside_a_session_with_many__waits_for_few_of_them)
{
    ck_assert_uint_le(ops_before_a_single_one(1), 64);
}
END_TEST

START_TEST(single_op__beside_two_sessions_with_many__waits_for_few_of_them)
{
    ck_assert_uint_le(ops_before_a_single_one(2), 96);
}
END_TEST

/* Two hundred ops at once, ten seconds after the last that anybody else sent. */
static void check_quarters(size_t there_before)
{
    loop_sim_run(bench.loop, 10000);
    const unsigned before = store_mem_appends(bench.stores[0]);
    in_session(ana, "session.submit", 0, many_ops("many", 200));
    turn();
    ck_assert_uint_eq(ops_in(ana, 0), there_before + 200);
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]), before + 4); /* 64, 64, 64, 8 */
}

START_TEST(session__that_has_the_worker_to_itself__brings_a_quarter_of_what_an_append_takes)
{
    in_session(ana, "session.join", 0, NULL);
    submit(ana, op_create("elsewhere", "harbour", NULL));
    in_session(ana, "session.submit", 0, many_ops("before", 1));
    check_quarters(1);
}
END_TEST

START_TEST(session__that_begins_when_the_others_have_long_been_silent__brings_a_quarter_at_once)
{
    in_session(ana, "session.join", 0, NULL);
    submit(ana, op_create("elsewhere", "harbour", NULL));
    check_quarters(0);
}
END_TEST

static void send_requests(int count, int ops_each)
{
    for (int i = 0; i < count; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "request %d", i);
        in_session(ana, "session.submit", 0, many_ops(prefix, ops_each));
    }
}

/* How many of so many ops, sent at once in a session that nothing is in flight of, the first append has. All of them get there. */
static size_t ops_of_the_first_append(int requests, int ops_each)
{
    const int count = requests * ops_each;
    store_mem_fault(bench.stores[0], FAULT_LATE, 1000);
    send_requests(requests, ops_each);
    turn();
    store_mem_answer(bench.stores[0]);
    turn();
    const size_t first = ops_in(ana, 0);
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    for (int i = 0; i < 4; i++) {
        store_mem_answer(bench.stores[0]);
        turn();
    }
    ck_assert_uint_eq(ops_in(ana, 0), (size_t)count);
    return first;
}

static void join_alone(void)
{
    in_session(ana, "session.join", 0, NULL);
    loop_sim_run(bench.loop, 10000);
}

START_TEST(session__that_has_the_worker_to_itself__keeps_half_back_to_be_judged_meanwhile)
{
    struct core_counts counts;
    join_alone();
    ck_assert_uint_eq(ops_of_the_first_append(64, 1), 32);
    core_counts(bench.cores[0], &counts);
    ck_assert_uint_eq(counts.ops_ahead, 32);
}
END_TEST

/* A request is answered when all of it is there. */
START_TEST(session__with_one_request__divides_nothing)
{
    join_alone();
    ck_assert_uint_eq(ops_of_the_first_append(1, 64), 64);
}
END_TEST

START_TEST(session__with_requests_of_several_ops__keeps_whole_ones_back)
{
    join_alone();
    ck_assert_uint_eq(ops_of_the_first_append(5, 12), 36);
}
END_TEST

START_TEST(session__with_few_ops__keeps_nothing_back)
{
    join_alone();
    ck_assert_uint_eq(ops_of_the_first_append(31, 1), 31);
}
END_TEST

START_TEST(session__beside_another__brings_its_share_and_not_half)
{
    in_session(ana, "session.join", 0, NULL);
    submit(ana, op_create("elsewhere", "harbour", NULL));
    turn();
    ck_assert_uint_eq(ops_of_the_first_append(40, 1), 32);
}
END_TEST

static size_t with_readers(size_t count)
{
    struct client *readers[32];
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "reader %zu", i);
        readers[i] = client_new(&bench, 0, name, GL_ANNOTATOR);
        in_session(readers[i], "session.join", 0, NULL);
    }
    join_alone();
    const size_t first = ops_of_the_first_append(64, 1);
    for (size_t i = 0; i < count; i++)
        client_free(&readers[i]);
    return first;
}

START_TEST(session__that_thirty_one_read__keeps_half_back)
{
    ck_assert_uint_eq(with_readers(30), 32);
}
END_TEST

/* An append is a record to each of them. */
START_TEST(session__that_thirty_two_read__keeps_nothing_back)
{
    ck_assert_uint_eq(with_readers(31), 64);
}
END_TEST

START_TEST(session__where_a_commit_is_slow__keeps_nothing_back)
{
    join_alone();
    store_mem_fault(bench.stores[0], FAULT_LATE, 1000);
    in_session(ana, "session.submit", 0, many_ops("one", 1));
    loop_sim_run(bench.loop, 9);
    store_mem_answer(bench.stores[0]);
    turn();
    store_mem_fault(bench.stores[0], FAULT_LATE, 1000);
    send_requests(64, 1);
    turn();
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(ops_in(ana, 0), 65);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, order");
    TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_add_test(one, result__of_a_reader_whose_socket_is_full__comes_behind_the_op);
    tcase_add_test(one, result__of_a_reader_that_joins_again_before_there_is_room__comes_behind_the_join);
    tcase_add_test(one, refusals__more_than_one_append_takes__are_all_said_at_once);
    tcase_add_test(one, op__twice_in_one_group__once_in_an_atomic_request_that_is_refused__keeps_its_seq);
    tcase_add_test(one, base__that_names_somebody_elses_op_of_the_same_group__is_no_base);
    tcase_add_test(one, ops_in_flight__are_bounded_also_for_who_has_not_joined);
    tcase_add_test(one, limit__that_is_lowered__refuses_no_request_that_fitted_before);
    tcase_add_test(one, bytes_in_flight__are_bounded__and_free_again_when_answered);
    tcase_add_test(one, project_ops__are_not_lost_when_a_reader_with_a_full_socket_joins_again);
    tcase_add_test(one, project_ops__come_once_to_who_has_left_one_of_two_sessions);
    tcase_add_test(one, sessions__with_more_ops_than_one_append_takes__take_turns);
    tcase_add_test(one, single_op__beside_a_session_with_many__waits_for_few_of_them);
    tcase_add_test(one, single_op__beside_two_sessions_with_many__waits_for_few_of_them);
    tcase_add_test(one, session__that_has_the_worker_to_itself__brings_a_quarter_of_what_an_append_takes);
    tcase_add_test(one, session__that_begins_when_the_others_have_long_been_silent__brings_a_quarter_at_once);
    tcase_add_test(one, session__that_has_the_worker_to_itself__keeps_half_back_to_be_judged_meanwhile);
    tcase_add_test(one, session__with_one_request__divides_nothing);
    tcase_add_test(one, session__with_requests_of_several_ops__keeps_whole_ones_back);
    tcase_add_test(one, session__with_few_ops__keeps_nothing_back);
    tcase_add_test(one, session__beside_another__brings_its_share_and_not_half);
    tcase_add_test(one, session__that_thirty_one_read__keeps_half_back);
    tcase_add_test(one, session__that_thirty_two_read__keeps_nothing_back);
    tcase_add_test(one, session__where_a_commit_is_slow__keeps_nothing_back);
    tcase_add_test(two, time__of_ops__never_goes_back_when_another_workers_clock_is_ahead);
    tcase_add_test(two, codebook__in_a_sessions_ops__never_goes_back);
    tcase_add_test(two, label__by_the_id_that_another_worker_gave_it_a_moment_ago__is_known);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
