/* test_hello.c - is the first message of TLS there, whole? However it is cut into records, and whatever else comes. */
#include <openssl/ssl.h>
#include <stdint.h>
#include <string.h>

#include "service/net/hello.h"
#include "tests/support/suite.h"

#define ROOM 40000

/* A ClientHello with a body of so many bytes, in records of at most so many. */
static size_t make(unsigned char *out, size_t body, size_t record)
{
    unsigned char message[ROOM] = {1, (unsigned char)(body >> 16), (unsigned char)(body >> 8), (unsigned char)body};
    size_t len = 0;
    for (size_t at = 0; at < body + 4; at += record) {
        const size_t size = body + 4 - at < record ? body + 4 - at : record;
        const unsigned char head[] = {22, 3, 1, (unsigned char)(size >> 8), (unsigned char)size};
        memcpy(out + len, head, sizeof head);
        memcpy(out + len + sizeof head, message + at, size);
        len += sizeof head + size;
    }
    return len;
}

/* With every byte fewer than all more is wanted, never more than there will be, and the last says that it is whole. */
static void check_whole(const unsigned char *bytes, size_t len)
{
    for (size_t there = 0; there < len; there++) {
        const size_t needs = hello_needs(bytes, there);
        ck_assert_msg(needs > there && needs <= len, "%zu of %zu there: %zu needed", there, len, needs);
    }
    ck_assert_uint_le(hello_needs(bytes, len), len);
    ck_assert_uint_le(hello_needs(bytes, len + 7), len + 7); /* what comes behind it changes nothing */
}

START_TEST(hello__cut_in_any_way__is_whole_when_all_is_there)
{
    static const size_t bodies[] = {0, 1, 200, 1800, 9000}, records[] = {1, 3, 4, 5, 512, 16384};
    unsigned char bytes[ROOM * 6] = {0};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (size_t j = 0; j < sizeof records / sizeof *records; j++) {
            const size_t len = make(bytes, bodies[i], records[j]);
            if (len <= HELLO_MAX)
                check_whole(bytes, len);
            else
                ck_assert_uint_eq(hello_needs(bytes, len), SIZE_MAX);
        }
}
END_TEST

START_TEST(hello__of_openssl__is_whole_when_all_is_there)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    unsigned char bytes[HELLO_MAX + 8] = {0};
    SSL_set_bio(ssl, in, out);
    SSL_set_tlsext_host_name(ssl, "localhost");
    ck_assert_int_le(SSL_connect(ssl), 0);
    const int len = BIO_read(out, bytes, HELLO_MAX);
    ck_assert_int_gt(len, 200);
    check_whole(bytes, (size_t)len);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(hello__longer_than_is_taken__is_found_by_its_length)
{
    unsigned char bytes[ROOM];
    make(bytes, HELLO_MAX, 16384);
    ck_assert_uint_eq(hello_needs(bytes, 9), SIZE_MAX); /* as soon as its length is known */
    make(bytes, 100, 16384);
    bytes[3] = 0x40, bytes[4] = 0; /* a record of 16 384 bytes for a message of 100 */
    ck_assert_uint_eq(hello_needs(bytes, 5), SIZE_MAX);
}
END_TEST

START_TEST(hello__that_is_none__is_left_to_the_library)
{
    static const unsigned char alert[] = {21, 3, 3, 0, 2, 2, 40}, old[] = {0x80, 0x2e, 1, 3, 1}, none[] = {22, 3, 1, 0, 0},
                               other[] = {22, 3, 1, 0, 4, 2, 0, 0, 0};
    ck_assert_uint_eq(hello_needs((const unsigned char *)"GET / HTTP/1.1\r\n\r\n", 18), 0);
    ck_assert_uint_eq(hello_needs(alert, sizeof alert), 0);
    ck_assert_uint_eq(hello_needs(old, sizeof old), 0);
    ck_assert_uint_eq(hello_needs(none, sizeof none), 0);
    ck_assert_uint_eq(hello_needs(other, sizeof other), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, hello__cut_in_any_way__is_whole_when_all_is_there);
    tcase_add_test(tests, hello__of_openssl__is_whole_when_all_is_there);
    tcase_add_test(tests, hello__longer_than_is_taken__is_found_by_its_length);
    tcase_add_test(tests, hello__that_is_none__is_left_to_the_library);
}

int main(void)
{
    return suite_run("hello", add);
}
