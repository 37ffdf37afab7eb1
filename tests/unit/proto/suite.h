/*
 * suite.h - what every test program of proto begins and ends with.
 */
#ifndef PROTO_TEST_SUITE_H
#define PROTO_TEST_SUITE_H

#include <check.h>
#include <stdlib.h>

#include "proto/gl_json.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline void assert_bytes(const struct gl_buf *buf, struct gl_slice expected)
{
    ck_assert_msg(buf->code == GL_OK, "the buffer has failed: %s", gl_code_name(buf->code));
    ck_assert_msg(gl_slice_equal(gl_buf_peek(buf), expected), "got      %.*s\nexpected %.*s", (int)buf->len, buf->data,
                  (int)expected.len, expected.data);
}

/* JSON that must be readable; the caller decrefs it. */
static inline json_t *json_from(struct gl_slice text)
{
    json_t *value = NULL;
    struct gl_err err = {0};
    enum gl_code code = gl_json_load(text, &value, &err);
    ck_assert_msg(code == GL_OK, "%s in %.*s", err.detail, (int)text.len, text.data);
    return value;
}

#endif
