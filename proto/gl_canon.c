/*
 * gl_canon.c - RFC 8785, for what Gloss has: ASCII member names and integers. Part of gl_json.h.
 */
#include <stdlib.h>

#include "proto/gl_json_priv.h"

/* Far more than gl_json_load lets in, far less than the stack holds. */
#define DEPTH_MAX   64
#define FEW_MEMBERS 32

struct member {
    struct gl_slice name;
    const json_t *value;
};

static void refuse(struct gl_buf *buf, enum gl_code code)
{
    if (buf->code == GL_OK) {
        buf->code = code;
    }
}

static void put_escape(struct gl_buf *buf, unsigned char c)
{
    static const char short_forms[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char escape[6] = {'\\', 'u', '0', '0', 0, 0};
    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
        gl_buf_put(buf, escape, 2);
    } else if (short_forms[c]) {
        escape[1] = short_forms[c];
        gl_buf_put(buf, escape, 2);
    } else {
        escape[4] = (char)('0' + (c >> 4));
        escape[5] = "0123456789abcdef"[c & 15];
        gl_buf_put(buf, escape, 6);
    }
}

/* Eight bytes at a time: the high bit of each that is below 0x20, a quote or a backslash. */
#define EACH(byte)    (UINT64_C(0x0101010101010101) * (byte))
#define IS_ZERO(v)    (((v)-EACH(1)) & ~(v)&EACH(0x80))
#define IS_SPECIAL(v) ((((v)-EACH(0x20)) & ~(v)&EACH(0x80)) | IS_ZERO((v) ^ EACH('"')) | IS_ZERO((v) ^ EACH('\\')))

/* Which of eight bytes is the first that is special, so that the others need not be looked at again. A borrow may mark bytes behind that one, never before. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIRST_OF(special) ((size_t)__builtin_ctzll(special) / 8)
#else
#define FIRST_OF(special) 0
#endif

size_t json_plain_len(struct gl_slice text, uint64_t *all)
{
    size_t len = 0;
    for (uint64_t eight; len + 8 <= text.len; len += 8) {
        memcpy(&eight, text.data + len, 8);
        uint64_t special = IS_SPECIAL(eight);
        if (special) {
            size_t before = FIRST_OF(special);
            *all |= eight & ((UINT64_C(1) << (8 * before)) - 1);
            len += before;
            break;
        }
        *all |= eight;
    }
    for (; len < text.len; len++) {
        unsigned char c = (unsigned char)text.data[len];
        if (c < 0x20 || c == '"' || c == '\\') {
            break;
        }
        *all |= c;
    }
    return len;
}

void gl_canon_string(struct gl_buf *buf, struct gl_slice text)
{
    uint64_t ignored = 0;
    gl_buf_byte(buf, '"');
    for (;;) {
        size_t plain = json_plain_len(text, &ignored);
        gl_buf_put(buf, text.data, plain);
        if (plain == text.len) {
            break;
        }
        put_escape(buf, (unsigned char)text.data[plain]);
        text = gl_slice_of(text.data + plain + 1, text.len - plain - 1);
    }
    gl_buf_byte(buf, '"');
}

static void write_value(struct gl_buf *buf, const json_t *value, unsigned depth);

static void write_array(struct gl_buf *buf, const json_t *array, unsigned depth)
{
    gl_buf_byte(buf, '[');
    for (size_t i = 0; i < json_array_size(array) && buf->code == GL_OK; i++) {
        if (i > 0) {
            gl_buf_byte(buf, ',');
        }
        write_value(buf, json_array_get(array, i), depth);
    }
    gl_buf_byte(buf, ']');
}

/* Code units of UTF-16 and bytes sort alike because names are ASCII. */
static int by_name(const void *left, const void *right)
{
    const struct gl_slice *a = left, *b = right; /* the first member of struct member */
    if (a->len > 0 && b->len > 0 && a->data[0] != b->data[0]) {
        return (unsigned char)a->data[0] - (unsigned char)b->data[0];
    }
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static bool is_ascii(struct gl_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.data[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* jansson iterates in the order in which members came; what we store and send ourselves is mostly in order already. */
static bool collect(const json_t *object, struct member *members)
{
    bool is_sorted = true;
    json_t *lent = (json_t *)(uintptr_t)object; /* iterating changes nothing, but jansson wants it so */
    size_t n = 0;
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        members[n].name = gl_slice_of(json_object_iter_key(at), json_object_iter_key_len(at));
        members[n].value = json_object_iter_value(at);
        is_sorted = is_sorted && (n == 0 || by_name(&members[n - 1], &members[n]) < 0);
        n++;
    }
    return is_sorted;
}

static void write_members(struct gl_buf *buf, const struct member *members, size_t count, unsigned depth)
{
    gl_buf_byte(buf, '{');
    for (size_t i = 0; i < count && buf->code == GL_OK; i++) {
        if (!is_ascii(members[i].name)) {
            refuse(buf, GL_E_INVALID_PARAMS);
            return;
        }
        if (i > 0) {
            gl_buf_byte(buf, ',');
        }
        gl_canon_string(buf, members[i].name);
        gl_buf_byte(buf, ':');
        write_value(buf, members[i].value, depth);
    }
    gl_buf_byte(buf, '}');
}

static void write_object(struct gl_buf *buf, const json_t *object, unsigned depth)
{
    struct member few[FEW_MEMBERS];
    size_t count = json_object_size(object);
    struct member *members = count <= FEW_MEMBERS ? few : calloc(count, sizeof(*members));
    if (!members) {
        refuse(buf, GL_E_NOMEM);
        return;
    }
    if (!collect(object, members)) {
        qsort(members, count, sizeof(*members), by_name);
    }
    write_members(buf, members, count, depth);
    if (members != few) {
        free(members);
    }
}

static void write_integer(struct gl_buf *buf, json_int_t value)
{
    if (value > GL_INT_MAX || value < -GL_INT_MAX) {
        refuse(buf, GL_E_INVALID_PARAMS);
    } else {
        gl_buf_i64(buf, value);
    }
}

static void write_value(struct gl_buf *buf, const json_t *value, unsigned depth)
{
    if (!value || depth == DEPTH_MAX) {
        refuse(buf, GL_E_INVALID_PARAMS);
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT: write_object(buf, value, depth + 1); break;
    case JSON_ARRAY: write_array(buf, value, depth + 1); break;
    case JSON_STRING: gl_canon_string(buf, gl_slice_of(json_string_value(value), json_string_length(value))); break;
    case JSON_INTEGER: write_integer(buf, json_integer_value(value)); break;
    case JSON_TRUE: gl_buf_str(buf, "true"); break;
    case JSON_FALSE: gl_buf_str(buf, "false"); break;
    case JSON_NULL: gl_buf_str(buf, "null"); break;
    case JSON_REAL: refuse(buf, GL_E_INVALID_PARAMS); break;
    }
}

void gl_canon_write(struct gl_buf *buf, const json_t *value)
{
    write_value(buf, value, 0);
}
