/* test_presence.c - who is where: merged, told to everybody, on other workers too, and left out first. */
#include <stdlib.h>
#include <string.h>

#include "service/core/presence.h"
#include "tests/unit/core/two_people.h"

static json_t *place(const char *more, json_int_t start, json_int_t end)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), text);
    json_t *params = json_pack("{s:s, s:I, s:I}", "session", text, "start", start, "end", end);
    if (more)
        json_object_set_new(params, more, json_true());
    return params;
}

static uint64_t go(struct client *client, json_int_t start, json_int_t end)
{
    return client_send(client, "session.presence", place(NULL, start, end));
}

static size_t notices(struct client *client)
{
    size_t count = 0;
    while (client_notice(client, "session.presence", count))
        count++;
    return count;
}

/* What a client knows after all notices: entry of the peer, or NULL. */
static json_t *seen(struct client *client, const char *peer)
{
    json_t *found = NULL, *notice, *entry;
    size_t i;
    for (size_t n = 0; (notice = client_notice(client, "session.presence", n)); n++) {
        json_t *params = json_object_get(notice, "params");
        if (json_is_true(json_object_get(params, "all")))
            found = NULL;
        json_array_foreach(json_object_get(params, "people"), i, entry)
        {
            if (strcmp(json_string_value(json_object_get(entry, "peer")), peer) == 0)
                found = json_is_true(json_object_get(entry, "gone")) ? NULL : entry;
        }
    }
    return found;
}

static const char *stay(struct client *client, uint64_t request)
{
    return json_string_value(json_object_get(client_result(client, request), "peer"));
}

static json_int_t start_of(const json_t *entry)
{
    ck_assert_ptr_nonnull(entry);
    return json_integer_value(json_object_get(entry, "start"));
}

START_TEST(place__comes_to_everybody_once_with_only_the_latest)
{
    uint64_t first = go(ana, 0, 10);
    for (int i = 1; i < 8; i++)
        go(ana, i, 10 + i);
    loop_sim_run(bench.loop, 200);
    ck_assert_uint_eq(notices(ben), 1);
    json_t *entry = seen(ben, stay(ana, first));
    ck_assert_int_eq(start_of(entry), 7);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "name")), "ana");
    go(ana, 7, 17); /* where she is already */
    loop_sim_run(bench.loop, 1000);
    ck_assert_uint_eq(notices(ben), 1);
}
END_TEST

START_TEST(eleventh_in_a_second__is_refused_with_the_time_to_wait)
{
    for (int i = 0; i < 10; i++)
        client_result(ana, go(ana, i, 20));
    loop_sim_run(bench.loop, 400);
    uint64_t late = go(ana, 11, 20);
    expect_refusal(ana, late, "rate_limited");
    json_t *data = json_object_get(json_object_get(client_answer(ana, late), "error"), "data");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "retry_after_ms")), 600);
    loop_sim_run(bench.loop, 600);
    client_result(ana, go(ana, 11, 20));
}
END_TEST

START_TEST(place__outside_of_the_text_or_of_who_has_not_joined__is_refused)
{
    expect_refusal(ana, go(ana, 5, 4), "invalid_params");
    expect_refusal(ana, go(ana, 0, 60), "invalid_params");
    struct client *cleo = client_new(&bench, 0, "cleo", GL_VIEWER);
    uint64_t request = go(cleo, 0, 1);
    turn();
    expect_refusal(cleo, request, "invalid_params");
    client_free(&cleo);
}
END_TEST

START_TEST(who_comes_later__is_told_who_is_there)
{
    uint64_t request = go(ana, 3, 10);
    loop_sim_run(bench.loop, 500);
    struct client *cleo = client_new(&bench, 0, "cleo", GL_VIEWER);
    client_join(cleo, NULL);
    turn();
    ck_assert_uint_eq(notices(cleo), 1);
    ck_assert_int_eq(start_of(seen(cleo, stay(ana, request))), 3);
    client_free(&cleo);
}
END_TEST

START_TEST(who_leaves_or_goes_away_or_is_cut_off__is_gone)
{
    struct client *cleo = client_new(&bench, 0, "cleo", GL_VIEWER), *dan = client_new(&bench, 0, "dan", GL_VIEWER);
    char text[GL_UUID_TEXT + 1];
    client_join(cleo, NULL);
    client_join(dan, NULL);
    gl_uuid_format(db_session(bench.db), text);
    char anas[GL_UUID_TEXT + 1], cleos[GL_UUID_TEXT + 1], dans[GL_UUID_TEXT + 1];
    strcpy(anas, stay(ana, go(ana, 1, 2)));
    strcpy(cleos, stay(cleo, go(cleo, 1, 2)));
    strcpy(dans, stay(dan, go(dan, 1, 2)));
    loop_sim_run(bench.loop, 200);
    ck_assert(seen(ben, anas) && seen(ben, cleos) && seen(ben, dans));
    client_send(ana, "session.presence", place("away", 1, 2));
    client_send(cleo, "session.leave", json_pack("{s:s}", "session", text));
    client_free(&dan);
    loop_sim_run(bench.loop, 200);
    ck_assert(!seen(ben, anas) && !seen(ben, cleos) && !seen(ben, dans));
    const char *again = stay(ana, go(ana, 1, 2));
    ck_assert_str_ne(again, anas);
    loop_sim_run(bench.loop, 200);
    ck_assert_ptr_nonnull(seen(ben, again));
    client_free(&cleo);
}
END_TEST

START_TEST(reader__whose_socket_is_full__gets_everybody_when_there_is_room_and_ops_first)
{
    uint64_t request = go(ana, 1, 2);
    loop_sim_run(bench.loop, 200);
    size_t before = notices(ben);
    ben->is_full = true;
    for (int i = 0; i < 20; i++) {
        go(ana, i, 20);
        loop_sim_run(bench.loop, 200);
    }
    submit(ana, op_create("one", "harbour", NULL));
    ck_assert_uint_eq(notices(ben), before);
    ben->is_full = false;
    peer_writable(ben->peer);
    turn();
    ck_assert_uint_eq(notices(ben), before + 1);
    ck_assert_int_eq(start_of(seen(ben, stay(ana, request))), 19);
    ck_assert_uint_gt(client_position(ben, client_notice(ben, "session.presence", before)),
                      client_position(ben, client_notice(ben, "session.ops", 0)));
}
END_TEST

/* ---- between workers */

START_TEST(place__comes_to_the_people_of_another_worker)
{
    uint64_t request = go(ana, 3, 10);
    loop_sim_run(bench.loop, 200);
    loop_sim_run(bench.loop, 200);
    ck_assert_int_eq(start_of(seen(ben, stay(ana, request))), 3);
    go(ana, 4, 10);
    loop_sim_run(bench.loop, 400);
    ck_assert_int_eq(start_of(seen(ben, stay(ana, request))), 4);
    unsigned said = store_mem_sayings(bench.stores[0]);
    loop_sim_run(bench.loop, 60000);
    ck_assert_uint_le(store_mem_sayings(bench.stores[0]) - said, 60 / 5 + 1);
    ck_assert_ptr_nonnull(seen(ben, stay(ana, request))); /* still there, after a minute of silence */
    ck_assert_uint_eq(notices(ben), 2);
}
END_TEST

START_TEST(who_joins_on_another_worker_later__is_told_who_is_there)
{
    uint64_t request = go(ana, 3, 10);
    client_free(&ben);
    loop_sim_run(bench.loop, 70000); /* and nobody is left there */
    ben = client_new(&bench, 1, "ben", GL_ANNOTATOR);
    client_join(ben, NULL);
    loop_sim_run(bench.loop, 500);
    ck_assert_int_eq(start_of(seen(ben, stay(ana, request))), 3);
}
END_TEST

START_TEST(people_of_a_worker_that_says_nothing__are_gone_after_a_while)
{
    uint64_t request = go(ana, 3, 10);
    loop_sim_run(bench.loop, 400);
    const char *peer = stay(ana, request);
    store_mem_lose_notifications(bench.stores[0], true);
    loop_sim_run(bench.loop, 9000);
    ck_assert_ptr_nonnull(seen(ben, peer));
    loop_sim_run(bench.loop, 8000);
    ck_assert_ptr_null(seen(ben, peer));
    store_mem_lose_notifications(bench.stores[0], false);
    loop_sim_run(bench.loop, 6000);
    ck_assert_ptr_nonnull(seen(ben, peer));
}
END_TEST

START_TEST(crowd__more_than_one_notification_takes__is_told_whole)
{
    struct client *crowd[120];
    for (int i = 0; i < 120; i++) {
        char name[220];
        snprintf(name, sizeof name, "%0200d", i);
        crowd[i] = client_new(&bench, 0, name, GL_VIEWER);
        client_join(crowd[i], NULL);
    }
    for (int i = 0; i < 120; i++)
        go(crowd[i], i % 50, 55);
    loop_sim_run(bench.loop, 2000);
    for (int i = 0; i < 120; i++)
        ck_assert_int_eq(start_of(seen(ben, stay(crowd[i], crowd[i]->requests))), i % 50);
    for (int i = 0; i < 120; i++)
        client_free(&crowd[i]);
    loop_sim_run(bench.loop, 2000);
}
END_TEST

static void in_session(struct client *client, const char *method, size_t n, int start)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(n == 0 ? db_session(bench.db) : db_other_session(bench.db, n - 1), text);
    json_t *params = json_pack("{s:s}", "session", text);
    if (start >= 0)
        json_object_update_new(params, json_pack("{s:i, s:i}", "start", start, "end", 55));
    client_send(client, method, params);
}

START_TEST(crowds_of_sessions__that_never_rest__are_told_in_turn)
{
    struct client *crowd[160]; /* together they move five times as much as there is room for */
    for (size_t n = 1; n < 4; n++)
        in_session(ben, "session.join", n, -1);
    for (size_t i = 0; i < 160; i++) {
        char name[220];
        snprintf(name, sizeof name, "%0200zu", i);
        crowd[i] = client_new(&bench, 0, name, GL_VIEWER);
        in_session(crowd[i], "session.join", i % 4, -1);
    }
    turn();
    for (int step = 0; step < 24; step++) {
        for (size_t i = 0; i < 160; i++)
            in_session(crowd[i], "session.presence", i % 4, step);
        loop_sim_run(bench.loop, 125);
    }
    for (size_t i = 0; i < 160; i++)
        ck_assert_int_gt(start_of(seen(ben, stay(crowd[i], crowd[i]->requests))), 8);
    for (size_t i = 0; i < 160; i++)
        client_free(&crowd[i]);
    loop_sim_run(bench.loop, 2000);
}
END_TEST

START_TEST(longest_name__is_cut_between_characters)
{
    char name[GL_LABEL_MAX_BYTES + 1] = "";
    for (size_t i = 0; i < GL_LABEL_MAX_BYTES; i += 2)
        strcat(name, "é");
    struct client *eve = client_new(&bench, 0, name, GL_VIEWER);
    client_join(eve, NULL);
    uint64_t request = go(eve, 3, 10);
    loop_sim_run(bench.loop, 400);
    json_t *entry = seen(ben, stay(eve, request));
    ck_assert_int_eq(start_of(entry), 3);
    ck_assert_uint_eq(json_string_length(json_object_get(entry, "name")), GL_LABEL_MAX_BYTES - 2);
    client_free(&eve);
}
END_TEST

START_TEST(words__of_any_bytes__do_no_harm)
{
    struct gl_buf good;
    struct presence_word word = {.what = PRESENCE_PERSON, .session = *db_session(bench.db)};
    word.person = (struct person){.name = "eve", .place = {.has_view = true, .end = 9, .has_annotation = true}};
    gl_buf_init(&good, STORE_SAY_MAX);
    ck_assert(presence_write(&good, &word));
    for (size_t len = 0; len <= good.len; len++) {
        char *bytes = (char *)mem_copy(good.data, len);
        presence_heard(bench.cores[0], &word.session, gl_slice_of(bytes, len));
        mem_free(&bytes);
    }
    for (size_t at = 0; at < good.len * 8; at++) {
        char *bytes = (char *)mem_copy(good.data, good.len);
        bytes[at / 8] = (char)(bytes[at / 8] ^ 1 << at % 8);
        presence_heard(bench.cores[0], &word.session, gl_slice_of(bytes, good.len));
        mem_free(&bytes);
    }
    loop_sim_run(bench.loop, 20000);
    gl_buf_fini(&good);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("presence");
    TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_set_timeout(two, 60);
    tcase_add_test(one, place__comes_to_everybody_once_with_only_the_latest);
    tcase_add_test(one, eleventh_in_a_second__is_refused_with_the_time_to_wait);
    tcase_add_test(one, place__outside_of_the_text_or_of_who_has_not_joined__is_refused);
    tcase_add_test(one, who_comes_later__is_told_who_is_there);
    tcase_add_test(one, who_leaves_or_goes_away_or_is_cut_off__is_gone);
    tcase_add_test(one, reader__whose_socket_is_full__gets_everybody_when_there_is_room_and_ops_first);
    tcase_add_test(two, place__comes_to_the_people_of_another_worker);
    tcase_add_test(two, who_joins_on_another_worker_later__is_told_who_is_there);
    tcase_add_test(two, people_of_a_worker_that_says_nothing__are_gone_after_a_while);
    tcase_add_test(two, crowd__more_than_one_notification_takes__is_told_whole);
    tcase_add_test(two, crowds_of_sessions__that_never_rest__are_told_in_turn);
    tcase_add_test(two, longest_name__is_cut_between_characters);
    tcase_add_test(two, words__of_any_bytes__do_no_harm);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
