#include "clients/cli/heap.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/exits.h"

static _Noreturn void out_of_memory(void)
{
    fputs("gloss: out of memory\n", stderr);
    exit(EXIT_COULD_NOT);
}

void *heap_alloc(size_t count, size_t size)
{
    void *data = calloc(count ? count : 1, size ? size : 1);
    if (!data) {
        out_of_memory();
    }
    return data;
}

void *heap_grow(void *data, size_t count, size_t size)
{
    void *grown = reallocarray(data, count ? count : 1, size);
    if (!grown) {
        out_of_memory();
    }
    return grown;
}

char *heap_copy(struct gl_slice text)
{
    char *copy = heap_alloc(text.len + 1, 1);
    if (text.len) {
        memcpy(copy, text.data, text.len);
    }
    return copy;
}

char *heap_printf(const char *fmt, ...)
{
    va_list list;
    char *text = NULL;
    va_start(list, fmt);
    int len = vasprintf(&text, fmt, list);
    va_end(list);
    if (len < 0) {
        out_of_memory();
    }
    return text;
}

static void *json_alloc(size_t size)
{
    void *data = malloc(size);
    if (!data && size > 0) {
        out_of_memory();
    }
    return data;
}

void heap_for_json(void)
{
    json_set_alloc_funcs(json_alloc, free);
}

char *heap_take(struct gl_buf *buf)
{
    gl_buf_byte(buf, '\0');
    char *text = gl_buf_take(buf, NULL);
    if (!text) {
        out_of_memory();
    }
    gl_buf_fini(buf);
    return text;
}

void heap_check(const struct gl_buf *buf)
{
    if (buf->code != GL_OK) {
        out_of_memory();
    }
}
