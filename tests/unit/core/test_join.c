/* test_join.c - who comes: joins, resumes, pages, a full socket, a right that goes, a session that is closed or left alone. */
#include "service/base/mem.h"
#include "tests/unit/core/two_people.h"

START_TEST(reader__whose_socket_is_full__gets_everything_when_it_has_room)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = 20;
    teardown();
    setup_with(1, &limits);
    ben->is_full = true;
    submit_many(0, 100);
    ck_assert_uint_eq(client_op_count(ben), 0);
    ck_assert_uint_eq(client_op_count(ana), 100);
    ben->is_full = false;
    peer_writable(ben->peer);
    turn();
    expect_all_ops(ben, 0);
    ck_assert_ptr_nonnull(client_notice(ben, "session.notice", 0));
}
END_TEST

static json_t *since(uint64_t seq, const char *chain)
{
    return json_pack("{s:I, s:s}", "since", (json_int_t)seq, "chain", chain);
}

static char *chain_at(struct client *client, size_t frame)
{
    const char *chain =
        json_string_value(json_object_get(json_object_get(client_notice(client, "session.ops", frame), "params"), "chain"));
    return mem_copy(chain, strlen(chain));
}

START_TEST(resume__with_the_right_chain__replays_exactly_what_was_missed)
{
    submit_many(0, 30);
    for (uint64_t from = 0; from < 30; from += 7) {
        struct client *late = client_new(&bench, 0, "late", GL_VIEWER);
        loop_sim_run(bench.loop, 1000); /* the epoch moved with the new member */
        char *chain = from > 0 ? chain_at(ana, from - 1) : NULL;
        client_result(late, client_join(late, from > 0 ? since(from, chain) : json_pack("{s:i}", "since", 0)));
        turn();
        expect_all_ops(late, from);
        mem_free(&chain);
        client_free(&late);
    }
}
END_TEST

static uint64_t ask_for(struct client *client, const char *method)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), id);
    return client_send(client, method, json_pack("{s:s}", "session", id));
}

START_TEST(join__that_a_later_join_or_leave_overtook__counts_no_more)
{
    struct client *late = client_new(&bench, 0, "late", GL_VIEWER);
    loop_sim_run(bench.loop, 1000);
    uint64_t first = ask_for(late, "session.join"), second = ask_for(late, "session.join");
    turn();
    ck_assert_ptr_nonnull(json_object_get(client_answer(late, first), "error"));
    client_result(late, second);
    uint64_t leave = ask_for(late, "session.leave"), third = ask_for(late, "session.join"), last = ask_for(late, "session.leave");
    turn();
    client_result(late, leave);
    client_result(late, last);
    ck_assert_ptr_nonnull(json_object_get(client_answer(late, third), "error"));
    submit(ana, op_create("op", "quay", NULL));
    ck_assert_uint_eq(client_op_count(late), 0);
    client_free(&late);
}
END_TEST

START_TEST(resume__with_another_chain_or_beyond_the_log__is_told_to_resynchronise)
{
    submit(ana, op_create("one", "harbour", NULL));
    submit(ana, op_create("two", "quay", NULL));
    char *chain = chain_at(ana, 0);
    chain[0] = chain[0] == '0' ? '1' : '0';
    struct client *late = client_new(&bench, 0, "late", GL_VIEWER);
    json_t *error = json_object_get(client_answer(late, client_join(late, since(1, chain))), "error");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(error, "data"), "name")), "resync");
    error = json_object_get(client_answer(late, client_join(late, since(99, chain))), "error");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(error, "data"), "name")), "resync");
    mem_free(&chain);
    client_free(&late);
}
END_TEST

START_TEST(pages__give_every_record_once__as_of_a_seq)
{
    for (int i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        client_submit(ana, json_pack("[o]", op_create(name, "quay", NULL)), false);
        if (i % 50 == 0)
            turn();
    }
    turn();
    struct client *late = client_new(&bench, 0, "late", GL_VIEWER);
    loop_sim_run(bench.loop, 1000);
    json_t *joined = client_result(late, client_join(late, NULL));
    ck_assert_int_eq(json_integer_value(json_object_get(joined, "records")), 500);
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), session);
    size_t records = 0;
    bool is_done = false;
    for (int page = 0; page < 100 && !is_done; page++) {
        json_t *result = client_result(late, client_send(late, "session.page", json_pack("{s:s}", "session", session)));
        ck_assert_int_eq(json_integer_value(json_object_get(result, "as_of")), 500);
        records += json_array_size(json_object_get(result, "records"));
        is_done = json_is_true(json_object_get(result, "done"));
    }
    ck_assert_uint_eq(records, 500);
    client_free(&late);
}
END_TEST

START_TEST(member__whose_right_is_taken__can_write_no_more_and_is_told)
{
    submit(ben, op_create("one", "harbour", NULL));
    db_set_role(bench.db, &ben->account, GL_VIEWER);
    uint64_t request = submit(ben, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 1000);
    expect_error(ben, request, 0, "forbidden");
    ck_assert_uint_eq(db_head(bench.db), 1);
    db_set_role(bench.db, &ben->account, GL_NOBODY);
    loop_sim_run(bench.loop, 1000);
    uint64_t last = client_submit(ben, json_pack("[o]", op_create("three", "quay", NULL)), false);
    turn();
    json_t *error = json_object_get(client_answer(ben, last), "error");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(error, "data"), "name")), "not_found");
}
END_TEST

/* Nobody knows what became of an append of the project's: that holds up reading it anew, and must not hold up this. */
START_TEST(member__removed_while_an_append_of_the_project_hangs__hears_nothing_more)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    db_set_role(bench.db, &ben->account, GL_NOBODY);
    loop_sim_run(bench.loop, 2000);
    ck_assert_ptr_nonnull(client_notice(ben, "session.notice", 0));
    ck_assert_ptr_null(client_notice(ana, "session.notice", 0));
    store_mem_answer(bench.stores[0]);
    turn();
}
END_TEST

START_TEST(account__that_is_disabled__loses_its_open_connections_within_a_second)
{
    db_disable(bench.db, &ben->account);
    loop_sim_run(bench.loop, 1100);
    ck_assert_uint_eq(ben->close_code, 1008);
    ck_assert_uint_eq(ana->close_code, 0);
}
END_TEST

START_TEST(session__closed_by_a_curator__takes_no_changes_until_it_is_opened)
{
    json_t *close = json_pack("{s:s, s:{s:s, s:s}}", "id", op_id("close"), "change", "kind", "session.mode", "mode", "closed");
    json_t *open = json_pack("{s:s, s:{s:s, s:s}}", "id", op_id("open"), "change", "kind", "session.mode", "mode", "shared");
    expect_error(ben, submit(ben, json_deep_copy(close)), 0, "forbidden");
    ck_assert_uint_eq(seq_of(ana, submit(ana, close), 0), 1);
    expect_error(ben, submit(ben, op_create("one", "harbour", NULL)), 0, "session_closed");
    ck_assert_uint_eq(seq_of(ana, submit(ana, open), 0), 2);
    ck_assert_uint_eq(seq_of(ben, submit(ben, op_create("one", "harbour", NULL)), 0), 3);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(session__left_alone__leaves_memory_and_comes_back_the_same)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_delete("two", json_integer(1), "one"));
    client_free(&ben);
    client_free(&ana);
    ana = client_new(&bench, 0, "ana", GL_CURATOR);
    ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
    loop_sim_run(bench.loop, 130000);
    struct core_counts counts;
    core_counts(bench.cores[0], &counts);
    ck_assert_uint_eq(counts.sessions, 0);
    client_join(ana, NULL);
    client_join(ben, NULL);
    submit(ana, op_create("three", "quay", NULL));
    expect_all_ops(ben, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, joining");
    TCase *one = tcase_create("one worker");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, reader__whose_socket_is_full__gets_everything_when_it_has_room);
    tcase_add_test(one, resume__with_the_right_chain__replays_exactly_what_was_missed);
    tcase_add_test(one, join__that_a_later_join_or_leave_overtook__counts_no_more);
    tcase_add_test(one, resume__with_another_chain_or_beyond_the_log__is_told_to_resynchronise);
    tcase_add_test(one, pages__give_every_record_once__as_of_a_seq);
    tcase_add_test(one, member__whose_right_is_taken__can_write_no_more_and_is_told);
    tcase_add_test(one, member__removed_while_an_append_of_the_project_hangs__hears_nothing_more);
    tcase_add_test(one, account__that_is_disabled__loses_its_open_connections_within_a_second);
    tcase_add_test(one, session__closed_by_a_curator__takes_no_changes_until_it_is_opened);
    tcase_add_test(one, session__left_alone__leaves_memory_and_comes_back_the_same);
    suite_add_tcase(suite, one);
    return run_suite(suite);
}
