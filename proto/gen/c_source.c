/*
 * c_source.c - writes gl_wire.c: the bodies of what c_header.c declares. Readers go in the table's order, writers in the canonical one.
 */
#include <inttypes.h>

#include "proto/gen/writers.h"

/* ", 0, &out->has_x" or ", GL_REQUIRED, NULL" */
static void write_flags(struct gl_buf *out, const struct field *field)
{
    if (field->is_required) {
        gl_buf_str(out, "GL_REQUIRED, NULL");
    } else {
        gl_buf_printf(out, "0, &out->has_%s", field->name);
    }
}

static void write_simple_read(struct gl_buf *out, const struct field *field, const char *reader)
{
    gl_buf_printf(out, "    out->%s = gl_read_%s(reader, obj, \"%s\", ", field->name, reader, field->name);
    write_flags(out, field);
    gl_buf_str(out, ");\n");
}

static void write_limited_read(struct gl_buf *out, const struct field *field, const char *reader)
{
    gl_buf_printf(out, "    out->%s = gl_read_%s(reader, obj, \"%s\", ", field->name, reader, field->name);
    if (field->max) {
        gl_buf_printf(out, "%" PRIu64 ", ", field->max);
    } else {
        gl_buf_str(out, "(uint64_t)GL_INT_MAX, ");
    }
    write_flags(out, field);
    gl_buf_str(out, ");\n");
}

static void write_object_read(struct gl_buf *out, const struct field *field)
{
    gl_buf_printf(out, "    const json_t *%s = gl_read_object(reader, obj, \"%s\", ", field->name, field->name);
    write_flags(out, field);
    gl_buf_printf(out,
                  ");\n"
                  "    if (%s) {\n"
                  "        size_t mark = gl_reader_enter(reader, \"%s\");\n"
                  "        gl_%s_read(reader, %s, &out->%s);\n"
                  "        gl_reader_leave(reader, mark);\n"
                  "    }\n",
                  field->name, field->name, field->of, field->name, field->name);
}

static void write_items_read(struct gl_buf *out, const struct field *field)
{
    gl_buf_printf(out, "    out->%s = gl_read_items(reader, obj, \"%s\", %" PRIu64 ", ", field->name, field->name, field->max);
    write_flags(out, field);
    if (field->kind == UUIDS) {
        gl_buf_printf(out, ", sizeof(gl_uuid), gl_read_uuid_item, &out->%s_count);\n", field->name);
    } else {
        gl_buf_printf(out, ", sizeof(struct gl_%s), read_%s_item, &out->%s_count);\n", field->of, field->of, field->name);
    }
}

static void write_read(struct gl_buf *out, const struct field *field)
{
    switch (field->kind) {
    case UUID: write_simple_read(out, field, "uuid"); break;
    case U64: write_limited_read(out, field, "u64"); break;
    case I64: write_simple_read(out, field, "i64"); break;
    case BOOL: write_simple_read(out, field, "bool"); break;
    case STR: write_limited_read(out, field, "str"); break;
    case TIME: write_simple_read(out, field, "time"); break;
    case JSON: write_simple_read(out, field, "json"); break;
    case OBJ: write_object_read(out, field); break;
    case LIST:
    case UUIDS: write_items_read(out, field); break;
    case SHA256:
        gl_buf_printf(out, "    gl_read_sha256(reader, obj, \"%s\", out->%s, ", field->name, field->name);
        write_flags(out, field);
        gl_buf_str(out, ");\n");
        break;
    }
}

static void write_reader(struct gl_buf *out, const struct shape *shape)
{
    gl_buf_printf(out, "\nenum gl_code gl_%s_read(struct gl_reader *reader, const json_t *obj, struct gl_%s *out)\n{\n",
                  shape->c_name, shape->c_name);
    gl_buf_str(out, "    static const char *const names[] = {");
    for (size_t i = 0; i < shape->count; i++) {
        gl_buf_printf(out, "\"%s\", ", shape->fields[i].name);
    }
    gl_buf_str(out, "NULL};\n"
                    "    memset(out, 0, sizeof(*out));\n"
                    "    gl_reader_begin(reader, obj, names);\n");
    for (size_t i = 0; i < shape->count; i++) {
        write_read(out, &shape->fields[i]);
    }
    gl_buf_str(out, "    return reader->code;\n}\n");
}

/* The value of a list or an object goes out as it is when raw bytes were given. */
static void write_raw_or(struct gl_buf *out, const char *name)
{
    gl_buf_printf(out, "gl_write_name(buf, \"%s\");\nif (in->%s_raw.data) {\n    gl_buf_slice(buf, in->%s_raw);\n} else {\n",
                  name, name, name);
}

static void write_list_write(struct gl_buf *out, const struct field *field)
{
    const char *name = field->name;
    write_raw_or(out, name);
    gl_buf_printf(out,
                  "    gl_buf_byte(buf, '[');\n"
                  "    for (size_t i = 0; i < in->%s_count; i++) {\n"
                  "        if (i > 0) {\n"
                  "            gl_buf_byte(buf, ',');\n"
                  "        }\n"
                  "        gl_%s_write(buf, &in->%s[i]);\n"
                  "    }\n"
                  "    gl_buf_byte(buf, ']');\n"
                  "}\n",
                  name, field->of, name);
}

static void write_object_write(struct gl_buf *out, const struct field *field)
{
    write_raw_or(out, field->name);
    gl_buf_printf(out, "    gl_%s_write(buf, &in->%s);\n}\n", field->of, field->name);
}

static void write_write(struct gl_buf *out, const struct field *field)
{
    const char *name = field->name;
    switch (field->kind) {
    case UUID: gl_buf_printf(out, "gl_write_uuid(buf, \"%s\", &in->%s);\n", name, name); break;
    case U64: gl_buf_printf(out, "gl_write_u64(buf, \"%s\", in->%s);\n", name, name); break;
    case I64: gl_buf_printf(out, "gl_write_i64(buf, \"%s\", in->%s);\n", name, name); break;
    case BOOL: gl_buf_printf(out, "gl_write_bool(buf, \"%s\", in->%s);\n", name, name); break;
    case STR: gl_buf_printf(out, "gl_write_str(buf, \"%s\", in->%s);\n", name, name); break;
    case SHA256: gl_buf_printf(out, "gl_write_sha256(buf, \"%s\", in->%s);\n", name, name); break;
    case TIME: gl_buf_printf(out, "gl_write_time(buf, \"%s\", in->%s);\n", name, name); break;
    case JSON: gl_buf_printf(out, "gl_write_json(buf, \"%s\", in->%s, in->%s_raw);\n", name, name, name); break;
    case UUIDS: gl_buf_printf(out, "gl_write_uuids(buf, \"%s\", in->%s, in->%s_count);\n", name, name, name); break;
    case OBJ: write_object_write(out, field); break;
    case LIST: write_list_write(out, field); break;
    }
}

static void write_indented(struct gl_buf *out, struct gl_slice lines, const char *indent)
{
    bool is_start = true;
    for (size_t i = 0; i < lines.len; i++) {
        if (is_start) {
            gl_buf_str(out, indent);
        }
        gl_buf_byte(out, lines.data[i]);
        is_start = lines.data[i] == '\n';
    }
}

static void write_member_write(struct gl_buf *out, const struct field *field)
{
    struct gl_buf lines;
    gl_buf_init(&lines, out->max);
    write_write(&lines, field);
    if (field->is_required) {
        write_indented(out, gl_buf_peek(&lines), "    ");
    } else {
        gl_buf_printf(out, "    if (in->has_%s) {\n", field->name);
        write_indented(out, gl_buf_peek(&lines), "        ");
        gl_buf_str(out, "    }\n");
    }
    out->code = out->code ? out->code : lines.code;
    gl_buf_fini(&lines);
}

static void write_writer(struct gl_buf *out, const struct shape *shape)
{
    const struct field *sorted[FIELDS_MAX];
    shape_sort(shape, sorted);
    gl_buf_printf(out, "\nvoid gl_%s_write(struct gl_buf *buf, const struct gl_%s *in)\n{\n", shape->c_name, shape->c_name);
    gl_buf_str(out, shape->count == 0 ? "    (void)in;\n    gl_buf_byte(buf, '{');\n" : "    gl_buf_byte(buf, '{');\n");
    for (size_t i = 0; i < shape->count; i++) {
        write_member_write(out, sorted[i]);
    }
    gl_buf_str(out, "    gl_buf_byte(buf, '}');\n}\n");
}

static bool is_in_a_list(const struct table *table, const struct shape *part)
{
    for (size_t i = 0; i < table->shape_count; i++) {
        for (size_t k = 0; k < table->shapes[i].count; k++) {
            const struct field *field = &table->shapes[i].fields[k];
            if (field->kind == LIST && strcmp(field->of, part->c_name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void write_item_reader(struct gl_buf *out, const struct shape *part)
{
    gl_buf_printf(out,
                  "\nstatic void read_%s_item(struct gl_reader *reader, const json_t *value, void *item)\n{\n"
                  "    gl_%s_read(reader, value, item);\n}\n",
                  part->c_name, part->c_name);
}

static void write_methods(struct gl_buf *out, const struct table *table)
{
    gl_buf_str(out, "\nconst struct gl_method gl_methods[GL_METHOD_COUNT] = {\n");
    for (size_t i = 0; i < table->method_count; i++) {
        const struct message *method = &table->messages[i];
        gl_buf_printf(out, "    {\"%s\", GL_%s, GL_SCOPE_%s, ", method->name, method->role, method->scope);
        if (strcmp(method->scope, "NONE") == 0) {
            gl_buf_str(out, "NULL},\n");
        } else {
            gl_buf_byte(out, '"');
            print_lower(out, method->scope); /* the param that says what the role is looked up for */
            gl_buf_str(out, "\"},\n");
        }
    }
    gl_buf_str(out, "};\n\nconst char *const gl_notices[GL_NOTICE_COUNT] = {\n");
    for (size_t i = table->method_count; i < table->message_count; i++) {
        gl_buf_printf(out, "    \"%s\",\n", table->messages[i].name);
    }
    gl_buf_str(out, "};\n\n"
                    "const struct gl_method *gl_method_find(struct gl_slice name)\n{\n"
                    "    for (size_t i = 0; i < GL_METHOD_COUNT; i++) {\n"
                    "        if (gl_slice_is(name, gl_methods[i].name)) {\n"
                    "            return &gl_methods[i];\n"
                    "        }\n"
                    "    }\n"
                    "    return NULL;\n}\n");
}

void write_c_source(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    gl_buf_str(out, "/* gl_wire.c - written by wiregen from wire.def; do not edit. */\n#include \"proto/gl_wire.h\"\n");
    write_methods(out, table);
    for (size_t i = 0; i < table->shape_count; i++) {
        write_reader(out, &table->shapes[i]);
        write_writer(out, &table->shapes[i]);
        if (is_in_a_list(table, &table->shapes[i])) {
            write_item_reader(out, &table->shapes[i]);
        }
    }
}
