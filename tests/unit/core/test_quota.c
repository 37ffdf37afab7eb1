/* Quotas: who makes ops too fast is told when to try again and has lost nothing; what a project may have is never exceeded by one worker, and nobody is refused
 * for what is not there any more. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/core/two_people.h"

#define RATE  10
#define BURST 20
#define MOST  3

static void setup_rate(size_t workers, enum quota rate, enum quota burst)
{
    struct core_limits limits = bench_limits();
    limits.quotas[rate] = RATE;
    limits.quotas[burst] = BURST;
    setup_with(workers, &limits);
}
static void setup_account(void)
{
    setup_rate(1, QUOTA_account_ops_rate, QUOTA_account_ops_burst);
}
static void setup_account_two(void)
{
    setup_rate(2, QUOTA_account_ops_rate, QUOTA_account_ops_burst);
}
static void setup_project(void)
{
    setup_rate(1, QUOTA_project_ops_rate, QUOTA_project_ops_burst);
}
static void setup_stored(size_t workers)
{
    struct core_limits limits = bench_limits();
    limits.quotas[QUOTA_max_project_annotations] = MOST;
    setup_with(workers, &limits);
}
static void setup_annotations(void)
{
    setup_stored(1);
}
static void setup_annotations_two(void)
{
    setup_stored(2);
}

/* So many creates in one request, called PREFIX0 and on. */
static uint64_t send_many(struct client *client, const char *prefix, size_t count, bool is_atomic)
{
    json_t *ops = json_array();
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%zu", prefix, i);
        json_array_append_new(ops, op_create(name, "harbour", NULL));
    }
    return client_submit(client, ops, is_atomic);
}

static uint64_t ask_many(struct client *client, const char *prefix, size_t count)
{
    uint64_t request = send_many(client, prefix, count, false);
    turn();
    return request;
}

/* The data of a request's refusal. */
static json_t *refused(struct client *client, uint64_t request)
{
    expect_refusal(client, request, "rate_limited");
    return json_object_get(json_object_get(client_answer(client, request), "error"), "data");
}

static void expect_data(const json_t *data, const char *of, const char *what, json_int_t limit)
{
    ck_assert_str_eq(json_string_value(json_object_get(data, "of")), of);
    ck_assert_str_eq(json_string_value(json_object_get(data, "what")), what);
    ck_assert_int_eq(json_integer_value(json_object_get(data, "limit")), limit);
}

static json_int_t wait_ms(const json_t *data)
{
    return json_integer_value(json_object_get(data, "retry_after_ms"));
}

/* ---- ops a second */

START_TEST(account__faster_than_it_may__is_told_when_and_heard_then)
{
    seq_of(ana, ask_many(ana, "a", BURST), BURST - 1);
    json_t *data = refused(ana, submit(ana, op_create("late", "harbour", NULL)));
    expect_data(data, "account", "ops_rate", RATE);
    ck_assert_int_eq(wait_ms(data), 1000 / RATE);
    ck_assert_uint_eq(db_head(bench.db), BURST);
    ck_assert_uint_eq(seq_of(ben, submit(ben, op_create("his", "harbour", NULL)), 0), BURST + 1);
    loop_sim_run(bench.loop, (uint64_t)wait_ms(data) - 1);
    ck_assert_int_eq(wait_ms(refused(ana, submit(ana, op_create("late", "harbour", NULL)))), 1);
    loop_sim_run(bench.loop, 1);
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_create("late", "harbour", NULL)), 0), BURST + 2);
}
END_TEST

START_TEST(request__larger_than_the_burst__is_taken_whole_and_paid_for)
{
    seq_of(ana, ask_many(ana, "a", 2 * BURST), 2 * BURST - 1);
    ck_assert_int_eq(wait_ms(refused(ana, submit(ana, op_create("late", "harbour", NULL)))), (BURST + 1) * 1000 / RATE);
}
END_TEST

START_TEST(account__that_was_told_to_wait__makes_no_more_than_its_rate_however_often_it_asks)
{
    const uint64_t from = db_head(bench.db);
    for (int ms = 0; ms < 10000; ms += 20) {
        char name[16];
        snprintf(name, sizeof name, "a%d", ms);
        submit(ana, op_create(name, "harbour", NULL));
        loop_sim_run(bench.loop, 20);
    }
    ck_assert_uint_ge(db_head(bench.db) - from, BURST + 10 * RATE - 1);
    ck_assert_uint_le(db_head(bench.db) - from, BURST + 10 * RATE + 1);
}
END_TEST

START_TEST(project__faster_than_it_may__holds_all_its_members)
{
    seq_of(ana, ask_many(ana, "a", BURST), BURST - 1);
    expect_data(refused(ben, submit(ben, op_create("his", "harbour", NULL))), "project", "ops_rate", RATE);
    char project[GL_UUID_TEXT + 1];
    gl_uuid_format(db_project(bench.db), project);
    uint64_t label = client_send(ana, "project.submit",
                                 json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}]}", "project", project, "ops", "id", op_id("label"),
                                           "change", "kind", "label.create", "name", "new"));
    turn();
    refused(ana, label);
    ck_assert_uint_eq(db_label_count(bench.db), 0);
}
END_TEST

START_TEST(account__that_was_given_more__has_it_within_a_second)
{
    db_set_quota(bench.db, &ana->account, NULL, "ops_rate", 0);
    db_set_quota(bench.db, &ben->account, NULL, "ops_rate", 1);
    db_set_quota(bench.db, &ben->account, NULL, "ops_burst", 1);
    db_set_quota(bench.db, &ben->account, NULL, "of a later version", 1);
    loop_sim_run(bench.loop, 1500);
    for (size_t i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%zu.", i);
        seq_of(ana, ask_many(ana, name, BURST), 0);
    }
    seq_of(ben, submit(ben, op_create("first", "harbour", NULL)), 0);
    expect_data(refused(ben, submit(ben, op_create("second", "harbour", NULL))), "account", "ops_rate", 1);
}
END_TEST

START_TEST(account__that_was_given_a_very_large_rate__is_not_held)
{
    db_set_quota(bench.db, &ana->account, NULL, "ops_rate", GL_INT_MAX);
    db_set_quota(bench.db, &ana->account, NULL, "ops_burst", 0);
    loop_sim_run(bench.loop, 1500);
    for (size_t i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%zu.", i);
        seq_of(ana, ask_many(ana, name, BURST), BURST - 1);
    }
}
END_TEST

START_TEST(account__on_two_workers__has_one_rate)
{
    struct client *again = client_new(&bench, 1, "ana", GL_CURATOR);
    client_join(again, NULL);
    seq_of(ana, ask_many(ana, "a", 2 * BURST), 0); /* twice what there is: a debt of the burst */
    loop_sim_run(bench.loop, 600);                 /* it is said */
    expect_data(refused(again, submit(again, op_create("late", "harbour", NULL))), "account", "ops_rate", RATE);
    seq_of(ben, submit(ben, op_create("his", "harbour", NULL)), 0);
    client_free(&again);
}
END_TEST

/* ---- annotations of a project */

START_TEST(project__with_as_many_annotations_as_it_may__takes_one_more_when_one_has_gone)
{
    ask_many(ana, "a", MOST);
    json_t *data = expect_error(ben, submit(ben, op_create("one more", "harbour", NULL)), 0, "limit");
    expect_data(data, "project", "annotations", MOST);
    ck_assert_int_eq(json_integer_value(json_object_get(data, "used")), MOST);
    seq_of(ben, submit(ben, op_update("note", json_integer(MOST), "a1", "note", json_string("still changed"))), 0);
    seq_of(ana, submit(ana, op_delete("gone", json_integer(MOST + 1), "a0")), 0);
    seq_of(ben, submit(ben, op_create("one more", "harbour", NULL)), 0);
    expect_error(ana, submit(ana, op_create("and another", "harbour", NULL)), 0, "limit");
    ck_assert_uint_eq(db_head(bench.db), MOST + 3);
}
END_TEST

START_TEST(request__that_is_more_than_there_is_room_for__is_taken_as_far_as_that_goes)
{
    uint64_t request = ask_many(ana, "a", MOST + 2);
    seq_of(ana, request, MOST - 1);
    for (size_t i = MOST; i < MOST + 2; i++)
        ck_assert_int_eq(json_integer_value(json_object_get(expect_error(ana, request, i, "limit"), "used")), MOST);
    ck_assert_uint_eq(db_head(bench.db), MOST);
}
END_TEST

START_TEST(atomic_request__that_is_more_than_there_is_room_for__leaves_nothing)
{
    ask_many(ana, "a", MOST - 1);
    uint64_t request = send_many(ana, "b", 2, true);
    turn();
    expect_error(ana, request, 0, "atomic_refused");
    expect_error(ana, request, 1, "limit");
    ck_assert_uint_eq(db_head(bench.db), MOST - 1);
    seq_of(ana, submit(ana, op_create("fits", "harbour", NULL)), 0);
}
END_TEST

START_TEST(append__that_failed__counts_for_nothing)
{
    store_mem_fault(bench.stores[0], FAULT_DOWN, 2);
    uint64_t request = ask_many(ana, "a", MOST);
    loop_sim_run(bench.loop, 500);
    seq_of(ana, request, MOST - 1);
    expect_error(ana, submit(ana, op_create("one more", "harbour", NULL)), 0, "limit");
}
END_TEST

static void join_other(struct client *client, char id[GL_UUID_TEXT + 1])
{
    gl_uuid_format(db_other_session(bench.db, 0), id);
    uint64_t request = client_send(client, "session.join", json_pack("{s:s}", "session", id));
    turn();
    client_result(client, request);
}

static uint64_t submit_in(struct client *client, const char *session, json_t *op)
{
    uint64_t request = client_send(client, "session.submit", json_pack("{s:s, s:[o]}", "session", session, "ops", op));
    turn();
    return request;
}

START_TEST(project__on_two_workers__is_counted_once_more_before_anybody_is_refused)
{
    char other[GL_UUID_TEXT + 1];
    join_other(ana, other);
    seq_of(ben, submit(ben, op_create("counted", "harbour", NULL)), 0);
    submit_in(ana, other, op_create("o0", "harbour", NULL));
    submit_in(ana, other, op_create("o1", "harbour", NULL));
    loop_sim_run(bench.loop, 2500); /* the next op has it counted, the one behind that knows */
    submit(ben, op_update("note", json_integer(1), "counted", "note", json_string("n")));
    expect_error(ben, submit(ben, op_create("one more", "harbour", NULL)), 0, "limit");
    seq_of(ana, submit_in(ana, other, op_delete("gone", json_integer(2), "o0")), 0);
    seq_of(ben, submit(ben, op_create("one more", "harbour", NULL)), 0); /* though the last count of his worker was before that */
}
END_TEST

START_TEST(project__whose_limit_was_taken_away__takes_more)
{
    ask_many(ana, "a", MOST);
    expect_error(ana, submit(ana, op_create("one more", "harbour", NULL)), 0, "limit");
    db_set_quota(bench.db, NULL, db_project(bench.db), "annotations", 0);
    loop_sim_run(bench.loop, 1500);
    seq_of(ana, submit(ana, op_create("one more", "harbour", NULL)), 0);
}
END_TEST

START_TEST(project__that_cannot_be_counted__waits_and_loses_nothing)
{
    store_mem_set_readable(bench.stores[0], false);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 1500);
    ck_assert_ptr_null(client_answer(ana, request));
    store_mem_set_readable(bench.stores[0], true);
    loop_sim_run(bench.loop, 1500);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
}
END_TEST

START_TEST(session__with_an_op_that_is_in_doubt__does_not_hold_the_others)
{
    char other[GL_UUID_TEXT + 1];
    join_other(ana, other);
    seq_of(ana, submit_in(ana, other, op_create("o", "harbour", NULL)), 0);
    ask_many(ben, "a", MOST - 1);
    loop_sim_run(bench.loop, 100);
    store_mem_set_readable(bench.stores[0], false);
    uint64_t in_doubt = submit(ben, op_create("one more", "harbour", NULL));
    loop_sim_run(bench.loop, 200);
    ck_assert_ptr_null(client_answer(ben, in_doubt));
    seq_of(ana, submit_in(ana, other, op_update("note", json_integer(1), "o", "note", json_string("meanwhile"))), 0);
    ck_assert_ptr_null(client_answer(ben, in_doubt));
    store_mem_set_readable(bench.stores[0], true);
    loop_sim_run(bench.loop, 1500);
    expect_error(ben, in_doubt, 0, "limit");
}
END_TEST

static TCase *with(Suite *suite, const char *name, void (*setup_it)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup_it, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("quota");
    TCase *account = with(suite, "account", setup_account), *two = with(suite, "account on two", setup_account_two),
          *project = with(suite, "project", setup_project), *stored = with(suite, "annotations", setup_annotations),
          *stored_two = with(suite, "annotations on two", setup_annotations_two);
    tcase_add_test(account, account__faster_than_it_may__is_told_when_and_heard_then);
    tcase_add_test(account, request__larger_than_the_burst__is_taken_whole_and_paid_for);
    tcase_add_test(account, account__that_was_told_to_wait__makes_no_more_than_its_rate_however_often_it_asks);
    tcase_add_test(account, account__that_was_given_more__has_it_within_a_second);
    tcase_add_test(account, account__that_was_given_a_very_large_rate__is_not_held);
    tcase_add_test(two, account__on_two_workers__has_one_rate);
    tcase_add_test(project, project__faster_than_it_may__holds_all_its_members);
    tcase_add_test(stored, project__with_as_many_annotations_as_it_may__takes_one_more_when_one_has_gone);
    tcase_add_test(stored, request__that_is_more_than_there_is_room_for__is_taken_as_far_as_that_goes);
    tcase_add_test(stored, atomic_request__that_is_more_than_there_is_room_for__leaves_nothing);
    tcase_add_test(stored, append__that_failed__counts_for_nothing);
    tcase_add_test(stored, project__whose_limit_was_taken_away__takes_more);
    tcase_add_test(stored, project__that_cannot_be_counted__waits_and_loses_nothing);
    tcase_add_test(stored, session__with_an_op_that_is_in_doubt__does_not_hold_the_others);
    tcase_add_test(stored_two, project__on_two_workers__is_counted_once_more_before_anybody_is_refused);
    return run_suite(suite);
}
