/*
 * typescript.c - writes wire.ts: the types of every message, the methods with their rights, and the errors.
 */
#include "proto/gen/writers.h"
#include "proto/gl_json.h"

static void write_type(struct gl_buf *out, const struct field *field)
{
    switch (field->kind) {
    case UUID: gl_buf_str(out, "Uuid"); break;
    case U64:
    case I64: gl_buf_str(out, "number"); break;
    case BOOL: gl_buf_str(out, "boolean"); break;
    case STR: gl_buf_str(out, "string"); break;
    case SHA256: gl_buf_str(out, "Sha256"); break;
    case TIME: gl_buf_str(out, "Time"); break;
    case JSON:
    case OBJ: print_camel(out, field->of); break;
    case LIST:
        print_camel(out, field->of);
        gl_buf_str(out, "[]");
        break;
    case UUIDS: gl_buf_str(out, "Uuid[]"); break;
    }
}

static void write_shape(struct gl_buf *out, const struct shape *shape)
{
    gl_buf_printf(out, "\n/** %s */\nexport interface ", shape->doc);
    print_camel(out, shape->c_name);
    gl_buf_str(out, shape->count ? " {\n" : " {}\n");
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        gl_buf_printf(out, "  /** %s */\n  %s%s: ", field->doc, field->name, field->is_required ? "" : "?");
        write_type(out, field);
        gl_buf_str(out, ";\n");
    }
    if (shape->count) {
        gl_buf_str(out, "}\n");
    }
}

static void write_messages(struct gl_buf *out, const struct table *table)
{
    gl_buf_str(out, "\n/** client -> server */\nexport interface Methods {\n");
    for (size_t i = 0; i < table->method_count; i++) {
        gl_buf_printf(out, "  \"%s\": { params: ", table->messages[i].name);
        print_camel(out, table->messages[i].params->c_name);
        gl_buf_str(out, "; result: ");
        print_camel(out, table->messages[i].result->c_name);
        gl_buf_str(out, " };\n");
    }
    gl_buf_str(out, "}\n\n/** server -> client */\nexport interface Notices {\n");
    for (size_t i = table->method_count; i < table->message_count; i++) {
        gl_buf_printf(out, "  \"%s\": ", table->messages[i].name);
        print_camel(out, table->messages[i].params->c_name);
        gl_buf_str(out, ";\n");
    }
    gl_buf_str(out, "}\n");
}

static void write_rights(struct gl_buf *out, const struct table *table)
{
    gl_buf_str(out, "\n/** the smallest role that may, and what it is looked up for */\nexport const RIGHTS = {\n");
    for (size_t i = 0; i < table->method_count; i++) {
        gl_buf_printf(out, "  \"%s\": { role: \"", table->messages[i].name);
        print_lower(out, table->messages[i].role);
        gl_buf_str(out, "\", scope: \"");
        print_lower(out, table->messages[i].scope);
        gl_buf_str(out, "\" },\n");
    }
    gl_buf_str(out, "} as const;\n");
}

static void write_errors(struct gl_buf *out, const struct table *table)
{
    static const char *const retries[] = {"never", "refresh", "later"};
    gl_buf_str(
        out,
        "\n/** never: the same request will be refused again. refresh: look, decide, send anew under a new id. later: send the same again. */\n"
        "export const ERRORS = {\n");
    for (size_t i = 0; i < table->error_count; i++) {
        enum gl_code code = table->errors[i].code;
        if (!error_is_sent(&table->errors[i])) {
            continue;
        }
        gl_buf_printf(out, "  %s: { code: %d, retry: \"%s\", keepsConnection: %s, sentence: ", gl_code_name(code),
                      gl_code_wire(code), retries[gl_code_retry(code)], gl_code_keeps_connection(code) ? "true" : "false");
        gl_canon_string(out, gl_slice_str(gl_code_sentence(code)));
        gl_buf_str(out, " },\n");
    }
    gl_buf_str(out, "} as const;\n");
}

void write_typescript(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    gl_buf_str(out, "// wire.ts - gloss.v1 as TypeScript. Written by wiregen from wire.def and gen/parts.ts; do not edit.\n\n");
    read_source_file(out, source, "parts.ts");
    for (size_t i = 0; i < table->shape_count; i++) {
        write_shape(out, &table->shapes[i]);
    }
    write_messages(out, table);
    write_rights(out, table);
    write_errors(out, table);
}
