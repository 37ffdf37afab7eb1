/*
 * table.h - wire.def and errors.def in memory, checked, for the parts of wiregen that write something from them.
 *
 * Owns      everything is static and lives as long as the program.
 * Thread    one: the generator has no other.
 * Errors    table_load() prints each mistake of the table on stderr.
 */
#ifndef GEN_TABLE_H
#define GEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/gl_err.h"

#define FIELDS_MAX   32
#define SHAPES_MAX   128
#define MESSAGES_MAX 96

enum kind { UUID, U64, I64, BOOL, STR, SHA256, TIME, JSON, OBJ, LIST, UUIDS };

struct field {
    const char *name;
    enum kind kind;
    const char *of; /* OBJ, LIST: a shape; JSON: a definition of parts.json */
    bool is_required;
    uint64_t max;
    const char *doc;
};

/* A JSON object: a part of messages, the params or the result of a method, the params of a notice. */
struct shape {
    char c_name[64]; /* "label", "hello_params" */
    const char *doc;
    struct field fields[FIELDS_MAX]; /* in the order of the table */
    size_t count;
};

struct message {
    const char *name;   /* "session.join" */
    const char *c_name; /* "session_join" */
    bool is_notice;
    const char *role;  /* "VIEWER"; notices have none */
    const char *scope; /* "SESSION" */
    const char *doc;
    struct shape *params;
    struct shape *result; /* NULL for a notice */
};

struct error {
    const char *upper_name;
    enum gl_code code;
};

struct table {
    struct shape shapes[SHAPES_MAX]; /* each behind those it is made of */
    size_t shape_count, part_count;  /* the first part_count are parts of messages */
    struct message messages[MESSAGES_MAX];
    size_t message_count, method_count; /* notices stand behind the methods */
    const struct error *errors;
    size_t error_count;
};

/* The table; NULL when it has mistakes. */
const struct table *table_load(void);
const struct shape *table_shape(const struct table *table, const char *c_name); /* NULL: there is none */
/* The fields sorted by name, as they are written on the wire. */
void shape_sort(const struct shape *shape, const struct field *sorted[FIELDS_MAX]);
bool field_has_max(const struct field *field);
bool error_is_sent(const struct error *error); /* the others only arise in clients */

#endif
