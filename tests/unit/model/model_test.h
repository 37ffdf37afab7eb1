/*
 * model_test.h - what the tests of proto/model share: vectors, short forms, random numbers that are the same in every run.
 *
 * Errors    everything here asserts; a test that cannot be set up has failed.
 */
#ifndef MODEL_TEST_H
#define MODEL_TEST_H

#include <check.h>

#include "proto/model/state.h"

/* A file of proto/vectors. The caller decrefs it. */
json_t *vectors_load(const char *file);
/* A member of the row, which must be there. */
json_t *row_get(const json_t *row, const char *name);
struct gl_slice row_text(const json_t *row, const char *name);
uint64_t row_u64(const json_t *row, const char *name);
gl_uuid row_uuid(const json_t *row, const char *name);
gl_hash row_hash(const json_t *row, const char *name);
const char *row_what(const json_t *row); /* its name, for messages; "" when it has none */

struct gl_text *text_from(struct gl_slice bytes);
json_t *json_from(const char *text);     /* with ' for ", so that it reads well in C */
char *canonical_of(const json_t *value); /* the caller frees it */
gl_uuid uuid_of(unsigned number);

void assert_json_equal(const char *what, const json_t *got, const json_t *expected);
void assert_hash_equal(const char *what, gl_hash got, gl_hash expected);
void assert_code(const char *what, enum gl_code got, enum gl_code expected, const struct gl_err *err);

/* xorshift64*: the tests must find the same thing tomorrow. */
uint64_t random_next(uint64_t *state);
size_t random_below(uint64_t *state, size_t limit);

int suite_run(Suite *suite); /* the exit status of main */

#endif
