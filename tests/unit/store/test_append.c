/* test_append.c - the fenced append against a real PostgreSQL: every outcome, and that none of them touches another stream. */
#include "proto/model/op.h"
#include "tests/support/suite.h"
#include "tests/unit/store/two_scribes.h"

START_TEST(append__that_nobody_disturbs__is_committed_with_rows_and_stream)
{
    /* given */
    scribe_write(&ana, 9);
    /* when  */
    enum gl_code code = append_wait(&bench, bench.store, &ana.stream, 1);
    /* then  */
    ck_assert_int_eq(code, GL_OK);
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    ck_assert_uint_eq(scribe_logged(&ana, &bench.db), 9);
    scribe_committed(&ana);
    const char *stream = text_of(&bench.session);
    ck_assert_uint_eq(head_of(&bench.session), 9);
    ck_assert_uint_eq(db_count(&bench.db, "select live from stream where id = '%s'", stream), ana.state->live_count);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from annotation where stream = '%s' and project = '%s'", stream,
                               text_of(&bench.project)),
                      ana.state->count);
    ck_assert_uint_eq(
        db_count(&bench.db, "select count(*) from op where stream = '%s' and payload::jsonb->>'seq' = seq::text", stream), 9);
}
END_TEST

static uint64_t count_of_session(const char *what)
{
    return db_count(&bench.db, "select count(*) from %s = '%s'", what, text_of(&bench.session));
}

/* What the redact says is not looked at here: which ops lose their words is told beside it. */
START_TEST(append__that_erases__takes_the_words_and_keeps_the_leaf)
{
    /* given */
    scribe_write(&ana, 4);
    struct append_erased erased[] = {{2, gl_op_annotation_id(&ana.ops[1].id), 0}, {3, gl_op_annotation_id(&ana.ops[2].id), 0}};
    append_wait(&bench, bench.store, &ana.stream, 1);
    scribe_committed(&ana);
    /* when  */
    scribe_write(&ana, 1);
    ana.stream.erased = erased;
    ana.stream.erased_count = 2;
    ana.stream.expected_head++;
    append_wait(&bench, bench.store, &ana.stream, 1);
    ck_assert_int_eq(ana.stream.outcome, APPEND_FENCE_LOST);
    ck_assert_uint_eq(count_of_session("op where payload is null and stream"), 0);
    ana.stream.expected_head--;
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    /* then  */
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    ck_assert_uint_eq(
        count_of_session("op where payload is null and salt is null and erased_by = 5 and seq in (2, 3) and stream"), 2);
    ck_assert_uint_eq(count_of_session("op where payload is null and stream"), 2);
    ck_assert_uint_eq(db_count(&bench.db,
                               "select count(*) from op o join op p on p.stream = o.stream and p.seq = o.seq - 1"
                               " where o.stream = '%s' and o.leaf is not null and sha256(p.chain || o.leaf) = o.chain",
                               text_of(&bench.session)),
                      2);
    ck_assert_uint_eq(db_count(&bench.db, "select erased_to from stream where id = '%s'", text_of(&bench.session)), 3);
    ck_assert_uint_eq(count_of_session("job where kind = 'erase' and done_at is null and stream"), 1);
    ck_assert_uint_eq(count_of_session("erasing where redact = 5 and stream"), 2);
    db_do(&bench.db, "select gloss_erase_more(id), gloss_erase_more(id) from stream where kind = 'session'");
    ck_assert_uint_eq(count_of_session("erasing where stream"), 0);
    ana.stream.erased_count = 0;
}
END_TEST

START_TEST(append__of_an_update__changes_the_row_in_its_place)
{
    /* given */
    scribe_write(&ana, 2);
    append_wait(&bench, bench.store, &ana.stream, 1);
    scribe_committed(&ana);
    /* when  */
    scribe_write(&ana, 6);
    append_wait(&bench, bench.store, &ana.stream, 1);
    scribe_committed(&ana);
    /* then  */
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from annotation where record::jsonb->>'note' = 'another'"), 2);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from annotation"), ana.state->count);
}
END_TEST

START_TEST(append__when_somebody_was_faster__loses_the_fence_and_writes_nothing)
{
    /* given */
    scribe_write(&ana, 3);
    scribe_write(&ben, 2);
    append_wait(&bench, bench.store, &ana.stream, 1);
    /* when  */
    append_wait(&bench, bench.store, &ben.stream, 1);
    /* then  */
    ck_assert_int_eq(ben.stream.outcome, APPEND_FENCE_LOST);
    ck_assert_uint_eq(scribe_logged(&ben, &bench.db), 0);
    ck_assert_uint_eq(head_of(&bench.session), 3);
    ck_assert(scribe_catch_up(&ben, &bench, bench.store));
    scribe_write(&ben, 2);
    append_wait(&bench, bench.store, &ben.stream, 1);
    ck_assert_int_eq(ben.stream.outcome, APPEND_COMMITTED);
}
END_TEST

START_TEST(append__under_an_older_epoch__loses_the_fence)
{
    /* given */
    bench_member(&bench, &bench.ben, GL_VIEWER);
    /* when  */
    scribe_write(&ben, 1);
    append_wait(&bench, bench.store, &ben.stream, 1);
    /* then  */
    ck_assert_int_eq(ben.stream.outcome, APPEND_FENCE_LOST);
    ck_assert_uint_eq(scribe_logged(&ben, &bench.db), 0);
}
END_TEST

START_TEST(append__while_somebody_holds_the_row__is_locked_and_others_go_on)
{
    /* given */
    struct scribe other;
    scribe_elsewhere(&other);
    db_do(&bench.db, "begin");
    db_do(&bench.db, "select from stream where id = '%s' for update", text_of(&bench.session));
    /* when  */
    scribe_write(&ana, 1);
    scribe_write(&other, 1);
    struct append_stream both[2] = {ana.stream, other.stream};
    ck_assert_int_eq(append_wait(&bench, bench.store, both, 2), GL_OK);
    /* then  */
    ck_assert_int_eq(both[0].outcome, APPEND_LOCKED);
    ck_assert_int_eq(both[1].outcome, APPEND_COMMITTED);
    db_do(&bench.db, "rollback");
    append_wait(&bench, bench.store, &ana.stream, 1);
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_fini(&other);
}
END_TEST

START_TEST(append__while_somebody_holds_an_annotation__is_locked_and_others_do_not_wait)
{
    /* given */
    struct scribe other;
    scribe_elsewhere(&other);
    scribe_write(&ana, 2);
    append_wait(&bench, bench.store, &ana.stream, 1);
    scribe_committed(&ana);
    db_do(&bench.db, "begin");
    db_do(&bench.db, "select from annotation where stream = '%s' for update", text_of(&bench.session));
    /* when  */
    scribe_write(&ana, 3); /* the third one is an update */
    scribe_write(&other, 1);
    struct append_stream both[2] = {ana.stream, other.stream};
    struct appended appended = {.is_done = false};
    append_start(bench.store, both, 2, &appended);
    /* then  */
    while (!appended.is_done) {
        loop_poll_run(bench.loop, &appended.is_done, 50);
        ck_assert_uint_eq(db_count(&bench.db, "select count(*) from pg_locks l join pg_stat_activity a using (pid)"
                                              " where not l.granted and a.datname = current_database()"),
                          0); /* nobody waits for the row, which would hold the other session up, too */
    }
    ck_assert_int_eq(appended.code, GL_OK);
    ck_assert_int_eq(both[0].outcome, APPEND_LOCKED);
    ck_assert_int_eq(both[1].outcome, APPEND_COMMITTED);
    scribe_committed(&other);
    ck_assert_uint_eq(head_of(&bench.session), 2);
    scribe_write(&ana, 2); /* what makes and changes nothing that is held goes past */
    append_wait(&bench, bench.store, &ana.stream, 1);
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_committed(&ana);
    db_do(&bench.db, "rollback");
    scribe_write(&ana, 9);
    append_wait(&bench, bench.store, &ana.stream, 1);
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_committed(&ana);
    scribe_fini(&other);
}
END_TEST

struct found {
    bool is_done;
    size_t count;
    struct append_found of[8];
    enum append_outcome outcome;
};

static void on_found(void *ctx, enum gl_code code, struct append_stream *streams, size_t count)
{
    struct found *found = ctx;
    ck_assert_int_eq(code, GL_OK);
    ck_assert_uint_eq(count, 1);
    found->is_done = true;
    found->outcome = streams[0].outcome;
    found->count = streams[0].found_count;
    memcpy(found->of, streams[0].found, found->count * sizeof(found->of[0]));
}

START_TEST(append__of_ops_that_are_in_the_log__says_where_and_writes_nothing)
{
    /* given */
    struct found found = {.is_done = false};
    scribe_write(&ana, 3);
    append_wait(&bench, bench.store, &ana.stream, 1);
    struct append_op second = ana.ops[1];
    scribe_committed(&ana);
    scribe_write(&ana, 3);
    ana.ops[2].id = second.id;
    /* when  */
    store_append(bench.store, &ana.stream, 1, on_found, &found);
    ck_assert(loop_poll_run(bench.loop, &found.is_done, WAIT_MS));
    /* then  */
    ck_assert_int_eq(found.outcome, APPEND_FOUND);
    ck_assert_uint_eq(found.count, 1);
    ck_assert(gl_uuid_equal(&found.of[0].id, &second.id));
    ck_assert_uint_eq(found.of[0].seq, 2);
    ck_assert(gl_hash_equal(&found.of[0].request_hash, &second.request_hash));
    ck_assert(gl_uuid_equal(&found.of[0].account, &bench.ana));
    ck_assert_uint_eq(head_of(&bench.session), 3);
}
END_TEST

START_TEST(append__to_the_same_head_with_another_chain__loses_the_fence)
{
    /* given: the database went back in time, and somebody else has written at these seqs since */
    scribe_write(&ana, 1);
    ana.stream.expected_chain.bytes[0] ^= 1;
    /* when  */
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    /* then  */
    ck_assert_int_eq(ana.stream.outcome, APPEND_FENCE_LOST);
    ck_assert_uint_eq(head_of(&bench.session), 0);
}
END_TEST

START_TEST(append__that_the_database_refuses__fails_alone)
{
    /* given */
    struct scribe other;
    scribe_elsewhere(&other);
    scribe_write(&ana, 2);
    scribe_write(&other, 2);
    other.ops[1].id = other.ops[0].id; /* the same op twice: a mistake of ours */
    struct append_stream both[2] = {ana.stream, other.stream};
    /* when  */
    ck_assert_int_eq(append_wait(&bench, bench.store, both, 2), GL_OK);
    /* then  */
    ck_assert_int_eq(both[0].outcome, APPEND_COMMITTED);
    ck_assert_int_eq(both[1].outcome, APPEND_FAILED);
    ck_assert_uint_eq(head_of(&other.state->stream), 0);
    scribe_fini(&other);
}
END_TEST

START_TEST(append__of_a_stream_that_is_not_there__loses_the_fence)
{
    /* given */
    gl_uuid nowhere = gl_uuid_v7(1);
    struct scribe lost;
    scribe_init(&lost, &bench, &nowhere, &bench.ana);
    /* when  */
    scribe_write(&lost, 1);
    append_wait(&bench, bench.store, &lost.stream, 1);
    /* then  */
    ck_assert_int_eq(lost.stream.outcome, APPEND_FENCE_LOST);
    scribe_fini(&lost);
}
END_TEST

START_TEST(append__with_another_project__loses_the_fence)
{
    /* given */
    ana.project = bench.elsewhere;
    ana.epoch = 1;
    /* when  */
    scribe_write(&ana, 1);
    append_wait(&bench, bench.store, &ana.stream, 1);
    /* then  */
    ck_assert_int_eq(ana.stream.outcome, APPEND_FENCE_LOST);
}
END_TEST

/* ---- two writers */

START_TEST(two_writers__racing_for_one_stream__leave_a_log_without_a_gap)
{
    /* given */
    struct store *other = bench_store(&bench, 2);
    struct appended first, second;
    size_t lost = 0;
    /* when  */
    for (int round = 0; round < 60; round++) {
        size_t batch = 1 + (size_t)round % 7;
        scribe_write(&ana, batch);
        scribe_write(&ben, batch);
        append_start(bench.store, &ana.stream, 1, &first);
        append_start(other, &ben.stream, 1, &second);
        ck_assert(loop_poll_run(bench.loop, &first.is_done, WAIT_MS) && loop_poll_run(bench.loop, &second.is_done, WAIT_MS));
        ck_assert(!(ana.stream.outcome == APPEND_COMMITTED && ben.stream.outcome == APPEND_COMMITTED));
        lost += ana.stream.outcome != APPEND_COMMITTED || ben.stream.outcome != APPEND_COMMITTED;
        ck_assert_uint_eq(scribe_logged(&ana, &bench.db), ana.stream.outcome == APPEND_COMMITTED ? batch : 0);
        ck_assert_uint_eq(scribe_logged(&ben, &bench.db), ben.stream.outcome == APPEND_COMMITTED ? batch : 0);
        ck_assert(scribe_catch_up(&ana, &bench, bench.store) && scribe_catch_up(&ben, &bench, other));
    }
    /* then  */
    ck_assert_uint_ge(lost, 60);
    ck_assert_uint_eq(ana.state->seq, ben.state->seq);
    ck_assert(gl_hash_equal(&ana.state->sum, &ben.state->sum));
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from op o where stream = '%s' and seq <= %llu",
                               text_of(&bench.session), (unsigned long long)ana.state->seq),
                      ana.state->seq);
    store_free(&other);
}
END_TEST

/* ---- several connections of one store */

static struct store *patient_store(unsigned writers)
{
    struct store_pg_config config = db_config(&bench.db);
    unsigned idle;
    config.writers = writers;
    config.statement_ms = 120000;
    struct store *store = store_pg_new(bench.loop, &config);
    for (int i = 0; i < 500 && store_writers(store, &idle) < writers; i++) {
        loop_poll_run(bench.loop, NULL, 20);
    }
    ck_assert_uint_eq(store_writers(store, &idle), writers);
    return store;
}

/* The appends of one session stand still for as long as the test holds an advisory lock. */
static void let_hang(const gl_uuid *session)
{
    db_do(&bench.db, "create function hang() returns trigger language plpgsql as $$ begin"
                     " while not pg_try_advisory_xact_lock(7) loop perform pg_sleep(0.01); end loop; return new; end $$");
    db_do(&bench.db, "grant execute on function hang() to public");
    db_do(&bench.db, "create trigger hang before insert on op for each row when (new.stream = '%s') execute function hang()",
          text_of(session));
    db_do(&bench.db, "select pg_advisory_lock(7)");
}

START_TEST(append__that_stands_still__holds_up_no_other_connection)
{
    /* given */
    struct store *store = patient_store(2);
    struct scribe other;
    struct appended stuck, beside;
    unsigned idle;
    scribe_elsewhere(&other);
    let_hang(&bench.session);
    scribe_write(&ana, 1);
    append_start(store, &ana.stream, 1, &stuck);
    ck_assert_uint_eq(store_writers(store, &idle), 2);
    ck_assert_uint_eq(idle, 1);
    /* when  */
    for (int i = 0; i < 10; i++) {
        scribe_write(&other, 1);
        append_start(store, &other.stream, 1, &beside);
        /* then  */
        ck_assert_msg(loop_poll_run(bench.loop, &beside.is_done, WAIT_MS), "it waited for the other");
        ck_assert_int_eq(other.stream.outcome, APPEND_COMMITTED);
        scribe_committed(&other);
    }
    ck_assert(!stuck.is_done);
    db_do(&bench.db, "select pg_advisory_unlock(7)");
    ck_assert(loop_poll_run(bench.loop, &stuck.is_done, WAIT_MS));
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_fini(&other);
    store_free(&store);
}
END_TEST

START_TEST(append__that_waited_for_a_lock_in_vain__is_told_from_one_that_stepped_around_it)
{
    /* given */
    gl_uuid cleo = bench_account(&bench, "cleo");
    struct scribe other;
    scribe_elsewhere(&other);
    other.account = cleo;
    db_do(&bench.db, "create function look() returns trigger language plpgsql security definer as $$ begin"
                     " perform from account where id = new.account for key share; return new; end $$");
    db_do(&bench.db, "create trigger look before insert on op for each row execute function look()");
    db_do(&bench.db, "begin");
    db_do(&bench.db, "select from account where id = '%s' for update", text_of(&cleo));
    /* when  */
    scribe_write(&ana, 1);
    scribe_write(&other, 1);
    struct append_stream both[2] = {ana.stream, other.stream};
    ck_assert_int_eq(append_wait(&bench, bench.store, both, 2), GL_OK);
    /* then  */
    ck_assert_int_eq(both[0].outcome, APPEND_COMMITTED);
    ck_assert_int_eq(both[1].outcome, APPEND_LOCKED);
    ck_assert(both[1].has_waited && !both[0].has_waited);
    db_do(&bench.db, "rollback");
    db_do(&bench.db, "begin");
    db_do(&bench.db, "select from stream where id = '%s' for update", text_of(&other.state->stream));
    append_wait(&bench, bench.store, &other.stream, 1);
    ck_assert_int_eq(other.stream.outcome, APPEND_LOCKED);
    ck_assert(!other.stream.has_waited);
    db_do(&bench.db, "rollback");
    scribe_fini(&other);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, scribes_setup, scribes_teardown);
    tcase_add_test(tests, append__that_nobody_disturbs__is_committed_with_rows_and_stream);
    tcase_add_test(tests, append__that_erases__takes_the_words_and_keeps_the_leaf);
    tcase_add_test(tests, append__of_an_update__changes_the_row_in_its_place);
    tcase_add_test(tests, append__when_somebody_was_faster__loses_the_fence_and_writes_nothing);
    tcase_add_test(tests, append__under_an_older_epoch__loses_the_fence);
    tcase_add_test(tests, append__while_somebody_holds_the_row__is_locked_and_others_go_on);
    tcase_add_test(tests, append__while_somebody_holds_an_annotation__is_locked_and_others_do_not_wait);
    tcase_add_test(tests, append__of_ops_that_are_in_the_log__says_where_and_writes_nothing);
    tcase_add_test(tests, append__to_the_same_head_with_another_chain__loses_the_fence);
    tcase_add_test(tests, append__that_the_database_refuses__fails_alone);
    tcase_add_test(tests, append__of_a_stream_that_is_not_there__loses_the_fence);
    tcase_add_test(tests, append__with_another_project__loses_the_fence);
    tcase_add_test(tests, two_writers__racing_for_one_stream__leave_a_log_without_a_gap);
    tcase_add_test(tests, append__that_stands_still__holds_up_no_other_connection);
    tcase_add_test(tests, append__that_waited_for_a_lock_in_vain__is_told_from_one_that_stepped_around_it);
}

int main(void)
{
    return suite_run("append", add);
}
