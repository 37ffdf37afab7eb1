/*
 * schema.c - writes wire.schema.json (JSON Schema 2020-12). Only words that draft 7 has too are used, because AsyncAPI reads that.
 */
#include <stdio.h>

#include "proto/gen/writers.h"
#include "proto/gl_json.h"

#define WIDTH 130

static json_t *reference(const char *prefix, const char *name, const char *suffix)
{
    return json_pack("{s:o}", "$ref", json_sprintf("%s%s%s", prefix, name, suffix));
}

static json_t *list_of(json_t *items, uint64_t max)
{
    return json_pack("{s:s, s:I, s:o}", "type", "array", "maxItems", (json_int_t)max, "items", items);
}

static json_t *field_schema(const struct field *field, const char *prefix)
{
    json_int_t max = field->max ? (json_int_t)field->max : (json_int_t)GL_INT_MAX;
    switch (field->kind) {
    case UUID: return reference(prefix, "uuid", "");
    case SHA256: return reference(prefix, "sha256", "");
    case TIME: return reference(prefix, "time", "");
    case U64: return json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0, "maximum", max);
    case I64:
        return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)-GL_INT_MAX, "maximum",
                         (json_int_t)GL_INT_MAX);
    case BOOL: return json_pack("{s:s}", "type", "boolean");
    case STR:
        return json_pack("{s:s, s:I}", "type", "string", "maxLength", max); /* bytes in fact: never more characters than that */
    case JSON:
    case OBJ: return reference(prefix, field->of, "");
    case LIST: return list_of(reference(prefix, field->of, ""), field->max);
    case UUIDS: return list_of(reference(prefix, "uuid", ""), field->max);
    }
    return NULL;
}

static json_t *shape_schema(const struct shape *shape, const char *prefix)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        json_t *schema = field_schema(field, prefix);
        json_object_set_new(schema, "description", json_string(field->doc));
        json_object_set_new(properties, field->name, schema);
        if (field->is_required) {
            json_array_append_new(required, json_string(field->name));
        }
    }
    return json_pack("{s:s, s:s, s:o, s:o}", "description", shape->doc, "type", "object", "required", required, "properties",
                     properties);
}

static json_t *envelope(json_t *required, json_t *properties)
{
    json_object_set_new(properties, "jsonrpc", json_pack("{s:s}", "const", "2.0"));
    return json_pack("{s:s, s:o, s:o}", "type", "object", "required", required, "properties", properties);
}

static bool needs_params(const struct shape *params)
{
    for (size_t i = 0; i < params->count; i++) {
        if (params->fields[i].is_required) {
            return true;
        }
    }
    return false;
}

static void add_named(json_t *definitions, const char *name, const char *suffix, json_t *schema)
{
    char full[128];
    snprintf(full, sizeof(full), "%s%s", name, suffix);
    json_object_set_new(definitions, full, schema);
}

static void add_method(json_t *definitions, const struct message *method, const char *prefix)
{
    json_t *required = needs_params(method->params) ? json_pack("[s,s,s,s]", "jsonrpc", "id", "method", "params")
                                                    : json_pack("[s,s,s]", "jsonrpc", "id", "method");
    json_t *request = json_pack("{s:o, s:{s:s}, s:o}", "id", reference(prefix, "request_id", ""), "method", "const", method->name,
                                "params", reference(prefix, method->c_name, "_params"));
    json_t *answer = json_pack("{s:o, s:o}", "id", reference(prefix, "request_id", ""), "result",
                               reference(prefix, method->c_name, "_result"));
    add_named(definitions, method->c_name, "_request", envelope(required, request));
    add_named(definitions, method->c_name, "_answer", envelope(json_pack("[s,s,s]", "jsonrpc", "id", "result"), answer));
}

static void add_notice(json_t *definitions, const struct message *notice, const char *prefix)
{
    json_t *message =
        json_pack("{s:{s:s}, s:o}", "method", "const", notice->name, "params", reference(prefix, notice->c_name, "_notice"));
    add_named(definitions, notice->c_name, "_message", envelope(json_pack("[s,s,s]", "jsonrpc", "method", "params"), message));
}

static void add_refusal(json_t *definitions, const char *prefix)
{
    json_t *id = json_pack("{s:[o,{s:s}]}", "anyOf", reference(prefix, "request_id", ""), "type", "null");
    json_t *refusal = json_pack("{s:o, s:o}", "id", id, "error", reference(prefix, "error_info", ""));
    add_named(definitions, "refusal", "", envelope(json_pack("[s,s,s]", "jsonrpc", "id", "error"), refusal));
}

static void add_directions(json_t *definitions, const struct table *table, const char *prefix)
{
    json_t *from_client = json_array(), *from_server = json_pack("[o]", reference(prefix, "refusal", ""));
    for (size_t i = 0; i < table->message_count; i++) {
        const struct message *message = &table->messages[i];
        if (message->is_notice) {
            json_array_append_new(from_server, reference(prefix, message->c_name, "_message"));
        } else {
            json_array_append_new(from_client, reference(prefix, message->c_name, "_request"));
            json_array_append_new(from_server, reference(prefix, message->c_name, "_answer"));
        }
    }
    json_object_set_new(definitions, "from_client", json_pack("{s:o}", "anyOf", from_client));
    json_object_set_new(definitions, "from_server", json_pack("{s:o}", "anyOf", from_server));
}

/* parts.json refers to "#/$defs/…"; elsewhere the definitions have another home. */
static void move_references(json_t *value, const char *prefix)
{
    static const char here[] = "#/$defs/";
    size_t i;
    json_t *item;
    const char *name;
    const char *target = json_string_value(json_object_get(value, "$ref"));
    if (target && strncmp(target, here, sizeof(here) - 1) == 0) {
        json_object_set_new(value, "$ref", json_sprintf("%s%s", prefix, target + sizeof(here) - 1));
    }
    json_array_foreach(value, i, item)
    {
        move_references(item, prefix);
    }
    json_object_foreach(value, name, item)
    {
        move_references(item, prefix);
    }
}

json_t *schema_definitions(const struct source *source, const char *prefix)
{
    const struct table *table = source->table;
    json_t *definitions = json_deep_copy(source->parts);
    move_references(definitions, prefix);
    for (size_t i = 0; i < table->shape_count; i++) {
        json_object_set_new(definitions, table->shapes[i].c_name, shape_schema(&table->shapes[i], prefix));
    }
    for (size_t i = 0; i < table->message_count; i++) {
        if (table->messages[i].is_notice) {
            add_notice(definitions, &table->messages[i], prefix);
        } else {
            add_method(definitions, &table->messages[i], prefix);
        }
    }
    add_refusal(definitions, prefix);
    add_directions(definitions, table, prefix);
    return definitions;
}

void write_schema(struct gl_buf *out, const struct source *source)
{
    json_t *schema =
        json_pack("{s:s, s:s, s:s, s:s, s:[o,o], s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema", "$id",
                  "urn:gloss:v1", "title", "gloss.v1: every message", "description",
                  "Written by wiregen from wire.def; do not edit. Lengths of strings are in bytes in fact, see PROTOCOL.md.",
                  "anyOf", reference("#/$defs/", "from_client", ""), reference("#/$defs/", "from_server", ""), "$defs",
                  schema_definitions(source, "#/$defs/"));
    print_json(out, schema, 0, WIDTH);
    gl_buf_byte(out, '\n');
    json_decref(schema);
}
