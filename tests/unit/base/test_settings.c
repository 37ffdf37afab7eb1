/* Settings: which place wins, and what is said of one that is wrong. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/base/settings.h"
#include "tests/support/suite.h"

static struct settings settings;
static struct gl_err err;
static char folder[] = "/tmp/gloss-settings-XXXXXX";
static char file[64];

static void setup(void)
{
    settings_init(&settings);
    memset(&err, 0, sizeof(err));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/glossd.conf", folder);
}

static void teardown(void)
{
    settings_fini(&settings);
    unlink(file);
    rmdir(folder);
}

static void write_file(const char *text, size_t len)
{
    FILE *out = fopen(file, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(text, 1, len, out), len);
    fclose(out);
}

static void expect_said(const char *words)
{
    ck_assert_msg(strstr(err.detail, words) != NULL, "\"%s\" does not say \"%s\"", err.detail, words);
}

START_TEST(settings__when_set_in_several_places__the_later_place_wins)
{
    static const char text[] = "# a comment\n\nport = 1001\n workers=2 \nhelpers = 3\n";
    char config[] = "--config", port[] = "--port=1003", left[] = "--json", word[] = "word";
    char *argv[] = {config, file, left, port, word};
    char *environment[] = {(char[]){"GLOSS_PORT=1002"}, (char[]){"GLOSS_WORKERS=4"}, (char[]){"GLOSS_URL=https://elsewhere/"},
                           (char[]){"HOME=/"}, NULL};
    int argc = 5;
    write_file(text, sizeof(text) - 1);
    ck_assert_msg(!settings_load(&settings, &argc, argv, environment, &err), "%s", err.detail);
    ck_assert_int_eq(settings.port, 1003);
    ck_assert_int_eq(settings.workers, 4);
    ck_assert_int_eq(settings.helpers, 3);
    ck_assert_str_eq(settings.sources[SETTING_port].where, "--port");
    ck_assert_str_eq(settings.sources[SETTING_workers].where, "GLOSS_WORKERS");
    ck_assert_int_eq(settings.sources[SETTING_helpers].origin, SETTING_FROM_FILE);
    ck_assert_ptr_nonnull(strstr(settings.sources[SETTING_helpers].where, "glossd.conf:5"));
    ck_assert_int_eq(settings.sources[SETTING_listen].origin, SETTING_FROM_DEFAULT);
    ck_assert_int_eq(argc, 2);
    ck_assert_str_eq(argv[0], "--json");
    ck_assert_str_eq(argv[1], "word");
}
END_TEST

START_TEST(settings__file_named_in_the_environment__is_read)
{
    char variable[128];
    snprintf(variable, sizeof(variable), "GLOSS_CONFIG=%s", file);
    char *environment[] = {variable, NULL};
    int argc = 0;
    write_file("port = 77\n", 10);
    ck_assert_msg(!settings_load(&settings, &argc, NULL, environment, &err), "%s", err.detail);
    ck_assert_int_eq(settings.port, 77);
}
END_TEST

START_TEST(settings__behind_two_dashes__nothing_is_a_setting)
{
    char dashes[] = "--", port[] = "--port", number[] = "5";
    char *argv[] = {dashes, port, number};
    int argc = 3;
    ck_assert(!settings_read_flags(&settings, &argc, argv, &err));
    ck_assert_int_eq(argc, 3);
    ck_assert_int_eq(settings.port, 7443);
}
END_TEST

START_TEST(settings__relative_path_in_a_file__counts_from_the_files_folder)
{
    static const char text[] = "tls_key = keys/server.key\ntls_certificate = \"/etc/with space.pem\"\n";
    char expected[128];
    snprintf(expected, sizeof(expected), "%s/keys/server.key", folder);
    write_file(text, sizeof(text) - 1);
    ck_assert_msg(!settings_read_file(&settings, file, &err), "%s", err.detail);
    ck_assert_str_eq(settings.tls_key, expected);
    ck_assert_str_eq(settings.tls_certificate, "/etc/with space.pem");
}
END_TEST

static const struct {
    const char *key, *value;
    uint64_t expected;
} numbers[] = {
    {"max_document_bytes", "65536", 65536},
    {"max_document_bytes", "2MiB", 2 << 20},
    {"max_document_bytes", "1 GiB", 1 << 30},
    {"drain_timeout_ms", "250", 250},
    {"drain_timeout_ms", "2s", 2000},
    {"drain_timeout_ms", "1min", 60000},
    {"port", "0", 0},
    {"port", "65535", 65535},
};

START_TEST(settings_set__reads_numbers_with_units)
{
    ck_assert_msg(!settings_set(&settings, numbers[_i].key, numbers[_i].value, SETTING_FROM_FLAG, "--x", &err), "%s", err.detail);
    uint64_t got = !strcmp(numbers[_i].key, "port")                 ? (uint64_t)settings.port
                   : !strcmp(numbers[_i].key, "max_document_bytes") ? settings.max_document_bytes
                                                                    : settings.drain_timeout_ms;
    ck_assert_uint_eq(got, numbers[_i].expected);
}
END_TEST

START_TEST(settings_set__reads_lists_and_truths)
{
    ck_assert(!settings_set(&settings, "listen", " 127.0.0.1 ,::1", SETTING_FROM_FLAG, "--listen", &err));
    ck_assert_uint_eq(settings.listen.count, 2);
    ck_assert_str_eq(settings.listen.items[0], "127.0.0.1");
    ck_assert_str_eq(settings.listen.items[1], "::1");
    ck_assert(!settings_set(&settings, "origins", "", SETTING_FROM_FLAG, "--origins", &err));
    ck_assert_uint_eq(settings.origins.count, 0);
    ck_assert(!settings_set(&settings, "core_dumps", "yes", SETTING_FROM_FLAG, "--core-dumps", &err));
    ck_assert(settings.core_dumps);
}
END_TEST

static const struct {
    const char *line;
    const char *said[3]; /* besides file and line */
} wrong_lines[] = {
    {"prot = 7", {"no setting \"prot\"", "did you mean port?"}},
    {"something_else_entirely = 7", {"no setting", "glossd settings"}},
    {"port", {"key = value"}},
    {"port = many", {"\"many\" is not a number", "0 to 65535"}},
    {"port = 70000", {"too large", "0 to 65535"}},
    {"port = 99999999999999999999999", {"too large", "0 to 65535"}},
    {"port = -1", {"not a number"}},
    {"port = 80x", {"not a number"}},
    {"workers = 0", {"too small", "1 to 256 processes"}},
    {"max_document_bytes = 99999999999GiB", {"too large"}},
    {"watchdog_ms = 3 weeks", {"not a number", "2s"}},
    {"core_dumps = maybe", {"true or false"}},
    {"log_level = loud", {"\"loud\"", "debug|info|warn|error"}},
    {"log_level = inf", {"\"inf\""}},
    {"append_role =", {"must not be empty", "appends"}},
    {"owner_role = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", {"63 at most"}},
    {"listen = 127.0.0.1,,::1", {"empty item"}},
    {"tls_key = \"unfinished", {"quotes"}},
};

START_TEST(settings__line_that_is_wrong__is_named_with_what_is_possible)
{
    char text[256], where[96];
    snprintf(text, sizeof(text), "# first\n%s\n", wrong_lines[_i].line);
    snprintf(where, sizeof(where), "%s:2: ", file);
    write_file(text, strlen(text));
    ck_assert_int_eq(settings_read_file(&settings, file, &err), GL_E_SETTING);
    expect_said(where);
    for (size_t i = 0; i < 3 && wrong_lines[_i].said[i]; i++)
        expect_said(wrong_lines[_i].said[i]);
}
END_TEST

START_TEST(settings__line_with_a_nul__is_refused)
{
    write_file("port = 1\0 2\n", 12);
    ck_assert_int_eq(settings_read_file(&settings, file, &err), GL_E_SETTING);
    expect_said("NUL");
}
END_TEST

START_TEST(settings__file_that_is_not_there__is_named)
{
    ck_assert_int_eq(settings_read_file(&settings, "/nowhere/glossd.conf", &err), GL_E_SETTING);
    expect_said("/nowhere/glossd.conf cannot be read");
}
END_TEST

START_TEST(settings__unknown_variable__is_named_with_the_nearest)
{
    char *environment[] = {(char[]){"GLOSS_WORKER=2"}, NULL};
    ck_assert_int_eq(settings_read_environment(&settings, environment, &err), GL_E_SETTING);
    expect_said("GLOSS_WORKER: there is no setting \"worker\"; did you mean workers?");
}
END_TEST

START_TEST(settings__variables_of_the_clients_and_tests__are_left_alone)
{
    char *environment[] = {(char[]){"GLOSS_TOKEN_FILE=/x"}, (char[]){"GLOSS_CA=/x"}, (char[]){"GLOSS_TEST_DATABASE=x"},
                           (char[]){"GLOSS_SOURCE_DIR=/x"}, NULL};
    ck_assert_msg(!settings_read_environment(&settings, environment, &err), "%s", err.detail);
}
END_TEST

START_TEST(settings__flag_without_its_value__is_said)
{
    char port[] = "--port";
    char *argv[] = {port};
    int argc = 1;
    ck_assert_int_eq(settings_read_flags(&settings, &argc, argv, &err), GL_E_SETTING);
    expect_said("--port: the value is missing");
}
END_TEST

static const char *const passwords[] = {"host=db password=secret", "postgresql://ana:secret@db/gloss"};

START_TEST(settings__password_on_the_command_line__is_refused_and_never_printed)
{
    char flag[] = "--database";
    char *argv[] = {flag, (char *)(uintptr_t)passwords[_i]}, *text = NULL;
    int argc = 2;
    size_t len;
    ck_assert_int_eq(settings_read_flags(&settings, &argc, argv, &err), GL_E_SETTING);
    ck_assert_ptr_null(strstr(err.detail, passwords[_i]));
    ck_assert(!settings_set(&settings, "database", passwords[_i], SETTING_FROM_FILE, "file:1", &err));
    FILE *out = open_memstream(&text, &len);
    settings_print(&settings, out, false);
    settings_print(&settings, out, true);
    fclose(out);
    ck_assert_ptr_null(strstr(text, "secret"));
    ck_assert_ptr_nonnull(strstr(text, "(hidden)"));
    free(text);
}
END_TEST

START_TEST(settings__value_that_was_refused__leaves_the_old_one)
{
    ck_assert(!settings_set(&settings, "listen", "::1", SETTING_FROM_FILE, "file:1", &err));
    ck_assert(settings_set(&settings, "listen", "::1,,", SETTING_FROM_FILE, "file:2", &err));
    ck_assert_uint_eq(settings.listen.count, 1);
    ck_assert_str_eq(settings.sources[SETTING_listen].where, "file:1");
}
END_TEST

START_TEST(settings_reload__takes_over_what_may_change_and_nothing_else)
{
    struct settings fresh;
    settings_init(&fresh);
    ck_assert(!settings_set(&settings, "log_format", "json", SETTING_FROM_FLAG, "--log-format", &err));
    write_file("log_level = debug\nport = 9\n", 26);
    settings.file = strdup(file);
    ck_assert_msg(!settings_load_again(&fresh, &settings, (char *[]){NULL}, &err), "%s", err.detail);
    ck_assert_int_eq(fresh.port, 9);
    ck_assert_str_eq(fresh.log_format, "json");
    ck_assert_uint_eq(settings_reload(&settings, &fresh), 1);
    ck_assert_str_eq(settings.log_level, "debug");
    ck_assert_int_eq(settings.port, 7443);
    settings_fini(&fresh);
}
END_TEST

/* Taking the '#' away from the keys must give a file that is read and changes nothing. */
START_TEST(settings_print_example__without_its_marks__is_a_file_with_the_defaults)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    settings_print_example(out);
    fclose(out);
    char *plain = malloc(len + 1);
    size_t kept = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '#' || text[i + 1] == ' ')
            plain[kept++] = text[i];
    write_file(plain, kept);
    ck_assert_msg(!settings_read_file(&settings, file, &err), "%s", err.detail);
    for (size_t id = 0; id < SETTING_COUNT; id++)
        ck_assert_msg(settings.sources[id].origin == SETTING_FROM_FILE, "%s is not in the example",
                      settings_key((enum setting_id)id));
    ck_assert_int_eq(settings.port, 7443);
    free(plain);
    free(text);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, settings__when_set_in_several_places__the_later_place_wins);
    tcase_add_test(tests, settings__file_named_in_the_environment__is_read);
    tcase_add_test(tests, settings__behind_two_dashes__nothing_is_a_setting);
    tcase_add_test(tests, settings__relative_path_in_a_file__counts_from_the_files_folder);
    tcase_add_loop_test(tests, settings_set__reads_numbers_with_units, 0, sizeof(numbers) / sizeof(*numbers));
    tcase_add_test(tests, settings_set__reads_lists_and_truths);
    tcase_add_loop_test(tests, settings__line_that_is_wrong__is_named_with_what_is_possible, 0,
                        sizeof(wrong_lines) / sizeof(*wrong_lines));
    tcase_add_test(tests, settings__line_with_a_nul__is_refused);
    tcase_add_test(tests, settings__file_that_is_not_there__is_named);
    tcase_add_test(tests, settings__unknown_variable__is_named_with_the_nearest);
    tcase_add_test(tests, settings__variables_of_the_clients_and_tests__are_left_alone);
    tcase_add_test(tests, settings__flag_without_its_value__is_said);
    tcase_add_loop_test(tests, settings__password_on_the_command_line__is_refused_and_never_printed, 0, 2);
    tcase_add_test(tests, settings__value_that_was_refused__leaves_the_old_one);
    tcase_add_test(tests, settings_reload__takes_over_what_may_change_and_nothing_else);
    tcase_add_test(tests, settings_print_example__without_its_marks__is_a_file_with_the_defaults);
}

int main(void)
{
    return suite_run("settings", add);
}
