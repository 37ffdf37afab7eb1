/* test_proxy_head.c - whose connection a balancer passes on: what is a head, and what is none. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "service/net/proxy_head.h"
#include "tests/support/suite.h"

#define V2       "\r\n\r\n\0\r\nQUIT\n"
#define V4       "\xc0\x00\x02\x07\xc6\x33\x64\x01\x9c\x40\x01\xbb" /* 192.0.2.7:40000 to 198.51.100.1:443 */
#define V6       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x9c\x40\x01\xbb"
#define TEXT(it) (it), sizeof(it) - 1
#define LOCAL    "local"

static const struct given {
    const char *what;
    const char *bytes;
    size_t len;
    const char *client; /* LOCAL: the balancer itself; NULL: it is refused, or (more) it is not the whole */
    bool more;
} given[] = {
    {"v1, IPv4", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"), "192.0.2.7:40000", false},
    {"v1, IPv6", TEXT("PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n"), "2001:db8::7:40000", false},
    {"v1, unknown", TEXT("PROXY UNKNOWN\r\n"), LOCAL, false},
    {"v1, unknown, with whatever", TEXT("PROXY UNKNOWN ffff::1 x 9 y\r\n"), LOCAL, false},
    {"v1, without its end", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443"), NULL, true},
    {"v1, line feed alone", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\n"), NULL, false},
    {"v1, port too large", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n"), NULL, false},
    {"v1, port with a zero before", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 0400 443\r\n"), NULL, false},
    {"v1, negative port", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n"), NULL, false},
    {"v1, an address of the other family", TEXT("PROXY TCP4 2001:db8::7 198.51.100.1 1 443\r\n"), NULL, false},
    {"v1, an address with a word", TEXT("PROXY TCP4 localhost 198.51.100.1 1 443\r\n"), NULL, false},
    {"v1, two spaces", TEXT("PROXY TCP4  192.0.2.7 198.51.100.1 1 443\r\n"), NULL, false},
    {"v1, a space at the end", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1 443 \r\n"), NULL, false},
    {"v1, a word too many", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1 443 5\r\n"), NULL, false},
    {"v1, a word too few", TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n"), NULL, false},
    {"v1, nothing", TEXT("PROXY \r\n"), NULL, false},
    {"v1, a NUL within", TEXT("PROXY TCP4 192.0.2.7\0 198.51.100.1 1 443\r\n"), NULL, false},
    {"v1, another protocol", TEXT("PROXY UDP4 192.0.2.7 198.51.100.1 1 443\r\n"), NULL, false},
    {"v1, in small letters", TEXT("proxy TCP4 192.0.2.7 198.51.100.1 1 443\r\n"), NULL, false},
    {"v1, longer than a line may be",
     TEXT(
         "PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
     NULL, false},
    {"v2, IPv4", TEXT(V2 "\x21\x11\x00\x0c" V4), "192.0.2.7:40000", false},
    {"v2, IPv6", TEXT(V2 "\x21\x21\x00\x24" V6), "2001:db8::7:40000", false},
    {"v2, local", TEXT(V2 "\x20\x00\x00\x00"), LOCAL, false},
    {"v2, local, with addresses that do not count", TEXT(V2 "\x20\x11\x00\x0c" V4), LOCAL, false},
    {"v2, of no family", TEXT(V2 "\x21\x00\x00\x03xyz"), LOCAL, false},
    {"v2, with more behind the addresses", TEXT(V2 "\x21\x11\x00\x15" V4 "\x02\x00\x03\x61.b\x04\x00\x00"), "192.0.2.7:40000",
     false},
    {"v2, what is behind is longer than it is", TEXT(V2 "\x21\x11\x00\x10" V4 "\x02\x00\x07\x61"), NULL, false},
    {"v2, what is behind is cut", TEXT(V2 "\x21\x11\x00\x0e" V4 "\x02\x00"), NULL, false},
    {"v2, too short for its addresses", TEXT(V2 "\x21\x11\x00\x04\xc0\x00\x02\x07"), NULL, false},
    {"v2, announces 64 KiB", TEXT(V2 "\x21\x11\xff\xff"), NULL, false},
    {"v2, a Unix socket", TEXT(V2 "\x21\x31\x00\x00"), NULL, false},
    {"v2, datagrams", TEXT(V2 "\x21\x12\x00\x0c" V4), NULL, false},
    {"v2, of version 3", TEXT(V2 "\x31\x11\x00\x0c" V4), NULL, false},
    {"v2, another command", TEXT(V2 "\x22\x11\x00\x0c" V4), NULL, false},
    {"v2, cut", TEXT(V2 "\x21\x11\x00\x0c\xc0\x00"), NULL, true},
    {"v2, its beginning cut", TEXT("\r\n\r\n\0"), NULL, true},
    {"v2, its beginning wrong", TEXT("\r\n\r\n\0\r\nQUIX"), NULL, false},
    {"TLS", TEXT("\x16\x03\x01\x02"), NULL, false},
    {"HTTP", TEXT("GET / HTTP/1.1\r\n"), NULL, false},
};

static size_t feed(struct proxy_head *head, const char *bytes, size_t len, size_t slice)
{
    size_t taken = 0;
    proxy_head_init(head);
    while (taken < len && head->state == PROXY_MORE)
        taken += proxy_head_add(head, (const unsigned char *)bytes + taken, len - taken < slice ? len - taken : slice);
    return taken;
}

static const char *client_of(const struct proxy_head *head)
{
    static char text[INET6_ADDRSTRLEN + 8];
    const struct sockaddr_in *in = (const struct sockaddr_in *)&head->client;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&head->client;
    char host[INET6_ADDRSTRLEN];
    if (head->is_local)
        return LOCAL;
    const bool is_v4 = in->sin_family == AF_INET;
    inet_ntop(in->sin_family, is_v4 ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr, host, sizeof host);
    snprintf(text, sizeof text, "%s:%u", host, ntohs(is_v4 ? in->sin_port : in6->sin6_port));
    return text;
}

START_TEST(head__in_slices_of_any_size__is_what_it_is)
{
    const struct given *it = &given[_i];
    struct proxy_head head;
    for (size_t slice = 1; slice <= it->len; slice++) {
        feed(&head, it->bytes, it->len, slice);
        ck_assert_msg(head.state == (it->client ? PROXY_DONE
                                     : it->more ? PROXY_MORE
                                                : PROXY_BROKEN),
                      "%s, in slices of %zu: state %d, %s", it->what, slice, (int)head.state, head.why ? head.why : "no reason");
        ck_assert_msg(!it->client || !strcmp(client_of(&head), it->client), "%s: %s", it->what, client_of(&head));
    }
}
END_TEST

START_TEST(head__takes_nothing_of_what_stands_behind_it)
{
    const struct given *it = &given[_i];
    struct proxy_head head;
    char bytes[512];
    if (!it->client)
        return;
    memcpy(bytes, it->bytes, it->len);
    memset(bytes + it->len, 0x16, sizeof bytes - it->len);
    ck_assert_msg(feed(&head, bytes, sizeof bytes, sizeof bytes) == it->len, "%s", it->what);
}
END_TEST

START_TEST(head__of_version_2__may_be_as_long_as_is_taken_and_no_longer)
{
    struct proxy_head head;
    for (size_t more = 0; more < 2; more++) {
        unsigned char bytes[PROXY_HEAD_MAX + 1] = V2 "\x21\x11";
        const size_t len = PROXY_HEAD_MAX + more, behind = len - 16, value = behind - 12 - 3;
        bytes[14] = (unsigned char)(behind >> 8);
        bytes[15] = (unsigned char)behind;
        memcpy(bytes + 16, V4, 12);
        bytes[28] = 0xe0;
        bytes[29] = (unsigned char)(value >> 8);
        bytes[30] = (unsigned char)value;
        feed(&head, (const char *)bytes, len, len);
        ck_assert_int_eq(head.state, more ? PROXY_BROKEN : PROXY_DONE);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, head__in_slices_of_any_size__is_what_it_is, 0, sizeof given / sizeof *given);
    tcase_add_loop_test(tests, head__takes_nothing_of_what_stands_behind_it, 0, sizeof given / sizeof *given);
    tcase_add_test(tests, head__of_version_2__may_be_as_long_as_is_taken_and_no_longer);
}

int main(void)
{
    return suite_run("proxy_head", add);
}
