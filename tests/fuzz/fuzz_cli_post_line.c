/* fuzz_cli_post_line.c - any bytes as a line of gloss post: refused in words, or an op whose id is the same the next time. */
#include <assert.h>
#include <stdlib.h>

#include "clients/cli/post_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *read_once(struct gl_slice line)
{
    struct post_run run = {.account = "a", .session = "s"};
    struct gl_err err = {.code = GL_OK};
    json_t *op;
    tally_init(&run.tally);
    enum gl_code code = post_line_read(&run, line, &op, &err);
    assert((code == GL_OK) == (op != NULL) && (code == GL_OK || err.detail[0]));
    tally_fini(&run.tally);
    return op;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gl_slice line = gl_slice_of(data, size);
    json_t *once = read_once(line), *again = read_once(line);
    assert(once ? json_equal(once, again) : !again);
    json_decref(once);
    json_decref(again);
    return 0;
}
