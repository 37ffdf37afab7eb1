/* test_annotation.c - records, and what effects make of them. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *applied, *refused;

static struct gl_annotation *annotation_of(const json_t *record)
{
    struct gl_annotation *annotation = NULL;
    struct gl_err err;
    if (!json_is_null(record)) {
        assert_code("a record", gl_annotation_from_record(record, &annotation, &err), GL_OK, &err);
    }
    return annotation;
}

static enum gl_code apply_row(const json_t *row, const struct gl_annotation *before, struct gl_annotation **after,
                              struct gl_err *err)
{
    gl_uuid id = row_uuid(row, "id"), account = row_uuid(row, "account");
    return gl_annotation_apply(before, &id, row_get(row, "set"), &account, row_u64(row, "seq"), after, err);
}

START_TEST(apply__makes_the_record_of_the_vectors)
{
    const json_t *row = json_array_get(applied, (size_t)_i);
    struct gl_annotation *before = annotation_of(row_get(row, "before")), *after;
    struct gl_err err;
    assert_code(row_what(row), apply_row(row, before, &after, &err), GL_OK, &err);
    assert_json_equal(row_what(row), gl_annotation_record(after), row_get(row, "after"));
    ck_assert_msg(gl_slice_equal(after->canonical, row_text(row, "canonical")), "%s: %.*s", row_what(row),
                  (int)after->canonical.len, after->canonical.data);
    assert_hash_equal(row_what(row), after->hash, row_hash(row, "sha256"));
    if (before) {
        assert_json_equal("what was before", gl_annotation_record(before), row_get(row, "before"));
    }
    gl_annotation_unref(&before);
    ck_assert_ptr_null(before);
    gl_annotation_unref(&after);
}
END_TEST

START_TEST(record__read_again_is_the_same_annotation)
{
    const json_t *row = json_array_get(applied, (size_t)_i);
    struct gl_annotation *before = annotation_of(row_get(row, "before")), *made, *read = annotation_of(row_get(row, "after"));
    assert_code(row_what(row), apply_row(row, before, &made, NULL), GL_OK, NULL);
    assert_hash_equal(row_what(row), read->hash, made->hash);
    ck_assert(gl_uuid_equal(&read->id, &made->id) && gl_uuid_equal(&read->creator, &made->creator) &&
              gl_uuid_equal(&read->label, &made->label));
    ck_assert(read->created_seq == made->created_seq && read->changed_seq == made->changed_seq &&
              read->has_label == made->has_label);
    ck_assert(read->status == made->status && read->is_deleted == made->is_deleted);
    ck_assert(read->begin_cp == made->begin_cp && read->end_cp == made->end_cp && read->span_count == made->span_count);
    ck_assert(made->has_label == (json_object_get(gl_annotation_record(made), "label") != NULL));
    ck_assert(made->is_deleted == (json_object_get(gl_annotation_record(made), "deleted") != NULL));
    ck_assert_msg(made->changed_seq == row_u64(row, "seq") ||
                      json_object_size(json_object_get(row_get(row, "set"), "attributes")) == 0,
                  "%s: changed at %u", row_what(row), (unsigned)made->changed_seq);
    gl_annotation_unref(&before);
    gl_annotation_unref(&made);
    gl_annotation_unref(&read);
}
END_TEST

START_TEST(fields__know_who_set_them_and_when)
{
    const json_t *row = json_array_get(applied, (size_t)_i), *after = row_get(row, "after");
    struct gl_annotation *annotation = annotation_of(after);
    const char *field;
    json_t *seq;
    json_object_foreach(row_get(after, "seqs"), field, seq)
    {
        const json_t *who = json_object_get(json_object_get(after, "who"), field);
        gl_uuid author = gl_annotation_field_author(annotation, field), expected = row_uuid(after, "creator");
        if (who) {
            ck_assert(gl_uuid_parse(gl_slice_str(json_string_value(who)), &expected));
        }
        ck_assert_uint_eq(gl_annotation_field_seq(annotation, field), (uint64_t)json_integer_value(seq));
        ck_assert(gl_uuid_equal(&author, &expected));
    }
    gl_uuid nobody = gl_annotation_field_author(annotation, "attributes.unheard-of");
    ck_assert_uint_eq(gl_annotation_field_seq(annotation, "attributes.unheard-of"), 0);
    ck_assert(gl_uuid_is_nil(&nobody));
    gl_annotation_unref(&annotation);
}
END_TEST

START_TEST(apply__refuses_what_it_does_not_understand)
{
    const json_t *row = json_array_get(refused, (size_t)_i);
    struct gl_annotation *before = annotation_of(row_get(row, "before")), *after;
    struct gl_err err;
    enum gl_code code = apply_row(row, before, &after, &err);
    ck_assert_msg(gl_slice_is(row_text(row, "name"), gl_code_name(code)), "%s: %s (%s)", row_what(row), gl_code_name(code),
                  err.detail);
    ck_assert_ptr_null(after);
    gl_annotation_unref(&before);
}
END_TEST

/* A good record with one member replaced; "" takes it away. */
START_TEST(record__that_is_none_is_refused)
{
    static const struct {
        const char *member, *value;
        enum gl_code code;
    } rows[] = {
        {"id", "", GL_E_MALFORMED},
        {"id", "'x'", GL_E_MALFORMED},
        {"creator", "", GL_E_MALFORMED},
        {"created", "0", GL_E_MALFORMED},
        {"seqs", "", GL_E_MALFORMED},
        {"seqs", "{'status':0}", GL_E_MALFORMED},
        {"seqs", "[]", GL_E_MALFORMED},
        {"status", "", GL_E_MALFORMED},
        {"status", "'undecided'", GL_E_UPGRADE},
        {"target", "", GL_E_MALFORMED},
        {"target", "{'type':'spans'}", GL_E_MALFORMED},
        {"note", "null", GL_E_MALFORMED},
        {"label", "'claim'", GL_E_MALFORMED},
        {"deleted", "false", GL_E_MALFORMED},
        {"who", "{'note':'ana'}", GL_E_MALFORMED},
        {"attributes", "{'a':null}", GL_E_MALFORMED},
        {"attributes", "{'a':1.5}", GL_E_MALFORMED},
        {"colour", "'red'", GL_E_UPGRADE},
    };
    json_t *record = json_deep_copy(row_get(json_array_get(applied, 0), "after"));
    struct gl_annotation *annotation;
    struct gl_err err;
    if (*rows[_i].value) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "[%s]", rows[_i].value);
        json_t *list = json_from(quoted);
        json_object_set(record, rows[_i].member, json_array_get(list, 0));
        json_decref(list);
    } else {
        json_object_del(record, rows[_i].member);
    }
    enum gl_code code = gl_annotation_from_record(record, &annotation, &err);
    ck_assert_msg(code == rows[_i].code, "%s %s: %s", rows[_i].member, rows[_i].value, gl_code_name(code));
    ck_assert_ptr_null(annotation);
    json_decref(record);
}
END_TEST

START_TEST(record__is_copied)
{
    json_t *record = json_deep_copy(row_get(json_array_get(applied, 0), "after"));
    struct gl_annotation *annotation = annotation_of(record);
    json_object_set_new(record, "note", json_string("added afterwards"));
    ck_assert_uint_eq(gl_annotation_note(annotation).len, 0);
    json_decref(record);
    gl_annotation_unref(&annotation);
}
END_TEST

/* Its own way from the effect to the bytes must end where the way over a tree does, whatever the order in which members came. */
START_TEST(create__writes_what_its_record_has)
{
    static const char *const sets[] = {
        "'attributes':{'z':1,'A':true,'_':'x','a.b':'é','a':'\\u0001'},'note':'a \\'note\\'','label':'01930002-0001-7000-8000-000002000001'",
        "'run':'night','confidence':731,'agent':'tagger/2','attributes':{}",
        "'note':'','attributes':{'one':'\\\\'}",
    };
    static const char frame[] =
        "{'target':{'revision':'01930002-0001-7000-8000-000001000001','type':'document'},%s,'status':'proposed',"
        "'created':7,'creator':'01930002-0001-7000-8000-000003000001'}";
    char text[1024];
    snprintf(text, sizeof text, frame, sets[_i]);
    json_t *set = json_from(text);
    gl_uuid id = row_uuid(json_array_get(applied, 0), "id"), account;
    struct gl_annotation *made, *read;
    struct gl_err err;
    ck_assert(gl_uuid_parse(GL_SLICE("01930002-0001-7000-8000-000003000001"), &account));
    assert_code(sets[_i], gl_annotation_apply(NULL, &id, set, &account, 7, &made, &err), GL_OK, &err);
    ck_assert_ptr_null(made->tree);
    const json_t *record = gl_annotation_record(made);
    assert_code(sets[_i], gl_annotation_from_record(record, &read, &err), GL_OK, &err);
    ck_assert_msg(gl_slice_equal(made->canonical, read->canonical), "%.*s\n%.*s", (int)made->canonical.len, made->canonical.data,
                  (int)read->canonical.len, read->canonical.data);
    const size_t attributes = json_object_size(json_object_get(set, "attributes"));
    ck_assert((json_object_get(record, "attributes") != NULL) == (attributes > 0));
    ck_assert_uint_eq(json_object_size(json_object_get(record, "seqs")),
                      2 + attributes + (json_object_get(set, "note") != NULL) + (json_object_get(set, "label") != NULL));
    json_decref(set);
    gl_annotation_unref(&made);
    gl_annotation_unref(&read);
}
END_TEST

START_TEST(record__put_away_is_read_from_its_bytes)
{
    const json_t *after = row_get(json_array_get(applied, (size_t)_i), "after");
    struct gl_annotation *annotation = annotation_of(after);
    gl_annotation_put_away(annotation);
    ck_assert_ptr_null(annotation->tree);
    assert_json_equal("put away", gl_annotation_record(annotation), after);
    ck_assert_ptr_eq(gl_annotation_record(annotation), gl_annotation_record(annotation));
    gl_annotation_unref(&annotation);
}
END_TEST

static const json_t *applied_named(const char *what)
{
    size_t i;
    json_t *row;
    json_array_foreach(applied, i, row) if (strcmp(row_what(row), what) == 0) return row;
    ck_abort_msg("no vector is called %s", what);
}

START_TEST(link__names_what_a_reply_answers_and_both_ends_of_a_relation)
{
    struct gl_annotation *reply = annotation_of(row_get(applied_named("a reply"), "after")),
                         *relation = annotation_of(row_get(applied_named("a relation's other end"), "after")),
                         *words = annotation_of(row_get(applied_named("create with two spans"), "after")),
                         *whole = annotation_of(row_get(applied_named("create, as little as may be"), "after"));
    gl_uuid one = row_uuid(applied_named("create, as little as may be"), "id");
    ck_assert(reply->target_kind == GL_TARGET_ANNOTATION && gl_uuid_equal(&reply->link.from, &words->id));
    ck_assert(gl_uuid_is_nil(&reply->link.to) && gl_uuid_is_nil(&reply->link.to_session));
    ck_assert(relation->target_kind == GL_TARGET_RELATION && gl_uuid_equal(&relation->link.from, &one));
    ck_assert(gl_uuid_equal(&relation->link.to, &one) && !gl_uuid_is_nil(&relation->link.to_session));
    ck_assert(words->target_kind == GL_TARGET_SPANS && whole->target_kind == GL_TARGET_DOCUMENT);
    ck_assert(gl_uuid_is_nil(&words->link.from) && gl_uuid_is_nil(&whole->link.from));
    ck_assert(relation->begin_cp == 0 && relation->end_cp == 0 && gl_annotation_spans(reply, NULL, 0) == 0);
    gl_annotation_unref(&reply);
    gl_annotation_unref(&relation);
    gl_annotation_unref(&words);
    gl_annotation_unref(&whole);
}
END_TEST

START_TEST(spans__are_lent_in_order)
{
    struct gl_span spans[2];
    struct gl_annotation *annotation = annotation_of(row_get(applied_named("create with two spans"), "after"));
    ck_assert_uint_eq(gl_annotation_spans(annotation, spans, 2), 2);
    ck_assert(gl_slice_is(spans[0].exact, "Moscow") && spans[0].begin_cp == 0 && spans[0].end_cp == 6 &&
              spans[0].prefix.len == 0);
    ck_assert(gl_slice_is(spans[1].exact, "\u4e2d\u56fd") && spans[1].begin_cp == annotation->end_cp - 2);
    ck_assert_uint_eq(gl_annotation_spans(annotation, spans, 0), 2);
    gl_annotation_unref(&annotation);
    annotation = annotation_of(row_get(json_array_get(applied, 0), "after"));
    ck_assert_uint_eq(gl_annotation_spans(annotation, spans, 2), 0);
    gl_annotation_unref(&annotation);
}
END_TEST

START_TEST(status__has_a_name_both_ways)
{
    enum gl_status status;
    for (int i = 0; i < GL_STATUS_COUNT; i++) {
        ck_assert(gl_status_parse(gl_slice_str(gl_status_name((enum gl_status)i)), &status));
        ck_assert_int_eq((int)status, i);
    }
    ck_assert(!gl_status_parse(GL_SLICE("Active"), &status));
}
END_TEST

START_TEST(reference__is_counted)
{
    struct gl_annotation *annotation = annotation_of(row_get(json_array_get(applied, 0), "after")),
                         *other = gl_annotation_ref(annotation);
    gl_annotation_unref(&annotation);
    ck_assert_uint_eq(other->refs, 1);
    gl_annotation_unref(&other);
    gl_annotation_unref(&other);
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load("annotation.json");
    applied = json_object_get(vectors, "applied");
    refused = json_object_get(vectors, "refused");
    int count = (int)json_array_size(applied);
    Suite *suite = suite_create("annotation");
    TCase *tcase = tcase_create("annotation");
    tcase_add_loop_test(tcase, apply__makes_the_record_of_the_vectors, 0, count);
    tcase_add_loop_test(tcase, record__read_again_is_the_same_annotation, 0, count);
    tcase_add_loop_test(tcase, fields__know_who_set_them_and_when, 0, count);
    tcase_add_loop_test(tcase, apply__refuses_what_it_does_not_understand, 0, (int)json_array_size(refused));
    tcase_add_loop_test(tcase, record__that_is_none_is_refused, 0, 18);
    tcase_add_test(tcase, record__is_copied);
    tcase_add_loop_test(tcase, create__writes_what_its_record_has, 0, 3);
    tcase_add_loop_test(tcase, record__put_away_is_read_from_its_bytes, 0, count);
    tcase_add_test(tcase, link__names_what_a_reply_answers_and_both_ends_of_a_relation);
    tcase_add_test(tcase, spans__are_lent_in_order);
    tcase_add_test(tcase, status__has_a_name_both_ways);
    tcase_add_test(tcase, reference__is_counted);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
