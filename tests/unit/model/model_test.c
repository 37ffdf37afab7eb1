/* model_test.c - see model_test.h. */
#include "tests/unit/model/model_test.h"

#include <stdio.h>
#include <stdlib.h>

json_t *vectors_load(const char *file)
{
    char path[4096];
    json_error_t error;
    const char *source = getenv("GLOSS_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/proto/vectors/%s", source ? source : ".", file);
    json_t *vectors = json_load_file(path, 0, &error);
    if (!vectors) {
        fprintf(stderr, "%s: %s (GLOSS_SOURCE_DIR says where the sources are)\n", path, error.text);
        exit(1);
    }
    return vectors;
}

json_t *row_get(const json_t *row, const char *name)
{
    json_t *value = json_object_get(row, name);
    ck_assert_msg(value != NULL, "%s: the row has no %s", row_what(row), name);
    return value;
}

struct gl_slice row_text(const json_t *row, const char *name)
{
    const json_t *value = row_get(row, name);
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

uint64_t row_u64(const json_t *row, const char *name)
{
    return (uint64_t)json_integer_value(row_get(row, name));
}

gl_uuid row_uuid(const json_t *row, const char *name)
{
    gl_uuid id;
    ck_assert_msg(gl_uuid_parse(row_text(row, name), &id), "%s: %s is no UUID", row_what(row), name);
    return id;
}

gl_hash row_hash(const json_t *row, const char *name)
{
    gl_hash hash;
    ck_assert_msg(gl_hex_decode(row_text(row, name), hash.bytes, sizeof hash.bytes), "%s: %s is no hash", row_what(row), name);
    return hash;
}

const char *row_what(const json_t *row)
{
    const char *what = json_string_value(json_object_get(row, "what"));
    return what ? what : "";
}

struct gl_text *text_from(struct gl_slice bytes)
{
    struct gl_text *text;
    struct gl_err err;
    assert_code("a text", gl_text_new(bytes, &text, &err), GL_OK, &err);
    return text;
}

json_t *json_from(const char *text)
{
    char *copy = strdup(text);
    ck_assert(copy != NULL);
    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    json_t *value = json_loads(copy, 0, NULL);
    ck_assert_msg(value != NULL, "not JSON: %s", copy);
    free(copy);
    return value;
}

char *canonical_of(const json_t *value)
{
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_canon_write(&buf, value);
    ck_assert_int_eq(buf.code, GL_OK);
    return gl_buf_take(&buf, NULL);
}

gl_uuid uuid_of(unsigned number)
{
    gl_uuid id = {{0x01, 0x93, 0, 0, 0, 0, 0x70, 0, 0x80}};
    for (size_t i = 0; i < 4; i++) {
        id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
    }
    return id;
}

void assert_json_equal(const char *what, const json_t *got, const json_t *expected)
{
    char *got_text = canonical_of(got), *expected_text = canonical_of(expected);
    ck_assert_msg(strcmp(got_text, expected_text) == 0, "%s:\n  got      %s\n  expected %s", what, got_text, expected_text);
    free(got_text);
    free(expected_text);
}

void assert_hash_equal(const char *what, gl_hash got, gl_hash expected)
{
    char text[2][65];
    for (size_t i = 0; i < 32; i++) {
        snprintf(text[0] + 2 * i, 3, "%02x", got.bytes[i]);
        snprintf(text[1] + 2 * i, 3, "%02x", expected.bytes[i]);
    }
    ck_assert_msg(gl_hash_equal(&got, &expected), "%s: got %s, expected %s", what, text[0], text[1]);
}

void assert_code(const char *what, enum gl_code got, enum gl_code expected, const struct gl_err *err)
{
    ck_assert_msg(got == expected, "%s: got %s (%s: %s), expected %s", what, gl_code_name(got), got && err ? err->path : "",
                  got && err ? err->detail : "", gl_code_name(expected));
}

uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

size_t random_below(uint64_t *state, size_t limit)
{
    return (size_t)((random_next(state) >> 16) % limit);
}

int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
