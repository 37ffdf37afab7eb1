#include "service/net/proxy_head.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define LINE_MAX_V1 107u /* with CR LF; the protocol's own bound */
#define FIXED_V2    16u

static const unsigned char begin_v1[] = "PROXY ";
static const unsigned char begin_v2[] = "\r\n\r\n\0\r\nQUIT\n";
enum { BEGIN_V1 = sizeof begin_v1 - 1, BEGIN_V2 = sizeof begin_v2 - 1 };

void proxy_head_init(struct proxy_head *head)
{
    head->state = PROXY_MORE;
    head->is_local = false;
    head->client = (struct sockaddr_storage){0};
    head->why = NULL;
    head->len = 0;
}

static bool begins(const unsigned char *bytes, size_t len, const unsigned char *with, size_t with_len)
{
    return memcmp(bytes, with, len < with_len ? len : with_len) == 0;
}

bool proxy_head_may_begin(const unsigned char *bytes, size_t len)
{
    return begins(bytes, len, begin_v1, BEGIN_V1) || begins(bytes, len, begin_v2, BEGIN_V2);
}

static void broken(struct proxy_head *head, const char *why)
{
    head->state = PROXY_BROKEN;
    head->why = why;
}

/* ---- version 1: a line of words with one space between */

static bool take_word(const char **at, const char *end, char *word, size_t room)
{
    size_t len = 0;
    while (*at + len < end && (*at)[len] != ' ')
        len++;
    if (len == 0 || len >= room)
        return false;
    memcpy(word, *at, len);
    word[len] = '\0';
    *at += len;
    if (*at < end)
        (*at)++;
    return strlen(word) == len;
}

static bool parse_port(const char *word, in_port_t *port)
{
    unsigned long value = 0;
    const size_t len = strlen(word);
    if (len > 5 || (len > 1 && word[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (word[i] < '0' || word[i] > '9')
            return false;
        value = value * 10 + (unsigned long)(word[i] - '0');
    }
    *port = htons((uint16_t)value);
    return value <= 65535;
}

static bool parse_address(int family, const char *word, struct sockaddr_storage *address)
{
    address->ss_family = (sa_family_t)family;
    return inet_pton(family, word,
                     family == AF_INET ? (void *)&((struct sockaddr_in *)address)->sin_addr
                                       : (void *)&((struct sockaddr_in6 *)address)->sin6_addr) == 1;
}

static void read_line(struct proxy_head *head)
{
    const char *at = (const char *)head->bytes + BEGIN_V1, *end = (const char *)head->bytes + head->len - 2;
    char word[INET6_ADDRSTRLEN + 1];
    struct sockaddr_storage client = {0}, server = {0};
    in_port_t client_port = 0, server_port = 0;
    if (*end != '\r') {
        broken(head, "the line does not end with CR LF");
        return;
    }
    if (!take_word(&at, end, word, sizeof word)) {
        broken(head, "the protocol is missing");
        return;
    }
    if (strcmp(word, "UNKNOWN") == 0) {
        head->is_local = true;
        head->state = PROXY_DONE;
        return;
    }
    const int family = strcmp(word, "TCP4") == 0 ? AF_INET : strcmp(word, "TCP6") == 0 ? AF_INET6 : AF_UNSPEC;
    const bool is_well = family != AF_UNSPEC && take_word(&at, end, word, sizeof word) && parse_address(family, word, &client) &&
                         take_word(&at, end, word, sizeof word) && parse_address(family, word, &server) &&
                         take_word(&at, end, word, sizeof word) && parse_port(word, &client_port) &&
                         take_word(&at, end, word, sizeof word) && parse_port(word, &server_port) && at == end && end[-1] != ' ';
    if (!is_well) {
        broken(head, "the line is not TCP4 or TCP6, two addresses and two ports");
        return;
    }
    if (family == AF_INET)
        ((struct sockaddr_in *)&client)->sin_port = client_port;
    else
        ((struct sockaddr_in6 *)&client)->sin6_port = client_port;
    head->client = client;
    head->state = PROXY_DONE;
}

/* ---- version 2: a block with a length */

static size_t number16(const unsigned char *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static void check_fixed(struct proxy_head *head)
{
    const unsigned command = head->bytes[12] & 15u;
    if (head->bytes[12] >> 4 != 2)
        broken(head, "the version is not 2");
    else if (command > 1)
        broken(head, "the command is neither LOCAL nor PROXY");
    else if (FIXED_V2 + number16(head->bytes + 14) > PROXY_HEAD_MAX)
        broken(head, "it announces more than is taken");
}

/* What stands behind the addresses: type, length, value; none of it is needed here. */
static bool extras_fit(const unsigned char *at, size_t left)
{
    while (left >= 3 && number16(at + 1) <= left - 3) {
        const size_t whole = 3 + number16(at + 1);
        at += whole;
        left -= whole;
    }
    return left == 0;
}

static void read_block(struct proxy_head *head)
{
    const unsigned char *body = head->bytes + FIXED_V2;
    const size_t len = head->len - FIXED_V2;
    const unsigned kind = head->bytes[13];
    const size_t addresses = kind == 0x11 ? 12 : kind == 0x21 ? 36 : 0;
    head->is_local = (head->bytes[12] & 15u) == 0 || kind == 0;
    if (head->is_local) { /* whatever is in it counts for nothing */
        head->state = PROXY_DONE;
        return;
    }
    if (addresses == 0) {
        broken(head, "the addresses are not those of TCP over IPv4 or IPv6");
        return;
    }
    if (len < addresses || !extras_fit(body + addresses, len - addresses)) {
        broken(head, "it is shorter or longer than what is in it");
        return;
    }
    if (kind == 0x11) {
        struct sockaddr_in *in = (struct sockaddr_in *)&head->client;
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, body, 4);
        memcpy(&in->sin_port, body + 8, 2);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&head->client;
        in6->sin6_family = AF_INET6;
        memcpy(&in6->sin6_addr, body, 16);
        memcpy(&in6->sin6_port, body + 32, 2);
    }
    head->state = PROXY_DONE;
}

/* ---- byte by byte: heads are short, and a slice may end anywhere */

static void look(struct proxy_head *head)
{
    const unsigned char last = head->bytes[head->len - 1];
    if (!proxy_head_may_begin(head->bytes, head->len)) {
        broken(head, "no PROXY head came first");
    } else if (head->bytes[0] == begin_v1[0]) {
        if (last == '\n')
            read_line(head);
        else if (head->len == LINE_MAX_V1)
            broken(head, "the line is too long");
    } else {
        if (head->len == FIXED_V2)
            check_fixed(head);
        if (head->state == PROXY_MORE && head->len >= FIXED_V2 && head->len == FIXED_V2 + number16(head->bytes + 14))
            read_block(head);
    }
}

size_t proxy_head_add(struct proxy_head *head, const unsigned char *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && head->state == PROXY_MORE) {
        head->bytes[head->len++] = bytes[taken++];
        look(head);
    }
    return taken;
}
