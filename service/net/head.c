/*
 * head.c - the head of a request, out of the library.
 *
 * libwebsockets 4.3.5 swallows the next header line when a header's name is a proper beginning of one that it knows: "Ho: x"
 * hides what follows, be it Origin, Upgrade or Content-Length. The hidden line turns up as part of a name that the library
 * does not know, so all such names must be tokens (RFC 9110 5.1); that catches "Origin : x" and folded lines too.
 */
#include "service/net/net_priv.h"

static const struct {
    enum lws_token_indexes token;
    enum head_field field;
} fields[] = {
    {WSI_TOKEN_HTTP, HEAD_VERSION},
    {WSI_TOKEN_HOST, HEAD_HOST},
    {WSI_TOKEN_ORIGIN, HEAD_ORIGIN},
    {WSI_TOKEN_CONNECTION, HEAD_CONNECTION},
    {WSI_TOKEN_UPGRADE, HEAD_UPGRADE},
    {WSI_TOKEN_VERSION, HEAD_WS_VERSION},
    {WSI_TOKEN_KEY, HEAD_WS_KEY},
    {WSI_TOKEN_PROTOCOL, HEAD_WS_PROTOCOL},
    {WSI_TOKEN_HTTP_CONTENT_LENGTH, HEAD_CONTENT_LENGTH},
    {WSI_TOKEN_HTTP_TRANSFER_ENCODING, HEAD_TRANSFER_ENCODING},
};

static const struct {
    enum lws_token_indexes token;
    enum http_method method;
} methods[] = {
    {WSI_TOKEN_GET_URI, HTTP_GET},         {WSI_TOKEN_HEAD_URI, HTTP_HEAD},
    {WSI_TOKEN_POST_URI, HTTP_POST},       {WSI_TOKEN_PUT_URI, HTTP_PUT},
    {WSI_TOKEN_PATCH_URI, HTTP_PATCH},     {WSI_TOKEN_DELETE_URI, HTTP_DELETE},
    {WSI_TOKEN_OPTIONS_URI, HTTP_OPTIONS}, {WSI_TOKEN_CONNECT, 0},
};

struct room {
    char *at;
    size_t left;
    bool is_broken;
};

static void look_at_name(const char *name, int len, void *opaque)
{
    struct room *room = opaque;
    if (len < 2 || name[len - 1] != ':' || !head_name_is_token(name, (size_t)len - 1))
        room->is_broken = true;
}

static struct gl_slice copy_value(struct lws *wsi, enum lws_token_indexes token, struct room *room)
{
    int len = lws_hdr_total_length(wsi, token);
    if (len <= 0)
        return GL_SLICE("");
    if ((size_t)len + 1 > room->left || lws_hdr_copy(wsi, room->at, (int)room->left, token) != len) {
        room->is_broken = true;
        return GL_SLICE("");
    }
    struct gl_slice value = gl_slice_of(room->at, (size_t)len);
    room->at += len + 1;
    room->left -= (size_t)len + 1;
    if (!head_value_is_printable(value))
        room->is_broken = true;
    return value;
}

/* A header that was there with an empty value has no length, and is as good as not there. The library joins several lines;
 * the length tells. */
static unsigned count_lines(struct lws *wsi, enum lws_token_indexes token)
{
    int len = lws_hdr_total_length(wsi, token);
    if (len <= 0)
        return 0;
    return lws_hdr_fragment_length(wsi, token, 0) == len ? 1 : 2;
}

/* The query, which the library has cut at each ampersand and decoded. */
static struct gl_slice copy_query(struct lws *wsi, struct room *room)
{
    char *begin = room->at;
    int total = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS), len;
    if (total <= 0)
        return GL_SLICE("");
    if ((size_t)total + 1 > room->left) {
        room->is_broken = true;
        return GL_SLICE("");
    }
    for (int i = 0; (len = lws_hdr_copy_fragment(wsi, room->at, (int)room->left, WSI_TOKEN_HTTP_URI_ARGS, i)) >= 0; i++) {
        if (!head_value_is_printable(gl_slice_of(room->at, (size_t)len)))
            room->is_broken = true;
        room->at[len] = '\n';
        room->at += len + 1;
        room->left -= (size_t)len + 1;
    }
    return gl_slice_of(begin, (size_t)(room->at - begin) - 1);
}

void head_read(struct lws *wsi, struct head *head, char *scratch, size_t space)
{
    struct room room = {.at = scratch, .left = space};
    unsigned found = 0;
    *head = (struct head){.path = GL_SLICE(""), .query = GL_SLICE("")};

    lws_hdr_custom_name_foreach(wsi, look_at_name, &room);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) <= 0)
            continue;
        found++;
        head->method = methods[i].method;
        head->path = copy_value(wsi, methods[i].token, &room);
    }
    if (found != 1)
        head->method = 0;
    head->query = copy_query(wsi, &room);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        head->fields[fields[i].field].lines = count_lines(wsi, fields[i].token);
        head->fields[fields[i].field].value = copy_value(wsi, fields[i].token, &room);
    }
    head->is_broken = room.is_broken;
}

/* The library keeps the headers it knows under numbers, and the others by name. */
struct gl_slice head_value(struct lws *wsi, const char *name, char *scratch, size_t space)
{
    char with_colon[64];
    int len = snprintf(with_colon, sizeof with_colon, "%s:", name);
    if (len < 2 || (size_t)len >= sizeof with_colon)
        return GL_SLICE("");
    for (int token = 0; token < WSI_TOKEN_COUNT; token++) {
        const char *known = (const char *)lws_token_to_string((enum lws_token_indexes)token);
        struct room room = {.at = scratch, .left = space};
        if (known && strcmp(known, with_colon) == 0) {
            struct gl_slice value = copy_value(wsi, (enum lws_token_indexes)token, &room);
            return room.is_broken ? GL_SLICE("") : value;
        }
    }
    int copied = lws_hdr_custom_copy(wsi, scratch, (int)space, with_colon, len);
    struct gl_slice value = gl_slice_of(scratch, copied > 0 ? (size_t)copied : 0);
    return head_value_is_printable(value) ? value : GL_SLICE("");
}
