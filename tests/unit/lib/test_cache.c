/* The replica on disk: there at once the next time, and without what was erased. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/lib/disk.h"

START_TEST(replica__of_the_last_run__is_there_without_a_connection__and_continued)
{
    char dir[64], label[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "before");
    leave_cache(&fake, dir);
    int pages = fake_count(&fake, "session.page");
    somebody(&fake, "while away");

    start_client(&ana, &fake, dir);
    join_cached(&ana);
    ck_assert_uint_eq(gloss_session_seq(ana.session), 1);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 1);
    const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, 0));
    ck_assert_str_eq(json_string_value(json_object_get(record, "note")), "before");
    ck_assert(gloss_annotation_label(gloss_annotation_at(ana.session, 0), label));
    ck_assert_str_eq(gloss_label_name(ana.session, label), "claim");
    ck_assert_str_eq(json_string_value(json_object_get(gloss_session_document(ana.session), "title")), "A brief");
    /* a change of what is there needs no connection, and no base */
    char annotation[GLOSS_ID];
    gloss_annotation_id(gloss_annotation_at(ana.session, 0), annotation);
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "offline");
    ck_assert_int_eq(gloss_submit_change(ana.session, change, NULL, NULL, client_on_result, &ana), 0);
    json_decref(change);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.results == 1 && gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.accepted, 1);
    ck_assert(ana.resumed);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_OP] == 2); /* only what came since */
    ck_assert_int_eq(fake_count(&fake, "session.page"), pages);
    expect_same(&ana);
    client_free(&ana);
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

static void cache_path(struct fake *fake, struct gloss *g, const char *dir, char path[512])
{
    snprintf(path, 512, "%s/%s.%s.cache", dir, gloss_account(g), fake_text(fake, "session"));
}

START_TEST(replica__that_does_not_fit__is_read_anew)
{
    char dir[64], path[512];
    struct fake fake;
    struct client ana;
    static char bytes[65536];
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "one");
    somebody(&fake, "two");
    leave_cache(&fake, dir);
    fake_do(&fake, "{\"do\":\"rewind\",\"to\":1,\"then\":3}"); /* another past */
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 2);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 1);
    expect_same(&ana);
    cache_path(&fake, ana.g, dir, path);
    client_free(&ana);
    size_t len = read_file(path, bytes, sizeof(bytes));
    for (size_t at = 0; at < len; at += 97) { /* damaged or cut: as if there were none */
        bytes[at] ^= 1;
        write_file(path, bytes, at % 2 == 0 ? len : at);
        bytes[at] ^= 1;
        start_client(&ana, &fake, dir);
        join_cached(&ana);
        ck_assert_msg(gloss_annotation_count(ana.session) == 0, "byte %zu", at);
        client_free(&ana);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

START_TEST(words_that_were_erased__leave_the_disk)
{
    char dir[64], cache[512], queue[512];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    submit(&ana, creates(1, "canary"), false);
    somebody(&fake, "canary too");
    WAIT_FOR(&ana, ana.results == 1 && gloss_session_seq(ana.session) == 2);
    ck_assert_int_eq(gloss_session_save(ana.session), 0);
    cache_path(&fake, ana.g, dir, cache);
    snprintf(queue, sizeof(queue), "%s/%s.%s.queue", dir, gloss_account(ana.g), fake_text(&fake, "session"));
    ck_assert(has_words(cache, "canary"));
    fake_do(&fake, "{\"do\":\"redact\",\"at\":0}");
    fake_do(&fake, "{\"do\":\"redact\",\"at\":1}");
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 4 && !has_words(queue, "canary"));
    ck_assert(!has_words(cache, "canary"));
    const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, 1));
    ck_assert(!json_object_get(record, "note") && json_is_true(json_object_get(record, "redacted")));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 0);
    expect_same(&ana);
    client_free(&ana);
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

START_TEST(words_that_were_erased_while_away__leave_the_disk_with_the_rest)
{
    char dir[64], cache[512];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "before");
    leave_cache(&fake, dir);
    somebody(&fake, "canary");
    fake_do(&fake, "{\"do\":\"redact\",\"at\":1}");
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 1); /* what it lacks has only a leaf: the state in pages */
    ck_assert_uint_eq(gloss_session_seq(ana.session), 3);
    expect_same(&ana);
    cache_path(&fake, ana.g, dir, cache);
    client_free(&ana);
    ck_assert(!has_words(cache, "canary"));
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

static struct gloss_session *other;

static void save_other(void)
{
    ck_assert_int_eq(gloss_session_save(other), 0);
}

START_TEST(replica__that_two_write_at_once__is_whole)
{
    char dir[64];
    struct fake fake;
    struct client ana, beside, next;
    struct gloss_join options;
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "before");
    leave_cache(&fake, dir);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    start_client(&beside, &fake, dir);
    gloss_join_init(&options);
    options.cache = options.no_queue = true;
    client_join(&beside, &options);
    somebody(&fake, "new");
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && gloss_session_seq(ana.session) == 2);
    WAIT_FOR(&beside, gloss_session_is_synced(beside.session) && gloss_session_seq(beside.session) == 2);
    somebody(&fake, "newer");
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 3);
    WAIT_FOR(&beside, gloss_session_seq(beside.session) == 3);

    other = beside.session;
    disk_meanwhile = save_other;
    ck_assert_int_eq(gloss_session_save(ana.session), 0);
    ck_assert_ptr_null(disk_meanwhile);
    client_free(&beside);
    client_free(&ana);
    start_client(&next, &fake, dir);
    join_cached(&next);
    ck_assert_uint_eq(gloss_session_seq(next.session), 3);
    client_free(&next);
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

RUN("cache", replica__of_the_last_run__is_there_without_a_connection__and_continued, replica__that_does_not_fit__is_read_anew,
    words_that_were_erased__leave_the_disk, words_that_were_erased_while_away__leave_the_disk_with_the_rest,
    replica__that_two_write_at_once__is_whole)
