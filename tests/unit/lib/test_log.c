/* Who reads the log and not the state: from its beginning, from where one was, without a replica; archived, and gone back in time. */
#include "tests/unit/lib/fake.h"

START_TEST(replica__computed_from_the_log__is_what_the_server_has)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    client_start(&ana, &fake, 250);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 250);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(log_reader__whose_connections_break_in_the_burst__reads_the_names_first)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    client_start(&ana, &fake, 250);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_names\",\"times\":1000}");
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_ge(ana.seen[GLOSS_EV_CONNECTED], 2);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 250);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(log_reader__continues_where_it_was_told_to)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    char chain[GLOSS_HASH];
    client_start(&ana, &fake, 30);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    options.replica = false;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.last_seq, 30);
    gloss_session_chain(ana.session, chain);
    client_free(&ana);

    fake_bens(&fake, 12, false);
    client_new(&ana, &fake);
    options.since = 30;
    options.chain = chain;
    ana.last_seq = 30;
    ana.follows = true;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 12);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(watcher__without_replica__hears_only_what_is_new)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    client_start(&ana, &fake, 30);
    gloss_join_init(&options);
    options.replica = false;
    client_join(&ana, &options);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.synced_seq, 30);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 0);
    fake_bens(&fake, 3, true);
    fake_do(&fake, "{\"do\":\"drop\"}");
    fake_bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 36);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_OP], 6);
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(rewound_log__is_read_anew_and_said_so)
{
    struct fake fake;
    struct client ana, watcher;
    struct gloss_join options;
    client_start_synced(&ana, &fake, 10);
    fake_bens(&fake, 5, true);
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
    client_stop(&ana, &fake);
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
    client_start_synced(&ana, &fake, 5);
    gloss_join_init(&options);
    options.from = GLOSS_FROM_LOG;
    client_new(&watcher, &fake);
    client_join(&watcher, &options);
    WAIT_FOR(&watcher, watcher.last_seq == 5 && gloss_session_is_synced(watcher.session));
    fake_do(&fake, "{\"do\":\"drop\"}");
    fake_bens(&fake, 10, false);
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
    client_stop(&ana, &fake);
}
END_TEST

START_TEST(log_reader__that_wants_the_archive__is_told_every_op)
{
    struct fake fake;
    struct client ana;
    struct gloss_join options;
    client_start(&ana, &fake, 30);
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
    fake_bens(&fake, 3, true);
    WAIT_FOR(&ana, ana.last_seq == 33);
    expect_same(&ana);
    ck_assert_int_ge(fake_count(&fake, "session.log"), 4);
    client_stop(&ana, &fake);
}
END_TEST

RUN("log", replica__computed_from_the_log__is_what_the_server_has,
    log_reader__whose_connections_break_in_the_burst__reads_the_names_first, log_reader__continues_where_it_was_told_to,
    watcher__without_replica__hears_only_what_is_new, rewound_log__is_read_anew_and_said_so,
    replica__that_was_away_below_the_cut__is_read_anew, log_reader__that_wants_the_archive__is_told_every_op)
