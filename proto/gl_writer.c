/*
 * gl_writer.c - members of JSON objects, written. Part of gl_json.h.
 */
#include "proto/gl_json.h"

void gl_write_name(struct gl_buf *buf, const char *name)
{
    if (buf->len > 0 && buf->data[buf->len - 1] != '{') {
        gl_buf_byte(buf, ',');
    }
    gl_buf_byte(buf, '"');
    gl_buf_str(buf, name);
    gl_buf_put(buf, "\":", 2);
}

static void put_uuid(struct gl_buf *buf, const gl_uuid *id)
{
    gl_buf_byte(buf, '"');
    gl_buf_uuid(buf, id);
    gl_buf_byte(buf, '"');
}

void gl_write_uuid(struct gl_buf *buf, const char *name, const gl_uuid *id)
{
    gl_write_name(buf, name);
    put_uuid(buf, id);
}

void gl_write_u64(struct gl_buf *buf, const char *name, uint64_t value)
{
    gl_write_name(buf, name);
    gl_buf_u64(buf, value);
}

void gl_write_i64(struct gl_buf *buf, const char *name, int64_t value)
{
    gl_write_name(buf, name);
    gl_buf_i64(buf, value);
}

void gl_write_bool(struct gl_buf *buf, const char *name, bool value)
{
    gl_write_name(buf, name);
    gl_buf_str(buf, value ? "true" : "false");
}

void gl_write_str(struct gl_buf *buf, const char *name, struct gl_slice text)
{
    gl_write_name(buf, name);
    gl_canon_string(buf, text);
}

void gl_write_sha256(struct gl_buf *buf, const char *name, const uint8_t sha256[32])
{
    gl_write_name(buf, name);
    gl_buf_byte(buf, '"');
    gl_buf_hex(buf, sha256, 32);
    gl_buf_byte(buf, '"');
}

void gl_write_time(struct gl_buf *buf, const char *name, int64_t unix_ms)
{
    char text[GL_TIME_TEXT + 1];
    gl_time_format(unix_ms, text);
    gl_write_str(buf, name, gl_slice_of(text, GL_TIME_TEXT));
}

void gl_write_json(struct gl_buf *buf, const char *name, const json_t *value, struct gl_slice raw)
{
    gl_write_name(buf, name);
    if (raw.data) {
        gl_buf_slice(buf, raw);
    } else {
        gl_canon_write(buf, value);
    }
}

void gl_write_uuids(struct gl_buf *buf, const char *name, const gl_uuid *ids, size_t count)
{
    gl_write_name(buf, name);
    gl_buf_byte(buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            gl_buf_byte(buf, ',');
        }
        put_uuid(buf, &ids[i]);
    }
    gl_buf_byte(buf, ']');
}
