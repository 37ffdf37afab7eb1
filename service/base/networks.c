#include "service/base/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE = 128, MAPPED = 96 };

/* Gives how many bits of it stand before the address itself, or WHOLE + 1 when it is none. */
static unsigned read_address(const char *text, unsigned char address[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(address, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, text, address + sizeof(mapped)) == 1)
        return MAPPED;
    return inet_pton(AF_INET6, text, address) == 1 ? 0 : WHOLE + 1;
}

enum gl_code network_parse(const char *text, const char *name, struct network *network, struct gl_err *err)
{
    char address[INET6_ADDRSTRLEN + 1];
    size_t len = strcspn(text, "/");
    char *end = "";
    unsigned before = WHOLE + 1;
    if (len < sizeof(address)) {
        memcpy(address, text, len);
        address[len] = '\0';
        before = read_address(address, network->address);
    }
    unsigned long bits = before > WHOLE ? 0 : WHOLE - before;
    if (text[len] == '/' && text[len + 1] >= '0' && text[len + 1] <= '9' && before <= WHOLE) {
        unsigned long most = bits;
        bits = strtoul(text + len + 1, &end, 10);
        if (bits > most)
            before = WHOLE + 1;
    } else if (text[len]) {
        before = WHOLE + 1;
    }
    if (before > WHOLE || *end)
        return gl_fail(err, GL_E_SETTING,
                       "\"%.80s\" in the setting %s is no address (127.0.0.1, ::1) and no network (10.0.0.0/8, fd00::/8)", text,
                       name);
    network->bits = before + (unsigned)bits;
    return GL_OK;
}

/* The host of "host:port" or "[host]:port". */
static bool read_host(const char *text, unsigned char address[16])
{
    char host[INET6_ADDRSTRLEN + 1];
    const char *end = strrchr(text, ':');
    if (*text == '[') {
        text++;
        end = strchr(text, ']');
    }
    if (!end || (size_t)(end - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    return read_address(host, address) <= WHOLE;
}

bool network_has(const struct network *network, const char *address)
{
    unsigned char asked[16];
    if (!read_host(address, asked))
        return false;
    for (unsigned bit = 0; bit < network->bits; bit++)
        if ((asked[bit / 8] ^ network->address[bit / 8]) & 0x80u >> bit % 8)
            return false;
    return true;
}
