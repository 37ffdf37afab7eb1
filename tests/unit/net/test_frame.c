/* test_frame.c - headers of frames that go out, messages that come in pieces. */
#include "service/net/frame.h"
#include "tests/support/suite.h"

#define MAX 1000

START_TEST(header__has_2_4_or_10_bytes_before_the_data)
{
    static const struct {
        size_t len, bytes;
        unsigned char expected[FRAME_HEADER_MAX];
    } rows[] = {
        {0, 2, {0x81, 0}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0, 126}},
        {65535, 4, {0x81, 126, 0xff, 0xff}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
        {0x123456789a, 10, {0x81, 127, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char memory[FRAME_HEADER_MAX + 4];
        memset(memory, 0xee, sizeof memory);
        ck_assert_uint_eq(frame_put_header(memory + FRAME_HEADER_MAX, rows[i].len, FRAME_TEXT), rows[i].bytes);
        ck_assert_mem_eq(memory + FRAME_HEADER_MAX - rows[i].bytes, rows[i].expected, rows[i].bytes);
        for (size_t k = 0; k < FRAME_HEADER_MAX - rows[i].bytes; k++)
            ck_assert_uint_eq(memory[k], 0xee);
        ck_assert_uint_eq(memory[FRAME_HEADER_MAX], 0xee);
    }
}
END_TEST

static enum assembled add_piece(struct assembly *assembly, const char *text, size_t rest, bool is_last, struct gl_slice *message)
{
    return assembly_add(assembly, gl_slice_str(text), rest, is_last, MAX, message);
}

START_TEST(message__in_one_piece__is_not_copied)
{
    struct assembly assembly = {0};
    struct gl_slice message;
    const char *text = "whole";
    ck_assert_int_eq(add_piece(&assembly, text, 0, true, &message), ASSEMBLY_WHOLE);
    ck_assert_ptr_eq(message.data, text);
    ck_assert_ptr_null(assembly.data);
}
END_TEST

START_TEST(message__in_pieces__is_put_together)
{
    struct assembly assembly = {0};
    struct gl_slice message;
    ck_assert_int_eq(add_piece(&assembly, "", 0, false, &message), ASSEMBLY_MORE);
    ck_assert_int_eq(add_piece(&assembly, "a", 2, false, &message), ASSEMBLY_MORE);
    ck_assert_int_eq(add_piece(&assembly, "bc", 0, false, &message), ASSEMBLY_MORE);
    ck_assert_int_eq(add_piece(&assembly, "", 0, true, &message), ASSEMBLY_WHOLE);
    ck_assert(gl_slice_is(message, "abc"));
    assembly_reset(&assembly);
    ck_assert_ptr_null(assembly.data);
    ck_assert_int_eq(add_piece(&assembly, "", 0, true, &message), ASSEMBLY_WHOLE);
    ck_assert_uint_eq(message.len, 0);
}
END_TEST

START_TEST(message__that_is_too_large__is_refused_before_it_is_there)
{
    static const struct {
        const char *what;
        size_t have, piece, rest;
        enum assembled expected;
    } rows[] = {
        {"just fits", 500, 400, 100, ASSEMBLY_MORE},
        {"one too many", 500, 401, 100, ASSEMBLY_TOO_LARGE},
        {"announced as too large", 0, 1, MAX, ASSEMBLY_TOO_LARGE},
        {"announced as very large", 0, 1, SIZE_MAX, ASSEMBLY_TOO_LARGE},
        {"announced so that the sum overflows", 500, 400, SIZE_MAX - 100, ASSEMBLY_TOO_LARGE},
    };
    static char bytes[MAX + 1];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct assembly assembly = {0};
        struct gl_slice message;
        if (rows[i].have)
            ck_assert_int_eq(assembly_add(&assembly, gl_slice_of(bytes, rows[i].have), 0, false, MAX, &message), ASSEMBLY_MORE);
        enum assembled got = assembly_add(&assembly, gl_slice_of(bytes, rows[i].piece), rows[i].rest, false, MAX, &message);
        ck_assert_msg(got == rows[i].expected, "%s", rows[i].what);
        ck_assert_msg(got == ASSEMBLY_MORE || assembly.data == NULL, "%s", rows[i].what);
        assembly_reset(&assembly);
    }
}
END_TEST

START_TEST(message__that_is_announced_large__takes_memory_as_it_comes)
{
    struct assembly assembly = {0};
    struct gl_slice message;
    ck_assert_int_eq(assembly_add(&assembly, GL_SLICE("x"), 1 << 20, false, 2 << 20, &message), ASSEMBLY_MORE);
    ck_assert_uint_lt(assembly.cap, 10000);
    assembly_reset(&assembly);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, header__has_2_4_or_10_bytes_before_the_data);
    tcase_add_test(tests, message__in_one_piece__is_not_copied);
    tcase_add_test(tests, message__in_pieces__is_put_together);
    tcase_add_test(tests, message__that_is_too_large__is_refused_before_it_is_there);
    tcase_add_test(tests, message__that_is_announced_large__takes_memory_as_it_comes);
}

int main(void)
{
    return suite_run("frame", add);
}
