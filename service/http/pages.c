#include "service/http/pages.h"

#include <assert.h>

#include "service/base/mem.h"

/* Made from the files of the same names by embed.cmake. */
extern const char page_index_html[], page_start_css[], page_protocol_md[];
extern const size_t page_index_html_len, page_start_css_len, page_protocol_md_len;

#define PAGE_MAX 65536

struct http_pages {
    char *server_version;
};

static const struct page {
    const char *path, *type, *data;
    const size_t *len;
    bool has_places; /* {{version}} and {{host}} */
} pages_there[] = {
    {"/", "text/html; charset=utf-8", page_index_html, &page_index_html_len, true},
    {"/start.css", "text/css; charset=utf-8", page_start_css, &page_start_css_len, false},
    {"/protocol.md", "text/plain; charset=utf-8", page_protocol_md, &page_protocol_md_len, false},
};
#define PAGE_COUNT (sizeof pages_there / sizeof *pages_there)

struct http_pages *pages_new(const char *server_version)
{
    struct http_pages *pages = mem_alloc(sizeof *pages);
    pages->server_version = mem_copy(server_version, strlen(server_version));
    return pages;
}

void pages_free(struct http_pages **pages)
{
    if (*pages)
        mem_free(&(*pages)->server_version);
    mem_free(pages);
}

const char *pages_path(size_t index)
{
    return index < PAGE_COUNT ? pages_there[index].path : NULL;
}

static void put_escaped(struct gl_buf *out, struct gl_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
            gl_buf_printf(out, "&#%d;", c);
        else
            gl_buf_byte(out, c);
    }
}

static void fill_in(struct gl_buf *out, const char *data, size_t len, struct gl_slice version, struct gl_slice host)
{
    for (const char *end = data + len; data < end;) {
        const char *brace = memmem(data, (size_t)(end - data), "{{", 2);
        gl_buf_put(out, data, (size_t)((brace ? brace : end) - data));
        if (!brace)
            return;
        bool is_host = strncmp(brace, "{{host}}", 8) == 0;
        assert(is_host || strncmp(brace, "{{version}}", 11) == 0);
        put_escaped(out, is_host ? host : version);
        data = brace + (is_host ? 8 : 11);
    }
}

void pages_answer(struct http_pages *pages, struct http_call *call)
{
    const struct page *page = pages_there;
    while (!gl_slice_is(call->request.path, page->path))
        page++; /* there is one: the routes were made from this table */
    struct http_answer answer = {.status = 200, .type = page->type, .body = {page->data, *page->len}};
    struct gl_buf filled;
    gl_buf_init(&filled, PAGE_MAX);
    if (page->has_places) {
        fill_in(&filled, page->data, *page->len, gl_slice_str(pages->server_version), call->request.host);
        assert(filled.code == GL_OK);
        answer.body = gl_buf_peek(&filled);
    }
    call->answer(call, &answer);
    gl_buf_fini(&filled);
}
