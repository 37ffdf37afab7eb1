/* What is a traceparent, and what is not. */
#include "service/base/trace.h"
#include "tests/support/suite.h"

#define ID     "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static const struct {
    const char *what, *given, *expected;
    bool is_sampled;
} rows[] = {
    {"recorded", "00-" ID "-" PARENT "-01", ID, true},
    {"not recorded", "00-" ID "-" PARENT "-00", ID, false},
    {"other flags of version 00", "00-" ID "-" PARENT "-fe", ID, false},
    {"a later version", "cc-" ID "-" PARENT "-03", ID, true},
    {"a later version with more", "cc-" ID "-" PARENT "-01-what", ID, true},
    {"a later version with more that is none", "cc-" ID "-" PARENT "-01what", "", false},
    {"version 00 with more", "00-" ID "-" PARENT "-01-what", "", false},
    {"version ff", "ff-" ID "-" PARENT "-01", "", false},
    {"upper case", "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01", "", false},
    {"no hex", "00-0af7651916cd43dd8448eb211c80319g-" PARENT "-01", "", false},
    {"the trace that is none", "00-00000000000000000000000000000000-" PARENT "-01", "", false},
    {"the parent that is none", "00-" ID "-0000000000000000-01", "", false},
    {"another mark", "00_" ID "-" PARENT "-01", "", false},
    {"cut", "00-" ID "-" PARENT "-0", "", false},
    {"nothing", "", "", false},
};

START_TEST(trace_read__knows_what_is_one)
{
    struct trace trace = {.id = "left over", .is_sampled = true};
    bool is_one = trace_read(gl_slice_str(rows[_i].given), &trace);
    ck_assert_msg(is_one == (rows[_i].expected[0] != '\0'), "%s", rows[_i].what);
    ck_assert_msg(!strcmp(trace.id, rows[_i].expected), "%s: %s", rows[_i].what, trace.id);
    ck_assert_msg(trace.is_sampled == rows[_i].is_sampled, "%s", rows[_i].what);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, trace_read__knows_what_is_one, 0, sizeof(rows) / sizeof(*rows));
}

int main(void)
{
    return suite_run("trace", add);
}
