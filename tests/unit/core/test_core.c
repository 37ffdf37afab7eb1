/* test_core.c - sessions, appends and delivery, against a store in memory. */
#include <stdlib.h>

#include "service/base/mem.h"
#include "tests/unit/core/two_people.h"

/* Client and database hold the same: every op once, in order, and the chain of the last frame is the log's. */
static void expect_all_ops(struct client *client, uint64_t from)
{
    struct gl_state *state = db_replay(bench.db);
    struct gl_buf chain;
    ck_assert_uint_eq(client_op_count(client), db_head(bench.db) - from);
    for (size_t i = 0; i < client_op_count(client); i++)
        ck_assert_int_eq(json_integer_value(json_object_get(client_op(client, i), "seq")), (json_int_t)(from + i + 1));
    json_t *last = NULL, *next;
    for (size_t n = 0; (next = client_notice(client, "session.ops", n)); n++)
        last = json_object_get(next, "params");
    gl_buf_init(&chain, 65);
    gl_buf_hex(&chain, state->chain.bytes, 32);
    ck_assert_str_eq(json_string_value(json_object_get(last, "chain")), gl_buf_cstr(&chain));
    if (json_object_get(last, "state")) {
        gl_buf_clear(&chain);
        gl_buf_hex(&chain, state->sum.bytes, 32);
        ck_assert_str_eq(json_string_value(json_object_get(last, "state")), gl_buf_cstr(&chain));
    }
    gl_buf_fini(&chain);
    gl_state_free(&state);
}

START_TEST(op__accepted__comes_to_everybody_and_the_result_right_behind_it)
{
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(client_position(ana, client_answer(ana, request)),
                      client_position(ana, client_notice(ana, "session.ops", 0)) + 1);
    expect_all_ops(ana, 0);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(op__before_the_append_is_answered__is_seen_by_nobody)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    ck_assert_ptr_null(client_answer(ana, request));
    ck_assert_ptr_null(client_op(ben, 0));
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(ops__that_gather_behind_an_append__go_into_the_next_one)
{
    unsigned before = store_mem_appends(bench.stores[0]);
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    submit(ana, op_create("one", "harbour", NULL));
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        client_submit(i % 2 ? ana : ben, json_pack("[o]", op_create(name, "quay", NULL)), false);
    }
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(store_mem_appends(bench.stores[0]) - before, 2);
    ck_assert_uint_eq(db_head(bench.db), 51);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(field__that_somebody_changed_since__is_answered_stale_with_what_is_there)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_update("two", json_integer(1), "one", "label", json_string("evidence")));
    uint64_t request = submit(ana, op_update("three", json_integer(1), "one", "label", json_string("threat")));
    json_t *data = expect_error(ana, request, 0, "stale");
    ck_assert_str_eq(json_string_value(json_object_get(data, "field")), "label");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "seq")), 2);
    ck_assert(json_object_get(json_object_get(data, "current"), "label") != NULL);
    ck_assert_uint_eq(db_head(bench.db), 2);
}
END_TEST

START_TEST(fields__that_differ__merge)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_update("two", json_integer(1), "one", "label", json_string("evidence")));
    uint64_t request = submit(ana, op_update("three", json_integer(1), "one", "note", json_string("loud at night")));
    ck_assert_uint_eq(seq_of(ana, request, 0), 3);
    expect_all_ops(ana, 0);
}
END_TEST

START_TEST(own_earlier_change__is_no_conflict__and_may_be_the_base)
{
    submit(ana, op_create("one", "harbour", "claim"));
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o]", op_update("two", json_integer(1), "one", "note", json_string("a")),
                                               op_update("three", json_string(op_id("two")), "one", "note", json_string("b"))),
                                     false);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 1), 3);
}
END_TEST

START_TEST(delete__depends_on_the_whole_annotation)
{
    submit(ana, op_create("one", "harbour", "claim"));
    submit(ben, op_update("two", json_integer(1), "one", "note", json_string("mind this")));
    expect_error(ana, submit(ana, op_delete("three", json_integer(1), "one")), 0, "stale");
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_delete("four", json_integer(2), "one")), 0), 3);
    expect_error(ben, submit(ben, op_update("five", json_integer(2), "one", "note", json_string("more"))), 0, "gone");
}
END_TEST

START_TEST(op__sent_again__changes_nothing_and_answers_its_seq)
{
    submit(ana, op_create("one", "harbour", "claim"));
    uint64_t request = submit(ana, op_create("one", "harbour", "claim"));
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert(json_is_true(json_object_get(client_outcome(ana, request, 0), "repeated")));
    ck_assert_str_eq(json_string_value(json_object_get(client_outcome(ana, request, 0), "annotation")), annotation_id("one"));
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(op__twice_in_one_group__is_applied_once)
{
    uint64_t request =
        client_submit(ana, json_pack("[o, o]", op_create("one", "harbour", NULL), op_create("one", "harbour", NULL)), false);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(seq_of(ana, request, 1), 1);
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

START_TEST(op_id__used_for_another_request_or_by_another_account__is_refused)
{
    submit(ana, op_create("one", "harbour", NULL));
    expect_error(ana, submit(ana, op_create("one", "quay", NULL)), 0, "id_reused");
    expect_error(ben, submit(ben, op_create("one", "harbour", NULL)), 0, "id_reused");
    ck_assert_uint_eq(db_head(bench.db), 1);
}
END_TEST

static void submit_many(int count)
{
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        submit(ana, op_create(name, "quay", NULL));
    }
}

/* Looking for one pushes another out of memory that had been there when the look began: that one is not new for it. */
START_TEST(op__pushed_out_of_memory_by_what_was_found__is_looked_for_again)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = 1;
    limits.append_max_ops = 2; /* and so twelve op ids in memory */
    teardown();
    setup_with(1, &limits);
    submit_many(14);
    uint64_t request =
        client_submit(ana, json_pack("[o, o]", op_create("op 2", "quay", NULL), op_create("op 0", "quay", NULL)), false);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 3);
    ck_assert_uint_eq(seq_of(ana, request, 1), 1);
    ck_assert_uint_eq(db_head(bench.db), 14);
}
END_TEST

START_TEST(op__known_only_to_the_log__is_found_there)
{
    struct core_limits limits = bench_limits();
    limits.recent_ops = limits.append_max_ops = 1; /* and so eight op ids in memory */
    teardown();
    setup_with(1, &limits);
    submit_many(10);
    uint64_t request =
        client_submit(ana, json_pack("[o, o]", op_create("op 1", "quay", NULL), op_create("new", "quay", NULL)), false);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 2);
    ck_assert_uint_eq(seq_of(ana, request, 1), 11);
    expect_all_ops(ben, 0);
    submit(ana, op_update("edit", json_integer(11), "op 9", "note", json_string("first")));
    submit(ben, op_update("other", json_integer(12), "op 9", "note", json_string("second")));
    for (int i = 20; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        submit(ana, op_create(name, "quay", NULL));
    }
    request = submit(
        ana, op_update("edit", json_integer(11), "op 9", "note", json_string("first"))); /* judged anew it would be stale */
    ck_assert_uint_eq(seq_of(ana, request, 0), 12);
    ck_assert_uint_eq(db_head(bench.db), 23);
}
END_TEST

START_TEST(op__of_a_kind_that_another_server_does_not_know__is_refused)
{
    submit(ana, op_create("one", "harbour", NULL));
    store_mem_lack_kind(bench.stores[0], GL_OP_ANNOTATION_DELETE);
    expect_error(ana, submit(ana, op_delete("two", json_integer(1), "one")), 0, "upgrade");
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_update("three", json_integer(1), "one", "note", json_string("x"))), 0), 2);
    ck_assert_uint_eq(db_head(bench.db), 2);
}
END_TEST

START_TEST(op__that_builds_on_a_refused_one__is_refused_too)
{
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o]", op_create("one", "nowhere at all", NULL),
                                               op_update("two", json_string(op_id("one")), "one", "note", json_string("x"))),
                                     false);
    turn();
    expect_error(ana, request, 0, "quote_not_found");
    expect_error(ana, request, 1, "depends_on_refused");
    expect_error(ana, submit(ana, op_update("three", json_string(op_id("one")), "one", "note", json_string("x"))), 0,
                 "depends_on_refused");
}
END_TEST

START_TEST(atomic__with_one_refusal__applies_nothing)
{
    uint64_t request = client_submit(ana,
                                     json_pack("[o, o, o]", op_create("one", "harbour", "new label"),
                                               op_create("two", "nowhere", NULL), op_create("three", "quay", NULL)),
                                     true);
    turn();
    expect_error(ana, request, 0, "atomic_refused");
    expect_error(ana, request, 1, "quote_not_found");
    expect_error(ana, request, 2, "atomic_refused");
    ck_assert_uint_eq(db_head(bench.db), 0);
    ck_assert_uint_eq(db_label_count(bench.db), 0);
    uint64_t again =
        client_submit(ana, json_pack("[o, o]", op_create("one", "harbour", "new label"), op_create("three", "quay", NULL)), true);
    turn();
    ck_assert_uint_eq(seq_of(ana, again, 1), 2);
    ck_assert_str_eq(json_string_value(json_object_get(client_op(ben, 1), "step")), op_id("one"));
}
END_TEST

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

static json_t *op_label(const char *op, const char *name, const char *definition)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}}", "id", op_id(op), "change", "kind", "label.create", "name", name, "definition",
                     definition);
}

static uint64_t project_submit(struct client *client, json_t *ops)
{
    char project[GL_UUID_TEXT + 1];
    gl_uuid_format(db_project(bench.db), project);
    return client_send(client, "project.submit", json_pack("{s:s, s:o}", "project", project, "ops", ops));
}

START_TEST(label__one_too_many_for_the_codebook__is_refused)
{
    char name[16];
    for (unsigned i = 1; i < GL_TERMS_MAX; i++) {
        snprintf(name, sizeof name, "label %u", i);
        db_put_label(bench.db, op_id(name), name);
    }
    loop_sim_run(bench.loop, 2000);
    uint64_t request =
        client_submit(ana, json_pack("[o, o]", op_create("one", "harbour", "last"), op_create("two", "quay", "more")), false);
    turn();
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

START_TEST(row__locked_by_a_stranger__delays_but_loses_nothing)
{
    store_mem_fault(bench.stores[0], FAULT_LOCKED, 3);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    ck_assert_ptr_null(client_answer(ana, request));
    loop_sim_run(bench.loop, 300);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
}
END_TEST

START_TEST(store__away_for_too_long__is_said_in_time_and_the_op_can_be_sent_again)
{
    store_mem_set_up(bench.stores[0], false);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 8000);
    expect_error(ana, request, 0, "store_down");
    store_mem_set_up(bench.stores[0], true);
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_create("one", "harbour", NULL)), 0), 1);
}
END_TEST

START_TEST(outcome__unknown_for_too_long__is_said_and_settled_by_sending_again)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    loop_sim_run(bench.loop, 8000);
    expect_error(ana, request, 0, "unknown_outcome");
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, submit(ana, op_create("one", "harbour", NULL)), 0), 1);
    ck_assert_uint_eq(db_head(bench.db), 1);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(outcome__of_a_project_s_ops__unknown_for_too_long__is_said_and_settled_by_sending_again)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t first = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    uint64_t second = project_submit(ben, json_pack("[o]", op_label("two", "place", "second")));
    loop_sim_run(bench.loop, 8000);
    json_t *data = expect_error(ana, first, 0, "unknown_outcome");
    ck_assert_int_gt(json_integer_value(json_object_get(data, "retry_after_ms")), 0);
    data = expect_error(ben, second, 0, "store_down");
    ck_assert_int_gt(json_integer_value(json_object_get(data, "retry_after_ms")), 0);
    store_mem_answer(bench.stores[0]);
    turn();
    first = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    ck_assert_uint_eq(seq_of(ana, first, 0), 1);
    ck_assert_uint_eq(db_label_count(bench.db), 1);
}
END_TEST

/* What was answered and is given back is not judged again: its client may have sent it to another worker by then. */
START_TEST(project_s_op__answered_and_then_not_written__is_dropped)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    store_mem_rival(bench.stores[0], 1);
    uint64_t request = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    loop_sim_run(bench.loop, 8000);
    expect_error(ana, request, 0, "unknown_outcome");
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 8000);
    ck_assert_uint_eq(db_label_count(bench.db), 1); /* the rival's */
}
END_TEST

START_TEST(workers__two__judge_again_after_a_lost_fence_and_converge)
{
    store_mem_lose_notifications(bench.stores[0], true);
    for (int i = 0; i < 60; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        client_submit(i % 2 ? ana : ben, json_pack("[o]", op_create(name, "quay", NULL)), false);
        if (i % 7 == 0)
            turn();
    }
    loop_sim_run(bench.loop, 3000);
    ck_assert_uint_eq(db_head(bench.db), 60);
    expect_all_ops(ana, 0);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(workers__two__stale_is_judged_against_what_the_other_one_wrote)
{
    submit(ana, op_create("one", "harbour", "claim"));
    loop_sim_run(bench.loop, 600);
    client_submit(ben, json_pack("[o]", op_update("two", json_integer(1), "one", "label", json_string("evidence"))), false);
    uint64_t request =
        client_submit(ana, json_pack("[o]", op_update("three", json_integer(1), "one", "label", json_string("threat"))), false);
    loop_sim_run(bench.loop, 2000);
    json_t *one = client_outcome(ana, request, 0);
    ck_assert_uint_eq(db_head(bench.db), 2); /* exactly one of the two */
    (void)one;
    expect_all_ops(ana, 0);
    expect_all_ops(ben, 0);
}
END_TEST

START_TEST(refusal__that_waits_for_its_answer_while_another_worker_takes_the_op__is_not_said)
{
    struct core_limits limits = bench_limits();
    limits.append_max_ops = 1;
    teardown();
    setup_with(2, &limits);
    struct client *again = client_new(&bench, 1, "ana", GL_ANNOTATOR);
    db_set_open(bench.db, false);
    loop_sim_run(bench.loop, 600); /* the poll sees the epoch */
    store_mem_fault(bench.stores[0], FAULT_LOCKED, 1000);
    store_mem_refuse_holds(bench.stores[0], true);
    uint64_t request =
        client_submit(ana, json_pack("[o, o]", op_create("one", "harbour", "claim"), op_create("two", "quay", NULL)), false);
    loop_sim_run(bench.loop, 300); /* the first is refused, the second waits */
    ck_assert_ptr_null(client_answer(ana, request));
    db_set_open(bench.db, true);
    loop_sim_run(bench.loop, 600);
    client_submit(again, json_pack("[o]", op_create("one", "harbour", "claim")), false);
    loop_sim_run(bench.loop, 600);
    ck_assert_uint_eq(db_head(bench.db), 1);
    store_mem_fault(bench.stores[0], FAULT_NONE, 0);
    loop_sim_run(bench.loop, 2000);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(seq_of(ana, request, 1), 2);
    client_free(&again);
}
END_TEST

START_TEST(reader__whose_socket_is_full__gets_everything_when_it_has_room)
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
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        submit(ana, op_create(name, "quay", NULL));
    }
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

static void set_true(void *flag)
{
    *(bool *)flag = true;
}

START_TEST(drain__finishes_what_waits_and_says_goodbye)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    static bool is_done;
    core_drain(bench.cores[0], set_true, &is_done);
    turn();
    ck_assert_uint_eq(ana->close_code, 0);
    store_mem_answer(bench.stores[0]);
    turn();
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(ana->close_code, 1012);
}
END_TEST

/* Those of them whose connection was ended. */
static size_t count_closed(struct client *const *people, size_t count)
{
    size_t closed = 0;
    for (size_t i = 0; i < count; i++)
        closed += people[i]->close_code == 1012;
    return closed;
}

START_TEST(move__tells_people_one_after_the_other__and_serves_those_that_are_left)
{
    enum { PEOPLE = 200, SPREAD_MS = 100 };
    struct client *people[PEOPLE];
    static bool is_done;
    is_done = false;
    for (size_t i = 0; i < PEOPLE; i++)
        people[i] = client_new(&bench, 0, "ana", GL_ANNOTATOR);
    size_t here = PEOPLE + 2; /* ana and ben, too */
    core_move(bench.cores[0], SPREAD_MS, set_true, &is_done);
    loop_sim_run(bench.loop, SPREAD_MS / 2);
    const size_t half = count_closed(people, PEOPLE);
    ck_assert_uint_gt(half, here / 4);
    ck_assert_uint_lt(half, here * 3 / 4);
    ck_assert(!is_done);
    for (size_t i = 0; i < PEOPLE; i++) {
        json_t *notice = client_notice(people[i], "server.notice", 0);
        ck_assert_int_eq(notice != NULL, people[i]->close_code == 1012);
        ck_assert(!notice || !strcmp(json_string_value(json_object_get(json_object_get(notice, "params"), "what")), "closing"));
        if (!people[i]->close_code) { /* whoever is left is served as ever */
            ck_assert_uint_eq(seq_of(people[i], submit(people[i], op_create("one", "harbour", NULL)), 0), 1);
            break;
        }
    }
    loop_sim_run(bench.loop, SPREAD_MS);
    ck_assert_uint_eq(count_closed(people, PEOPLE), PEOPLE);
    ck_assert_uint_eq(ana->close_code, 1012);
    ck_assert(is_done);
    for (size_t i = 0; i < PEOPLE; i++)
        client_free(&people[i]);
}
END_TEST

START_TEST(move__waits_for_what_was_asked__and_takes_nothing_more)
{
    static bool is_done;
    is_done = false;
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = submit(ana, op_create("one", "harbour", NULL));
    turn();
    core_move(bench.cores[0], 0, set_true, &is_done);
    loop_sim_run(bench.loop, 100);
    ck_assert_ptr_nonnull(client_notice(ana, "server.notice", 0));
    ck_assert_uint_eq(ana->close_code, 0);
    ck_assert_uint_eq(ben->close_code, 1012);
    uint64_t late = client_send(ana, "document.list", json_object());
    turn();
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(json_object_get(client_answer(ana, late), "error"), "data"), "name")),
        "shutting_down");
    ck_assert_uint_eq(ana->close_code, 0);
    store_mem_answer(bench.stores[0]);
    loop_sim_run(bench.loop, 100);
    ck_assert_uint_eq(seq_of(ana, request, 0), 1);
    ck_assert_uint_eq(ana->close_code, 1012);
    ck_assert(is_done);
}
END_TEST

START_TEST(drain__of_many_at_once__tells_each_another_time_to_come_back)
{
    enum { PEOPLE = 50 };
    struct client *people[PEOPLE];
    static bool is_done, seen[PEOPLE + 3];
    struct core_limits limits = bench_limits();
    limits.spread_ms = 1000;
    core_set_limits(bench.cores[0], &limits);
    for (size_t i = 0; i < PEOPLE; i++)
        people[i] = client_new(&bench, 0, "ana", GL_ANNOTATOR);
    core_drain(bench.cores[0], set_true, &is_done);
    turn();
    for (size_t i = 0; i < PEOPLE; i++) {
        json_t *notice = client_notice(people[i], "server.notice", 0);
        ck_assert_ptr_nonnull(notice);
        json_int_t after = json_integer_value(json_object_get(json_object_get(notice, "params"), "retry_after_ms"));
        ck_assert(after >= 0 && after < PEOPLE + 3 && !seen[after]);
        seen[after] = true;
        ck_assert_uint_eq(people[i]->close_code, 1012);
        client_free(&people[i]);
    }
}
END_TEST

START_TEST(end__with_a_project_s_op_under_way__answers_it_and_frees_everything)
{
    store_mem_fault(bench.stores[0], FAULT_LATE, 1);
    uint64_t request = project_submit(ana, json_pack("[o]", op_label("one", "claim", "first")));
    turn();
    project_submit(ana, json_pack("[o]", op_label("two", "place", "second")));
    turn();
    static bool is_done;
    core_drain(bench.cores[0], set_true, &is_done);
    turn();
    core_end_drain(bench.cores[0]);
    turn();
    expect_error(ana, request, 0, "unknown_outcome");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_checked_fixture(two, setup_two, teardown);
    tcase_add_test(one, op__accepted__comes_to_everybody_and_the_result_right_behind_it);
    tcase_add_test(one, op__before_the_append_is_answered__is_seen_by_nobody);
    tcase_add_test(one, ops__that_gather_behind_an_append__go_into_the_next_one);
    tcase_add_test(one, field__that_somebody_changed_since__is_answered_stale_with_what_is_there);
    tcase_add_test(one, fields__that_differ__merge);
    tcase_add_test(one, own_earlier_change__is_no_conflict__and_may_be_the_base);
    tcase_add_test(one, delete__depends_on_the_whole_annotation);
    tcase_add_test(one, op__sent_again__changes_nothing_and_answers_its_seq);
    tcase_add_test(one, op__pushed_out_of_memory_by_what_was_found__is_looked_for_again);
    tcase_add_test(one, op__twice_in_one_group__is_applied_once);
    tcase_add_test(one, op_id__used_for_another_request_or_by_another_account__is_refused);
    tcase_add_test(one, op__known_only_to_the_log__is_found_there);
    tcase_add_test(one, op__of_a_kind_that_another_server_does_not_know__is_refused);
    tcase_add_test(one, op__that_builds_on_a_refused_one__is_refused_too);
    tcase_add_test(one, atomic__with_one_refusal__applies_nothing);
    tcase_add_test(one, label__unknown_in_an_open_codebook__is_made_first_and_told_first);
    tcase_add_test(one, label__of_a_refused_op__is_not_made);
    tcase_add_test(one, labels__many_new_ones_in_one_request__are_made_together);
    tcase_add_test(one, label__unknown_in_a_closed_codebook__is_refused);
    tcase_add_test(one, labels__that_are_long__are_told_in_frames_that_a_client_has_room_for);
    tcase_add_test(one, label__of_who_is_gone_before_it_was_judged__is_not_made);
    tcase_add_test(one, label__one_too_many_for_the_codebook__is_refused);
    tcase_add_test(one, label__whose_name_is_the_id_of_another__does_not_take_its_place);
    tcase_add_test(one, row__locked_by_a_stranger__delays_but_loses_nothing);
    tcase_add_test(one, store__away_for_too_long__is_said_in_time_and_the_op_can_be_sent_again);
    tcase_add_test(one, outcome__unknown_for_too_long__is_said_and_settled_by_sending_again);
    tcase_add_test(one, outcome__of_a_project_s_ops__unknown_for_too_long__is_said_and_settled_by_sending_again);
    tcase_add_test(one, project_s_op__answered_and_then_not_written__is_dropped);
    tcase_add_test(one, end__with_a_project_s_op_under_way__answers_it_and_frees_everything);
    tcase_add_test(one, reader__whose_socket_is_full__gets_everything_when_it_has_room);
    tcase_add_test(one, resume__with_the_right_chain__replays_exactly_what_was_missed);
    tcase_add_test(one, join__that_a_later_join_or_leave_overtook__counts_no_more);
    tcase_add_test(one, resume__with_another_chain_or_beyond_the_log__is_told_to_resynchronise);
    tcase_add_test(one, pages__give_every_record_once__as_of_a_seq);
    tcase_add_test(one, member__whose_right_is_taken__can_write_no_more_and_is_told);
    tcase_add_test(two, label__made_after_a_join__is_told_to_who_joined);
    tcase_add_test(two, label__made_where_another_workers_cannot_be_read__is_told_behind_that);
    tcase_add_test(one, label__that_there_was_no_room_for__is_told_before_the_op_that_has_it);
    tcase_add_test(one, member__removed_while_an_append_of_the_project_hangs__hears_nothing_more);
    tcase_add_test(one, account__that_is_disabled__loses_its_open_connections_within_a_second);
    tcase_add_test(one, session__closed_by_a_curator__takes_no_changes_until_it_is_opened);
    tcase_add_test(one, session__left_alone__leaves_memory_and_comes_back_the_same);
    tcase_add_test(one, drain__finishes_what_waits_and_says_goodbye);
    tcase_add_test(one, move__tells_people_one_after_the_other__and_serves_those_that_are_left);
    tcase_add_test(one, move__waits_for_what_was_asked__and_takes_nothing_more);
    tcase_add_test(one, drain__of_many_at_once__tells_each_another_time_to_come_back);
    tcase_add_test(two, workers__two__judge_again_after_a_lost_fence_and_converge);
    tcase_add_test(two, workers__two__stale_is_judged_against_what_the_other_one_wrote);
    tcase_add_test(two, refusal__that_waits_for_its_answer_while_another_worker_takes_the_op__is_not_said);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, two);
    return run_suite(suite);
}
