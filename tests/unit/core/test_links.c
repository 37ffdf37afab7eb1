/* test_links.c - replies and relations: what they may name, what stands in whose way. */
#include "tests/unit/core/two_people.h"

static json_t *op_status(const char *op, uint64_t base, const char *annotation_of, const char *status)
{
    return op_update(op, json_integer((json_int_t)base), annotation_of, "status", json_string(status));
}

static uint64_t delete_one(struct client *client, const char *op, uint64_t base)
{
    return submit(client, op_delete(op, json_integer((json_int_t)base), "one"));
}

START_TEST(reply__names_an_annotation_that_is_there)
{
    seq_of(ana, submit(ana, op_create("one", "harbour", NULL)), 0);
    seq_of(ben, submit(ben, op_reply("two", "one", "says who?")), 0);
    seq_of(ana, submit(ana, op_reply("three", "two", "the pilot")), 0);
    expect_error(ben, submit(ben, op_reply("four", "nothing", "hm")), 0, "not_found");
    seq_of(ana, submit(ana, op_delete("five", json_integer(3), "three")), 0);
    json_t *data = expect_error(ben, submit(ben, op_reply("six", "three", "hm")), 0, "gone");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(data, "current"), "id")), annotation_id("three"));
}
END_TEST

START_TEST(reply__to_one_of_the_same_request__is_fine)
{
    uint64_t request = client_submit(
        ana,
        json_pack("[o, o, o]", op_create("one", "harbour", NULL), op_reply("two", "one", "a"), op_reply("three", "two", "b")),
        true);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 2), 3);
}
END_TEST

START_TEST(reply__on_the_65th_level__is_refused)
{
    char name[16] = "1", parent[16];
    json_t *ops = json_pack("[o]", op_create(name, "harbour", NULL));
    for (unsigned level = 2; level <= 65; level++) {
        memcpy(parent, name, sizeof parent);
        snprintf(name, sizeof name, "%u", level);
        json_array_append_new(ops, op_reply(name, parent, "deeper"));
    }
    uint64_t request = client_submit(ana, ops, false); /* all in one group */
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 63), 64);
    expect_error(ana, request, 64, "too_large");
    expect_error(ben, submit(ben, op_reply("too deep", "64", "hm")), 0, "too_large"); /* they have committed */
    seq_of(ben, submit(ben, op_reply("beside", "63", "hm")), 0);
}
END_TEST

START_TEST(relation__needs_both_ends)
{
    submit(ana, op_create("one", "harbour", NULL));
    submit(ana, op_create("two", "quay", NULL));
    seq_of(ben, submit(ben, op_relate("three", "one", annotation_id("two"), NULL, NULL)), 0);
    expect_error(ben, submit(ben, op_relate("four", "one", annotation_id("nothing"), NULL, NULL)), 0, "not_found");
    expect_error(ben, submit(ben, op_relate("five", "nothing", annotation_id("two"), NULL, NULL)), 0, "not_found");
    expect_error(ben, submit(ben, op_relate("six", "one", annotation_id("one"), NULL, NULL)), 0, "invalid_params");
    seq_of(ana, submit(ana, op_delete("seven", json_integer(3), "two")), 0); /* the relation dangles from now on */
    expect_error(ben, submit(ben, op_relate("eight", "one", annotation_id("two"), NULL, NULL)), 0, "gone");
    expect_error(ben, submit(ben, op_relate("nine", "two", annotation_id("one"), NULL, NULL)), 0, "gone");
}
END_TEST

START_TEST(target__stays_what_it_is)
{
    static const struct {
        const char *annotation, *target;
        bool is_taken;
    } rows[] = {
        {"one", "{'type':'document'}", true},
        {"one", "{'type':'annotation','annotation':'TWO'}", false},
        {"one", "{'type':'relation','from':'TWO','to':{'annotation':'FOUR'}}", false},
        {"two", "{'type':'annotation','annotation':'ONE'}", true}, /* what it answers already */
        {"two", "{'type':'annotation','annotation':'FOUR'}", false},
        {"two", "{'type':'annotation','annotation':'TWO'}", false},
        {"two", "{'type':'document'}", false},
        {"three", "{'type':'relation','from':'TWO','to':{'annotation':'FOUR'}}", true},
        {"three", "{'type':'relation','from':'TWO','to':{'annotation':'TWO'}}", false},
        {"three", "{'type':'spans','spans':[{'exact':'quay'}]}", false},
        {"three", "{'type':'annotation','annotation':'ONE'}", false},
    };
    static const char *const names[] = {"ONE", "one", "TWO", "two", "FOUR", "four"};
    char text[300];
    submit(ana, op_create("one", "harbour", NULL));
    submit(ana, op_reply("two", "one", "says who?"));
    submit(ana, op_create("four", "quay", NULL));
    submit(ana, op_relate("three", "one", annotation_id("four"), NULL, NULL));
    snprintf(text, sizeof text, "%s", rows[_i].target);
    for (size_t i = 0; i < 6; i += 2)
        for (char *at; (at = strstr(text, names[i]));) {
            char rest[300];
            snprintf(rest, sizeof rest, "%s", at + strlen(names[i]));
            snprintf(at, sizeof text - (size_t)(at - text), "%s%s", annotation_id(names[i + 1]), rest);
        }
    for (char *at = text; (at = strchr(at, '\''));)
        *at = '"';
    json_t *target = json_loads(text, 0, NULL);
    uint64_t request = submit(ana, op_update("five", json_integer(4), rows[_i].annotation, "target", target));
    if (rows[_i].is_taken)
        seq_of(ana, request, 0);
    else
        expect_error(ana, request, 0, "invalid_params");
}
END_TEST

/* ---- into another session */

static char far_session[GL_UUID_TEXT + 1];

/* ana makes "far" in the other session; she has not joined it. */
static void make_far(void)
{
    gl_uuid_format(db_other_session(bench.db, 0), far_session);
    uint64_t request = client_send(ana, "session.submit",
                                   json_pack("{s:s, s:[o]}", "session", far_session, "ops", op_create("far", "quay", "claim")));
    turn();
    seq_of(ana, request, 0);
    seq_of(ana, submit(ana, op_create("one", "harbour", NULL)), 0);
}

static json_t *op_far(const char *op)
{
    return op_relate(op, "one", annotation_id("far"), far_session, NULL);
}

START_TEST(far_end__is_looked_up_once)
{
    make_far();
    unsigned before = store_mem_questions(bench.stores[0]);
    uint64_t request =
        client_submit(ben, json_pack("[o, o, o]", op_far("two"), op_far("three"), op_create("four", "harbour", NULL)), false);
    turn();
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(seq_of(ben, request, i), i + 2);
    ck_assert_uint_eq(store_mem_questions(bench.stores[0]) - before, 1);
    seq_of(ben, submit(ben, op_far("two")), 0); /* sent again */
    ck_assert_uint_eq(store_mem_questions(bench.stores[0]) - before, 1);
}
END_TEST

START_TEST(far_end__that_is_not_there__is_said)
{
    make_far();
    expect_error(ben, submit(ben, op_relate("two", "one", annotation_id("nothing"), far_session, NULL)), 0, "not_found");
    expect_error(ben, submit(ben, op_relate("three", "one", annotation_id("far"), annotation_id("no session"), NULL)), 0,
                 "not_found");
    expect_error(ben, submit(ben, op_relate("four", "one", annotation_id("one"), far_session, NULL)), 0, "not_found");
    client_send(ana, "session.submit",
                json_pack("{s:s, s:[o]}", "session", far_session, "ops", op_delete("five", json_integer(1), "far")));
    turn();
    expect_error(ben, submit(ben, op_far("six")), 0, "gone");
    seq_of(ben, submit(ben, op_create("seven", "harbour", NULL)), 0);
}
END_TEST

START_TEST(far_ends__of_two_ops_with_one_id__are_told_apart)
{
    make_far();
    uint64_t first =
        client_submit(ben, json_pack("[o]", op_relate("two", "one", annotation_id("nothing"), far_session, NULL)), false);
    uint64_t second =
        client_submit(ben, json_pack("[o]", op_relate("two", "one", annotation_id("nowhere"), far_session, NULL)), false);
    uint64_t other = client_submit(ana, json_pack("[o]", op_create("three", "harbour", NULL)), false);
    turn();
    expect_error(ben, first, 0, "not_found");
    expect_error(ben, second, 0, "not_found");
    seq_of(ana, other, 0);
}
END_TEST

START_TEST(far_end__in_an_atomic_request__is_waited_for)
{
    make_far();
    uint64_t request =
        client_submit(ben, json_pack("[o, o, o]", op_far("two"), op_reply("three", "two", "why?"), op_far("four")), true);
    turn();
    ck_assert_uint_eq(seq_of(ben, request, 2), 4);
}
END_TEST

START_TEST(far_end__when_the_store_cannot_be_asked__is_asked_again)
{
    make_far();
    store_mem_set_readable(bench.stores[0], false);
    uint64_t request = submit(ben, op_far("two"));
    ck_assert_ptr_null(client_answer(ben, request));
    store_mem_set_readable(bench.stores[0], true);
    loop_sim_run(bench.loop, 1000);
    seq_of(ben, request, 0);
}
END_TEST

START_TEST(far_end__of_whoever_sees_nothing__does_not_exist)
{
    make_far();
    db_set_role(bench.db, &ben->account, GL_NOBODY);
    uint64_t request = submit(ben, op_far("two"));
    loop_sim_run(bench.loop, 3000);
    ck_assert_ptr_null(json_object_get(client_outcome(ben, request, 0), "seq"));
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(far_end__after_a_lost_fence__is_not_asked_for_again)
{
    make_far();
    store_mem_rival(bench.stores[0], 2);
    seq_of(ben, submit(ben, op_far("two")), 0);
}
END_TEST

START_TEST(delete__depends_on_replies_that_its_author_had_not_seen)
{
    submit(ana, op_create("one", "harbour", NULL));
    submit(ana, op_reply("mine", "one", "a reply of one's own stands in nobody's way"));
    submit(ben, op_reply("two", "mine", "says who?"));
    json_t *data = expect_error(ana, delete_one(ana, "three", 2), 0, "stale");
    ck_assert_str_eq(json_string_value(json_object_get(data, "field")), "replies");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "seq")), 3);
    seq_of(ana, delete_one(ana, "four", 3), 0);
}
END_TEST

START_TEST(delete__depends_on_replies_of_the_same_group)
{
    submit(ana, op_create("one", "harbour", NULL));
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    submit(ana, op_create("another", "quay", NULL)); /* while it is under way the next ones gather */
    send_op(ben, op_reply("two", "one", "says who?"));
    uint64_t request = send_op(ana, op_delete("three", json_integer(1), "one"));
    store_mem_answer(bench.stores[0]);
    turn();
    json_t *data = expect_error(ana, request, 0, "stale");
    ck_assert_str_eq(json_string_value(json_object_get(data, "field")), "replies");
}
END_TEST

START_TEST(reply__that_is_deleted__stands_in_nobodys_way_until_it_is_restored)
{
    submit(ana, op_create("one", "harbour", NULL));
    submit(ben, op_reply("two", "one", "says who?"));
    submit(ben, op_delete("three", json_integer(2), "two"));
    seq_of(ana, delete_one(ana, "four", 1), 0);
    submit(ana, json_pack("{s:s, s:i, s:{s:s, s:s}}", "id", op_id("five"), "base", 4, "change", "kind", "annotation.restore",
                          "annotation", annotation_id("one")));
    submit(ben, json_pack("{s:s, s:i, s:{s:s, s:s}}", "id", op_id("six"), "base", 5, "change", "kind", "annotation.restore",
                          "annotation", annotation_id("two")));
    json_t *data = expect_error(ana, delete_one(ana, "seven", 5), 0, "stale");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "seq")), 6);
}
END_TEST

START_TEST(relation__with_a_new_type__makes_the_type_and_no_label)
{
    submit(ana, op_create("one", "harbour", "near"));
    submit(ana, op_create("two", "quay", NULL));
    uint64_t before = db_project_head(bench.db);
    seq_of(ben, submit(ben, op_relate("three", "one", annotation_id("two"), NULL, "near")), 0);
    ck_assert_uint_eq(db_project_head(bench.db), before + 1); /* of the label's name, another term */
    ck_assert_uint_eq(db_label_count(bench.db), 1);
    seq_of(ben, submit(ben, op_relate("four", "two", annotation_id("one"), NULL, "near")), 0);
    ck_assert_uint_eq(db_project_head(bench.db), before + 1);
    const json_t *label =
        json_object_get(json_object_get(json_array_get(json_object_get(client_op(ben, 0), "effects"), 0), "set"), "label");
    json_t *request = op_relate("five", "one", annotation_id("two"), NULL, json_string_value(label));
    expect_error(ben, submit(ben, request), 0, "unknown_label"); /* that is the label's id */
}
END_TEST

START_TEST(thread__is_resolved_and_opened_again)
{
    submit(ana, op_create("one", "harbour", NULL));
    submit(ben, op_reply("two", "one", "says who?"));
    seq_of(ben, submit(ben, op_status("three", 2, "one", "resolved")), 0);
    expect_error(ana, submit(ana, op_status("four", 2, "one", "resolved")), 0, "stale"); /* ben was faster */
    seq_of(ana, submit(ana, op_status("five", 3, "one", "active")), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("links");
    TCase *tcase = tcase_create("links");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, reply__names_an_annotation_that_is_there);
    tcase_add_test(tcase, reply__to_one_of_the_same_request__is_fine);
    tcase_add_test(tcase, reply__on_the_65th_level__is_refused);
    tcase_add_test(tcase, relation__needs_both_ends);
    tcase_add_loop_test(tcase, target__stays_what_it_is, 0, 11);
    tcase_add_test(tcase, far_end__is_looked_up_once);
    tcase_add_test(tcase, far_end__that_is_not_there__is_said);
    tcase_add_test(tcase, far_ends__of_two_ops_with_one_id__are_told_apart);
    tcase_add_test(tcase, far_end__in_an_atomic_request__is_waited_for);
    tcase_add_test(tcase, far_end__when_the_store_cannot_be_asked__is_asked_again);
    tcase_add_test(tcase, far_end__of_whoever_sees_nothing__does_not_exist);
    tcase_add_test(tcase, far_end__after_a_lost_fence__is_not_asked_for_again);
    tcase_add_test(tcase, delete__depends_on_replies_that_its_author_had_not_seen);
    tcase_add_test(tcase, delete__depends_on_replies_of_the_same_group);
    tcase_add_test(tcase, reply__that_is_deleted__stands_in_nobodys_way_until_it_is_restored);
    tcase_add_test(tcase, relation__with_a_new_type__makes_the_type_and_no_label);
    tcase_add_test(tcase, thread__is_resolved_and_opened_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
