/*
 * wiregen.c - writes from wire.def and errors.def whatever follows from them.
 *
 *     wiregen WHAT FILE GEN_FOLDER
 *
 * WHAT is one of the list below, or `seeds`: then FILE is a folder. GEN_FOLDER is proto/gen. Status 1: a table, an example or a file
 * is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gen/writers.h"

#define FILE_MAX_BYTES (16u << 20)

typedef void write_file(struct gl_buf *out, const struct source *source);

static const struct {
    const char *what;
    write_file *write;
} outputs[] = {
    {"gl_wire.h", write_c_header},     {"gl_wire.c", write_c_source}, {"wire.schema.json", write_schema},
    {"asyncapi.json", write_asyncapi}, {"wire.ts", write_typescript}, {"PROTOCOL.md", write_protocol},
};

static write_file *find_output(const char *what)
{
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        if (strcmp(outputs[i].what, what) == 0) {
            return outputs[i].write;
        }
    }
    return NULL;
}

/* A JSON member must follow a definition that is there. */
static bool check_parts(const struct source *source)
{
    bool is_good = json_is_object(source->parts);
    for (size_t i = 0; i < source->table->shape_count; i++) {
        const struct shape *shape = &source->table->shapes[i];
        for (size_t k = 0; k < shape->count; k++) {
            const struct field *field = &shape->fields[k];
            if (field->kind == JSON && !json_object_get(source->parts, field->of)) {
                fprintf(stderr, "wiregen: %s.%s: parts.json has no %s\n", shape->c_name, field->name, field->of);
                is_good = false;
            }
        }
    }
    return is_good;
}

static bool write_output(write_file *write, const char *path, const struct source *source)
{
    struct gl_buf out;
    gl_buf_init(&out, FILE_MAX_BYTES);
    write(&out, source);
    bool is_saved = save_file(path, &out);
    gl_buf_fini(&out);
    return is_saved;
}

int main(int argc, char **argv)
{
    write_file *write = argc == 4 ? find_output(argv[1]) : NULL;
    bool is_seeds = argc == 4 && strcmp(argv[1], "seeds") == 0;
    if (!write && !is_seeds) {
        fputs("usage: wiregen gl_wire.h|gl_wire.c|wire.schema.json|asyncapi.json|wire.ts|PROTOCOL.md|seeds FILE GEN_FOLDER\n",
              stderr);
        return 2;
    }
    struct source source = {.table = table_load(), .folder = argv[3]};
    if (!source.table) {
        return EXIT_FAILURE;
    }
    source.parts = load_source_json(&source, "parts.json");
    bool is_done = check_parts(&source) && (is_seeds ? write_seeds(argv[2], &source) : write_output(write, argv[2], &source));
    json_decref(source.parts);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
