/*
 * test_oom.c - whatever allocation fails, proto answers GL_E_NOMEM or does without, and loses nothing.
 *
 * The linker sends our malloc, calloc and realloc through the functions below (--wrap), and jansson is given the same. Each piece of
 * work is done again and again, every time with a later allocation failing, until none fails.
 */
#include "proto/gl_wire.h"
#include "tests/unit/proto/messages.h"
#include "tests/unit/proto/suite.h"

static long allocations_left = -1; /* below zero: as many as one likes */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

static bool fails_now(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return fails_now() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails_now() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return fails_now() ? NULL : __real_realloc(old, bytes);
}

/* Until fn is through without a failure. Every failure must be GL_E_NOMEM, or may_be. */
static void exhaust(enum gl_code (*fn)(void), enum gl_code may_be)
{
    for (long at = 0; at < 100000; at++) {
        allocations_left = at;
        enum gl_code code = fn();
        bool has_failed = allocations_left < 0;
        allocations_left = -1;
        ck_assert_msg(code == GL_OK || code == GL_E_NOMEM || code == may_be, "allocation %ld: %s", at, gl_code_name(code));
        if (!has_failed) {
            ck_assert_int_eq(code, GL_OK);
            return;
        }
    }
    ck_abort_msg("it never ends");
}

static enum gl_code load_and_write(void)
{
    struct gl_buf buf;
    json_t *value;
    gl_buf_init(&buf, 100000);
    enum gl_code code = gl_json_load(GL_SLICE("{\"b\":[1,2,{\"c\":\"\\u00e9\"}],\"a\":{\"x\":null}}"), &value, NULL);
    if (code == GL_OK) {
        gl_canon_write(&buf, value);
        gl_canon_write(&buf, value);
        code = buf.code;
    }
    json_decref(value);
    gl_buf_fini(&buf);
    return code;
}

static enum gl_code write_many_members(void)
{
    static json_t *many;
    struct gl_buf buf;
    if (!many) {
        long left = allocations_left;
        allocations_left = -1;
        many = json_object();
        for (int i = 99; i >= 0; i--) {
            char name[16];
            snprintf(name, sizeof(name), "n%02d", i);
            json_object_set_new(many, name, json_integer(i));
        }
        allocations_left = left;
    }
    gl_buf_init(&buf, 100000);
    gl_canon_write(&buf, many);
    char *taken = gl_buf_take(&buf, NULL);
    enum gl_code code = taken ? GL_OK : buf.code;
    free(taken);
    gl_buf_fini(&buf);
    return code;
}

static json_t *seed;
static round_trip *seed_function;

static enum gl_code round_trip_seed(void)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 1 << 20);
    enum gl_code code = run_round_trip(seed_function, seed, true, &buf, NULL);
    gl_buf_fini(&buf);
    return code;
}

static enum gl_code write_refusal(void)
{
    struct gl_buf buf;
    struct gl_err err;
    const struct gl_request_id id = gl_request_id(1);
    gl_fail_at(&err, GL_E_STALE, "base", "caf\xe9");
    gl_buf_init(&buf, 10000);
    gl_refusal_write(&buf, &id, &err, seed);
    enum gl_code code = buf.code;
    gl_buf_fini(&buf);
    return code;
}

static enum gl_code decode_base64(void)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 10000);
    gl_buf_base64(&buf, "abcdefgh", 8);
    enum gl_code code = buf.code ? buf.code : gl_base64_decode(GL_SLICE("Zm9vYmFy"), &buf, NULL);
    gl_buf_fini(&buf);
    return code;
}

/* jansson's scanner gives a token that it has no memory for as an invalid one. */
static const struct {
    enum gl_code (*fn)(void);
    enum gl_code may_be;
} works[] = {{load_and_write, GL_E_MALFORMED}, {write_many_members, GL_OK}, {write_refusal, GL_OK}, {decode_base64, GL_OK}};

START_TEST(work__when_memory_runs_out_anywhere__says_so)
{
    seed = seed_load("session.submit", "answer", "full");
    exhaust(works[_i].fn, works[_i].may_be);
    json_decref(seed);
}
END_TEST

START_TEST(message__when_memory_runs_out_anywhere__says_so)
{
    const struct message_row *row = &message_rows[_i];
    seed = seed_load(row->name, row->is_notice ? "notice" : "answer", "full");
    seed_function = row->is_notice ? row->params : row->result;
    exhaust(round_trip_seed, GL_OK);
    json_decref(seed);
}
END_TEST

int main(void)
{
    json_set_alloc_funcs(__wrap_malloc, free);
    Suite *suite = suite_create("oom");
    TCase *tcase = tcase_create("oom");
    tcase_add_loop_test(tcase, work__when_memory_runs_out_anywhere__says_so, 0, COUNT(works));
    tcase_add_loop_test(tcase, message__when_memory_runs_out_anywhere__says_so, 0, COUNT(message_rows));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
