/* test_script.c - the store against a libpq that breaks at every step, answers late, or in pieces: exactly one callback, and it tells the truth. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/store/genesis.h"
#include "service/store/store_pg.h"
#include "tests/unit/store/loop_poll.h"
#include "tests/unit/store/pq_script.h"

#define WAIT_MS  60000 /* a bound for what hangs */
#define NEVER_MS 600000

static struct loop *loop;
static struct store *store;
static struct gl_buf payload;
static struct append_op op;
static struct append_stream stream;
static struct answered {
    bool is_done;
    unsigned times;
    enum gl_code code;
    enum append_outcome outcome;
} answered;

static void setup(void)
{
    log_init(LOG_ERROR + 1, LOG_TEXT);
    script_reset();
    loop = loop_poll_new();
    json_t *change = json_pack("{s:s}", "kind", "annotation.create");
    op = (struct append_op){.id = gl_uuid_v7(1), .account = gl_uuid_v7(2), .seq = 1, .kind = GL_OP_ANNOTATION_CREATE};
    gl_buf_init(&payload, 4096);
    project_op_write(&payload, op.kind, &op.id, &op.account, 1, 1000, 0, change);
    op.payload = gl_buf_peek(&payload);
    json_decref(change);
    stream = (struct append_stream){
        .stream = gl_uuid_v7(3), .project = gl_uuid_v7(4), .epoch = 1, .ops = &op, .op_count = 1, .set_open = -1};
    answered = (struct answered){.is_done = false};
}

static void start_at(const char *conninfo, uint64_t statement_ms)
{
    static const struct store_pg_config config = {
        .conninfo = "host=127.0.0.1", .append_role = "a", .reader_role = "r", .writers = 1, .readers = 1};
    struct store_pg_config ours = config;
    ours.statement_ms = statement_ms;
    ours.conninfo = conninfo ? conninfo : config.conninfo;
    store = store_pg_new(loop, &ours);
}

static void start(uint64_t statement_ms)
{
    start_at(NULL, statement_ms);
}

static void teardown(void)
{
    store_free(&store);
    loop_poll_free(&loop);
    gl_buf_fini(&payload);
}

/* Until the store is up and has done what it does by itself. */
static void wait_up(void)
{
    for (unsigned quiet = 0, turns = 0; quiet < 30; turns++) {
        unsigned calls = script.calls;
        ck_assert_uint_lt(turns, WAIT_MS);
        loop_poll_run(loop, NULL, 1);
        quiet = store_is_up(store) && calls == script.calls ? quiet + 1 : 0;
    }
}

static void on_appended(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    (void)ctx;
    ck_assert_uint_eq(count, 1);
    answered.is_done = true;
    answered.times++;
    answered.code = code;
    answered.outcome = streams[0].outcome;
}

static void append_and_wait(void)
{
    store_append(store, &stream, 1, on_appended, NULL);
    ck_assert_uint_eq(answered.times, 0);
    ck_assert_msg(loop_poll_run(loop, &answered.is_done, WAIT_MS), "no answer");
    loop_poll_run(loop, NULL, 5);
    ck_assert_uint_eq(answered.times, 1);
}

static void expect_truth(const char *what, unsigned at)
{
    ck_assert_msg(answered.code == GL_OK, "%s %u: %s", what, at, gl_code_name(answered.code));
    ck_assert_msg((answered.outcome == APPEND_COMMITTED) == script.is_logged, "%s %u: said %d, but the op is %sin the log", what,
                  at, (int)answered.outcome, script.is_logged ? "" : "not ");
}

START_TEST(append__when_all_goes_well__is_one_statement)
{
    start(NEVER_MS);
    append_and_wait();
    expect_truth("", 0);
    ck_assert_int_eq(answered.outcome, APPEND_COMMITTED);
    ck_assert_uint_eq(script.appends, 1);
    ck_assert_uint_eq(script.settles, 0);
}
END_TEST

START_TEST(append__with_the_connection_lost_at_every_call__tells_the_truth)
{
    /* given: as many calls as it takes undisturbed */
    start(NEVER_MS);
    append_and_wait();
    unsigned calls = script.calls, committed = 0, lost = 0;
    ck_assert_uint_gt(calls, 60);
    for (unsigned at = 1; at <= calls; at++) {
        teardown();
        setup();
        script.break_at = at;
        /* when  */
        start(NEVER_MS);
        append_and_wait();
        /* then  */
        expect_truth("call", at);
        committed += script.settles > 0 && script.is_logged;
        lost += script.settles > 0 && !script.is_logged;
    }
    ck_assert_uint_gt(committed, 0); /* the answer was lost on its way */
    ck_assert_uint_gt(lost, 0);      /* the statement was */
}
END_TEST

static unsigned sent_inside; /* appends that the server has had when the callback returned */

static void on_appended_again(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct append_stream *next = ctx;
    if (!next) {
        on_appended(NULL, code, streams, count);
        return;
    }
    store_append(store, next, 1, on_appended_again, NULL);
    ck_assert_uint_eq(answered.times, 0);
    sent_inside = script.appends;
}

static void append_twice_and_wait(void)
{
    struct append_stream next = stream;
    store_append(store, &stream, 1, on_appended_again, &next);
    ck_assert(loop_poll_run(loop, &answered.is_done, WAIT_MS));
    loop_poll_run(loop, NULL, 1);
    ck_assert_uint_eq(answered.times, 1);
}

START_TEST(append__asked_for_by_who_is_told_of_another__is_sent_before_that_goes_on)
{
    start(NEVER_MS);
    wait_up();
    append_twice_and_wait();
    ck_assert_uint_eq(sent_inside, 2);
    const unsigned calls = script.calls;
    for (unsigned at = 1; at <= calls; at++) { /* with the connection lost at every call */
        teardown();
        setup();
        script.break_at = at;
        start(NEVER_MS);
        append_twice_and_wait();
    }
}
END_TEST

START_TEST(append__with_half_a_flush_and_late_answers__is_the_same)
{
    script.partial_flush = 3;
    script.busy_calls = 7;
    start(NEVER_MS);
    append_and_wait();
    ck_assert_int_eq(answered.outcome, APPEND_COMMITTED);
}
END_TEST

START_TEST(append__with_both_and_the_connection_lost__tells_the_truth)
{
    for (unsigned at = 1; at <= 300; at++) {
        teardown();
        setup();
        script.partial_flush = 1;
        script.busy_calls = 2;
        script.zombie_rounds = at % 2;
        script.locked_rounds = at % 3 == 0;
        script.break_at = at;
        start(NEVER_MS);
        append_and_wait();
        expect_truth("call", at);
    }
}
END_TEST

START_TEST(append__while_the_old_backend_lives__is_not_settled)
{
    start(NEVER_MS);
    wait_up();
    script.zombie_rounds = 3;
    script.locked_rounds = 2;           /* counted from the first round on */
    script.break_at = script.calls + 5; /* behind the flush */
    append_and_wait();
    expect_truth("", 0);
    ck_assert_uint_ge(script.settles, 4);
}
END_TEST

START_TEST(append__that_is_never_answered__is_settled_after_the_deadline)
{
    start(300);
    wait_up();
    script.is_deaf = true;
    store_append(store, &stream, 1, on_appended, NULL);
    loop_poll_run(loop, NULL, 600);
    ck_assert(!answered.is_done);
    script.is_deaf = false;
    ck_assert(loop_poll_run(loop, &answered.is_done, WAIT_MS));
    expect_truth("", 0);
    ck_assert_int_eq(answered.outcome, APPEND_COMMITTED);
}
END_TEST

static const struct {
    const char *what, *sqlstate;
    unsigned times;
    enum gl_code code;
    enum append_outcome outcome;
} errors[] = {
    {"a deadlock, twice", "40P01", 2, GL_OK, APPEND_COMMITTED},
    {"a deadlock, always", "40P01", 100, GL_OK, APPEND_LOCKED},
    {"a serialization failure, once", "40001", 1, GL_OK, APPEND_COMMITTED},
    {"a lock timeout", "55P03", 1, GL_OK, APPEND_LOCKED},
    {"a full disk", "53100", 1, GL_E_STORE_DOWN, APPEND_LOCKED},
    {"a server that became a standby", "25006", 1, GL_E_STORE_DOWN, APPEND_LOCKED},
    {"a cancelled statement", "57014", 1, GL_E_STORE_DOWN, APPEND_LOCKED},
    {"bytes that are no text", "22021", 1, GL_OK, APPEND_FAILED},
    {"a violated check", "23514", 1, GL_OK, APPEND_FAILED},
    {"no right to do it", "42501", 1, GL_OK, APPEND_FAILED},
};

START_TEST(append__that_the_server_refuses__is_told_by_its_sqlstate)
{
    script.append_error = errors[_i].sqlstate;
    script.append_errors = errors[_i].times;
    start(NEVER_MS);
    append_and_wait();
    ck_assert_msg(answered.code == errors[_i].code, "%s: %s", errors[_i].what, gl_code_name(answered.code));
    ck_assert_msg(answered.outcome == errors[_i].outcome, "%s: %d", errors[_i].what, (int)answered.outcome);
    ck_assert_int_eq(script.is_logged, answered.outcome == APPEND_COMMITTED);
}
END_TEST

START_TEST(append__whose_commit_fails__was_not_written)
{
    script.sync_error = "53100";
    start(NEVER_MS);
    append_and_wait();
    ck_assert_int_eq(answered.code, GL_E_STORE_DOWN);
    ck_assert(!script.is_logged);
}
END_TEST

START_TEST(connection__to_a_server_that_will_not_do__is_never_up)
{
    script.is_old_server = _i == 0;
    script.is_unsafe = _i == 1;
    script.is_without_schema = _i == 2;
    start(300);
    append_and_wait();
    ck_assert_int_eq(answered.code, GL_E_STORE_DOWN);
    ck_assert(!store_is_up(store));
    for (unsigned i = 0; i < WAIT_MS && script.connections < 2; i++) {
        loop_poll_run(loop, NULL, 1);
    }
    ck_assert_uint_ge(script.connections, 2);
    ck_assert(!store_is_up(store));
    ck_assert_uint_eq(script.appends, 0);
}
END_TEST

/* Long before its time is over: what is sent to a machine behind a broken line is lost, and only what is sent anew arrives. */
START_TEST(connection__to_a_machine_that_does_not_answer__is_tried_again)
{
    script.unreached = 3;
    const struct store_pg_config patient = {.conninfo = "host=127.0.0.1",
                                            .append_role = "a",
                                            .reader_role = "r",
                                            .writers = 1,
                                            .readers = 1,
                                            .statement_ms = NEVER_MS,
                                            .connect_ms = NEVER_MS};
    store = store_pg_new(loop, &patient);
    wait_up();
    ck_assert_uint_gt(script.connections, 3);
    append_and_wait();
    expect_truth("", 0);
}
END_TEST

START_TEST(connection__to_a_server_that_became_a_standby__is_made_anew)
{
    start(NEVER_MS);
    wait_up();
    unsigned connections = script.connections;
    script.append_error = "25006";
    script.append_errors = 1;
    append_and_wait();
    ck_assert_int_eq(answered.code, GL_E_STORE_DOWN);
    for (unsigned i = 0; i < WAIT_MS && script.connections == connections; i++) {
        loop_poll_run(loop, NULL, 1);
    }
    wait_up();
    ck_assert_uint_eq(script.connections, connections + 1);
}
END_TEST

START_TEST(connection__to_the_promoted_server__ends_those_to_the_former_primary_for_good)
{
    /* given */
    start(NEVER_MS);
    append_and_wait();
    wait_up();
    const uint64_t generation = store_generation(store);
    const unsigned connections = script.connections;
    /* when: the writer is lost, and finds the new primary */
    script.promotions = 1;
    script.break_at = script.calls + 1;
    store_append(store, &stream, 1, on_appended, NULL);
    for (unsigned i = 0; i < WAIT_MS && script.connections < connections + 2; i++) {
        loop_poll_run(loop, NULL, 1);
    }
    /* then: what memory says is in doubt, and the reader was made anew, too */
    ck_assert_uint_gt(store_generation(store), generation);
    ck_assert_uint_eq(script.connections, connections + 2);
    wait_up();
    /* and: the former primary is not let back in */
    script.promotions = 0;
    script.break_at = script.calls + 1;
    store_append(store, &stream, 1, on_appended, NULL);
    for (unsigned i = 0; i < WAIT_MS && store_is_up(store); i++) {
        loop_poll_run(loop, NULL, 1);
    }
    loop_poll_run(loop, NULL, 300);
    ck_assert(!store_is_up(store));
    script.promotions = 1;
    for (unsigned i = 0; i < WAIT_MS && !store_is_up(store); i++) {
        loop_poll_run(loop, NULL, 1);
    }
    ck_assert(store_is_up(store));
}
END_TEST

static void on_appended_free(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    (void)code, (void)count;
    free(streams);
    *(bool *)ctx = true;
}

static struct append_stream *stream_on_heap(void)
{
    struct append_stream *own = malloc(sizeof(*own));
    *own = stream;
    return own;
}

START_TEST(append__whose_streams_are_freed_in_the_callback_or_before_the_store__touches_them_no_more)
{
    bool is_done = false;
    start(NEVER_MS);
    store_append(store, stream_on_heap(), 1, on_appended_free, &is_done);
    ck_assert(loop_poll_run(loop, &is_done, WAIT_MS));
    struct append_stream *own = stream_on_heap();
    store_append(store, own, 1, on_appended_free, &is_done);
    free(own);
    store_free(&store);
}
END_TEST

#define QUESTIONS 8

struct asked {
    unsigned done, ok, down;
    bool is_done;
};

static void on_rows(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct asked *asked = ctx;
    (void)rows;
    asked->ok += code == GL_OK;
    asked->down += code == GL_E_STORE_DOWN;
    asked->is_done = ++asked->done == QUESTIONS;
}

/* There is always a sign of life before the connection counts as silent; the last question would wait for all before it. */
START_TEST(questions__to_a_server_that_answers_one_now_and_then__are_given_up_in_time)
{
    struct asked asked = {.done = 0};
    gl_uuid account = gl_uuid_v7(1);
    start(200);
    wait_up();
    script.trickle_ms = 120;
    for (int i = 0; i < QUESTIONS; i++) {
        store_query(store, STORE_Q_token_list, &account, NULL, 0, on_rows, &asked);
    }
    ck_assert(loop_poll_run(loop, &asked.is_done, WAIT_MS));
    ck_assert_uint_eq(asked.ok + asked.down, QUESTIONS);
    ck_assert_uint_ge(asked.down, 2);
}
END_TEST

static const struct {
    const char *what, *conninfo, *unknown, *host, *hostaddr, *port;
} hosts[] = {
    {"a name", "host=db", NULL, "db,db", "10.0.2.0,10.0.2.1", ""},
    {"a name and a port", "host=db port=5433", NULL, "db,db", "10.0.2.0,10.0.2.1", "5433,5433"},
    {"an address, the first of two", "host=127.0.0.1,::1 port=3,4", NULL, "127.0.0.1", "", "3"},
    {"that is not found", "host=gone,db port=1,2", "gone", "db,db", "10.0.2.0,10.0.2.1", "2,2"},
    {"whose address is given", "host=db hostaddr=127.0.0.1", NULL, "db", "127.0.0.1", ""},
};

START_TEST(hosts__are_looked_up_before_libpq_sees_them)
{
    script.unknown_host = hosts[_i].unknown;
    start_at(hosts[_i].conninfo, NEVER_MS);
    append_and_wait();
    ck_assert_str_eq(script.host, hosts[_i].host);
    ck_assert_str_eq(script.hostaddr, hosts[_i].hostaddr);
    ck_assert_str_eq(script.port, hosts[_i].port);
}
END_TEST

static void count_turn(void *turns)
{
    ++*(unsigned *)turns;
}

/* The loop goes on meanwhile, what is asked is answered in time, and the store may be freed at any moment. */
START_TEST(host__that_takes_long_to_be_found__holds_nothing_up)
{
    unsigned turns = 0;
    struct loop_timer *timer = loop_timer_new(loop, count_turn, &turns);
    script.lookup_ms = NEVER_MS;
    start_at("host=db", 200);
    loop_timer_start(timer, 1, 1);
    append_and_wait();
    ck_assert_int_eq(answered.code, GL_E_STORE_DOWN);
    ck_assert_uint_gt(turns, 0);
    ck_assert_uint_eq(atomic_load(&script.lookups), 0);
    if (_i == 1) {
        store_free(&store);
        script.lookup_ms = 0;
        while (atomic_load(&script.lookups) == 0) {
            usleep(1000);
        }
    } else {
        script.lookup_ms = 0;
        for (unsigned tries = 0; tries < 50 && answered.code != GL_OK; tries++) {
            answered = (struct answered){.is_done = false};
            append_and_wait();
        }
        expect_truth("afterwards", 0);
        ck_assert(script.is_logged);
    }
    loop_timer_free(&timer);
}
END_TEST

START_TEST(host__that_nobody_knows__is_looked_up_again)
{
    script.unknown_host = "db";
    start_at("host=db", 200);
    append_and_wait();
    ck_assert_int_eq(answered.code, GL_E_STORE_DOWN);
    ck_assert_uint_eq(script.connections, 0);
    script.unknown_host = NULL;
    for (unsigned tries = 0; tries < 50 && answered.code != GL_OK; tries++) {
        answered = (struct answered){.is_done = false};
        append_and_wait();
    }
    ck_assert(script.is_logged);
}
END_TEST

START_TEST(store__that_is_freed_at_any_moment__calls_nobody_back)
{
    for (uint64_t ms = 0; ms < 12; ms++) {
        teardown();
        setup();
        script.busy_calls = 3;
        script.break_at = ms % 2 ? 90 : 0;
        start(NEVER_MS);
        store_append(store, &stream, 1, on_appended, NULL);
        loop_poll_run(loop, NULL, ms);
        unsigned times = answered.times;
        store_free(&store);
        loop_poll_run(loop, NULL, 2);
        ck_assert_uint_eq(answered.times, times);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("script");
    TCase *tcase = tcase_create("script");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, append__when_all_goes_well__is_one_statement);
    tcase_add_test(tcase, append__with_the_connection_lost_at_every_call__tells_the_truth);
    tcase_add_test(tcase, append__asked_for_by_who_is_told_of_another__is_sent_before_that_goes_on);
    tcase_add_test(tcase, append__with_half_a_flush_and_late_answers__is_the_same);
    tcase_add_test(tcase, append__with_both_and_the_connection_lost__tells_the_truth);
    tcase_add_test(tcase, append__while_the_old_backend_lives__is_not_settled);
    tcase_add_test(tcase, append__that_is_never_answered__is_settled_after_the_deadline);
    tcase_add_loop_test(tcase, append__that_the_server_refuses__is_told_by_its_sqlstate, 0,
                        (int)(sizeof(errors) / sizeof(errors[0])));
    tcase_add_test(tcase, append__whose_commit_fails__was_not_written);
    tcase_add_loop_test(tcase, connection__to_a_server_that_will_not_do__is_never_up, 0, 3);
    tcase_add_test(tcase, connection__to_a_machine_that_does_not_answer__is_tried_again);
    tcase_add_test(tcase, connection__to_a_server_that_became_a_standby__is_made_anew);
    tcase_add_test(tcase, connection__to_the_promoted_server__ends_those_to_the_former_primary_for_good);
    tcase_add_test(tcase, append__whose_streams_are_freed_in_the_callback_or_before_the_store__touches_them_no_more);
    tcase_add_test(tcase, questions__to_a_server_that_answers_one_now_and_then__are_given_up_in_time);
    tcase_add_loop_test(tcase, hosts__are_looked_up_before_libpq_sees_them, 0, (int)(sizeof(hosts) / sizeof(hosts[0])));
    tcase_add_loop_test(tcase, host__that_takes_long_to_be_found__holds_nothing_up, 0, 2);
    tcase_add_test(tcase, host__that_nobody_knows__is_looked_up_again);
    tcase_add_test(tcase, store__that_is_freed_at_any_moment__calls_nobody_back);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
