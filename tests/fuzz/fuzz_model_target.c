/* fuzz_model_target.c - any JSON as the target of a change: refused in words, or stored in a form that means the same when sent again. */
#include <assert.h>
#include <stdlib.h>

#include "proto/model/annotation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char brief[] =
    "Moscow and Beijing “stood together”.\r\nThe cafe\u0301 was full; the café was loud. "
    "\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7 中国 end was aaaaaaaaaaaaaa";

static struct gl_text *text;
static struct gl_target_scope scope = {.revision = {{1, 2, 3}}, .session = {{4, 5, 6}}};

static void check_stored(const json_t *stored)
{
    json_t *again;
    struct gl_err err;
    enum gl_code code = gl_target_resolve(stored, &scope, &again, NULL, &err);
    assert(code == GL_OK && json_equal(stored, again));
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *requested, *stored, *hints;
    struct gl_err err = {.code = GL_OK};
    if (!text && gl_text_new(gl_slice_str(brief), &text, NULL) != GL_OK) {
        abort();
    }
    scope.text = text;
    if (gl_json_load(gl_slice_of(data, size), &requested, NULL) != GL_OK) {
        return 0;
    }
    enum gl_code code = gl_target_resolve(requested, &scope, &stored, &hints, &err);
    assert((code == GL_OK) == (stored != NULL) && (code == GL_OK || (err.code == code && err.detail[0])));
    if (stored) {
        check_stored(stored);
    }
    json_decref(stored);
    json_decref(hints);
    json_decref(requested);
    return 0;
}
