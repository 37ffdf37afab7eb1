#include "service/http/http.h"

#include <stdio.h>

#include "service/base/mem.h"
#include "service/http/pages.h"

struct http {
    struct http_config config;
    struct http_route *routes;
    size_t count, cap;
    struct http_pages *pages;
};

static void say(struct http_call *call, unsigned status, const char *sentence)
{
    struct http_answer answer = {.status = status, .body = gl_slice_str(sentence)};
    call->answer(call, &answer);
}

/* The loop turns: that it is answered is the answer. */
static void answer_health(void *ctx, struct http_call *call)
{
    (void)ctx;
    say(call, 200, "ok\n");
}

static void answer_readiness(void *ctx, struct http_call *call)
{
    const struct http_config *config = &((struct http *)ctx)->config;
    const char *why = "not ready";
    if (!config->is_ready || config->is_ready(config->ctx, &why)) {
        say(call, 200, "ok\n");
        return;
    }
    char line[256];
    snprintf(line, sizeof line, "%s\n", why);
    say(call, 503, line);
}

static void answer_page(void *ctx, struct http_call *call)
{
    pages_answer(((struct http *)ctx)->pages, call);
}

struct http *http_new(const struct http_config *config)
{
    struct http *http = mem_alloc(sizeof *http);
    http->config = *config;
    http->pages = pages_new(config->server_version);
    http_add(http, &(struct http_route){
                       .path = "/healthz", .methods = HTTP_GET, .any_host = true, .handle = answer_health, .ctx = http});
    http_add(http, &(struct http_route){
                       .path = "/readyz", .methods = HTTP_GET, .any_host = true, .handle = answer_readiness, .ctx = http});
    for (size_t i = 0; pages_path(i); i++)
        http_add(http, &(struct http_route){.path = pages_path(i), .methods = HTTP_GET, .handle = answer_page, .ctx = http});
    return http;
}

void http_free(struct http **address)
{
    struct http *http = *address;
    if (!http)
        return;
    pages_free(&http->pages);
    mem_free(&http->routes);
    mem_free(address);
}

void http_add(struct http *http, const struct http_route *route)
{
    http->routes = mem_grow(http->routes, &http->cap, http->count + 1, sizeof *http->routes);
    http->routes[http->count] = *route;
    if (route->methods & HTTP_GET)
        http->routes[http->count].methods |= HTTP_HEAD;
    http->count++;
}

static bool matches(const struct http_route *route, struct gl_slice path)
{
    size_t len = strlen(route->path);
    if (len > 1 && route->path[len - 1] == '/')
        return path.len >= len && memcmp(path.data, route->path, len) == 0;
    return path.len == len && memcmp(path.data, route->path, len) == 0;
}

const struct http_route *http_find(const struct http *http, struct gl_slice path)
{
    for (size_t i = 0; i < http->count; i++)
        if (matches(&http->routes[i], path))
            return &http->routes[i];
    return NULL;
}

static const struct {
    enum http_method method;
    const char *name;
} method_names[] = {{HTTP_GET, "GET"},     {HTTP_HEAD, "HEAD"},     {HTTP_POST, "POST"},      {HTTP_PUT, "PUT"},
                    {HTTP_PATCH, "PATCH"}, {HTTP_DELETE, "DELETE"}, {HTTP_OPTIONS, "OPTIONS"}};

/* The Allow header for a route. One thread, and read before the next call: so it may be static. */
static const char *allow_header(unsigned methods)
{
    static char line[80];
    size_t len = (size_t)snprintf(line, sizeof line, "Allow:");
    for (size_t i = 0; i < sizeof method_names / sizeof *method_names; i++)
        if (methods & method_names[i].method)
            len +=
                (size_t)snprintf(line + len, sizeof line - len, "%s %s", line[len - 1] == ':' ? "" : ",", method_names[i].name);
    snprintf(line + len, sizeof line - len, "\r\n");
    return line;
}

static bool refuse(struct http_refusal *refusal, unsigned status, const char *sentence, const char *headers)
{
    *refusal = (struct http_refusal){status, sentence, headers};
    return false;
}

bool http_may_begin(const struct http_route *route, enum http_method method, int64_t body_length, struct http_refusal *refusal)
{
    bool takes_body = method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
    if (!route)
        return refuse(refusal, 404, "there is nothing here", NULL);
    if (!(route->methods & method))
        return refuse(refusal, 405, "that method is not for this path", allow_header(route->methods));
    if (takes_body && body_length < 0)
        return refuse(refusal, 411, "a Content-Length is needed", NULL);
    if (!takes_body && body_length > 0)
        return refuse(refusal, 400, "this method takes no body", NULL);
    if (body_length > 0 && (uint64_t)body_length > route->max_body_bytes)
        return refuse(refusal, 413, "the body is larger than the server takes", NULL);
    return true;
}

void http_handle(const struct http_route *route, struct http_call *call)
{
    route->handle(route->ctx, call);
}
