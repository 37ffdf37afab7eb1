/* test_rpc.c - envelopes, errors on the wire, roles. */
#include "proto/gl_rpc.h"
#include "tests/unit/proto/suite.h"

#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *what, *message;
    enum gl_code code;
    enum gl_envelope_kind kind;
} envelopes[] = {
    {"a request", "{'jsonrpc':'2.0','id':1,'method':'hello','params':{}}", GL_OK, GL_ENVELOPE_REQUEST},
    {"a request without params", "{'jsonrpc':'2.0','id':'a','method':'token.list'}", GL_OK, GL_ENVELOPE_REQUEST},
    {"a long id", "{'jsonrpc':'2.0','id':'" SIXTY_FOUR "','method':'token.list'}", GL_OK, GL_ENVELOPE_REQUEST},
    {"a negative id", "{'jsonrpc':'2.0','id':-7,'method':'token.list'}", GL_OK, GL_ENVELOPE_REQUEST},
    {"a notification", "{'jsonrpc':'2.0','method':'session.ops','params':{}}", GL_OK, GL_ENVELOPE_NOTICE},
    {"a result", "{'jsonrpc':'2.0','id':1,'result':{}}", GL_OK, GL_ENVELOPE_RESULT},
    {"an error", "{'jsonrpc':'2.0','id':1,'error':{}}", GL_OK, GL_ENVELOPE_ERROR},
    {"an error for nobody", "{'jsonrpc':'2.0','id':null,'error':{}}", GL_OK, GL_ENVELOPE_ERROR},
    {"a batch", "[]", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"a number", "7", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"no version", "{'id':1,'method':'hello'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"another version", "{'jsonrpc':'1.0','id':1,'method':'hello'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"a version that is a number", "{'jsonrpc':2,'id':1,'method':'hello'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"an id too long", "{'jsonrpc':'2.0','id':'x" SIXTY_FOUR "','method':'token.list'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"an id that is a list", "{'jsonrpc':'2.0','id':[],'method':'hello'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"a request with id null", "{'jsonrpc':'2.0','id':null,'method':'hello'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"a method that is a number", "{'jsonrpc':'2.0','id':1,'method':1}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"params that are a list", "{'jsonrpc':'2.0','id':1,'method':'hello','params':[1]}", GL_E_INVALID_PARAMS,
     GL_ENVELOPE_REQUEST},
    {"neither this nor that", "{'jsonrpc':'2.0','id':1}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"result and error", "{'jsonrpc':'2.0','id':1,'result':{},'error':{}}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"a result for nobody", "{'jsonrpc':'2.0','id':null,'result':{}}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
    {"an error that is a text", "{'jsonrpc':'2.0','id':1,'error':'no'}", GL_E_INVALID_REQUEST, GL_ENVELOPE_NONE},
};

static json_t *json_of(const char *text)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 10000);
    for (; *text; text++) {
        gl_buf_byte(&buf, *text == '\'' ? '"' : *text);
    }
    json_t *value = json_from(gl_buf_peek(&buf));
    gl_buf_fini(&buf);
    return value;
}

START_TEST(envelope__is_told_apart)
{
    struct gl_envelope envelope;
    struct gl_err err = {0};
    json_t *message = json_of(envelopes[_i].message);
    enum gl_code code = gl_envelope_read(message, &envelope, &err);
    ck_assert_msg(code == envelopes[_i].code && envelope.kind == envelopes[_i].kind, "%s: %s %d %s", envelopes[_i].what,
                  gl_code_name(code), envelope.kind, err.detail);
    json_decref(message);
}
END_TEST

START_TEST(envelope__with_an_id__can_be_answered_even_when_refused)
{
    struct gl_envelope envelope;
    struct gl_err err = {0};
    struct gl_buf buf;
    json_t *message = json_of("{'jsonrpc':'1.0','id':'\\u0001x','method':'hello'}");
    ck_assert_int_eq(gl_envelope_read(message, &envelope, &err), GL_E_INVALID_REQUEST);
    json_decref(message);
    gl_buf_init(&buf, 1000);
    gl_refusal_write(&buf, &envelope.id, &err, NULL);
    assert_bytes(
        &buf, GL_SLICE("{\"error\":{\"code\":-32600,\"data\":{\"detail\":\"jsonrpc is \\\"2.0\\\"\",\"name\":\"invalid_request\","
                       "\"path\":\"jsonrpc\"},\"message\":\"jsonrpc is \\\"2.0\\\"\"},\"id\":\"\\u0001x\",\"jsonrpc\":\"2.0\"}"));
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(envelope__begun_and_ended__is_canonical)
{
    struct gl_buf buf;
    const struct gl_request_id id = gl_request_id(42);
    gl_buf_init(&buf, 1000);
    gl_request_begin(&buf, &id, "token.list");
    gl_buf_str(&buf, "{}");
    gl_envelope_end(&buf);
    assert_bytes(&buf, GL_SLICE("{\"id\":42,\"jsonrpc\":\"2.0\",\"method\":\"token.list\",\"params\":{}}"));
    gl_buf_clear(&buf);
    gl_result_begin(&buf, &id);
    gl_buf_str(&buf, "{}");
    gl_envelope_end(&buf);
    assert_bytes(&buf, GL_SLICE("{\"id\":42,\"jsonrpc\":\"2.0\",\"result\":{}}"));
    gl_buf_clear(&buf);
    gl_notice_begin(&buf, "session.ops");
    gl_buf_str(&buf, "{}");
    gl_envelope_end(&buf);
    assert_bytes(&buf, GL_SLICE("{\"jsonrpc\":\"2.0\",\"method\":\"session.ops\",\"params\":{}}"));
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(error__written_and_read__is_what_it_was)
{
    struct gl_err err, again;
    struct gl_buf buf;
    json_t *extra = json_of("{'seq':3,'field':'label','name':'stale'}");
    gl_fail_at(&err, GL_E_STALE, "base", "somebody changed %s", "label");
    gl_buf_init(&buf, 10000);
    gl_error_write(&buf, &err, extra);
    json_t *error = json_from(gl_buf_peek(&buf));
    gl_error_read(error, &again);
    ck_assert_int_eq(again.code, GL_E_STALE);
    ck_assert_str_eq(again.detail, err.detail);
    ck_assert_str_eq(again.path, err.path);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(error, "data"), "seq")), 3);
    json_decref(error);
    json_decref(extra);
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(error__without_a_detail__says_the_sentence)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 1000);
    gl_error_write(&buf, &(struct gl_err){.code = GL_E_BUSY}, NULL);
    assert_bytes(
        &buf,
        GL_SLICE(
            "{\"code\":1120,\"data\":{\"name\":\"busy\"},\"message\":\"too much is under way; nothing was lost, send it again\"}"));
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(error__with_a_detail_that_is_no_utf8__can_still_be_read)
{
    struct gl_err err;
    struct gl_buf buf;
    gl_fail(&err, GL_E_SYSTEM, "caf\xe9");
    gl_buf_init(&buf, 1000);
    gl_error_write(&buf, &err, NULL);
    json_t *error = json_from(gl_buf_peek(&buf));
    ck_assert_str_eq(json_string_value(json_object_get(error, "message")), "caf?");
    json_decref(error);
    gl_buf_fini(&buf);
}
END_TEST

START_TEST(error__that_is_nonsense__is_internal)
{
    struct gl_err err;
    json_t *later = json_of("{'code':1777,'message':'of a later version','data':{'name':'melted'}}");
    json_t *nonsense = json_of("{'code':'x','message':7,'data':[]}");
    gl_error_read(NULL, &err);
    ck_assert_int_eq(err.code, GL_E_INTERNAL);
    gl_error_read(nonsense, &err);
    ck_assert_int_eq(err.code, GL_E_INTERNAL);
    gl_error_read(later, &err);
    ck_assert_int_eq(err.code, GL_E_INTERNAL);
    ck_assert_str_eq(err.detail, "of a later version");
    json_decref(later);
    json_decref(nonsense);
}
END_TEST

START_TEST(role__of_a_member__is_one_of_four)
{
    static const char *const names[] = {"viewer", "annotator", "curator", "owner"};
    enum gl_role role;
    for (size_t i = 0; i < 4; i++) {
        ck_assert(gl_role_parse(gl_slice_str(names[i]), &role));
        ck_assert_int_eq(role, GL_VIEWER + (int)i);
        ck_assert_str_eq(gl_role_name(role), names[i]);
    }
    ck_assert(!gl_role_parse(GL_SLICE("admin"), &role));
    ck_assert_int_eq(role, GL_NOBODY);
    ck_assert(!gl_role_parse(GL_SLICE("Owner"), &role));
    ck_assert_str_eq(gl_role_name((enum gl_role)99), "nobody");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rpc");
    TCase *tcase = tcase_create("rpc");
    tcase_add_loop_test(tcase, envelope__is_told_apart, 0, COUNT(envelopes));
    tcase_add_test(tcase, envelope__with_an_id__can_be_answered_even_when_refused);
    tcase_add_test(tcase, envelope__begun_and_ended__is_canonical);
    tcase_add_test(tcase, error__written_and_read__is_what_it_was);
    tcase_add_test(tcase, error__without_a_detail__says_the_sentence);
    tcase_add_test(tcase, error__with_a_detail_that_is_no_utf8__can_still_be_read);
    tcase_add_test(tcase, error__that_is_nonsense__is_internal);
    tcase_add_test(tcase, role__of_a_member__is_one_of_four);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
