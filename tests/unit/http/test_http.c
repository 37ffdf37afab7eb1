/* test_http.c - routes, and the bytes of answers. */
#include "service/http/http.h"
#include "tests/support/suite.h"

static struct http *http;
static bool is_ready;

static bool ready(void *ctx, const char **why)
{
    (void)ctx;
    *why = "storage is unavailable";
    return is_ready;
}

static void nothing(void *ctx, struct http_call *call)
{
    (void)ctx, (void)call;
}

static void begin(void)
{
    http = http_new(&(struct http_config){.server_version = "gloss <0.1>", .is_ready = ready});
    http_add(http,
             &(struct http_route){.path = "/notes/", .methods = HTTP_GET | HTTP_POST, .max_body_bytes = 10, .handle = nothing});
}

static void end(void)
{
    http_free(&http);
    http_free(&http);
}

static const struct {
    const char *what, *path;
    enum http_method method;
    int64_t body;
    unsigned status; /* 0: may begin */
    const char *headers;
} heads[] = {
    {"the start page", "/", HTTP_GET, -1, 0, NULL},
    {"its head", "/", HTTP_HEAD, -1, 0, NULL},
    {"health", "/healthz", HTTP_GET, -1, 0, NULL},
    {"an empty body", "/healthz", HTTP_GET, 0, 0, NULL},
    {"a body where none is", "/healthz", HTTP_GET, 1, 400, NULL},
    {"nothing there", "/nope", HTTP_GET, -1, 404, NULL},
    {"more than the path", "/healthz/", HTTP_GET, -1, 404, NULL},
    {"the wrong method", "/healthz", HTTP_POST, 0, 405, "Allow: GET, HEAD\r\n"},
    {"below a path", "/notes/7", HTTP_GET, -1, 0, NULL},
    {"all methods are named", "/notes/7", HTTP_DELETE, -1, 405, "Allow: GET, HEAD, POST\r\n"},
    {"not below it", "/notes", HTTP_GET, -1, 404, NULL},
    {"no length", "/notes/", HTTP_POST, -1, 411, NULL},
    {"as long as may be", "/notes/", HTTP_POST, 10, 0, NULL},
    {"too long", "/notes/", HTTP_POST, 11, 413, NULL},
    {"far too long", "/notes/", HTTP_POST, INT64_MAX, 413, NULL},
};

START_TEST(head__alone__decides_whether_a_request_may_begin)
{
    struct http_refusal refusal = {0};
    begin();
    bool may = http_may_begin(http_find(http, gl_slice_str(heads[_i].path)), heads[_i].method, heads[_i].body, &refusal);
    ck_assert_msg(may == (heads[_i].status == 0), "%s", heads[_i].what);
    ck_assert_msg(refusal.status == heads[_i].status, "%s: %u", heads[_i].what, refusal.status);
    if (heads[_i].headers)
        ck_assert_str_eq(refusal.headers, heads[_i].headers);
    end();
}
END_TEST

/* ---- handlers */

static struct gl_buf got;

static void take_answer(struct http_call *call, const struct http_answer *answer)
{
    struct http_form form = {.head_only = call->request.method == HTTP_HEAD, .unix_ms = 784111777000};
    http_write(&got, answer, &form);
}

static const char *ask(const char *path, enum http_method method)
{
    struct http_call call = {.request = {.method = method, .path = gl_slice_str(path), .host = GL_SLICE("a&b:1")},
                             .answer = take_answer};
    gl_buf_init(&got, 100000);
    http_handle(http_find(http, call.request.path), &call);
    const char *text = gl_buf_cstr(&got);
    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(start_page__names_version_and_host_escaped)
{
    begin();
    const char *text = ask("/", HTTP_GET);
    ck_assert_ptr_eq(strstr(text, "HTTP/1.1 200 OK\r\n"), text);
    ck_assert_ptr_nonnull(strstr(text, "gloss &#60;0.1&#62;"));
    ck_assert_ptr_nonnull(strstr(text, "https://a&#38;b:1/"));
    ck_assert_ptr_null(strstr(text, "{{"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Security-Policy: default-src 'none'; style-src 'self';"));
    ck_assert_ptr_null(strstr(text, "<style"));
    ck_assert_ptr_null(strstr(text, " style="));
    gl_buf_fini(&got);
    end();
}
END_TEST

START_TEST(head__has_the_length_but_not_the_body)
{
    begin();
    const char *text = ask("/start.css", HTTP_HEAD);
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/css; charset=utf-8\r\n"));
    ck_assert_ptr_null(strstr(text, "Content-Length: 0\r\n"));
    ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    gl_buf_fini(&got);
    end();
}
END_TEST

START_TEST(readiness__says_why_not)
{
    begin();
    is_ready = false;
    ck_assert_ptr_nonnull(strstr(ask("/readyz", HTTP_GET), "HTTP/1.1 503 Service Unavailable\r\n"));
    ck_assert_ptr_nonnull(strstr(gl_buf_cstr(&got), "\r\n\r\nstorage is unavailable\n"));
    gl_buf_fini(&got);
    is_ready = true;
    ck_assert_ptr_nonnull(strstr(ask("/readyz", HTTP_GET), "200 OK"));
    gl_buf_fini(&got);
    end();
}
END_TEST

/* ---- bytes */

START_TEST(answer__has_date_length_and_close)
{
    struct http_answer answer = {.status = 404, .body = GL_SLICE("no\n")};
    struct http_form form = {.unix_ms = 784111777000};
    gl_buf_init(&got, 10000);
    http_write(&got, &answer, &form);
    const char *text = gl_buf_cstr(&got);
    ck_assert_ptr_eq(strstr(text, "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), text);
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nConnection: close\r\n"));
    ck_assert_ptr_null(strstr(text, "Strict-Transport-Security"));
    ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\nno\n");
    gl_buf_fini(&got);
}
END_TEST

START_TEST(answer__brings_headers_of_its_own)
{
    struct http_answer answer = {
        .status = 204, .headers = "ETag: \"1\"\r\ncache-control: max-age=5\r\n", .body = GL_SLICE("dropped")};
    struct http_form form = {.strict_transport = true};
    gl_buf_init(&got, 10000);
    http_write(&got, &answer, &form);
    const char *text = gl_buf_cstr(&got);
    ck_assert_ptr_nonnull(strstr(text, "ETag: \"1\"\r\ncache-control: max-age=5\r\n\r\n"));
    ck_assert_ptr_null(strstr(text, "no-store"));
    ck_assert_ptr_null(strstr(text, "Content-Length"));
    ck_assert_ptr_null(strstr(text, "dropped"));
    ck_assert_ptr_nonnull(strstr(text, "Strict-Transport-Security: max-age=31536000\r\n"));
    gl_buf_fini(&got);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, head__alone__decides_whether_a_request_may_begin, 0, sizeof heads / sizeof *heads);
    tcase_add_test(tests, start_page__names_version_and_host_escaped);
    tcase_add_test(tests, head__has_the_length_but_not_the_body);
    tcase_add_test(tests, readiness__says_why_not);
    tcase_add_test(tests, answer__has_date_length_and_close);
    tcase_add_test(tests, answer__brings_headers_of_its_own);
}

int main(void)
{
    return suite_run("http", add);
}
