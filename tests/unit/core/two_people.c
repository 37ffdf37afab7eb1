/* two_people.c - see two_people.h. */
#include "tests/unit/core/two_people.h"

#include <stdlib.h>

#include "service/base/log.h"

const char TEXT[] = "The harbour is loud. The quay is long. Ships come by night.";
struct bench bench;
struct client *ana, *ben;

void setup_with(size_t workers, const struct core_limits *limits)
{
    bench_init(&bench, TEXT, workers, limits);
    ana = client_new(&bench, 0, "ana", GL_CURATOR);
    ben = client_new(&bench, workers - 1, "ben", GL_ANNOTATOR);
    client_join(ana, NULL);
    client_join(ben, NULL);
}

void setup(void)
{
    setup_with(1, NULL);
}
void setup_two(void)
{
    setup_with(2, NULL);
}

void teardown(void)
{
    store_mem_answer(bench.stores[0]);
    client_free(&ana);
    client_free(&ben);
    bench_fini(&bench);
}

void turn(void)
{
    loop_sim_run(bench.loop, 0);
}

uint64_t send_op(struct client *client, json_t *op)
{
    return client_submit(client, json_pack("[o]", op), false);
}

uint64_t submit(struct client *client, json_t *op)
{
    uint64_t request = send_op(client, op);
    turn();
    return request;
}

uint64_t submit_two(struct client *client, json_t *first, json_t *second)
{
    uint64_t request = client_submit(client, json_pack("[o, o]", first, second), false);
    turn();
    return request;
}

uint64_t seq_of(struct client *client, uint64_t request, size_t index)
{
    json_t *outcome = client_outcome(client, request, index);
    char *text = json_dumps(outcome, JSON_COMPACT);
    ck_assert_msg(json_object_get(outcome, "seq") != NULL, "refused: %s", text);
    free(text);
    return (uint64_t)json_integer_value(json_object_get(outcome, "seq"));
}

json_t *expect_error(struct client *client, uint64_t request, size_t index, const char *name)
{
    json_t *data = json_object_get(json_object_get(client_outcome(client, request, index), "error"), "data");
    ck_assert_msg(data != NULL, "accepted, but %s was expected", name);
    ck_assert_str_eq(json_string_value(json_object_get(data, "name")), name);
    return data;
}

void expect_refusal(struct client *client, uint64_t request, const char *name)
{
    json_t *answer = client_answer(client, request);
    ck_assert_msg(answer != NULL, "no answer");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(json_object_get(answer, "error"), "data"), "name")), name);
}

void expect_all_ops(struct client *client, uint64_t from)
{
    struct gl_state *state = db_replay(bench.db);
    struct gl_buf chain;
    ck_assert_uint_eq(client_op_count(client), db_head(bench.db) - from);
    for (size_t i = 0; i < client_op_count(client); i++)
        ck_assert_int_eq(json_integer_value(json_object_get(client_op(client, i), "seq")), (json_int_t)(from + i + 1));
    json_t *last = NULL, *next;
    for (size_t n = 0; (next = client_notice(client, "session.ops", n)); n++)
        last = json_object_get(next, "params");
    gl_buf_init(&chain, 65);
    gl_buf_hex(&chain, state->chain.bytes, 32);
    ck_assert_str_eq(json_string_value(json_object_get(last, "chain")), gl_buf_cstr(&chain));
    if (json_object_get(last, "state")) {
        gl_buf_clear(&chain);
        gl_buf_hex(&chain, state->sum.bytes, 32);
        ck_assert_str_eq(json_string_value(json_object_get(last, "state")), gl_buf_cstr(&chain));
    }
    gl_buf_fini(&chain);
    gl_state_free(&state);
}

void submit_many(int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char name[16];
        snprintf(name, sizeof name, "op %d", i);
        submit(ana, op_create(name, "quay", NULL));
    }
}

uint64_t project_submit(struct client *client, json_t *ops)
{
    char project[GL_UUID_TEXT + 1];
    gl_uuid_format(db_project(bench.db), project);
    return client_send(client, "project.submit", json_pack("{s:s, s:o}", "project", project, "ops", ops));
}

int run_suite(Suite *suite)
{
    log_init(LOG_ERROR, LOG_TEXT);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
