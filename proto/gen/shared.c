/*
 * shared.c - files, names and JSON for people: what the writers share.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/gen/writers.h"
#include "proto/gl_json.h"

#define FILE_MAX_BYTES (16u << 20)
#define PATH_MAX_BYTES 4096

void print_lower(struct gl_buf *out, const char *upper)
{
    for (; *upper; upper++) {
        gl_buf_byte(out, (char)(*upper >= 'A' && *upper <= 'Z' ? *upper - 'A' + 'a' : *upper));
    }
}

void print_camel(struct gl_buf *out, const char *name)
{
    bool is_start = true;
    for (; *name; name++) {
        if (*name == '_') {
            is_start = true;
        } else {
            gl_buf_byte(out, (char)(is_start && *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name));
            is_start = false;
        }
    }
}

/* ---- files */

static void read_all(struct gl_buf *out, FILE *file)
{
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        gl_buf_put(out, chunk, got);
    }
    if (ferror(file) && out->code == GL_OK) {
        out->code = GL_E_SYSTEM;
    }
}

void read_source_file(struct gl_buf *out, const struct source *source, const char *name)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof(path), "%s/%s", source->folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        out->code = out->code ? out->code : GL_E_SYSTEM;
        return;
    }
    read_all(out, file);
    fclose(file);
    gl_buf_cstr(out);
}

json_t *load_source_json(const struct source *source, const char *name)
{
    struct gl_buf text;
    struct gl_err err = {0};
    json_t *value = NULL;
    gl_buf_init(&text, FILE_MAX_BYTES);
    read_source_file(&text, source, name);
    if (text.code == GL_OK && gl_json_load(gl_buf_peek(&text), &value, &err) != GL_OK) {
        fprintf(stderr, "wiregen: %s/%s: %s\n", source->folder, name, err.detail);
    }
    gl_buf_fini(&text);
    return value;
}

bool save_file(const char *path, const struct gl_buf *content)
{
    if (content->code != GL_OK) {
        fprintf(stderr, "wiregen: %s: %s\n", path, gl_code_sentence(content->code));
        return false;
    }
    FILE *file = fopen(path, "wb");
    bool is_written = file && fwrite(content->data, 1, content->len, file) == content->len;
    bool is_closed = file && fclose(file) == 0;
    if (!is_written || !is_closed) {
        perror(path);
        remove(path);
        return false;
    }
    return true;
}

/* ---- JSON for people */

static void print_value(struct gl_buf *out, const json_t *value, size_t indent, size_t width);

static void new_line(struct gl_buf *out, size_t indent)
{
    gl_buf_byte(out, '\n');
    for (size_t i = 0; i < indent; i++) {
        gl_buf_byte(out, ' ');
    }
}

/* Between two items, or before the first: width 0 means on one line. */
static void separate(struct gl_buf *out, bool is_first, size_t indent, size_t width)
{
    if (!is_first) {
        gl_buf_str(out, width ? "," : ", ");
    }
    if (width) {
        new_line(out, indent);
    }
}

static size_t column_of(const struct gl_buf *out)
{
    size_t column = 0;
    while (column < out->len && out->data[out->len - 1 - column] != '\n') {
        column++;
    }
    return column;
}

static void print_array(struct gl_buf *out, const json_t *array, size_t indent, size_t width)
{
    size_t i;
    json_t *item;
    gl_buf_byte(out, '[');
    json_array_foreach(array, i, item)
    {
        separate(out, i == 0, indent + 2, width);
        print_value(out, item, indent + 2, width);
    }
    if (width && json_array_size(array) > 0) {
        new_line(out, indent);
    }
    gl_buf_byte(out, ']');
}

static void print_member(struct gl_buf *out, void *member, size_t indent, size_t width)
{
    gl_canon_string(out, gl_slice_str(json_object_iter_key(member)));
    gl_buf_str(out, ": ");
    print_value(out, json_object_iter_value(member), indent, width);
}

static bool is_simple(void *member)
{
    const json_t *value = json_object_iter_value(member);
    return !json_is_object(value) && !json_is_array(value);
}

/* Simple members share a line as long as there is room. */
static bool joins_the_line(struct gl_buf *out, void *before, void *member, size_t width)
{
    size_t begin = out->len, column = column_of(out);
    if (!before || !width || !is_simple(before) || !is_simple(member)) {
        return false;
    }
    print_member(out, member, 0, 0);
    size_t len = out->len - begin;
    out->len = begin;
    return column + 2 + len < width;
}

static void print_object(struct gl_buf *out, const json_t *object, size_t indent, size_t width)
{
    void *before = NULL;
    json_t *lent = (json_t *)(uintptr_t)object;
    gl_buf_byte(out, '{');
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        if (joins_the_line(out, before, at, width)) {
            gl_buf_str(out, ", ");
        } else {
            separate(out, !before, indent + 2, width);
        }
        print_member(out, at, indent + 2, width);
        before = at;
    }
    if (width && before) {
        new_line(out, indent);
    }
    gl_buf_byte(out, '}');
}

static bool fits_on_the_line(struct gl_buf *out, const json_t *value, size_t width)
{
    size_t begin = out->len, column = column_of(out);
    print_value(out, value, 0, 0);
    if (out->code == GL_OK && column + out->len - begin < width) {
        return true;
    }
    out->len = begin;
    return false;
}

static void print_value(struct gl_buf *out, const json_t *value, size_t indent, size_t width)
{
    if (width && fits_on_the_line(out, value, width)) {
        return;
    }
    if (json_is_object(value)) {
        print_object(out, value, indent, width);
    } else if (json_is_array(value)) {
        print_array(out, value, indent, width);
    } else {
        gl_canon_write(out, value);
    }
}

void print_json(struct gl_buf *out, const json_t *value, size_t indent, size_t width)
{
    print_value(out, value, indent, width);
}
