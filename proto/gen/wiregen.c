/*
 * wiregen.c - writes from wire.def and errors.def whatever follows from them.
 *
 *     wiregen WHAT FILE
 *
 * WHAT is one of the list below. FILE is replaced only by a whole new one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gen/writers.h"

#define FILE_MAX_BYTES (16u << 20)

typedef void write_file(struct gl_buf *out, const struct table *table);

static const struct {
    const char *what;
    write_file *write;
} outputs[] = {
    {"gl_wire.h", write_c_header},
    {"gl_wire.c", write_c_source},
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

static int save(const char *path, const struct gl_buf *content)
{
    if (content->code != GL_OK) {
        fprintf(stderr, "wiregen: %s: %s\n", path, gl_code_sentence(content->code));
        return EXIT_FAILURE;
    }
    FILE *file = fopen(path, "wb");
    bool is_written = file && fwrite(content->data, 1, content->len, file) == content->len;
    bool is_closed = file && fclose(file) == 0;
    if (!is_written || !is_closed) {
        perror(path);
        remove(path);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    write_file *write = argc == 3 ? find_output(argv[1]) : NULL;
    if (!write) {
        fputs("usage: wiregen gl_wire.h|gl_wire.c FILE\n", stderr);
        return 2;
    }
    const struct table *table = table_load();
    if (!table) {
        return EXIT_FAILURE;
    }
    struct gl_buf out;
    gl_buf_init(&out, FILE_MAX_BYTES);
    write(&out, table);
    int status = save(argv[2], &out);
    gl_buf_fini(&out);
    return status;
}
