/* What waits in the queue and was refused: shown, kept, sent anew or given up, through any end of the program. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/lib/disk.h"

static enum gloss_choice choice;
static unsigned conflicts;
static char shown_note[64], shown_name[32];
static json_t *instead;

static enum gloss_choice on_conflict(struct gloss_session *session, struct gloss_conflict *conflict, void *arg)
{
    (void)session;
    (void)arg;
    const char *note = json_string_value(json_object_get(conflict->current, "note"));
    ck_assert_ptr_nonnull(conflict->change);
    ck_assert_int_gt(conflict->since_ms, 1500000000000);
    snprintf(shown_note, sizeof(shown_note), "%s", note ? note : "");
    snprintf(shown_name, sizeof(shown_name), "%s", conflict->error->name);
    conflict->instead = json_incref(instead);
    conflicts++;
    return choice;
}

/* ana has changed offline what ben changed meanwhile; her program asks her when it is back. */
static void into_conflict(struct client *ana, struct fake *fake, const char *dir, char annotation[GLOSS_ID], bool asks)
{
    fake_start(fake);
    somebody(fake, "first");
    leave_cache(fake, dir);
    struct gloss_config config = queue_config(ana, fake, dir);
    config.on_conflict = asks ? on_conflict : NULL;
    client_new_with(ana, fake, &config);
    join_cached(ana);
    gloss_annotation_id(gloss_annotation_at(ana->session, 0), annotation);
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "anas");
    char id[GLOSS_ID];
    ck_assert_int_eq(gloss_submit_change(ana->session, change, NULL, id, client_on_result, ana), 0);
    json_object_set_new(change, "note", json_string("anas second"));
    json_t *base = json_string(id);
    ck_assert_int_eq(gloss_submit_change(ana->session, change, base, NULL, client_on_result, ana), 0);
    json_decref(base);
    json_decref(change);
    fake_do(fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
            annotation);
    conflicts = 0;
    gloss_connect(ana->g);
}

static const char *note_of(struct client *ana, const char *annotation)
{
    const struct gl_annotation *now = gloss_annotation_find(ana->session, annotation);
    return json_string_value(json_object_get(gloss_annotation_record(now), "note"));
}

static void end_conflict(struct client *ana, struct fake *fake, const char *dir)
{
    client_free(ana);
    fake_stop(fake);
    empty_dir(dir);
    drop_dir(dir);
}

/* She was asked, and keeps it, with what builds on it. */
static void into_kept_conflict(struct client *ana, struct fake *fake, const char *dir, char annotation[GLOSS_ID])
{
    choice = GLOSS_KEEP;
    into_conflict(ana, fake, dir, annotation, true);
    WAIT_FOR(ana, conflicts == 1 && gloss_session_is_synced(ana->session));
}

START_TEST(conflict__dropped__is_called_back_with_its_error)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    choice = GLOSS_DROP;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    ck_assert_uint_eq(conflicts, 2); /* the one that builds on it, too */
    ck_assert_str_eq(shown_name, "depends_on_refused");
    ck_assert_str_eq(shown_note, "bens");
    WAIT_FOR(&ana, ana.last_seq == 2);
    ck_assert_str_eq(note_of(&ana, annotation), "bens");
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__sent_anew__is_accepted_with_what_builds_on_it)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    choice = GLOSS_SEND_ANEW;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 2);
    ck_assert_uint_eq(conflicts, 1);
    ck_assert_str_eq(shown_name, "stale");
    ck_assert_str_eq(shown_note, "bens");
    WAIT_FOR(&ana, ana.last_seq == 4);
    ck_assert_str_eq(note_of(&ana, annotation), "anas second");
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__with_another_change_instead__sends_that)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    choice = GLOSS_SEND_ANEW;
    into_conflict(&ana, &fake, dir, annotation, true);
    instead = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "both");
    WAIT_FOR(&ana, conflicts == 1);
    json_decref(instead);
    instead = NULL;
    WAIT_FOR(&ana, ana.last_seq >= 3);
    ck_assert(ana.last_seq > 3 || strcmp(note_of(&ana, annotation), "both") == 0);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 2);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__kept__stays_through_a_restart_until_it_is_sent)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_kept_conflict(&ana, &fake, dir, annotation);
    pass(&ana, 200); /* neither is sent by itself */
    ck_assert_uint_eq(ana.results, 0);
    ck_assert_uint_eq(gloss_pending_count(ana.session), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(gloss_pending_at(ana.session, i, &pending));
        ck_assert_int_eq(pending.state, GLOSS_PENDING_KEPT);
        ck_assert_int_eq(pending.error->code, i == 0 ? GLOSS_E_STALE : GLOSS_E_DEPENDS_ON_REFUSED);
    }
    json_t *later = creates(1, "later"); /* others are not held up */
    submit(&ana, later, false);
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 1);
    client_free(&ana);

    struct gloss_config config = queue_config(&ana, &fake, dir);
    client_new_with(&ana, &fake, &config);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(pending.state, GLOSS_PENDING_KEPT);
    ck_assert_int_eq(pending.error->code, GLOSS_E_STALE);
    memcpy(op, pending.op, sizeof(op));
    ck_assert_int_eq(gloss_pending_send(ana.session, annotation), GLOSS_E_NOT_FOUND);
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 2);
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 5);
    ck_assert_str_eq(note_of(&ana, annotation), "anas second");
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__kept__does_not_keep_words_that_were_erased)
{
    char dir[64], annotation[GLOSS_ID], queue[512];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    choice = GLOSS_KEEP;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && conflicts == 1);
    snprintf(queue, sizeof(queue), "%s/%s.%s.queue", dir, gloss_account(ana.g), fake_text(&fake, "session"));
    ck_assert(has_words(queue, "\"bens\""));
    fake_do(&fake, "{\"do\":\"redact\",\"at\":0}");
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 3 && !has_words(queue, "\"bens\""));
    ck_assert(has_words(queue, "\"anas\"")); /* not sent yet, so not erased */
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(pending.error->code, GLOSS_E_STALE);
    ck_assert(json_is_object(json_object_get(pending.error->data, "current")));
    ck_assert_ptr_null(json_object_get(json_object_get(pending.error->data, "current"), "note"));
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__that_nobody_is_asked_about__is_called_back__or_kept_of_an_earlier_run)
{
    char dir[64], annotation[GLOSS_ID], second_dir[64];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    end_conflict(&ana, &fake, dir);

    make_dir(second_dir);
    into_conflict(&ana, &fake, second_dir, annotation, false);
    client_free(&ana); /* before anything was sent */
    start_client(&ana, &fake, second_dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && gloss_pending_at(ana.session, 1, &pending) &&
                       pending.state == GLOSS_PENDING_KEPT);
    ck_assert_int_eq(gloss_pending_drop(ana.session, pending.op), 0);
    WAIT_FOR(&ana, gloss_pending_count(ana.session) == 1);
    end_conflict(&ana, &fake, second_dir);
}
END_TEST

/* The session is whole, and its first op is kept because of this. */
static bool is_kept(struct client *ana, int code)
{
    struct gloss_pending pending;
    return gloss_session_is_synced(ana->session) && gloss_pending_at(ana->session, 0, &pending) &&
           pending.state == GLOSS_PENDING_KEPT && pending.error->code == code;
}

/* What an earlier run left is somebody's work: whatever the reason, it stays. And since a closed session or a right that was taken says nothing of what others wrote meanwhile,
 * sending it again does not overwrite that: it is refused once more, as stale, and only then sent over what was shown. */
static void refuse_and_send(const char *name, int code)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    client_free(&ana); /* before anything was sent */
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.submit\",\"name\":\"%s\"}", name);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, is_kept(&ana, code));
    ck_assert_uint_eq(gloss_pending_count(ana.session), 2);
    for (int time = 0; time < 2; time++) {
        ck_assert(gloss_pending_at(ana.session, 0, &pending));
        memcpy(op, pending.op, sizeof(op));
        ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
        if (time == 0) {
            WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_STALE));
            ck_assert_str_eq(note_of(&ana, annotation), "bens");
        }
    }
    WAIT_FOR(&ana, strncmp(note_of(&ana, annotation), "anas", 4) == 0);
    end_conflict(&ana, &fake, dir);
}

START_TEST(refusal__for_another_reason__keeps_what_an_earlier_run_left__and_its_base)
{
    refuse_and_send("forbidden", GLOSS_E_FORBIDDEN);
    refuse_and_send("unknown_label", GLOSS_E_UNKNOWN_LABEL);
    refuse_and_send("session_closed", GLOSS_E_SESSION_CLOSED);
}
END_TEST

START_TEST(op__that_builds_on_one_that_is_given_up__has_the_base_of_that_one)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    client_free(&ana);
    for (int run = 0; run < 2; run++) { /* given up in one run, sent in the next */
        start_client(&ana, &fake, dir);
        join_cached(&ana);
        gloss_connect(ana.g);
        if (run == 0) {
            WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_STALE));
            ck_assert(gloss_pending_at(ana.session, 0, &pending));
            memcpy(op, pending.op, sizeof(op));
            ck_assert_int_eq(gloss_pending_drop(ana.session, op), 0);
            WAIT_FOR(&ana, gloss_pending_count(ana.session) == 1 && is_kept(&ana, GLOSS_E_DEPENDS_ON_REFUSED));
            client_free(&ana);
        }
    }
    WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_DEPENDS_ON_REFUSED));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_gt(json_integer_value(pending.base), 0);
    memcpy(op, pending.op, sizeof(op));
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_STALE));
    ck_assert_str_eq(note_of(&ana, annotation), "bens");
    end_conflict(&ana, &fake, dir);
}
END_TEST

static void expect_pending(struct client *ana, size_t count, int state)
{
    struct gloss_pending pending;
    ck_assert_uint_eq(gloss_pending_count(ana->session), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(gloss_pending_at(ana->session, i, &pending));
        ck_assert_msg((int)pending.state == state, "op %zu: %d", i, (int)pending.state);
    }
}

/* A step of three, of which the last is refused; all are kept. The client is one of the next run, which has no connection yet. */
static void step_into_conflict(struct client *ana, struct fake *fake, const char *dir, char annotation[GLOSS_ID])
{
    fake_start(fake);
    somebody(fake, "first");
    leave_cache(fake, dir);
    struct gloss_config config = queue_config(ana, fake, dir);
    config.on_conflict = on_conflict;
    choice = GLOSS_KEEP;
    conflicts = 0;
    client_new_with(ana, fake, &config);
    join_cached(ana);
    gloss_annotation_id(gloss_annotation_at(ana->session, 0), annotation);
    json_t *ops = creates(2, "with it");
    json_array_append_new(
        ops, json_pack("{s:{s:s, s:s, s:s}}", "change", "kind", "annotation.update", "annotation", annotation, "note", "anas"));
    submit(ana, ops, true);
    fake_do(fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
            annotation);
    gloss_connect(ana->g);
    WAIT_FOR(ana, conflicts == 1);
    pass(ana, 100);
    expect_pending(ana, 3, GLOSS_PENDING_KEPT);
    client_free(ana);
    client_new_with(ana, fake, &config);
    join_cached(ana);
}

START_TEST(refusal__that_the_disk_does_not_take__is_told_when_it_does)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    is_disk_full = true;
    WAIT_FOR(&ana, fake_count(&fake, "session.submit") > 0 && gloss_session_is_synced(ana.session));
    pass(&ana, 300);
    ck_assert_uint_eq(ana.results, 0); /* the next start would send them again */
    is_disk_full = false;
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    client_free(&ana);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    expect_pending(&ana, 0, GLOSS_PENDING_WAITING);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(refusal__that_the_disk_never_takes__is_left_to_the_next_run)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    is_disk_full = true;
    WAIT_FOR(&ana, fake_count(&fake, "session.submit") > 0 && gloss_session_is_synced(ana.session));
    pass(&ana, 300);
    gloss_leave(&ana.session);
    ck_assert_uint_eq(ana.results, 2);
    ck_assert_int_eq(ana.result_error.code, GLOSS_E_DISCONNECTED); /* not that it was refused */
    client_free(&ana);
    is_disk_full = false;
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    expect_pending(&ana, 2, GLOSS_PENDING_WAITING);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__in_an_atomic_step__is_asked_once_and_decided_for_all)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    step_into_conflict(&ana, &fake, dir, annotation);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(gloss_pending_send(ana.session, pending.op), 0);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 3);
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 5);
    ck_assert_str_eq(note_of(&ana, annotation), "anas");
    ck_assert_uint_eq(conflicts, 1);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__sent_anew_when_the_program_ends__waits_as_a_whole)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    step_into_conflict(&ana, &fake, dir, annotation);
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(gloss_pending_send(ana.session, pending.op), 0);
    client_free(&ana); /* before it was sent */
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    expect_pending(&ana, 3, GLOSS_PENDING_WAITING);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__that_builds_on_a_kept_op__is_sent_with_it_as_a_whole)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_kept_conflict(&ana, &fake, dir, annotation);
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    memcpy(op, pending.op, sizeof(op));
    json_t *ops = creates(1, "with it");
    json_array_insert_new(ops, 0,
                          json_pack("{s:s, s:{s:s, s:s, s:s}}", "base", op, "change", "kind", "annotation.update", "annotation",
                                    annotation, "note", "in a step"));
    submit(&ana, ops, true);
    pass(&ana, 100);
    expect_pending(&ana, 4, GLOSS_PENDING_KEPT);
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    expect_pending(&ana, 4, GLOSS_PENDING_WAITING);
    WAIT_FOR(&ana, ana.results == 4);
    ck_assert_uint_eq(ana.accepted, 4);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__whose_second_op_is_refused__is_not_sent_in_part)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    struct gloss_config config = queue_config(&ana, &fake, dir);
    config.on_conflict = on_conflict;
    client_new_with(&ana, &fake, &config);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    json_t *ops = creates(1, "made");
    char id[GLOSS_ID];
    gloss_new_id(id);
    json_object_set_new(json_array_get(ops, 0), "id", json_string(id));
    json_array_append_new(ops, json_pack("{s:s, s:{s:s, s:s, s:s}}", "base", id, "change", "kind", "annotation.update",
                                         "annotation", fake_text(&fake, "project"), "note", "of nothing"));
    submit(&ana, ops, true);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    ck_assert_int_eq(fake_count(&fake, "session.submit"), 1);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__of_an_earlier_run_that_is_too_large__is_kept_and_holds_nothing_up)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    fake_start(&fake);
    fake_do(&fake, "{\"do\":\"set\",\"ops_in_flight\":4}");
    sign_in_once(&fake, dir);
    start_client(&ana, &fake, dir);
    join_offline(&ana);
    submit(&ana, creates(5, "many"), true);
    client_free(&ana);
    start_client(&ana, &fake, dir);
    join_offline(&ana);
    submit(&ana, creates(1, "behind it"), false);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 1);
    expect_pending(&ana, 5, GLOSS_PENDING_KEPT);
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(pending.error->code, GLOSS_E_TOO_LARGE);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__with_a_change_instead_that_is_too_large__is_kept)
{
    char dir[64], annotation[GLOSS_ID];
    static char big[300001];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    memset(big, 'x', sizeof(big) - 1);
    choice = GLOSS_SEND_ANEW;
    instead = json_pack("{s:s, s:s}", "kind", "annotation.update", "note", big);
    into_conflict(&ana, &fake, dir, annotation, true);
    json_object_set_new(instead, "annotation", json_string(annotation));
    WAIT_FOR(&ana, conflicts == 1);
    json_decref(instead);
    instead = NULL;
    pass(&ana, 100);
    expect_pending(&ana, 2, GLOSS_PENDING_KEPT);
    end_conflict(&ana, &fake, dir);
}
END_TEST

RUN("pending", refusal__that_the_disk_does_not_take__is_told_when_it_does,
    refusal__that_the_disk_never_takes__is_left_to_the_next_run, conflict__dropped__is_called_back_with_its_error,
    conflict__sent_anew__is_accepted_with_what_builds_on_it, conflict__with_another_change_instead__sends_that,
    conflict__kept__stays_through_a_restart_until_it_is_sent, conflict__kept__does_not_keep_words_that_were_erased,
    conflict__that_nobody_is_asked_about__is_called_back__or_kept_of_an_earlier_run,
    refusal__for_another_reason__keeps_what_an_earlier_run_left__and_its_base,
    op__that_builds_on_one_that_is_given_up__has_the_base_of_that_one,
    conflict__in_an_atomic_step__is_asked_once_and_decided_for_all,
    atomic_step__sent_anew_when_the_program_ends__waits_as_a_whole,
    atomic_step__that_builds_on_a_kept_op__is_sent_with_it_as_a_whole,
    atomic_step__whose_second_op_is_refused__is_not_sent_in_part,
    atomic_step__of_an_earlier_run_that_is_too_large__is_kept_and_holds_nothing_up,
    conflict__with_a_change_instead_that_is_too_large__is_kept)
