/* test_hold.c - a stream held in a real PostgreSQL: nobody else appends to it, everything else goes on, and whoever vanishes loses it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/store/conninfo.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/proxy.h"

static struct bench bench;
static struct scribe ana, ben;
static struct store *far; /* another worker */

struct held {
    bool is_done;
    enum gl_code code;
};

static void setup(void)
{
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
    scribe_init(&ben, &bench, &bench.session, &bench.ben);
    far = bench_store(&bench, 1);
}

static void teardown(void)
{
    scribe_fini(&ana);
    scribe_fini(&ben);
    ck_assert_uint_eq(store_in_flight(bench.store), 0);
    store_free(&far);
    bench_fini(&bench);
}

static void on_held(void *ctx, enum gl_code code)
{
    struct held *held = ctx;
    held->is_done = true;
    held->code = code;
}

static void hold(struct store *store, struct held *held)
{
    *held = (struct held){.is_done = false};
    for (int i = 0; i < 6000 && !store_hold(store, &bench.session, on_held, held); i++) /* the last one is being ended */
        loop_poll_run(bench.loop, NULL, 10);
    ck_assert_msg(loop_poll_run(bench.loop, &held->is_done, WAIT_MS), "not held");
}

static void on_appended(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct appended *appended = ctx;
    (void)streams, (void)count;
    appended->is_done = true;
    appended->code = code;
}

static enum append_outcome append_held(struct store *store, struct scribe *scribe)
{
    struct appended appended = {.is_done = false};
    store_hold_append(store, &scribe->stream, on_appended, &appended);
    ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "no outcome");
    ck_assert_int_eq(appended.code, GL_OK);
    return scribe->stream.outcome;
}

static enum append_outcome append(struct store *store, struct scribe *scribe)
{
    scribe_write(scribe, 1);
    ck_assert_int_eq(append_wait(&bench, store, &scribe->stream, 1), GL_OK);
    if (scribe->stream.outcome == APPEND_COMMITTED)
        scribe_committed(scribe);
    return scribe->stream.outcome;
}

/* Whoever let go of the stream may not have done so yet. */
static enum append_outcome append_when_free(struct store *store, struct scribe *scribe)
{
    enum append_outcome outcome = append(store, scribe);
    for (int i = 0; i < 1000 && outcome == APPEND_LOCKED; i++) {
        loop_poll_run(bench.loop, NULL, 50);
        outcome = append(store, scribe);
    }
    return outcome;
}

START_TEST(stream__that_is_held__is_locked_for_everybody_else_until_it_was_appended_to)
{
    struct held held;
    ck_assert_int_eq(append(far, &ben), APPEND_COMMITTED);
    hold(bench.store, &held);
    ck_assert_int_eq(held.code, GL_OK);
    ck_assert_int_eq(append(far, &ben), APPEND_LOCKED);
    ck_assert(scribe_catch_up(&ana, &bench, bench.store)); /* readers see the log meanwhile */
    scribe_write(&ana, 3);
    ck_assert_int_eq(append_held(bench.store, &ana), APPEND_COMMITTED);
    ck_assert_uint_eq(scribe_logged(&ana, &bench.db), 3);
    scribe_committed(&ana);
    ck_assert_int_eq(append_when_free(far, &ben), APPEND_FENCE_LOST);
    ck_assert(scribe_catch_up(&ben, &bench, far));
    ck_assert_int_eq(append(far, &ben), APPEND_COMMITTED);
}
END_TEST

START_TEST(append__of_who_holds_the_stream__still_has_to_meet_the_fence)
{
    struct held held;
    ck_assert_int_eq(append(far, &ben), APPEND_COMMITTED);
    hold(bench.store, &held);
    scribe_write(&ana, 1); /* without having read what ben wrote */
    ck_assert_int_eq(append_held(bench.store, &ana), APPEND_FENCE_LOST);
    ck_assert_int_eq(append_when_free(far, &ben), APPEND_COMMITTED);
}
END_TEST

START_TEST(stream__that_was_let_go__is_everybodys_again)
{
    struct held held;
    for (int i = 0; i < 10; i++) {
        hold(bench.store, &held);
        ck_assert_int_eq(held.code, GL_OK);
        ck_assert(!store_hold(bench.store, &bench.project, on_held, &held)); /* one at a time */
        store_release(bench.store);
    }
    ck_assert_int_eq(append_when_free(far, &ben), APPEND_COMMITTED);
}
END_TEST

START_TEST(other_streams__of_who_holds_one__go_on)
{
    gl_uuid document, revision, session;
    struct held held;
    struct scribe other;
    bench_document(&bench, "Another text, of no length.", &document, &revision, &session);
    gl_hash sha256 = gl_sha256("Another text, of no length.", 27);
    scribe_init(&other, &bench, &session, &bench.ana);
    other.state->chain = gl_chain_start(&session, sha256.bytes);
    hold(bench.store, &held);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(append(bench.store, &other), APPEND_COMMITTED);
    store_release(bench.store);
    scribe_fini(&other);
}
END_TEST

START_TEST(second_hold__waits_for_the_first_one)
{
    struct held held, waiting = {.is_done = false};
    hold(bench.store, &held);
    ck_assert(store_hold(far, &bench.session, on_held, &waiting));
    loop_poll_run(bench.loop, NULL, 100);
    ck_assert(!waiting.is_done);
    scribe_write(&ana, 1);
    ck_assert_int_eq(append_held(bench.store, &ana), APPEND_COMMITTED);
    ck_assert_msg(loop_poll_run(bench.loop, &waiting.is_done, WAIT_MS), "not held");
    ck_assert_int_eq(waiting.code, GL_OK);
    ck_assert(scribe_catch_up(&ben, &bench, far));
    scribe_write(&ben, 1);
    ck_assert_int_eq(append_held(far, &ben), APPEND_COMMITTED);
}
END_TEST

START_TEST(row__that_somebody_locked_too_long__is_given_up)
{
    char stream[GL_UUID_TEXT + 1];
    struct held held;
    gl_uuid_format(&bench.session, stream);
    db_do(&bench.db, "begin");
    db_do(&bench.db, "select from stream where id = '%s' for update", stream);
    hold(bench.store, &held);
    ck_assert_int_eq(held.code, GL_E_BUSY);
    db_do(&bench.db, "rollback");
    hold(bench.store, &held);
    ck_assert_int_eq(held.code, GL_OK);
    store_release(bench.store);
}
END_TEST

START_TEST(worker__that_does_not_come_back__loses_what_it_held)
{
    struct held held;
    hold(bench.store, &held);
    for (int i = 0; i < 600 && append(far, &ben) != APPEND_COMMITTED; i++)
        loop_poll_run(bench.loop, NULL, 100);
    ck_assert_uint_eq(ben.state->seq, 1); /* within seconds */
    ck_assert(scribe_catch_up(&ana, &bench, bench.store));
    scribe_write(&ana, 1); /* an append like any other now */
    ck_assert_int_eq(append_held(bench.store, &ana), APPEND_COMMITTED);
}
END_TEST

/* ---- with a connection that is lost on the way */

static struct store *through(struct proxy **proxy)
{
    char path[160], direct[sizeof(bench.db.conninfo)];
    struct conninfo *conninfo;
    ck_assert_int_eq(conninfo_new(bench.db.conninfo, NULL, "test", 0, &conninfo, NULL), GL_OK);
    snprintf(path, sizeof(path), "%s/.s.PGSQL.%s", conninfo_get(conninfo, "host"), conninfo_get(conninfo, "port"));
    conninfo_free(&conninfo);
    *proxy = proxy_start(path);
    memcpy(direct, bench.db.conninfo, sizeof(direct));
    snprintf(bench.db.conninfo, sizeof(bench.db.conninfo), "host='%s' port=5432 dbname='%s'", proxy_folder(*proxy),
             bench.db.name);
    struct store *store = bench_store(&bench, 1);
    memcpy(bench.db.conninfo, direct, sizeof(direct));
    return store;
}

/* What was sent is as far as it comes: in the log, or with the proxy. */
static bool has_arrived(const struct proxy *proxy, enum proxy_mode mode)
{
    return mode == PROXY_LOSE_ANSWERS ? scribe_logged(&ana, &bench.db) == 2 : proxy_kept(proxy) > 0;
}

static void lose(struct store *store, struct proxy *proxy, enum proxy_mode mode, enum append_outcome expected)
{
    struct held held;
    struct appended appended = {.is_done = false};
    hold(store, &held);
    ck_assert_int_eq(held.code, GL_OK);
    scribe_write(&ana, 2);
    proxy_set(proxy, mode);
    store_hold_append(store, &ana.stream, on_appended, &appended);
    for (int i = 0; i < WAIT_MS / 5 && !has_arrived(proxy, mode); i++)
        loop_poll_run(bench.loop, NULL, 5);
    ck_assert_msg(!appended.is_done, "the answer was not lost");
    proxy_cut(proxy);
    ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not settled");
    ck_assert_int_eq(appended.code, GL_OK);
    ck_assert_int_eq(ana.stream.outcome, expected);
    ck_assert_uint_eq(scribe_logged(&ana, &bench.db), expected == APPEND_COMMITTED ? 2 : 0);
    proxy_let_go(proxy); /* the ghost speaks */
    ck_assert_uint_eq(scribe_logged(&ana, &bench.db), expected == APPEND_COMMITTED ? 2 : 0);
    ck_assert(scribe_catch_up(&ana, &bench, bench.store));
}

START_TEST(append__under_the_lock_whose_connection_is_lost__is_settled)
{
    struct proxy *proxy;
    struct store *store = through(&proxy);
    for (int round = 0; round < 5; round++) {
        lose(store, proxy, PROXY_LOSE_ANSWERS, APPEND_COMMITTED);
        lose(store, proxy, PROXY_LOSE_REQUESTS, APPEND_FENCE_LOST);
        lose(store, proxy, PROXY_HOLD, APPEND_FENCE_LOST);
    }
    ck_assert_uint_eq(ana.state->seq, 10);
    ck_assert(scribe_catch_up(&ben, &bench, far));
    ck_assert_int_eq(append(far, &ben), APPEND_COMMITTED);
    store_free(&store);
    proxy_stop(&proxy);
}
END_TEST

START_TEST(store__that_is_freed_while_it_holds__lets_go)
{
    struct held held;
    struct store *third = bench_store(&bench, 1);
    hold(third, &held);
    store_free(&third);
    for (int i = 0; i < 600 && append(far, &ben) != APPEND_COMMITTED; i++)
        loop_poll_run(bench.loop, NULL, 50);
    ck_assert_uint_eq(ben.state->seq, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hold");
    TCase *tcase = tcase_create("hold");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 170);
    tcase_add_test(tcase, stream__that_is_held__is_locked_for_everybody_else_until_it_was_appended_to);
    tcase_add_test(tcase, append__of_who_holds_the_stream__still_has_to_meet_the_fence);
    tcase_add_test(tcase, stream__that_was_let_go__is_everybodys_again);
    tcase_add_test(tcase, other_streams__of_who_holds_one__go_on);
    tcase_add_test(tcase, second_hold__waits_for_the_first_one);
    tcase_add_test(tcase, row__that_somebody_locked_too_long__is_given_up);
    tcase_add_test(tcase, worker__that_does_not_come_back__loses_what_it_held);
    tcase_add_test(tcase, append__under_the_lock_whose_connection_is_lost__is_settled);
    tcase_add_test(tcase, store__that_is_freed_while_it_holds__lets_go);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
