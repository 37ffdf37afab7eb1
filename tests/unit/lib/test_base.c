/* The server's database goes back in time: an op in view of what is lost overwrites nothing, and one that arrived is found. */
#include "tests/unit/lib/lost.h"

static const char *note_of(struct client *ana, const char *annotation)
{
    const struct gl_annotation *now = gloss_annotation_find(ana->session, annotation);
    return json_string_value(json_object_get(gloss_annotation_record(now), "note"));
}

/* ana has seen op 6, of which the server knows nothing any more. Meanwhile ben has changed what she changes. */
static void have_base_of_lost_past(const char *dir)
{
    struct fake fake;
    struct client ana;
    char annotation[GLOSS_ID];
    fake_start(&fake);
    somebody(&fake, "first");
    begin(&ana, &fake, dir, true);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    gloss_annotation_id(gloss_annotation_at(ana.session, 0), annotation);
    for (int i = 0; i < 5; i++) {
        somebody(&fake, "lost");
    }
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 6);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"busy\",\"times\":1000}");
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "anas");
    ck_assert_int_eq(gloss_submit_change(ana.session, change, NULL, NULL, client_on_result, &ana), 0);
    json_decref(change);
    choice = GLOSS_DROP;
    is_disk_full = dir != NULL;
    fake_do(&fake, "{\"do\":\"rewind\",\"to\":1,\"then\":1}");
    fake_do(&fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
            annotation);
    for (int i = 0; i < 5; i++) {
        somebody(&fake, "new");
    }
    fake_do(&fake, "{\"do\":\"clear\"}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    if (dir) { /* the other base cannot be written: until it can, nothing is sent */
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
        pass(&ana, 300);
        ck_assert_uint_eq(ana.results, 0);
        is_disk_full = false;
    }
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 0);
    ck_assert_str_eq(asked_name, "stale");
    ck_assert_str_eq(note_of(&ana, annotation), "bens");
    stop(&ana, &fake);
}

START_TEST(base__of_a_past_that_is_lost__overwrites_nothing)
{
    have_base_of_lost_past(NULL);
}
END_TEST

START_TEST(base__of_a_past_that_is_lost__is_not_sent_before_the_disk_has_the_other)
{
    char dir[64];
    make_dir(dir);
    have_base_of_lost_past(dir);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

/* Ana only reads, and edits without a connection in view of op 6; then the log goes back, and grows past it. is_same: it does not. */
static void leave_an_edit(bool is_same)
{
    char dir[64], annotation[GLOSS_ID], chain[GLOSS_HASH];
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    make_dir(dir);
    fake_start(&fake);
    for (int i = 0; i < 6; i++) {
        somebody(&fake, "first");
    }
    begin(&ana, &fake, dir, true);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    gloss_annotation_id(gloss_annotation_at(ana.session, 0), annotation);
    gloss_session_chain(ana.session, chain);
    client_free(&ana);
    begin(&ana, &fake, dir, true);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    options.since = 6;
    options.chain = chain;
    options.submit_only = true;
    options.replica = options.names = false;
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "session"), &options, &ana.session), 0);
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "anas");
    json_t *base = json_integer(6);
    ck_assert_int_eq(gloss_submit_change(ana.session, change, base, NULL, client_on_result, &ana), 0);
    json_decref(base);
    json_decref(change);
    client_free(&ana);
    if (!is_same) {
        fake_do(&fake, "{\"do\":\"rewind\",\"to\":1,\"then\":1}");
        fake_do(&fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
                annotation);
    }
    for (int i = 0; i < 6; i++) {
        somebody(&fake, "new");
    }
    begin(&ana, &fake, dir, true);
    choice = GLOSS_DROP;
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 1 && ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(asked, is_same ? 0 : 1);
    WAIT_FOR(&ana, strcmp(note_of(&ana, annotation), is_same ? "anas" : "bens") == 0);
    stop(&ana, &fake);
    empty_dir(dir);
    drop_dir(dir);
}

START_TEST(base__that_waited_on_disk_while_the_log_went_back__overwrites_nothing)
{
    leave_an_edit(false);
}
END_TEST

START_TEST(base__that_waited_on_disk__is_sent_as_it_is_over_the_same_log)
{
    leave_an_edit(true);
}
END_TEST

/* It is refused to a run that reads no state, and has no place in the log of its own; then it is sent again. */
START_TEST(base__of_what_was_refused_where_no_state_is_read__is_sent_as_it_is)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    fake_start(&fake);
    for (int i = 0; i < 6; i++) {
        somebody(&fake, "first");
    }
    begin(&ana, &fake, dir, true);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    gloss_annotation_id(gloss_annotation_at(ana.session, 0), annotation);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"lose_request\"}");
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "anas");
    ck_assert_int_eq(gloss_submit_change(ana.session, change, NULL, op, client_on_result, &ana), 0);
    json_decref(change);
    WAIT_FOR(&ana, fake_count(&fake, "session.submit") == 1);
    client_free(&ana);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.submit\",\"name\":\"forbidden\"}");
    begin(&ana, &fake, dir, true);
    choice = GLOSS_KEEP;
    client_join_submit_only(&ana);
    WAIT_FOR(&ana, gloss_pending_at(ana.session, 0, &pending) && pending.state == GLOSS_PENDING_KEPT);
    ck_assert_int_eq(pending.error->code, GLOSS_E_FORBIDDEN);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_SYNCED], 0);
    client_free(&ana);
    fake_do(&fake, "{\"do\":\"clear\"}");
    begin(&ana, &fake, dir, true);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] && gloss_session_is_proven(ana.session));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(json_integer_value(pending.base), 6);
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    WAIT_FOR(&ana, strcmp(note_of(&ana, annotation), "anas") == 0);
    ck_assert_uint_eq(asked, 0);
    stop(&ana, &fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

/* Ana's edit is op 3, and its answer was lost; then the log was, but not as far as that. It waits to be sent, with another base. */
static void lower_what_arrived(struct client *ana, struct fake *fake, const char *dir)
{
    char annotation[GLOSS_ID];
    struct gloss_pending waiting;
    fake_start(fake);
    somebody(fake, "first");
    somebody(fake, "second");
    begin(ana, fake, dir, true);
    choice = GLOSS_KEEP;
    client_join(ana, NULL);
    WAIT_FOR(ana, ana->seen[GLOSS_EV_SYNCED]);
    gloss_annotation_id(gloss_annotation_at(ana->session, 0), annotation);
    fake_do(fake, "{\"do\":\"fault\",\"fault\":\"lose_answer\"}");
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "anas");
    ck_assert_int_eq(gloss_submit_change(ana->session, change, NULL, NULL, client_on_result, ana), 0);
    json_decref(change);
    fake_do(fake, "{\"do\":\"fault\",\"fault\":\"busy\",\"times\":1000000,\"after\":1}");
    WAIT_FOR(ana, gloss_session_seq(ana->session) == 3);
    somebody(fake, "lost");
    WAIT_FOR(ana, gloss_session_seq(ana->session) == 4);
    fake_do(fake, "{\"do\":\"rewind\",\"to\":3,\"then\":4}");
    fake_do(fake, "{\"do\":\"drop\"}");
    WAIT_FOR(ana, ana->seen[GLOSS_EV_RESYNC] == 1 && gloss_session_is_proven(ana->session));
    ck_assert(gloss_pending_at(ana->session, 0, &waiting));
    ck_assert_int_eq(json_integer_value(waiting.base), 0);
    ck_assert_uint_eq(ana->results, 0);
}

/* It is found by its id, though it is sent with another base first. */
START_TEST(op__of_unknown_outcome_that_is_there_after_all__is_found_by_its_id)
{
    struct fake fake;
    struct client ana;
    lower_what_arrived(&ana, &fake, NULL);
    fake_do(&fake, "{\"do\":\"clear\"}");
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 1);
    ck_assert_uint_eq(ana.repeated, 1);
    ck_assert_uint_eq(ana.result_seq, 3);
    ck_assert_uint_eq(asked, 0);
    stop(&ana, &fake);
}
END_TEST

/* Also when the program ended in between, and when the journal was written anew since (what a resync makes forgotten does that). */
static void find_after_restart(bool is_written_anew)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    lower_what_arrived(&ana, &fake, dir);
    client_free(&ana);
    if (is_written_anew) {
        begin(&ana, &fake, dir, true);
        client_join(&ana, NULL);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 1);
        fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"resync\"}");
        fake_do(&fake, "{\"do\":\"drop\"}");
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESYNC] == 1 && ana.seen[GLOSS_EV_SYNCED] == 2);
        pass(&ana, 20);
        client_free(&ana);
    }
    fake_do(&fake, "{\"do\":\"clear\"}");
    begin(&ana, &fake, dir, true);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 1 || asked > 0);
    ck_assert_uint_eq(asked, 0);
    ck_assert_uint_eq(result_seq, 3);
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    stop(&ana, &fake);
    empty_dir(dir);
    drop_dir(dir);
}

START_TEST(op__of_unknown_outcome_that_is_there_after_all__is_found_after_a_restart)
{
    find_after_restart(false);
}
END_TEST

START_TEST(op__of_unknown_outcome_that_is_there_after_all__is_found_in_a_journal_written_anew)
{
    find_after_restart(true);
}
END_TEST

RUN("bases", base__of_a_past_that_is_lost__overwrites_nothing,
    base__of_a_past_that_is_lost__is_not_sent_before_the_disk_has_the_other,
    base__that_waited_on_disk_while_the_log_went_back__overwrites_nothing,
    base__that_waited_on_disk__is_sent_as_it_is_over_the_same_log,
    base__of_what_was_refused_where_no_state_is_read__is_sent_as_it_is,
    op__of_unknown_outcome_that_is_there_after_all__is_found_by_its_id,
    op__of_unknown_outcome_that_is_there_after_all__is_found_after_a_restart,
    op__of_unknown_outcome_that_is_there_after_all__is_found_in_a_journal_written_anew)
