/* test_labels.c - labels of the codebook: made before the op that has them, and told before it. */
#include <stdlib.h>

#include "tests/unit/core/two_people.h"

START_TEST(label__unknown_in_an_open_codebook__is_made_first_and_told_first)
{
    uint64_t request = submit(ana, op_create("one", "harbour", "claim"));
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(db_label_count(bench.db), 1);
    json_t *label = client_notice(ben, "project.ops", 0);
    ck_assert_ptr_nonnull(label);
    ck_assert_uint_lt(client_position(ben, label), client_position(ben, client_notice(ben, "session.ops", 0)));
}
END_TEST

START_TEST(label__of_a_refused_op__is_not_made)
{
    expect_error(ana, submit(ana, op_create("one", "not in the text", "claim")), 0, "quote_not_found");
    ck_assert_uint_eq(db_label_count(bench.db), 0);
}
END_TEST

START_TEST(labels__many_new_ones_in_one_request__are_made_together)
{
    json_t *ops = json_array();
    unsigned before = store_mem_appends(bench.stores[0]);
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "n %d", i);
        json_array_append_new(ops, op_create(name, "quay", name));
    }
    uint64_t request = client_submit(ana, ops, false);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 39), 40);
    ck_assert_uint_eq(db_label_count(bench.db), 40);
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]) - before, 2);
}
END_TEST

START_TEST(label__unknown_in_a_closed_codebook__is_refused)
{
    db_set_open(bench.db, false);
    loop_sim_run(bench.loop, 600); /* the poll sees the epoch */
    expect_error(ana, submit(ana, op_create("one", "harbour", "claim")), 0, "unknown_label");
    ck_assert_uint_eq(db_label_count(bench.db), 0);
}
END_TEST

START_TEST(label__whose_name_is_the_id_of_another__does_not_take_its_place)
{
    db_put_label(bench.db, op_id("label"), "claim");
    db_put_label(bench.db, op_id("trap"), op_id("label"));
    loop_sim_run(bench.loop, 600);
    seq_of(ana, submit(ana, op_create("one", "harbour", op_id("label"))), 0);
    const json_t *effect = json_array_get(json_object_get(client_op(ana, 0), "effects"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(effect, "set"), "label")), op_id("label"));
}
END_TEST

START_TEST(label__one_too_many_for_the_codebook__is_refused)
{
    char name[16];
    for (unsigned i = 1; i < GL_TERMS_MAX; i++) {
        snprintf(name, sizeof name, "label %u", i);
        db_put_label(bench.db, op_id(name), name);
    }
    loop_sim_run(bench.loop, 2000);
    uint64_t request = submit_two(ana, op_create("one", "harbour", "last"), op_create("two", "quay", "more"));
    seq_of(ana, request, 0);
    expect_error(ana, request, 1, "too_large");
    request = project_submit(ana, json_pack("[o]", op_label("three", "one more", "of them")));
    turn();
    expect_error(ana, request, 0, "too_large");
    ck_assert_uint_eq(db_label_count(bench.db), GL_TERMS_MAX);
}
END_TEST

START_TEST(labels__that_are_long__are_told_in_frames_that_a_client_has_room_for)
{
    char definition[8001], name[24];
    json_t *ops = json_array(), *notice;
    memset(definition, 'd', sizeof definition - 1);
    definition[sizeof definition - 1] = '\0';
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "long %d", i);
        json_array_append_new(ops, op_label(name, name, definition));
    }
    uint64_t request = project_submit(ana, ops);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 11), 12);
    size_t count = 0;
    for (; (notice = client_notice(ben, "project.ops", count)); count++) {
        char *text = json_dumps(notice, JSON_COMPACT);
        ck_assert_uint_lt(strlen(text), 160 * 1024);
        free(text);
    }
    ck_assert_uint_eq(count, 2);
}
END_TEST

static uint64_t make_label(const char *name)
{
    uint64_t request = project_submit(ana, json_pack("[o]", op_label(name, name, "of three")));
    turn();
    return seq_of(ana, request, 0);
}

static uint64_t last_told(struct client *client)
{
    uint64_t told = 0;
    json_t *notice;
    for (size_t i = 0; (notice = client_notice(client, "project.ops", i)); i++) {
        const json_t *ops = json_object_get(json_object_get(notice, "params"), "ops");
        const json_t *last = json_object_get(json_array_get(ops, json_array_size(ops) - 1), "payload");
        told = (uint64_t)json_integer_value(json_object_get(last, "seq"));
    }
    return told;
}

static size_t ops_told(struct client *client)
{
    size_t count = 0;
    json_t *notice;
    for (size_t i = 0; (notice = client_notice(client, "project.ops", i)); i++)
        count += json_array_size(json_object_get(json_object_get(notice, "params"), "ops"));
    return count;
}

/* Somebody joins while this worker reads what another one appended: what is made after that is told to them, though it was read together with what they have. */
START_TEST(label__made_after_a_join__is_told_to_who_joined)
{
    struct client *eve = client_new(&bench, 1, "eve", GL_VIEWER);
    store_mem_hold_tail(bench.stores[1]);
    make_label("first");
    loop_sim_run(bench.loop, 600); /* the other worker reads the log as far as here, and is slow */
    make_label("second");
    store_mem_answer(bench.stores[1]);
    store_mem_hold_tail(bench.stores[1]);
    turn(); /* the codebook has two now, and one was told: the log is read once more */
    store_mem_delay_tail(bench.stores[1]);
    client_join(eve, NULL);
    uint64_t third = make_label("third");
    store_mem_answer(bench.stores[1]);
    loop_sim_run(bench.loop, 2000);
    ck_assert_uint_eq(last_told(eve), third);
    ck_assert_uint_eq(last_told(ben), third);
    client_free(&eve);
}
END_TEST

/* This worker knows that the second is there, and cannot read it; what it appends itself waits for that. */
START_TEST(label__made_where_another_workers_cannot_be_read__is_told_behind_that)
{
    store_mem_hold_tail(bench.stores[1]);
    make_label("first");
    loop_sim_run(bench.loop, 600);
    make_label("second");
    store_mem_readable_for(bench.stores[1], 1); /* the project; not the log once more */
    store_mem_answer(bench.stores[1]);
    turn();
    send_op(ben, op_create("one", "harbour", "third"));
    loop_sim_run(bench.loop, 1000);
    ck_assert_uint_eq(last_told(ben), 1);
    store_mem_set_readable(bench.stores[1], true);
    loop_sim_run(bench.loop, 2000);
    ck_assert_uint_eq(last_told(ben), 3);
    ck_assert_uint_eq(ops_told(ben), 3);
}
END_TEST

/* The socket has no room for the label, and room again before anybody is told so. */
START_TEST(label__that_there_was_no_room_for__is_told_before_the_op_that_has_it)
{
    ben->is_full = true;
    make_label("claim");
    ben->is_full = false;
    submit(ana, op_create("one", "harbour", "claim"));
    json_t *told = client_notice(ben, "project.ops", 0), *op = client_notice(ben, "session.ops", 0);
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_nonnull(op);
    ck_assert_uint_lt(client_position(ben, told), client_position(ben, op));
}
END_TEST

START_TEST(label__of_who_is_gone_before_it_was_judged__is_not_made)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn(); /* while it is under way the next one waits */
    project_submit(ben, json_pack("[o]", op_label("two", "place", "second")));
    turn();
    client_free(&ben);
    ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
    store_mem_answer(bench.stores[0]);
    turn();
    seq_of(ana, request, 0);
    ck_assert_uint_eq(db_label_count(bench.db), 1);
    request = project_submit(ana, json_pack("[o]", op_label("three", "place", "third")));
    turn();
    seq_of(ana, request, 0);
}
END_TEST

/* moves: something else moved while the database was on its way to say where the project stands, which is asked once more then. */
static void lose_by_an_older_answer(bool moves)
{
    client_free(&ana);
    client_free(&ben);
    struct client *cleo = client_new(&bench, 0, "cleo", GL_CURATOR); /* she has joined nothing */
    uint64_t first = project_submit(cleo, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    ck_assert_uint_eq(seq_of(cleo, first, 0), 1);
    store_mem_hold_heads(bench.stores[0]);
    loop_sim_run(bench.loop, 600); /* where the project stands is asked, and read */
    if (moves)
        store_mem_notify_everything(bench.stores[0]);
    uint64_t second = project_submit(cleo, json_pack("[o]", op_label("two", "place", "second")));
    turn();
    ck_assert_uint_eq(seq_of(cleo, second, 0), 2);
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t under_way = submit(cleo, op_create("three", "quay", NULL));
    store_mem_tell_heads(bench.stores[0]); /* the project ends at 1 */
    turn();
    uint64_t waits = submit(cleo, op_create("four", "quay", NULL));
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 1000);
    ck_assert_uint_eq(seq_of(cleo, under_way, 0), 1);
    ck_assert_uint_eq(seq_of(cleo, waits, 0), 2);
    client_free(&cleo);
    ana = client_new(&bench, 0, "ana", GL_CURATOR);
    ben = client_new(&bench, 0, "ben", GL_ANNOTATOR);
}

START_TEST(label__that_nobody_sees__is_not_lost_to_an_answer_from_before_it)
{
    lose_by_an_older_answer(false);
}
END_TEST

START_TEST(label__that_nobody_sees__is_not_lost_to_an_older_answer_when_more_is_to_be_asked)
{
    lose_by_an_older_answer(true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core, labels");
    TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_add_test(one, label__unknown_in_an_open_codebook__is_made_first_and_told_first);
    tcase_add_test(one, label__of_a_refused_op__is_not_made);
    tcase_add_test(one, labels__many_new_ones_in_one_request__are_made_together);
    tcase_add_test(one, label__unknown_in_a_closed_codebook__is_refused);
    tcase_add_test(one, label__whose_name_is_the_id_of_another__does_not_take_its_place);
    tcase_add_test(one, label__one_too_many_for_the_codebook__is_refused);
    tcase_add_test(one, labels__that_are_long__are_told_in_frames_that_a_client_has_room_for);
    tcase_add_test(one, label__that_nobody_sees__is_not_lost_to_an_answer_from_before_it);
    tcase_add_test(one, label__that_nobody_sees__is_not_lost_to_an_older_answer_when_more_is_to_be_asked);
    tcase_add_test(two, label__made_after_a_join__is_told_to_who_joined);
    tcase_add_test(two, label__made_where_another_workers_cannot_be_read__is_told_behind_that);
    tcase_add_test(one, label__that_there_was_no_room_for__is_told_before_the_op_that_has_it);
    tcase_add_test(one, label__of_who_is_gone_before_it_was_judged__is_not_made);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
