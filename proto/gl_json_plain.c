/*
 * gl_json_plain.c - what nearly every text is, read without a detour; part of gl_json.h, after which gl_json.c asks jansson.
 *
 * jansson looks at each byte four times and asks for room for each; this reads the same values at a tenth of that. It decides nothing: whatever is not
 * plain (an escape by number, a name that is not ASCII, anything wrong at all) is left to jansson from the first byte on, which takes it or says why not.
 */
#include "proto/gl_json_priv.h"

#include <stdlib.h>

struct plain {
    const char *at, *end;
    unsigned depth;
    bool is_out_of_memory;
};
struct text {
    struct gl_slice bytes;
    char *owned; /* where escapes were undone */
    bool is_ascii;
};

static json_t *read_value(struct plain *plain);

static json_t *made(struct plain *plain, json_t *value)
{
    plain->is_out_of_memory |= value == NULL;
    return value;
}

static void skip_space(struct plain *plain)
{
    while (plain->at < plain->end && (*plain->at == ' ' || *plain->at == '\n' || *plain->at == '\r' || *plain->at == '\t')) {
        plain->at++;
    }
}

static bool take(struct plain *plain, char what)
{
    skip_space(plain);
    if (plain->at == plain->end || *plain->at != what) {
        return false;
    }
    plain->at++;
    return true;
}

static bool take_word(struct plain *plain, const char *word, size_t len)
{
    if ((size_t)(plain->end - plain->at) < len || memcmp(plain->at, word, len) != 0) {
        return false;
    }
    plain->at += len;
    return true;
}

/* ---- strings */

static char unescaped(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0; /* by number, or none at all */
    }
}

/* To behind the closing quote. */
static bool find_end(struct plain *plain, struct text *text, bool *has_escapes)
{
    const char *first = plain->at, *at = first;
    uint64_t all = 0;
    *has_escapes = false;
    for (;;) {
        at += json_plain_len(gl_slice_of(at, (size_t)(plain->end - at)), &all);
        if (at == plain->end || *at != '\\') {
            break;
        }
        *has_escapes = true;
        if (plain->end - at < 2 || !unescaped(at[1])) {
            return false;
        }
        at += 2;
    }
    if (at == plain->end || *at != '"') {
        return false;
    }
    text->bytes = gl_slice_of(first, (size_t)(at - first));
    text->is_ascii = JSON_ALL_ASCII(all);
    plain->at = at + 1;
    return true;
}

static bool undo_escapes(struct plain *plain, struct text *text)
{
    size_t len = 0;
    text->owned = malloc(text->bytes.len);
    if (!text->owned) {
        plain->is_out_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < text->bytes.len; i++) {
        char c = text->bytes.data[i];
        text->owned[len++] = c == '\\' ? unescaped(text->bytes.data[++i]) : c;
    }
    text->bytes = gl_slice_of(text->owned, len);
    return true;
}

/* From behind the opening quote. */
static bool read_text(struct plain *plain, struct text *text)
{
    bool has_escapes;
    text->owned = NULL;
    return find_end(plain, text, &has_escapes) && (!has_escapes || undo_escapes(plain, text));
}

static json_t *read_string(struct plain *plain)
{
    struct text text;
    json_t *value = NULL;
    if (!read_text(plain, &text)) {
        return NULL;
    }
    if (text.is_ascii) {
        value = made(plain, json_stringn_nocheck(text.bytes.data, text.bytes.len));
    } else {
        value = json_stringn(text.bytes.data, text.bytes.len); /* looks whether it is UTF-8; nothing when it is not */
    }
    free(text.owned);
    return value;
}

/* ---- the rest */

static json_t *read_number(struct plain *plain)
{
    const char *first = plain->at, *at = *first == '-' ? first + 1 : first, *digits = at;
    int64_t value = 0;
    for (; at < plain->end && *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
        if (value > GL_INT_MAX) {
            return NULL;
        }
    }
    if (at == digits || (*digits == '0' && at - digits > 1)) {
        return NULL;
    }
    plain->at = at; /* what follows must be a comma, a bracket or the end: 1.5 and 1e3 are not taken */
    return made(plain, json_integer(*first == '-' ? -value : value));
}

static bool read_members(struct plain *plain, json_t *object)
{
    do {
        struct text name;
        json_t *value = NULL;
        size_t before = json_object_size(object);
        if (!take(plain, '"') || !read_text(plain, &name)) {
            return false;
        }
        if (name.is_ascii && take(plain, ':')) {
            value = read_value(plain);
        }
        bool is_set = value && json_object_setn_new_nocheck(object, name.bytes.data, name.bytes.len, value) == 0;
        free(name.owned);
        plain->is_out_of_memory |= value && !is_set;
        if (!is_set || json_object_size(object) == before) { /* the same name twice */
            return false;
        }
    } while (take(plain, ','));
    return take(plain, '}');
}

static bool read_items(struct plain *plain, json_t *array)
{
    do {
        json_t *value = read_value(plain);
        if (!value) {
            return false;
        }
        if (json_array_append_new(array, value) != 0) {
            plain->is_out_of_memory = true;
            return false;
        }
    } while (take(plain, ','));
    return take(plain, ']');
}

static json_t *read_nested(struct plain *plain, bool is_object)
{
    if (plain->depth == GL_JSON_DEPTH_MAX) {
        return NULL;
    }
    json_t *value = made(plain, is_object ? json_object() : json_array());
    bool is_whole = value && take(plain, is_object ? '}' : ']'); /* empty */
    plain->depth++;
    if (value && !is_whole && !(is_object ? read_members(plain, value) : read_items(plain, value))) {
        json_decref(value);
        value = NULL;
    }
    plain->depth--;
    return value;
}

static json_t *read_value(struct plain *plain)
{
    skip_space(plain);
    if (plain->at == plain->end) {
        return NULL;
    }
    switch (*plain->at) {
    case '"': plain->at++; return read_string(plain);
    case '{': plain->at++; return read_nested(plain, true);
    case '[': plain->at++; return read_nested(plain, false);
    case 't': return take_word(plain, "true", 4) ? json_true() : NULL;
    case 'f': return take_word(plain, "false", 5) ? json_false() : NULL;
    case 'n': return take_word(plain, "null", 4) ? json_null() : NULL;
    default: return read_number(plain);
    }
}

json_t *json_read_plain(struct gl_slice text, bool *is_out_of_memory)
{
    struct plain plain = {.at = text.data, .end = text.data + text.len};
    json_t *value = read_value(&plain);
    skip_space(&plain);
    *is_out_of_memory = plain.is_out_of_memory;
    if (value && plain.at != plain.end) {
        json_decref(value);
        value = NULL;
    }
    return value;
}
