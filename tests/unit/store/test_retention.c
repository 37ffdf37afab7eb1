/* test_retention.c - old ops leave the log for the archive while others append; jobs are taken by one at a time. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/store/bench.h"

static struct bench bench;
static struct scribe ana;

static void setup(void)
{
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
}

static void teardown(void)
{
    scribe_fini(&ana);
    bench_fini(&bench);
}

static void write_ops(size_t count)
{
    scribe_write(&ana, count);
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_committed(&ana);
}

/* What a function says of the session; more: its other arguments, with a comma first. */
static uint64_t call(const char *function, const char *more)
{
    return db_count(&bench.db,
                    "select %s(id%s) from stream where kind = 'session' and project = (select project from session limit 1)",
                    function, more);
}

static void archive_all(void)
{
    call("gloss_snapshot_make", ", 1");
    call("gloss_retention_cut", ", 0, 0");
    while (call("gloss_retention_move", "") > 0) {
    }
}

static PGconn *another(void)
{
    PQconninfoOption *options = PQconninfo(bench.db.super);
    const char *keywords[64], *values[64];
    int count = 0;
    for (PQconninfoOption *it = options; it->keyword && count < 63; it++) {
        if (it->val && *it->val) {
            keywords[count] = it->keyword;
            values[count++] = it->val;
        }
    }
    keywords[count] = values[count] = NULL;
    PGconn *pg = PQconnectdbParams(keywords, values, 0);
    ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
    PQconninfoFree(options);
    return pg;
}

static void run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", sql,
                  PQerrorMessage(pg));
    PQclear(result);
}

/* ---- the log, through the archive */

struct whole {
    bool is_done;
    size_t count, erased;
    uint64_t first;
    gl_hash chain, before;
    bool holds;
};

static void on_tail(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct whole *whole = ctx;
    ck_assert_int_eq(code, GL_OK);
    whole->is_done = true;
    whole->count = tail->count;
    whole->before = whole->chain = tail->chain_before;
    whole->holds = true;
    for (size_t i = 0; i < tail->count; i++) {
        const struct store_tail_op *op = &tail->ops[i];
        whole->first = i ? whole->first : op->seq;
        whole->erased += op->payload.len == 0;
        gl_hash leaf = op->payload.len ? gl_leaf(op->salt, op->payload) : op->leaf;
        whole->chain = gl_chain_next(&whole->chain, &leaf);
        whole->holds &= op->seq == whole->first + i && gl_hash_equal(&whole->chain, &op->chain);
    }
}

static struct whole read_log(uint64_t after, size_t max_ops, size_t max_bytes)
{
    struct whole whole = {.is_done = false};
    store_tail_read(bench.store, &bench.ana, &bench.session, after, max_ops, max_bytes, on_tail, &whole);
    ck_assert(loop_poll_run(bench.loop, &whole.is_done, WAIT_MS));
    ck_assert(whole.holds);
    return whole;
}

START_TEST(tail__of_an_archived_log__is_the_log)
{
    /* given: three segments of the archive, and a log behind them */
    for (int i = 0; i < 3; i++) {
        write_ops(200);
    }
    archive_all();
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from archive"), 3);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from op where payload is not null and stream <> project"), 0);
    write_ops(50);
    /* then: whatever part is asked for comes whole, across every border */
    static const uint64_t places[] = {0, 1, 100, 255, 256, 257, 511, 512, 599, 600, 601, 649, 650};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct whole whole = read_log(places[i], 256, 1 << 20);
        uint64_t left = 650 - places[i];
        ck_assert_uint_eq(whole.count, left < 256 ? left : 256);
        ck_assert_uint_eq(whole.erased, 0);
        ck_assert(left == 0 || whole.first == places[i] + 1);
    }
    ck_assert_uint_eq(read_log(3, 256, 1).count, 1);
    ck_assert_uint_eq(read_log(0, 1000, 1 << 20).count, 650);
    struct whole end = read_log(400, 1000, 1 << 20);
    ck_assert(gl_hash_equal(&end.chain, &ana.state->chain));
}
END_TEST

START_TEST(tail__of_an_erased_op_in_the_archive__has_its_leaf)
{
    write_ops(10);
    db_do(
        &bench.db,
        "update op set leaf = sha256(salt || convert_to(payload, 'UTF8')), salt = null, payload = null where kind = 'annotation.create' and seq = 2");
    archive_all();
    struct whole whole = read_log(0, 100, 1 << 20);
    ck_assert_uint_eq(whole.erased, 1);
    ck_assert_uint_eq(whole.count, 10);
}
END_TEST

START_TEST(cut__that_waits_for_who_rewrites_snapshots__locks_no_stream_meanwhile)
{
    /* given: two snapshots, of which the cut drops the older, and somebody who is at them */
    write_ops(10);
    call("gloss_snapshot_make", ", 1");
    write_ops(10);
    call("gloss_snapshot_make", ", 1");
    PGconn *eraser = another(), *cutter = another();
    run(eraser,
        "begin; select pg_advisory_xact_lock(7827315, hashtext(stream::text)) from snapshot limit 1; update snapshot set live = live");
    ck_assert_int_eq(PQsendQuery(cutter, "select gloss_retention_cut(stream, 0, 0) from snapshot limit 1"), 1);
    while (db_count(&bench.db,
                    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%%retention_cut%%'") ==
           0) {
        usleep(2000);
    }
    /* then: the stream can be appended to */
    write_ops(1);
    run(eraser, "commit");
    PGresult *result = PQgetResult(cutter);
    ck_assert_str_eq(PQgetvalue(result, 0, 0), "21");
    PQclear(result);
    PQfinish(cutter);
    PQfinish(eraser);
}
END_TEST

START_TEST(tail__of_a_move_that_broke_off__is_the_log_all_the_same)
{
    write_ops(200);
    write_ops(200);
    call("gloss_snapshot_make", ", 1");
    ck_assert_uint_eq(call("gloss_retention_cut", ", 0, 0"), 401);
    ck_assert_uint_eq(read_log(0, 1000, 1 << 20).count, 400);
    ck_assert_uint_eq(call("gloss_retention_move", ""), 256);
    struct whole whole = read_log(0, 1000, 1 << 20);
    ck_assert_uint_eq(whole.count, 400);
    ck_assert_uint_eq(whole.erased, 0);
    ck_assert_uint_eq(call("gloss_retention_move", ""), 144);
    ck_assert_uint_eq(call("gloss_retention_move", ""), 0);
}
END_TEST

/* ---- what a worker loads */

static void on_state(void *ctx, enum gl_code code, const struct store_state *state)
{
    struct whole *whole = ctx;
    ck_assert_int_eq(code, GL_OK);
    whole->is_done = true;
    whole->count = state->recent_count;
    whole->first = state->retained_from;
    for (size_t i = 0; i < state->recent_count; i++) {
        whole->erased += state->recent[i].payload.len == 0 || state->recent[i].seq < state->retained_from;
    }
    whole->holds = state->last_at_ms > 0 && state->codebook == 1;
}

START_TEST(load__takes_no_archived_op_for_a_recent_one)
{
    write_ops(20);
    for (int i = 0; i < 2; i++) {
        call("gloss_snapshot_make", ", 1");
        call("gloss_retention_cut", ", 0, 0");
        struct whole whole = {.is_done = false};
        store_session_load(bench.store, &bench.ana, &bench.session, 100, on_state, &whole);
        ck_assert(loop_poll_run(bench.loop, &whole.is_done, WAIT_MS));
        ck_assert_uint_eq(whole.count + whole.erased, 0);
        ck_assert_uint_eq(whole.first, 21);
        call("gloss_retention_move", "");
    }
    write_ops(5);
    struct whole whole = {.is_done = false};
    store_session_load(bench.store, &bench.ana, &bench.session, 100, on_state, &whole);
    ck_assert(loop_poll_run(bench.loop, &whole.is_done, WAIT_MS));
    ck_assert_uint_eq(whole.count, 5);
    ck_assert_uint_eq(whole.erased, 0);
}
END_TEST

START_TEST(append__of_an_archived_op__finds_it)
{
    write_ops(10);
    gl_uuid archived = ana.ops[2].id;
    archive_all();
    struct scribe again;
    scribe_init(&again, &bench, &bench.session, &bench.ana);
    ck_assert(scribe_catch_up(&again, &bench, bench.store));
    scribe_write(&again, 1);
    gl_uuid kept = again.ops[0].id;
    again.ops[0].id = archived;
    ck_assert_int_eq(append_wait(&bench, bench.store, &again.stream, 1), GL_OK);
    ck_assert_int_eq(again.stream.outcome, APPEND_FOUND);
    ck_assert_uint_eq(db_count(&bench.db, "select head from stream where kind = 'session'"), 10);
    again.ops[0].id = kept;
    scribe_fini(&again);
}
END_TEST

/* ---- nobody waits */

START_TEST(append__while_a_snapshot_and_a_move_are_under_way__does_not_wait)
{
    write_ops(100);
    PGconn *pg = another();
    run(pg, "begin; select gloss_snapshot_make(id, 1) from stream where kind = 'session'");
    write_ops(10);
    run(pg, "commit; begin; select gloss_retention_cut(id, 0, 0) from stream where kind = 'session'; commit");
    run(pg, "begin; select gloss_retention_move(id) from stream where kind = 'session'");
    write_ops(10);
    run(pg, "commit");
    PQfinish(pg);
    struct whole whole = read_log(0, 1000, 1 << 20);
    ck_assert_uint_eq(whole.count, 120);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from op where archived"), 100);
}
END_TEST

START_TEST(snapshot_and_move__while_an_append_holds_the_row__do_not_wait)
{
    write_ops(20);
    PGconn *pg = another();
    run(pg, "begin; select id from stream where kind = 'session' for no key update");
    db_do(&bench.db, "set lock_timeout = '300ms'");
    ck_assert_uint_eq(call("gloss_snapshot_make", ", 1"), 20);
    run(pg, "rollback");
    call("gloss_retention_cut", ", 0, 0");
    run(pg, "begin; select id from stream where kind = 'session' for no key update");
    ck_assert_uint_eq(call("gloss_retention_move", ""), 20);
    run(pg, "rollback");
    PQfinish(pg);
}
END_TEST

/* ---- when */

START_TEST(cut__waits_for_newer_ops_and_for_days)
{
    write_ops(40);
    ck_assert_uint_eq(call("gloss_snapshot_make", ", 41"), 0);
    ck_assert_uint_eq(call("gloss_snapshot_make", ", 40"), 40);
    ck_assert_uint_eq(call("gloss_snapshot_make", ", 1"), 0);
    write_ops(10);
    ck_assert_uint_eq(call("gloss_snapshot_make", ", 10"), 50);
    ck_assert_uint_eq(call("gloss_retention_cut", ", 11, 0"), 0);
    ck_assert_uint_eq(call("gloss_retention_cut", ", 10, 1"), 0);
    ck_assert_uint_eq(call("gloss_retention_move", ""), 0);
    db_do(&bench.db, "update op set payload = overlay(payload placing '2020' from 57) where seq <= 40 and stream <> project");
    ck_assert_uint_eq(call("gloss_retention_cut", ", 0, 1"), 41);
    ck_assert_uint_eq(call("gloss_retention_cut", ", 0, 1"), 0);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from snapshot"), 2);
    ck_assert_uint_eq(call("gloss_retention_cut", ", 0, 0"), 51);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from snapshot"), 1);
    ck_assert_uint_eq(db_count(&bench.db, "select count(distinct seq) from snapshot_part"), 1);
}
END_TEST

START_TEST(project__is_never_archived)
{
    ck_assert_uint_gt(db_count(&bench.db, "select head from stream where kind = 'project' limit 1"), 0);
    ck_assert_uint_eq(db_count(&bench.db, "select max(gloss_snapshot_make(id, 1)) from stream where kind = 'project'"), 0);
    ck_assert_uint_eq(db_count(&bench.db, "select gloss_retention_scan(1, 0, 1)"), 0);
    write_ops(10);
    ck_assert_uint_eq(db_count(&bench.db, "select gloss_retention_scan(0, 0, 1)"), 0);
    ck_assert_uint_eq(db_count(&bench.db, "select gloss_retention_scan(1, 0, 1)"), 1);
    ck_assert_uint_eq(db_count(&bench.db, "select gloss_retention_scan(1, 0, 1)"), 0);
}
END_TEST

/* ---- jobs */

static uint64_t take(PGconn *pg)
{
    PGresult *result = PQexec(pg, "select job from gloss_job_take('a,b')");
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    uint64_t job = PQntuples(result) ? strtoull(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return job;
}

START_TEST(job__belongs_to_one_connection_as_long_as_that_lives)
{
    PGconn *one = another(), *two = another(), *three = another();
    db_do(&bench.db,
          "insert into job (kind, due_at) select kind, now() - interval '1 s' from unnest(array['a', 'unknown', 'b']) as kind");
    uint64_t first = take(one), second = take(two);
    ck_assert(first > 0 && second > first);
    /* due again, but somebody is at both */
    db_do(&bench.db, "update job set due_at = now() - interval '1 s'");
    ck_assert_uint_eq(take(three), 0);
    PQfinish(one);
    for (int i = 0; i < 6000 && take(three) != first; i++) {
        loop_poll_run(bench.loop, &(bool){false}, 10);
    }
    ck_assert_uint_eq(db_count(&bench.db, "select attempts from job where kind = 'a'"), 2);
    ck_assert_uint_eq(db_count(&bench.db, "select attempts from job where kind = 'unknown'"), 0);
    PQfinish(two);
    PQfinish(three);
}
END_TEST

START_TEST(job__that_fails__backs_off_and_is_given_up)
{
    char sql[200];
    PGconn *pg = another();
    db_do(&bench.db, "insert into job (kind, due_at) values ('a', now() - interval '1 s')");
    for (int i = 1; i <= 3; i++) {
        uint64_t before_ms = db_count(&bench.db, "select floor(1000 * extract(epoch from clock_timestamp()))::bigint");
        uint64_t job = take(pg);
        ck_assert_uint_gt(job, 0);
        snprintf(sql, sizeof(sql), "select gloss_job_end(%llu, false, 'it went wrong', 3)", (unsigned long long)job);
        run(pg, sql);
        ck_assert_uint_ge(db_count(&bench.db, "select ceil(1000 * extract(epoch from due_at))::bigint from job"),
                          before_ms + (1000u << (i - 1)));
        db_do(&bench.db, "update job set due_at = due_at + interval '1 h'"); /* however long this takes us, it is not due */
        ck_assert_uint_eq(take(pg), 0);
        db_do(&bench.db, "update job set due_at = now() - interval '1 s'");
    }
    ck_assert_uint_eq(take(pg), 0);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from job where done_at is not null and failure = 'it went wrong'"), 1);
    PQfinish(pg);
}
END_TEST

START_TEST(job__that_recurs__comes_again)
{
    char sql[200];
    PGconn *pg = another();
    run(pg, "select gloss_job_keep('b', 3600000); select gloss_job_keep('b', 60000)");
    uint64_t job = take(pg);
    snprintf(sql, sizeof(sql), "select gloss_job_end(%llu, false, null, 3)", (unsigned long long)job);
    run(pg, sql);
    ck_assert_uint_eq(take(pg), 0);
    ck_assert_uint_eq(
        db_count(
            &bench.db,
            "select count(*) from job where kind = 'b' and done_at is null and attempts = 0 and due_at > now() + interval '50s'"),
        1);
    run(pg, "select gloss_job_keep('b', 1)");
    for (int i = 0; i < 6000 && take(pg) != job; i++) {
        loop_poll_run(bench.loop, &(bool){false}, 10);
    }
    snprintf(sql, sizeof(sql), "select gloss_job_end(%llu, true, null, 3)", (unsigned long long)job);
    run(pg, sql);
    uint64_t again = 0;
    for (int i = 0; i < 6000 && again != job; i++) { /* times are kept to the millisecond, rounded */
        loop_poll_run(bench.loop, NULL, 10);
        again = take(pg);
    }
    ck_assert_uint_eq(again, job);
    PQfinish(pg);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retention");
    TCase *tcase = tcase_create("retention");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, tail__of_an_archived_log__is_the_log);
    tcase_add_test(tcase, tail__of_an_erased_op_in_the_archive__has_its_leaf);
    tcase_add_test(tcase, cut__that_waits_for_who_rewrites_snapshots__locks_no_stream_meanwhile);
    tcase_add_test(tcase, tail__of_a_move_that_broke_off__is_the_log_all_the_same);
    tcase_add_test(tcase, load__takes_no_archived_op_for_a_recent_one);
    tcase_add_test(tcase, append__of_an_archived_op__finds_it);
    tcase_add_test(tcase, append__while_a_snapshot_and_a_move_are_under_way__does_not_wait);
    tcase_add_test(tcase, snapshot_and_move__while_an_append_holds_the_row__do_not_wait);
    tcase_add_test(tcase, cut__waits_for_newer_ops_and_for_days);
    tcase_add_test(tcase, project__is_never_archived);
    tcase_add_test(tcase, job__belongs_to_one_connection_as_long_as_that_lives);
    tcase_add_test(tcase, job__that_fails__backs_off_and_is_given_up);
    tcase_add_test(tcase, job__that_recurs__comes_again);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
