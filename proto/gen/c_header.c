/*
 * c_header.c - writes gl_wire.h: a struct, a reader and a writer for each object of the wire, and the tables of methods and notices.
 */
#include "proto/gen/writers.h"

static void write_raw(struct gl_buf *out, const struct field *field)
{
    gl_buf_printf(out, "    struct gl_slice %s_raw; /* writing: these canonical bytes instead, when data is set */\n",
                  field->name);
}

static void write_member(struct gl_buf *out, const struct field *field)
{
    const char *name = field->name, *doc = field->doc;
    if (!field->is_required) {
        gl_buf_printf(out, "    bool has_%s;\n", name);
    }
    switch (field->kind) {
    case UUID: gl_buf_printf(out, "    gl_uuid %s; /* %s */\n", name, doc); break;
    case U64: gl_buf_printf(out, "    uint64_t %s; /* %s */\n", name, doc); break;
    case I64: gl_buf_printf(out, "    int64_t %s; /* %s */\n", name, doc); break;
    case BOOL: gl_buf_printf(out, "    bool %s; /* %s */\n", name, doc); break;
    case STR: gl_buf_printf(out, "    struct gl_slice %s; /* %s */\n", name, doc); break;
    case SHA256: gl_buf_printf(out, "    uint8_t %s[32]; /* %s */\n", name, doc); break;
    case TIME: gl_buf_printf(out, "    int64_t %s; /* %s; ms since 1970 */\n", name, doc); break;
    case JSON: gl_buf_printf(out, "    const json_t *%s; /* %s */\n", name, doc); break;
    case OBJ: gl_buf_printf(out, "    struct gl_%s %s; /* %s */\n", field->of, name, doc); break;
    case LIST:
        gl_buf_printf(out, "    const struct gl_%s *%s; /* %s */\n    size_t %s_count;\n", field->of, name, doc, name);
        break;
    case UUIDS: gl_buf_printf(out, "    const gl_uuid *%s; /* %s */\n    size_t %s_count;\n", name, doc, name); break;
    }
    if (field->kind == JSON || field->kind == OBJ || field->kind == LIST) {
        write_raw(out, field);
    }
}

static void write_shape(struct gl_buf *out, const struct shape *shape)
{
    gl_buf_printf(out, "\n/* %s */\nstruct gl_%s {\n", shape->doc, shape->c_name);
    for (size_t i = 0; i < shape->count; i++) {
        write_member(out, &shape->fields[i]);
    }
    if (shape->count == 0) {
        gl_buf_str(out, "    char nothing; /* it is always {} */\n");
    }
    gl_buf_printf(out, "};\nenum gl_code gl_%s_read(struct gl_reader *reader, const json_t *obj, struct gl_%s *out);\n",
                  shape->c_name, shape->c_name);
    gl_buf_printf(out, "void gl_%s_write(struct gl_buf *buf, const struct gl_%s *in);\n", shape->c_name, shape->c_name);
}

static void write_ids(struct gl_buf *out, const struct table *table, size_t begin, size_t end, const char *what)
{
    gl_buf_printf(out, "enum gl_%s_id {\n", what);
    for (size_t i = begin; i < end; i++) {
        const char *upper = what[0] == 'm' ? "METHOD" : "NOTICE";
        gl_buf_printf(out, "    GL_%s_%s,\n", upper, table->messages[i].c_name);
    }
    gl_buf_printf(out, "    GL_%s_COUNT\n};\n", what[0] == 'm' ? "METHOD" : "NOTICE");
}

void write_c_header(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    gl_buf_str(out, "/* gl_wire.h - every message of gloss.v1 as C. Written by wiregen from wire.def; do not edit.\n"
                    " *\n"
                    " * Owns      nothing: what is read lends from the JSON and from the reader's arena.\n"
                    " * Thread    any.\n"
                    " * Errors    readers return reader->code; writers leave theirs in buf->code.\n"
                    " */\n"
                    "#ifndef GL_WIRE_H\n#define GL_WIRE_H\n\n#include \"proto/gl_rpc.h\"\n\n");
    write_ids(out, table, 0, table->method_count, "method");
    gl_buf_str(out, "extern const struct gl_method gl_methods[GL_METHOD_COUNT];\n\n");
    write_ids(out, table, table->method_count, table->message_count, "notice");
    gl_buf_str(out, "extern const char *const gl_notices[GL_NOTICE_COUNT]; /* their names: \"session.ops\" */\n");
    for (size_t i = 0; i < table->shape_count; i++) {
        write_shape(out, &table->shapes[i]);
    }
    gl_buf_str(out, "\n#endif\n");
}
