/* test_rights.c - nobody sees what is not theirs, and no role can do more than its statements need. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store/bench.h"

static struct bench bench;
static struct scribe ana;
static struct rows rows;

static void setup(void)
{
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
    scribe_write(&ana, 5);
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    scribe_committed(&ana);
}

static void teardown(void)
{
    scribe_fini(&ana);
    bench_fini(&bench);
}

/* ---- rows: as the reader role, with no WHERE at all */

static const char *const tables[] = {"project",    "member", "stream",   "document", "revision", "session",       "op",
                                     "annotation", "term",   "snapshot", "run",      "token",    "snapshot_part", "archive"};

static uint64_t count_as(const gl_uuid *account, const char *table)
{
    char sql[128], text[GL_UUID_TEXT + 1] = "";
    if (account) {
        gl_uuid_format(account, text);
    }
    char *role = PQescapeIdentifier(bench.db.super, bench.db.reader, strlen(bench.db.reader));
    db_do(&bench.db, "begin");
    db_do(&bench.db, "set local role %s", role);
    db_do(&bench.db, "select set_config('gloss.account', '%s', true)", text);
    snprintf(sql, sizeof(sql), "select count(*) from %s", table);
    uint64_t count = db_count(&bench.db, "%s", sql);
    db_do(&bench.db, "rollback");
    PQfreemem(role);
    return count;
}

START_TEST(reader__without_a_where__sees_only_what_the_account_may)
{
    /* given: what there is */
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(&bench.project, text);
    db_do(&bench.db,
          "insert into term (id, project, kind, name, seq, record) values (gen_random_uuid(), '%s', 'label', 'claim', 1, '{}')",
          text);
    db_do(
        &bench.db,
        "insert into snapshot (stream, project, seq, chain, sum, mode, mode_seq) select id, project, 1, chain, sum, mode, 0 from stream "
        "where project = '%s'",
        text);
    db_do(&bench.db,
          "insert into snapshot_part (stream, project, seq, part, records) select stream, project, seq, 0, '' from snapshot");
    db_do(&bench.db, "insert into archive (stream, project, first, last, ops) select stream, project, 1, 1, '-' from snapshot");
    db_do(
        &bench.db,
        "insert into run (id, stream, project, account, name) select gen_random_uuid(), s.id, s.project, m.account, 'r' from stream s join member m "
        "on m.project = s.project and m.role = 'owner' where s.project = '%s'",
        text);
    db_do(
        &bench.db,
        "insert into token (id, account, secret_sha256) select gen_random_uuid(), id, sha256(name::bytea) from account where name = 'ana'");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        /* then */
        ck_assert_msg(count_as(&bench.ana, tables[i]) > 0, "%s: its owner sees nothing", tables[i]);
        ck_assert_msg(count_as(NULL, tables[i]) == 0, "%s: nobody sees something", tables[i]);
        db_do(&bench.db, "delete from member where project <> '%s'", text); /* eve is nowhere now */
        ck_assert_msg(count_as(&bench.eve, tables[i]) == 0, "%s: a stranger sees something", tables[i]);
    }
    ck_assert_uint_eq(count_as(NULL, "account"), 0);
    ck_assert_uint_eq(count_as(&bench.eve, "account"), 1);
    ck_assert_uint_eq(count_as(&bench.ana, "account"), 2);
}
END_TEST

START_TEST(reader__of_a_member__stops_with_the_membership_and_with_the_account)
{
    ck_assert_uint_gt(count_as(&bench.ben, "op"), 0);
    bench_member(&bench, &bench.ben, GL_NOBODY);
    ck_assert_uint_eq(count_as(&bench.ben, "op"), 0);
    bench_member(&bench, &bench.ben, GL_VIEWER);
    ck_assert_uint_gt(count_as(&bench.ben, "op"), 0);
    db_do(&bench.db, "update account set disabled_at = now() where name = 'ben'");
    ck_assert_uint_eq(count_as(&bench.ben, "op"), 0);
}
END_TEST

/* ---- every query, asked by a stranger about what is not theirs */

static const struct {
    const char *what;
    enum store_query_id query;
    struct store_param params[12];
    size_t count;
} foreign[] = {
#define PROJECT                                                                                                                  \
    {                                                                                                                            \
        .type = STORE_UUID                                                                                                       \
    }
#define DOCUMENT                                                                                                                 \
    {                                                                                                                            \
        .type = STORE_UUID, .u64 = 1                                                                                             \
    }
#define REVISION                                                                                                                 \
    {                                                                                                                            \
        .type = STORE_UUID, .u64 = 2                                                                                             \
    }
#define SESSION                                                                                                                  \
    {                                                                                                                            \
        .type = STORE_UUID, .u64 = 3                                                                                             \
    }
#define ANA                                                                                                                      \
    {                                                                                                                            \
        .type = STORE_UUID, .u64 = 4                                                                                             \
    }
#define NUMBER                                                                                                                   \
    {                                                                                                                            \
        .type = STORE_U64, .u64 = 100                                                                                            \
    }
#define NO                                                                                                                       \
    {                                                                                                                            \
        .type = STORE_BOOL                                                                                                       \
    }
#define NOTHING                                                                                                                  \
    {                                                                                                                            \
        .type = STORE_NULL                                                                                                       \
    }
    {"role_of_project", STORE_Q_role_of_project, {PROJECT}, 1},
    {"role_of_document", STORE_Q_role_of_document, {DOCUMENT}, 1},
    {"role_of_session", STORE_Q_role_of_session, {SESSION}, 1},
    {"member_list", STORE_Q_member_list, {PROJECT, NO, NOTHING, NOTHING, NUMBER}, 5},
    {"codebook_page", STORE_Q_codebook_page, {PROJECT, NOTHING, NOTHING, NUMBER, NUMBER}, 5},
    {"document_list",
     STORE_Q_document_list,
     {PROJECT, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NO, NOTHING, NOTHING, NOTHING, NUMBER},
     12},
    {"document_list of all",
     STORE_Q_document_list,
     {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NO, NOTHING, NOTHING, NOTHING, NUMBER},
     12},
    {"document_meta", STORE_Q_document_meta, {PROJECT, DOCUMENT}, 2},
    {"document_get", STORE_Q_document_get, {DOCUMENT}, 1},
    {"document_bytes", STORE_Q_document_bytes, {REVISION}, 1},
    {"session_open", STORE_Q_session_open, {SESSION}, 1},
    {"session_head", STORE_Q_session_head, {SESSION}, 1},
    {"session_records", STORE_Q_session_records, {SESSION}, 1},
    {"stream_newest", STORE_Q_stream_newest, {SESSION, NUMBER, NUMBER}, 3},
    {"stream_tail", STORE_Q_stream_tail, {SESSION, {.type = STORE_U64}, NUMBER, NUMBER}, 4},
    {"stream_tail of a project", STORE_Q_stream_tail, {PROJECT, {.type = STORE_U64}, NUMBER, NUMBER}, 4},
    {"stream_at", STORE_Q_stream_at, {SESSION, {.type = STORE_U64}}, 2},
    {"session_cut", STORE_Q_session_cut, {SESSION, {.type = STORE_U64}}, 2},
    {"project_head", STORE_Q_project_head, {PROJECT}, 1},
    {"project_terms", STORE_Q_project_terms, {PROJECT, NUMBER}, 2},
    {"token_revoke", STORE_Q_token_revoke, {{.type = STORE_UUID, .u64 = 5}, NOTHING}, 2},
};

static struct store_param filled(struct store_param param)
{
    const gl_uuid *ids[] = {&bench.project, &bench.document, &bench.revision, &bench.session, &bench.ana, &bench.ana};
    if (param.type == STORE_UUID) {
        param.uuid = *ids[param.u64];
    }
    return param;
}

START_TEST(query__asked_by_a_stranger__finds_nothing)
{
    struct store_param params[12];
    for (size_t i = 0; i < foreign[_i].count; i++) {
        params[i] = filled(foreign[_i].params[i]);
    }
    query_wait(&bench, foreign[_i].query, &bench.eve, params, foreign[_i].count, &rows);
    ck_assert_msg(rows.code == GL_OK, "%s: %s", foreign[_i].what, gl_code_name(rows.code));
    ck_assert_msg(rows.count == 0, "%s: a stranger gets %zu rows", foreign[_i].what, rows.count);
    query_wait(&bench, foreign[_i].query, NULL, params, foreign[_i].count, &rows);
    ck_assert_msg(rows.count == 0, "%s: nobody gets %zu rows", foreign[_i].what, rows.count);
}
END_TEST

START_TEST(query__of_names__tells_those_of_shared_projects_only)
{
    gl_uuid ids[] = {bench.ana, bench.ben, bench.eve};
    struct store_param param = P_BYTES(ids, sizeof(ids));
    query_wait(&bench, STORE_Q_account_names, &bench.eve, &param, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_account_names, &bench.ben, &param, 1, &rows);
    ck_assert_uint_eq(rows.count, 2);
}
END_TEST

START_TEST(token__of_somebody_else__can_not_be_revoked_or_made)
{
    gl_hash hash = gl_sha256("secret", 6);
    gl_uuid id = gl_uuid_v7(1);
    query_wait(&bench, STORE_Q_token_create, &bench.ana,
               (struct store_param[]){P_UUID(id), P_TEXT(GL_SLICE("t")), P_BYTES(hash.bytes, 32), P_NULL, P_NULL}, 5, &rows);
    ck_assert_int_eq(rows.code, GL_OK);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_token_revoke, &bench.eve, (struct store_param[]){P_UUID(id), P_NULL}, 2, &rows);
    ck_assert_uint_eq(rows.count, 0);
    query_wait(&bench, STORE_Q_sign_in_token, NULL, (struct store_param[]){P_BYTES(hash.bytes, 32)}, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_token_revoke, &bench.ana, (struct store_param[]){P_UUID(id), P_NULL}, 2, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_sign_in_token, NULL, (struct store_param[]){P_BYTES(hash.bytes, 32)}, 1, &rows);
    ck_assert_uint_eq(rows.count, 0);
    query_wait(&bench, STORE_Q_tokens_ended, NULL, (struct store_param[]){P_BYTES(id.bytes, 16)}, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    query_wait(&bench, STORE_Q_token_create, NULL,
               (struct store_param[]){P_UUID(bench.eve), P_TEXT(GL_SLICE("t")), P_BYTES(hash.bytes, 31), P_NULL, P_NULL}, 5,
               &rows);
    ck_assert_int_ne(rows.code, GL_OK);
}
END_TEST

/* ---- signing in, and opening a session in the same transaction: the account is set by whose token it is, and by nothing else */

static struct {
    bool is_done, is_somebody;
    gl_uuid account;
    enum gl_code code, opened;
    enum gl_role role;
} arrived;

static void on_arrived(void *ctx, enum gl_code code, const struct store_signed_in *who, enum gl_code opened,
                       const struct store_session *session)
{
    (void)ctx;
    arrived.is_done = true;
    arrived.code = code;
    arrived.opened = opened;
    arrived.is_somebody = who != NULL;
    arrived.account = who ? who->account : (gl_uuid){{0}};
    arrived.role = session ? session->role : GL_NOBODY;
    ck_assert(!session || gl_uuid_equal(&session->project, &bench.project));
}

static void arrive(const char *secret, const gl_uuid *session)
{
    gl_hash hash = gl_sha256(secret, strlen(secret));
    arrived.is_done = false;
    store_sign_in(bench.store, hash.bytes, session, on_arrived, NULL);
    ck_assert(loop_poll_run(bench.loop, &arrived.is_done, WAIT_MS));
    ck_assert_int_eq(arrived.code, GL_OK);
}

static void give_token(const gl_uuid *account, const char *secret)
{
    gl_hash hash = gl_sha256(secret, strlen(secret));
    query_wait(&bench, STORE_Q_token_create, account,
               (struct store_param[]){P_UUID(gl_uuid_v7(1)), P_TEXT(GL_SLICE("t")), P_BYTES(hash.bytes, 32), P_NULL, P_NULL}, 5,
               &rows);
    ck_assert_int_eq(rows.code, GL_OK);
}

START_TEST(token__opens_the_session_of_whose_it_is__and_nobody_elses)
{
    char text[GL_UUID_TEXT + 1];
    give_token(&bench.ben, "ben's");
    give_token(&bench.eve, "eve's");
    for (int i = 0; i < 8; i++) { /* on each of the connections */
        arrive("ben's", &bench.session);
        ck_assert(arrived.is_somebody && gl_uuid_equal(&arrived.account, &bench.ben));
        ck_assert_int_eq(arrived.opened, GL_OK);
        ck_assert_int_eq(arrived.role, GL_ANNOTATOR);
        arrive("nobody's", &bench.session);
        ck_assert(!arrived.is_somebody);
        ck_assert_int_eq(arrived.opened, GL_E_NOT_FOUND);
        arrive("eve's", &bench.session);
        ck_assert(arrived.is_somebody && gl_uuid_equal(&arrived.account, &bench.eve));
        ck_assert_int_eq(arrived.opened, GL_E_NOT_FOUND);
        arrive("ben's", NULL);
        ck_assert(arrived.is_somebody);
        ck_assert_int_eq(arrived.opened, GL_E_NOT_FOUND);
    }
    gl_uuid_format(&bench.ben, text);
    db_do(&bench.db, "update account set disabled_at = now() where id = '%s'", text);
    arrive("ben's", &bench.session);
    ck_assert(arrived.is_somebody);
    ck_assert_int_eq(arrived.opened, GL_E_NOT_FOUND);
}
END_TEST

/* ---- statements that no role may send: 42501 is insufficient_privilege */

static const struct {
    const char *what;
    bool is_append;
    const char *sql;
} forbidden[] = {
    {"append reads payloads", true, "select payload from op"},
    {"append reads all of op", true, "select * from op"},
    {"append reads records", true, "select record from annotation"},
    {"append reads labels", true, "select label from annotation"},
    {"append reads texts", true, "select bytes from revision"},
    {"append reads titles", true, "select title from document"},
    {"append reads accounts", true, "select id from account"},
    {"append reads the codebook", true, "select name from term"},
    {"append reads names of projects", true, "select name from project"},
    {"append reads digests of tokens", true, "select secret_sha256 from token"},
    {"append reads the audit", true, "select action from audit"},
    {"append returns a payload", true, "update op set payload = payload returning payload"},
    {"append changes the log", true, "update op set payload = ''"},
    {"append deletes from the log", true, "delete from op"},
    {"append truncates", true, "truncate op"},
    {"append deletes annotations", true, "delete from annotation"},
    {"append changes texts", true, "update revision set bytes = ''"},
    {"append changes passwords", true, "update account set password = null"},
    {"append makes administrators", true, "insert into account (id, name, is_admin) values (gen_random_uuid(), 'x', true)"},
    {"append makes projects by hand", true, "insert into project (id, name) values (gen_random_uuid(), 'x')"},
    {"append moves streams between projects", true, "update stream set project = id"},
    {"append makes a table", true, "create table mine (id int)"},
    {"append makes a temporary table", true, "create temporary table mine (id int)"},
    {"append makes a schema", true, "create schema mine"},
    {"append drops a table", true, "drop table op"},
    {"append makes an index", true, "create index on op (account)"},
    {"append switches row-level security off", true, "alter table op disable row level security"},
    {"append signs in", true, "select * from gloss_sign_in_name('ana')"},
    {"append writes the schema's version", true, "insert into schema_version (version, name, sha256) values (99, 'x', '')"},
    {"reader reads passwords", false, "select password from account"},
    {"reader reads digests of tokens", false, "select secret_sha256 from token"},
    {"reader reads the audit", false, "select * from audit"},
    {"reader reads jobs", false, "select * from job"},
    {"reader reads webhooks", false, "select * from webhook"},
    {"reader writes an op", false, "insert into op (stream) values (gen_random_uuid())"},
    {"reader changes a project", false, "update project set name = 'x'"},
    {"reader deletes", false, "delete from annotation"},
    {"reader makes a project", false,
     "select gloss_project_create(null,null,null,null,null,null,null,null,null,null,null,null,null,null,null)"},
    {"reader makes a temporary table", false, "create temporary table mine (id int)"},
    {"reader makes a function", false, "create function mine() returns int language sql as 'select 1'"},
    {"reader looks at the workers", false, "select id from worker"},
    {"reader writes a worker", false, "update worker set seen_at = now()"},
    {"append counts the workers", true, "select gloss_worker_seen(gen_random_uuid(), 'n', 1, 'v')"},
    {"append writes a worker", true, "update worker set seen_at = now()"},
    {"reader asks all workers", false, "select gloss_ask(gen_random_uuid(), 'stats', '{}', null)"},
    {"reader drops who signed in", false, "select gloss_sign_ins_prune(0, 1000)"},
    {"reader changes accounts", false, "select gloss_account_update('ben', true, null, null, null)"},
    {"append looks where anybody's stream stands", true, "select gloss_operator_head(gen_random_uuid(), null)"},
    {"append reads the audit by its function", true, "select * from gloss_audit(1, 1, null, null)"},
    {"append reads how much there is", true, "select gloss_stats()"},
    {"reader makes accounts", false, "select gloss_account_add(gen_random_uuid(), 'x', true, null)"},
    {"reader reads what was asked of the workers", false, "select * from ask"},
    {"append writes what was asked of the workers", true, "insert into ask (id, kind) values (gen_random_uuid(), 'stats')"},
    {"append reads what they answered", true, "select body from answer"},
    {"reader reads quotas by hand", false, "select most from quota"},
    {"append writes quotas by hand", true, "insert into quota (account, what, most) select null, 'ops_rate', 0"},
    {"reader sets quotas", false, "select gloss_quota_set(null, null, '{}', null)"},
    {"reader reads files", false, "select pg_read_file('/etc/passwd')"},
    {"reader runs programs", false, "copy (select 1) to program 'true'"},
};

START_TEST(role__that_asks_for_more__is_refused)
{
    const char *role = forbidden[_i].is_append ? bench.db.append : bench.db.reader;
    const char *sqlstate = db_try(&bench.db, role, &bench.ana, "%s", forbidden[_i].sql);
    ck_assert_msg(strcmp(sqlstate, "42501") == 0, "%s: %s", forbidden[_i].what, sqlstate);
}
END_TEST

/* The roles may run these functions, and the functions look who asks. */
static const struct {
    bool is_append;
    const char *sql;
} administrating[] = {
    {false, "select * from gloss_audit(1, 1, null, null)"},
    {false, "select * from gloss_answers(gen_random_uuid())"},
    {false, "select gloss_stats()"},
    {false, "select * from gloss_accounts(null, 10)"},
    {false, "select * from gloss_tokens_of('ana')"},
    {false, "select * from gloss_all_projects(null, null, 10)"},
    {false, "select * from gloss_all_sessions(null, null, 10)"},
    {false, "select * from gloss_session_show(gen_random_uuid(), 10)"},
    {false, "select * from gloss_operator_head(gen_random_uuid(), null)"},
    {true, "select gloss_account_make(gen_random_uuid(), 'y', true, null, null)"},
    {true, "select * from gloss_account_update('ben', true, null, null, null)"},
    {true,
     "select gloss_operator_append(gen_random_uuid(), 0, '', gen_random_uuid(), 'member.set', '', '', '', '', '', now(), null, null, null, null)"},
    {true, "select gloss_ask(gen_random_uuid(), 'kick', '{}', null)"},
    {true, "select gloss_quota_set(null, null, '{}', null)"},
    {true, "select gloss_account_add(gen_random_uuid(), 'x', true, null)"},
    {true, "select * from gloss_account_change('ben', null, true, null)"},
    {true, "select gloss_token_add(gen_random_uuid(), 'ben', '', sha256(''), null, null)"},
    {true, "select gloss_token_end(gen_random_uuid(), null)"},
};

START_TEST(administrating__by_who_is_no_administrator__is_refused)
{
    const char *role = administrating[_i].is_append ? bench.db.append : bench.db.reader;
    db_do(&bench.db, "update account set is_admin = false, disabled_at = null where name = 'ana'");
    ck_assert_str_eq(db_try(&bench.db, role, &bench.ana, "%s", administrating[_i].sql), "GL110");
    db_do(&bench.db, "update account set is_admin = true, disabled_at = now() where name = 'ana'");
    ck_assert_str_eq(db_try(&bench.db, role, &bench.ana, "%s", administrating[_i].sql), "GL110");
    db_do(&bench.db, "update account set disabled_at = null where name = 'ana'");
    ck_assert_str_eq(db_try(&bench.db, role, &bench.ana, "%s", administrating[_i].sql), "00000");
    db_do(&bench.db, "update account set is_admin = false where name = 'ana'");
}
END_TEST

START_TEST(append_role__that_writes_a_token_for_somebody_else__is_refused)
{
    char eve[GL_UUID_TEXT + 1];
    gl_uuid_format(&bench.eve, eve);
    ck_assert_str_eq(db_try(&bench.db, bench.db.append, &bench.ana,
                            "insert into token (id, account, label, secret_sha256, expires_at) values "
                            "(gen_random_uuid(), '%s', '', sha256(''), null)",
                            eve),
                     "42501");
}
END_TEST

/* ---- rows that do not fit: their conditions stand in policies (0021), which the owner is held to as well */

static const char *const unfitting[] = {
    "update stream set kind = 'folder'",
    "update stream set kind = 'project' where id <> project",
    "update stream set head = -1",
    "update stream set chain_start = ''",
    "update stream set chain = sha256('') || '\\x00'",
    "update stream set sum = ''",
    "update stream set mode = 'ajar'",
    "update stream set live = -1",
    "update stream set retained_from = 0",
    "update stream set erased_to = -1",
    "update op set seq = -seq",
    "update op set request_hash = ''",
    "update op set salt = ''",
    "update op set chain = ''",
    "update op set payload = null",
    "update op set payload = null, salt = null",
    "update op set payload = null, salt = null, leaf = '\\x00'",
    "update op set leaf = sha256('')",
    "update op set archived = true",
    "update op set erased_by = seq + 1",
    "update op set payload = null, salt = null, leaf = sha256(''), erased_by = seq",
    "update annotation set created_seq = 0",
    "update annotation set end_cp = start_cp - 1",
    "update annotation set status = 'open'",
};

START_TEST(row__that_does_not_fit__is_refused_to_the_owner_too)
{
    ck_assert_str_eq(db_try(&bench.db, bench.db.owner, &bench.ana, "%s", unfitting[_i]), "42501");
}
END_TEST

START_TEST(row__that_fits__is_written)
{
    ck_assert_str_eq(db_try(&bench.db, bench.db.owner, &bench.ana, "update stream set mode = 'closed', live = live + 1"),
                     "00000");
    ck_assert_str_eq(db_try(&bench.db, bench.db.owner, &bench.ana,
                            "update op set payload = null, salt = null, leaf = sha256(''), erased_by = seq + 1"),
                     "00000");
    ck_assert_str_eq(
        db_try(&bench.db, bench.db.owner, &bench.ana, "update annotation set status = 'resolved', end_cp = start_cp"), "00000");
}
END_TEST

START_TEST(append_role__is_held_to_the_conditions_that_the_owner_is)
{
    ck_assert_uint_eq(db_count(&bench.db,
                               "select count(*) from pg_policies a join pg_policies o using (tablename, with_check) where "
                               "a.policyname = 'append_all' and o.policyname = 'owner_all' and tablename in ('stream', 'op', "
                               "'annotation') and with_check <> 'true'"),
                      3);
}
END_TEST

START_TEST(every_table__has_row_level_security_forced)
{
    ck_assert_uint_eq(
        db_count(&bench.db,
                 "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and "
                 "c.relkind = 'r' and c.relname <> 'schema_version' and not (c.relrowsecurity and c.relforcerowsecurity)"),
        0);
    ck_assert_uint_eq(
        db_count(&bench.db,
                 "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public' and "
                 "p.prosecdef and not exists (select from unnest(p.proconfig) c where c like 'search_path=%%')"),
        0);
    ck_assert_uint_eq(
        db_count(&bench.db,
                 "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public' and "
                 "has_function_privilege('public', p.oid, 'execute')"),
        0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("rights"), *roles = tcase_create("roles");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, reader__without_a_where__sees_only_what_the_account_may);
    tcase_add_test(tcase, reader__of_a_member__stops_with_the_membership_and_with_the_account);
    tcase_add_test(tcase, query__of_names__tells_those_of_shared_projects_only);
    tcase_add_test(tcase, token__of_somebody_else__can_not_be_revoked_or_made);
    tcase_add_test(tcase, token__opens_the_session_of_whose_it_is__and_nobody_elses);
    tcase_add_loop_test(tcase, administrating__by_who_is_no_administrator__is_refused, 0,
                        sizeof(administrating) / sizeof(*administrating));
    tcase_add_test(tcase, every_table__has_row_level_security_forced);
    suite_add_tcase(suite, tcase);
    /* One database for all rows of these tables: nothing that they try goes through. */
    tcase_add_unchecked_fixture(roles, setup, teardown);
    tcase_set_timeout(roles, 60);
    tcase_add_loop_test(roles, query__asked_by_a_stranger__finds_nothing, 0, (int)(sizeof(foreign) / sizeof(foreign[0])));
    tcase_add_loop_test(roles, role__that_asks_for_more__is_refused, 0, (int)(sizeof(forbidden) / sizeof(forbidden[0])));
    tcase_add_test(roles, append_role__that_writes_a_token_for_somebody_else__is_refused);
    tcase_add_loop_test(roles, row__that_does_not_fit__is_refused_to_the_owner_too, 0, sizeof(unfitting) / sizeof(*unfitting));
    tcase_add_test(roles, row__that_fits__is_written);
    tcase_add_test(roles, append_role__is_held_to_the_conditions_that_the_owner_is);
    suite_add_tcase(suite, roles);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the fixture's connections can not be shared with children */
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
