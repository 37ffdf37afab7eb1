/* Which addresses are meant by what an operator writes. */
#include <string.h>

#include "service/base/networks.h"

#include "tests/support/suite.h"

static const struct {
    const char *network, *address;
    bool has;
} rows[] = {
    {"127.0.0.1", "127.0.0.1:50000", true},
    {"127.0.0.1", "127.0.0.2:50000", false},
    {"127.0.0.0/8", "127.200.0.2:1", true},
    {"10.0.0.0/9", "10.127.255.255:1", true},
    {"10.0.0.0/9", "10.128.0.0:1", false},
    {"10.0.0.1", "[::ffff:10.0.0.1]:50000", true},
    {"0.0.0.0/0", "203.0.113.9:2", true},
    {"0.0.0.0/0", "[2001:db8::1]:2", false},
    {"::1", "[::1]:50000", true},
    {"::1", "127.0.0.1:50000", false},
    {"fd00::/8", "[fd12:3456::1]:2", true},
    {"fd00::/8", "[fe80::1]:2", false},
    {"::/0", "127.0.0.1:50000", true},
    {"::/0", "local", false},
    {"::/0", "", false},
    {"::/0", "[::1", false},
    {"::/0", "a name that is far longer than any address can be, with a port:1", false},
};

START_TEST(network__has_what_is_meant)
{
    struct network network;
    struct gl_err err = {0};
    ck_assert_msg(!network_parse(rows[_i].network, "metrics_from", &network, &err), "%s: %s", rows[_i].network, err.detail);
    ck_assert_msg(network_has(&network, rows[_i].address) == rows[_i].has, "%s in %s", rows[_i].address, rows[_i].network);
}
END_TEST

static const char *const wrong[] = {"",          "localhost",   "10.0.0",         "10.0.0.0/33",
                                    "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1",    "10.0.0.0/ 8",
                                    "::1/129",   "[::1]",       "127.0.0.1:7443", "10.0.0.0/99999999999999999999"};

START_TEST(network__that_is_none__is_explained)
{
    struct network network;
    struct gl_err err = {0};
    ck_assert_msg(network_parse(wrong[_i], "metrics_from", &network, &err) == GL_E_SETTING, "%s", wrong[_i]);
    ck_assert_ptr_nonnull(strstr(err.detail, "metrics_from"));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, network__has_what_is_meant, 0, sizeof(rows) / sizeof(*rows));
    tcase_add_loop_test(tests, network__that_is_none__is_explained, 0, sizeof(wrong) / sizeof(*wrong));
}

int main(void)
{
    return suite_run("networks", add);
}
