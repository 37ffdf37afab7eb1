/* The server's database goes back in time: what had been accepted and is not there any more is told, one by one, and nothing is overwritten. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/lib/disk.h"

#define LOST_MAX 2000

static enum gloss_choice choice;
static unsigned asked;
static char asked_name[32], asked_note[64], lost_ops[LOST_MAX][GLOSS_ID];
static unsigned lost, forgotten;
static uint64_t lost_seq, result_seq;
static bool leaves; /* when one is told */

static enum gloss_choice on_conflict(struct gloss_session *session, struct gloss_conflict *conflict, void *arg)
{
    (void)session;
    (void)arg;
    const char *note = json_string_value(json_object_get(conflict->change, "note"));
    snprintf(asked_name, sizeof(asked_name), "%s", conflict->error->name);
    snprintf(asked_note, sizeof(asked_note), "%s", note ? note : "");
    asked++;
    return choice;
}

static void on_event(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_RESULT) {
        result_seq = event->seq;
    }
    if (event->type != GLOSS_EV_LOST) {
        return;
    }
    ck_assert_int_eq(event->error->code, GLOSS_E_LOST);
    if (!event->op) {
        forgotten++;
        return;
    }
    ck_assert_str_eq(json_string_value(json_object_get(event->payload, "id")), event->op);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(event->payload, "change"), "kind")), event->kind);
    snprintf(lost_ops[lost++ % LOST_MAX], GLOSS_ID, "%s", event->op);
    lost_seq = event->seq;
    if (leaves) {
        gloss_leave(&client->session);
        ck_assert_str_eq(event->op, lost_ops[0]);
    }
}

static void begin(struct client *ana, struct fake *fake, const char *dir, bool asks)
{
    struct gloss_config config = dir ? queue_config(ana, fake, dir) : client_config(ana, fake, "good");
    config.on_conflict = asks ? on_conflict : NULL;
    client_new_with(ana, fake, &config);
    ana->on_event = on_event;
    asked = lost = forgotten = 0;
    lost_seq = result_seq = 0;
    leaves = false;
}

static void start(struct client *ana, struct fake *fake, const char *dir, bool asks)
{
    fake_start(fake);
    begin(ana, fake, dir, asks);
    client_join(ana, NULL);
    WAIT_FOR(ana, ana->seen[GLOSS_EV_SYNCED]);
}

static void stop(struct client *ana, struct fake *fake)
{
    client_free(ana);
    fake_stop(fake);
}

/* Accepted, and told as an op. */
static void make(struct client *ana, unsigned count, const char *prefix, bool atomic)
{
    unsigned before = ana->results;
    submit(ana, creates(count, prefix), atomic);
    WAIT_FOR(ana, ana->results == before + count && gloss_session_seq(ana->session) >= ana->result_seq);
}

static void go_back(struct fake *fake, unsigned to, unsigned then)
{
    fake_do(fake, "{\"do\":\"rewind\",\"to\":%u,\"then\":%u}", to, then);
    fake_do(fake, "{\"do\":\"drop\"}");
}

/* The op is there once. */
static bool log_has(struct fake *fake, const char *op)
{
    json_t *log = fake_ask(fake, "{\"do\":\"log\"}");
    const json_t *ops = json_object_get(log, "ops");
    unsigned found = 0;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        found += strcmp(json_string_value(json_array_get(ops, i)), op) == 0;
    }
    json_decref(log);
    ck_assert_uint_le(found, 1);
    return found == 1;
}

START_TEST(accepted__and_lost__is_told_one_by_one__and_sent_again_under_its_id)
{
    struct fake fake;
    struct client ana;
    start(&ana, &fake, NULL, true);
    make(&ana, 5, "anas", false);
    choice = GLOSS_SEND_ANEW;
    go_back(&fake, 2, 7);
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
    make(&ana, 2, "anas", false);
    choice = GLOSS_DROP;
    go_back(&fake, 0, 3);
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

/* It is refused while the pages of the state come, when the session has no place in the log of its own; then it is sent again. */
START_TEST(base__of_what_was_refused_before_the_state_was_read__is_sent_as_it_is)
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
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"session.page\",\"times\":100}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.submit\",\"name\":\"forbidden\"}");
    begin(&ana, &fake, dir, true);
    choice = GLOSS_KEEP;
    client_join(&ana, NULL);
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
    struct gloss_join options;
    fake_start(&fake);
    begin(&ana, &fake, NULL, true);
    gloss_join_init(&options);
    options.submit_only = true;
    options.replica = options.names = false;
    client_join(&ana, &options);
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
    accepted__and_lost_while_the_program_did_not_run__is_told_by_the_next_one, base__of_a_past_that_is_lost__overwrites_nothing,
    base__of_a_past_that_is_lost__is_not_sent_before_the_disk_has_the_other,
    base__that_waited_on_disk_while_the_log_went_back__overwrites_nothing,
    base__that_waited_on_disk__is_sent_as_it_is_over_the_same_log,
    base__of_what_was_refused_before_the_state_was_read__is_sent_as_it_is,
    op__of_unknown_outcome_that_is_there_after_all__is_found_by_its_id,
    op__of_unknown_outcome_that_is_there_after_all__is_found_after_a_restart,
    op__of_unknown_outcome_that_is_there_after_all__is_found_in_a_journal_written_anew,
    op__that_waited_while_the_log_went_back__is_sent_again, names__of_a_past_that_is_lost__are_read_anew,
    submit_only__and_lost__is_told_when_it_is_joined_again, what_is_remembered__is_bounded__and_says_where_it_ends)
