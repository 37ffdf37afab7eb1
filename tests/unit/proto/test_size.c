/* test_size.c - sizes as people write them. */
#include "proto/gl_size.h"

#include "tests/unit/proto/suite.h"

static const struct {
    const char *text;
    bool takes_unit;
    uint64_t number;
} sizes[] = {
    {"0", false, 0},
    {"65536", true, 65536},
    {"12B", true, 12},
    {"64KiB", true, 65536},
    {"64K", true, 65536},
    {"200 MiB", true, UINT64_C(200) << 20},
    {"3G", true, UINT64_C(3) << 30},
    {"8191TiB", true, UINT64_C(8191) << 40},
    {"9007199254740991", false, UINT64_C(9007199254740991)},
};

START_TEST(size__with_its_unit__is_read)
{
    uint64_t number = 7;
    ck_assert_msg(gl_size_read(sizes[_i].text, sizes[_i].takes_unit, &number), "%s", sizes[_i].text);
    ck_assert_uint_eq(number, sizes[_i].number);
}
END_TEST

static const struct {
    const char *text;
    bool takes_unit;
} not_sizes[] = {
    {"", true},
    {"MiB", true},
    {"-1", true},
    {"+1", true},
    {" 1", true},
    {"1.5MiB", true},
    {"1 mib", true},
    {"1KiB ", true},
    {"1KiBB", true},
    {"1KiB", false},
    {"1 ", false},
    {"many", false},
    {"9007199254740992", false},
    {"8192TiB", true},
    {"99999999999999999999", true},
    {"18446744073709551615TiB", true},
};

START_TEST(size__of_any_other_form_or_too_large__is_refused)
{
    uint64_t number = 7;
    ck_assert_msg(!gl_size_read(not_sizes[_i].text, not_sizes[_i].takes_unit, &number), "%s", not_sizes[_i].text);
    ck_assert_uint_eq(number, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("size");
    TCase *tc = tcase_create("size");
    tcase_add_loop_test(tc, size__with_its_unit__is_read, 0, COUNT(sizes));
    tcase_add_loop_test(tc, size__of_any_other_form_or_too_large__is_refused, 0, COUNT(not_sizes));
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
