/*
 * fuzz_model_op.c - any JSON as a logged op, a list of them, or a record.
 *
 * What must hold: an op that was read is written as its canonical form; a refused op leaves the state as it was; the sum is that of the records.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/model/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_op(json_t *payload)
{
    struct gl_op op;
    struct gl_buf written, canonical;
    if (gl_op_read(payload, &op, NULL) != GL_OK) {
        return;
    }
    gl_buf_init(&written, SIZE_MAX);
    gl_buf_init(&canonical, SIZE_MAX);
    gl_op_write(&written, &op);
    gl_canon_write(&canonical, payload);
    assert(written.code == canonical.code);
    assert(written.code != GL_OK || op.has_step == json_is_string(json_object_get(payload, "step")));
    gl_buf_fini(&written);
    gl_buf_fini(&canonical);
    gl_op_fini(&op);
}

static void check_record(const json_t *record)
{
    struct gl_annotation *annotation, *again;
    json_t *read;
    if (gl_annotation_from_record(record, &annotation, NULL) != GL_OK) {
        return;
    }
    enum gl_code code = gl_json_load(annotation->canonical, &read, NULL);
    if (code == GL_OK) { /* not when a record made by hand is deeper than a message may be */
        code = gl_annotation_from_record(read, &again, NULL);
        assert(code == GL_OK && gl_hash_equal(&annotation->hash, &again->hash));
        gl_annotation_unref(&again);
        json_decref(read);
    }
    gl_annotation_unref(&annotation);
}

static void check_sum(const struct gl_state *state)
{
    gl_hash sum = {{0}}, item;
    size_t live = 0;
    for (size_t i = 0; i < state->count; i++) {
        gl_sum_add(&sum, &state->items[i]->hash);
        live += !state->items[i]->is_deleted;
        assert(gl_state_find(state, &state->items[i]->id) == state->items[i]);
    }
    if (gl_state_mode_item(state->mode, state->mode_seq, &item)) {
        gl_sum_add(&sum, &item);
    }
    assert(gl_hash_equal(&sum, &state->sum) && live == state->live_count);
}

static void check_log(const json_t *log)
{
    gl_uuid stream = {{7}};
    struct gl_state *state = gl_state_new(&stream, NULL);
    if (!state) {
        abort();
    }
    for (size_t i = 0; i < json_array_size(log); i++) {
        gl_hash chain = state->chain, sum = state->sum;
        uint64_t seq = state->seq;
        enum gl_code code = gl_state_append(state, json_array_get(log, i), NULL);
        assert(state->seq == seq + (code == GL_OK));
        assert(code == GL_OK || (gl_hash_equal(&chain, &state->chain) && gl_hash_equal(&sum, &state->sum)));
    }
    check_sum(state);
    gl_state_free(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value;
    if (gl_json_load(gl_slice_of(data, size), &value, NULL) != GL_OK) {
        return 0;
    }
    check_op(value);
    check_record(value);
    check_log(value);
    json_decref(value);
    return 0;
}
