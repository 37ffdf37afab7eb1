/*
 * test_check.c - glossd check finds nothing in a sound database, an erased and an archived one; tests/service/test_check.py does every kind of damage, these are
 * shades of it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/unit/store/bench.h"

#define SAID "%.3000s" /* Check bears no longer ones */

static struct bench bench;
static struct scribe ana;
static char answer[1 << 16];

static void setup(void)
{
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
    for (int i = 0; i < 2; i++) {
        scribe_write(&ana, 6);
        ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
        scribe_committed(&ana);
    }
}

static void teardown(void)
{
    scribe_fini(&ana);
    bench_fini(&bench);
}

/* Settings go through the environment: names with quotes and spaces in them need no shell. */
static int check(const char *arguments)
{
    char command[512];
    const char *program = getenv("GLOSSD");
    if (!program) {
        printf("skipped: GLOSSD is not set\n");
        exit(77);
    }
    setenv("GLOSS_DATABASE", bench.db.conninfo, 1);
    setenv("GLOSS_OWNER_ROLE", bench.db.owner, 1);
    setenv("GLOSS_APPEND_ROLE", bench.db.append, 1);
    setenv("GLOSS_READER_ROLE", bench.db.reader, 1);
    snprintf(command, sizeof(command), "'%s' check %s 2>&1", program, arguments);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t len = fread(answer, 1, sizeof(answer) - 1, pipe);
    answer[len] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(check__of_a_sound_database__finds_nothing)
{
    char chain[65];
    struct gl_buf hex;
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, ana.state->chain.bytes, 32);
    snprintf(chain, sizeof(chain), "%s", gl_buf_cstr(&hex));
    gl_buf_fini(&hex);
    ck_assert_msg(check("--json") == 0, SAID, answer);
    ck_assert_ptr_nonnull(strstr(answer, "\"problems\":[]"));
    ck_assert_msg(strstr(answer, chain) != NULL, SAID, answer);
    ck_assert_ptr_nonnull(strstr(answer, "\"seq\":12"));
    ck_assert_int_eq(check("00000000-0000-7000-8000-000000000000"), 1);
    ck_assert_int_eq(check("nonsense"), 2);
}
END_TEST

START_TEST(check__of_an_erased_op__wants_a_redact_that_says_so)
{
    db_do(
        &bench.db,
        "update op set leaf = sha256(salt || convert_to(payload, 'UTF8')), salt = null, payload = null where kind = 'annotation.create' and seq = 2");
    ck_assert_msg(check("--json") == 1 && strstr(answer, "seq 2: its words are gone, and no redact says so"), SAID, answer);
}
END_TEST

START_TEST(check__of_an_archived_log__reads_it_where_it_is)
{
    db_do(&bench.db, "select gloss_snapshot_make(id, 1) from stream where kind = 'session'");
    scribe_write(&ana, 3);
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    db_do(&bench.db, "select gloss_retention_cut(id, 2, 0) from stream where kind = 'session'");
    ck_assert_msg(check("--json") == 0, "cut, and nothing moved yet: " SAID, answer);
    db_do(&bench.db, "select gloss_retention_move(id) from stream where kind = 'session'");
    ck_assert_uint_eq(db_count(&bench.db, "select count(*) from op where archived and payload is null and leaf is not null"), 12);
    ck_assert_msg(check("--json") == 0, SAID, answer);
    db_do(&bench.db, "delete from snapshot");
    ck_assert_int_eq(check("--json"), 1);
}
END_TEST

START_TEST(check__of_an_erased_op_in_the_archive__goes_on_at_the_snapshot)
{
    db_do(
        &bench.db,
        "update op set leaf = sha256(salt || convert_to(payload, 'UTF8')), salt = null, payload = null where kind = 'annotation.create' and seq = 2");
    db_do(&bench.db, "select gloss_snapshot_make(id, 1), gloss_retention_cut(id, 0, 0) from stream where kind = 'session'");
    db_do(&bench.db, "select gloss_retention_cut(id, 0, 0), gloss_retention_move(id) from stream where kind = 'session'");
    scribe_write(&ana, 3);
    ck_assert_int_eq(append_wait(&bench, bench.store, &ana.stream, 1), GL_OK);
    ck_assert_msg(check("--json") == 1 && strstr(answer, "no redact says so") && !strstr(answer, "the record is not"), SAID,
                  answer);
    db_do(&bench.db, "update annotation set record = replace(record, 'word', 'lord') where created_seq = 1");
    ck_assert_msg(check("--json") == 1 && strstr(answer, "the record is not what the log says"), SAID, answer);
}
END_TEST

static const struct {
    const char *what, *damage, *finding;
} damages[] = {
    {"an op of another project", "update op set project = gen_random_uuid() where kind like 'annotation%' and seq = 4",
     "seq 4: the op belongs to another project"},
    {"a record that is none", "update annotation set record = '{}' where created_seq = 1", "the record cannot be read"},
    {"a record with spaces", "update annotation set record = replace(record, ':', ': ') where created_seq = 1",
     "the record cannot be read"},
    {"a row of another project", "update annotation set project = gen_random_uuid() where created_seq = 1",
     "the row's columns are not"},
    {"another digest", "update revision set sha256 = sha256(bytes || bytes)", "SHA-256, bytes or code points"},
    {"another codebook", "update project set codebook = 7", "the codebook's version"},
    {"another name", "update project set name = 'x'", "the project's name"},
    {"a stream without a row", "delete from session; delete from stream where kind = 'session'", "is not there"},
};

START_TEST(check__of_a_damaged_database__says_what_is_wrong)
{
    db_do(&bench.db, "%s", damages[_i].damage);
    ck_assert_msg(check("--json") == 1, "%s was not found: " SAID, damages[_i].what, answer);
    ck_assert_msg(strstr(answer, damages[_i].finding) != NULL, "%s: " SAID, damages[_i].what, answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tcase = tcase_create("check");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, check__of_a_sound_database__finds_nothing);
    tcase_add_test(tcase, check__of_an_erased_op__wants_a_redact_that_says_so);
    tcase_add_test(tcase, check__of_an_archived_log__reads_it_where_it_is);
    tcase_add_test(tcase, check__of_an_erased_op_in_the_archive__goes_on_at_the_snapshot);
    tcase_add_loop_test(tcase, check__of_a_damaged_database__says_what_is_wrong, 0, (int)(sizeof(damages) / sizeof(damages[0])));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
