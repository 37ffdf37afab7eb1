/* The server's database goes back in time: what had been accepted and is not there any more is told, one by one. */
#include "tests/unit/lib/lost.h"

START_TEST(accepted__and_lost__is_told_one_by_one__and_sent_again_under_its_id)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    lose(&ana, &fake, 5, GLOSS_SEND_ANEW, 2, 7);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 1);
    ck_assert_uint_eq(lost, 3);
    ck_assert_uint_eq(lost_seq, 5);
    ck_assert_uint_eq(asked, 3);
    ck_assert_str_eq(asked_name, "lost");
    ck_assert_str_eq(asked_note, "anas 4");
    ck_assert_uint_eq(forgotten, 0);
    ck_assert_uint_eq(result_seq, 12); /* behind the seven of the other past */
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 12);
    for (unsigned i = 0; i < lost; i++) {
        ck_assert(log_has(&fake, lost_ops[i]));
    }
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    expect_same(&ana);
    stop(&ana, &fake);
}
END_TEST

START_TEST(session__left_while_it_is_told_what_is_lost__tells_no_more)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, false);
    make(&ana, 5, "anas", false);
    leaves = true;
    go_back(&fake, 2, 7);
    WAIT_FOR(&ana, !ana.session);
    pass(&ana, 50);
    ck_assert_uint_eq(lost, 1);
    stop(&ana, &fake);
}
END_TEST

START_TEST(accepted__twice_under_one_id__is_lost_once)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    json_t *ops = creates(2, "anas");
    char id[GLOSS_ID];
    gloss_new_id(id);
    for (size_t i = 0; i < 2; i++) {
        json_t *op = json_array_get(ops, i);
        json_object_set_new(op, "id", json_string(id));
        json_object_set_new(json_object_get(op, "change"), "note", json_string("the same"));
    }
    submit(&ana, ops, false);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 2);
    ck_assert_uint_eq(ana.repeated, 1);
    choice = GLOSS_SEND_ANEW;
    go_back(&fake, 0, 3);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] >= 1 && gloss_pending_count(ana.session) == 0);
    ck_assert_uint_eq(lost, 1);
    ck_assert(log_has(&fake, id));
    stop(&ana, &fake);
}
END_TEST

/* What cannot be forgotten for want of room when it is left is no reason to fall. */
START_TEST(session__left_on_a_full_disk_after_a_resync__is_left)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    start(&ana, &fake, dir, false);
    make(&ana, 2, "anas", false);
    is_disk_full = true;
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"resync\"}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESYNC] == 1 && ana.seen[GLOSS_EV_SYNCED] == 2);
    gloss_leave(&ana.session);
    pass(&ana, 20);
    is_disk_full = false;
    stop(&ana, &fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

START_TEST(accepted__and_lost__may_be_given_up)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    lose(&ana, &fake, 2, GLOSS_DROP, 0, 3);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 2);
    ck_assert_uint_eq(lost, 2);
    ck_assert_uint_eq(gloss_unanswered(ana.session), 0);
    make(&ana, 1, "goes on", false);
    ck_assert_uint_eq(ana.accepted, 3);
    go_back(&fake, 3, 2); /* once more: what was given up is not told again */
    WAIT_FOR(&ana, asked == 3);
    ck_assert_uint_eq(lost, 3);
    ck_assert_str_eq(asked_note, "goes on 0");
    stop(&ana, &fake);
}
END_TEST

START_TEST(accepted__and_still_there__is_not_told)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    make(&ana, 3, "anas", false);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"resync\"}"); /* it only says so */
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESYNC] == 1 && ana.seen[GLOSS_EV_SYNCED] == 2);
    make(&ana, 1, "goes on", false);
    go_back(&fake, 4, 2); /* nothing of it is lost */
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 6 && gloss_session_is_synced(ana.session));
    make(&ana, 1, "and on", false);
    ck_assert_uint_eq(lost, 0);
    ck_assert_uint_eq(asked, 0);
    expect_same(&ana);
    stop(&ana, &fake);
}
END_TEST

START_TEST(accepted__in_a_step__is_asked_about_once__and_sent_as_a_whole)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    make(&ana, 1, "before", false);
    make(&ana, 3, "step", true);
    choice = GLOSS_SEND_ANEW;
    go_back(&fake, 1, 5);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 3);
    ck_assert_uint_eq(lost, 3);
    ck_assert_uint_eq(asked, 1);
    ck_assert_int_eq(fake_count(&fake, "session.submit"), 3);
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 9);
    expect_same(&ana);
    stop(&ana, &fake);
}
END_TEST

/* Nobody is asked: they are kept, over a restart as well, until somebody says. */
static void keep_over_restart(bool is_away, enum gloss_choice later)
{
    char dir[64], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    start(&ana, &fake, dir, false);
    make(&ana, 3, "anas", false);
    if (is_away) { /* it happens between two runs */
        client_free(&ana);
        fake_do(&fake, "{\"do\":\"rewind\",\"to\":1,\"then\":4}");
    } else {
        go_back(&fake, 1, 4);
        WAIT_FOR(&ana, lost == 2 && gloss_pending_at(ana.session, 1, &pending) && pending.state == GLOSS_PENDING_KEPT);
        client_free(&ana);
    }
    begin(&ana, &fake, dir, false);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, gloss_pending_at(ana.session, 1, &pending) && pending.state == GLOSS_PENDING_KEPT);
    ck_assert_uint_eq(gloss_pending_count(ana.session), 2);
    ck_assert_int_eq(pending.error->code, GLOSS_E_LOST);
    ck_assert_int_eq(json_integer_value(json_object_get(pending.error->data, "accepted_as")), 3);
    ck_assert_uint_eq(lost, is_away ? 2 : 0);
    memcpy(op, pending.op, sizeof(op));
    if (later == GLOSS_SEND_ANEW) {
        ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 1);
        ck_assert(log_has(&fake, op));
    } else {
        ck_assert_int_eq(gloss_pending_drop(ana.session, op), 0);
        WAIT_FOR(&ana, gloss_pending_count(ana.session) == 1);
    }
    client_free(&ana);
    begin(&ana, &fake, dir, false); /* decided once */
    client_join(&ana, NULL);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(gloss_pending_count(ana.session), 1);
    pass(&ana, 100);
    ck_assert_uint_eq(lost, 0);
    stop(&ana, &fake);
    empty_dir(dir);
    drop_dir(dir);
}

START_TEST(accepted__and_lost__is_kept_over_a_restart)
{
    keep_over_restart(false, GLOSS_SEND_ANEW);
}
END_TEST

START_TEST(accepted__and_lost_while_the_program_did_not_run__is_told_by_the_next_one)
{
    keep_over_restart(true, GLOSS_DROP);
}
END_TEST

/* A worker that finds that the log went back answers so what it had not judged yet, before it says "rejoin". */
START_TEST(op__that_waited_while_the_log_went_back__is_sent_again)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, false);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"op_resync\"}");
    submit(&ana, creates(2, "anas"), false);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 2);
    stop(&ana, &fake);
}
END_TEST

/* On a connection that stays: the same seqs of the project's stream, other labels. */
START_TEST(names__of_a_past_that_is_lost__are_read_anew)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    begin(&ana, &fake, NULL, false);
    fake_do(&fake, "{\"do\":\"label\",\"name\":\"kept\"}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    for (int i = 0; i < 3; i++) {
        fake_do(&fake, "{\"do\":\"label\",\"name\":\"lost %d\"}", i);
    }
    WAIT_FOR(&ana, gloss_label_id(ana.session, "lost 2"));
    fake_do(&fake, "{\"do\":\"rewind_project\",\"to\":1,\"then\":[\"new\"]}");
    WAIT_FOR(&ana, gloss_label_id(ana.session, "new"));
    ck_assert_ptr_null(gloss_label_id(ana.session, "lost 0"));
    ck_assert_ptr_nonnull(gloss_label_id(ana.session, "kept"));
    ck_assert_uint_eq(gloss_codebook_version(ana.session), 2);
    fake_do(&fake, "{\"do\":\"label\",\"name\":\"newer\"}"); /* a seq that there was before */
    WAIT_FOR(&ana, gloss_label_id(ana.session, "newer"));
    ck_assert_uint_eq(gloss_codebook_version(ana.session), 3);
    somebody(&fake, "goes on");
    WAIT_FOR(&ana, ana.last_seq == 1);
    stop(&ana, &fake);
}
END_TEST

START_TEST(submit_only__and_lost__is_told_when_it_is_joined_again)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    begin(&ana, &fake, NULL, true);
    client_join_submit_only(&ana);
    submit(&ana, creates(4, "anas"), false);
    WAIT_FOR(&ana, ana.results == 4);
    choice = GLOSS_SEND_ANEW;
    go_back(&fake, 2, 9);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 2);
    ck_assert_uint_eq(lost, 2);
    ck_assert_uint_eq(result_seq, 13);
    stop(&ana, &fake);
}
END_TEST

START_TEST(what_is_remembered__is_bounded__and_says_where_it_ends)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    static char words[60001];
    memset(words, 'x', sizeof(words) - 1);
    for (int i = 0; i < 22; i++) { /* 17 of them are a MiB */
        json_t *ops = creates(1, "anas");
        json_object_set_new(json_object_get(json_array_get(ops, 0), "change"), "note", json_string(words));
        unsigned before = ana.results;
        submit(&ana, ops, false);
        WAIT_FOR(&ana, ana.results == before + 1 && gloss_session_seq(ana.session) >= ana.result_seq);
    }
    choice = GLOSS_DROP;
    go_back(&fake, 0, 1);
    WAIT_FOR(&ana, asked == 17);
    ck_assert_uint_eq(lost, 17);
    ck_assert_uint_eq(forgotten, 1);
    ck_assert_uint_eq(lost_seq, 22);
    stop(&ana, &fake);
}
END_TEST

RUN("lost", accepted__and_lost__is_told_one_by_one__and_sent_again_under_its_id, accepted__and_lost__may_be_given_up,
    session__left_while_it_is_told_what_is_lost__tells_no_more, accepted__twice_under_one_id__is_lost_once,
    session__left_on_a_full_disk_after_a_resync__is_left, accepted__and_still_there__is_not_told,
    accepted__in_a_step__is_asked_about_once__and_sent_as_a_whole, accepted__and_lost__is_kept_over_a_restart,
    accepted__and_lost_while_the_program_did_not_run__is_told_by_the_next_one,
    op__that_waited_while_the_log_went_back__is_sent_again, names__of_a_past_that_is_lost__are_read_anew,
    submit_only__and_lost__is_told_when_it_is_joined_again, what_is_remembered__is_bounded__and_says_where_it_ends)
