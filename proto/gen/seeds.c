/*
 * seeds.c - writes a minimal and a full message of every kind: what fuzzers begin with, and what the round-trip test reads and writes.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "proto/gen/writers.h"
#include "proto/gl_json.h"

#define SEED_MAX_BYTES (1u << 20)
#define PATH_MAX_BYTES 4096

static const char a_uuid[] = "01937f6b-0000-7000-8000-0000000000aa";
static const char a_sha256[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

static json_t *shape_seed(const struct source *source, const struct shape *shape, bool is_full);

/* The first example of a definition in parts.json is the smallest, the last the largest. */
static json_t *part_seed(const struct source *source, const char *name, bool is_full)
{
    const json_t *examples = json_object_get(json_object_get(source->parts, name), "examples");
    json_t *example = json_array_get(examples, is_full ? json_array_size(examples) - 1 : 0);
    if (!example) {
        fprintf(stderr, "wiregen: parts.json: %s has no examples\n", name);
    }
    return json_deep_copy(example);
}

static json_t *list_seed(const struct source *source, const struct field *field, bool is_full)
{
    json_t *list = json_array();
    for (size_t i = 0; i < (is_full ? 2u : 0u); i++) {
        json_t *item =
            field->kind == UUIDS ? json_string(a_uuid) : shape_seed(source, table_shape(source->table, field->of), i == 0);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *field_seed(const struct source *source, const struct field *field, bool is_full)
{
    switch (field->kind) {
    case UUID: return json_string(a_uuid);
    case U64: return json_integer(!is_full ? 0 : field->max ? (json_int_t)field->max : (json_int_t)GL_INT_MAX);
    case I64: return json_integer(is_full ? -32700 : 0);
    case BOOL: return json_boolean(is_full);
    case STR: return json_string(!is_full ? "" : field->max < 32 ? "viewer" : "\xe2\x80\x9cwait\xe2\x80\x9d\n\xf0\x9f\xa4\xb7");
    case SHA256: return json_string(a_sha256);
    case TIME: return json_string("2026-11-21T18:43:15.123Z");
    case JSON: return part_seed(source, field->of, is_full);
    case OBJ: return shape_seed(source, table_shape(source->table, field->of), is_full);
    case LIST:
    case UUIDS: return list_seed(source, field, is_full);
    }
    return NULL;
}

static json_t *shape_seed(const struct source *source, const struct shape *shape, bool is_full)
{
    json_t *object = json_object();
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        if (is_full || field->is_required) {
            json_object_set_new(object, field->name, field_seed(source, field, is_full));
        }
    }
    return object;
}

/* Takes message. */
static bool save_seed(const char *folder, const char *name, const char *what, bool is_full, json_t *message)
{
    struct gl_buf text;
    char path[PATH_MAX_BYTES];
    gl_buf_init(&text, SEED_MAX_BYTES);
    gl_canon_write(&text, message);
    snprintf(path, sizeof(path), "%s/%s.%s.%s.json", folder, name, what, is_full ? "full" : "minimal");
    bool is_saved = save_file(path, &text);
    gl_buf_fini(&text);
    json_decref(message);
    return is_saved;
}

static bool write_message(const char *folder, const struct source *source, const struct message *message, bool is_full)
{
    json_t *params = shape_seed(source, message->params, is_full);
    if (message->is_notice) {
        json_t *notice = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", message->name, "params", params);
        return save_seed(folder, message->name, "notice", is_full, notice);
    }
    json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", message->name, "params", params);
    json_t *answer =
        json_pack("{s:s, s:i, s:o}", "jsonrpc", "2.0", "id", 1, "result", shape_seed(source, message->result, is_full));
    bool is_saved = save_seed(folder, message->name, "request", is_full, request);
    return save_seed(folder, message->name, "answer", is_full, answer) && is_saved;
}

bool write_seeds(const char *folder, const struct source *source)
{
    bool is_saved = true;
    mkdir(folder, 0777); /* it may be there; if it cannot be made the first file says so */
    for (size_t i = 0; i < source->table->message_count; i++) {
        is_saved = write_message(folder, source, &source->table->messages[i], false) && is_saved;
        is_saved = write_message(folder, source, &source->table->messages[i], true) && is_saved;
    }
    return is_saved;
}
