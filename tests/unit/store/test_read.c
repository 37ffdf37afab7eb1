/* test_read.c - what the store reads: a session's state and its tail agree, lists come in pages, and what is not there is not found. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/base/clock.h"
#include "service/store/conninfo.h"
#include "service/store/genesis.h"
#include "service/store/store_priv.h"
#include "tests/unit/store/bench.h"

#define YEAR_MS   (INT64_C(365) * 86400000)
#define MINUTE_MS 60000

static struct bench bench;
static struct scribe ana;
static struct rows rows;

static void setup(void)
{
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
}

static void teardown(void)
{
    scribe_fini(&ana);
    ck_assert_uint_eq(store_in_flight(bench.store), 0);
    bench_fini(&bench);
}

static void write_ops(size_t count)
{
    scribe_write(&ana, count);
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    ck_assert_int_eq(ana.stream.outcome, APPEND_COMMITTED);
    scribe_committed(&ana);
}

/* ---- a session's state */

struct loaded {
    bool is_done;
    enum gl_code code;
    uint64_t head, epoch;
    gl_hash sum, chain, recent_chain;
    size_t records, recent;
    uint64_t first_recent;
    bool is_text, is_sum, is_ordered;
    int64_t last_at_ms;
};

static void on_state(void *ctx, enum gl_code code, const struct store_state *state)
{
    struct loaded *loaded = ctx;
    loaded->is_done = true;
    loaded->code = code;
    if (code != GL_OK) {
        ck_assert_ptr_null(state);
        return;
    }
    loaded->head = state->head;
    loaded->epoch = state->epoch;
    loaded->chain = state->chain;
    loaded->records = state->record_count;
    loaded->recent = state->recent_count;
    loaded->last_at_ms = state->last_at_ms;
    loaded->is_text = gl_slice_is(state->text, TEXT) && gl_slice_is(state->mode, "shared");
    gl_hash sum = {{0}};
    for (size_t i = 0; i < state->record_count; i++) {
        gl_hash item = gl_sha256(state->records[i].data, state->records[i].len);
        gl_sum_add(&sum, &item);
    }
    loaded->is_sum = gl_hash_equal(&sum, &state->sum);
    loaded->is_ordered = true;
    for (size_t i = 1; i < state->recent_count; i++) {
        loaded->is_ordered &= state->recent[i].seq == state->recent[i - 1].seq + 1;
        gl_hash leaf = gl_leaf(state->recent[i].salt, state->recent[i].payload);
        gl_hash chain = gl_chain_next(&state->recent[i - 1].chain, &leaf);
        loaded->is_ordered &= gl_hash_equal(&chain, &state->recent[i].chain);
    }
    loaded->first_recent = state->recent_count > 0 ? state->recent[0].seq : 0;
    loaded->recent_chain = state->recent_count > 0 ? state->recent[state->recent_count - 1].chain : state->chain;
}

static struct loaded load(const gl_uuid *account, const gl_uuid *session, size_t recent_max)
{
    struct loaded loaded = {.is_done = false};
    store_session_load(bench.store, account, session, recent_max, on_state, &loaded);
    ck_assert(!loaded.is_done);
    ck_assert(loop_poll_run(bench.loop, &loaded.is_done, WAIT_MS));
    return loaded;
}

START_TEST(load__of_a_new_session__is_its_text_and_nothing_else)
{
    struct loaded loaded = load(&bench.ana, &bench.session, 100);
    ck_assert_int_eq(loaded.code, GL_OK);
    ck_assert(loaded.is_text && loaded.is_sum);
    ck_assert_uint_eq(loaded.head + loaded.records + loaded.recent, 0);
    ck_assert_int_eq(loaded.last_at_ms, 0);
    ck_assert(gl_hash_equal(&loaded.chain, &ana.state->chain));
}
END_TEST

START_TEST(load__agrees_with_the_replica_that_followed_every_op)
{
    /* given */
    int64_t before_ms = clock_unix_ms();
    for (int i = 0; i < 10; i++) {
        write_ops(20);
    }
    /* when  */
    struct loaded loaded = load(&bench.ben, &bench.session, 50);
    /* then  */
    ck_assert_int_eq(loaded.code, GL_OK);
    ck_assert_uint_eq(loaded.head, 200);
    ck_assert_uint_eq(loaded.records, ana.state->count);
    ck_assert_uint_eq(loaded.recent, 50);
    ck_assert_uint_eq(loaded.first_recent, 151);
    ck_assert(loaded.is_sum && loaded.is_ordered);
    ck_assert(gl_hash_equal(&loaded.chain, &ana.state->chain) && gl_hash_equal(&loaded.recent_chain, &loaded.chain));
    ck_assert_uint_eq(loaded.epoch, bench.epoch);
    ck_assert_int_ge(loaded.last_at_ms, before_ms);
    ck_assert_int_le(loaded.last_at_ms, clock_unix_ms());
}
END_TEST

START_TEST(load__of_what_is_not_yours__is_not_found)
{
    gl_uuid nothing = gl_uuid_v7(1);
    ck_assert_int_eq(load(&bench.eve, &bench.session, 10).code, GL_E_NOT_FOUND);
    ck_assert_int_eq(load(&bench.ana, &nothing, 10).code, GL_E_NOT_FOUND);
    ck_assert_int_eq(load(&bench.ana, &bench.project, 10).code, GL_E_NOT_FOUND);
}
END_TEST

START_TEST(load__while_somebody_appends__is_one_moment)
{
    /* given */
    struct scribe ben;
    scribe_init(&ben, &bench, &bench.session, &bench.ana);
    for (int round = 0; round < 30; round++) {
        struct loaded loaded = {.is_done = false};
        struct appended appended;
        scribe_write(&ana, 25);
        /* when  */
        append_start(bench.store, &ana.stream, 1, &appended);
        store_session_load(bench.store, &bench.ana, &bench.session, 30, on_state, &loaded);
        ck_assert(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS) && loop_poll_run(bench.loop, &loaded.is_done, WAIT_MS));
        scribe_committed(&ana);
        /* then: before or after, never between */
        ck_assert(loaded.is_sum && loaded.is_ordered && gl_hash_equal(&loaded.recent_chain, &loaded.chain));
        ck_assert(loaded.head == ana.state->seq || loaded.head + 25 == ana.state->seq);
    }
    ck_assert(scribe_catch_up(&ben, &bench, bench.store));
    ck_assert(gl_hash_equal(&ben.state->sum, &ana.state->sum));
    scribe_fini(&ben);
}
END_TEST

/* ---- tails */

struct tailed {
    bool is_done;
    enum gl_code code;
    size_t count;
    uint64_t head, first;
    gl_hash before;
};

static void on_tail(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct tailed *tailed = ctx;
    *tailed = (struct tailed){.is_done = true, .code = code};
    if (code == GL_OK) {
        tailed->count = tail->count;
        tailed->head = tail->head;
        tailed->first = tail->count > 0 ? tail->ops[0].seq : 0;
        tailed->before = tail->chain_before;
    }
}

static struct tailed tail_of(const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops, size_t max_bytes)
{
    struct tailed tailed = {.is_done = false};
    store_tail_read(bench.store, account, stream, after, max_ops, max_bytes, on_tail, &tailed);
    ck_assert(loop_poll_run(bench.loop, &tailed.is_done, WAIT_MS));
    return tailed;
}

START_TEST(tail__comes_in_pieces_of_ops_and_of_bytes)
{
    write_ops(40);
    struct tailed all = tail_of(&bench.ana, &bench.session, 0, 1000, 1 << 20);
    ck_assert_uint_eq(all.count, 40);
    ck_assert_uint_eq(tail_of(&bench.ana, &bench.session, 10, 5, 1 << 20).count, 5);
    ck_assert_uint_eq(tail_of(&bench.ana, &bench.session, 10, 5, 1 << 20).first, 11);
    ck_assert_uint_eq(tail_of(&bench.ana, &bench.session, 10, 30, 1).count, 1);
    struct tailed some = tail_of(&bench.ana, &bench.session, 0, 40, 3000);
    ck_assert(some.count > 1 && some.count < 15);
    ck_assert_uint_eq(tail_of(&bench.ana, &bench.session, 40, 30, 1000).count, 0);
}
END_TEST

START_TEST(tail__of_a_log_that_went_back_in_time__has_no_chain_there)
{
    static const gl_hash none;
    write_ops(3);
    struct tailed tailed = tail_of(&bench.ana, &bench.session, 7, 10, 1000);
    ck_assert_int_eq(tailed.code, GL_OK);
    ck_assert_uint_eq(tailed.head, 3);
    ck_assert(gl_hash_equal(&tailed.before, &none));
    ck_assert_int_eq(tail_of(&bench.eve, &bench.session, 0, 10, 1000).code, GL_E_NOT_FOUND);
    ck_assert_uint_eq(tail_of(&bench.ana, &bench.project, 0, 100, 1 << 20).count, bench.project_head);
}
END_TEST

/* ---- projects, heads, sessions */

static bool project_done;
static void on_project(void *ctx, enum gl_code code, const struct store_project *project)
{
    (void)ctx;
    project_done = true;
    ck_assert_int_eq(code, GL_OK);
    ck_assert(gl_slice_is(project->name, "harbour"));
    ck_assert_uint_eq(project->head, bench.project_head);
    ck_assert_uint_eq(project->epoch, bench.epoch);
    ck_assert(gl_hash_equal(&project->chain, &bench.project_chain));
    ck_assert(project->is_open && project->others_may_edit);
    ck_assert_uint_eq(project->record_count, 2);
    ck_assert(gl_slice_is(project->records[0], "{\"name\":\"claim\"}") &&
              gl_slice_is(project->records[1], "{\"name\":\"evidence\"}"));
}

START_TEST(project__is_loaded_with_what_changed_in_its_codebook)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(&bench.project, text);
    db_do(
        &bench.db,
        "insert into term (id, project, kind, name, seq, record) select gen_random_uuid(), '%s', 'label', n, i, '{\"name\":\"' || n || '\"}' "
        "from unnest(array['old', 'claim', 'evidence']) with ordinality as t (n, i)",
        text);
    store_project_load(bench.store, &bench.ben, &bench.project, 1, on_project, NULL);
    ck_assert(loop_poll_run(bench.loop, &project_done, WAIT_MS));
}
END_TEST

static bool heads_done;
static void on_heads(void *ctx, enum gl_code code, const struct store_head *heads, size_t count)
{
    const gl_uuid *asked = ctx;
    heads_done = true;
    ck_assert_int_eq(code, GL_OK);
    ck_assert_uint_eq(count, 3);
    for (size_t i = 0; i < count; i++) {
        ck_assert(gl_uuid_equal(&heads[i].stream, &asked[i]));
    }
    ck_assert_uint_eq(heads[0].head, 4);
    ck_assert_uint_eq(heads[0].epoch, bench.epoch);
    ck_assert_uint_eq(heads[1].head, UINT64_MAX);
    ck_assert_uint_eq(heads[2].head, bench.project_head);
}

START_TEST(heads__of_streams_that_are_gone__say_so)
{
    gl_uuid asked[] = {bench.session, gl_uuid_v7(1), bench.project};
    write_ops(4);
    store_heads_read(bench.store, asked, 3, on_heads, asked);
    ck_assert(loop_poll_run(bench.loop, &heads_done, WAIT_MS));
}
END_TEST

static bool session_done;
static void on_session(void *ctx, enum gl_code code, const struct store_session *session)
{
    (void)ctx;
    session_done = true;
    ck_assert_int_eq(code, GL_OK);
    ck_assert_int_eq(session->role, GL_ANNOTATOR);
    ck_assert(gl_uuid_equal(&session->project, &bench.project) && gl_uuid_equal(&session->document.document, &bench.document));
    ck_assert(gl_uuid_equal(&session->document.revision, &bench.revision) &&
              gl_uuid_equal(&session->document.session, &bench.session));
    ck_assert(gl_slice_is(session->document.title, TEXT) && gl_slice_is(session->document.filename, "a.txt"));
    ck_assert_uint_eq(session->document.bytes, strlen(TEXT));
    ck_assert_uint_eq(session->epoch, bench.epoch);
    ck_assert_uint_eq(session->head, 2);
    gl_hash sha256 = gl_sha256(TEXT, strlen(TEXT));
    ck_assert_mem_eq(session->document.sha256, sha256.bytes, 32);
}

START_TEST(session__is_opened_with_role_and_document)
{
    write_ops(2);
    store_session_open(bench.store, &bench.ben, &bench.session, on_session, NULL);
    ck_assert(loop_poll_run(bench.loop, &session_done, WAIT_MS));
}
END_TEST

/* ---- lists */

static size_t documents(const char *prefix, const char *after, const gl_uuid *after_id, uint64_t limit)
{
    struct store_param params[] = {P_NULL,
                                   prefix ? P_TEXT(gl_slice_str(prefix)) : P_NULL,
                                   P_NULL,
                                   P_NULL,
                                   P_NULL,
                                   P_NULL,
                                   P_NULL,
                                   P_BOOL(false),
                                   after ? P_TEXT(gl_slice_str(after)) : P_NULL,
                                   after_id ? P_UUID(*after_id) : P_NULL,
                                   P_TEXT(GL_SLICE("title")),
                                   P_U64(limit)};
    query_wait(&bench, STORE_Q_document_list, &bench.ana, params, 12, &rows);
    ck_assert_int_eq(rows.code, GL_OK);
    return rows.count;
}

START_TEST(codebook__comes_in_pages_of_records_and_of_bytes)
{
    char text[GL_UUID_TEXT + 1];
    struct store_param page[] = {P_UUID(bench.project), P_NULL, P_NULL, P_U64(100), P_U64(50000)};
    gl_uuid_format(&bench.project, text);
    db_do(&bench.db,
          "insert into term (id, project, kind, name, seq, record) "
          "select gen_random_uuid(), '%s', 'label', 'n' || i, 1, repeat('x', 20000) from generate_series(1, 9) as i",
          text);
    query_wait(&bench, STORE_Q_codebook_page, &bench.ben, page, 5, &rows);
    ck_assert_uint_eq(rows.count, 4); /* 60 000 bytes, and the one that says that there are more */
    page[1] = P_TEXT(GL_SLICE("label"));
    page[2] = P_TEXT(GL_SLICE("n6"));
    query_wait(&bench, STORE_Q_codebook_page, &bench.ben, page, 5, &rows);
    ck_assert_uint_eq(rows.count, 3);
    page[3] = P_U64(2);
    query_wait(&bench, STORE_Q_codebook_page, &bench.ben, page, 5, &rows);
    ck_assert_uint_eq(rows.count, 2);
}
END_TEST

START_TEST(documents__come_in_pages_by_title)
{
    gl_uuid document, revision, session;
    bench_document(&bench, "alpha 1%", &document, &revision, &session);
    bench_document(&bench, "Alpha 2_", &document, &revision, &session);
    bench_document(&bench, "beta", &document, &revision, &session);
    ck_assert_uint_eq(documents(NULL, NULL, NULL, 100), 4);
    ck_assert_uint_eq(documents(NULL, NULL, NULL, 2), 2);
    gl_uuid last = rows.ids[1];
    ck_assert_uint_eq(documents(NULL, TEXT, &last, 100), 2);
    ck_assert_uint_eq(documents("ALPHA", NULL, NULL, 100), 2);
    ck_assert_uint_eq(documents("alpha 1%", NULL, NULL, 100), 1);
    ck_assert_uint_eq(documents("a%", NULL, NULL, 100), 0);
    ck_assert_uint_eq(documents("A.T", NULL, NULL, 100), 4); /* the file's name */
}
END_TEST

START_TEST(plain_queries__find_what_is_there)
{
    gl_hash sha256 = gl_sha256(TEXT, strlen(TEXT));
    struct store_param project = P_UUID(bench.project), document = P_UUID(bench.document), revision = P_UUID(bench.revision);
    query_wait(&bench, STORE_Q_project_list, &bench.ana, (struct store_param[]){P_NULL, P_NULL, P_U64(10)}, 3, &rows);
    ck_assert(rows.count == 1 && gl_uuid_equal(&rows.ids[0], &bench.project));
    query_wait(&bench, STORE_Q_project_list, &bench.ana,
               (struct store_param[]){P_TEXT(GL_SLICE("harbour")), P_UUID(bench.project), P_U64(10)}, 3, &rows);
    ck_assert_uint_eq(rows.count, 0);
    query_wait(&bench, STORE_Q_role_of_project, &bench.ben, &project, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_role_of_document, &bench.ben, &document, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_member_list, &bench.ben, (struct store_param[]){project, P_BOOL(false), P_NULL, P_NULL, P_U64(10)},
               5, &rows);
    ck_assert(rows.count == 2 && gl_uuid_equal(&rows.ids[0], &bench.ana));
    query_wait(&bench, STORE_Q_member_list, &bench.ben,
               (struct store_param[]){project, P_BOOL(false), P_TEXT(GL_SLICE("ana")), P_UUID(bench.ana), P_U64(10)}, 5, &rows);
    ck_assert(rows.count == 1 && gl_uuid_equal(&rows.ids[0], &bench.ben));
    query_wait(&bench, STORE_Q_member_list, &bench.ben,
               (struct store_param[]){project, P_BOOL(true), P_TEXT(GL_SLICE("ana")), P_UUID(bench.ana), P_U64(10)}, 5, &rows);
    ck_assert_uint_eq(rows.count, 0);
    query_wait(&bench, STORE_Q_account_by_name, &bench.ana, (struct store_param[]){P_TEXT(GL_SLICE("eve"))}, 1, &rows);
    ck_assert(rows.count == 1 && gl_uuid_equal(&rows.ids[0], &bench.eve));
    query_wait(&bench, STORE_Q_quotas, NULL, (struct store_param[]){P_U64(0)}, 1, &rows); /* none was ever set */
    ck_assert_uint_eq(rows.count, 0);
    query_wait(&bench, STORE_Q_quotas, NULL, (struct store_param[]){P_U64(UINT64_MAX)}, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_project_stored, NULL, &project, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_document_by_sha, &bench.ben, (struct store_param[]){project, P_BYTES(sha256.bytes, 32)}, 2, &rows);
    ck_assert(rows.count == 1 && gl_uuid_equal(&rows.ids[0], &bench.document));
    query_wait(&bench, STORE_Q_document_bytes, &bench.ben, &revision, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_sign_in_name, NULL, (struct store_param[]){P_TEXT(GL_SLICE("ben"))}, 1, &rows);
    ck_assert(rows.count == 1 && gl_uuid_equal(&rows.ids[0], &bench.ben));
    query_wait(&bench, STORE_Q_member_role, &bench.ana, (struct store_param[]){project, P_UUID(bench.eve)}, 2, &rows);
    ck_assert_uint_eq(rows.count, 1);
    write_ops(1);
    struct store_param id = P_UUID(ana.state->items[0]->id);
    query_wait(&bench, STORE_Q_annotation_locate, &bench.ben, (struct store_param[]){id, id}, 2, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_annotation_locate, &bench.eve, (struct store_param[]){id, id}, 2, &rows);
    ck_assert_uint_eq(rows.count, 0);
}
END_TEST

START_TEST(project__of_a_name_that_one_has__exists)
{
    gl_uuid id = gl_uuid_v7(1);
    struct genesis genesis;
    bench_project(&bench, &bench.ben, "harbour two");
    genesis_init(&genesis, &id, GL_SLICE("harbour"), &bench.ben, clock_unix_ms());
    query_wait(&bench, STORE_Q_project_create, &bench.ben, genesis.params, GENESIS_PARAMS, &rows);
    ck_assert_int_eq(rows.code, GL_E_EXISTS);
    query_wait(&bench, STORE_Q_project_create, &bench.eve, genesis.params, GENESIS_PARAMS, &rows);
    ck_assert_int_eq(rows.code, GL_OK); /* she can not know of the other one */
    genesis_fini(&genesis);
}
END_TEST

START_TEST(clock__of_the_database_is_known_after_a_moment)
{
    for (int i = 0; i < 1000 && llabs(store_clock_offset_ms(bench.store)) >= 50;
         i++) { /* a slow look is as wrong as it is slow */
        loop_poll_run(bench.loop, NULL, 100);
    }
    ck_assert_int_lt(llabs(store_clock_offset_ms(bench.store)), 50);
}
END_TEST

START_TEST(clock__of_this_machine__may_be_moved_and_moves_nothing)
{
    loop_poll_run(bench.loop, NULL, 300);
    int64_t before = store_now_ms(bench.store);
    loop_poll_set_clock(bench.loop, YEAR_MS);
    ck_assert_int_lt(llabs(store_now_ms(bench.store) - before), MINUTE_MS);
    ck_assert_int_lt(llabs(store_clock_offset_ms(bench.store) + YEAR_MS), MINUTE_MS); /* and it is noticed at once */
    loop_poll_set_clock(bench.loop, -YEAR_MS);
    ck_assert_int_lt(llabs(store_now_ms(bench.store) - before), MINUTE_MS);
    ck_assert_int_lt(llabs(store_clock_offset_ms(bench.store) - YEAR_MS), MINUTE_MS);
}
END_TEST

START_TEST(clock__of_the_database__is_believed_when_it_is_moved)
{
    loop_poll_run(bench.loop, NULL, 300);
    int64_t before = store_now_ms(bench.store);
    /* The looks at the new time are slow ones; the old time was read faster. */
    store_take_clock(bench.store, before + YEAR_MS, loop_now_ms(bench.loop) - 400);
    ck_assert_int_lt(llabs(store_now_ms(bench.store) - before - YEAR_MS), MINUTE_MS);
    store_take_clock(bench.store, before, loop_now_ms(bench.loop) - 800);
    ck_assert_int_lt(llabs(store_now_ms(bench.store) - before), MINUTE_MS);
}
END_TEST

START_TEST(store__with_several_hosts__finds_the_one_that_is_there)
{
    char conninfo[600];
    struct store_pg_config config = db_config(&bench.db);
    struct conninfo *parsed;
    ck_assert_int_eq(conninfo_new(config.conninfo, NULL, "test", 0, &parsed, NULL), GL_OK);
    snprintf(conninfo, sizeof(conninfo), "host='/nonexistent,%s,/neither' port=%s dbname='%s'", conninfo_get(parsed, "host"),
             conninfo_get(parsed, "port"), bench.db.name);
    conninfo_free(&parsed);
    config.conninfo = conninfo;
    struct store *store = store_pg_new(bench.loop, &config);
    for (int i = 0; i < 6000 && !store_is_up(store); i++) {
        loop_poll_run(bench.loop, NULL, 20);
    }
    ck_assert(store_is_up(store));
    store_free(&store);
}
END_TEST

START_TEST(conninfo__with_several_hosts__names_one_at_a_time)
{
    static const char *const expected[] = {"a", "b", "c", "a"};
    struct conninfo *parsed;
    for (unsigned turn = 0; turn < 4; turn++) {
        ck_assert_int_eq(conninfo_new("host=a,b,c port=1,2,3 keepalives=0", "me", "test", turn, &parsed, NULL), GL_OK);
        ck_assert_str_eq(conninfo_get(parsed, "host"), expected[turn]);
        ck_assert_int_eq(conninfo_get(parsed, "port")[0], '1' + (int)turn % 3);
        ck_assert_uint_eq(strlen(conninfo_get(parsed, "port")), 1);
        ck_assert_str_eq(conninfo_get(parsed, "keepalives"), "0");
        ck_assert_str_eq(conninfo_get(parsed, "user"), "me");
        conninfo_free(&parsed);
    }
    ck_assert_int_eq(conninfo_new("host=a,b,c port=1", "me", "test", CONNINFO_ALL_HOSTS, &parsed, NULL), GL_OK);
    ck_assert_str_eq(conninfo_get(parsed, "host"), "a,b,c");
    conninfo_free(&parsed);
    ck_assert_uint_eq(conninfo_hosts("host=a,b,c port=1"), 3);
    ck_assert_uint_eq(conninfo_hosts("dbname=x"), 1);
    ck_assert_uint_eq(conninfo_hosts("="), 1);
}
END_TEST

START_TEST(store__without_a_server__says_so_after_its_deadline)
{
    struct store_pg_config config = {
        .conninfo = "host=/nonexistent dbname=x", .append_role = "a", .reader_role = "b", .statement_ms = 300};
    struct store *store = store_pg_new(bench.loop, &config);
    struct appended appended;
    struct loaded loaded = {.is_done = false};
    scribe_write(&ana, 1);
    append_start(store, &ana.stream, 1, &appended);
    store_session_load(store, &bench.ana, &bench.session, 1, on_state, &loaded);
    ck_assert(loop_poll_run(bench.loop, &appended.is_done, WAIT_MS) && loop_poll_run(bench.loop, &loaded.is_done, WAIT_MS));
    ck_assert_int_eq(appended.code, GL_E_STORE_DOWN);
    ck_assert_int_eq(loaded.code, GL_E_STORE_DOWN);
    ck_assert(!store_is_up(store));
    store_free(&store);
}
END_TEST

START_TEST(store__that_is_freed__drops_what_is_in_flight_without_a_word)
{
    struct store *store = bench_store(&bench, 2);
    struct appended appended;
    struct loaded loaded = {.is_done = false};
    heads_done = false;
    scribe_write(&ana, 5);
    append_start(store, &ana.stream, 1, &appended);
    store_session_load(store, &bench.ana, &bench.session, 1, on_state, &loaded);
    store_heads_read(store, &bench.session, 1, on_heads, NULL);
    store_free(&store);
    loop_poll_run(bench.loop, NULL, 50);
    ck_assert(!appended.is_done && !loaded.is_done && !heads_done);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("read");
    TCase *tcase = tcase_create("read");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, load__of_a_new_session__is_its_text_and_nothing_else);
    tcase_add_test(tcase, load__agrees_with_the_replica_that_followed_every_op);
    tcase_add_test(tcase, load__of_what_is_not_yours__is_not_found);
    tcase_add_test(tcase, load__while_somebody_appends__is_one_moment);
    tcase_add_test(tcase, tail__comes_in_pieces_of_ops_and_of_bytes);
    tcase_add_test(tcase, tail__of_a_log_that_went_back_in_time__has_no_chain_there);
    tcase_add_test(tcase, project__is_loaded_with_what_changed_in_its_codebook);
    tcase_add_test(tcase, heads__of_streams_that_are_gone__say_so);
    tcase_add_test(tcase, session__is_opened_with_role_and_document);
    tcase_add_test(tcase, codebook__comes_in_pages_of_records_and_of_bytes);
    tcase_add_test(tcase, documents__come_in_pages_by_title);
    tcase_add_test(tcase, plain_queries__find_what_is_there);
    tcase_add_test(tcase, project__of_a_name_that_one_has__exists);
    tcase_add_test(tcase, clock__of_the_database_is_known_after_a_moment);
    tcase_add_test(tcase, clock__of_this_machine__may_be_moved_and_moves_nothing);
    tcase_add_test(tcase, clock__of_the_database__is_believed_when_it_is_moved);
    tcase_add_test(tcase, store__with_several_hosts__finds_the_one_that_is_there);
    tcase_add_test(tcase, conninfo__with_several_hosts__names_one_at_a_time);
    tcase_add_test(tcase, store__without_a_server__says_so_after_its_deadline);
    tcase_add_test(tcase, store__that_is_freed__drops_what_is_in_flight_without_a_word);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
