/* test_rights.c - rights that change while something is under way, and a store that can be written but not read. */
#include <stdlib.h>

#include "service/base/mem.h"
#include "tests/unit/core/two_people.h"

/* Somebody loses the right in the middle of a load; somebody else waits for the same. */
struct revocation {
    gl_uuid account;
    unsigned turns;
};

static void revoke(void *ctx)
{
    struct revocation *revocation = ctx;
    if (revocation->turns-- > 0)
        loop_defer(bench.loop, revoke, revocation);
    else
        db_set_role(bench.db, &revocation->account, GL_NOBODY);
}

START_TEST(session__that_is_read_for_who_loses_the_right_meanwhile__is_there_for_who_waits_with_them)
{
    teardown();
    setup_with(3, NULL);
    struct client *eve = client_new(&bench, 1, "eve", GL_VIEWER), *dan = client_new(&bench, 1, "dan", GL_VIEWER);
    struct revocation revocation = {eve->account, (unsigned)_i};
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), text);
    uint64_t of_eve = client_send(eve, "session.join", json_pack("{s:s}", "session", text));
    uint64_t of_dan = client_send(dan, "session.join", json_pack("{s:s}", "session", text));
    loop_defer(bench.loop, revoke, &revocation);
    loop_sim_run(bench.loop, 50);
    client_result(dan, of_dan);
    if (_i < 2)
        expect_refusal(eve, of_eve, "not_found");
    client_free(&eve);
    client_free(&dan);
}
END_TEST

START_TEST(member__removed_elsewhere__does_not_hold_up_the_others)
{
    db_set_role(bench.db, &ben->account, GL_NOBODY); /* by another worker: this one does not know yet */
    uint64_t bens = send_op(ben, op_create("one", "harbour", NULL)), anas = send_op(ana, op_create("two", "quay", NULL));
    loop_sim_run(bench.loop, 200);
    ck_assert_uint_eq(seq_of(ana, anas, 0), 1);
    expect_error(ben, bens, 0, "forbidden");
    loop_sim_run(bench.loop, 600);
    ck_assert_uint_eq(client_op_count(ben), 0);
}
END_TEST

/* Who reads slowly is sent what follows from the database, which may know of it first. The others of this connection's sessions go on. */
START_TEST(member__removed_elsewhere__who_reads_the_log__is_told_and_stays_connected)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = 20;
    teardown();
    setup_with(1, &limits);
    ben->is_full = true;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        submit(ana, op_create(name, "quay", NULL));
    }
    db_set_role(bench.db, &ben->account, GL_NOBODY);
    ben->is_full = false;
    peer_writable(ben->peer);
    turn();
    ck_assert_uint_eq(client_op_count(ben), 0);
    ck_assert_uint_eq(ben->close_code, 0);
    json_t *rights = json_object_get(client_notice(ben, "session.notice", 1), "params"); /* behind "resynchronise" */
    ck_assert_str_eq(json_string_value(json_object_get(rights, "what")), "rights");
    ck_assert_ptr_null(json_object_get(rights, "role"));
}
END_TEST

START_TEST(op_in_flight__when_the_role_is_lost__is_not_judged_again_with_the_old_one)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    db_set_role(bench.db, &ben->account, GL_VIEWER);
    uint64_t bens = send_op(ben, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 1000); /* the fence was lost, but the answer is under way; meanwhile the poll sees the epoch */
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 200);
    expect_error(ben, bens, 0, "forbidden");
    ck_assert_uint_eq(db_head(bench.db), 0);
}
END_TEST

static void lose_role(void *client)
{
    db_set_role(bench.db, &((struct client *)client)->account, GL_VIEWER);
}

START_TEST(role__lost_while_the_session_is_being_loaded__is_noticed)
{
    teardown();
    bench_init(&bench, TEXT, 1, NULL);
    ana = client_new(&bench, 0, "ana", GL_CURATOR);
    ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), session);
    uint64_t join = client_send(ben, "session.join", json_pack("{s:s}", "session", session));
    loop_defer(bench.loop, lose_role, ben); /* behind the question for the role, before that for the project */
    turn();
    client_result(ben, join);
    expect_refusal(ben, send_op(ben, op_create("one", "harbour", NULL)), "forbidden");
    ck_assert_uint_eq(db_head(bench.db), 0);
}
END_TEST

static uint64_t join_at_one(struct client *client)
{
    static const char other_log[] = "0000000000000000000000000000000000000000000000000000000000000000";
    uint64_t join = client_join(client, json_pack("{s:i, s:s}", "since", 1, "chain", other_log));
    turn();
    ck_assert_ptr_null(client_answer(client, join));
    return join;
}

/* Both wait until it is known what became of an append, and dan's account reads what they wait for. */
START_TEST(join__that_waited_while_the_right_went__is_refused_for_that)
{
    struct client *cem = client_new(&bench, 0, "cem", GL_VIEWER), *dan = client_new(&bench, 0, "dan", GL_VIEWER);
    loop_sim_run(bench.loop, 600); /* the poll sees the epoch */
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    send_op(ana, op_create("one", "harbour", NULL));
    turn();
    uint64_t cems = join_at_one(cem), dans = join_at_one(dan);
    db_set_role(bench.db, &cem->account, GL_NOBODY);
    loop_sim_run(bench.loop, 1000);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    expect_refusal(cem, cems, "not_found");
    expect_refusal(dan, dans, "resync");
    client_free(&cem);
    client_free(&dan);
}
END_TEST

/* What it has seen last is not in memory any more, and reading it takes its time. */
START_TEST(join__whose_right_went_while_the_log_was_read__is_refused_for_that)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = 1;
    teardown();
    setup_with(1, &limits);
    struct client *cem = client_new(&bench, 0, "cem", GL_VIEWER);
    submit(ana, op_create("one", "harbour", NULL));
    json_t *chain = json_object_get(json_object_get(client_notice(ana, "session.ops", 0), "params"), "chain");
    submit(ana, op_create("two", "quay", NULL));
    submit(ana, op_create("three", "Ships", NULL));
    loop_sim_run(bench.loop, 600);
    store_mem_hold_tail(bench.stores[0]);
    uint64_t join = client_join(cem, json_pack("{s:i, s:O}", "since", 1, "chain", chain));
    ck_assert_ptr_null(client_answer(cem, join));
    db_set_role(bench.db, &cem->account, GL_NOBODY);
    loop_sim_run(bench.loop, 1000);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    expect_refusal(cem, join, "not_found");
    client_free(&cem);
}
END_TEST

START_TEST(roles__that_cannot_be_read__are_asked_for_again_without_haste_and_nothing_is_judged_meanwhile)
{
    db_set_role(bench.db, &ben->account, GL_VIEWER);
    store_mem_readable_for(bench.stores[0], 3); /* heads, the project's log, the project; not the roles */
    loop_sim_run(bench.loop, 600);
    unsigned before = store_mem_questions(bench.stores[0]);
    uint64_t bens = send_op(ben, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 1000);
    ck_assert_uint_lt(store_mem_questions(bench.stores[0]) - before, 20);
    ck_assert_ptr_null(client_answer(ben, bens));
    store_mem_set_readable(bench.stores[0], true);
    loop_sim_run(bench.loop, 1500);
    expect_error(ben, bens, 0, "forbidden");
}
END_TEST

/* The first question about ben is answered last, and nobody asked again: he had gone when the next change was noticed. */
START_TEST(role__read_before_a_change__does_not_count_for_who_came_back_after_it)
{
    store_mem_hold_role(bench.stores[0], &ben->account);
    db_set_role(bench.db, &ben->account, GL_CURATOR);
    loop_sim_run(bench.loop, 600);
    client_free(&ben);
    db_set_role(bench.db, &ana->account, GL_OWNER);
    ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
    loop_sim_run(bench.loop, 1500);
    client_join(ben, NULL);
    turn();
    uint64_t bens =
        send_op(ben, json_pack("{s:s, s:{s:s, s:s}}", "id", op_id("one"), "change", "kind", "session.mode", "mode", "closed"));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 2500);
    expect_error(ben, bens, 0, "forbidden");
    ck_assert_uint_eq(db_head(bench.db), 0);
}
END_TEST

START_TEST(refusal__when_the_log_cannot_be_asked__waits)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = 1;
    limits.append_max_ops = 1; /* eight op ids in memory */
    teardown();
    setup_with(1, &limits);
    send_op(ana, op_create("one", "harbour", NULL));
    turn();
    send_op(ana, op_update("edit", json_integer(1), "one", "note", json_string("a")));
    turn();
    send_op(ben, op_update("other", json_integer(2), "one", "note", json_string("b")));
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        send_op(ana, op_create(name, "quay", NULL));
    }
    turn();
    store_mem_set_readable(bench.stores[0], false);
    unsigned before = store_mem_questions(bench.stores[0]);
    uint64_t again = send_op(
        ana, op_update("edit", json_integer(1), "one", "note", json_string("a"))); /* accepted long ago; anew it is stale */
    loop_sim_run(bench.loop, 1000);
    ck_assert_ptr_null(client_answer(ana, again));
    ck_assert_uint_lt(store_mem_questions(bench.stores[0]) - before, 60);
    store_mem_set_readable(bench.stores[0], true);
    loop_sim_run(bench.loop, 500);
    ck_assert_uint_eq(seq_of(ana, again, 0), 2);
}
END_TEST

START_TEST(join__when_the_log_cannot_be_read__is_answered_in_time)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    send_op(ana, op_create("one", "harbour", NULL)); /* stored, but the answer does not come */
    turn();
    struct client *late = client_new(&bench, 0, "late", GL_VIEWER);
    uint64_t join = client_join(late, NULL); /* the log has it, so who joins must find it */
    ck_assert_ptr_null(client_answer(late, join));
    loop_sim_run(bench.loop, 7000);
    expect_refusal(late, join, "store_down");
    store_mem_answer(bench.stores[0]);
    turn();
    client_free(&late);
}
END_TEST

/* ---- uploads */

static uint64_t begin(struct client *client, size_t bytes, const char *text)
{
    char project[GL_UUID_TEXT + 1];
    struct gl_buf hex;
    gl_hash sha256 = gl_sha256(text, strlen(text));
    gl_uuid_format(db_project(bench.db), project);
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, sha256.bytes, 32);
    uint64_t request =
        client_send(client, "document.begin",
                    json_pack("{s:s, s:I, s:s}", "project", project, "bytes", (json_int_t)bytes, "sha256", gl_buf_cstr(&hex)));
    gl_buf_fini(&hex);
    turn();
    return request;
}

START_TEST(upload__whose_author_lost_the_right__is_not_stored)
{
    const char *upload = json_string_value(json_object_get(client_result(ben, begin(ben, 3, "abc")), "upload"));
    client_result(
        ben, client_send(ben, "document.chunk", json_pack("{s:s, s:i, s:s}", "upload", upload, "offset", 0, "data", "YWJj")));
    db_set_role(bench.db, &ben->account, GL_VIEWER);
    uint64_t commit = client_send(ben, "document.commit", json_pack("{s:s}", "upload", upload));
    loop_sim_run(bench.loop, 1000);
    expect_refusal(ben, commit, "forbidden");
    ck_assert_uint_eq(db_project_head(bench.db), 0);
}
END_TEST

/* Its bytes are lent to the append, however long that takes and whatever its author does meanwhile. */
START_TEST(upload__whose_append_takes_too_long__is_answered_and_the_next_one_can_begin)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    const char *upload = json_string_value(json_object_get(client_result(ben, begin(ben, 3, "abc")), "upload"));
    client_result(
        ben, client_send(ben, "document.chunk", json_pack("{s:s, s:i, s:s}", "upload", upload, "offset", 0, "data", "YWJj")));
    uint64_t commit = client_send(ben, "document.commit", json_pack("{s:s}", "upload", upload));
    loop_sim_run(bench.loop, 8000);
    expect_refusal(ben, commit, "unknown_outcome");
    client_result(ben, begin(ben, 3, "abd"));
    if (_i == 1) {
        client_free(&ben);
        ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
    }
    if (_i != 2) /* then it is under way when the worker ends */
        store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 1000);
    ck_assert_uint_eq(db_project_head(bench.db), 1);
}
END_TEST

START_TEST(upload__that_does_not_go_on__makes_room_for_others)
{
    struct core_limits limits = bench_limits();
    limits.uploads_bytes = limits.document_bytes;
    teardown();
    setup_with(1, &limits);
    client_result(ana, begin(ana, limits.uploads_bytes, "abc"));
    expect_refusal(ben, begin(ben, 3, "abc"), "busy");
    loop_sim_run(bench.loop, 70000);
    client_result(ben, begin(ben, 3, "abc"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, rights");
    TCase *one = tcase_create("one worker");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_loop_test(one, session__that_is_read_for_who_loses_the_right_meanwhile__is_there_for_who_waits_with_them, 0, 4);
    tcase_add_test(one, member__removed_elsewhere__does_not_hold_up_the_others);
    tcase_add_test(one, member__removed_elsewhere__who_reads_the_log__is_told_and_stays_connected);
    tcase_add_test(one, op_in_flight__when_the_role_is_lost__is_not_judged_again_with_the_old_one);
    tcase_add_test(one, role__lost_while_the_session_is_being_loaded__is_noticed);
    tcase_add_test(one, join__that_waited_while_the_right_went__is_refused_for_that);
    tcase_add_test(one, join__whose_right_went_while_the_log_was_read__is_refused_for_that);
    tcase_add_test(one, roles__that_cannot_be_read__are_asked_for_again_without_haste_and_nothing_is_judged_meanwhile);
    tcase_add_test(one, role__read_before_a_change__does_not_count_for_who_came_back_after_it);
    tcase_add_test(one, refusal__when_the_log_cannot_be_asked__waits);
    tcase_add_test(one, join__when_the_log_cannot_be_read__is_answered_in_time);
    tcase_add_test(one, upload__whose_author_lost_the_right__is_not_stored);
    tcase_add_loop_test(one, upload__whose_append_takes_too_long__is_answered_and_the_next_one_can_begin, 0, 3);
    tcase_add_test(one, upload__that_does_not_go_on__makes_room_for_others);
    suite_add_tcase(suite, one);
    return run_suite(suite);
}
