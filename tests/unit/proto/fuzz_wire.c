/*
 * fuzz_wire.c - any bytes as a message: read, understood and written as far as they go. Built by the preset fuzz; begin with <build>/proto/seeds.
 */
#include <assert.h>
#include <stdlib.h>

#include "tests/unit/proto/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was canonical stays as it is. */
static void check_canonical(const json_t *value)
{
    struct gl_buf once, twice;
    json_t *again = NULL;
    gl_buf_init(&once, SIZE_MAX);
    gl_buf_init(&twice, SIZE_MAX);
    gl_canon_write(&once, value);
    if (once.code == GL_OK) { /* else a member name is not ASCII */
        assert(gl_json_load(gl_buf_peek(&once), &again, NULL) == GL_OK);
        gl_canon_write(&twice, again);
        assert(gl_slice_equal(gl_buf_peek(&once), gl_buf_peek(&twice)));
    }
    json_decref(again);
    gl_buf_fini(&once);
    gl_buf_fini(&twice);
}

static void check_round_trip(round_trip *function, const json_t *value)
{
    struct gl_buf buf;
    json_t *again = NULL;
    gl_buf_init(&buf, SIZE_MAX);
    if (run_round_trip(function, value, false, &buf, NULL) == GL_OK) {
        assert(gl_json_load(gl_buf_peek(&buf), &again, NULL) == GL_OK);
        json_decref(again);
    }
    gl_buf_fini(&buf);
}

static void check_message(const json_t *message)
{
    struct gl_envelope envelope;
    struct gl_err err;
    if (gl_envelope_read(message, &envelope, &err) != GL_OK) {
        return;
    }
    for (size_t i = 0; i < GL_METHOD_COUNT + GL_NOTICE_COUNT; i++) {
        if (envelope.result && message_rows[i].result) {
            check_round_trip(message_rows[i].result, envelope.result);
        } else if (!envelope.result && !envelope.error && gl_slice_is(envelope.name, message_rows[i].name)) {
            check_round_trip(message_rows[i].params, envelope.params);
        }
    }
    gl_error_read(envelope.error, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_t *message = NULL;
    if (gl_json_load(gl_slice_of(data, len), &message, NULL) == GL_OK) {
        check_canonical(message);
        check_message(message);
    }
    json_decref(message);
    return 0;
}
