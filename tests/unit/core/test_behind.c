/* test_behind.c - what is sent behind hello before hello has its answer: kept in its order, answered with one question to the store, never too much of it. */
#include "service/auth/token.h"
#include "service/base/mem.h"
#include "tests/unit/core/two_people.h"

static char secret[TOKEN_TEXT + 1];
static struct client *late;

static void come(enum gl_role role, bool is_disabled)
{
    token_make(secret);
    late = client_new_stranger(&bench, 0, "late", role);
    db_give_token(bench.db, secret, &late->account, "late", is_disabled);
    loop_sim_run(bench.loop, 1000); /* the epoch moved with the new member */
}

static uint64_t say_hello(const char *token)
{
    return client_send(late, "hello", json_pack("{s:s}", "token", token));
}

static uint64_t say(const char *method, const gl_uuid *session)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(session, id);
    return client_send(late, method, json_pack("{s:s}", "session", id));
}

static uint64_t say_join(const gl_uuid *session)
{
    return say("session.join", session);
}

static size_t position(uint64_t request)
{
    json_t *answer = client_answer(late, request);
    ck_assert_ptr_nonnull(answer);
    return client_position(late, answer);
}

START_TEST(join__behind_hello__is_answered_by_the_same_question)
{
    come(GL_ANNOTATOR, false);
    const unsigned before = store_mem_questions(bench.stores[0]);
    const uint64_t hello = say_hello(secret), join = say_join(db_session(bench.db));
    ck_assert_uint_eq(late->count, 0);
    turn();
    ck_assert_uint_eq(store_mem_questions(bench.stores[0]) - before, 1);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(client_result(late, hello), "account"), "name")), "late");
    ck_assert_str_eq(json_string_value(json_object_get(client_result(late, join), "role")), "annotator");
    ck_assert_uint_lt(position(hello), position(join));
    submit(ana, op_create("one", "harbour", "claim"));
    expect_all_ops(late, 0);
    client_free(&late);
}
END_TEST

START_TEST(requests__behind_hello__are_answered_in_their_order)
{
    come(GL_ANNOTATOR, false);
    const uint64_t hello = say_hello(secret), first = say_join(db_session(bench.db)),
                   op = send_op(late, op_create("one", "quay", NULL)), other = say_join(db_other_session(bench.db, 0));
    uint64_t pages[3];
    for (size_t i = 0; i < 3; i++)
        pages[i] = say("session.page", db_session(bench.db));
    ck_assert_uint_eq(late->count, 0);
    turn();
    client_result(late, hello);
    client_result(late, first);
    client_result(late, other);
    for (size_t i = 0; i < 3; i++)
        ck_assert(json_is_array(json_object_get(client_result(late, pages[i]), "records")));
    ck_assert_uint_eq(seq_of(late, op, 0), 1);
    ck_assert_uint_lt(position(hello), position(first));
    ck_assert_uint_lt(position(first), position(op));
    client_free(&late);
}
END_TEST

START_TEST(join__behind_hello_of_somebody_without_rights__is_refused_and_hello_is_not)
{
    come(GL_NOBODY, false);
    const uint64_t hello = say_hello(secret), join = say_join(db_session(bench.db));
    turn();
    client_result(late, hello);
    expect_refusal(late, join, "not_found");
    client_free(&late);
}
END_TEST

START_TEST(join__behind_hello_that_is_refused__lets_nobody_in)
{
    char other[TOKEN_TEXT + 1];
    for (int is_disabled = 0; is_disabled < 2; is_disabled++) {
        come(GL_ANNOTATOR, is_disabled);
        token_make(other);
        const uint64_t hello = say_hello(is_disabled ? secret : other), join = say_join(db_session(bench.db));
        turn();
        expect_refusal(late, hello, "bad_credentials");
        ck_assert_ptr_null(client_answer(late, join)); /* the connection is at its end */
        ck_assert_uint_eq(late->close_code, 1008);
        client_free(&late);
    }
}
END_TEST

START_TEST(join__behind_hello_that_cannot_be_looked_up__is_told_to_sign_in_first)
{
    come(GL_ANNOTATOR, false);
    store_mem_set_readable(bench.stores[0], false);
    const uint64_t hello = say_hello(secret), join = say_join(db_session(bench.db));
    turn();
    expect_refusal(late, hello, "store_down");
    expect_refusal(late, join, "sign_in_first");
    store_mem_set_readable(bench.stores[0], true);
    const uint64_t again = say_hello(secret), then = say_join(db_session(bench.db));
    turn();
    client_result(late, again);
    client_result(late, then);
    client_free(&late);
}
END_TEST

START_TEST(requests__beyond_what_is_kept__are_refused_and_the_others_answered)
{
    come(GL_ANNOTATOR, false);
    char *note = mem_alloc(9001);
    memset(note, 'n', 9000);
    const uint64_t hello = say_hello(secret), join = say_join(db_session(bench.db));
    const uint64_t kept = client_send(late, "project.list", json_pack("{s:s}", "cursor", note)),
                   refused = client_send(late, "project.list", json_pack("{s:s}", "cursor", note));
    const uint64_t next = client_send(late, "project.list", json_object()); /* would fit, but comes behind what did not */
    ck_assert_uint_eq(late->count, 2);
    expect_refusal(late, refused, "sign_in_first");
    expect_refusal(late, next, "sign_in_first");
    turn();
    client_result(late, hello);
    client_result(late, join);
    ck_assert_ptr_nonnull(client_answer(late, kept));
    mem_free(&note);
    client_free(&late);
}
END_TEST

START_TEST(requests__of_somebody_who_goes_before_hello_is_answered__are_forgotten)
{
    come(GL_ANNOTATOR, false);
    say_hello(secret);
    say_join(db_session(bench.db));
    send_op(late, op_create("one", "quay", NULL));
    client_free(&late);
    turn();
    ck_assert_uint_eq(db_head(bench.db), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, behind hello");
    TCase *one = tcase_create("one worker");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, join__behind_hello__is_answered_by_the_same_question);
    tcase_add_test(one, requests__behind_hello__are_answered_in_their_order);
    tcase_add_test(one, join__behind_hello_of_somebody_without_rights__is_refused_and_hello_is_not);
    tcase_add_test(one, join__behind_hello_that_is_refused__lets_nobody_in);
    tcase_add_test(one, join__behind_hello_that_cannot_be_looked_up__is_told_to_sign_in_first);
    tcase_add_test(one, requests__beyond_what_is_kept__are_refused_and_the_others_answered);
    tcase_add_test(one, requests__of_somebody_who_goes_before_hello_is_answered__are_forgotten);
    suite_add_tcase(suite, one);
    return run_suite(suite);
}
