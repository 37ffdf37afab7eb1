/* What somebody who mistyped a name may have meant. */
#include <stdlib.h>
#include <string.h>

#include "service/base/nearest.h"
#include "tests/support/suite.h"

static const char *const names[] = {"port",     "listen",         "workers",   "helpers",
                                    "database", "database_admin", "log_level", "log_format"};
enum { NAMES = sizeof(names) / sizeof(*names) };

static const struct {
    const char *given, *expected; /* NULL: none */
} rows[] = {
    {"prot", "port"},
    {"port", "port"},
    {"worker", "workers"},
    {"wrokers", "workers"},
    {"loglevel", "log_level"},
    {"log_levle", "log_level"},
    {"datbase", "database"},
    {"database_admim", "database_admin"},
    {"colour", NULL},
    {"", NULL},
    {"x", NULL},
};

START_TEST(nearest_index__finds_what_was_meant)
{
    size_t index = nearest_index(rows[_i].given, names, NAMES);
    const char *got = index < NAMES ? names[index] : NULL;
    ck_assert_msg(rows[_i].expected ? got && !strcmp(got, rows[_i].expected) : !got, "%s: got %s", rows[_i].given,
                  got ? got : "none");
}
END_TEST

START_TEST(nearest_distance__counts_swapped_letters_once)
{
    ck_assert_uint_eq(nearest_distance("", ""), 0);
    ck_assert_uint_eq(nearest_distance("", "abc"), 3);
    ck_assert_uint_eq(nearest_distance("ab", "ba"), 1);
    ck_assert_uint_eq(nearest_distance("kitten", "sitting"), 3);
    char longer[200];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ck_assert_uint_eq(nearest_distance(longer, longer), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, nearest_index__finds_what_was_meant, 0, sizeof(rows) / sizeof(*rows));
    tcase_add_test(tests, nearest_distance__counts_swapped_letters_once);
}

int main(void)
{
    return suite_run("nearest", add);
}
