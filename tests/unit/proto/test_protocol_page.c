/*
 * test_protocol_page.c - PROTOCOL.md tells the truth: every example is read with the readers that the server uses, and every hash is worked out.
 *
 * Kept in the page's order: an answer belongs to the request before it that has its id.
 */
#include <stdio.h>

#include "proto/model/state.h"
#include "tests/unit/proto/messages.h"
#include "tests/unit/proto/suite.h"

#define BLOCKS_MAX 1000
#define IDS_MAX    1000

struct block {
    char language[8];
    struct gl_slice text;
    json_t *json; /* for language json */
};

static char *page;
static struct block blocks[BLOCKS_MAX];
static int block_count;

/* ---- taking the page apart */

static void read_page(void)
{
    char path[4096];
    const char *folder = getenv("GLOSS_SOURCE_DIR");
    snprintf(path, sizeof(path), "%s/proto/PROTOCOL.md", folder ? folder : ".");
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    page = calloc(1, 1 << 20);
    size_t len = fread(page, 1, (1 << 20) - 1, file);
    fclose(file);
    page[len] = '\0';
}

static void find_blocks(void)
{
    for (const char *at = strstr(page, "\n```"); at && block_count < BLOCKS_MAX; at = strstr(at, "\n```")) {
        struct block *block = &blocks[block_count++];
        const char *begin = strchr(at + 1, '\n') + 1;
        const char *end = strstr(begin - 1, "\n```");
        snprintf(block->language, sizeof(block->language), "%.*s", (int)(begin - at - 5), at + 4);
        block->text = gl_slice_of(begin, end > begin ? (size_t)(end - begin) : 0);
        at = strchr(end + 1, '\n');
        if (strcmp(block->language, "json") == 0) {
            struct gl_err err = {0};
            if (gl_json_load(block->text, &block->json, &err) != GL_OK) {
                fprintf(stderr, "a block of PROTOCOL.md: %s\n%.*s\n", err.detail, (int)block->text.len, block->text.data);
                exit(EXIT_FAILURE);
            }
        }
    }
}

static const char *method_of(const json_t *message)
{
    return json_string_value(json_object_get(message, "method"));
}

/* The method of the request that block answers; NULL when there is none. */
static const char *method_answered(int block)
{
    const json_t *id = json_object_get(blocks[block].json, "id");
    for (int i = block - 1; i >= 0; i--) {
        if (blocks[i].json && method_of(blocks[i].json) && json_equal((json_t *)id, json_object_get(blocks[i].json, "id"))) {
            return method_of(blocks[i].json);
        }
    }
    return NULL;
}

/* ---- examples */

static void assert_error(const json_t *error)
{
    struct gl_err err;
    struct gl_arena arena;
    struct gl_reader reader;
    struct gl_error_info info;
    gl_arena_init(&arena);
    gl_reader_init(&reader, &arena);
    reader.strict = true;
    ck_assert_msg(gl_error_info_read(&reader, error, &info) == GL_OK, "%s", reader.err.detail);
    gl_error_read(error, &err);
    ck_assert_str_eq(gl_code_name(err.code), json_string_value(json_object_get(info.data, "name")));
    ck_assert_int_eq(gl_code_wire(err.code), info.code);
    const char *detail = json_string_value(json_object_get(info.data, "detail"));
    ck_assert_msg(gl_slice_is(info.message, detail ? detail : gl_code_sentence(err.code)),
                  "the message of %s is not what the table says", gl_code_name(err.code));
    gl_arena_fini(&arena);
}

/* A record that stands in an example must be one. */
static void assert_record(const json_t *record)
{
    struct gl_annotation *annotation;
    struct gl_err err = {0};
    ck_assert_msg(gl_annotation_from_record(record, &annotation, &err) == GL_OK, "%s", err.detail);
    gl_annotation_unref(&annotation);
}

static void look_into_results(const json_t *result)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(result, "results"), i, item)
    {
        json_t *error = json_object_get(item, "error");
        json_t *current = json_object_get(json_object_get(error, "data"), "current");
        if (error) {
            assert_error(error);
        }
        if (current) {
            assert_record(current);
        }
    }
    json_array_foreach(json_object_get(result, "records"), i, item)
    {
        assert_record(item);
    }
}

/* Examples of errors may well be wrong themselves; these are the ones that are meant to be. */
static bool is_meant_to_be_wrong(int block)
{
    const json_t *next = block + 1 < block_count ? blocks[block + 1].json : NULL;
    const char *name = json_string_value(json_object_get(json_object_get(json_object_get(next, "error"), "data"), "name"));
    return name &&
           (strcmp(name, "invalid_request") == 0 || strcmp(name, "invalid_params") == 0 || strcmp(name, "unknown_method") == 0);
}

static void assert_members(round_trip *function, const json_t *value, const char *what)
{
    struct gl_buf buf;
    struct gl_err err;
    gl_buf_init(&buf, 1 << 20);
    enum gl_code code = run_round_trip(function, value, true, &buf, &err);
    ck_assert_msg(code == GL_OK, "%s: %s", what, err.detail);
    json_t *again = json_from(gl_buf_peek(&buf));
    ck_assert_msg(json_equal(again, (json_t *)(uintptr_t)value), "%s: read and written it is another", what);
    json_decref(again);
    gl_buf_fini(&buf);
}

START_TEST(example__is_read_by_the_readers)
{
    struct gl_envelope envelope;
    struct gl_err err = {0};
    const json_t *message = blocks[_i].json;
    if (!message || is_meant_to_be_wrong(_i)) {
        return;
    }
    ck_assert_msg(gl_envelope_read(message, &envelope, &err) == GL_OK, "%s", err.detail);
    if (envelope.kind == GL_ENVELOPE_ERROR) {
        assert_error(envelope.error);
        return;
    }
    const char *name = envelope.kind == GL_ENVELOPE_RESULT ? method_answered(_i) : method_of(message);
    const struct message_row *row = name ? message_find(name, envelope.kind == GL_ENVELOPE_NOTICE) : NULL;
    ck_assert_msg(row, "no message %s", name ? name : "was asked for");
    if (envelope.kind == GL_ENVELOPE_RESULT) {
        assert_members(row->result, envelope.result, name);
        look_into_results(envelope.result);
    } else {
        assert_members(row->params, envelope.params, name);
    }
}
END_TEST

static bool page_has_a_message(const char *name, bool is_answer)
{
    for (int i = 0; i < block_count; i++) {
        const char *method = is_answer && json_object_get(blocks[i].json, "result") ? method_answered(i) : NULL;
        method = is_answer ? method : method_of(blocks[i].json);
        if (method && strcmp(method, name) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(message__has_an_example_with_its_answer)
{
    const struct message_row *row = &message_rows[_i];
    ck_assert_msg(page_has_a_message(row->name, false), "%s has no example", row->name);
    ck_assert_msg(row->is_notice || page_has_a_message(row->name, true), "%s has no answer", row->name);
}
END_TEST

/* ---- hashes: the page's text and session, its log replayed */

/* "name value" lines of the block that begins with "text " */
static struct gl_slice worked(const char *name)
{
    for (int i = 0; i < block_count; i++) {
        if (blocks[i].text.len < 5 || memcmp(blocks[i].text.data, "text ", 5) != 0) {
            continue;
        }
        const char *line = blocks[i].text.data - 1, *end = blocks[i].text.data + blocks[i].text.len;
        while (line && line < end) {
            size_t len = strlen(name);
            if (strncmp(line + 1, name, len) == 0 && line[1 + len] == ' ') {
                const char *value = line + 1 + len + strspn(line + 1 + len, " ");
                return gl_slice_of(value, strcspn(value, "\n"));
            }
            line = strchr(line + 1, '\n');
        }
    }
    ck_abort_msg("the worked example has no %s", name);
    return GL_SLICE("");
}

static gl_hash worked_hash(const char *name)
{
    gl_hash hash;
    ck_assert_msg(gl_hex_decode(worked(name), hash.bytes, 32), "%s is no hash", name);
    return hash;
}

static void assert_hash(const char *name, gl_hash got)
{
    gl_hash expected = worked_hash(name);
    ck_assert_msg(gl_hash_equal(&got, &expected), "%s is wrong on the page", name);
}

START_TEST(worked_example__is_right)
{
    uint8_t salt[GL_SALT_BYTES];
    gl_uuid stream;
    gl_hash sum = {{0}}, text = worked_hash("text");
    assert_hash("text", gl_sha256("Whoever edits last wins.\nNobody edits “last” on purpose 👩‍⚖️.\n", 75));
    ck_assert(gl_uuid_parse(worked("stream"), &stream));
    ck_assert(gl_hex_decode(worked("salt"), salt, sizeof(salt)));
    gl_hash start = gl_chain_start(&stream, text.bytes), leaf = gl_leaf(salt, worked("payload"));
    gl_hash record = gl_sha256(worked("record").data, worked("record").len);
    assert_hash("chain(0)", start);
    assert_hash("leaf(1)", leaf);
    assert_hash("chain(1)", gl_chain_next(&start, &leaf));
    gl_sum_add(&sum, &record);
    assert_hash("state(1)", sum);
}
END_TEST

static struct gl_state *state_at_zero(void)
{
    gl_uuid stream;
    gl_hash text = worked_hash("text");
    ck_assert(gl_uuid_parse(worked("stream"), &stream));
    return gl_state_new(&stream, text.bytes);
}

/* The op with this seq, wherever the page shows it whole. */
static const json_t *logged_op(uint64_t seq)
{
    for (int i = 0; i < block_count; i++) {
        const json_t *params = json_object_get(blocks[i].json, "params");
        const json_t *ops = json_object_get(params, "ops");
        uint64_t first = (uint64_t)json_integer_value(json_object_get(params, "first"));
        const json_t *op = seq >= first ? json_array_get(ops, (size_t)(seq - first)) : NULL;
        if (method_of(blocks[i].json) && strcmp(method_of(blocks[i].json), "session.ops") == 0 &&
            json_object_get(op, "payload")) {
            return op;
        }
    }
    return NULL;
}

static json_t *first_op(void)
{
    char salt[33];
    snprintf(salt, sizeof(salt), "%.*s", (int)worked("salt").len, worked("salt").data);
    return json_pack("{s:o, s:s}", "payload", json_from(worked("payload")), "salt", salt);
}

static void assert_replica_is(const struct gl_state *state, const json_t *said, const char *where)
{
    gl_hash chain, sum;
    struct gl_reader reader;
    bool has_state;
    gl_reader_init(&reader, NULL);
    gl_read_sha256(&reader, said, "chain", chain.bytes, GL_REQUIRED, NULL);
    gl_read_sha256(&reader, said, "state", sum.bytes, 0, &has_state);
    ck_assert_int_eq(reader.code, GL_OK);
    ck_assert_msg(gl_hash_equal(&chain, &state->chain), "%s: the chain at %d is wrong", where, (int)state->seq);
    ck_assert_msg(!has_state || gl_hash_equal(&sum, &state->sum), "%s: the state at %d is wrong", where, (int)state->seq);
}

/* Of an answer that says where a session stands: session.join's, or admin.session.show's, which has it beneath the session. */
static uint64_t seq_said(const json_t *result)
{
    const json_t *seq = json_object_get(result, "seq");
    return (uint64_t)json_integer_value(seq ? seq : json_object_get(json_object_get(result, "session"), "seq"));
}

/* Every message of the page that claims a chain or a state for this seq. */
static void assert_all_who_speak_of(const struct gl_state *state)
{
    for (int i = 0; i < block_count; i++) {
        const json_t *params = json_object_get(blocks[i].json, "params"), *result = json_object_get(blocks[i].json, "result");
        const char *method = method_of(blocks[i].json);
        if (method && strcmp(method, "session.ops") == 0) {
            size_t last = (size_t)json_integer_value(json_object_get(params, "first")) +
                          json_array_size(json_object_get(params, "ops")) - 1;
            if (last == state->seq) {
                assert_replica_is(state, params, "session.ops");
            }
        } else if (json_object_get(result, "mode_seq") && seq_said(result) == state->seq) {
            assert_replica_is(state, result, "session.join");
        }
    }
}

static void assert_pages_of(const struct gl_state *state)
{
    for (int i = 0; i < block_count; i++) {
        const json_t *result = json_object_get(blocks[i].json, "result");
        const json_t *records = json_object_get(result, "records");
        if (!json_is_array(records) || (uint64_t)json_integer_value(json_object_get(result, "as_of")) != state->seq) {
            continue;
        }
        ck_assert_uint_eq(json_array_size(records), state->count);
        for (size_t k = 0; k < state->count; k++) {
            ck_assert(json_equal(json_array_get(records, k), gl_annotation_record(state->items[k])));
        }
    }
}

START_TEST(log_of_the_page__replayed__gives_every_chain_state_and_record_of_the_page)
{
    struct gl_err err = {0};
    struct gl_state *state = state_at_zero();
    json_t *first = first_op();
    ck_assert_msg(gl_state_append(state, first, &err) == GL_OK, "%s", err.detail);
    assert_all_who_speak_of(state);
    for (const json_t *op; (op = logged_op(state->seq + 1));) {
        ck_assert_msg(gl_state_append(state, op, &err) == GL_OK, "%s", err.detail);
        assert_all_who_speak_of(state);
        assert_pages_of(state);
    }
    ck_assert_uint_ge(state->seq, 4);
    json_decref(first);
    gl_state_free(&state);
}
END_TEST

int main(void)
{
    read_page();
    find_blocks();
    Suite *suite = suite_create("protocol page");
    TCase *tcase = tcase_create("protocol page");
    tcase_add_loop_test(tcase, example__is_read_by_the_readers, 0, block_count);
    tcase_add_loop_test(tcase, message__has_an_example_with_its_answer, 0, COUNT(message_rows));
    tcase_add_test(tcase, worked_example__is_right);
    tcase_add_test(tcase, log_of_the_page__replayed__gives_every_chain_state_and_record_of_the_page);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    for (int i = 0; i < block_count; i++) {
        json_decref(blocks[i].json);
    }
    free(page);
    return status;
}
