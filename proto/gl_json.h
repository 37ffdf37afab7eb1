/*
 * gl_json.h - reading JSON strictly and writing it canonically.
 *
 * Owns      gl_json_load gives a jansson value that the caller decrefs. The reader borrows the value it reads.
 * Thread    any one at a time.
 * Units     gl_json_load counts bytes and nesting levels.
 * Errors    the reader keeps its first error, with the path of the member it met it at, and yields zeroes afterwards, so that
 *           generated code needs no branches. jansson does the parsing.
 * Source    RFC 8259, RFC 8785 (with ASCII member names and integers only; reals are refused), JSON-RPC 2.0.
 */
#ifndef GL_JSON_H
#define GL_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "proto/gl_buf.h"
#include "proto/gl_uuid.h"

#define GL_JSON_DEPTH_MAX 16
#define GL_INT_MAX        ((int64_t)9007199254740991) /* 2^53 - 1 */

/* One JSON text of any kind. GL_E_MALFORMED, with byte and line and never with a piece of the text, for what RFC 8259 or we do not allow:
 * duplicate names, NUL in strings, trailing bytes, invalid UTF-8, more than GL_JSON_DEPTH_MAX levels, reals, integers of 2^53 and more.
 * GL_E_NOMEM; but jansson sometimes reports want of memory as an invalid token. */
enum gl_code gl_json_load(struct gl_slice text, json_t **out, struct gl_err *err) GL_MUST_USE;

/* Appends value in RFC 8785 form: member names sorted by code unit (ASCII only: bytes), no white space, minimal escapes.
 * buf->code is GL_E_INVALID_PARAMS for a member name that is not ASCII, or a real number. */
void gl_canon_write(struct gl_buf *buf, const json_t *value);
void gl_canon_string(struct gl_buf *buf, struct gl_slice text); /* with quotes; text must be valid UTF-8 */

struct gl_reader {
    enum gl_code code;
    struct gl_err err;
    struct gl_arena *arena; /* for lists of objects; may be NULL when the message has none */
    char path[GL_ERR_PATH_MAX];
    size_t path_len;
    bool strict; /* unknown members are errors (stored parts) */
};

#define GL_REQUIRED 1u /* a member that must be there */

void gl_reader_init(struct gl_reader *reader, struct gl_arena *arena);
void gl_reader_fail(struct gl_reader *reader, enum gl_code code, const char *fmt, ...) GL_PRINTF(3, 4);
/* Where the reader is: push a member name or a list index, and go back. */
size_t gl_reader_enter(struct gl_reader *reader, const char *member);
size_t gl_reader_enter_index(struct gl_reader *reader, size_t index);
void gl_reader_leave(struct gl_reader *reader, size_t mark);

/* Members of an object; obj NULL is read as {}. *has (may be NULL) says whether the member was there and not null. Borrowed: strings and values
 * live as long as obj. Times are in milliseconds since 1970; gl_read_json takes any value. */
gl_uuid gl_read_uuid(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has);
uint64_t gl_read_u64(struct gl_reader *reader, const json_t *obj, const char *name, uint64_t max, unsigned flags, bool *has);
int64_t gl_read_i64(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has);
bool gl_read_bool(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has);
struct gl_slice gl_read_str(struct gl_reader *reader, const json_t *obj, const char *name, size_t max_bytes, unsigned flags,
                            bool *has);
void gl_read_sha256(struct gl_reader *reader, const json_t *obj, const char *name, uint8_t out[32], unsigned flags, bool *has);
int64_t gl_read_time(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has);
const json_t *gl_read_json(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has);
const json_t *gl_read_object(struct gl_reader *reader, const json_t *obj, const char *name, unsigned flags, bool *has);
const json_t *gl_read_list(struct gl_reader *reader, const json_t *obj, const char *name, size_t max_items, unsigned flags,
                           bool *has);
/* First of every generated reader: obj must be an object (or NULL), and when the reader is strict have no other members than names. */
void gl_reader_begin(struct gl_reader *reader, const json_t *obj, const char *const *names);
/* Refuses members of obj that are not in names (NULL-terminated). */
void gl_read_only(struct gl_reader *reader, const json_t *obj, const char *const *names);
/* A list of objects or ids into the arena: item_bytes each, read by read_item (which may assume a zeroed item). */
typedef void gl_read_item(struct gl_reader *reader, const json_t *value, void *item);
const void *gl_read_items(struct gl_reader *reader, const json_t *obj, const char *name, size_t max_items, unsigned flags,
                          bool *has, size_t item_bytes, gl_read_item *read_item, size_t *count);
gl_read_item gl_read_uuid_item;

/* Members written into an object that has been opened with '{': a comma where one is due, the name (ASCII, no escapes needed), the value.
 * gl_write_json: raw (bytes that are canonical already) instead of value when its data is set. */
void gl_write_name(struct gl_buf *buf, const char *name);
void gl_write_uuid(struct gl_buf *buf, const char *name, const gl_uuid *id);
void gl_write_u64(struct gl_buf *buf, const char *name, uint64_t value);
void gl_write_i64(struct gl_buf *buf, const char *name, int64_t value);
void gl_write_bool(struct gl_buf *buf, const char *name, bool value);
void gl_write_str(struct gl_buf *buf, const char *name, struct gl_slice text);
void gl_write_sha256(struct gl_buf *buf, const char *name, const uint8_t sha256[32]);
void gl_write_time(struct gl_buf *buf, const char *name, int64_t unix_ms);
void gl_write_json(struct gl_buf *buf, const char *name, const json_t *value, struct gl_slice raw);
void gl_write_uuids(struct gl_buf *buf, const char *name, const gl_uuid *ids, size_t count);

/* Times: RFC 3339, UTC, milliseconds; stored as milliseconds since 1970. */
#define GL_TIME_TEXT 24
void gl_time_format(int64_t unix_ms, char text[GL_TIME_TEXT + 1]);
bool gl_time_parse(struct gl_slice text, int64_t *unix_ms) GL_MUST_USE;

#endif
