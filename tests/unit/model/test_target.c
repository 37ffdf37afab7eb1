/* test_target.c - what a requested target means, or why it means nothing. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *vectors;

static enum gl_code resolve(const json_t *row, json_t **stored, json_t **data, struct gl_err *err)
{
    struct gl_text *text = text_from(row_text(row, "text"));
    struct gl_target_scope scope = {.text = text, .revision = row_uuid(row, "revision"), .session = row_uuid(row, "session")};
    enum gl_code code = gl_target_resolve(row_get(row, "target"), &scope, stored, data, err);
    gl_text_free(&text);
    return code;
}

START_TEST(target__is_stored_or_refused_as_in_the_vectors)
{
    const json_t *row = json_array_get(vectors, (size_t)_i), *expected = json_object_get(row, "error");
    json_t *stored, *data, *data_expected = json_object_get(expected, "data");
    struct gl_err err;
    enum gl_code code = resolve(row, &stored, &data, &err);
    if (!expected) {
        assert_code(row_what(row), code, GL_OK, &err);
        assert_json_equal(row_what(row), stored, row_get(row, "stored"));
    } else {
        ck_assert_msg(gl_slice_is(row_text(expected, "name"), gl_code_name(code)), "%s: %s (%s)", row_what(row),
                      gl_code_name(code), err.detail);
        ck_assert_msg(gl_slice_is(row_text(expected, "path"), err.path), "%s: %s", row_what(row), err.path);
        ck_assert_ptr_null(stored);
        ck_assert_msg(err.detail[0] != '\0', "%s: says nothing", row_what(row));
    }
    ck_assert_msg((data != NULL) == (data_expected != NULL), "%s: data", row_what(row));
    if (data) {
        assert_json_equal(row_what(row), data, data_expected);
    }
    json_decref(stored);
    json_decref(data);
}
END_TEST

START_TEST(target__answers_without_data_and_words_too)
{
    const json_t *row = json_array_get(vectors, (size_t)_i), *expected = json_object_get(row, "error");
    json_t *stored;
    enum gl_code code = resolve(row, &stored, NULL, NULL);
    ck_assert(gl_slice_is(expected ? row_text(expected, "name") : GL_SLICE("ok"), gl_code_name(code)));
    json_decref(stored);
}
END_TEST

/* What was stored can be sent again, and means the same. */
START_TEST(target__once_stored_resolves_to_itself)
{
    json_t *row = json_array_get(vectors, (size_t)_i), *stored = json_object_get(row, "stored"), *again;
    struct gl_err err;
    if (!stored) {
        return;
    }
    json_t *copy = json_copy(row);
    json_object_set(copy, "target", stored);
    assert_code(row_what(row), resolve(copy, &again, NULL, &err), GL_OK, &err);
    assert_json_equal(row_what(row), again, stored);
    json_decref(copy);
    json_decref(again);
}
END_TEST

START_TEST(target__is_refused_in_words_that_help)
{
    static const struct {
        const char *target, *words;
    } rows[] = {
        {"{'type':'spans','spans':[{'exact':'cow'}]}", "the words “cow” are not in the text"},
        {"{'type':'spans','spans':[{'exact':'cat'}]}", "the words “cat” stand in 2 places; add prefix or suffix"},
        {"{'type':'spans','spans':[{'exact':'cat','nth':3}]}", "stand in 2 places, so there is no number 3"},
        {"{'type':'spans','spans':[{'exact':'cat','prefix':'my '}]}", "are in the text (2 times), but not with this prefix"},
        {"{'type':'spans','spans':[{'start':4,'end':7,'exact':'dog'}]}", "from 4 to 7 stands something else than “dog”"},
        {"{'type':'spans','spans':[{'start':0,'end':99}]}", "position 99 is outside the text, which has 22 code points"},
        {"{'type':'spans','spans':[{'start':21,'end':22}]}", "position 21 cuts a character in two; take 20 or 22"},
        {"{'type':'spans','spans':[{'start':5,'end':4}]}", "start 5 is behind end 4"},
        {"{'type':'spans','spans':[{'start':'5','end':4}]}", "spans[0].start is not an integer"},
        {"{'type':'spans','spans':[{'start':0,'end':3},{'start':2,'end':4}]}", "sort them, without overlap"},
        {"{'type':'spans','spans':[{'exact':'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}]}",
         "“xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…”"},
        {"{'type':'pair'}", "is \"spans\", \"document\", \"annotation\" or \"relation\""},
        {"{'type':'relation','from':'01930005-0001-7000-8000-000000000001','to':'x'}", "to is not an object"},
    };
    struct gl_text *text = text_from(GL_SLICE("the cat, the cat cafe\u0301"));
    struct gl_target_scope scope = {.text = text, .revision = uuid_of(3), .session = uuid_of(4)};
    json_t *target = json_from(rows[_i].target), *stored;
    struct gl_err err;
    ck_assert_int_ne(gl_target_resolve(target, &scope, &stored, NULL, &err), GL_OK);
    ck_assert_msg(strstr(err.detail, rows[_i].words) != NULL, "%s", err.detail);
    json_decref(target);
    gl_text_free(&text);
}
END_TEST

int main(void)
{
    vectors = vectors_load("target.json");
    int count = (int)json_array_size(vectors);
    Suite *suite = suite_create("target");
    TCase *tcase = tcase_create("target");
    tcase_add_loop_test(tcase, target__is_stored_or_refused_as_in_the_vectors, 0, count);
    tcase_add_loop_test(tcase, target__answers_without_data_and_words_too, 0, count);
    tcase_add_loop_test(tcase, target__once_stored_resolves_to_itself, 0, count);
    tcase_add_loop_test(tcase, target__is_refused_in_words_that_help, 0, 13);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
