/* messages.c - the table of messages.h, from wire.def. */
#include "tests/unit/proto/messages.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUND_TRIP(shape)                                                                                                        \
    static enum gl_code round_##shape(struct gl_reader *reader, const json_t *obj, struct gl_buf *buf)                           \
    {                                                                                                                            \
        struct gl_##shape value;                                                                                                 \
        enum gl_code code = gl_##shape##_read(reader, obj, &value);                                                              \
        if (code == GL_OK)                                                                                                       \
            gl_##shape##_write(buf, &value);                                                                                     \
        return code;                                                                                                             \
    }

#define GL_OBJECT(name, doc)
#define GL_METHOD(name, c_name, role, scope, doc) ROUND_TRIP(c_name##_params) ROUND_TRIP(c_name##_result)
#define GL_NOTICE(name, c_name, doc)              ROUND_TRIP(c_name##_notice)
#define GL_F(name, kind, of, flags, max, doc)
#define GL_P(name, kind, of, flags, max, doc)
#define GL_R(name, kind, of, flags, max, doc)
#define GL_END
#include "proto/wire.def"
#undef GL_METHOD
#undef GL_NOTICE

#define GL_METHOD(name, c_name, role, scope, doc) {name, false, round_##c_name##_params, round_##c_name##_result},
#define GL_NOTICE(name, c_name, doc)              {name, true, round_##c_name##_notice, NULL},
const struct message_row message_rows[GL_METHOD_COUNT + GL_NOTICE_COUNT] = {
#include "proto/wire.def"
};
#undef GL_METHOD
#undef GL_NOTICE
#undef GL_P
#undef GL_R

/* A row with a place of 0 begins a message; its kind says whether it is a notice. */
enum { OPT, REQ };
#define GL_METHOD(name, c_name, role, scope, doc) {name, 0, "", "", false},
#define GL_NOTICE(name, c_name, doc)              {name, 0, "", "notice", false},
#define GL_P(name, kind, of, flags, max, doc)     {NULL, 'P', #name, #kind, flags},
#define GL_R(name, kind, of, flags, max, doc)     {NULL, 'R', #name, #kind, flags},
const struct member_row member_rows[] = {
#include "proto/wire.def"
};
const size_t member_row_count = sizeof(member_rows) / sizeof(member_rows[0]);

const struct message_row *message_find(const char *name, bool is_notice)
{
    for (size_t i = 0; i < GL_METHOD_COUNT + GL_NOTICE_COUNT; i++) {
        if (message_rows[i].is_notice == is_notice && strcmp(message_rows[i].name, name) == 0) {
            return &message_rows[i];
        }
    }
    return NULL;
}

json_t *seed_load(const char *message, const char *place, const char *size)
{
    char path[4096];
    const char *folder = getenv("GLOSS_BUILD_DIR");
    snprintf(path, sizeof(path), "%s/proto/seeds/%s.%s.%s.json", folder ? folder : ".", message, place, size);
    json_t *seed = json_load_file(path, 0, NULL);
    json_t *value = json_incref(json_object_get(seed, strcmp(place, "answer") == 0 ? "result" : "params"));
    if (!value) {
        fprintf(stderr, "%s cannot be read\n", path);
    }
    json_decref(seed);
    return value;
}

enum gl_code run_round_trip(round_trip *function, const json_t *value, bool strict, struct gl_buf *buf, struct gl_err *err)
{
    struct gl_arena arena;
    struct gl_reader reader;
    gl_arena_init(&arena);
    gl_reader_init(&reader, &arena);
    reader.strict = strict;
    enum gl_code code = function(&reader, value, buf);
    if (err) {
        *err = reader.err;
    }
    gl_arena_fini(&arena);
    return code ? code : buf->code;
}
