/* test_migrate.c - a database from nothing, once, and what stands in the way. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/store/admin_pg.h"
#include "service/store/conninfo.h"
#include "service/store/migrate.h"
#include "tests/unit/store/db.h"

static struct db db;
static struct migrate_config config;
static int told;
static struct gl_err err;

static void setup(void)
{
    db_init_empty(&db);
    config = (struct migrate_config){
        .conninfo = db.conninfo, .owner_role = db.owner, .append_role = db.append, .reader_role = db.reader};
    told = 0;
    err = (struct gl_err){0};
}

static void teardown(void)
{
    db_fini(&db);
}

static void count_told(void *ctx, const struct migration *migration, const char *sql)
{
    (void)ctx;
    ck_assert(config.is_plan == (sql != NULL));
    ck_assert_msg(migration_locks(migration).len > 0, "%s does not say which locks it takes", migration->name);
    ck_assert_int_eq(migration->version, ++told);
}

static enum gl_code run(int *version)
{
    told = *version;
    return migrate(&config, count_told, NULL, version, &err);
}

START_TEST(plan__only_tells)
{
    int version = 0;
    config.is_plan = true;
    ck_assert_int_eq(run(&version), GL_OK);
    ck_assert_int_eq(version, 0);
    ck_assert_int_eq(told, (int)migration_count);
    ck_assert_uint_eq(db_count(&db, "select count(*) from pg_tables where schemaname = 'public'"), 0);
}
END_TEST

START_TEST(migrate__from_zero__notes_each_with_its_checksum)
{
    int version = 0;
    ck_assert_msg(run(&version) == GL_OK, "%s", err.detail);
    ck_assert_int_eq(version, migrations_newest());
    ck_assert_int_eq(told, (int)migration_count);
    ck_assert_uint_eq(db_count(&db, "select count(*) from schema_version where octet_length(sha256) = 32"), migration_count);
}
END_TEST

START_TEST(migrate__a_second_time__does_nothing)
{
    int version = 0;
    ck_assert_int_eq(run(&version), GL_OK);
    ck_assert_int_eq(run(&version), GL_OK);
    ck_assert_int_eq(told, (int)migration_count);
    config.is_plan = true;
    ck_assert_int_eq(run(&version), GL_OK);
    ck_assert_int_eq(told, (int)migration_count);
}
END_TEST

START_TEST(migrate__of_a_newer_database__is_refused)
{
    int version = 0;
    ck_assert_int_eq(run(&version), GL_OK);
    db_do(&db, "insert into schema_version (version, name, sha256) values (%d, 'later', sha256(''))", migrations_newest() + 1);
    ck_assert_int_eq(run(&version), GL_E_SCHEMA_TOO_NEW);
    ck_assert_ptr_nonnull(strstr(err.detail, "newer glossd"));
}
END_TEST

START_TEST(migrate__after_another_form_of_one_was_applied__is_refused)
{
    int version = 0;
    ck_assert_int_eq(run(&version), GL_OK);
    db_do(&db, "update schema_version set sha256 = sha256('x') where version = 2");
    ck_assert_int_eq(run(&version), GL_E_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(err.detail, "0002_"));
}
END_TEST

START_TEST(migrate__that_fails__leaves_those_before_it_and_nothing_of_itself)
{
    int version = 0;
    db_do(&db, "grant create on schema public to public");
    db_do(&db, "create table run (id int)"); /* stands in the way of 0003 */
    ck_assert_int_eq(run(&version), GL_E_INTERNAL);
    ck_assert_int_eq(version, 2);
    ck_assert_ptr_nonnull(strstr(err.detail, "0003_"));
    ck_assert_uint_eq(db_count(&db, "select count(*) from schema_version"), 2);
    ck_assert_uint_eq(db_count(&db, "select count(*) from pg_tables where tablename = 'worker'"), 0);
    db_do(&db, "drop table run");
    ck_assert_int_eq(run(&version), GL_OK);
}
END_TEST

START_TEST(init__a_second_time__makes_nothing)
{
    unsigned made;
    struct admin_roles roles = {.owner = db.owner, .append = db.append, .reader = db.reader, .owner_password = "it's a \\secret"};
    ck_assert_int_eq(admin_db_init(getenv("GLOSS_TEST_DATABASE"), db.conninfo, &roles, &made, &err), GL_OK);
    ck_assert_uint_eq(made, 0);
}
END_TEST

START_TEST(init__by_somebody_who_may_just_make_roles_and_databases__is_enough)
{
    char admin[600], target[600];
    unsigned made;
    struct admin_roles roles = {.owner = "some owner", .append = "some append", .reader = "some reader"};
    struct conninfo *parsed;
    int id = getpid();
    ck_assert_int_eq(conninfo_new(db.conninfo, NULL, "test", 0, &parsed, NULL), GL_OK);
    const char *host = conninfo_get(parsed, "host"), *port = conninfo_get(parsed, "port");
    snprintf(admin, sizeof(admin), "host='%s' port=%s user=maker_%d dbname=postgres", host, port, id);
    snprintf(target, sizeof(target), "host='%s' port=%s dbname=made_%d", host, port, id);
    conninfo_free(&parsed);
    db_do(&db, "create role maker_%d login createdb createrole", id);
    ck_assert_msg(admin_db_init(admin, target, &roles, &made, &err) == GL_OK, "%s", err.detail);
    ck_assert_uint_eq(made, 15);
    ck_assert_msg(admin_db_init(admin, target, &roles, &made, &err) == GL_OK, "%s", err.detail);
    ck_assert_uint_eq(made, 0);
    config = (struct migrate_config){
        .conninfo = target, .owner_role = roles.owner, .append_role = roles.append, .reader_role = roles.reader};
    int version = 0;
    ck_assert_msg(run(&version) == GL_OK, "%s", err.detail);
    db_do(&db, "drop database made_%d with (force)", id);
    db_do(&db, "drop role \"some owner\", \"some append\", \"some reader\", maker_%d", id);
}
END_TEST

START_TEST(roles__may_connect_and_others_may_not)
{
    db_do(&db, "create role stranger_%d login", getpid());
    ck_assert_uint_eq(
        db_count(
            &db,
            "select count(*) from pg_roles where has_database_privilege(oid, current_database(), 'connect') and not rolsuper "
            "and rolname not like 'pg\\_%%'"),
        3);
    ck_assert_uint_eq(
        db_count(
            &db,
            "select count(*) from pg_roles where has_database_privilege(oid, current_database(), 'temp') and rolname in ('%s', '%s')",
            db.append, db.reader),
        0);
    db_do(&db, "drop role stranger_%d", getpid());
}
END_TEST

/* The server of the tests is not durable, which is said as well: so it is looked for who is meant. */
START_TEST(preflight__looks_at_the_tables__owner)
{
    static const char *const may_too_much[] = {"superuser", "bypassrls"};
    struct store_pg_config look = db_config(&db);
    db_migrate(&db);
    for (int i = 0; i < 2; i++) {
        look.allow_unsafe = false;
        db_do(&db, "do $$ begin execute format('alter role %%I %s', '%s'); end $$", may_too_much[i], db.owner);
        ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_SETTING);
        ck_assert_msg(strstr(err.detail, db.owner) != NULL, "%s", err.detail);
        look.allow_unsafe = true;
        ck_assert_int_eq(store_pg_preflight(&look, &err), GL_OK);
        db_do(&db, "do $$ begin execute format('alter role %%I no%s', '%s'); end $$", may_too_much[i], db.owner);
    }
    look.allow_unsafe = false;
    ck_assert(store_pg_preflight(&look, &err) == GL_OK || !strstr(err.detail, db.owner));
}
END_TEST

START_TEST(preflight__looks_at_schema_durability_and_role)
{
    struct store_pg_config look = db_config(&db);
    look.allow_unsafe = false;
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_SCHEMA_TOO_OLD);
    db_migrate(&db);
    db_do(&db, "alter role \"%s\" set synchronous_commit = off", db.append);
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_SETTING);
    look.allow_unsafe = true;
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_OK);
    look.allow_unsafe = false;
    db_do(&db, "alter role \"%s\" reset synchronous_commit", db.append);
    db_do(&db, "alter role \"%s\" bypassrls", db.reader);
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_SETTING);
    db_do(&db, "insert into schema_version (version, name, sha256) values (%d, 'later', sha256(''))", migrations_newest() + 1);
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_SCHEMA_TOO_NEW);
    look.conninfo = "host=/nonexistent dbname=x";
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_STORE_DOWN);
    look.conninfo = "no connection string";
    ck_assert_int_eq(store_pg_preflight(&look, &err), GL_E_SETTING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("migrate");
    TCase *tcase = tcase_create("migrate");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, plan__only_tells);
    tcase_add_test(tcase, migrate__from_zero__notes_each_with_its_checksum);
    tcase_add_test(tcase, migrate__a_second_time__does_nothing);
    tcase_add_test(tcase, migrate__of_a_newer_database__is_refused);
    tcase_add_test(tcase, migrate__after_another_form_of_one_was_applied__is_refused);
    tcase_add_test(tcase, migrate__that_fails__leaves_those_before_it_and_nothing_of_itself);
    tcase_add_test(tcase, init__a_second_time__makes_nothing);
    tcase_add_test(tcase, init__by_somebody_who_may_just_make_roles_and_databases__is_enough);
    tcase_add_test(tcase, roles__may_connect_and_others_may_not);
    tcase_add_test(tcase, preflight__looks_at_schema_durability_and_role);
    tcase_add_test(tcase, preflight__looks_at_the_tables__owner);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
