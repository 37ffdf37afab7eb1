/* Lines of gloss post: what is an op, what is refused, and which id it gets. */
#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/post_line.h"
#include "tests/support/suite.h"

#define ACCOUNT "0192f000-0000-7000-8000-000000000001"
#define SESSION "0192f000-0000-7000-8000-000000000002"

static struct post_run run_of(const char *run, const char *agent)
{
    struct post_run made = {.account = ACCOUNT, .session = SESSION, .run = run, .agent = agent};
    tally_init(&made.tally);
    return made;
}

/* The op of a line as canonical JSON, its id at *id. */
static char *read_op(struct post_run *run, const char *line, char id[GL_UUID_TEXT + 1])
{
    json_t *op;
    struct gl_err err = {0};
    enum gl_code code = post_line_read(run, gl_slice_str(line), &op, &err);
    ck_assert_msg(code == GL_OK, "%s: %s", line, err.detail);
    snprintf(id, GL_UUID_TEXT + 1, "%s", json_string_value(json_object_get(op, "id")));
    char *text = json_dumps(json_object_get(op, "change"), JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(op);
    return text;
}

static const struct {
    const char *line;
    const char *run, *agent;
    const char *change;
} good[] = {
    {"{\"label\":\"claim\",\"start\":3,\"end\":9}", NULL, NULL,
     "{\"kind\":\"annotation.create\",\"label\":\"claim\",\"target\":{\"spans\":[{\"end\":9,\"start\":3}],\"type\":\"spans\"}}"},
    {"{\"label\":\"claim\",\"spans\":[{\"start\":3,\"end\":9},{\"exact\":\"x\"}]}", NULL, NULL,
     "{\"kind\":\"annotation.create\",\"label\":\"claim\",\"target\":{\"spans\":[{\"end\":9,\"start\":3},{\"exact\":\"x\"}],\"type\":\"spans\"}}"},
    {"{\"label\":\"claim\",\"exact\":\"words\",\"prefix\":\"a \",\"suffix\":\" b\"}", "r", NULL,
     "{\"kind\":\"annotation.create\",\"label\":\"claim\",\"run\":\"r\",\"target\":{\"spans\":[{\"exact\":\"words\",\"prefix\":\"a \",\"suffix\":\" b\"}],\"type\":"
     "\"spans\"}}"},
    {"{\"label\":\"l\",\"exact\":\"w\",\"nth\":2,\"note\":\"n\",\"attributes\":{\"a\":1,\"b\":true},\"confidence\":900,\"status\":\"proposed\"}",
     NULL, "tagger/2",
     "{\"agent\":\"tagger/2\",\"attributes\":{\"a\":1,\"b\":true},\"confidence\":900,\"kind\":\"annotation.create\",\"label\":\"l\",\"note\":\"n\","
     "\"status\":\"proposed\",\"target\":{\"spans\":[{\"exact\":\"w\",\"nth\":2}],\"type\":\"spans\"}}"},
    {" {\"note\":\"only a note\",\"start\":0,\"end\":0}\r", NULL, NULL,
     "{\"kind\":\"annotation.create\",\"note\":\"only a note\",\"target\":{\"spans\":[{\"end\":0,\"start\":0}],\"type\":\"spans\"}}"},
};

START_TEST(post_line_read__a_good_line__becomes_a_change)
{
    struct post_run run = run_of(good[_i].run, good[_i].agent);
    char id[GL_UUID_TEXT + 1];
    char *change = read_op(&run, good[_i].line, id);
    ck_assert_str_eq(change, good[_i].change);
    ck_assert_int_eq(id[14], '8');
    free(change);
    tally_fini(&run.tally);
}
END_TEST

static const struct {
    const char *line;
    const char *says;
} bad[] = {
    {"{\"label\":\"l\",\"start\":1,", "byte"},
    {"[1]", "must be a JSON object"},
    {"{\"lable\":\"l\",\"start\":1,\"end\":2}", "no member \"lable\"; did you mean \"label\"?"},
    {"{\"label\":\"l\",\"start\":1}", "belong together"},
    {"{\"label\":\"l\"}", "say where"},
    {"{\"start\":1,\"end\":2}", "say what"},
    {"{\"label\":7,\"start\":1,\"end\":2}", "\"label\" must be a string"},
    {"{\"label\":\"l\",\"start\":\"1\",\"end\":2}", "\"start\" must be a whole number"},
    {"{\"label\":\"l\",\"start\":1,\"end\":2,\"confidence\":0.9}", "integers"},
    {"{\"label\":\"l\",\"start\":1,\"end\":2,\"id\":\"7\"}", "must be a UUID"},
    {"{\"label\":\"l\",\"label\":\"m\",\"start\":1,\"end\":2}", "the same name twice"},
    {"{\"label\":\"\xff\",\"start\":1,\"end\":2}", "UTF-8"},
    {"{\"label\":\"l\",\"start\":1,\"end\":2,\"attributes\":{\"\xc3\xa4\":1}}", "ASCII"},
};

START_TEST(post_line_read__a_bad_line__is_refused_with_the_reason)
{
    struct post_run run = run_of(NULL, NULL);
    struct gl_err err = {0};
    json_t *op;
    ck_assert_int_ne(post_line_read(&run, gl_slice_str(bad[_i].line), &op, &err), GL_OK);
    ck_assert_ptr_null(op);
    ck_assert_msg(strstr(err.detail, bad[_i].says) != NULL, "%s: %s", bad[_i].line, err.detail);
    tally_fini(&run.tally);
}
END_TEST

/* Computed by a second hand: uuid8(sha256(b"gloss.post\0" + account + b"\0" + session + b"\0" + run + b"\0" + line + b"\0" + b"1")). */
START_TEST(post_line_id__follows_from_account_session_run_line_and_occurrence)
{
    struct post_run run = run_of("nightly", NULL);
    char text[GL_UUID_TEXT + 1];
    gl_uuid id = post_line_id(&run, GL_SLICE("{\"end\":9,\"label\":\"claim\",\"start\":3}"), 1);
    gl_uuid_format(&id, text);
    ck_assert_str_eq(text, "2f6f85ee-42c2-8a85-9865-2f355b01a823");
    tally_fini(&run.tally);
}
END_TEST

START_TEST(post_line_read__the_same_input_again__gives_the_same_ids)
{
    const char *lines[] = {"{\"label\":\"a\",\"start\":1,\"end\":2}", "{\"label\":\"a\",\"start\":1,\"end\":2}",
                           "{ \"end\":2, \"start\":1, \"label\":\"a\" }", "{\"label\":\"b\",\"start\":1,\"end\":2}"};
    char first[4][GL_UUID_TEXT + 1], second[4][GL_UUID_TEXT + 1];
    struct post_run once = run_of("r", NULL), again = run_of("r", "other/1"), other = run_of("s", NULL);
    for (size_t i = 0; i < 4; i++) {
        char id[GL_UUID_TEXT + 1];
        free(read_op(&once, lines[i], first[i]));
        free(read_op(&again, lines[i], second[i]));
        free(read_op(&other, lines[i], id));
        ck_assert_str_eq(first[i], second[i]);
        ck_assert_str_ne(first[i], id);
    }
    ck_assert_str_ne(first[0], first[1]); /* twice the same line: two tags */
    ck_assert_str_ne(first[1], first[2]); /* written differently, the same line */
    ck_assert_str_ne(first[0], first[3]);
    tally_fini(&once.tally);
    tally_fini(&again.tally);
    tally_fini(&other.tally);
}
END_TEST

START_TEST(tally_count__more_lines_than_memory_is_for__counts_each)
{
    struct tally tally;
    char line[32];
    unsigned wrong = 0;
    tally_init(&tally);
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < 800000; i++) {
            int len = snprintf(line, sizeof line, "line %u", i);
            wrong += tally_count(&tally, gl_slice_of(line, (size_t)len)) != round;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert(tally.is_mapped);
    tally_fini(&tally);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, post_line_read__a_good_line__becomes_a_change, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(tests, post_line_read__a_bad_line__is_refused_with_the_reason, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, post_line_id__follows_from_account_session_run_line_and_occurrence);
    tcase_add_test(tests, post_line_read__the_same_input_again__gives_the_same_ids);
    tcase_add_test(tests, tally_count__more_lines_than_memory_is_for__counts_each);
}

int main(void)
{
    return suite_run("post_line", add);
}
