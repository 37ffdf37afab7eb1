#include "service/net/handshake.h"

#include <strings.h>

#define KEY_TEXT    24 /* base64 of 16 bytes */
#define BODY_DIGITS 15

static const char *const loopback_names[] = {"localhost", "127.0.0.1", "[::1]"};

bool head_name_is_token(const char *name, size_t len)
{
    static const char separators[] = "\"(),/:;<=>?@[\\]{}";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte <= ' ' || byte >= 127 || memchr(separators, byte, sizeof separators - 1))
            return false;
    }
    return len > 0;
}

bool head_value_is_printable(struct gl_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        if ((byte < ' ' && byte != '\t') || byte == 127)
            return false;
    }
    return true;
}

static bool equals_ignoring_case(struct gl_slice a, const char *text)
{
    return a.len == strlen(text) && strncasecmp(a.data, text, a.len) == 0;
}

static bool is_digits(struct gl_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

/* name[:port] -> name. The empty slice when it is not of that form. */
static struct gl_slice host_without_port(struct gl_slice host)
{
    size_t end = 0;
    if (host.len == 0)
        return GL_SLICE("");
    if (host.data[0] == '[') {
        const char *bracket = memchr(host.data, ']', host.len);
        end = bracket ? (size_t)(bracket - host.data) + 1 : 0;
    } else {
        const char *colon = memchr(host.data, ':', host.len);
        end = colon ? (size_t)(colon - host.data) : host.len;
    }
    struct gl_slice name = gl_slice_of(host.data, end), rest = gl_slice_of(host.data + end, host.len - end);
    if (rest.len > 0 && (rest.data[0] != ':' || rest.len > 6 || !is_digits(gl_slice_of(rest.data + 1, rest.len - 1))))
        return GL_SLICE("");
    return name;
}

static bool is_one_of(struct gl_slice text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (equals_ignoring_case(text, list[i]))
            return true;
    return false;
}

bool handshake_is_loopback_name(struct gl_slice host)
{
    return is_one_of(host_without_port(host), loopback_names, sizeof loopback_names / sizeof *loopback_names);
}

static bool host_is_ours(struct gl_slice host, const struct handshake_policy *policy)
{
    struct gl_slice name = host_without_port(host);
    return handshake_is_loopback_name(host) || is_one_of(name, policy->host_names, policy->host_name_count);
}

/* Absent (not a browser), one that was configured, or a page that came from here: "https://" and the Host that was found to
 * be ours. */
static bool origin_may_connect(const struct head *head, const struct handshake_policy *policy)
{
    static const char scheme[] = "https://";
    struct gl_slice origin = head->fields[HEAD_ORIGIN].value, host = head->fields[HEAD_HOST].value;
    if (head->fields[HEAD_ORIGIN].lines == 0)
        return true;
    if (head->fields[HEAD_ORIGIN].lines != 1)
        return false;
    if (is_one_of(origin, policy->origins, policy->origin_count))
        return true;
    return origin.len == sizeof scheme - 1 + host.len && strncasecmp(origin.data, scheme, sizeof scheme - 1) == 0 &&
           strncasecmp(origin.data + sizeof scheme - 1, host.data, host.len) == 0;
}

/* Walks a comma-separated list; false at its end. An empty element or one with something inside that is no token makes *item
 * empty. */
static bool next_in_list(struct gl_slice *list, struct gl_slice *item)
{
    if (list->len == 0)
        return false;
    const char *comma = memchr(list->data, ',', list->len);
    size_t len = comma ? (size_t)(comma - list->data) : list->len;
    *item = gl_slice_of(list->data, len);
    *list = comma ? gl_slice_of(comma + 1, list->len - len - 1) : GL_SLICE("");
    while (item->len > 0 && (item->data[0] == ' ' || item->data[0] == '\t'))
        item->data++, item->len--;
    while (item->len > 0 && (item->data[item->len - 1] == ' ' || item->data[item->len - 1] == '\t'))
        item->len--;
    if (!head_name_is_token(item->data, item->len))
        *item = GL_SLICE("");
    return true;
}

static bool list_has_ignoring_case(struct gl_slice list, const char *word)
{
    for (struct gl_slice item; next_in_list(&list, &item);)
        if (equals_ignoring_case(item, word))
            return true;
    return false;
}

/* Exactly so, also in its case, and nothing else in the list that is not a protocol's name. */
static bool offers_protocol(struct gl_slice list)
{
    bool found = false;
    for (struct gl_slice item; next_in_list(&list, &item);) {
        if (item.len == 0)
            return false;
        found = found || gl_slice_is(item, WEBSOCKET_PROTOCOL);
    }
    return found;
}

/* 22 characters of base64 and "==", whose last sextet has no bits to spare. */
static bool is_key(struct gl_slice key)
{
    if (key.len != KEY_TEXT || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return memchr("AQgw", key.data[21], 4) != NULL;
}

int64_t handshake_body_length(const struct head *head)
{
    if (head->fields[HEAD_TRANSFER_ENCODING].lines > 0)
        return -2;
    if (head->fields[HEAD_CONTENT_LENGTH].lines == 0)
        return -1;
    struct gl_slice digits = head->fields[HEAD_CONTENT_LENGTH].value;
    if (head->fields[HEAD_CONTENT_LENGTH].lines != 1 || !is_digits(digits) || digits.len > BODY_DIGITS)
        return -2;
    int64_t length = 0;
    for (size_t i = 0; i < digits.len; i++)
        length = length * 10 + (digits.data[i] - '0');
    return length;
}

#define REFUSE(status_, sentence_)                                                                                               \
    return (struct refusal)                                                                                                      \
    {                                                                                                                            \
        status_, sentence_                                                                                                       \
    }

struct refusal handshake_check_request(const struct head *head, const struct handshake_policy *policy, bool any_host)
{
    struct gl_slice version = head->fields[HEAD_VERSION].value;
    if (head->is_broken)
        REFUSE(400, "the request's header cannot be read");
    if (head->method == 0)
        REFUSE(405, "there is no such method here");
    if (head->fields[HEAD_VERSION].lines != 1 || !(gl_slice_is(version, "HTTP/1.1") || gl_slice_is(version, "HTTP/1.0")))
        REFUSE(505, "only HTTP/1.1 is spoken here");
    if (head->path.len == 0 || head->path.data[0] != '/')
        REFUSE(400, "the request's target must be a path");
    if (head->fields[HEAD_HOST].lines > 1 || (head->fields[HEAD_HOST].lines == 0 && gl_slice_is(version, "HTTP/1.1")))
        REFUSE(400, "one Host header is needed");
    if (head->fields[HEAD_HOST].lines == 1 && host_without_port(head->fields[HEAD_HOST].value).len == 0)
        REFUSE(400, "the Host header is not a name");
    if (!any_host && !host_is_ours(head->fields[HEAD_HOST].value, policy))
        REFUSE(403, "this server does not answer under that name; its setting host_names lists those it answers under");
    if (head->fields[HEAD_TRANSFER_ENCODING].lines > 0)
        REFUSE(411, "a body needs a Content-Length; chunked bodies are not taken");
    if (handshake_body_length(head) == -2)
        REFUSE(400, "the Content-Length is not a number");
    REFUSE(0, NULL);
}

struct refusal handshake_check_upgrade(const struct head *head, const struct handshake_policy *policy)
{
    struct refusal refusal = handshake_check_request(head, policy, false);
    if (refusal.status)
        return refusal;
    if (head->method != HTTP_GET)
        REFUSE(405, "a WebSocket is opened with GET");
    if (!gl_slice_is(head->path, WEBSOCKET_PATH) || head->query.len > 0)
        REFUSE(404, "WebSockets are at " WEBSOCKET_PATH);
    if (!gl_slice_is(head->fields[HEAD_VERSION].value, "HTTP/1.1"))
        REFUSE(505, "a WebSocket is opened with HTTP/1.1");
    if (head->fields[HEAD_UPGRADE].lines != 1 || !equals_ignoring_case(head->fields[HEAD_UPGRADE].value, "websocket"))
        REFUSE(400, "the only upgrade here is to websocket");
    if (head->fields[HEAD_CONNECTION].lines != 1 || !list_has_ignoring_case(head->fields[HEAD_CONNECTION].value, "upgrade"))
        REFUSE(400, "the Connection header must say Upgrade");
    if (handshake_body_length(head) != -1)
        REFUSE(400, "the request that opens a WebSocket has no body");
    if (head->fields[HEAD_WS_VERSION].lines != 1 || !gl_slice_is(head->fields[HEAD_WS_VERSION].value, "13"))
        REFUSE(426, "only version 13 of the WebSocket protocol is spoken here");
    if (head->fields[HEAD_WS_KEY].lines != 1 || !is_key(head->fields[HEAD_WS_KEY].value))
        REFUSE(400, "the Sec-WebSocket-Key must be 16 bytes in base64");
    if (head->fields[HEAD_WS_PROTOCOL].lines != 1 || !offers_protocol(head->fields[HEAD_WS_PROTOCOL].value))
        REFUSE(400, "the subprotocol " WEBSOCKET_PROTOCOL " must be offered");
    if (!origin_may_connect(head, policy))
        REFUSE(403, "pages of that origin may not connect; the setting origins lists those that may");
    REFUSE(0, NULL);
}
