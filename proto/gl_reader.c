/*
 * gl_reader.c - members of JSON objects, read into C without branches at the caller. Part of gl_json.h.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/gl_json.h"

void gl_reader_init(struct gl_reader *reader, struct gl_arena *arena)
{
    memset(reader, 0, sizeof(*reader));
    reader->arena = arena;
}

void gl_reader_fail(struct gl_reader *reader, enum gl_code code, const char *fmt, ...)
{
    if (reader->code != GL_OK) {
        return;
    }
    char detail[GL_ERR_DETAIL_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    reader->code = gl_fail_at(&reader->err, code, reader->path, "%s", detail);
}

/* A path that does not fit is cut; it is for people. */
static size_t append_to_path(struct gl_reader *reader, const char *piece)
{
    size_t mark = reader->path_len;
    size_t room = sizeof(reader->path) - 1 - mark;
    size_t len = strlen(piece);
    len = len < room ? len : room;
    memcpy(reader->path + mark, piece, len);
    reader->path_len = mark + len;
    reader->path[reader->path_len] = '\0';
    return mark;
}

size_t gl_reader_enter(struct gl_reader *reader, const char *member)
{
    size_t mark = reader->path_len;
    if (mark > 0) {
        append_to_path(reader, ".");
    }
    append_to_path(reader, member);
    return mark;
}

size_t gl_reader_enter_index(struct gl_reader *reader, size_t index)
{
    char piece[32];
    snprintf(piece, sizeof(piece), "[%zu]", index);
    return append_to_path(reader, piece);
}

void gl_reader_leave(struct gl_reader *reader, size_t mark)
{
    reader->path_len = mark;
    reader->path[mark] = '\0';
}

static void fail_member(struct gl_reader *reader, const char *name, const char *what)
{
    size_t mark = gl_reader_enter(reader, name);
    gl_reader_fail(reader, GL_E_INVALID_PARAMS, "%s %s", reader->path, what);
    gl_reader_leave(reader, mark);
}

static void must_be_object(struct gl_reader *reader, const json_t *obj)
{
    if (reader->code == GL_OK && obj && !json_is_object(obj)) {
        gl_reader_fail(reader, GL_E_INVALID_PARAMS, "%s is not an object", reader->path_len ? reader->path : "this");
    }
}

/* The member, or NULL when it is absent or null, or an error was met before or here. */
static const json_t *member_of(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    const json_t *value = NULL;
    must_be_object(reader, obj);
    if (reader->code == GL_OK) {
        value = json_object_get(obj, name);
        value = json_is_null(value) ? NULL : value;
        if (!value && (flags & GL_REQUIRED)) {
            fail_member(reader, name, "is missing");
        }
    }
    if (has) {
        *has = value != NULL;
    }
    return value;
}

/* A member of the wrong kind counts as not there. */
static void wrong(struct gl_reader *reader, const char *name, bool *has, const char *what)
{
    fail_member(reader, name, what);
    if (has) {
        *has = false;
    }
}

static struct gl_slice text_of(const json_t *string)
{
    return gl_slice_of(json_string_value(string), json_string_length(string));
}

gl_uuid gl_read_uuid(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    gl_uuid id = {0};
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (value && !(json_is_string(value) && gl_uuid_parse(text_of(value), &id))) {
        wrong(reader, name, has, "is not a UUID (36 characters, lower case)");
    }
    return id;
}

static bool is_integer(struct gl_reader *reader, const char *name, const json_t *value, bool *has)
{
    if (!json_is_integer(value)) {
        wrong(reader, name, has, "is not an integer");
        return false;
    }
    return true;
}

uint64_t gl_read_u64(struct gl_reader *reader, const json_t *obj, const char *name, uint64_t max, unsigned flags, bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (!value || !is_integer(reader, name, value, has)) {
        return 0;
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number > max) {
        char what[64];
        snprintf(what, sizeof(what), "is not between 0 and %" PRIu64, max);
        wrong(reader, name, has, what);
        return 0;
    }
    return (uint64_t)number;
}

int64_t gl_read_i64(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    return value && is_integer(reader, name, value, has) ? json_integer_value(value) : 0;
}

bool gl_read_bool(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (value && !json_is_boolean(value)) {
        wrong(reader, name, has, "is not true or false");
    }
    return json_is_true(value);
}

struct gl_slice gl_read_str(struct gl_reader *reader, const json_t *obj, const char *name, size_t max_bytes, unsigned flags,
                            bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (!value) {
        return (struct gl_slice){0};
    }
    if (!json_is_string(value)) {
        wrong(reader, name, has, "is not a string");
        return (struct gl_slice){0};
    }
    if (json_string_length(value) > max_bytes) {
        char what[64];
        snprintf(what, sizeof(what), "is longer than %zu bytes", max_bytes);
        wrong(reader, name, has, what);
        return (struct gl_slice){0};
    }
    return text_of(value);
}

void gl_read_sha256(struct gl_reader *reader, const json_t *obj, const char *name, uint8_t out[32], unsigned flags, bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    memset(out, 0, 32);
    if (value && !(json_is_string(value) && gl_hex_decode(text_of(value), out, 32))) {
        memset(out, 0, 32);
        wrong(reader, name, has, "is not a SHA-256 (64 hexadecimal digits, lower case)");
    }
}

int64_t gl_read_time(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    int64_t unix_ms = 0;
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (value && !(json_is_string(value) && gl_time_parse(text_of(value), &unix_ms))) {
        wrong(reader, name, has, "is not a time like 2026-11-21T18:43:15.123Z");
    }
    return unix_ms;
}

const json_t *gl_read_json(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    return member_of(reader, obj, name, flags, has);
}

const json_t *gl_read_object(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (value && !json_is_object(value)) {
        wrong(reader, name, has, "is not an object");
        return NULL;
    }
    return value;
}

const json_t *gl_read_list(struct gl_reader *reader, const json_t *obj, const char *name, size_t max_items, unsigned flags,
                           bool *has)
{
    const json_t *value = member_of(reader, obj, name, flags, has);
    if (value && !json_is_array(value)) {
        wrong(reader, name, has, "is not a list");
        return NULL;
    }
    if (value && json_array_size(value) > max_items) {
        char what[64];
        snprintf(what, sizeof(what), "has more than %zu items", max_items);
        wrong(reader, name, has, what);
        return NULL;
    }
    return value;
}

void gl_read_uuid_item(struct gl_reader *reader, const json_t *value, void *item)
{
    if (!json_is_string(value) || !gl_uuid_parse(text_of(value), item)) {
        gl_reader_fail(reader, GL_E_INVALID_PARAMS, "%s is not a UUID (36 characters, lower case)", reader->path);
    }
}

static void read_each(struct gl_reader *reader, const json_t *list, char *item, size_t item_bytes, gl_read_item *read_item)
{
    for (size_t i = 0; i < json_array_size(list) && reader->code == GL_OK; i++, item += item_bytes) {
        size_t mark = gl_reader_enter_index(reader, i);
        read_item(reader, json_array_get(list, i), item);
        gl_reader_leave(reader, mark);
    }
}

const void *gl_read_items(struct gl_reader *reader, const json_t *obj, const char *name, size_t max_items, unsigned flags,
                          bool *has, size_t item_bytes, gl_read_item *read_item, size_t *count)
{
    const json_t *list = gl_read_list(reader, obj, name, max_items, flags, has);
    size_t found = json_array_size(list);
    *count = 0;
    if (found == 0) {
        return NULL;
    }
    void *items = reader->arena && found <= SIZE_MAX / item_bytes ? gl_arena_alloc(reader->arena, found * item_bytes) : NULL;
    if (!items) {
        gl_reader_fail(reader, GL_E_NOMEM, "no memory for %zu items", found);
        return NULL;
    }
    size_t mark = gl_reader_enter(reader, name);
    read_each(reader, list, items, item_bytes, read_item);
    gl_reader_leave(reader, mark);
    *count = reader->code == GL_OK ? found : 0;
    return reader->code == GL_OK ? items : NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

void gl_read_only(struct gl_reader *reader, const json_t *obj, const char *const *names)
{
    json_t *lent = (json_t *)(uintptr_t)obj; /* iterating changes nothing, but jansson wants it so */
    for (void *at = json_object_iter(lent); at && reader->code == GL_OK; at = json_object_iter_next(lent, at)) {
        if (!is_among(json_object_iter_key(at), names)) {
            fail_member(reader, json_object_iter_key(at), "is not known here");
        }
    }
}

void gl_reader_begin(struct gl_reader *reader, const json_t *obj, const char *const *names)
{
    must_be_object(reader, obj);
    if (reader->strict) {
        gl_read_only(reader, obj, names);
    }
}
