/*
 * fuzz_handshake.c - any bytes as the head of a request, and as the pieces of a message.
 *
 * What must hold: a head that may become a WebSocket has our path, one of our names, no foreign origin and a key of 16 bytes; a refusal has a
 * status and a sentence; a message put together is what its pieces were, and never larger than may be.
 */
#include <assert.h>
#include <stdlib.h>

#include "service/net/frame.h"
#include "service/net/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const hosts[] = {"gloss.example"};
static const char *const origins[] = {"https://friend.example"};
static const struct handshake_policy policy = {hosts, 1, origins, 1};

static struct gl_slice next_line(struct gl_slice *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    struct gl_slice line = gl_slice_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
    *rest = end ? gl_slice_of(end + 1, rest->len - line.len - 1) : GL_SLICE("");
    return line;
}

static bool contains(struct gl_slice text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void check_head(struct gl_slice rest)
{
    struct head head = {0};
    head.method = rest.len > 0 && rest.data[0] == 'p' ? HTTP_POST : HTTP_GET;
    head.path = next_line(&rest);
    head.query = next_line(&rest);
    for (int i = 0; i < HEAD_FIELDS; i++) {
        head.fields[i].value = next_line(&rest);
        head.fields[i].lines = head.fields[i].value.len > 0;
        head.is_broken = head.is_broken || !head_value_is_printable(head.fields[i].value);
    }
    struct refusal refusal = handshake_check_upgrade(&head, &policy);
    assert(!refusal.status == !refusal.sentence);
    if (refusal.status) {
        assert(refusal.status >= 400 && refusal.status < 600);
        return;
    }
    struct gl_slice host = head.fields[HEAD_HOST].value, origin = head.fields[HEAD_ORIGIN].value;
    assert(!head.is_broken && gl_slice_is(head.path, WEBSOCKET_PATH) && head.query.len == 0 && head.method == HTTP_GET);
    assert(handshake_is_loopback_name(host) || strncasecmp(host.data, hosts[0], strlen(hosts[0])) == 0);
    assert(origin.len == 0 || gl_slice_equal(origin, gl_slice_str(origins[0])) || origin.len > host.len);
    assert(!contains(origin, " ") && handshake_body_length(&head) == -1);
    assert(head.fields[HEAD_WS_KEY].value.len == 24 && contains(head.fields[HEAD_WS_PROTOCOL].value, WEBSOCKET_PROTOCOL));
}

/* Each byte pair says how the next piece is cut. */
static void check_pieces(const uint8_t *data, size_t size)
{
    enum { MAX = 300 };
    struct assembly assembly = {0};
    char expected[MAX];
    size_t len = 0;
    while (size >= 2) {
        size_t piece_len = data[0] < size - 2 ? data[0] : size - 2, rest = data[1] & 0x40 ? SIZE_MAX - data[1] : data[1] & 0x3f;
        bool is_last = rest == 0 && (data[1] & 0x80);
        struct gl_slice piece = gl_slice_of(data + 2, piece_len), message;
        bool is_too_large = rest > MAX || len + piece_len + rest > MAX;
        enum assembled got = assembly_add(&assembly, piece, rest, is_last, MAX, &message);
        assert((got == ASSEMBLY_TOO_LARGE) == is_too_large);
        if (!is_too_large) {
            memcpy(expected + len, piece.data, piece_len);
            len += piece_len;
            assert((got == ASSEMBLY_WHOLE) == is_last);
        }
        if (got == ASSEMBLY_WHOLE)
            assert(gl_slice_equal(message, gl_slice_of(expected, len)));
        if (got != ASSEMBLY_MORE) {
            assembly_reset(&assembly);
            len = 0;
        }
        data += 2 + piece_len;
        size -= 2 + piece_len;
    }
    assembly_reset(&assembly);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_head(gl_slice_of(data, size));
    check_pieces(data, size);
    return 0;
}
