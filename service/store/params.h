/*
 * params.h - the parameters of one statement, in PostgreSQL's binary form.
 *
 * Owns      copies of numbers, ids and arrays; text and bytes given as slices are lent until the statement was handed to libpq.
 * Lifetime  params_init / params_fini; params_clear to use it again.
 * Thread    any.
 * Units     times are milliseconds since 1970.
 * Errors    none: running out of memory ends the process (mem.h).
 * Source    PostgreSQL's send/recv functions; array format of array_recv.
 */
#ifndef PARAMS_H
#define PARAMS_H

#include "service/store/store.h"

#define PARAMS_MAX 32

struct params {
    int count;
    struct gl_buf copies;
    struct {
        bool is_null, is_copied;
        const char *data;
        size_t at, len; /* at: in copies */
    } of[PARAMS_MAX];
    size_t dimension_at; /* of the array being written: where its length stands, counted up with each element */
    uint32_t elements;
    bool has_null;
    /* For libpq, after params_finish(): */
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX];
    int formats[PARAMS_MAX];
};

void params_init(struct params *params);
void params_fini(struct params *params);
void params_clear(struct params *params);

void params_null(struct params *params);
void params_text(struct params *params, struct gl_slice text);           /* lent */
void params_bytes(struct params *params, const void *bytes, size_t len); /* lent */
void params_u64(struct params *params, uint64_t value);
void params_uuid(struct params *params, const gl_uuid *id);
void params_bool(struct params *params, bool value);
void params_time(struct params *params, int64_t unix_ms);

/* An array: begin with the letter of its elements (queries.def: u n b o t m, or i for int4), each element in turn, end. */
void params_array(struct params *params, char letter);
void array_null(struct params *params);
void array_bytes(struct params *params, const void *bytes, size_t len); /* also text and ids */
void array_u64(struct params *params, uint64_t value);
void array_u32(struct params *params, uint32_t value);
void array_bool(struct params *params, bool value);
void array_time(struct params *params, int64_t unix_ms);
void params_array_end(struct params *params);

/* Sets values, lengths and formats. */
void params_finish(struct params *params);
/* Parameters of store_query(), copied whole, and checked against the letters of the query's row. */
void params_from(struct params *params, const char *letters, const struct store_param *from, size_t count);

unsigned params_oid(char letter); /* type of a parameter with this letter */

#endif
