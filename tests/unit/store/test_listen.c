/* test_listen.c - workers wake each other over a real PostgreSQL: what is told and heard, by whom, and what becomes of it when connections end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/store/bench.h"

#define TURNS_MAX 6000 /* of 20 ms: a bound for what hangs */

struct ear {
    struct store *store;
    size_t calls, everything;   /* everything: "anything may have moved" */
    struct store_head last[16]; /* of the last call */
    size_t count;
    bool is_heard; /* since it was last set to false */
};
static struct bench bench;
static struct ear ana, ben;
static gl_uuid streams[300];
static size_t told; /* on the channel for everybody, and not counted yet */

static void on_moved(void *ctx, const struct store_head *moved, size_t count)
{
    struct ear *ear = ctx;
    ear->is_heard = true;
    ear->calls++;
    ear->everything += count == 0;
    ear->count = count;
    for (size_t i = 0; i < count && i < 16; i++) {
        ear->last[i] = moved[i];
    }
}

static void wait_heard(struct ear *ear)
{
    ck_assert_msg(loop_poll_run(bench.loop, &ear->is_heard, WAIT_MS), "nothing was heard");
}

static void pause_ms(uint64_t ms)
{
    loop_poll_run(bench.loop, NULL, ms);
}

/* Turns until what is true. */
#define WAIT_UNTIL(what)                                                                                                         \
    do {                                                                                                                         \
        for (int turn_ = 0; !(what); turn_++) {                                                                                  \
            ck_assert_msg(turn_ < TURNS_MAX, "waited in vain for: %s", #what);                                                   \
            pause_ms(20);                                                                                                        \
        }                                                                                                                        \
    } while (0)

static size_t hear_the_channel(void)
{
    PQclear(PQexec(bench.db.super, "select 1"));
    for (PGnotify *notify; (notify = PQnotifies(bench.db.super)); told++) {
        PQfreemem(notify);
    }
    return told;
}

/* What is on the channel for everybody: how many since the last call. */
static size_t on_the_channel(void)
{
    size_t count = hear_the_channel();
    told = 0;
    return count;
}

/* Until it listens, has said hello, and knows who is there. */
static void listen_on(struct ear *ear, struct store *store)
{
    size_t before = hear_the_channel();
    *ear = (struct ear){.store = store};
    store_listen(store, on_moved, ear);
    ck_assert(!ear->is_heard);
    wait_heard(ear); /* once it listens */
    ck_assert_uint_eq(ear->everything, 1);
    WAIT_UNTIL(store_is_up(store) && hear_the_channel() > before);
}

static void tell(struct store *store, size_t count)
{
    struct store_head moved[300];
    for (size_t i = 0; i < count; i++) {
        moved[i] = (struct store_head){.stream = streams[i], .head = 10 + i};
    }
    store_notify(store, moved, count);
}

static void setup(void)
{
    bench_init(&bench);
    for (size_t i = 0; i < 300; i++) {
        streams[i] = gl_uuid_derive("stream", &i, sizeof(i));
    }
    db_do(&bench.db, "listen gloss");
    listen_on(&ana, bench.store);
    WAIT_UNTIL(store_may_say(ana.store) == STORE_SAY_NOBODY); /* she knows that she is alone */
}

/* Both know of each other. */
static void meet(void)
{
    listen_on(&ben, bench_store(&bench, 1));
    WAIT_UNTIL(store_may_say(ana.store) == STORE_SAY_NOW && store_may_say(ben.store) == STORE_SAY_NOW);
}

static void setup_two(void)
{
    setup();
    meet();
}

static void teardown(void)
{
    bench_fini(&bench);
}

static void teardown_two(void)
{
    store_free(&ben.store);
    teardown();
}

START_TEST(worker__that_is_alone__keeps_its_row_and_tells_nobody)
{
    ck_assert_uint_eq(on_the_channel(), 1); /* hello */
    WAIT_UNTIL(db_count(&bench.db, "select count(*) from worker where seen_at > clock_timestamp() - interval '3 s' and pid = %d",
                        (int)getpid()) == 1);
    tell(ana.store, 3);
    WAIT_UNTIL(db_count(&bench.db, "select count(*) from worker where seen_at > started_at + interval '0.5 s'") == 1);
    ck_assert_uint_eq(on_the_channel(), 0);
    ck_assert_uint_eq(ana.calls, 1);
}
END_TEST

START_TEST(worker__that_comes__is_told_at_once_by_who_was_alone)
{
    meet();
    on_the_channel();
    ben.is_heard = false;
    tell(ana.store, 3);
    wait_heard(&ben);
    ck_assert_uint_eq(ben.count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(gl_uuid_equal(&ben.last[i].stream, &streams[i]));
        ck_assert_uint_eq(ben.last[i].head, 10 + i);
    }
    pause_ms(100);
    ck_assert_uint_eq(ana.calls, 1); /* one's own are not heard */
    ck_assert_uint_eq(on_the_channel(), 1);
    store_free(&ben.store);
}
END_TEST

/* However long the test takes, the old one was seen so many seconds ago. */
static void make_old(int seconds)
{
    db_do(&bench.db, "update worker set seen_at = clock_timestamp() - interval '%d s' where node = 'old'", seconds);
}

static bool is_old_and_lacking(void)
{
    make_old(10);
    bool is_so =
        db_count(&bench.db, "select count(*) from gloss_worker_seen('00000000-0000-7000-8000-000000000002', 'n', 2, '1', "
                            "array['annotation.create', 'member.set', 'a.new.one']) as w "
                            "where w.others = 1 and w.lacking = array['member.set', 'a.new.one']") == 1;
    db_do(&bench.db, "delete from worker where pid = 2");
    return is_so;
}

static size_t refused_kinds(void)
{
    size_t refused = 0;
    for (int kind = 0; kind < GL_OP_KIND_COUNT; kind++)
        refused += !store_kind_known(ana.store, (enum gl_op_kind)kind);
    return refused;
}

START_TEST(kind_of_op__that_another_worker_does_not_know__is_not_to_be_written)
{
    static const char made[] =
        "insert into worker (id, node, pid, version, kinds, seen_at) values "
        "('00000000-0000-7000-8000-000000000001', 'old', 1, '0', array['annotation.create'], clock_timestamp() - interval '%d s')";
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from worker where 'annotation.create' = any (kinds)"), 1);
    ck_assert_uint_eq(db_count(&bench.db, "select cardinality(kinds) from worker"), GL_OP_KIND_COUNT);
    for (int kind = 0; kind < GL_OP_KIND_COUNT; kind++)
        ck_assert(store_kind_known(ana.store, (enum gl_op_kind)kind));
    db_do(&bench.db, made, 10);
    for (int turn = 0; !is_old_and_lacking(); turn++) { /* the old one is no longer among those that are told */
        ck_assert_int_lt(turn, TURNS_MAX);
        pause_ms(20);
    }
    /* those that came after the first version */
    for (int turn = 0; refused_kinds() != GL_OP_KIND_COUNT - GL_OP_MEMBER_SET - 1; turn++) {
        ck_assert_int_lt(turn, TURNS_MAX);
        make_old(10);
        pause_ms(20);
    }
    ck_assert(store_kind_known(ana.store, GL_OP_ANNOTATION_CREATE));
    make_old(20);
    WAIT_UNTIL(refused_kinds() == 0);
}
END_TEST

START_TEST(store__that_has_not_heard_what_the_others_know__does_not_commit_yet)
{
    db_do(&bench.db, "begin; lock table worker in access exclusive mode");
    ben = (struct ear){.store = bench_store(&bench, 1)};
    store_listen(ben.store, on_moved, &ben);
    wait_heard(&ben);
    pause_ms(300);
    ck_assert(!store_is_up(ben.store));
    db_do(&bench.db, "commit");
    WAIT_UNTIL(store_is_up(ben.store));
    store_free(&ben.store);
}
END_TEST

START_TEST(worker__not_seen_for_five_seconds__does_not_count)
{
    store_free(&ben.store);
    db_do(&bench.db, "update worker set seen_at = seen_at - interval '6 s'");
    WAIT_UNTIL(store_may_say(ana.store) == STORE_SAY_NOBODY);
    on_the_channel();
    tell(ana.store, 1);
    pause_ms(100);
    ck_assert_uint_eq(on_the_channel(), 0);
    db_do(&bench.db, "update worker set seen_at = seen_at - interval '2 min' where seen_at < clock_timestamp() - interval '5 s'");
    WAIT_UNTIL(db_count(&bench.db, "select count(*) from worker") == 1);
}
END_TEST

START_TEST(what_moves_while_a_notification_is_under_way__is_told_together)
{
    on_the_channel();
    for (int i = 0; i < 50; i++) {
        tell(ana.store, 5);
    }
    while (ben.calls < 3) {
        ben.is_heard = false;
        wait_heard(&ben);
    }
    pause_ms(100);
    ck_assert_uint_eq(ben.count, 5);
    ck_assert_uint_eq(on_the_channel(), 2);
}
END_TEST

struct word {
    bool is_heard;
    size_t count, len;
    char bytes[STORE_SAY_MAX];
};

static void on_said(void *ctx, const gl_uuid *worker, struct gl_slice bytes)
{
    struct word *word = ctx;
    (void)worker;
    word->is_heard = true;
    word->count++;
    word->len = bytes.len;
    memcpy(word->bytes, bytes.data, bytes.len);
}

START_TEST(word__that_nothing_keeps__is_heard_by_the_others_whole)
{
    struct word of_ana = {.is_heard = false}, of_ben = {.is_heard = false};
    char bytes[STORE_SAY_MAX];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 7);
    }
    store_hear(ana.store, on_said, &of_ana);
    store_hear(ben.store, on_said, &of_ben);
    ck_assert_int_eq(store_may_say(ana.store), STORE_SAY_NOW);
    store_say(ana.store, bytes, sizeof(bytes));
    ck_assert_int_eq(store_may_say(ana.store), STORE_SAY_LATER); /* one at a time */
    ck_assert_msg(loop_poll_run(bench.loop, &of_ben.is_heard, WAIT_MS), "nothing was heard");
    ck_assert_uint_eq(of_ben.len, sizeof(bytes));
    ck_assert_mem_eq(of_ben.bytes, bytes, sizeof(bytes));
    WAIT_UNTIL(store_may_say(ana.store) == STORE_SAY_NOW);
    ck_assert_uint_eq(of_ana.count, 0);
    db_do(&bench.db, "notify gloss_presence, 'no word at all'");
    pause_ms(50);
    ck_assert_uint_eq(of_ben.count, 1);
    db_do(&bench.db, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'glossd listener' and "
                     "datname = current_database()");
    of_ben.is_heard = false;
    for (int i = 0; i < TURNS_MAX && !of_ben.is_heard; i++) { /* both come back */
        pause_ms(10);
        if (store_may_say(ana.store) == STORE_SAY_NOW) {
            store_say(ana.store, bytes, 10);
        }
    }
    ck_assert_uint_eq(of_ben.len, 10);
}
END_TEST

START_TEST(more_than_fits__is_told_as_anything)
{
    ben.is_heard = false;
    tell(ana.store, 248);
    wait_heard(&ben);
    ck_assert_uint_eq(ben.count, 248);
    ben.is_heard = false;
    tell(ana.store, 249);
    wait_heard(&ben);
    ck_assert_uint_eq(ben.count, 0);
    ck_assert_uint_eq(ben.everything, 2);
}
END_TEST

START_TEST(word__that_is_none__is_taken_as_anything)
{
    ben.is_heard = false;
    db_do(&bench.db, "notify gloss, 'what?'");
    wait_heard(&ben);
    ck_assert_uint_eq(ben.everything, 2);
}
END_TEST

START_TEST(listener__that_is_lost__comes_back_and_says_that_anything_may_have_moved)
{
    for (size_t round = 0; round < 3; round++) {
        ana.is_heard = ben.is_heard = false;
        db_do(&bench.db, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'glossd listener' and "
                         "datname = current_database()");
        tell(ana.store, 1); /* lost */
        wait_heard(&ana);
        wait_heard(&ben);
        pause_ms(100);
        ck_assert_uint_eq(ben.everything, 2 + round);
        ben.is_heard = false;
        tell(ana.store, 2);
        wait_heard(&ben);
        ck_assert_uint_eq(ben.count, 2);
    }
    ck_assert(store_is_up(ana.store));
}
END_TEST

START_TEST(store__without_a_way_to_the_others__drops_what_it_is_told)
{
    store_listen(ben.store, NULL, NULL);
    tell(ben.store, 3);
    pause_ms(100);
    ck_assert_uint_eq(ana.calls, 1);
    ck_assert_uint_eq(ben.calls, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listening");
    TCase *one = tcase_create("one worker"), *two = tcase_create("two workers");
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_set_timeout(one, 60);
    tcase_add_test(one, worker__that_is_alone__keeps_its_row_and_tells_nobody);
    tcase_add_test(one, kind_of_op__that_another_worker_does_not_know__is_not_to_be_written);
    tcase_add_test(one, worker__that_comes__is_told_at_once_by_who_was_alone);
    tcase_add_test(one, store__that_has_not_heard_what_the_others_know__does_not_commit_yet);
    suite_add_tcase(suite, one);
    tcase_add_checked_fixture(two, setup_two, teardown_two);
    tcase_set_timeout(two, 60);
    tcase_add_test(two, worker__not_seen_for_five_seconds__does_not_count);
    tcase_add_test(two, what_moves_while_a_notification_is_under_way__is_told_together);
    tcase_add_test(two, word__that_nothing_keeps__is_heard_by_the_others_whole);
    tcase_add_test(two, more_than_fits__is_told_as_anything);
    tcase_add_test(two, word__that_is_none__is_taken_as_anything);
    tcase_add_test(two, listener__that_is_lost__comes_back_and_says_that_anything_may_have_moved);
    tcase_add_test(two, store__without_a_way_to_the_others__drops_what_it_is_told);
    suite_add_tcase(suite, two);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
