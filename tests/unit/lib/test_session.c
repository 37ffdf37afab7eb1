/* Joining, resuming, leaving: each op of a session's stream is told once and in order, with its names, or the session ends and says why. */
#include <string.h>

#include "tests/unit/lib/fake.h"

START_TEST(resume__after_fifty_losses__tells_each_op_once_in_order)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    for (int i = 0; i < 50; i++) {
        unsigned losses = ana.seen[GLOSS_EV_DISCONNECTED];
        if (i % 5 == 0) {
            fake_fault(&fake, "half_frame", 1);
            fake_bens(&fake, 3, false);
        } else {
            fake_bens(&fake, 2, true);
            fake_do(&fake, "{\"do\":\"drop\"}");
            fake_bens(&fake, 1, true);
        }
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] > losses && gloss_session_is_synced(ana.session));
    }
    WAIT_FOR(&ana, ana.last_seq == 150);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 150);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 0);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(ops__that_come_twice__are_told_once)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_fault(&fake, "repeat", 4);
    fake_bens(&fake, 6, true);
    WAIT_FOR(&ana, ana.last_seq == 6);
    pass(&ana, 50);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 6);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(ops__with_a_gap__are_asked_for_again)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_fault(&fake, "gap", 1);
    fake_bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 1);
    ck_assert_str_eq(json_string_value(json_object_get(ana.error.data, "reason")), "gap");
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

static const struct {
    const char *fault;
    bool replica;
} forgeries[] = {
    {"wrong_chain", true}, {"wrong_chain", false}, {"wrong_salt", true}, {"wrong_salt", false}, {"wrong_state", true}};

START_TEST(ops__that_do_not_fit_the_chain_or_sum__end_the_session)
{
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        struct fake fake;
        struct client ana;
        struct gloss_join options;
        gloss_join_init(&options);
        options.replica = forgeries[i].replica;
        client_start(&ana, &fake, 3);
        client_join(&ana, &options);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
        fake_fault(&fake, forgeries[i].fault, 1);
        fake_bens(&fake, 1, true);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
        ck_assert_msg(ana.error.code == GLOSS_E_CHAIN_BROKEN, "%s: %s", forgeries[i].fault, ana.error.message);
        ck_assert(gloss_is_connected(ana.g));
        ck_assert_int_eq(gloss_synced_wait(ana.session, 1000), GLOSS_E_CHAIN_BROKEN);
        gloss_leave(&ana.session);
        client_stop(&ana, &fake);
    }
}
END_TEST

START_TEST(notices__are_told_and_obeyed)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 3);
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"resynchronise\",\"seq\":4}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_NOTICE] == 1);
    ck_assert_str_eq(ana.notice, "resynchronise");
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rights\",\"role\":\"viewer\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_NOTICE] == 2);
    ck_assert_str_eq(gloss_session_role(ana.session), "viewer");
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rejoin\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
    ck_assert(ana.resumed);
    fake_bens(&fake, 1, true);
    WAIT_FOR(&ana, ana.last_seq == 4);
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rights\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(ana.error.code, GLOSS_E_FORBIDDEN);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(notice_upgrade__and_an_unknown_kind_of_op__end_the_session)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 3);
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"upgrade\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(ana.error.code, GLOSS_E_UPGRADE);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(join__of_what_is_not_there__ends_with_the_reason)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 0);
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "project"), NULL, &ana.session), 0);
    ck_assert_int_eq(gloss_synced_wait(ana.session, WAIT_MS), GLOSS_E_NOT_FOUND);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_ERROR], 1);
    json_t *ops = creates(1, "no");
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, client_on_result, &ana), GLOSS_E_NOT_FOUND);
    json_decref(ops);
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "project"), NULL, &(struct gloss_session *){NULL}), GLOSS_E_EXISTS);
    ck_assert_int_eq(gloss_join(ana.g, "nonsense", NULL, &(struct gloss_session *){NULL}), GLOSS_E_INVALID_PARAMS);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(join__that_is_answered_busy__is_asked_again)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 25);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.join\",\"name\":\"busy\",\"times\":2,"
                   "\"data\":{\"retry_after_ms\":20}}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.page\",\"name\":\"busy\",\"times\":1}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    expect_same(&ana);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0);
    client_stop(&ana, &fake);
}
END_TEST

static void begin_with_a_join(struct client *client, struct fake *fake, int late)
{
    fake_start(fake);
    fake_bens(fake, 3, false);
    if (late > 0) {
        fake_fault(fake, "late_hello", late); /* answered when something else has come, which is refused */
    }
    client_new(client, fake);
    client_join(client, NULL);
    WAIT_FOR(client, client->seen[GLOSS_EV_SYNCED]);
    expect_same(client);
}

START_TEST(join__is_said_behind_hello__and_once_more_where_that_is_refused)
{
    struct fake fake;
    struct client ana;
    begin_with_a_join(&ana, &fake, 0);
    ck_assert_int_eq(fake_count(&fake, "session.join"), 1);
    client_stop(&ana, &fake);
    begin_with_a_join(&ana, &fake, 2);
    ck_assert_int_eq(fake_count(&fake, "session.join"), 2);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == 2 && ana.seen[GLOSS_EV_JOINED] == 2);
    ck_assert(ana.resumed);
    ck_assert_int_eq(fake_count(&fake, "session.join"), 4);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == 3 && ana.seen[GLOSS_EV_JOINED] == 3);
    ck_assert_int_eq(fake_count(&fake, "session.join"), 5); /* hello was answered at once again, and then it */
    ck_assert_int_eq(fake_count(&fake, "hello"), 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_ERROR], 0);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(leave__before_hello_is_answered__is_told_to_the_server)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"slow\",\"method\":\"hello\",\"ms\":300,\"times\":1}");
    client_new(&ana, &fake);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, fake_count(&fake, "hello") == 1);
    ck_assert(!gloss_is_connected(ana.g));
    gloss_leave(&ana.session);
    WAIT_FOR(&ana, fake_count(&fake, "session.leave") == 1);
    ck_assert_int_eq(fake_count(&fake, "session.join"), 1);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_JOINED], 0);
    client_stop(&ana, &fake);
}
END_TEST

#define LABELLED_BY_BEN                                                                                                          \
    "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"label\":\"%s\"}}"

START_TEST(names__are_known_when_an_op_uses_them)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 0);
    for (int i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof(name), "old %d", i);
        fake_do(&fake, LABELLED_BY_BEN, name);
    }
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(gloss_label_count(ana.session), 8);
    ck_assert(gloss_codebook_is_open(ana.session));
    for (size_t i = 0; i < 8; i++) {
        const char *id, *name;
        ck_assert(gloss_label_at(ana.session, i, &id, &name));
        ck_assert_str_eq(gloss_label_id(ana.session, name), id);
    }
    fake_do(&fake, LABELLED_BY_BEN, "new");
    WAIT_FOR(&ana, ana.last_seq == 9);
    ck_assert_str_eq(ana.last_label, "new");
    ck_assert_uint_ge(ana.seen[GLOSS_EV_PROJECT], 1);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(names__that_are_put_off__are_asked_for_again)
{
    static const char *const reasons[] = {"busy", "store_down", "internal"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct fake fake;
        struct client ana;
        char label[GLOSS_ID];
        client_start(&ana, &fake, 0);
        fake_do(&fake, LABELLED_BY_BEN, "claim");
        fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"codebook.get\",\"name\":\"%s\",\"times\":3}",
                reasons[i]);
        fake_do(&fake,
                "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"member.list\",\"name\":\"%s\",\"after\":1,\"times\":2}",
                reasons[i]);
        client_join(&ana, NULL);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
        ck_assert(gloss_annotation_label(gloss_annotation_at(ana.session, 0), label));
        ck_assert_str_eq(gloss_label_name(ana.session, label), "claim");
        ck_assert_str_eq(gloss_member_name(ana.session, gloss_account(ana.g)), "ana");
        client_stop(&ana, &fake);
    }
}
END_TEST

START_TEST(names__that_come_late_or_never__are_waited_for_and_asked_for)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"late_project_ops\",\"ms\":30}");
    fake_do(&fake, LABELLED_BY_BEN, "late");
    WAIT_FOR(&ana, ana.last_seq == 1);
    ck_assert_str_eq(ana.last_label, "late");
    fake_fault(&fake, "lost_project_ops", 1);
    fake_do(&fake, LABELLED_BY_BEN, "lost");
    WAIT_FOR(&ana, ana.last_seq == 2);
    ck_assert_str_eq(ana.last_label, "lost");
    fake_do(&fake, LABELLED_BY_BEN, "after");
    WAIT_FOR(&ana, ana.last_seq == 3);
    ck_assert_str_eq(ana.last_label, "after");
    /* an author who is not on the list of members */
    fake_do(&fake,
            "{\"do\":\"op\",\"as\":\"bot\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"}}}");
    WAIT_FOR(&ana, ana.last_seq == 4);
    ck_assert_str_eq(ana.last_author, "?");
    ck_assert_int_eq(fake_count(&fake, "member.list"), 4); /* twice, in two pages */
    client_stop(&ana, &fake);
}
END_TEST

static void leave_at_once(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_OP) {
        gloss_leave(&client->session);
        ck_assert_str_eq(event->kind, "annotation.create"); /* still lent */
    }
}

START_TEST(leave__inside_a_callback__ends_its_events)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    ana.on_event = leave_at_once;
    fake_bens(&fake, 5, false);
    WAIT_FOR(&ana, !ana.session);
    fake_bens(&fake, 5, true);
    pass(&ana, 50);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 1);
    ck_assert_int_eq(fake_count(&fake, "session.leave"), 1);
    /* and may be joined again */
    ana.on_event = NULL;
    ana.follows = false;
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.synced_seq == 10);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

static void free_at_once(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_OP) {
        gloss_free(&client->g);
        ck_assert_str_eq(event->kind, "annotation.create");
    }
}

START_TEST(free__inside_a_callback__is_the_last_of_it)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    ana.on_event = free_at_once;
    fake_bens(&fake, 5, false);
    struct gloss *g = ana.g;
    while (ana.g) {
        ck_assert_int_eq(gloss_wait(g, 1000), 0);
    }
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 1);
    client_stop(&ana, &fake);
}
END_TEST

static void free_on_hello(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_CONNECTED) {
        gloss_free(&client->g);
    }
}

START_TEST(free__while_an_answer_is_waited_for__ends_the_wait)
{
    struct fake fake;
    struct client ana;
    struct gloss_error error;
    json_t *result, *none = json_object();
    client_start(&ana, &fake, 0);
    ana.on_event = free_on_hello;
    ck_assert_int_eq(gloss_call_wait(ana.g, "project.list", none, WAIT_MS, &result, &error), GLOSS_E_DISCONNECTED);
    ck_assert_ptr_null(result);
    ck_assert_ptr_null(ana.g);
    ck_assert_ptr_nonnull(strstr(error.message, "closed"));
    gloss_error_clear(&error);
    json_decref(none);
    client_stop(&ana, &fake);
}
END_TEST

static void leave_on_error(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_ERROR) {
        gloss_leave(&client->session);
    }
}

START_TEST(leave__of_a_session_that_is_waited_for__ends_the_wait_with_its_reason)
{
    struct fake fake;
    struct client ana;
    client_start(&ana, &fake, 0);
    ana.on_event = leave_on_error;
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "project"), NULL, &ana.session), 0);
    ck_assert_int_eq(gloss_synced_wait(ana.session, WAIT_MS), GLOSS_E_NOT_FOUND);
    ck_assert_ptr_null(ana.session);
    client_stop(&ana, &fake);
}
END_TEST

static void free_on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct client *client = arg;
    (void)session;
    client->results += result->error != NULL;
    gloss_free(&client->g);
}

START_TEST(free__while_a_session_is_left__waits_until_all_is_told)
{
    struct fake fake;
    struct client ana;
    client_start_synced(&ana, &fake, 0);
    json_t *ops = creates(3, "left");
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, free_on_result, &ana), 0);
    json_decref(ops);
    gloss_leave(&ana.session);
    ck_assert_ptr_null(ana.g);
    ck_assert_uint_eq(ana.results, 3);
    client_stop(&ana, &fake);
}
END_TEST

RUN("session", resume__after_fifty_losses__tells_each_op_once_in_order, ops__that_come_twice__are_told_once,
    ops__with_a_gap__are_asked_for_again, ops__that_do_not_fit_the_chain_or_sum__end_the_session, notices__are_told_and_obeyed,
    notice_upgrade__and_an_unknown_kind_of_op__end_the_session, join__of_what_is_not_there__ends_with_the_reason,
    join__that_is_answered_busy__is_asked_again, join__is_said_behind_hello__and_once_more_where_that_is_refused,
    leave__before_hello_is_answered__is_told_to_the_server, names__are_known_when_an_op_uses_them,
    names__that_are_put_off__are_asked_for_again, names__that_come_late_or_never__are_waited_for_and_asked_for,
    leave__inside_a_callback__ends_its_events, free__inside_a_callback__is_the_last_of_it,
    free__while_an_answer_is_waited_for__ends_the_wait, leave__of_a_session_that_is_waited_for__ends_the_wait_with_its_reason,
    free__while_a_session_is_left__waits_until_all_is_told)
