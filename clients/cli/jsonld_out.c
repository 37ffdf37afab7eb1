#include "clients/cli/jsonld_out.h"

#include "clients/cli/jsonld.h"
#include "clients/cli/say.h"

static json_t *page_id(const struct jsonld_out *out, uint64_t number)
{
    return json_sprintf("urn:uuid:%s#page-%llu", out->id, (unsigned long long)number);
}

static void put_text(struct jsonld_out *out, const char *text)
{
    fputs(text, out->cli->out.stream);
}

static void put_value(struct cli *cli, json_t *value)
{
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    put_json(&text, value);
    screen_put(&cli->out, &text);
    gl_buf_fini(&text);
    json_decref(value);
}

/* The members of an object without its braces. */
static void put_members(struct jsonld_out *out, json_t *object)
{
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    put_json(&text, object);
    heap_check(&text);
    struct gl_buf inner = text;
    inner.data++;
    inner.len -= 2;
    screen_put(&out->cli->out, &inner);
    gl_buf_fini(&text);
    json_decref(object);
}

static json_t *collection_head(const struct jsonld_out *out)
{
    return json_pack("{s:s, s:o, s:s, s:s}", "@context", JSONLD_CONTEXT, "id", json_sprintf("urn:uuid:%s", out->id), "type",
                     "AnnotationCollection", "label", out->label);
}

static json_t *page_head(const struct jsonld_out *out, uint64_t number, uint64_t start)
{
    return json_pack("{s:o, s:s, s:o, s:I}", "id", page_id(out, number), "type", "AnnotationPage", "partOf",
                     json_sprintf("urn:uuid:%s", out->id), "startIndex", (json_int_t)start);
}

/* What is known of the collection once everything has come. */
static json_t *collection_tail(const struct jsonld_out *out)
{
    json_t *tail = json_pack("{s:I}", "total", (json_int_t)out->total);
    if (out->modified[0]) {
        json_object_set_new(tail, "modified", json_string(out->modified));
    }
    if (out->total > 0) {
        json_object_set_new(tail, "last", page_id(out, out->pages));
    }
    return tail;
}

void jsonld_out_begin(struct jsonld_out *out)
{
    if (out->form == JSONLD_DOCUMENT) {
        put_text(out, "{");
        put_members(out, collection_head(out));
    }
}

static void put_page(struct jsonld_out *out, bool is_last)
{
    uint64_t number = ++out->pages;
    json_t *page = page_head(out, number, out->total - json_array_size(out->items));
    json_object_set_new(page, "@context", json_string(JSONLD_CONTEXT));
    if (number > 1) {
        json_object_set_new(page, "prev", page_id(out, number - 1));
    }
    if (!is_last) {
        json_object_set_new(page, "next", page_id(out, number + 1));
    }
    json_object_set_new(page, "items", out->items);
    out->items = NULL;
    out_json(out->cli, page);
}

void jsonld_out_put(struct jsonld_out *out, json_t *annotation)
{
    switch (out->form) {
    case JSONLD_LINES: out_json(out->cli, annotation); break;
    case JSONLD_PAGES:
        if (json_array_size(out->items) == out->page_size) {
            put_page(out, false);
        }
        out->items = out->items ? out->items : json_array();
        json_array_append_new(out->items, annotation);
        break;
    case JSONLD_DOCUMENT:
        if (out->total == 0) { /* a page must not be empty, so an empty collection has none */
            out->pages = 1;
            put_text(out, ",\"first\":{");
            put_members(out, page_head(out, 1, 0));
            put_text(out, ",\"items\":[\n");
        } else {
            put_text(out, ",\n");
        }
        put_value(out->cli, annotation);
        break;
    }
    out->total++;
}

void jsonld_out_modified(struct jsonld_out *out, const char *at)
{
    if (at && strcmp(at, out->modified) > 0) { /* times of one form, in UTC */
        snprintf(out->modified, sizeof out->modified, "%s", at);
    }
}

void jsonld_out_end(struct jsonld_out *out)
{
    switch (out->form) {
    case JSONLD_LINES: break;
    case JSONLD_PAGES:
        if (out->items) {
            put_page(out, true);
        }
        json_t *collection = collection_head(out), *tail = collection_tail(out);
        if (out->total > 0) {
            json_object_set_new(collection, "first", page_id(out, 1));
        }
        json_object_update(collection, tail);
        json_decref(tail);
        out_json(out->cli, collection);
        break;
    case JSONLD_DOCUMENT:
        put_text(out, out->total > 0 ? "\n]}," : ",");
        put_members(out, collection_tail(out));
        put_text(out, "}\n");
        break;
    }
}

void jsonld_out_one(struct cli *cli, json_t *annotation)
{
    out_json(cli, annotation);
}
