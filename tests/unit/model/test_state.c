/* test_state.c - a session's state behind each op of the vectors' log, and behind logs that are wrong. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *vectors, *entries;

static struct gl_state *state_new(void)
{
    gl_uuid stream = row_uuid(vectors, "stream");
    gl_hash revision = row_hash(vectors, "revision");
    struct gl_state *state = gl_state_new(&stream, revision.bytes);
    ck_assert_ptr_nonnull(state);
    return state;
}

static void append_until(struct gl_state *state, size_t seq)
{
    while (state->seq < seq) {
        struct gl_err err;
        assert_code("append", gl_state_append(state, json_array_get(entries, (size_t)state->seq), &err), GL_OK, &err);
    }
}

static gl_hash sum_from_scratch(const struct gl_state *state)
{
    gl_hash sum = {{0}}, item;
    for (size_t i = 0; i < state->count; i++) {
        item = gl_sha256(state->items[i]->canonical.data, state->items[i]->canonical.len);
        gl_sum_add(&sum, &item);
    }
    if (gl_state_mode_item(state->mode, state->mode_seq, &item)) {
        gl_sum_add(&sum, &item);
    }
    return sum;
}

START_TEST(log__leads_to_chain_and_state_of_the_vectors)
{
    struct gl_state *state = state_new();
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        append_until(state, i + 1);
        assert_hash_equal("chain", state->chain, row_hash(entry, "chain"));
        assert_hash_equal("state", state->sum, row_hash(entry, "state"));
        assert_hash_equal("sum", sum_from_scratch(state), state->sum);
        ck_assert_uint_eq(state->live_count, row_u64(entry, "annotations"));
    }
    const json_t *records = row_get(vectors, "records");
    ck_assert_uint_eq(state->count, json_array_size(records));
    for (size_t i = 0; i < state->count; i++) {
        ck_assert(gl_slice_is(state->items[i]->canonical, json_string_value(json_array_get(records, i))));
        ck_assert_ptr_eq(gl_state_find(state, &state->items[i]->id), state->items[i]);
    }
    ck_assert_str_eq(state->mode, "closed");
    gl_state_free(&state);
    ck_assert_ptr_null(state);
    gl_state_free(&state);
}
END_TEST

static const json_t *effect_of(size_t entry)
{
    const json_t *payload = json_object_get(json_array_get(entries, entry), "payload");
    return json_array_get(json_object_get(payload, "effects"), 0);
}

/* Each is op 7 of the log with something wrong; the state must be as it was, and take the right one afterwards. */
static json_t *wrong_entry(int which)
{
    json_t *entry = json_deep_copy(json_array_get(entries, 6)), *payload = json_object_get(entry, "payload");
    json_t *effect = json_array_get(json_object_get(payload, "effects"), 0);
    switch (which) {
    case 0: json_object_set_new(payload, "seq", json_integer(8)); break;
    case 1: json_object_set_new(entry, "salt", json_string("abc")); break;
    case 2: json_object_del(entry, "salt"); break;
    case 3: json_object_set_new(json_object_get(effect, "set"), "mood", json_string("good")); break;
    case 4: json_array_set_new(json_object_get(effect, "ids"), 0, json_string("01930009-0000-7000-8000-000000000009")); break;
    case 5: json_array_append(json_object_get(effect, "ids"), json_array_get(json_object_get(effect, "ids"), 0)); break;
    case 6: json_object_set_new(payload, "kind", json_string("annotation.create")); break;
    case 7: json_object_set_new(payload, "kind", json_string("session.mode")); break;
    case 8: json_object_set_new(payload, "kind", json_string("session.dance")); break;
    case 9: json_object_del(entry, "payload"); break;
    case 10: /* twice, with another one between */
        json_array_append(json_object_get(effect, "ids"), json_array_get(json_object_get(effect_of(2), "ids"), 0));
        json_array_append(json_object_get(effect, "ids"), json_array_get(json_object_get(effect, "ids"), 0));
        break;
    default: break;
    }
    return entry;
}

START_TEST(state__is_as_before_when_an_op_is_wrong)
{
    static const enum gl_code codes[] = {GL_E_CHAIN_BROKEN, GL_E_MALFORMED, GL_E_MALFORMED, GL_E_UPGRADE,
                                         GL_E_MALFORMED,    GL_E_MALFORMED, GL_E_MALFORMED, GL_E_MALFORMED,
                                         GL_E_UPGRADE,      GL_E_MALFORMED, GL_E_MALFORMED};
    struct gl_state *state = state_new();
    struct gl_err err = {.code = GL_OK};
    append_until(state, 6);
    gl_hash chain = state->chain, sum = state->sum;
    json_t *entry = wrong_entry(_i);
    enum gl_code code = gl_state_append(state, entry, &err);
    ck_assert_msg(code == codes[_i], "%d: %s (%s)", _i, gl_code_name(code), err.detail);
    ck_assert_uint_eq(state->seq, 6);
    assert_hash_equal("chain", state->chain, chain);
    assert_hash_equal("sum", state->sum, sum);
    append_until(state, json_array_size(entries));
    assert_hash_equal("at the end", state->sum, row_hash(json_array_get(entries, json_array_size(entries) - 1), "state"));
    json_decref(entry);
    gl_state_free(&state);
}
END_TEST

START_TEST(chain__goes_on_over_an_erased_op)
{
    struct gl_state *state = state_new(), *other = state_new();
    const json_t *entry = json_array_get(entries, 0);
    char *payload = canonical_of(row_get(entry, "payload"));
    uint8_t salt[GL_SALT_BYTES];
    ck_assert(gl_hex_decode(row_text(entry, "salt"), salt, sizeof salt));
    gl_hash leaf = gl_leaf(salt, gl_slice_str(payload));
    struct gl_buf hex;
    gl_buf_init(&hex, 64);
    gl_buf_hex(&hex, leaf.bytes, sizeof leaf.bytes);
    json_t *erased = json_pack("{s:s%}", "leaf", hex.data, hex.len);
    struct gl_err err;
    append_until(other, 1);
    assert_code("erased", gl_state_append(state, erased, &err), GL_OK, &err);
    assert_hash_equal("chain", state->chain, other->chain);
    ck_assert_uint_eq(state->seq, 1);
    ck_assert_uint_eq(state->count, 0);
    json_decref(erased);
    gl_buf_fini(&hex);
    free(payload);
    gl_state_free(&state);
    gl_state_free(&other);
}
END_TEST

/* A reader that joined: pages of the state at the end, the latest annotations first, and ops from the middle on at the same time. */
START_TEST(pages__and_ops_meet_in_the_same_state)
{
    struct gl_state *server = state_new(), *replica = state_new();
    size_t joined_at = 12, last = json_array_size(entries);
    append_until(server, joined_at);
    replica->seq = server->seq;
    replica->chain = server->chain;
    replica->is_partial = true;
    gl_state_set_mode(replica, server->mode, server->mode_seq);
    append_until(server, last);
    for (size_t i = 0; i < server->count; i++) {
        struct gl_annotation *page;
        append_until(replica, joined_at + i * 3 < last ? joined_at + i * 3 : last);
        ck_assert_int_eq(gl_annotation_from_record(gl_annotation_record(server->items[server->count - 1 - i]), &page, NULL),
                         GL_OK);
        ck_assert_int_eq(gl_state_put(replica, page), GL_OK);
        gl_annotation_unref(&page);
    }
    append_until(replica, last);
    assert_hash_equal("chain", replica->chain, server->chain);
    assert_hash_equal("sum", replica->sum, server->sum);
    ck_assert_uint_eq(replica->live_count, server->live_count);
    gl_state_free(&server);
    gl_state_free(&replica);
}
END_TEST

START_TEST(pages__that_came_before_all_ops_are_left_alone)
{
    struct gl_state *server = state_new(), *replica = state_new();
    size_t joined_at = 12, last = json_array_size(entries);
    append_until(server, joined_at);
    replica->seq = server->seq;
    replica->chain = server->chain;
    replica->is_partial = true;
    append_until(server, last);
    for (size_t i = 0; i < server->count; i++) {
        ck_assert_int_eq(gl_state_put(replica, server->items[i]), GL_OK);
    }
    gl_state_set_mode(replica, server->mode, server->mode_seq);
    append_until(replica, last);
    assert_hash_equal("sum", replica->sum, server->sum);
    for (size_t i = 0; i < server->count; i++) {
        ck_assert_ptr_eq(replica->items[i], server->items[i]);
    }
    gl_state_free(&server);
    gl_state_free(&replica);
}
END_TEST

START_TEST(mode__that_is_newer_is_left_alone)
{
    struct gl_state *state = state_new();
    struct gl_op op;
    gl_state_set_mode(state, "shared", 12);
    ck_assert_int_eq(gl_op_read(row_get(json_array_get(entries, 10), "payload"), &op, NULL),
                     GL_OK); /* op 11 closes the session */
    ck_assert_int_eq(gl_state_apply(state, &op, NULL), GL_OK);
    ck_assert_str_eq(state->mode, "shared");
    gl_op_fini(&op);
    gl_state_free(&state);
}
END_TEST

START_TEST(project__stream_has_a_chain_and_no_annotations)
{
    gl_uuid stream = uuid_of(1), account = uuid_of(2);
    struct gl_state *state = gl_state_new(&stream, NULL);
    struct gl_op op = {.id = uuid_of(3), .account = account, .seq = 1, .kind = GL_OP_LABEL_CREATE};
    op.effects = json_from("[{'ids':[],'prev':{},'set':{'label':'01930002-0001-7000-8000-000002000001','name':'claim'}}]");
    op.intent = json_from("{'change':{'kind':'label.create','name':'claim'}}");
    ck_assert_int_eq(gl_state_apply(state, &op, NULL), GL_OK);
    assert_hash_equal("sum", state->sum, (gl_hash){{0}});
    json_decref(op.effects);
    json_decref(op.intent);
    gl_state_free(&state);
}
END_TEST

START_TEST(index__finds_every_one_of_many)
{
    struct gl_state *state = state_new();
    gl_uuid account = uuid_of(1);
    json_t *set = json_from("{'creator':'01930001-0001-7000-8000-000001000001','status':'active',"
                            "'target':{'revision':'01930001-0001-7000-8000-000001000001','type':'document'}}");
    enum { COUNT = 3000 };
    for (unsigned i = 1; i <= COUNT; i++) {
        gl_uuid id = uuid_of(i * 65536u); /* alike in all the bytes that a careless hash would take */
        struct gl_annotation *annotation;
        json_object_set_new(set, "created", json_integer(i));
        ck_assert_int_eq(gl_annotation_apply(NULL, &id, set, &account, i, &annotation, NULL), GL_OK);
        ck_assert_ptr_null(gl_state_find(state, &id));
        ck_assert_int_eq(gl_state_put(state, annotation), GL_OK);
        ck_assert_ptr_eq(gl_state_find(state, &id), annotation);
        gl_annotation_unref(&annotation);
    }
    for (unsigned i = 1; i <= COUNT; i++) {
        gl_uuid id = uuid_of(i * 65536u);
        ck_assert_uint_eq(gl_state_find(state, &id)->created_seq, i);
    }
    ck_assert_uint_eq(state->live_count, COUNT);
    assert_hash_equal("sum", sum_from_scratch(state), state->sum);
    json_decref(set);
    gl_state_free(&state);
}
END_TEST

/* Thread t has a root and replies, each to the root or to an earlier reply; they are put in an order of their own. */
static struct gl_annotation *reply_of(unsigned number, unsigned parent)
{
    gl_uuid id = uuid_of(number), account = uuid_of(1), to = uuid_of(parent);
    char text[GL_UUID_TEXT + 1];
    struct gl_annotation *annotation;
    gl_uuid_format(&to, text);
    json_t *set = json_pack("{s:i, s:s, s:s, s:{s:s, s:s}}", "created", (int)number, "creator",
                            "01930001-0001-7000-8000-000001000001", "status", "active", "target",
                            parent ? "annotation" : "revision", text, "type", parent ? "annotation" : "document");
    ck_assert_int_eq(gl_annotation_apply(NULL, &id, set, &account, number, &annotation, NULL), GL_OK);
    json_decref(set);
    return annotation;
}

static unsigned parent_of(unsigned number)
{
    return number % 5 == 0 ? 0 : number * number / 3 % number; /* 0: a root */
}

START_TEST(replies__are_found_whatever_order_they_came_in)
{
    enum { COUNT = 200 };
    static const unsigned steps[] = {1, 2, 77, 200}; /* prime to COUNT + 1 */
    struct gl_state *state = state_new();
    for (unsigned i = 0, number = 0; i < COUNT; i++) {
        do {
            number = (number + steps[_i]) % (COUNT + 1);
        } while (number == 0);
        struct gl_annotation *annotation = reply_of(number, parent_of(number));
        ck_assert_int_eq(gl_state_put(state, annotation), GL_OK);
        gl_annotation_unref(&annotation);
    }
    unsigned found = 0, expected = 0;
    for (unsigned number = 1; number <= COUNT; number++) {
        gl_uuid id = uuid_of(number);
        expected += parent_of(number) != 0;
        for (const struct gl_annotation *reply = gl_state_reply_first(state, &id); reply;
             reply = gl_state_reply_next(state, reply), found++) {
            ck_assert(gl_uuid_equal(&reply->link.from, &id));
        }
    }
    ck_assert_uint_eq(found, expected);
    ck_assert_uint_gt(expected, COUNT / 2);
    gl_uuid nobody = uuid_of(COUNT + 1);
    ck_assert_ptr_null(gl_state_reply_first(state, &nobody));
    gl_state_free(&state);
}
END_TEST

int main(void)
{
    vectors = vectors_load("log.json");
    entries = json_object_get(vectors, "ops");
    Suite *suite = suite_create("state");
    TCase *tcase = tcase_create("state");
    tcase_add_test(tcase, log__leads_to_chain_and_state_of_the_vectors);
    tcase_add_loop_test(tcase, state__is_as_before_when_an_op_is_wrong, 0, 11);
    tcase_add_test(tcase, pages__that_came_before_all_ops_are_left_alone);
    tcase_add_test(tcase, mode__that_is_newer_is_left_alone);
    tcase_add_test(tcase, chain__goes_on_over_an_erased_op);
    tcase_add_test(tcase, pages__and_ops_meet_in_the_same_state);
    tcase_add_test(tcase, project__stream_has_a_chain_and_no_annotations);
    tcase_add_loop_test(tcase, replies__are_found_whatever_order_they_came_in, 0, 4);
    tcase_add_test(tcase, index__finds_every_one_of_many);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
