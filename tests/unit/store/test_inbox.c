/* test_inbox.c - what an append tells members: once, and never without it. */
#include "tests/support/suite.h"
#include "tests/unit/store/two_scribes.h"

static struct append_tell tells[4];

/* Of op 1: ben by his account and by his name, ana herself, and a stranger. */
static void tell_some(struct scribe *scribe)
{
    const gl_uuid annotation = scribe->touched[0]->id;
    tells[0] = (struct append_tell){.op = 1, .account = bench.ben, .annotation = annotation, .why = "reply"};
    tells[1] = (struct append_tell){.op = 1, .name = GL_SLICE("ben"), .annotation = annotation, .why = "mention"};
    tells[2] = (struct append_tell){.op = 1, .name = GL_SLICE("ana"), .annotation = annotation, .why = "mention"};
    tells[3] = (struct append_tell){.op = 1, .name = GL_SLICE("eve"), .annotation = annotation, .why = "mention"};
    scribe->stream.tells = tells;
    scribe->stream.tell_count = 4;
}

static uint64_t inbox_count(const gl_uuid *account)
{
    struct rows rows;
    query_wait(&bench, STORE_Q_inbox_list, account, (struct store_param[]){P_U64(INT64_MAX), P_BOOL(true), P_U64(10), P_U64(10)},
               4, &rows);
    ck_assert_int_eq(rows.code, GL_OK);
    return rows.number;
}

START_TEST(append__that_tells_members__fills_their_inboxes_once)
{
    /* given */
    scribe_write(&ana, 2);
    tell_some(&ana);
    /* when  */
    append_wait(&bench, bench.store, &ana.stream, 1);
    /* then  */
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from inbox"), 1);
    ck_assert_uint_eq(db_count(&bench.db,
                               "select count(*) from inbox where account = '%s' and by = '%s' and why = 'reply' and seq = 2",
                               text_of(&bench.ben), text_of(&bench.ana)),
                      1);
    ck_assert_uint_eq(inbox_count(&bench.ben), 1);
    ck_assert_uint_eq(inbox_count(&bench.ana), 0);
    ck_assert_uint_eq(inbox_count(&bench.eve), 0);
    scribe_committed(&ana);
}
END_TEST

START_TEST(append__that_loses_the_fence__tells_nobody)
{
    /* given */
    scribe_write(&ana, 2);
    scribe_write(&ben, 1);
    append_wait(&bench, bench.store, &ben.stream, 1);
    tell_some(&ana);
    /* when  */
    append_wait(&bench, bench.store, &ana.stream, 1);
    /* then  */
    ck_assert_int_eq(ana.stream.outcome, APPEND_FENCE_LOST);
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from inbox"), 0);
}
END_TEST

START_TEST(inbox__marked_by_a_stranger__stays_unread)
{
    struct rows rows;
    scribe_write(&ana, 2);
    tell_some(&ana);
    append_wait(&bench, bench.store, &ana.stream, 1);
    query_wait(&bench, STORE_Q_inbox_read, &bench.eve, (struct store_param[]){P_U64(INT64_MAX), P_U64(10)}, 2, &rows);
    ck_assert_uint_eq(rows.number, 0);
    ck_assert_uint_eq(inbox_count(&bench.ben), 1);
    query_wait(&bench, STORE_Q_inbox_read, &bench.ben, (struct store_param[]){P_U64(INT64_MAX), P_U64(10)}, 2, &rows);
    ck_assert_uint_eq(rows.number, 1);
    ck_assert_uint_eq(inbox_count(&bench.ben), 0);
    scribe_committed(&ana);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, scribes_setup, scribes_teardown);
    tcase_add_test(tests, append__that_tells_members__fills_their_inboxes_once);
    tcase_add_test(tests, append__that_loses_the_fence__tells_nobody);
    tcase_add_test(tests, inbox__marked_by_a_stranger__stays_unread);
}

int main(void)
{
    return suite_run("inboxes", add);
}
