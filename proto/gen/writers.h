/*
 * writers.h - what wiregen can write. Each write_ function appends one whole file to out.
 *
 * Owns      nothing; out is the caller's.
 * Thread    one: the generator has no other.
 * Errors    mistakes in what is read (parts.json, examples) are printed on stderr and make out->code GL_E_INVALID_PARAMS.
 */
#ifndef GEN_WRITERS_H
#define GEN_WRITERS_H

#include <jansson.h>

#include "proto/gen/table.h"
#include "proto/gl_buf.h"

/* What is written from. */
struct source {
    const struct table *table;
    const char *folder; /* proto/gen: parts.json, parts.ts, PROTOCOL.in.md, examples/ */
    json_t *parts;      /* the definitions of parts.json, by name */
};

void write_c_header(struct gl_buf *out, const struct source *source);
void write_c_source(struct gl_buf *out, const struct source *source);
void write_schema(struct gl_buf *out, const struct source *source);
void write_asyncapi(struct gl_buf *out, const struct source *source);
void write_typescript(struct gl_buf *out, const struct source *source);
void write_protocol(struct gl_buf *out, const struct source *source);
/* Messages for fuzzers to begin with: for each a minimal and a full one, every one a file of its own in folder. */
bool write_seeds(const char *folder, const struct source *source);

/* ---- what they share */

/* JSON Schema of everything, by name; references begin with prefix ("#/$defs/"). */
json_t *schema_definitions(const struct source *source, const char *prefix);
/* JSON for people: members in the order given, on one line where it fits into the width, otherwise one line for each. */
void print_json(struct gl_buf *out, const json_t *value, size_t indent, size_t width);
/* A file of source->folder; NUL behind it. out->code says when it cannot be read. */
void read_source_file(struct gl_buf *out, const struct source *source, const char *name);
json_t *load_source_json(const struct source *source, const char *name); /* NULL: said why */
bool save_file(const char *path, const struct gl_buf *content);
void print_lower(struct gl_buf *out, const char *upper); /* "VIEWER" -> "viewer" */
void print_camel(struct gl_buf *out, const char *name);  /* "op_request" -> "OpRequest" */

#endif
