/* Changes: each asked for until it has an answer, applied once, called back once, in order. */
#include <string.h>

#include "tests/unit/lib/fake.h"

START_TEST(ops__are_answered_in_order__and_come_back_in_the_stream)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    submit(&ana, creates(10, "note"), false);
    ck_assert_uint_eq(ana.results, 0); /* never inside the call */
    ck_assert_uint_eq(gloss_unanswered(ana.session), 10);
    WAIT_FOR(&ana, ana.results == 10);
    ck_assert_uint_eq(ana.accepted, 10);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 10);
    ck_assert_str_eq(ana.last_note, "note 9");
    ck_assert_str_eq(ana.last_author, "ana");
    ck_assert_ptr_nonnull(gloss_annotation_find(ana.session, ana.result_annotation));
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(many_ops__travel_together__and_never_more_than_the_server_takes)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_do(&fake, "{\"do\":\"set\",\"ops_in_flight\":40}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    submit(&ana, creates(1000, "note"), false);
    WAIT_FOR(&ana, ana.results == 1000);
    ck_assert_uint_eq(ana.accepted, 1000);
    json_t *stats = fake_ask(&fake, "{\"do\":\"stats\"}"), *batch;
    size_t i;
    json_array_foreach(json_object_get(stats, "batches"), i, batch)
    {
        ck_assert_int_le(json_integer_value(batch), 40);
    }
    ck_assert_int_le(json_integer_value(json_object_get(json_object_get(stats, "counts"), "session.submit")), 60);
    json_decref(stats);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

static const char *const losses[] = {"lose_answer", "lose_request"};

START_TEST(ops__whose_answer_or_request_was_lost__are_applied_once)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    for (int i = 0; i < 20; i++) {
        unsigned before = ana.results;
        fake_fault(&fake, losses[i % 2], 1 + i % 3);
        submit(&ana, creates(5, "note"), i % 5 == 4);
        WAIT_FOR(&ana, ana.results == before + 5);
    }
    ck_assert_uint_eq(ana.accepted, 100);
    ck_assert_uint_eq(ana.repeated, 50);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && ana.last_seq == 100);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 100);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(ops__in_a_storm_of_losses__are_applied_once_in_order)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_do(&fake, "{\"do\":\"set\",\"ops_in_flight\":20}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    submit(&ana, creates(600, "note"), false);
    for (int i = 0; ana.results < 600; i++) {
        uint64_t until = now_ms() + 15;
        while (now_ms() < until && ana.results < 600) {
            (void)gloss_wait(ana.g, 5);
        }
        if (i < 30 && gloss_is_connected(ana.g)) {
            if (i % 3 == 0) {
                fake_do(&fake, "{\"do\":\"drop\"}");
            } else {
                fake_fault(&fake, losses[i % 2], 1);
            }
        }
        ck_assert_int_lt(i, 20000);
    }
    ck_assert_uint_eq(ana.accepted, 600);
    WAIT_FOR(&ana, ana.last_seq == 600);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 600);
    expect_same(&ana);
    /* in the order in which they were asked for */
    for (size_t i = 0; i < 600; i++) {
        char note[32];
        snprintf(note, sizeof(note), "note %zu", i);
        const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, i));
        ck_assert_str_eq(json_string_value(json_object_get(record, "note")), note);
    }
    client_stop(&ana, &fake);
}
END_TEST

static const struct {
    const char *fault;
    int times;
} laters[] = {{"busy", 5}, {"op_busy", 5}, {"internal", 3}, {"rate_limited", 5}};

START_TEST(ops__that_are_answered_later__are_sent_again)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    for (size_t i = 0; i < sizeof(laters) / sizeof(laters[0]); i++) {
        unsigned before = ana.results;
        fake_fault(&fake, laters[i].fault, laters[i].times);
        submit(&ana, creates(150, "note"), false);
        WAIT_FOR(&ana, ana.results == before + 150);
    }
    ck_assert_uint_eq(ana.accepted, 600);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0);
    WAIT_FOR(&ana, ana.last_seq == 600);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(op__that_is_too_much_for_a_quota__waits_as_long_as_it_is_told)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"rate_limited\",\"times\":2,\"ms\":250,\"strict\":true}");
    submit(&ana, creates(1, "note"), false);
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 1);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0); /* as the server would have it end otherwise */
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(op__that_always_fails_in_the_server__is_given_up)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_fault(&fake, "internal", 1000);
    submit(&ana, creates(1, "note"), false);
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_int_eq(ana.result_error.code, GLOSS_E_INTERNAL);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(op__that_builds_on_one_that_had_to_wait__waits_too)
{
    struct fake fake;
    struct client ana;
    char first[GLOSS_ID], second[GLOSS_ID];
    client_start_synced(&ana, &fake, 0);
    json_t *create = json_pack("{s:s, s:{s:s}}", "kind", "annotation.create", "target", "type", "document");
    ck_assert_int_eq(gloss_submit_change(ana.session, create, NULL, first, client_on_result, &ana), 0);
    json_decref(create);
    WAIT_FOR(&ana, ana.results == 1);
    fake_fault(&fake, "op_busy", 1);
    json_t *change =
        json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", ana.result_annotation, "note", "one");
    ck_assert_int_eq(gloss_submit_change(ana.session, change, NULL, first, client_on_result, &ana), 0);
    json_object_set_new(change, "note", json_string("two"));
    json_t *base = json_string(first);
    ck_assert_int_eq(gloss_submit_change(ana.session, change, base, second, client_on_result, &ana), 0);
    json_decref(base);
    json_decref(change);
    WAIT_FOR(&ana, ana.results == 3);
    ck_assert_uint_eq(ana.accepted, 3);
    WAIT_FOR(&ana, ana.last_seq == 3);
    ck_assert_str_eq(ana.last_note, "two");
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(change__of_what_somebody_else_changed__is_refused_with_what_is_there)
{
    struct fake fake;
    struct client ana;
    uint64_t seq;
    char annotation[GLOSS_ID];
    struct gloss_error error;
    client_start_synced(&ana, &fake, 0);
    json_t *op =
        json_pack("{s:{s:s, s:{s:s}, s:s}}", "change", "kind", "annotation.create", "target", "type", "document", "note", "mine");
    ck_assert_int_eq(gloss_submit_wait(ana.session, op, WAIT_MS, &seq, annotation, &error), 0);
    ck_assert_uint_eq(seq, 1);
    json_decref(op);
    fake_do(&fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
            annotation);

    /* with the base that was seen before */
    op = json_pack("{s:i, s:{s:s, s:s, s:s}}", "base", 1, "change", "kind", "annotation.update", "annotation", annotation, "note",
                   "again");
    ck_assert_int_eq(gloss_submit_wait(ana.session, op, WAIT_MS, &seq, NULL, &error), GLOSS_E_STALE);
    ck_assert_str_eq(error.name, "stale");
    ck_assert_str_eq(json_string_value(json_object_get(error.data, "field")), "note");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(error.data, "current"), "note")), "bens");
    ck_assert_uint_eq(seq, 0);
    gloss_error_clear(&error);

    /* without one: what the replica shows by now */
    WAIT_FOR(&ana, ana.last_seq == 2);
    json_object_del(op, "base");
    ck_assert_int_eq(gloss_submit_wait(ana.session, op, WAIT_MS, &seq, NULL, &error), 0);
    ck_assert_uint_eq(seq, 3);
    json_decref(op);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(atomic_step__is_all_or_nothing)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    json_t *ops = creates(3, "note");
    json_object_set_new(json_object_get(json_array_get(ops, 1), "change"), "target",
                        json_pack("{s:s, s:[{s:i, s:i}]}", "type", "spans", "spans", "start", 0, "end", 1 << 30));
    submit(&ana, ops, true);
    WAIT_FOR(&ana, ana.results == 3);
    ck_assert_uint_eq(ana.accepted, 0);
    ck_assert_int_eq(ana.result_error.code, GLOSS_E_ATOMIC_REFUSED);
    fake_fault(&fake, "op_busy", 1);
    fake_fault(&fake, "lose_answer", 1);
    submit(&ana, creates(100, "note"), true);
    submit(&ana, creates(100, "single"), false);
    WAIT_FOR(&ana, ana.results == 203);
    ck_assert_uint_eq(ana.accepted, 200);
    WAIT_FOR(&ana, ana.last_seq == 200);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(ops__that_cannot_be_sent__are_refused_at_once)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    char *big = malloc(300001);
    memset(big, 'x', 300000);
    big[300000] = '\0';
    json_t *ops =
        json_pack("[{s:{s:s, s:{s:s}, s:s}}]", "change", "kind", "annotation.create", "target", "type", "document", "note", big);
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, client_on_result, &ana), GLOSS_E_TOO_LARGE);
    json_decref(ops);
    free(big);
    ops = creates(300, "note");
    ck_assert_int_eq(gloss_submit(ana.session, ops, true, client_on_result, &ana), GLOSS_E_TOO_LARGE);
    json_decref(ops);
    const char *const wrong[] = {"{}",
                                 "[{}]",
                                 "[{\"change\":1}]",
                                 "[{\"change\":{\"kind\":\"annotation.create\",\"x\":1.5}}]",
                                 "[{\"id\":\"nonsense\",\"change\":{}}]",
                                 "[{\"base\":[],\"change\":{}}]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ops = json_loads(wrong[i], 0, NULL);
        int code = gloss_submit(ana.session, ops, false, client_on_result, &ana);
        ck_assert_msg(code == GLOSS_E_INVALID_PARAMS, "%s: %d", wrong[i], code);
        json_decref(ops);
    }
    ck_assert_uint_eq(gloss_unanswered(ana.session), 0);
    ck_assert_uint_eq(ana.results, 0);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(ops__without_a_connection__wait_for_one)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "session"), NULL, &ana.session), 0);
    submit(&ana, creates(3, "note"), false);
    json_t *ops = json_pack("[{s:{s:s, s:s}}]", "change", "kind", "annotation.delete", "annotation", fake_text(&fake, "session"));
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, client_on_result, &ana),
                     GLOSS_E_INVALID_PARAMS); /* base is not known yet */
    json_decref(ops);
    pass(&ana, 20);
    ck_assert_uint_eq(ana.results, 0);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.results == 3);
    ck_assert_uint_eq(ana.accepted, 3);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(atomic_step__larger_than_the_server_takes__made_without_a_connection__is_refused_then)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    fake_do(&fake, "{\"do\":\"set\",\"ops_in_flight\":4}");
    client_new(&ana, &fake);
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "session"), NULL, &ana.session), 0);
    submit(&ana, creates(5, "many"), true);
    submit(&ana, creates(1, "behind"), false);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.results == 6);
    ck_assert_uint_eq(ana.accepted, 1);
    ck_assert_int_eq(ana.result_error.code, GLOSS_E_TOO_LARGE);
    ck_assert_int_eq(fake_count(&fake, "session.submit"), 1);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(submit_only__submits_and_hears_nothing)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    client_join_submit_only(&ana);
    ck_assert_int_eq(gloss_synced_wait(ana.session, WAIT_MS), 0);
    submit(&ana, creates(30, "note"), false);
    fake_fault(&fake, "lose_answer", 1);
    WAIT_FOR(&ana, ana.results == 30);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    ck_assert_uint_eq(ana.repeated, 30);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(answer__that_does_not_fit__ends_the_connection_and_nothing_is_lost)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_fault(&fake, "short_answer", 1);
    submit(&ana, creates(3, "note"), false);
    WAIT_FOR(&ana, ana.results == 3);
    ck_assert_uint_eq(ana.accepted, 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 1);
    WAIT_FOR(&ana, ana.last_seq == 3);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(unanswered_ops__when_left_or_freed__are_called_back)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"session.submit\",\"times\":1000}");
    submit(&ana, creates(100, "note"), false);
    pass(&ana, 50);
    gloss_leave(&ana.session);
    ck_assert_uint_eq(ana.results, 100);
    ck_assert_int_eq(ana.result_error.code, GLOSS_E_DISCONNECTED);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
    submit(&ana, creates(100, "note"), true);
    pass(&ana, 50);
    submit(&ana, creates(100, "note"), false);
    gloss_free(&ana.g);
    ck_assert_uint_eq(ana.results, 300);
    client_stop(&ana, &fake);
}
END_TEST

static void submit_more(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct client *client = arg;
    client_on_result(session, result, arg);
    if (client->results < 200) {
        json_t *ops = creates(1, "chain");
        ck_assert_int_eq(gloss_submit(session, ops, false, submit_more, client), 0);
        json_decref(ops);
    } else if (client->session) {
        gloss_leave(&client->session);
    }
}

START_TEST(callback__may_submit_more__and_leave)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    json_t *ops = creates(10, "start");
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, submit_more, &ana), 0);
    json_decref(ops);
    WAIT_FOR(&ana, !ana.session);
    ck_assert_uint_ge(ana.results, 200);
    client_stop(&ana, &fake);
}
END_TEST

RUN("submit", ops__are_answered_in_order__and_come_back_in_the_stream,
    many_ops__travel_together__and_never_more_than_the_server_takes, ops__whose_answer_or_request_was_lost__are_applied_once,
    ops__in_a_storm_of_losses__are_applied_once_in_order, ops__that_are_answered_later__are_sent_again,
    op__that_is_too_much_for_a_quota__waits_as_long_as_it_is_told, op__that_always_fails_in_the_server__is_given_up,
    op__that_builds_on_one_that_had_to_wait__waits_too, change__of_what_somebody_else_changed__is_refused_with_what_is_there,
    atomic_step__is_all_or_nothing, ops__that_cannot_be_sent__are_refused_at_once, ops__without_a_connection__wait_for_one,
    submit_only__submits_and_hears_nothing, answer__that_does_not_fit__ends_the_connection_and_nothing_is_lost,
    atomic_step__larger_than_the_server_takes__made_without_a_connection__is_refused_then,
    unanswered_ops__when_left_or_freed__are_called_back, callback__may_submit_more__and_leave)
