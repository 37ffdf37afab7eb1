/* A large session is taken into memory piece by piece: others have their turn meanwhile, and whoever goes or comes meanwhile is looked after. */
#include "tests/unit/core/two_people.h"

#include <stdlib.h>

#define RECORDS  1100
#define A_SUBMIT 100
#define TURNS    (RECORDS / 128) /* at least */

static struct client *cyn;

static json_t *some_ops(size_t from, size_t count)
{
    json_t *ops = json_array();
    for (size_t i = from; i < from + count; i++) {
        char name[32];
        snprintf(name, sizeof name, "op %zu", i);
        json_array_append_new(ops, op_create(name, "harbour", NULL));
    }
    return ops;
}

static uint64_t ask_other(struct client *client, const char *method, json_t *more)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(db_other_session(bench.db, 0), id);
    json_t *params = more ? more : json_object();
    json_object_set_new(params, "session", json_string(id));
    return client_send(client, method, params);
}

static uint64_t ask_join(struct client *client)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), id);
    return client_send(client, "session.join", json_pack("{s:s}", "session", id));
}

/* ana fills a session on the first worker; ben is in another one on the second, and cyn will join ana's there. */
static void setup_large(void)
{
    bench_init(&bench, TEXT, 2, NULL);
    ana = client_new(&bench, 0, "ana", GL_CURATOR);
    ben = client_new(&bench, 1, "ben", GL_ANNOTATOR);
    cyn = client_new(&bench, 1, "cyn", GL_ANNOTATOR);
    client_join(ana, json_pack("{s:b}", "live", 0));
    for (size_t i = 0; i < RECORDS; i += A_SUBMIT) {
        client_submit(ana, some_ops(i, A_SUBMIT), true);
        turn();
    }
    ck_assert_uint_eq(db_head(bench.db), RECORDS);
    uint64_t joined = ask_other(ben, "session.join", NULL);
    turn();
    client_result(ben, joined);
}

static void teardown_large(void)
{
    if (cyn)
        client_free(&cyn);
    teardown();
}

static size_t in_memory(void)
{
    struct core_counts counts;
    core_counts(bench.cores[1], &counts);
    return counts.sessions;
}

/* Some pieces of it are there, others are not. */
static void go_half_way(void)
{
    for (int i = 0; i < TURNS / 2; i++)
        loop_sim_step(bench.loop);
    ck_assert_uint_eq(in_memory(), 2);
}

START_TEST(large_session__that_is_read__lets_others_have_their_turn)
{
    uint64_t joined = ask_join(cyn), asked = 0;
    int turns = 0, asked_at = 0, told_at = 0;
    for (; !client_answer(cyn, joined); turns++) {
        ck_assert_int_lt(turns, 10 * TURNS);
        if (turns == TURNS / 2) {
            asked = ask_other(ben, "session.submit", json_pack("{s:o}", "ops", some_ops(RECORDS, 1)));
            asked_at = turns;
        }
        loop_sim_step(bench.loop);
        if (asked && !told_at && client_answer(ben, asked))
            told_at = turns;
    }
    ck_assert_int_ge(turns, TURNS);
    ck_assert_int_ge(told_at, asked_at);
    ck_assert_int_lt(told_at, turns - 1);
    seq_of(ben, asked, 0);
    ck_assert_int_eq(json_integer_value(json_object_get(client_result(cyn, joined), "records")), RECORDS);
    ck_assert_int_eq(json_integer_value(json_object_get(client_result(cyn, joined), "seq")), RECORDS);
}
END_TEST

START_TEST(op__appended_elsewhere_meanwhile__is_had_without_a_poll)
{
    uint64_t joined = ask_join(cyn);
    go_half_way();
    client_submit(ana, some_ops(RECORDS, 1), false);
    ck_assert_ptr_null(client_answer(cyn, joined));
    turn();
    ck_assert_int_eq(json_integer_value(json_object_get(client_result(cyn, joined), "seq")), RECORDS);
    ck_assert_uint_eq(client_op_count(cyn), 1);
}
END_TEST

START_TEST(person__gone_meanwhile__costs_who_waits_with_them_nothing)
{
    ask_join(cyn);
    go_half_way();
    uint64_t joined = ask_join(ben);
    loop_sim_step(bench.loop);
    client_free(&cyn);
    ck_assert_ptr_null(client_answer(ben, joined));
    turn();
    ck_assert_int_eq(json_integer_value(json_object_get(client_result(ben, joined), "records")), RECORDS);
}
END_TEST

START_TEST(session__that_all_have_left_meanwhile__is_there_until_it_is_swept)
{
    ask_join(cyn);
    go_half_way();
    client_free(&cyn);
    turn();
    ck_assert_uint_eq(in_memory(), 2);
    loop_sim_run(bench.loop, 70000);
    ck_assert_uint_eq(in_memory(), 1); /* ben's */
}
END_TEST

START_TEST(records__that_do_not_have_their_sum__are_refused_and_read_anew)
{
    uint64_t refused = ask_join(cyn);
    db_flip_sum(bench.db);
    turn();
    expect_refusal(cyn, refused, "internal");
    ck_assert_uint_eq(in_memory(), 1);
    db_flip_sum(bench.db);
    uint64_t joined = ask_join(cyn);
    turn();
    ck_assert_int_eq(json_integer_value(json_object_get(client_result(cyn, joined), "records")), RECORDS);
}
END_TEST

START_TEST(worker__that_ends_meanwhile__leaves_nothing_behind)
{
    ask_join(cyn);
    go_half_way();
    client_free(&cyn);
    client_free(&ben);
    core_free(&bench.cores[1]); /* the tests' leak check sees what it forgets */
    ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, large sessions");
    TCase *large = tcase_create("large");
    tcase_add_checked_fixture(large, setup_large, teardown_large);
    tcase_add_test(large, large_session__that_is_read__lets_others_have_their_turn);
    tcase_add_test(large, op__appended_elsewhere_meanwhile__is_had_without_a_poll);
    tcase_add_test(large, person__gone_meanwhile__costs_who_waits_with_them_nothing);
    tcase_add_test(large, session__that_all_have_left_meanwhile__is_there_until_it_is_swept);
    tcase_add_test(large, records__that_do_not_have_their_sum__are_refused_and_read_anew);
    tcase_add_test(large, worker__that_ends_meanwhile__leaves_nothing_behind);
    suite_add_tcase(suite, large);
    return run_suite(suite);
}
