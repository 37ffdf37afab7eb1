/* test_canon.c - RFC 8785 as Gloss uses it. The vectors in proto/vectors are run by the tests of proto/model. */
#include "tests/unit/proto/suite.h"

static const struct {
    const char *what, *json, *canonical;
} forms[] = {
    {"members are sorted", "{\"b\":1,\"a\":2,\"aa\":3,\"A\":4,\"_\":5,\"\":6}",
     "{\"\":6,\"A\":4,\"_\":5,\"a\":2,\"aa\":3,\"b\":1}"},
    {"white space goes", " { \"a\" : [ 1 , { } , [ ] ] } ", "{\"a\":[1,{},[]]}"},
    {"names that mean something elsewhere", "{\"constructor\":1,\"__proto__\":2,\"hasOwnProperty\":3}",
     "{\"__proto__\":2,\"constructor\":1,\"hasOwnProperty\":3}"},
    {"literals", "[null,true,false]", "[null,true,false]"},
    {"integers", "[0,-0,10,-1,9007199254740991,-9007199254740991]", "[0,0,10,-1,9007199254740991,-9007199254740991]"},
    {"short escapes", "\"\\u0008\\u0009\\u000A\\u000C\\u000D\\u0022\\u005C\\/\"", "\"\\b\\t\\n\\f\\r\\\"\\\\/\""},
    {"other control characters", "\"\\u0001\\u001F\\u007f\\u0080\"", "\"\\u0001\\u001f\x7f\xc2\x80\""},
    {"text as it is", "\"\\u20ac\\ud83d\\ude02 \\u2028 e\\u0301 \\u00e9\"",
     "\"\xe2\x82\xac\xf0\x9f\x98\x82 \xe2\x80\xa8 e\xcc\x81 \xc3\xa9\""},
    {"escapes in names", "{\"\\u000a\":1,\"\\u0022\":2,\"\\u0031\":3}", "{\"\\n\":1,\"\\\"\":2,\"1\":3}"},
};

START_TEST(canon__writes_one_form)
{
    struct gl_buf buf;
    json_t *value = json_from(gl_slice_str(forms[_i].json));
    gl_buf_init(&buf, 1000);
    gl_canon_write(&buf, value);
    ck_assert_msg(gl_slice_is(gl_buf_peek(&buf), forms[_i].canonical), "%s: %.*s", forms[_i].what, (int)buf.len, buf.data);
    gl_buf_fini(&buf);
    json_decref(value);
}
END_TEST

START_TEST(canon__of_many_members__sorts_them_all)
{
    char name[16];
    struct gl_buf buf, expected;
    json_t *value = json_object();
    gl_buf_init(&buf, 100000);
    gl_buf_init(&expected, 100000);
    gl_buf_byte(&expected, '{');
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "n%03d", i * 387 % 1000);
        json_object_set_new(value, name, json_integer(i * 387 % 1000));
        gl_buf_printf(&expected, "%s\"n%03d\":%d", i ? "," : "", i, i);
    }
    gl_buf_byte(&expected, '}');
    gl_canon_write(&buf, value);
    assert_bytes(&buf, gl_buf_peek(&expected));
    gl_buf_fini(&buf);
    gl_buf_fini(&expected);
    json_decref(value);
}
END_TEST

static void assert_refused(json_t *value)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 10000);
    gl_canon_write(&buf, value);
    ck_assert_int_eq(buf.code, GL_E_INVALID_PARAMS);
    gl_buf_fini(&buf);
    json_decref(value);
}

START_TEST(canon__of_what_has_no_form_here__is_refused)
{
    json_t *deep = json_array();
    for (int i = 0; i < 100; i++) {
        deep = json_pack("[o]", deep);
    }
    assert_refused(deep);
    assert_refused(json_real(1.0));
    assert_refused(json_integer(GL_INT_MAX + 1));
    assert_refused(json_integer(-GL_INT_MAX - 1));
    assert_refused(json_pack("{s:i}", "\xc3\xa9", 1));
    assert_refused(NULL);
}
END_TEST

START_TEST(canon__into_a_small_buffer__is_too_large)
{
    json_t *value = json_from(GL_SLICE("{\"a\":[1,2,3],\"b\":{\"c\":\"\\n\\n\\n\\n\"}}"));
    struct gl_buf whole;
    gl_buf_init(&whole, 1000);
    gl_canon_write(&whole, value);
    for (size_t max = 0; max < whole.len; max++) {
        struct gl_buf buf;
        gl_buf_init(&buf, max);
        gl_canon_write(&buf, value);
        ck_assert_int_eq(buf.code, GL_E_TOO_LARGE);
        gl_buf_fini(&buf);
    }
    gl_buf_fini(&whole);
    json_decref(value);
}
END_TEST

START_TEST(writers__put_commas_where_they_are_due)
{
    struct gl_buf buf;
    gl_uuid id = {{0xab}};
    json_t *value = json_from(GL_SLICE("[1]"));
    gl_buf_init(&buf, 1000);
    gl_buf_byte(&buf, '{');
    gl_write_bool(&buf, "a", true);
    gl_write_i64(&buf, "b", -1);
    gl_write_json(&buf, "c", value, (struct gl_slice){0});
    gl_write_json(&buf, "d", NULL, GL_SLICE("{}"));
    gl_write_str(&buf, "e", GL_SLICE("{"));
    gl_write_time(&buf, "f", 0);
    gl_write_u64(&buf, "g", 1);
    gl_write_uuids(&buf, "h", (gl_uuid[]){id, id}, 2);
    gl_buf_byte(&buf, '}');
    assert_bytes(&buf, GL_SLICE("{\"a\":true,\"b\":-1,\"c\":[1],\"d\":{},\"e\":\"{\",\"f\":\"1970-01-01T00:00:00.000Z\",\"g\":1,"
                                "\"h\":[\"ab000000-0000-0000-0000-000000000000\",\"ab000000-0000-0000-0000-000000000000\"]}"));
    gl_buf_fini(&buf);
    json_decref(value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("canon");
    TCase *tcase = tcase_create("canon");
    tcase_add_loop_test(tcase, canon__writes_one_form, 0, COUNT(forms));
    tcase_add_test(tcase, canon__of_many_members__sorts_them_all);
    tcase_add_test(tcase, canon__of_what_has_no_form_here__is_refused);
    tcase_add_test(tcase, canon__into_a_small_buffer__is_too_large);
    tcase_add_test(tcase, writers__put_commas_where_they_are_due);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
