/* test_outcome.c - the connection is lost while an append is under way: what the store says afterwards is what is in the log, and stays so. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/store/conninfo.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/proxy.h"

static struct bench bench;
static struct scribe ana;
static struct proxy *proxy;
static struct store *store; /* connects through the proxy */

static void setup(void)
{
    char path[160];
    struct conninfo *conninfo;
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
    ck_assert_int_eq(conninfo_new(bench.db.conninfo, NULL, "test", 0, &conninfo, NULL), GL_OK);
    snprintf(path, sizeof(path), "%s/.s.PGSQL.%s", conninfo_get(conninfo, "host"), conninfo_get(conninfo, "port"));
    conninfo_free(&conninfo);
    proxy = proxy_start(path);
    char direct[sizeof(bench.db.conninfo)];
    memcpy(direct, bench.db.conninfo, sizeof(direct));
    snprintf(bench.db.conninfo, sizeof(bench.db.conninfo), "host='%s' port=5432 dbname='%s'", proxy_folder(proxy), bench.db.name);
    store = bench_store(&bench, 1);
    memcpy(bench.db.conninfo, direct, sizeof(direct));
}

static void teardown(void)
{
    store_free(&store);
    proxy_stop(&proxy);
    scribe_fini(&ana);
    bench_fini(&bench);
}

static void wait_up(void)
{
    for (int i = 0; i < 6000 && !store_is_up(store); i++) {
        loop_poll_run(bench.loop, NULL, 10);
    }
    ck_assert(store_is_up(store));
}

/* What was said is so, now and after whatever is still on its way has arrived. */
static void expect_truth(const struct appended *appended, size_t batch)
{
    if (appended->code ==
        GL_E_STORE_DOWN) { /* it had not been sent yet: given back, as little in the log as one that lost the fence */
        ana.stream.outcome = APPEND_FENCE_LOST;
    } else {
        ck_assert_int_eq(appended->code, GL_OK);
    }
    ck_assert(ana.stream.outcome == APPEND_COMMITTED || ana.stream.outcome == APPEND_FENCE_LOST);
    ck_assert_uint_eq(scribe_logged(&ana, &bench.db), ana.stream.outcome == APPEND_COMMITTED ? batch : 0);
}

static bool has_arrived(enum proxy_mode mode)
{
    return mode == PROXY_LOSE_ANSWERS ? scribe_logged(&ana, &bench.db) == ana.stream.op_count
                                      : proxy_kept(proxy) >= ana.stream.ops[0].payload.len;
}

/*
 * What ana sent is as far as it comes: in the log, or with the proxy. False: it was never sent, because what was lost first is another answer, which the
 * connection waits for: it asks for the time now and then.
 */
static bool wait_arrived(enum proxy_mode mode)
{
    for (int i = 0; i < 300 && !has_arrived(mode); i++) {
        loop_poll_run(bench.loop, NULL, 10);
    }
    return has_arrived(mode);
}

static enum append_outcome lose(enum proxy_mode mode, size_t batch)
{
    struct appended appended;
    wait_up();
    scribe_write(&ana, batch);
    proxy_set(proxy, mode);
    append_start(store, &ana.stream, 1, &appended);
    bool is_logged = wait_arrived(mode) && mode == PROXY_LOSE_ANSWERS;
    ck_assert_msg(!appended.is_done, "the answer was not lost");
    proxy_cut(proxy);
    ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not settled");
    expect_truth(&appended, batch);
    if (mode == PROXY_HOLD) {
        proxy_let_go(proxy); /* the ghost speaks */
        expect_truth(&appended, batch);
    }
    enum append_outcome outcome = ana.stream.outcome;
    ck_assert(outcome == APPEND_COMMITTED || !is_logged);
    ck_assert(scribe_catch_up(&ana, &bench, bench.store));
    return outcome;
}

START_TEST(append__whose_answer_was_lost__is_found_to_be_committed)
{
    size_t committed = 0;
    for (size_t round = 0; round < 100 && committed < 25; round++) {
        committed += lose(PROXY_LOSE_ANSWERS, 1 + round % 5) == APPEND_COMMITTED;
    }
    ck_assert_uint_eq(committed, 25);
}
END_TEST

/* An append of ana's one op which, or whose answer, is lost, for certain. */
static void lose_on_its_way(enum proxy_mode mode, struct appended *appended)
{
    for (int round = 0; round < 20; round++) {
        wait_up();
        proxy_set(proxy, mode);
        append_start(store, &ana.stream, 1, appended);
        if (wait_arrived(mode)) {
            return;
        }
        proxy_cut(proxy);
        ck_assert_msg(loop_poll_run(bench.loop, &appended->is_done, WAIT_MS), "not given back");
        expect_truth(appended, 1);
    }
    ck_abort_msg("it was never lost");
}

/* Its client asked another worker, which wrote the same op at the same seq: with a salt of its own, so with another chain. */
START_TEST(append__whose_ops_another_worker_wrote__is_not_taken_for_ours)
{
    struct appended appended, of_other;
    scribe_write(&ana, 1);
    struct append_stream other = ana.stream;
    struct append_op op = ana.stream.ops[0];
    op.chain.bytes[0] ^= 1;
    other.chain = op.chain;
    other.ops = &op;
    lose_on_its_way(PROXY_LOSE_REQUESTS, &appended);
    append_start(bench.store, &other, 1, &of_other);
    ck_assert(loop_poll_run(bench.loop, &of_other.is_done, WAIT_MS));
    ck_assert_int_eq(other.outcome, APPEND_COMMITTED);
    proxy_cut(proxy);
    ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not settled");
    ck_assert_int_eq(ana.stream.outcome, APPEND_FENCE_LOST);
}
END_TEST

START_TEST(append__that_never_arrived__is_found_to_be_absent)
{
    for (size_t round = 0; round < 25; round++) {
        ck_assert_int_eq(lose(PROXY_LOSE_REQUESTS, 1 + round % 5), APPEND_FENCE_LOST);
    }
    ck_assert_uint_eq(ana.state->seq, 0);
}
END_TEST

START_TEST(append__that_is_still_on_its_way__can_not_arrive_after_it_was_said_absent)
{
    for (size_t round = 0; round < 8; round++) {
        ck_assert_int_eq(lose(PROXY_HOLD, 1 + round % 5), APPEND_FENCE_LOST);
    }
    ck_assert_uint_eq(ana.state->seq, 0);
}
END_TEST

START_TEST(append__whose_backend_is_killed__is_settled_right_every_time)
{
    /* given */
    size_t unknown = 0, committed = 0;
    struct appended appended;
    /* when  */
    uint64_t until_ms = clock_monotonic_ms() + 100000; /* how many it takes depends on who is faster, we or the killer */
    for (unsigned round = 0; clock_monotonic_ms() < until_ms && (unknown < 60 || committed == 0); round++) {
        size_t batch = 1 + round % 100;
        wait_up();
        scribe_write(&ana, batch);
        append_start(store, &ana.stream, 1, &appended);
        usleep(round * 37 % 3000);
        db_do(&bench.db, "select pg_terminate_backend(pid) from pg_stat_activity where usename = '%s' and state <> 'idle'",
              bench.db.append);
        ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not settled");
        unknown += !store_is_up(store) || ana.stream.outcome != APPEND_COMMITTED;
        committed += ana.stream.outcome == APPEND_COMMITTED;
        /* then  */
        expect_truth(&appended, batch);
        ck_assert(scribe_catch_up(&ana, &bench, bench.store));
    }
    printf("%zu outcomes were unknown, %zu appends committed\n", unknown, committed);
    ck_assert_uint_gt(unknown + committed, 0);
}
END_TEST

START_TEST(append__whose_backend_hangs__is_settled_after_our_own_deadline)
{
    /* given */
    struct store_pg_config config = db_config(&bench.db);
    config.statement_ms = 400;
    struct store *hasty = store_pg_new(bench.loop, &config);
    struct appended appended;
    for (int i = 0; i < 6000 && !store_is_up(hasty); i++) {
        loop_poll_run(bench.loop, NULL, 10);
    }
    db_do(&bench.db,
          "create function hang() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return new; end $$");
    db_do(&bench.db, "grant execute on function hang() to public");
    db_do(&bench.db, "create trigger hang before insert on op for each row execute function hang()");
    /* when  */
    scribe_write(&ana, 1);
    append_start(hasty, &ana.stream, 1, &appended);
    ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not settled");
    /* then  */
    expect_truth(&appended, 1);
    ck_assert_int_eq(ana.stream.outcome, APPEND_FENCE_LOST);
    store_free(&hasty);
}
END_TEST

START_TEST(append__of_another_stream__goes_on_while_one_is_unsettled)
{
    /* given */
    gl_uuid document, revision, session;
    struct scribe other;
    struct appended first, second;
    bench_document(&bench, "Another text, of no length.", &document, &revision, &session);
    gl_hash sha256 = gl_sha256("Another text, of no length.", 27);
    scribe_init(&other, &bench, &session, &bench.ana);
    other.state->chain = gl_chain_start(&session, sha256.bytes);
    scribe_write(&ana, 1);
    scribe_write(&other, 1);
    lose_on_its_way(PROXY_LOSE_ANSWERS, &first);
    db_do(&bench.db, "begin");
    db_do(&bench.db,
          "select from stream where id = (select stream from op where seq = 1 and kind like 'annotation%%') for update");
    /* when  */
    proxy_cut(proxy);
    for (int i = 0; i < WAIT_MS && store_is_up(store); i++) {
        loop_poll_run(bench.loop, NULL, 1);
    }
    append_start(store, &other.stream, 1, &second); /* what waited before would be given back */
    /* then  */
    ck_assert_msg(loop_poll_run(bench.loop, &second.is_done, WAIT_MS), "it waited for the other");
    ck_assert_int_eq(other.stream.outcome, APPEND_COMMITTED);
    ck_assert(!first.is_done);
    db_do(&bench.db, "rollback");
    ck_assert_msg(loop_poll_run(bench.loop, &first.is_done, WAIT_MS), "not settled");
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_fini(&other);
}
END_TEST

/* Locks the row of this session's stream, beside whatever the store does. */
static void lock_stream(const gl_uuid *session)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(session, id);
    db_do(&bench.db, "begin");
    db_do(&bench.db, "select from stream where id = '%s' for update", id);
}

START_TEST(append__of_two_streams_never_free_at_the_same_time__is_settled)
{
    /* given */
    gl_uuid document, revision, session;
    struct scribe other;
    struct appended appended;
    bench_document(&bench, "Another text, of no length.", &document, &revision, &session);
    gl_hash sha256 = gl_sha256("Another text, of no length.", 27);
    scribe_init(&other, &bench, &session, &bench.ana);
    other.state->chain = gl_chain_start(&session, sha256.bytes);
    scribe_write(&ana, 1);
    scribe_write(&other, 1);
    struct append_stream both[] = {ana.stream, other.stream};
    bool is_lost = false;
    for (int round = 0; round < 20 && !is_lost; round++) {
        wait_up();
        proxy_set(proxy, PROXY_LOSE_ANSWERS);
        append_start(store, both, 2, &appended);
        is_lost = wait_arrived(PROXY_LOSE_ANSWERS);
        if (!is_lost) {
            proxy_cut(proxy);
            ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not given back");
        }
    }
    ck_assert(is_lost);
    lock_stream(&bench.session);
    /* when  */
    proxy_cut(proxy);
    for (int i = 0; i < 100; i++) {
        loop_poll_run(bench.loop, NULL, 10); /* this is what is waited for: some tries */
    }
    ck_assert(!appended.is_done);
    db_do(&bench.db, "rollback");
    lock_stream(&session);
    /* then  */
    ck_assert_msg(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS), "not settled");
    ck_assert_int_eq(appended.code, GL_OK);
    ck_assert_int_eq(both[0].outcome, APPEND_COMMITTED);
    ck_assert_int_eq(both[1].outcome, APPEND_COMMITTED);
    db_do(&bench.db, "rollback");
    scribe_fini(&other);
}
END_TEST

static void on_rows(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct appended *appended = ctx;
    (void)rows;
    appended->is_done = true;
    appended->code = code;
}

/* Asks both while answers are lost; true: the server has written, so both had been sent. */
static bool ask_both(struct appended *reading, struct appended *writing)
{
    gl_uuid token = gl_uuid_v7((uint64_t)clock_unix_ms());
    gl_hash hash = gl_sha256(token.bytes, sizeof(token.bytes));
    uint64_t tokens = db_count(&bench.db, "select count(*) from token"), now = tokens;
    *reading = *writing = (struct appended){.is_done = false};
    wait_up();
    proxy_set(proxy, PROXY_LOSE_ANSWERS);
    store_query(store, STORE_Q_project_list, &bench.ana, (struct store_param[]){P_NULL, P_NULL, P_U64(10)}, 3, on_rows, reading);
    store_query(store, STORE_Q_token_create, &bench.ana,
                (struct store_param[]){P_UUID(token), P_TEXT(GL_SLICE("t")), P_BYTES(hash.bytes, 32), P_NULL, P_NULL}, 5, on_rows,
                writing);
    for (int i = 0; i < 300 && now == tokens; i++) {
        loop_poll_run(bench.loop, NULL, 10);
        now = db_count(&bench.db, "select count(*) from token");
    }
    proxy_cut(proxy);
    ck_assert(loop_poll_run(bench.loop, &reading->is_done, WAIT_MS) && loop_poll_run(bench.loop, &writing->is_done, WAIT_MS));
    return now > tokens;
}

START_TEST(query__that_reads__is_asked_again_and_one_that_writes_says_that_it_does_not_know)
{
    struct appended reading, writing;
    bool has_written = false;
    for (int round = 0; round < 20 && !has_written; round++) {
        has_written = ask_both(&reading, &writing);
    }
    ck_assert(has_written);
    ck_assert_int_eq(reading.code, GL_OK);
    ck_assert_int_eq(writing.code, GL_E_UNKNOWN_OUTCOME);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outcome");
    TCase *tcase = tcase_create("outcome");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 170);
    tcase_add_test(tcase, append__whose_answer_was_lost__is_found_to_be_committed);
    tcase_add_test(tcase, append__that_never_arrived__is_found_to_be_absent);
    tcase_add_test(tcase, append__that_is_still_on_its_way__can_not_arrive_after_it_was_said_absent);
    tcase_add_test(tcase, append__whose_ops_another_worker_wrote__is_not_taken_for_ours);
    tcase_add_test(tcase, append__whose_backend_is_killed__is_settled_right_every_time);
    tcase_add_test(tcase, append__whose_backend_hangs__is_settled_after_our_own_deadline);
    tcase_add_test(tcase, append__of_another_stream__goes_on_while_one_is_unsettled);
    tcase_add_test(tcase, append__of_two_streams_never_free_at_the_same_time__is_settled);
    tcase_add_test(tcase, query__that_reads__is_asked_again_and_one_that_writes_says_that_it_does_not_know);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
