/* Joining, the replica, resuming: what of a session's stream reaches the program, whatever happens to the connection. */
#include <string.h>

#include "tests/unit/lib/fake.h"

#define NOTE_BY_BEN                                                                                                              \
    "{\"do\":\"op\",\"count\":%d,\"each\":%s,"                                                                                   \
    "\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"note\":\"ben\"}}"

static void bens(struct fake *fake, int count, bool each)
{
    fake_do(fake, NOTE_BY_BEN, count, each ? "true" : "false");
}

static void fault(struct fake *fake, const char *name, int times)
{
    fake_do(fake, "{\"do\":\"fault\",\"fault\":\"%s\",\"times\":%d}", name, times);
}

static void start(struct fake *fake, struct client *client, int ops)
{
    fake_start(fake);
    if (ops > 0) {
        bens(fake, ops, false);
    }
    client_new(client, fake);
}

static void stop(struct fake *fake, struct client *client)
{
    client_free(client);
    fake_stop(fake);
}

START_TEST(replica__of_an_empty_session__is_synced_at_0)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.synced_seq, 0);
    ck_assert_str_eq(gloss_session_role(ana.session), "annotator");
    ck_assert_str_eq(gloss_session_mode(ana.session), "shared");
    expect_same(&ana);
    bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 3);
    ck_assert_str_eq(ana.last_author, "ben");
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(replica__read_in_pages__is_what_the_server_has)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 105);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.synced_seq, 105);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 105);
    ck_assert_uint_eq(gloss_annotation_live(ana.session), 105);
    char id[GLOSS_ID];
    gloss_annotation_id(gloss_annotation_at(ana.session, 77), id);
    ck_assert_ptr_eq(gloss_annotation_find(ana.session, id), gloss_annotation_at(ana.session, 77));
    ck_assert_ptr_null(gloss_annotation_at(ana.session, 105));
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(replica__when_ops_overtake_pages__is_whole_and_in_order)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 105);
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
    bens(&fake, 2, true);
    WAIT_FOR(&ana, ana.last_seq == ana.synced_seq + 2);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(replica__cut_off_while_pages_come__is_read_again)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 105);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"session.page\",\"after\":3,\"times\":100}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_JOINED]);
    pass(&ana, 100);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_SYNCED], 0);
    fake_do(&fake, "{\"do\":\"clear\"}");
    bens(&fake, 5, false);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.synced_seq, 110);
    ck_assert(!ana.resumed);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(replica__whose_connections_bring_one_page_each__is_read_to_its_end)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 105);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"one_page\",\"times\":1000}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"page_ops\",\"times\":3,\"count\":7}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_ge(ana.seen[GLOSS_EV_CONNECTED], 6);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 108);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    expect_same(&ana);
    uint64_t synced = ana.synced_seq; /* it is told anew when the pages that were asked for in vain end this connection, too */
    bens(&fake, 2, true);
    WAIT_FOR(&ana, ana.last_seq == synced + 2);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

/* It began with a server that counts what it tells, and goes on with one that does not. */
START_TEST(replica__cut_off_and_continued_by_an_older_server__is_read_anew)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 105);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"session.page\",\"after\":3,\"times\":100}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_JOINED]);
    pass(&ana, 100);
    fake_do(&fake, "{\"do\":\"clear\"}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"uncounted\",\"times\":1000}");
    bens(&fake, 5, false);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

/* A page showed what was lost, and the log has not been told that far: no chain can tell. */
START_TEST(replica__read_in_part_of_a_past_that_was_lost__is_read_anew)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 105);
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
    stop(&fake, &ana);
}
END_TEST

START_TEST(replica__computed_from_the_log__is_what_the_server_has)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    start(&fake, &ana, 250);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 250);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(log_reader__whose_connections_break_in_the_burst__reads_the_names_first)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    start(&fake, &ana, 250);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_names\",\"times\":1000}");
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_ge(ana.seen[GLOSS_EV_CONNECTED], 2);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 250);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(log_reader__continues_where_it_was_told_to)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    char chain[GLOSS_HASH];
    start(&fake, &ana, 30);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    options.replica = false;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.last_seq, 30);
    gloss_session_chain(ana.session, chain);
    client_free(&ana);

    bens(&fake, 12, false);
    client_new(&ana, &fake);
    options.since = 30;
    options.chain = chain;
    ana.last_seq = 30;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 12);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(watcher__without_replica__hears_only_what_is_new)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    start(&fake, &ana, 30);
    gloss_join_init(&options);
    options.replica = false;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.synced_seq, 30);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    bens(&fake, 3, true);
    fake_do(&fake, "{\"do\":\"drop\"}");
    bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 36);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 6);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(resume__after_fifty_losses__tells_each_op_once_in_order)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    for (int i = 0; i < 50; i++) {
        unsigned losses = ana.seen[GLOSS_EV_DISCONNECTED];
        if (i % 5 == 0) {
            fault(&fake, "half_frame", 1);
            bens(&fake, 3, false);
        } else {
            bens(&fake, 2, true);
            fake_do(&fake, "{\"do\":\"drop\"}");
            bens(&fake, 1, true);
        }
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] > losses && gloss_session_is_synced(ana.session));
    }
    WAIT_FOR(&ana, ana.last_seq == 150);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 150);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 0);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(ops__that_come_twice__are_told_once)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fault(&fake, "repeat", 4);
    bens(&fake, 6, true);
    WAIT_FOR(&ana, ana.last_seq == 6);
    pass(&ana, 50);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 6);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0);
    stop(&fake, &ana);
}
END_TEST

START_TEST(ops__with_a_gap__are_asked_for_again)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fault(&fake, "gap", 1);
    bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 3);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 1);
    ck_assert_str_eq(json_string_value(json_object_get(ana.error.data, "reason")), "gap");
    expect_same(&ana);
    stop(&fake, &ana);
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
        start(&fake, &ana, 3);
        client_join(&ana, &options);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
        fault(&fake, forgeries[i].fault, 1);
        bens(&fake, 1, true);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
        ck_assert_msg(ana.error.code == GLOSS_E_CHAIN_BROKEN, "%s: %s", forgeries[i].fault, ana.error.message);
        ck_assert(gloss_is_connected(ana.g));
        ck_assert_int_eq(gloss_synced_wait(ana.session, 1000), GLOSS_E_CHAIN_BROKEN);
        gloss_leave(&ana.session);
        stop(&fake, &ana);
    }
}
END_TEST

START_TEST(sync__when_frames_have_no_sum__asks_for_one)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 3);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fault(&fake, "no_state", 1000);
    fake_do(&fake, "{\"do\":\"drop\"}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"slow\",\"method\":\"session.join\",\"ms\":1}");
    bens(&fake, 5, true);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

START_TEST(rewound_log__is_read_anew_and_said_so)
{
    struct fake fake;
    struct client ana, watcher;
    struct gloss_join options;
    start(&fake, &ana, 10);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    bens(&fake, 5, true);
    WAIT_FOR(&ana, ana.last_seq == 15);

    gloss_join_init(&options);
    options.replica = false;
    options.from = GLOSS_FROM_LOG;
    client_new(&watcher, &fake);
    client_join(&watcher, &options);
    WAIT_FOR(&watcher, watcher.last_seq == 15);

    fake_do(&fake, "{\"do\":\"rewind\",\"to\":8,\"then\":12}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESYNC] && gloss_session_is_synced(ana.session));
    ck_assert_int_eq(ana.error.code, GLOSS_E_RESYNC);
    ck_assert_uint_eq(ana.synced_seq, 20);
    expect_same(&ana);
    WAIT_FOR(&watcher, watcher.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(watcher.error.code, GLOSS_E_RESYNC);
    client_free(&watcher);

    /* A log that is shorter than what was told, on a server that does not notice: the client does. */
    fake_do(&fake, "{\"do\":\"rewind\",\"to\":8,\"then\":0}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESYNC] == 2 && gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.synced_seq, 8);
    expect_same(&ana);
    stop(&fake, &ana);
}
END_TEST

/* Fifteen ops, of which ten are archived while nobody is connected. */
static void archive(struct fake *fake)
{
    fake_do(fake, "{\"do\":\"set\",\"retained_from\":11}");
    fake_do(fake, "{\"do\":\"drop\"}");
}

START_TEST(replica__that_was_away_below_the_cut__is_read_anew)
{
    struct fake fake;
    struct client ana, watcher;
    struct gloss_join options;
    start(&fake, &ana, 5);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    client_new(&watcher, &fake);
    client_join(&watcher, &options);
    WAIT_FOR(&watcher, watcher.last_seq == 5 && gloss_session_is_synced(watcher.session));
    fake_do(&fake, "{\"do\":\"drop\"}");
    fake_do(&fake, NOTE_BY_BEN, 10, "false");
    archive(&fake);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESYNC] && gloss_session_is_synced(ana.session));
    ck_assert_int_eq(ana.error.code, GLOSS_E_ARCHIVED);
    ck_assert_uint_eq(ana.synced_seq, 15);
    expect_same(&ana);
    /* Who reads the log cannot be helped so: it is told, and where the log begins now. */
    WAIT_FOR(&watcher, watcher.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(watcher.error.code, GLOSS_E_ARCHIVED);
    ck_assert_int_eq(json_integer_value(json_object_get(watcher.error.data, "retained_from")), 11);
    ck_assert_uint_eq(watcher.last_seq, 5);
    client_free(&watcher);
    stop(&fake, &ana);
}
END_TEST

START_TEST(log_reader__that_wants_the_archive__is_told_every_op)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    start(&fake, &ana, 30);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    options.archive = true;
    fake_do(&fake, "{\"do\":\"set\",\"retained_from\":26}");
    fake_do(
        &fake,
        "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.log\",\"name\":\"busy\",\"times\":1,\"data\":{\"retry_after_ms\":20}}");
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.last_seq >= 14);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 30);
    ck_assert_uint_eq(ana.last_seq, 30);
    expect_same(&ana);
    bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 33);
    expect_same(&ana);
    ck_assert_int_ge(fake_count(&fake, "session.log"), 4);
    stop(&fake, &ana);
}
END_TEST

START_TEST(notices__are_told_and_obeyed)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 3);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"resynchronise\",\"seq\":4}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_NOTICE] == 1);
    ck_assert_str_eq(ana.notice, "resynchronise");
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rights\",\"role\":\"viewer\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_NOTICE] == 2);
    ck_assert_str_eq(gloss_session_role(ana.session), "viewer");
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rejoin\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
    ck_assert(ana.resumed);
    bens(&fake, 1, true);
    WAIT_FOR(&ana, ana.last_seq == 4);
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rights\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(ana.error.code, GLOSS_E_FORBIDDEN);
    stop(&fake, &ana);
}
END_TEST

START_TEST(notice_upgrade__and_an_unknown_kind_of_op__end_the_session)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 3);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"upgrade\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(ana.error.code, GLOSS_E_UPGRADE);
    stop(&fake, &ana);
}
END_TEST

START_TEST(join__of_what_is_not_there__ends_with_the_reason)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "project"), NULL, &ana.session), 0);
    ck_assert_int_eq(gloss_synced_wait(ana.session, WAIT_MS), GLOSS_E_NOT_FOUND);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_ERROR], 1);
    json_t *ops = creates(1, "no");
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, client_on_result, &ana), GLOSS_E_NOT_FOUND);
    json_decref(ops);
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "project"), NULL, &(struct gloss_session *){NULL}), GLOSS_E_EXISTS);
    ck_assert_int_eq(gloss_join(ana.g, "nonsense", NULL, &(struct gloss_session *){NULL}), GLOSS_E_INVALID_PARAMS);
    stop(&fake, &ana);
}
END_TEST

START_TEST(join__that_is_answered_busy__is_asked_again)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 25);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.join\",\"name\":\"busy\",\"times\":2,"
                   "\"data\":{\"retry_after_ms\":20}}");
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.page\",\"name\":\"busy\",\"times\":1}");
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    expect_same(&ana);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0);
    stop(&fake, &ana);
}
END_TEST

#define LABELLED_BY_BEN                                                                                                          \
    "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"label\":\"%s\"}}"

START_TEST(names__are_known_when_an_op_uses_them)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
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
    stop(&fake, &ana);
}
END_TEST

START_TEST(names__that_come_late_or_never__are_waited_for_and_asked_for)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"late_project_ops\",\"ms\":30}");
    fake_do(&fake, LABELLED_BY_BEN, "late");
    WAIT_FOR(&ana, ana.last_seq == 1);
    ck_assert_str_eq(ana.last_label, "late");
    fault(&fake, "lost_project_ops", 1);
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
    ck_assert_int_eq(fake_count(&fake, "member.list"), 2);
    stop(&fake, &ana);
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
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ana.on_event = leave_at_once;
    bens(&fake, 5, false);
    WAIT_FOR(&ana, !ana.session);
    bens(&fake, 5, true);
    pass(&ana, 50);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 1);
    ck_assert_int_eq(fake_count(&fake, "session.leave"), 1);
    /* and may be joined again */
    ana.on_event = NULL;
    ana.follows = false;
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.synced_seq == 10);
    expect_same(&ana);
    stop(&fake, &ana);
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
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ana.on_event = free_at_once;
    bens(&fake, 5, false);
    struct gloss *g = ana.g;
    while (ana.g) {
        ck_assert_int_eq(gloss_wait(g, 1000), 0);
    }
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 1);
    stop(&fake, &ana);
}
END_TEST

START_TEST(two_clients__of_one_program__end_the_same)
{
    struct fake fake;
    struct client ana, other;
    start(&fake, &ana, 0);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
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
    stop(&fake, &ana);
}
END_TEST

RUN("session", replica__of_an_empty_session__is_synced_at_0, replica__read_in_pages__is_what_the_server_has,
    replica__when_ops_overtake_pages__is_whole_and_in_order, replica__cut_off_while_pages_come__is_read_again,
    replica__whose_connections_bring_one_page_each__is_read_to_its_end,
    replica__cut_off_and_continued_by_an_older_server__is_read_anew, replica__read_in_part_of_a_past_that_was_lost__is_read_anew,
    replica__computed_from_the_log__is_what_the_server_has,
    log_reader__whose_connections_break_in_the_burst__reads_the_names_first, log_reader__continues_where_it_was_told_to,
    watcher__without_replica__hears_only_what_is_new, resume__after_fifty_losses__tells_each_op_once_in_order,
    ops__that_come_twice__are_told_once, ops__with_a_gap__are_asked_for_again,
    ops__that_do_not_fit_the_chain_or_sum__end_the_session, sync__when_frames_have_no_sum__asks_for_one,
    rewound_log__is_read_anew_and_said_so, replica__that_was_away_below_the_cut__is_read_anew,
    log_reader__that_wants_the_archive__is_told_every_op, notices__are_told_and_obeyed,
    notice_upgrade__and_an_unknown_kind_of_op__end_the_session, join__of_what_is_not_there__ends_with_the_reason,
    join__that_is_answered_busy__is_asked_again, names__are_known_when_an_op_uses_them,
    names__that_come_late_or_never__are_waited_for_and_asked_for, leave__inside_a_callback__ends_its_events,
    free__inside_a_callback__is_the_last_of_it, two_clients__of_one_program__end_the_same)
