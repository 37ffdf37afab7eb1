#include "service/store/params.h"

#include <assert.h>
#include <stdlib.h>

#define COPIES_MAX    ((size_t)1 << 30)
#define EPOCH_2000_MS INT64_C(946684800000)

static const struct type {
    char letter;
    unsigned oid, array_oid;
} types[] = {
    {'t', 25, 1009}, {'u', 2950, 2951}, {'n', 20, 1016}, {'b', 17, 1001}, {'o', 16, 1000}, {'m', 1184, 1185}, {'i', 23, 1007},
};

static const struct type *type_of(char letter)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].letter == letter) {
            return &types[i];
        }
    }
    abort();
}

unsigned params_oid(char letter)
{
    bool is_array = letter >= 'A' && letter <= 'Z';
    const struct type *type = type_of(is_array ? (char)(letter - 'A' + 'a') : letter);
    return is_array ? type->array_oid : type->oid;
}

void params_init(struct params *params)
{
    params->count = 0;
    gl_buf_init(&params->copies, COPIES_MAX);
}

void params_fini(struct params *params)
{
    gl_buf_fini(&params->copies);
}

void params_clear(struct params *params)
{
    params->count = 0;
    gl_buf_clear(&params->copies);
}

static void put_big_endian(struct gl_buf *buf, uint64_t value, int bytes)
{
    uint8_t out[8];
    for (int i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
    gl_buf_put(buf, out, (size_t)bytes);
}

static void set_big_endian_32(struct gl_buf *buf, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        buf->data[at + i] = (char)(value >> (24 - 8 * i));
    }
}

static uint64_t pg_time(int64_t unix_ms)
{
    return (uint64_t)((unix_ms - EPOCH_2000_MS) * 1000);
}

static void lend(struct params *params, const void *data, size_t len)
{
    assert(params->count < PARAMS_MAX);
    params->of[params->count].is_null = false;
    params->of[params->count].is_copied = false;
    params->of[params->count].data = data ? data : "";
    params->of[params->count++].len = len;
}

static void copy_begin(struct params *params)
{
    assert(params->count < PARAMS_MAX);
    params->of[params->count].is_null = false;
    params->of[params->count].is_copied = true;
    params->of[params->count].at = params->copies.len;
}

static void copy_end(struct params *params)
{
    params->of[params->count].len = params->copies.len - params->of[params->count].at;
    params->count++;
}

void params_null(struct params *params)
{
    lend(params, "", 0);
    params->of[params->count - 1].is_null = true;
}

void params_text(struct params *params, struct gl_slice text)
{
    lend(params, text.data, text.len);
}

void params_bytes(struct params *params, const void *bytes, size_t len)
{
    lend(params, bytes, len);
}

void params_u64(struct params *params, uint64_t value)
{
    copy_begin(params);
    put_big_endian(&params->copies, value, 8);
    copy_end(params);
}

void params_uuid(struct params *params, const gl_uuid *id)
{
    copy_begin(params);
    gl_buf_put(&params->copies, id->bytes, sizeof(id->bytes));
    copy_end(params);
}

void params_bool(struct params *params, bool value)
{
    copy_begin(params);
    gl_buf_byte(&params->copies, value);
    copy_end(params);
}

void params_time(struct params *params, int64_t unix_ms)
{
    params_u64(params, pg_time(unix_ms));
}

/* Header of array_recv: dimensions, whether there are nulls, type; then for the one dimension its length and its lowest index, 1. */
void params_array(struct params *params, char letter)
{
    copy_begin(params);
    put_big_endian(&params->copies, 1, 4);
    put_big_endian(&params->copies, 0, 4);
    put_big_endian(&params->copies, type_of(letter)->oid, 4);
    params->dimension_at = params->copies.len;
    put_big_endian(&params->copies, 0, 4);
    put_big_endian(&params->copies, 1, 4);
    params->elements = 0;
    params->has_null = false;
}

void array_null(struct params *params)
{
    put_big_endian(&params->copies, UINT32_MAX, 4);
    params->elements++;
    params->has_null = true;
}

void array_bytes(struct params *params, const void *bytes, size_t len)
{
    put_big_endian(&params->copies, len, 4);
    gl_buf_put(&params->copies, bytes, len);
    params->elements++;
}

void array_u64(struct params *params, uint64_t value)
{
    put_big_endian(&params->copies, 8, 4);
    put_big_endian(&params->copies, value, 8);
    params->elements++;
}

void array_u32(struct params *params, uint32_t value)
{
    put_big_endian(&params->copies, 4, 4);
    put_big_endian(&params->copies, value, 4);
    params->elements++;
}

void array_bool(struct params *params, bool value)
{
    put_big_endian(&params->copies, 1, 4);
    gl_buf_byte(&params->copies, value);
    params->elements++;
}

void array_time(struct params *params, int64_t unix_ms)
{
    array_u64(params, pg_time(unix_ms));
}

void params_array_end(struct params *params)
{
    if (params->copies.code == GL_OK) {
        set_big_endian_32(&params->copies, params->dimension_at, params->elements);
        set_big_endian_32(&params->copies, params->dimension_at - 8, params->has_null);
    }
    copy_end(params);
}

void params_finish(struct params *params)
{
    if (params->copies.code != GL_OK) {
        abort(); /* no memory; append_max_ops keeps a statement far below COPIES_MAX */
    }
    for (int i = 0; i < params->count; i++) {
        const char *data = params->of[i].is_copied ? params->copies.data + params->of[i].at : params->of[i].data;
        params->values[i] = params->of[i].is_null ? NULL : data;
        params->lengths[i] = (int)params->of[i].len;
        params->formats[i] = 1;
    }
}

/* What store_query() was given must last until the statement is sent, maybe twice. */
static void add_copy(struct params *params, struct gl_slice slice)
{
    copy_begin(params);
    gl_buf_slice(&params->copies, slice);
    copy_end(params);
}

static void add_ids(struct params *params, struct gl_slice ids)
{
    assert(ids.len % sizeof(gl_uuid) == 0);
    params_array(params, 'u');
    for (size_t at = 0; at < ids.len; at += sizeof(gl_uuid)) {
        array_bytes(params, ids.data + at, sizeof(gl_uuid));
    }
    params_array_end(params);
}

static void add(struct params *params, char letter, const struct store_param *from)
{
    static const char letters[] = {
        [STORE_TEXT] = 't', [STORE_U64] = 'n', [STORE_UUID] = 'u', [STORE_BYTES] = 'b', [STORE_BOOL] = 'o', [STORE_TIME] = 'm'};
    if (from->type == STORE_NULL) {
        params_null(params);
        return;
    }
    if (letter == 'U' && from->type == STORE_BYTES) {
        add_ids(params, from->slice);
        return;
    }
    assert(letters[from->type] == letter);
    switch (letter) {
    case 't':
    case 'b': add_copy(params, from->slice); break;
    case 'n': params_u64(params, from->u64); break;
    case 'o': params_bool(params, from->u64 != 0); break;
    case 'm': params_time(params, (int64_t)from->u64); break;
    default: params_uuid(params, &from->uuid); break;
    }
}

void params_from(struct params *params, const char *letters, const struct store_param *from, size_t count)
{
    assert(strlen(letters) == count);
    for (size_t i = 0; i < count; i++) {
        add(params, letters[i], &from[i]);
    }
}
