/* Sessions in memory: one account has its share, the worker has a ceiling, and nobody loses a session that somebody has joined. */
#include "service/core/core_priv.h"
#include "tests/unit/core/two_people.h"

#define SHARE 2

static void setup_share(void)
{
    struct core_limits limits = bench_limits();
    limits.quotas[QUOTA_max_account_sessions] = SHARE;
    setup_with(1, &limits); /* both have joined one session; it is there on ana's behalf */
}

static void setup_ceiling(void)
{
    struct core_limits limits = bench_limits();
    limits.sessions_bytes = 190000; /* for three sessions that hold nothing; one of them is more than a quarter */
    setup_with(1, &limits);
}

static uint64_t ask(struct client *client, const char *method, size_t other)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(db_other_session(bench.db, other), id);
    uint64_t request = client_send(client, method, json_pack("{s:s}", "session", id));
    turn();
    return request;
}

static void join(struct client *client, size_t other)
{
    client_result(client, ask(client, "session.join", other));
}

static void leave(struct client *client, size_t other)
{
    client_result(client, ask(client, "session.leave", other));
}

static size_t in_memory(void)
{
    struct core_counts counts;
    core_counts(bench.cores[0], &counts);
    return counts.sessions;
}

START_TEST(account__that_has_joined_its_share__is_refused_until_it_leaves_one)
{
    join(ana, 0);
    expect_refusal(ana, ask(ana, "session.join", 1), "limit");
    expect_refusal(ana, ask(ana, "session.join", 1), "limit");
    ck_assert_uint_eq(in_memory(), SHARE);
    leave(ana, 0);
    join(ana, 1);
    ck_assert_uint_eq(in_memory(), SHARE); /* the one that was left made way */
}
END_TEST

START_TEST(session__joined_already__is_joined_again_whatever_the_limit_has_become)
{
    struct core_limits limits = *core_get_limits(bench.cores[0]);
    join(ana, 0);
    limits.sessions = 1;
    core_set_limits(bench.cores[0], &limits);
    join(ana, 0);
    expect_refusal(ana, ask(ana, "session.join", 1), "limit");
}
END_TEST

START_TEST(account__on_two_connections__has_one_share)
{
    struct client *again = client_new(&bench, 0, "ana", GL_CURATOR);
    join(again, 0);
    expect_refusal(again, ask(again, "session.join", 1), "limit");
    expect_refusal(ana, ask(ana, "session.join", 2), "limit");
    client_free(&again);
    join(ana, 2);
}
END_TEST

START_TEST(account__beyond_its_share__costs_others_nothing)
{
    join(ana, 0);
    expect_refusal(ana, ask(ana, "session.join", 1), "limit");
    join(ben, 1);
    join(ana, 1); /* it is there on ben's behalf */
    seq_of(ben, submit(ben, op_create("one", "harbour", NULL)), 0);
    ck_assert_uint_eq(client_op_count(ana), 1);
}
END_TEST

START_TEST(session__whose_account_left__is_charged_to_one_that_stays)
{
    join(ana, 0);
    join(ben, 0);
    leave(ana, 0);
    join(ana, 1); /* her share has room again, and nothing made way */
    ck_assert_uint_eq(in_memory(), 3);
    join(ben, 2);
    leave(ben, 2);
    leave(ana, 1);
    ck_assert_uint_eq(client_op_count(ben), 0);
    expect_refusal(ben, ask(ben, "session.leave", 1), "not_found");
    leave(ben, 0); /* it was there all the time */
}
END_TEST

START_TEST(session__of_one_who_only_wrote__is_charged_to_one_that_joins_it)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(db_other_session(bench.db, 0), id);
    json_t *op = json_pack("{s:[o]}", "ops", op_create("one", "harbour", NULL));
    json_object_set_new(op, "session", json_string(id));
    client_send(ana, "session.submit", op); /* it is read on her behalf */
    turn();
    join(ben, 0);
    join(ana, 1); /* the first is not hers to leave */
    ck_assert_uint_eq(in_memory(), 3);
}
END_TEST

START_TEST(session__that_nobody_has_joined__makes_way_the_longest_idle_first)
{
    join(ben, 0);
    leave(ben, 0);
    loop_sim_run(bench.loop, 10);
    join(ben, 1);
    leave(ben, 1);
    ck_assert_uint_eq(in_memory(), 3);
    join(ben, 2);
    ck_assert_uint_eq(in_memory(), 3);
    const unsigned before = store_mem_questions(bench.stores[0]);
    join(ben, 1); /* nothing is read for it but the right to be there */
    ck_assert_uint_eq(in_memory(), 3);
    ck_assert_uint_le(store_mem_questions(bench.stores[0]) - before, 1);
}
END_TEST

START_TEST(memory__that_is_full_of_joined_sessions__is_told_as_busy)
{
    struct client *cyn = client_new(&bench, 0, "cyn", GL_VIEWER), *dan = client_new(&bench, 0, "dan", GL_VIEWER);
    join(ben, 0);
    join(cyn, 1);
    uint64_t refused = ask(dan, "session.join", 2);
    expect_refusal(dan, refused, "busy");
    const json_t *data = json_object_get(json_object_get(client_answer(dan, refused), "error"), "data");
    ck_assert_int_gt(json_integer_value(json_object_get(data, "retry_after_ms")), 0);
    leave(cyn, 1);
    join(dan, 2);
    ck_assert_uint_eq(in_memory(), 3);
    client_free(&cyn);
    client_free(&dan);
}
END_TEST

START_TEST(account__that_has_more_than_a_quarter__gets_no_more)
{
    expect_refusal(ana, ask(ana, "session.join", 0), "limit");
    join(ben, 0);
    expect_refusal(ben, ask(ben, "session.join", 1), "limit");
}
END_TEST

static const json_t *error_data(struct client *client, uint64_t request)
{
    return json_object_get(json_object_get(client_answer(client, request), "error"), "data");
}

/* 400 annotations take 570 kB, and a quarter is 524. */
START_TEST(account__with_a_large_session__has_others_beside_it)
{
    struct core_limits limits = bench_limits();
    limits.sessions_bytes = 2 << 20;
    teardown();
    setup_with(1, &limits);
    for (int i = 0; i < 4; i++) {
        json_t *ops = json_array();
        for (int n = 0; n < 100; n++) {
            char name[16];
            snprintf(name, sizeof name, "op %d", 100 * i + n);
            json_array_append_new(ops, op_create(name, "harbour", NULL));
        }
        client_submit(ana, ops, false);
        turn();
    }
    ck_assert_uint_eq(db_head(bench.db), 400);
    join(ana, 0);
    join(ana, 1);
    ck_assert_uint_eq(in_memory(), 3);
}
END_TEST

START_TEST(account__with_a_large_session__has_no_second_one)
{
    struct core_limits limits = bench_limits();
    limits.sessions_bytes = 2 << 20;
    teardown();
    setup_with(1, &limits);
    db_say_live(bench.db, 400); /* of each */
    char ids[2][GL_UUID_TEXT + 1];
    uint64_t asked[2];
    for (size_t i = 0; i < 2; i++) {
        gl_uuid_format(db_other_session(bench.db, i), ids[i]);
        asked[i] = client_send(ben, "session.join", json_pack("{s:s}", "session", ids[i]));
    }
    turn();
    client_result(ben, asked[0]);
    expect_refusal(ben, asked[1], "limit"); /* before the first was there: it counts from when it is asked for */
}
END_TEST

START_TEST(refusal__names_the_limit_that_it_is_for)
{
    uint64_t refused = ask(ana, "session.join", 0);
    expect_refusal(ana, refused, "limit");
    ck_assert_int_eq(json_integer_value(json_object_get(error_data(ana, refused), "limit_bytes")), 190000 / 4);
    ck_assert_ptr_null(json_object_get(error_data(ana, refused), "limit"));
    struct core_limits limits = bench_limits();
    limits.quotas[QUOTA_max_account_sessions] = SHARE;
    teardown();
    setup_with(1, &limits);
    join(ana, 0);
    refused = ask(ana, "session.join", 1);
    expect_refusal(ana, refused, "limit");
    ck_assert_int_eq(json_integer_value(json_object_get(error_data(ana, refused), "limit")), SHARE);
    ck_assert_ptr_null(json_object_get(error_data(ana, refused), "limit_bytes"));
}
END_TEST

START_TEST(session__read_anew_while_all_are_compared__is_not_compared)
{
    join(ana, 0);
    leave(ana, 0);
    char ids[2][GL_UUID_TEXT + 1];
    gl_uuid_format(db_other_session(bench.db, 0), ids[0]);
    gl_uuid_format(db_other_session(bench.db, 1), ids[1]);
    uint64_t other =
        client_send(ana, "session.join", json_pack("{s:s}", "session", ids[1])); /* the idle one makes way for this */
    uint64_t again = client_send(ben, "session.join", json_pack("{s:s}", "session", ids[0]));
    store_mem_notify_everything(bench.stores[0]); /* the question is asked while it is there, and answered while it is read */
    turn();
    client_result(ana, other);
    client_result(ben, again);
}
END_TEST

/* ---- an annotation is its bytes; an object of it is several times as large, and not counted */

static size_t objects_in_memory(void)
{
    size_t count = 0;
    for (size_t i = 0; i < bench.workers; i++) {
        struct session *session;
        for (size_t at = 0; (session = map_next(&bench.cores[i]->sessions, &at));)
            for (size_t k = 0; k < session->state->count; k++)
                count += session->state->items[k]->tree != NULL;
    }
    return count;
}

START_TEST(records__that_were_read_to_judge__are_bytes_again)
{
    submit(ana, op_create("one", "harbour", NULL));
    submit(ana, op_update("noted", json_integer(1), "one", "note", json_string("for @ben, and @ana"))); /* ben's worker follows */
    ck_assert_uint_eq(objects_in_memory(), 0);
    submit(ben, op_reply("two", "one", "no"));
    expect_error(ben, submit(ben, op_update("late", json_integer(1), "one", "note", json_string("other"))), 0, "stale");
    expect_error(ana, submit(ana, op_delete("unread", json_integer(2), "one")), 0, "stale");
    ck_assert_uint_eq(objects_in_memory(), 0);
    submit(ben, op_delete("gone", json_integer(3), "two"));
    expect_error(ana, submit(ana, op_reply("three", "two", "why?")), 0, "gone");
    expect_error(ana, submit(ana, op_delete("again", json_integer(4), "two")), 0, "gone");
    ck_assert_uint_eq(objects_in_memory(), 0);
}
END_TEST

START_TEST(records__of_several_pieces__are_found_by_their_places)
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), session);
    json_t *op = op_create("one", "harbour", NULL);
    json_array_append_new(json_object_get(json_object_get(json_object_get(op, "change"), "target"), "spans"),
                          json_pack("{s:s}", "exact", "Ships"));
    submit(ana, op);
    for (int start = 4; start <= 40; start += 18) { /* in the first piece, between them, in the second */
        const json_t *page =
            client_result(ana, client_send(ana, "session.page",
                                           json_pack("{s:s, s:i, s:i}", "session", session, "start", start, "end", start + 4)));
        ck_assert_uint_eq(json_array_size(json_object_get(page, "records")), start != 22);
    }
    ck_assert_uint_eq(objects_in_memory(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, sessions in memory");
    TCase *share = tcase_create("share"), *ceiling = tcase_create("ceiling"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(share, setup_share, teardown);
    tcase_add_test(share, account__that_has_joined_its_share__is_refused_until_it_leaves_one);
    tcase_add_test(share, session__joined_already__is_joined_again_whatever_the_limit_has_become);
    tcase_add_test(share, account__on_two_connections__has_one_share);
    tcase_add_test(share, account__beyond_its_share__costs_others_nothing);
    tcase_add_test(share, session__whose_account_left__is_charged_to_one_that_stays);
    tcase_add_test(share, session__of_one_who_only_wrote__is_charged_to_one_that_joins_it);
    tcase_add_test(share, session__that_nobody_has_joined__makes_way_the_longest_idle_first);
    tcase_add_test(share, session__read_anew_while_all_are_compared__is_not_compared);
    suite_add_tcase(suite, share);
    tcase_add_checked_fixture(ceiling, setup_ceiling, teardown);
    tcase_add_test(ceiling, memory__that_is_full_of_joined_sessions__is_told_as_busy);
    tcase_add_test(ceiling, account__that_has_more_than_a_quarter__gets_no_more);
    tcase_add_test(ceiling, account__with_a_large_session__has_others_beside_it);
    tcase_add_test(ceiling, account__with_a_large_session__has_no_second_one);
    tcase_add_test(ceiling, refusal__names_the_limit_that_it_is_for);
    suite_add_tcase(suite, ceiling);
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_add_test(two, records__that_were_read_to_judge__are_bytes_again);
    tcase_add_test(two, records__of_several_pieces__are_found_by_their_places);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
