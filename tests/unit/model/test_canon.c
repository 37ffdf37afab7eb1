/* test_canon.c - canonical JSON against the vectors. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *taken, *refused;

START_TEST(canon__has_one_form_for_each_value)
{
    const json_t *row = json_array_get(taken, (size_t)_i);
    json_t *value;
    struct gl_err err;
    assert_code(row_what(row), gl_json_load(row_text(row, "json"), &value, &err), GL_OK, &err);
    char *canonical = canonical_of(value);
    ck_assert_msg(gl_slice_is(row_text(row, "canonical"), canonical), "%s: %s", row_what(row), canonical);
    free(canonical);
    json_decref(value);
}
END_TEST

START_TEST(canon__is_its_own_canonical_form)
{
    const json_t *row = json_array_get(taken, (size_t)_i);
    json_t *value;
    assert_code(row_what(row), gl_json_load(row_text(row, "canonical"), &value, NULL), GL_OK, NULL);
    char *canonical = canonical_of(value);
    ck_assert_msg(gl_slice_is(row_text(row, "canonical"), canonical), "%s: %s", row_what(row), canonical);
    free(canonical);
    json_decref(value);
}
END_TEST

START_TEST(json__that_others_might_read_otherwise_is_refused)
{
    const json_t *row = json_array_get(refused, (size_t)_i);
    json_t *value = NULL;
    ck_assert_msg(gl_json_load(row_text(row, "json"), &value, NULL) != GL_OK, "%s was taken", row_what(row));
    json_decref(value);
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load("canon.json");
    taken = json_object_get(vectors, "canonical");
    refused = json_object_get(vectors, "refused");
    Suite *suite = suite_create("canon");
    TCase *tcase = tcase_create("canon");
    tcase_add_loop_test(tcase, canon__has_one_form_for_each_value, 0, (int)json_array_size(taken));
    tcase_add_loop_test(tcase, canon__is_its_own_canonical_form, 0, (int)json_array_size(taken));
    tcase_add_loop_test(tcase, json__that_others_might_read_otherwise_is_refused, 0, (int)json_array_size(refused));
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
