/* test_inflate.c - compressed messages: back to the text that they were, or refused. */
#include <zlib.h>

#include "clients/lib/transport_priv.h"
#include "tests/unit/lib/fake.h"

static size_t deflated(const char *text, size_t len, unsigned char *out, size_t room)
{
    z_stream z = {
        .next_in = (unsigned char *)(uintptr_t)text, .avail_in = (unsigned)len, .next_out = out, .avail_out = (unsigned)room};
    ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

#define MOST 300000

static char text[MOST + 1];
static unsigned char bytes[MOST + 1000];

static void fill(size_t len)
{
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)('a' + (i * i / 7 + i / 300) % 23);
    }
}

static enum gl_code inflate_into(struct gl_buf *buf, size_t len)
{
    gl_buf_init(buf, MOST);
    return lg_inflate(gl_slice_of(bytes, len), buf);
}

START_TEST(a_compressed_message__is_the_text_that_it_was__up_to_the_largest)
{
    const size_t sizes[] = {0, 1, 511, 65535, 65536, 65537, 131072, MOST};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct gl_buf buf;
        fill(sizes[i]);
        size_t len = deflated(text, sizes[i], bytes, sizeof(bytes));
        ck_assert_int_eq(inflate_into(&buf, len), GL_OK);
        ck_assert_uint_eq(buf.len, sizes[i]);
        ck_assert(sizes[i] == 0 || memcmp(buf.data, text, sizes[i]) == 0);
        gl_buf_fini(&buf);
    }
}
END_TEST

START_TEST(one_that_would_be_too_large__is_refused_before_it_takes_more)
{
    struct gl_buf buf;
    fill(MOST + 1);
    size_t len = deflated(text, MOST + 1, bytes, sizeof(bytes));
    ck_assert_int_eq(inflate_into(&buf, len), GL_E_FRAME_TOO_LARGE);
    ck_assert_uint_le(buf.cap, MOST);
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(one_that_is_cut_or_goes_on_behind_its_end_or_is_none__is_malformed)
{
    struct gl_buf buf;
    fill(5000);
    size_t len = deflated(text, 5000, bytes, sizeof(bytes));
    bytes[len] = 0;
    ck_assert_int_eq(inflate_into(&buf, len + 1), GL_E_MALFORMED);
    gl_buf_fini(&buf);
    for (size_t cut = 0; cut < len; cut += 97) {
        ck_assert_int_eq(inflate_into(&buf, cut), GL_E_MALFORMED);
        gl_buf_fini(&buf);
    }
    memset(bytes, 0xff, 100);
    ck_assert_int_eq(inflate_into(&buf, 100), GL_E_MALFORMED);
    gl_buf_fini(&buf);
}
END_TEST

RUN("inflate", a_compressed_message__is_the_text_that_it_was__up_to_the_largest,
    one_that_would_be_too_large__is_refused_before_it_takes_more,
    one_that_is_cut_or_goes_on_behind_its_end_or_is_none__is_malformed)
