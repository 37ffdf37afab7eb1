/* test_inflate.c - compressed messages: back to the text that they were, or refused. */
#include <malloc.h>
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

static void start_compressed(struct client *ana, struct fake *fake, int ops)
{
    fake_start(fake);
    if (ops > 0) {
        fake_bens(fake, ops, false);
    }
    const struct gloss_config config = client_config(ana, fake, "compressed");
    client_new_with(ana, fake, &config);
    client_join(ana, NULL);
    WAIT_FOR(ana, ana->seen[GLOSS_EV_SYNCED]);
}

START_TEST(a_session_whose_messages_are_compressed_or_not_as_they_come__is_the_servers)
{
    struct fake fake;
    struct client ana;
    start_compressed(&ana, &fake, 105);
    expect_same(&ana);
    for (uint64_t i = 1; i <= 7; i++) {
        fake_bens(&fake, 3, true);
        WAIT_FOR(&ana, ana.last_seq == 105 + 3 * i);
    }
    expect_same(&ana);
    client_stop(&ana, &fake);
}
END_TEST

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_bytes(void)
{
    const struct mallinfo2 info = mallinfo2();
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : info.uordblks + info.hblkhd;
}

static size_t most_bytes;

static void note_bytes(struct client *client, const struct gloss_event *event)
{
    const size_t bytes_now = heap_bytes();
    ck_assert_ptr_nonnull(client->g);
    most_bytes = event->type == GLOSS_EV_NOTICE && bytes_now > most_bytes ? bytes_now : most_bytes;
}

START_TEST(many_that_would_become_large__take_no_more_than_one_at_a_time)
{
    struct fake fake;
    struct client ana;
    start_compressed(&ana, &fake, 0);
    ana.on_event = note_bytes;
    const size_t before = heap_bytes();
    fake_do(&fake, "{\"do\":\"swell\",\"count\":200,\"bytes\":900000}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_NOTICE] == 200);
    ck_assert_uint_lt(most_bytes, before + 8 * LG_MESSAGE_MAX);
    client_stop(&ana, &fake);
}
END_TEST

RUN("inflate", a_compressed_message__is_the_text_that_it_was__up_to_the_largest,
    one_that_would_be_too_large__is_refused_before_it_takes_more,
    one_that_is_cut_or_goes_on_behind_its_end_or_is_none__is_malformed,
    a_session_whose_messages_are_compressed_or_not_as_they_come__is_the_servers,
    many_that_would_become_large__take_no_more_than_one_at_a_time)
