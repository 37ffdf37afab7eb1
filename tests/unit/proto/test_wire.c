/* test_wire.c - every message is read and written again from its seeds, and refused when a member is missing or of the wrong kind. */
#include <stdio.h>

#include "tests/unit/proto/messages.h"
#include "tests/unit/proto/suite.h"

static const char *const places[] = {"request", "answer"};
static const char *const sizes[] = {"minimal", "full"};

/* Each message has four seeds (notices two), numbered by _i. NULL: there is no such seed. */
static round_trip *seed_of(int number, json_t **value)
{
    const struct message_row *row = &message_rows[number / 4];
    bool is_answer = number % 4 >= 2;
    *value = NULL;
    if (row->is_notice && is_answer) {
        return NULL;
    }
    *value = seed_load(row->name, row->is_notice ? "notice" : places[is_answer], sizes[number % 2]);
    ck_assert_msg(*value, "%s has no seed", row->name);
    return is_answer ? row->result : row->params;
}

START_TEST(message__read_and_written__is_what_it_was)
{
    json_t *value;
    struct gl_buf canonical, again;
    struct gl_err err;
    round_trip *function = seed_of(_i, &value);
    if (!function) {
        return;
    }
    gl_buf_init(&canonical, 1 << 20);
    gl_buf_init(&again, 1 << 20);
    gl_canon_write(&canonical, value);
    enum gl_code code = run_round_trip(function, value, true, &again, &err);
    ck_assert_msg(code == GL_OK, "%s: %s", message_rows[_i / 4].name, err.detail);
    assert_bytes(&again, gl_buf_peek(&canonical));
    gl_buf_fini(&canonical);
    gl_buf_fini(&again);
    json_decref(value);
}
END_TEST

START_TEST(message__with_a_member_that_nobody_knows__is_read_unless_strictly)
{
    json_t *value;
    struct gl_buf again;
    struct gl_err err;
    round_trip *function = seed_of(_i, &value);
    if (!function) {
        return;
    }
    json_object_set_new(value, "of_a_later_version", json_true());
    gl_buf_init(&again, 1 << 20);
    ck_assert_int_eq(run_round_trip(function, value, false, &again, NULL), GL_OK);
    ck_assert_int_eq(run_round_trip(function, value, true, &again, &err), GL_E_INVALID_PARAMS);
    ck_assert_str_eq(err.path, "of_a_later_version");
    gl_buf_fini(&again);
    json_decref(value);
}
END_TEST

START_TEST(message__that_is_no_object__is_refused)
{
    struct gl_buf buf;
    json_t *list = json_array();
    gl_buf_init(&buf, 1 << 20);
    ck_assert_int_eq(run_round_trip(message_rows[_i].params, list, false, &buf, NULL), GL_E_INVALID_PARAMS);
    gl_buf_fini(&buf);
    json_decref(list);
}
END_TEST

/* ---- members: one row of wire.def after the other */

static const struct message_row *message_of(size_t member)
{
    while (!member_rows[member].message) {
        member--;
    }
    return message_find(member_rows[member].message, strcmp(member_rows[member].kind, "notice") == 0);
}

static void assert_refused_at(size_t member, const json_t *value, const char *what)
{
    const struct message_row *message = message_of(member);
    struct gl_buf buf;
    struct gl_err err;
    gl_buf_init(&buf, 1 << 20);
    enum gl_code code =
        run_round_trip(member_rows[member].place == 'R' ? message->result : message->params, value, false, &buf, &err);
    ck_assert_msg(code == GL_E_INVALID_PARAMS, "%s with %s %s was taken", message->name, member_rows[member].name, what);
    ck_assert_str_eq(err.path, member_rows[member].name);
    gl_buf_fini(&buf);
}

static json_t *full_seed(size_t member)
{
    const struct message_row *message = message_of(member);
    return seed_load(message->name, message->is_notice ? "notice" : places[member_rows[member].place == 'R'], "full");
}

START_TEST(member__that_is_missing_or_of_the_wrong_kind__is_named)
{
    const struct member_row *row = &member_rows[_i];
    if (row->message) {
        return;
    }
    json_t *value = full_seed((size_t)_i);
    ck_assert_ptr_nonnull(value);
    if (strcmp(row->kind, "JSON") != 0) {
        json_object_set_new(value, row->name, strcmp(row->kind, "OBJ") == 0 ? json_true() : json_pack("{s:i}", "x", 1));
        assert_refused_at((size_t)_i, value, "of the wrong kind");
    }
    json_object_set_new(value, row->name, json_null());
    if (row->is_required) {
        assert_refused_at((size_t)_i, value, "null");
        json_object_del(value, row->name);
        assert_refused_at((size_t)_i, value, "missing");
    }
    json_decref(value);
}
END_TEST

/* ---- what the table says about methods */

START_TEST(method__is_found_by_its_name_and_has_its_rights)
{
    ck_assert_ptr_null(gl_method_find(GL_SLICE("session.dance")));
    ck_assert_ptr_null(gl_method_find(GL_SLICE("")));
    for (size_t i = 0; i < GL_METHOD_COUNT; i++) {
        ck_assert_ptr_eq(gl_method_find(gl_slice_str(gl_methods[i].name)), &gl_methods[i]);
        ck_assert_int_eq(gl_methods[i].scope == GL_SCOPE_NONE, gl_methods[i].scope_param == NULL);
        ck_assert_msg(gl_methods[i].role >= GL_SIGNED_IN || i == GL_METHOD_hello, "%s needs no hello", gl_methods[i].name);
    }
    const struct gl_method *submit = &gl_methods[GL_METHOD_session_submit];
    ck_assert_str_eq(submit->name, "session.submit");
    ck_assert_int_eq(submit->role, GL_ANNOTATOR);
    ck_assert_int_eq(submit->scope, GL_SCOPE_SESSION);
    ck_assert_str_eq(submit->scope_param, "session");
    ck_assert_str_eq(gl_notices[GL_NOTICE_session_ops], "session.ops");
}
END_TEST

START_TEST(raw_bytes__go_out_as_they_are)
{
    struct gl_buf buf;
    struct gl_session_ops_notice notice = {.first = 7, .ops_raw = GL_SLICE("[{\"leaf\":\"…\"}]")};
    struct gl_logged_op op = {.has_payload = true, .payload_raw = GL_SLICE("{\"as\":\"stored\"}")};
    struct gl_op_result result = {.has_error = true, .error_raw = GL_SLICE("{\"code\":1}")};
    gl_buf_init(&buf, 1000);
    gl_session_ops_notice_write(&buf, &notice);
    assert_bytes(&buf, GL_SLICE("{\"chain\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"first\":7,"
                                "\"ops\":[{\"leaf\":\"…\"}],\"session\":\"00000000-0000-0000-0000-000000000000\"}"));
    gl_buf_clear(&buf);
    gl_logged_op_write(&buf, &op);
    assert_bytes(&buf, GL_SLICE("{\"payload\":{\"as\":\"stored\"}}"));
    gl_buf_clear(&buf);
    gl_op_result_write(&buf, &result);
    assert_bytes(&buf, GL_SLICE("{\"error\":{\"code\":1},\"id\":\"00000000-0000-0000-0000-000000000000\"}"));
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(list__with_one_bad_item__says_which)
{
    struct gl_buf buf;
    struct gl_err err;
    json_t *value = json_from(GL_SLICE("{\"session\":\"01937f6b-1a00-7c00-8000-0000000000a1\",\"ops\":["
                                       "{\"id\":\"01937f6b-1a00-7c00-8000-0000000000a1\",\"change\":{}},"
                                       "{\"id\":\"01937f6b-1a00-7c00-8000-0000000000a1\",\"base\":3}]}"));
    gl_buf_init(&buf, 1000);
    ck_assert_int_eq(run_round_trip(message_find("session.submit", false)->params, value, false, &buf, &err),
                     GL_E_INVALID_PARAMS);
    ck_assert_str_eq(err.path, "ops[1].change");
    gl_buf_fini(&buf);
    json_decref(value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tcase = tcase_create("wire");
    const int messages = COUNT(message_rows);
    tcase_add_loop_test(tcase, message__read_and_written__is_what_it_was, 0, messages * 4);
    tcase_add_loop_test(tcase, message__with_a_member_that_nobody_knows__is_read_unless_strictly, 0, messages * 4);
    tcase_add_loop_test(tcase, message__that_is_no_object__is_refused, 0, messages);
    tcase_add_loop_test(tcase, member__that_is_missing_or_of_the_wrong_kind__is_named, 0, (int)member_row_count);
    tcase_add_test(tcase, method__is_found_by_its_name_and_has_its_rights);
    tcase_add_test(tcase, raw_bytes__go_out_as_they_are);
    tcase_add_test(tcase, list__with_one_bad_item__says_which);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
