/*
 * table.c - takes the two tables in and looks for mistakes that the compiler cannot see.
 */
#include "proto/gen/table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CLIENT_ERROR 1600

enum row_kind { ROW_OBJECT, ROW_METHOD, ROW_NOTICE, ROW_FIELD, ROW_PARAM, ROW_RESULT, ROW_END };

struct row {
    enum row_kind kind;
    const char *name, *c_name, *role, *scope, *doc;
    struct field field;
};

enum { OPT, REQ };

static const struct row rows[] = {
#define FIELD_ROW(row, name, kind, of, flags, max, doc) {row, #name, "", "", "", doc, {#name, kind, #of, flags, max, doc}},
#define GL_OBJECT(name, doc)                            {ROW_OBJECT, #name, #name, "", "", doc, {0}},
#define GL_METHOD(name, c_name, role, scope, doc)       {ROW_METHOD, name, #c_name, #role, #scope, doc, {0}},
#define GL_NOTICE(name, c_name, doc)                    {ROW_NOTICE, name, #c_name, "", "", doc, {0}},
#define GL_F(name, kind, of, flags, max, doc)           FIELD_ROW(ROW_FIELD, name, kind, of, flags, max, doc)
#define GL_P(name, kind, of, flags, max, doc)           FIELD_ROW(ROW_PARAM, name, kind, of, flags, max, doc)
#define GL_R(name, kind, of, flags, max, doc)           FIELD_ROW(ROW_RESULT, name, kind, of, flags, max, doc)
#define GL_END                                          {.kind = ROW_END},
#include "proto/wire.def"
};

static const struct error errors[] = {
#define GL_ERROR(name, wire, retry, keeps, sentence) {#name, GL_E_##name},
#include "proto/errors.def"
};

static unsigned mistakes;

GL_PRINTF(1, 2) static void complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("wire.def: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    mistakes++;
}

bool field_has_max(const struct field *field)
{
    return field->kind == STR || field->kind == LIST || field->kind == UUIDS;
}

bool error_is_sent(const struct error *error)
{
    return gl_code_wire(error->code) < FIRST_CLIENT_ERROR;
}

const struct shape *table_shape(const struct table *table, const char *c_name)
{
    for (size_t i = 0; i < table->shape_count; i++) {
        if (strcmp(table->shapes[i].c_name, c_name) == 0) {
            return &table->shapes[i];
        }
    }
    return NULL;
}

static int by_name(const void *left, const void *right)
{
    const struct field *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

void shape_sort(const struct shape *shape, const struct field *sorted[FIELDS_MAX])
{
    for (size_t i = 0; i < shape->count; i++) {
        sorted[i] = &shape->fields[i];
    }
    qsort(sorted, shape->count, sizeof(*sorted), by_name);
}

static bool is_lower_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!islower((unsigned char)*c) && *c != '_' && *c != '.' && !(isdigit((unsigned char)*c) && c > name)) {
            return false;
        }
    }
    return *name != '\0';
}

static struct shape *add_shape(struct table *table, const char *c_name, const char *suffix, const char *doc)
{
    if (table->shape_count == SHAPES_MAX) {
        complain("more than %d objects", SHAPES_MAX);
        exit(1);
    }
    struct shape *shape = &table->shapes[table->shape_count];
    snprintf(shape->c_name, sizeof(shape->c_name), "%s%s", c_name, suffix);
    shape->doc = doc;
    if (table_shape(table, shape->c_name)) {
        complain("%s is there twice", shape->c_name);
    }
    table->shape_count++;
    return shape;
}

static void check_message_name(const struct table *table, const struct row *row)
{
    if (!is_lower_name(row->name)) {
        complain("%s: names are lower case", row->name);
    }
    for (size_t i = 0; i < table->message_count; i++) {
        const struct message *other = &table->messages[i];
        if (strcmp(other->name, row->name) == 0 && other->is_notice == (row->kind == ROW_NOTICE)) { /* one each way is fine */
            complain("%s is there twice", row->name);
        }
    }
}

static void add_message(struct table *table, const struct row *row)
{
    bool is_notice = row->kind == ROW_NOTICE;
    if (table->message_count == MESSAGES_MAX) {
        complain("more than %d messages", MESSAGES_MAX);
        exit(1);
    }
    if (!is_notice && table->message_count > table->method_count) {
        complain("%s: methods stand before notices", row->name);
    }
    check_message_name(table, row);
    struct message *message = &table->messages[table->message_count++];
    *message = (struct message){row->name, row->c_name, is_notice, row->role, row->scope, row->doc, NULL, NULL};
    message->params = add_shape(table, row->c_name, is_notice ? "_notice" : "_params", row->doc);
    if (!is_notice) {
        message->result = add_shape(table, row->c_name, "_result", row->doc);
        table->method_count++;
    }
}

static void check_field(const struct table *table, const struct shape *shape, const struct field *field)
{
    if (!is_lower_name(field->name)) {
        complain("%s.%s: names are lower case", shape->c_name, field->name);
    }
    for (size_t i = 0; i < shape->count; i++) {
        if (strcmp(shape->fields[i].name, field->name) == 0) {
            complain("%s.%s is there twice", shape->c_name, field->name);
        }
    }
    bool is_of_shape = field->kind == OBJ || field->kind == LIST;
    if (is_of_shape) {
        const struct shape *of = table_shape(table, field->of);
        if (!of || of >= table->shapes + table->part_count) {
            complain("%s.%s: no object %s stands before it", shape->c_name, field->name, field->of);
        }
    } else if (field->kind == JSON ? !*field->of : *field->of != '\0') {
        complain("%s.%s: `of` is for OBJ, LIST and JSON", shape->c_name, field->name);
    }
    if (field_has_max(field) ? field->max == 0 : field->kind != U64 && field->max != 0) {
        complain("%s.%s: a largest length belongs to STR, LIST and UUIDS, and a largest value may be given for U64",
                 shape->c_name, field->name);
    }
    if (!*field->doc) {
        complain("%s.%s: says nothing about itself", shape->c_name, field->name);
    }
}

static void add_field(const struct table *table, struct shape *shape, const struct row *row)
{
    if (!shape || shape->count == FIELDS_MAX) {
        complain("%s: stands in no object, or in one with more than %d members", row->name, FIELDS_MAX);
        return;
    }
    check_field(table, shape, &row->field);
    shape->fields[shape->count++] = row->field;
}

static struct shape *shape_for(struct table *table, const struct row *row)
{
    struct message *message = table->message_count ? &table->messages[table->message_count - 1] : NULL;
    switch (row->kind) {
    case ROW_FIELD: return message ? NULL : &table->shapes[table->shape_count - 1];
    case ROW_PARAM: return message ? message->params : NULL;
    case ROW_RESULT: return message ? message->result : NULL;
    default: return NULL;
    }
}

static void take_row(struct table *table, const struct row *row)
{
    switch (row->kind) {
    case ROW_OBJECT:
        if (table->message_count) {
            complain("%s: objects stand before messages", row->name);
        }
        add_shape(table, row->c_name, "", row->doc);
        table->part_count = table->shape_count;
        break;
    case ROW_METHOD:
    case ROW_NOTICE: add_message(table, row); break;
    case ROW_FIELD:
    case ROW_PARAM:
    case ROW_RESULT: add_field(table, shape_for(table, row), row); break;
    case ROW_END: break;
    }
}

/* The role of a method is looked up for the param that its scope names, so that param must be there. */
static void check_scope(const struct message *message)
{
    if (message->is_notice || strcmp(message->scope, "NONE") == 0) {
        return;
    }
    for (size_t i = 0; i < message->params->count; i++) {
        const struct field *field = &message->params->fields[i];
        bool is_it = strlen(field->name) == strlen(message->scope);
        for (size_t c = 0; is_it && field->name[c]; c++) {
            is_it = toupper((unsigned char)field->name[c]) == message->scope[c];
        }
        if (is_it && field->kind == UUID && field->is_required) {
            return;
        }
    }
    complain("%s: its scope is %s, but no required UUID of that name is among its params", message->name, message->scope);
}

static void check_errors(const struct table *table)
{
    for (size_t i = 0; i < table->error_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (gl_code_wire(errors[i].code) == gl_code_wire(errors[k].code)) {
                complain("errors.def: %s and %s have one number", errors[k].upper_name, errors[i].upper_name);
            }
        }
        if (strlen(errors[i].upper_name) > 31) {
            complain("errors.def: %s is longer than 31 characters", errors[i].upper_name);
        }
    }
}

const struct table *table_load(void)
{
    static struct table table;
    table.errors = errors;
    table.error_count = sizeof(errors) / sizeof(errors[0]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        take_row(&table, &rows[i]);
    }
    for (size_t i = 0; i < table.message_count; i++) {
        check_scope(&table.messages[i]);
    }
    check_errors(&table);
    return mistakes == 0 ? &table : NULL;
}
