/* The replica: read in pages, whatever happens to the connection meanwhile, and the same as what the server has. */
#include "tests/unit/lib/fake.h"

START_TEST(replica__of_an_empty_session__is_synced_at_0)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    ck_assert_uint_eq(ana.synced_seq, 0);
    ck_assert_str_eq(gloss_session_role(ana.session), "annotator");
    ck_assert_str_eq(gloss_session_mode(ana.session), "shared");
    expect_same(&ana);
    fake_bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 3);
    ck_assert_str_eq(ana.last_author, "ben");
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(replica__read_in_pages__is_what_the_server_has)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 105);
    ck_assert_uint_eq(ana.synced_seq, 105);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 105);
    ck_assert_uint_eq(gloss_annotation_live(ana.session), 105);
    char id[GLOSS_ID];
    gloss_annotation_id(gloss_annotation_at(ana.session, 77), id);
    ck_assert_ptr_eq(gloss_annotation_find(ana.session, id), gloss_annotation_at(ana.session, 77));
    ck_assert_ptr_null(gloss_annotation_at(ana.session, 105));
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(replica__when_ops_overtake_pages__is_whole_and_in_order)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 105);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"page_ops\",\"times\":4,\"count\":7}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    expect_same(&ana);
    uint64_t before = 0;
    for (size_t i = 0; i < gloss_annotation_count(ana.session); i++) {
        json_int_t made =
            json_integer_value(json_object_get(gloss_annotation_record(gloss_annotation_at(ana.session, i)), "created"));
        ck_assert_uint_gt((uint64_t)made, before);
        before = (uint64_t)made;
    }
    fake_bens(&fake, 2, true);
    WAIT_FOR(&ana, ana.last_seq == ana.synced_seq + 2);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

/* Some pages came, and the next one does not. */
static void stop_half_way(struct client *ana, struct fake *fake)
{
    client_start(ana, fake, 105);
    fake_do(fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"session.page\",\"after\":3,\"times\":100}");
    client_join(ana, NULL);
    WAIT_FOR(ana, ana->seen[GLOSS_EV_JOINED]);
    pass(ana, 100);
    ck_assert_uint_eq(ana->seen[GLOSS_EV_SYNCED], 0);
    fake_do(fake, "{\"do\":\"clear\"}");
}

START_TEST(replica__cut_off_while_pages_come__is_read_again)
{
    struct fake fake;
    struct client ana;
    stop_half_way(&ana, &fake);
    fake_bens(&fake, 5, false);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.synced_seq, 110);
    ck_assert(!ana.resumed);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(replica__whose_connections_bring_one_page_each__is_read_to_its_end)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 105);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"one_page\",\"times\":1000}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"page_ops\",\"times\":3,\"count\":7}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_ge(ana.seen[GLOSS_EV_CONNECTED], 6);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 108);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    expect_same(&ana);
    uint64_t synced = ana.synced_seq; /* it is told anew when the pages that were asked for in vain end this connection, too */
    fake_bens(&fake, 2, true);
    WAIT_FOR(&ana, ana.last_seq == synced + 2);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

/* It began with a server that counts what it tells, and goes on with one that does not. */
START_TEST(replica__cut_off_and_continued_by_an_older_server__is_read_anew)
{
    struct fake fake;
    struct client ana;
    stop_half_way(&ana, &fake);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"uncounted\",\"times\":1000}");
    fake_bens(&fake, 5, false);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

/* A page showed what was lost, and the log has not been told that far: no chain can tell. */
START_TEST(replica__read_in_part_of_a_past_that_was_lost__is_read_anew)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 105);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"page_ops\",\"count\":30}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"gap\"}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"session.page\",\"after\":2,\"times\":100}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, gloss_annotation_count(ana.session) == 40);
    ck_assert_uint_eq(gloss_session_seq(ana.session), 105);
    fake_do(&fake, "{\"do\":\"clear\"}");
    fake_do(&fake, "{\"do\":\"rewind\",\"to\":105,\"then\":40}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 1);
    ck_assert_uint_eq(ana.synced_seq, 145);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

/* The pages were newer than the ops that had come. Those come on the next connection, and its sums between are not those of the records. */
START_TEST(replica__cut_off_when_only_ops_are_missing__goes_on)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 45);
    fake_do(&fake, "{\"do\":\"set\",\"ops_in_frame\":3}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"page_ops\",\"count\":30}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"gap\",\"times\":11}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, gloss_annotation_count(ana.session) == 46);
    pass(&ana, 50);
    ck_assert_uint_eq(gloss_session_seq(ana.session), 45);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_SYNCED], 0);
    fake_do(&fake, "{\"do\":\"clear\"}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 0);
    ck_assert_uint_eq(ana.synced_seq, 76);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(sync__when_frames_have_no_sum__asks_for_one)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 3);
    fake_fault(&fake, "no_state", 1000);
    fake_do(&fake, "{\"do\":\"drop\"}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"slow\",\"method\":\"session.join\",\"ms\":1}");
    fake_bens(&fake, 5, true);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(two_clients__of_one_program__end_the_same)
{
    struct fake fake;
    struct client ana, other;
    client_start_synced(&ana, &fake, 0);
    client_new(&other, &fake);
    client_join(&other, NULL);
    WAIT_FOR(&other, other.seen[GLOSS_EV_SYNCED]);
    for (int i = 0; i < 10; i++) {
        submit(&ana, creates(7, "ana"), false);
        submit(&other, creates(5, "other"), false);
        WAIT_FOR(&ana, gloss_unanswered(ana.session) == 0);
        WAIT_FOR(&other, gloss_unanswered(other.session) == 0);
    }
    expect_same(&ana);
    expect_same(&other);
    ck_assert_uint_eq(ana.last_seq, 120);
    client_free(&other);
    client_stop(&ana, &fake);
}
END_TEST

RUN("replica", replica__of_an_empty_session__is_synced_at_0, replica__read_in_pages__is_what_the_server_has,
    replica__when_ops_overtake_pages__is_whole_and_in_order, replica__cut_off_while_pages_come__is_read_again,
    replica__whose_connections_bring_one_page_each__is_read_to_its_end,
    replica__cut_off_and_continued_by_an_older_server__is_read_anew, replica__read_in_part_of_a_past_that_was_lost__is_read_anew,
    replica__cut_off_when_only_ops_are_missing__goes_on, sync__when_frames_have_no_sum__asks_for_one,
    two_clients__of_one_program__end_the_same)
