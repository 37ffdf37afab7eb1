/* fuzz_json.c - any bytes: what gl_json_load takes jansson takes, too, and understands the same; and it comes back from being written. */
#include <stdlib.h>

#include "proto/gl_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gl_slice text = gl_slice_of(data, size);
    struct gl_err err = {0};
    json_error_t error;
    json_t *ours = NULL;
    if (gl_json_load(text, &ours, &err) != GL_OK)
        return 0;
    json_t *theirs = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!theirs || !json_equal(ours, theirs))
        abort();
    struct gl_buf buf;
    json_t *again = NULL;
    gl_buf_init(&buf, SIZE_MAX);
    gl_canon_write(&buf, ours);
    if (buf.code == GL_OK && (gl_json_load(gl_buf_peek(&buf), &again, &err) != GL_OK || !json_equal(ours, again)))
        abort();
    gl_buf_fini(&buf);
    json_decref(again);
    json_decref(theirs);
    json_decref(ours);
    return 0;
}
