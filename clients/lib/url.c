/*
 * url.c - the address of a server, taken apart.
 */
#include "clients/lib/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX    2000
#define PORT_HTTPS 443

static enum gl_code wrong(struct gl_err *err, const char *text, const char *why)
{
    return gl_fail(err, GL_E_SETTING, "the address '%.200s' %s; it looks like https://host:port/", text, why);
}

/* Host and port between `from` and `end`; *host_len is without brackets. */
static const char *split_authority(const char *from, const char *end, const char **host, size_t *host_len, uint16_t *port)
{
    const char *after;
    *port = PORT_HTTPS;
    if (from < end && *from == '[') {
        after = memchr(from, ']', (size_t)(end - from));
        if (!after) {
            return "has an opening bracket without a closing one";
        }
        *host = from + 1;
        *host_len = (size_t)(after - *host);
        after++;
    } else {
        after = memchr(from, ':', (size_t)(end - from));
        after = after ? after : end;
        *host = from;
        *host_len = (size_t)(after - from);
    }
    if (*host_len == 0) {
        return "names no host";
    }
    if (after == end) {
        return NULL;
    }
    if (*after != ':' || after + 1 == end || end - after > 6 || strspn(after + 1, "0123456789") != (size_t)(end - after - 1)) {
        return "has a port that is not a number";
    }
    unsigned long number = strtoul(after + 1, NULL, 10);
    if (number == 0 || number > 65535) {
        return "has a port that is not between 1 and 65535";
    }
    *port = (uint16_t)number;
    return NULL;
}

static char *joined_path(const char *path, bool add_ws)
{
    size_t len = strlen(path);
    const char *slash = len > 0 && path[len - 1] == '/' ? "" : "/";
    char *whole = malloc(len + 4);
    if (whole) {
        (void)snprintf(whole, len + 4, "%s%s", path, len == 0 || add_ws ? (*slash ? "/ws" : "ws") : "");
    }
    return whole;
}

static bool has_odd_bytes(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '@' || *c == '\\' || *c == '"') {
            return true;
        }
    }
    return false;
}

enum gl_code lg_url_init(struct lg_url *url, const char *text, struct gl_err *err)
{
    memset(url, 0, sizeof(*url));
    bool is_https = strncmp(text, "https://", 8) == 0;
    if (!is_https && strncmp(text, "wss://", 6) != 0) {
        return wrong(err, text, "does not begin with https:// or wss:// (a connection is always encrypted)");
    }
    if (strlen(text) > URL_MAX || has_odd_bytes(text)) {
        return wrong(err, text, "is too long, or has spaces, a user name or other characters that do not belong there");
    }
    if (strpbrk(text, "?#")) {
        return wrong(err, text, "has a ? or # part");
    }
    const char *authority = text + (is_https ? 8 : 6);
    const char *end = authority + strcspn(authority, "/");
    const char *host = NULL;
    size_t host_len = 0;
    const char *problem = split_authority(authority, end, &host, &host_len, &url->port);
    if (problem) {
        return wrong(err, text, problem);
    }
    bool has_brackets = *authority == '[';
    url->host = strndup(host, host_len);
    url->path = joined_path(end, is_https);
    url->authority = malloc(host_len + 10);
    if (!url->host || !url->path || !url->authority) {
        lg_url_fini(url);
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    (void)snprintf(url->authority, host_len + 10, "%s%s%s:%u", has_brackets ? "[" : "", url->host, has_brackets ? "]" : "",
                   (unsigned)url->port);
    return GL_OK;
}

void lg_url_fini(struct lg_url *url)
{
    free(url->host);
    free(url->path);
    free(url->authority);
    memset(url, 0, sizeof(*url));
}
