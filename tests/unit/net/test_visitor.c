/* test_visitor.c - how many connections one address has, and how fast it makes new ones. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "service/net/visitor.h"
#include "tests/support/suite.h"

static struct visitors visitors;

static void setup(void)
{
    memset(&visitors, 0, sizeof visitors);
    visitors_init(&visitors);
}

static void teardown(void)
{
    visitors_fini(&visitors);
}

static struct visitor *arrive(const char *address, uint64_t now_ms)
{
    struct sockaddr_storage from = {.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET};
    void *into = from.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&from)->sin_addr
                                           : (void *)&((struct sockaddr_in6 *)&from)->sin6_addr;
    ck_assert_int_eq(inet_pton(from.ss_family, address, into), 1);
    return visitor_arrives(&visitors, &from, now_ms);
}

START_TEST(addresses__that_are_one__are_counted_as_one)
{
    static const struct {
        const char *a, *b;
        bool are_one;
    } given[] = {
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"2001:db8::7", "2001:db8::8:1", true},
        {"2001:db8:0:1::7", "2001:db8:0:2::7", false},
        {"::1", "::ffff:0.0.0.1", false},
    };
    struct visitor *a = arrive(given[_i].a, 0), *b = arrive(given[_i].b, 0);
    ck_assert_int_eq(a == b, given[_i].are_one);
    visitor_leaves(&a);
    visitor_leaves(&b);
}
END_TEST

START_TEST(connections__of_one_address__are_too_many_beyond_the_limit_and_others_do_not_count)
{
    struct visitor *first = arrive("192.0.2.7", 0), *second = arrive("192.0.2.7", 0), *other = arrive("192.0.2.8", 0);
    ck_assert(!visitor_has_too_many(&visitors, first)); /* no limit */
    visitors.most = 1;
    ck_assert(visitor_has_too_many(&visitors, second));
    ck_assert(!visitor_has_too_many(&visitors, other));
    visitor_leaves(&first);
    ck_assert_ptr_null(first);
    ck_assert(!visitor_has_too_many(&visitors, second));
    visitor_leaves(&second);
    visitor_leaves(&other);
    visitor_leaves(&other); /* nobody: fine */
}
END_TEST

START_TEST(connections__that_come_too_fast__are_refused_until_time_has_passed)
{
    visitors.per_second = 2;
    size_t taken = 0;
    struct visitor *visitor;
    for (int i = 0; i < 20; i++)
        if ((visitor = arrive("192.0.2.7", 1000))) {
            taken++;
            visitor_leaves(&visitor);
        }
    ck_assert_uint_eq(taken, 10); /* five seconds' worth */
    ck_assert_ptr_null(arrive("192.0.2.7", 1499));
    ck_assert_ptr_nonnull(arrive("192.0.2.7", 1500));
    ck_assert_ptr_null(arrive("192.0.2.7", 1501));
    ck_assert_ptr_nonnull(arrive("192.0.2.8", 1501));
    for (taken = 0; arrive("192.0.2.7", 1000000); taken++)
        ;
    ck_assert_uint_eq(taken, 10); /* however long it was away */
}
END_TEST

START_TEST(address__that_is_gone_for_long__is_forgotten_and_no_other)
{
    struct visitor *stays = arrive("192.0.2.7", 0), *goes = arrive("192.0.2.8", 0);
    visitor_leaves(&goes);
    visitors_sweep(&visitors, 5000);
    ck_assert_uint_eq(visitors.all.count, 2);
    visitors_sweep(&visitors, 60000);
    ck_assert_uint_eq(visitors.all.count, 1);
    ck_assert_ptr_eq(arrive("192.0.2.7", 60000), stays);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, addresses__that_are_one__are_counted_as_one, 0, 6);
    tcase_add_test(tests, connections__of_one_address__are_too_many_beyond_the_limit_and_others_do_not_count);
    tcase_add_test(tests, connections__that_come_too_fast__are_refused_until_time_has_passed);
    tcase_add_test(tests, address__that_is_gone_for_long__is_forgotten_and_no_other);
}

int main(void)
{
    return suite_run("visitor", add);
}
