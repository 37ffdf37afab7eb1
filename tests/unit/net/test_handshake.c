/* test_handshake.c - which requests are answered, and which of them may become a WebSocket. */
#include "service/net/handshake.h"
#include "tests/support/suite.h"

static const char *const hosts[] = {"gloss.example", "[2001:db8::7]"};
static const char *const origins[] = {"https://friend.example"};
static const struct handshake_policy policy = {hosts, 2, origins, 1};

/* A head that may become a WebSocket, but for one field: NULL leaves it as it is, "" takes it away. */
struct given {
    const char *what;
    enum head_field field;
    const char *value;
    unsigned status;
};

static void set(struct head *head, enum head_field field, const char *value)
{
    head->fields[field].value = gl_slice_str(value);
    head->fields[field].lines = *value != '\0';
}

static struct head good_head(void)
{
    struct head head = {.method = HTTP_GET, .path = GL_SLICE("/ws"), .query = GL_SLICE("")};
    set(&head, HEAD_VERSION, "HTTP/1.1");
    set(&head, HEAD_HOST, "gloss.example:7443");
    set(&head, HEAD_CONNECTION, "keep-alive, Upgrade");
    set(&head, HEAD_UPGRADE, "websocket");
    set(&head, HEAD_WS_VERSION, "13");
    set(&head, HEAD_WS_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
    set(&head, HEAD_WS_PROTOCOL, "gloss.v1");
    return head;
}

static const struct given upgrades[] = {
    {"nothing changed", HEAD_VERSION, NULL, 0},
    {"HTTP/1.0", HEAD_VERSION, "HTTP/1.0", 505},
    {"HTTP/2.0", HEAD_VERSION, "HTTP/2.0", 505},
    {"no version", HEAD_VERSION, "", 505},
    {"localhost", HEAD_HOST, "localhost", 0},
    {"loopback with a port", HEAD_HOST, "127.0.0.1:1", 0},
    {"IPv6 loopback", HEAD_HOST, "[::1]:7443", 0},
    {"IPv6 that was configured", HEAD_HOST, "[2001:db8::7]", 0},
    {"another case", HEAD_HOST, "GLOSS.Example", 0},
    {"no host", HEAD_HOST, "", 400},
    {"a foreign host", HEAD_HOST, "evil.example", 403},
    {"a host that begins like ours", HEAD_HOST, "gloss.example.evil.example", 403},
    {"a host that ends like ours", HEAD_HOST, "evil-gloss.example", 403},
    {"a port that is none", HEAD_HOST, "gloss.example:x", 400},
    {"an empty port", HEAD_HOST, "gloss.example:", 400},
    {"too long a port", HEAD_HOST, "gloss.example:123456", 400},
    {"two ports", HEAD_HOST, "gloss.example:1:2", 400},
    {"credentials", HEAD_HOST, "evil@gloss.example", 403},
    {"an open bracket", HEAD_HOST, "[::1", 400},
    {"something behind the bracket", HEAD_HOST, "[::1]x", 400},
    {"two hosts in one", HEAD_HOST, "gloss.example,evil.example", 403},
    {"an origin of a friend", HEAD_ORIGIN, "https://friend.example", 0},
    {"our own origin", HEAD_ORIGIN, "https://gloss.example:7443", 0},
    {"our own origin in another case", HEAD_ORIGIN, "HTTPS://Gloss.example:7443", 0},
    {"our own without encryption", HEAD_ORIGIN, "http://gloss.example:7443", 403},
    {"our own at another port", HEAD_ORIGIN, "https://gloss.example", 403},
    {"a foreign origin", HEAD_ORIGIN, "https://evil.example", 403},
    {"an origin that begins like a friend's", HEAD_ORIGIN, "https://friend.example.evil.example", 403},
    {"no origin that can be named", HEAD_ORIGIN, "null", 403},
    {"only upgrade", HEAD_CONNECTION, "upgrade", 0},
    {"no upgrade in it", HEAD_CONNECTION, "keep-alive", 400},
    {"a word with upgrade in it", HEAD_CONNECTION, "upgraded, noupgrade", 400},
    {"no connection", HEAD_CONNECTION, "", 400},
    {"h2c", HEAD_UPGRADE, "h2c", 400},
    {"two upgrades", HEAD_UPGRADE, "websocket, h2c", 400},
    {"another case of websocket", HEAD_UPGRADE, "WebSocket", 0},
    {"version 8", HEAD_WS_VERSION, "8", 426},
    {"version 013", HEAD_WS_VERSION, "013", 426},
    {"several versions", HEAD_WS_VERSION, "13, 8", 426},
    {"no version of it", HEAD_WS_VERSION, "", 426},
    {"a short key", HEAD_WS_KEY, "dGhlIHNhbXBsZQ==", 400},
    {"a key of 17 bytes", HEAD_WS_KEY, "dGhlIHNhbXBsZSBub25jZSE=", 400},
    {"bits to spare", HEAD_WS_KEY, "dGhlIHNhbXBsZSBub25jZR==", 400},
    {"not base64", HEAD_WS_KEY, "dGhlIHNhbXBsZSBub25j*Q==", 400},
    {"no key", HEAD_WS_KEY, "", 400},
    {"our protocol among others", HEAD_WS_PROTOCOL, "gloss.v2, gloss.v1", 0},
    {"our protocol in another case", HEAD_WS_PROTOCOL, "Gloss.v1", 400},
    {"another protocol", HEAD_WS_PROTOCOL, "chat", 400},
    {"a protocol that begins like ours", HEAD_WS_PROTOCOL, "gloss.v12", 400},
    {"an empty one in the list", HEAD_WS_PROTOCOL, "gloss.v1,,chat", 400},
    {"no token in the list", HEAD_WS_PROTOCOL, "gloss.v1, a b", 400},
    {"no protocol", HEAD_WS_PROTOCOL, "", 400},
    {"a body", HEAD_CONTENT_LENGTH, "5", 400},
    {"an empty body", HEAD_CONTENT_LENGTH, "0", 400},
    {"a negative body", HEAD_CONTENT_LENGTH, "-1", 400},
    {"chunks", HEAD_TRANSFER_ENCODING, "chunked", 411},
};

START_TEST(upgrade__with_one_field_changed__is_granted_or_refused)
{
    const struct given *row = &upgrades[_i];
    struct head head = good_head();
    if (row->value)
        set(&head, row->field, row->value);

    struct refusal refusal = handshake_check_upgrade(&head, &policy);

    ck_assert_msg(refusal.status == row->status, "%s: %u instead of %u (%s)", row->what, refusal.status, row->status,
                  refusal.sentence ? refusal.sentence : "granted");
    ck_assert_msg(!refusal.status == !refusal.sentence, "%s", row->what);
}
END_TEST

START_TEST(upgrade__with_a_header_twice__is_refused)
{
    struct head head = good_head();
    set(&head, HEAD_ORIGIN, "https://friend.example");
    head.fields[_i].lines = 2;
    ck_assert_uint_ne(handshake_check_upgrade(&head, &policy).status, 0);
}
END_TEST

START_TEST(upgrade__of_another_kind_of_request__is_refused)
{
    struct head head = good_head();
    head.method = HTTP_POST;
    ck_assert_uint_eq(handshake_check_upgrade(&head, &policy).status, 405);
    head = good_head();
    head.method = 0;
    ck_assert_uint_eq(handshake_check_upgrade(&head, &policy).status, 405);
    head = good_head();
    head.is_broken = true;
    ck_assert_uint_eq(handshake_check_upgrade(&head, &policy).status, 400);
    head = good_head();
    head.path = GL_SLICE("/ws/");
    ck_assert_uint_eq(handshake_check_upgrade(&head, &policy).status, 404);
    head = good_head();
    head.query = GL_SLICE("token=1");
    ck_assert_uint_eq(handshake_check_upgrade(&head, &policy).status, 404);
    head = good_head();
    head.path = GL_SLICE("https://gloss.example/ws");
    ck_assert_uint_eq(handshake_check_upgrade(&head, &policy).status, 400);
}
END_TEST

START_TEST(request__of_a_probe__may_have_any_host_or_none_in_http_1_0)
{
    struct head head = {.method = HTTP_GET, .path = GL_SLICE("/healthz")};
    set(&head, HEAD_VERSION, "HTTP/1.0");
    ck_assert_uint_eq(handshake_check_request(&head, &policy, true).status, 0);
    ck_assert_uint_eq(handshake_check_request(&head, &policy, false).status, 403);
    set(&head, HEAD_HOST, "10.0.0.1:7443");
    ck_assert_uint_eq(handshake_check_request(&head, &policy, true).status, 0);
    set(&head, HEAD_HOST, "10.0.0.1:x");
    ck_assert_uint_eq(handshake_check_request(&head, &policy, true).status, 400);
    set(&head, HEAD_VERSION, "HTTP/1.1");
    set(&head, HEAD_HOST, "");
    ck_assert_uint_eq(handshake_check_request(&head, &policy, true).status, 400);
}
END_TEST

START_TEST(body_length__is_a_number_of_sane_size)
{
    static const struct {
        const char *value;
        int64_t expected;
    } rows[] = {{"", -1},   {"0", 0},    {"007", 7}, {"999999999999999", 999999999999999}, {"1000000000000000", -2}, {"+1", -2},
                {"1 ", -2}, {"0x1", -2}, {"1,1", -2}};
    struct head head = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set(&head, HEAD_CONTENT_LENGTH, rows[i].value);
        ck_assert_msg(handshake_body_length(&head) == rows[i].expected, "%s", rows[i].value);
    }
    set(&head, HEAD_TRANSFER_ENCODING, "identity");
    ck_assert_int_eq(handshake_body_length(&head), -2);
}
END_TEST

START_TEST(name__is_a_token_or_not)
{
    ck_assert(head_name_is_token("x-probe_1.a!", 12));
    ck_assert(!head_name_is_token("", 0));
    ck_assert(!head_name_is_token("a b", 3));
    ck_assert(!head_name_is_token("x\r\norigin", 9));
    ck_assert(!head_name_is_token("caf\xc3\xa9", 5));
    ck_assert(!head_name_is_token("a(b)", 4));
    ck_assert(head_value_is_printable(GL_SLICE("caf\xc3\xa9\t1")));
    ck_assert(!head_value_is_printable(GL_SLICE("a\0b")));
    ck_assert(!head_value_is_printable(GL_SLICE("a\x7f")));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, upgrade__with_one_field_changed__is_granted_or_refused, 0, sizeof upgrades / sizeof *upgrades);
    tcase_add_loop_test(tests, upgrade__with_a_header_twice__is_refused, 0, HEAD_FIELDS);
    tcase_add_test(tests, upgrade__of_another_kind_of_request__is_refused);
    tcase_add_test(tests, request__of_a_probe__may_have_any_host_or_none_in_http_1_0);
    tcase_add_test(tests, body_length__is_a_number_of_sane_size);
    tcase_add_test(tests, name__is_a_token_or_not);
}

int main(void)
{
    return suite_run("handshake", add);
}
