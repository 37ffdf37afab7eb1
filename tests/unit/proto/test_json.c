/* test_json.c - what gl_json_load takes and refuses, and what the reader says about members. */
#include "tests/unit/proto/suite.h"

#define TEXT(literal)                                                                                                            \
    {                                                                                                                            \
        literal, sizeof(literal) - 1                                                                                             \
    }
#define DEEP_16     "[[[[[[[[[[[[[[[["
#define DEEP_16_END "]]]]]]]]]]]]]]]]"

static const struct {
    struct gl_slice text;
    const char *why;
} hostile[] = {
    {TEXT(""), "byte 0, line 1: empty"},
    {TEXT(" \n "), "the text ends too early"},
    {TEXT("{"), "the text ends too early"},
    {TEXT("{\"a\":1,\n\"a\":2}"), "line 2: an object has the same name twice"},
    {TEXT("{\"a\":{\"b\":1,\"b\":1}}"), "twice"},
    {TEXT("{\"\\u0061\":1,\"a\":2}"), "twice"},
    {TEXT("{} {}"), "something stands behind the end"},
    {TEXT("{}\0"), "something stands behind the end"},
    {TEXT("{}x"), "something stands behind the end"},
    {TEXT("\xef\xbb\xbf{}"), "byte"},
    {TEXT("\"\\u0000\""), "NUL"},
    {TEXT("{\"\\u0000\":1}"), "NUL"},
    {TEXT("\"a\0b\""), "control character 0x0"},
    {TEXT("\"\n\""), "byte 1"}, /* a line end in a string */
    {TEXT("\"\xff\""), "byte 1, line 1: this is not valid UTF-8"},
    {TEXT("\"\xc3\""), "not valid UTF-8"},
    {TEXT("\"\xc0\x80\""), "not valid UTF-8"},         /* overlong */
    {TEXT("\"\xed\xa0\x80\""), "not valid UTF-8"},     /* a surrogate */
    {TEXT("\"\xf4\x90\x80\x80\""), "not valid UTF-8"}, /* beyond U+10FFFF */
    {TEXT("\"\\ud800\""), "byte"},
    {TEXT("\"\\ud800\\u0041\""), "byte"},
    {TEXT("\"\\udc00\""), "byte"},
    {TEXT("\"\\x41\""), "invalid escape"},
    {TEXT("1.0"), "byte 0: numbers are integers"},
    {TEXT("[1,2.5]"), "byte 3: numbers are integers"},
    {TEXT("[1e3]"), "numbers are integers"},
    {TEXT("[1E3]"), "numbers are integers"},
    {TEXT("[-0.0]"), "numbers are integers"},
    {TEXT("9007199254740992"), "integers end at 9007199254740991"},
    {TEXT("-9007199254740992"), "integers end at"},
    {TEXT("[123456789012345678901234567890]"), "integers end at"},
    {TEXT("01"), "byte"},
    {TEXT("-"), "byte"},
    {TEXT("+1"), "byte"},
    {TEXT("NaN"), "byte"},
    {TEXT("[1,]"), "byte"},
    {TEXT("{\"a\":1,}"), "byte"},
    {TEXT("{'a':1}"), "byte"},
    {TEXT("[1 /* one */]"), "byte"},
    {TEXT("[tru]"), "byte"},
    {TEXT("]"), "byte"},
    {TEXT("}}}}{"), "byte"},
    {TEXT("[" DEEP_16 DEEP_16_END "]"), "byte 16: nested more than 16 deep"},
    {TEXT("{\"a\":" DEEP_16 DEEP_16_END "}"), "nested more than 16 deep"},
};

START_TEST(json__hostile__is_refused_with_the_place)
{
    json_t *value = NULL;
    struct gl_err err = {0};
    ck_assert_msg(gl_json_load(hostile[_i].text, &value, &err) == GL_E_MALFORMED, "row %d was taken", _i);
    ck_assert_ptr_null(value);
    ck_assert_msg(strstr(err.detail, hostile[_i].why), "row %d: %s", _i, err.detail);
}
END_TEST

START_TEST(json__refused__does_not_quote_what_it_says)
{
    static const char *const texts[] = {"{\"a\":secret}", "{\"a\":\"secret", "{\"a\":\"\\q secret\"}",
                                        "{\"secret\":1,\"secret\":1}", "[secret"};
    struct gl_err err = {0};
    json_t *value;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_int_eq(gl_json_load(gl_slice_str(texts[i]), &value, &err), GL_E_MALFORMED);
        ck_assert_msg(!strstr(err.detail, "secret"), "%s", err.detail);
    }
}
END_TEST

static const struct gl_slice fine[] = {
    TEXT("null"),
    TEXT(" \t\r\n[] "),
    TEXT("\"\\\"[[[[[[[[[[[[[[[[[[[[[[1.5 e 99999999999999999999 \\\\\""), /* brackets and numbers in a string do not count */
    TEXT("{\"a\\\\\":[\"\\\\\",{}]}"),
    TEXT("[9007199254740991,-9007199254740991,-0]"),
    TEXT("\"\\ud83d\\ude00 \xf0\x9f\x98\x80\""),
    TEXT(DEEP_16 DEEP_16_END),
    TEXT("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"), /* wide is not deep */
};

START_TEST(json__that_is_fine__is_taken)
{
    json_t *value = json_from(fine[_i]);
    ck_assert_ptr_nonnull(value);
    json_decref(value);
}
END_TEST

/* ---- against jansson alone: whatever is changed in a text, both say the same of it */

static const char *const models[] = {
    "{\"a\":[1,-20,true,false,null,\"b\\n\\\"c\\u00e9\\/\"],\"name\":{\"x\":\"\xc3\xa9t\xc3\xa9\",\"y\":{}},\"z\":[]}",
    " [ { \"seq\" : 12 , \"id\" : \"0190-aa\" } , \"a longer text, of more than eight bytes\" , 0 ] ",
    "\"one text with \xf0\x9f\x98\x80 in it\"",
    "[[[[{\"a\":[[[{\"b\":[[[[[{\"c\":1}]]]]]}]]]}]]]]",
};

static unsigned next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static size_t damage(char *text, size_t len, uint64_t *dice)
{
    static const char bytes[] = "{}[],:\"\\0123456789-truefalsn .eE\n\t\x01\x7f\x80\xc3\xa9\xff";
    size_t at = next_random(dice) % len;
    switch (next_random(dice) % 4) {
    case 0: text[at] = bytes[next_random(dice) % (sizeof(bytes) - 1)]; return len;
    case 1: memmove(text + at, text + at + 1, len - at - 1); return len > 1 ? len - 1 : len;
    case 2:
        memmove(text + at + 1, text + at, len - at);
        text[at] = bytes[next_random(dice) % (sizeof(bytes) - 1)];
        return len + 1;
    default: text[at] = (char)(text[at] ^ (1 << next_random(dice) % 8)); return len;
    }
}

/* Of what both can know: jansson takes fractions, large numbers and any depth, and those are refused before it is asked. */
static void compare_with_jansson(struct gl_slice text)
{
    struct gl_err err = {0};
    json_error_t error;
    json_t *ours = NULL, *theirs = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    enum gl_code code = gl_json_load(text, &ours, &err);
    bool is_ours_alone = strstr(err.detail, "integers") || strstr(err.detail, "deep");
    ck_assert_msg(code == GL_OK ? theirs && json_equal(ours, theirs) : !theirs || is_ours_alone, "%.*s: %s", (int)text.len,
                  text.data, err.detail);
    json_decref(ours);
    json_decref(theirs);
}

START_TEST(json__damaged_in_any_way__is_what_jansson_says)
{
    uint64_t dice = 7 + (uint64_t)_i;
    for (int round = 0; round < 4000; round++) {
        char text[256];
        size_t len = strlen(models[_i]);
        memcpy(text, models[_i], len);
        for (unsigned n = next_random(&dice) % 4; n > 0; n--)
            len = damage(text, len, &dice);
        char *exact = malloc(len); /* so that the sanitizer sees who reads behind it */
        memcpy(exact, text, len);
        compare_with_jansson(gl_slice_of(exact, len));
        free(exact);
    }
}
END_TEST

/* ---- the reader */

static const char *const wrong_kinds[] = {
    "{\"uuid\":\"x\",\"path\":\"uuid\"}",      "{\"uuid\":7,\"path\":\"uuid\"}",         "{\"u64\":-1,\"path\":\"u64\"}",
    "{\"u64\":11,\"path\":\"u64\"}",           "{\"u64\":\"1\",\"path\":\"u64\"}",       "{\"i64\":true,\"path\":\"i64\"}",
    "{\"bool\":0,\"path\":\"bool\"}",          "{\"str\":\"123456\",\"path\":\"str\"}",  "{\"str\":[],\"path\":\"str\"}",
    "{\"sha256\":\"00\",\"path\":\"sha256\"}", "{\"time\":\"now\",\"path\":\"time\"}",   "{\"object\":[],\"path\":\"object\"}",
    "{\"list\":{},\"path\":\"list\"}",         "{\"list\":[1,2,3,4],\"path\":\"list\"}", "{\"ids\":[\"x\"],\"path\":\"ids[0]\"}",
};

static void read_one_of_each(struct gl_reader *reader, const json_t *obj)
{
    uint8_t sha256[32];
    bool has;
    size_t count;
    gl_read_uuid(reader, obj, "uuid", 0, &has);
    gl_read_u64(reader, obj, "u64", 10, 0, &has);
    gl_read_i64(reader, obj, "i64", 0, &has);
    gl_read_bool(reader, obj, "bool", 0, &has);
    gl_read_str(reader, obj, "str", 5, 0, &has);
    gl_read_sha256(reader, obj, "sha256", sha256, 0, &has);
    gl_read_time(reader, obj, "time", 0, &has);
    gl_read_object(reader, obj, "object", 0, &has);
    gl_read_list(reader, obj, "list", 3, 0, &has);
    gl_read_items(reader, obj, "ids", 3, 0, &has, sizeof(gl_uuid), gl_read_uuid_item, &count);
}

START_TEST(reader__meeting_the_wrong_kind__says_where)
{
    struct gl_reader reader;
    struct gl_arena arena;
    json_t *obj = json_from(gl_slice_str(wrong_kinds[_i]));
    gl_arena_init(&arena);
    gl_reader_init(&reader, &arena);
    size_t mark = gl_reader_enter(&reader, "ops");
    gl_reader_enter_index(&reader, 2);
    read_one_of_each(&reader, obj);
    gl_reader_leave(&reader, mark);
    ck_assert_int_eq(reader.code, GL_E_INVALID_PARAMS);
    ck_assert_int_eq(reader.err.code, GL_E_INVALID_PARAMS);
    char path[GL_ERR_PATH_MAX];
    snprintf(path, sizeof(path), "ops[2].%s", json_string_value(json_object_get(obj, "path")));
    ck_assert_str_eq(reader.err.path, path);
    ck_assert_uint_eq(reader.path_len, 0);
    gl_arena_fini(&arena);
    json_decref(obj);
}
END_TEST

START_TEST(reader__after_an_error__keeps_the_first_and_yields_zeroes)
{
    struct gl_reader reader;
    bool has = true;
    json_t *obj = json_from(GL_SLICE("{\"n\":7,\"s\":\"x\"}"));
    gl_reader_init(&reader, NULL);
    gl_read_bool(&reader, obj, "missing", GL_REQUIRED, NULL);
    ck_assert_uint_eq(gl_read_u64(&reader, obj, "n", 100, GL_REQUIRED, &has), 0);
    ck_assert(!has);
    ck_assert_uint_eq(gl_read_str(&reader, obj, "n", 100, GL_REQUIRED, &has).len, 0);
    ck_assert_str_eq(reader.err.path, "missing");
    ck_assert_str_eq(reader.err.detail, "missing is missing");
    json_decref(obj);
}
END_TEST

START_TEST(reader__takes_null_for_absent)
{
    struct gl_reader reader;
    bool has = true;
    json_t *obj = json_from(GL_SLICE("{\"n\":null}"));
    gl_reader_init(&reader, NULL);
    gl_read_u64(&reader, obj, "n", 100, 0, &has);
    ck_assert(!has);
    ck_assert_int_eq(reader.code, GL_OK);
    gl_read_u64(&reader, obj, "n", 100, GL_REQUIRED, &has);
    ck_assert_int_eq(reader.code, GL_E_INVALID_PARAMS);
    json_decref(obj);
}
END_TEST

START_TEST(reader__without_an_object__reads_an_empty_one)
{
    struct gl_reader reader;
    bool has = true;
    gl_reader_init(&reader, NULL);
    gl_read_u64(&reader, NULL, "n", 100, 0, &has);
    ck_assert(!has);
    ck_assert_int_eq(reader.code, GL_OK);
    json_t *list = json_array();
    gl_read_u64(&reader, list, "n", 100, 0, &has);
    ck_assert_int_eq(reader.code, GL_E_INVALID_PARAMS);
    json_decref(list);
}
END_TEST

START_TEST(reader__told_what_may_be_there__refuses_the_rest)
{
    static const char *const names[] = {"a", "b", NULL};
    struct gl_reader reader;
    json_t *obj = json_from(GL_SLICE("{\"a\":1,\"b\":2,\"start\":3}"));
    gl_reader_init(&reader, NULL);
    gl_reader_enter(&reader, "change");
    gl_read_only(&reader, obj, names);
    ck_assert_str_eq(reader.err.path, "change.start");
    json_decref(obj);
}
END_TEST

START_TEST(reader__whose_path_is_too_long__cuts_it_and_finds_back)
{
    struct gl_reader reader;
    size_t marks[100];
    gl_reader_init(&reader, NULL);
    for (size_t i = 0; i < 100; i++) {
        marks[i] = gl_reader_enter(&reader, "member");
    }
    ck_assert_uint_lt(strlen(reader.path), sizeof(reader.path));
    for (size_t i = 100; i-- > 0;) {
        gl_reader_leave(&reader, marks[i]);
    }
    ck_assert_str_eq(reader.path, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    tcase_add_loop_test(tcase, json__hostile__is_refused_with_the_place, 0, COUNT(hostile));
    tcase_add_test(tcase, json__refused__does_not_quote_what_it_says);
    tcase_add_loop_test(tcase, json__that_is_fine__is_taken, 0, COUNT(fine));
    tcase_add_loop_test(tcase, json__damaged_in_any_way__is_what_jansson_says, 0, COUNT(models));
    tcase_add_loop_test(tcase, reader__meeting_the_wrong_kind__says_where, 0, COUNT(wrong_kinds));
    tcase_add_test(tcase, reader__after_an_error__keeps_the_first_and_yields_zeroes);
    tcase_add_test(tcase, reader__takes_null_for_absent);
    tcase_add_test(tcase, reader__without_an_object__reads_an_empty_one);
    tcase_add_test(tcase, reader__told_what_may_be_there__refuses_the_rest);
    tcase_add_test(tcase, reader__whose_path_is_too_long__cuts_it_and_finds_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
