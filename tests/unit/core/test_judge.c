/* test_judge.c - the judge by itself, beside a codebook: labels, attributes and the ends of relations, alone and merged with what others did. */
#include <check.h>

#include "service/core/group_priv.h"
#include "tests/support/suite.h"

static const char brief[] = "The harbour is loud. The quay is long.";
static struct gl_text *text;
static struct gl_state *state;
static struct gl_codebook *terms;
static struct judge_view view;
static struct gl_err err;
static json_t *data;

static gl_uuid id_of(const char *name)
{
    return gl_uuid_derive("test", name, strlen(name));
}

/* ' for ", and every NAME in angle brackets for its id. */
static json_t *json_from(const char *form)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 4096);
    for (const char *at = form; *at; at++) {
        size_t len = *at == '<' ? strcspn(at, ">") : 0;
        if (len > 0) {
            gl_uuid id = gl_uuid_derive("test", at + 1, len - 1);
            gl_buf_uuid(&buf, &id);
            at += len;
        } else {
            gl_buf_byte(&buf, *at == '\'' ? '"' : *at);
        }
    }
    json_t *value = json_loads(gl_buf_cstr(&buf), JSON_DECODE_ANY, NULL);
    ck_assert_msg(value != NULL, "%s", gl_buf_cstr(&buf));
    gl_buf_fini(&buf);
    return value;
}

static void put_term(const char *form)
{
    static unsigned seq;
    json_t *record = json_from(form);
    gl_uuid by = id_of("curator");
    char account[GL_UUID_TEXT + 1];
    gl_uuid_format(&by, account);
    json_object_set_new(record, "created", json_integer(1));
    json_object_set_new(record, "seq", json_integer(++seq));
    json_object_set_new(record, "by", json_string(account));
    ck_assert_msg(gl_codebook_put(terms, record, &err) == GL_OK, "%s", err.detail);
    json_decref(record);
}

static json_t *redacted; /* the effects of the last redact that was accepted */

static void setup(void)
{
    gl_uuid session = id_of("session");
    uint8_t sha256[32] = {0};
    ck_assert_int_eq(gl_text_new(gl_slice_str(brief), &text, NULL), GL_OK);
    state = gl_state_new(&session, sha256);
    terms = gl_codebook_new();
    judge_view_init(&view, state);
    view.text = text;
    view.session = session;
    view.terms = terms;
    view.others_may_edit = true;
    put_term("{'id':'<claim>','kind':'label','name':'claim'}");
    put_term("{'id':'<evidence>','kind':'label','name':'evidence'}");
    put_term("{'id':'<place>','kind':'label','name':'place'}");
    put_term("{'id':'<old>','kind':'label','name':'old','retired':true}");
    put_term("{'id':'<page>','kind':'attribute','name':'page','type':'integer','minimum':1,'maximum':99}");
    put_term("{'id':'<tone>','kind':'attribute','name':'tone','type':'enum','values':['calm','loud'],'labels':['<claim>']}");
    put_term("{'id':'<was>','kind':'attribute','name':'was','type':'text','retired':true}");
    put_term("{'id':'<supports>','kind':'relation','name':'supports','from':['<evidence>'],'to':['<claim>']}");
    put_term("{'id':'<near>','kind':'relation','name':'near'}");
}

static void teardown(void)
{
    judge_view_fini(&view);
    gl_state_free(&state);
    gl_codebook_free(&terms);
    gl_text_free(&text);
    json_decref(data);
    data = NULL;
    json_decref(redacted);
    redacted = NULL;
}

static struct judge_far far;

static enum gl_code judge_as(const char *who, uint64_t base, const char *form)
{
    static unsigned number;
    char name[16];
    json_t *change = json_from(form), *label = json_object_get(change, "label");
    struct judge_verdict verdict;
    snprintf(name, sizeof name, "op %u", ++number);
    struct judge_ask ask = {.op = id_of(name), .account = id_of(who), .role = GL_ANNOTATOR, .change = change, .far = far};
    ask.has_base = true;
    ask.base = base;
    if (json_is_null(label))
        ask.label_is = JUDGE_LABEL_REMOVED;
    else if (label && gl_uuid_parse(gl_slice_str(json_string_value(label)), &ask.label))
        ask.label_is = JUDGE_LABEL;
    json_decref(data);
    err = (struct gl_err){0};
    enum gl_code code = judge(&view, &ask, &verdict, &err, &data);
    ck_assert(code != GL_OK || !verdict.wants_far);
    if (code != GL_OK && verdict.wants_far)
        code = GL_E_BUSY;
    json_decref(verdict.effects);
    json_decref(change);
    return code;
}

static void expect(enum gl_code code, enum gl_code expected)
{
    ck_assert_msg(code == expected, "%s instead of %s: %s", gl_code_name(code), gl_code_name(expected), err.detail);
}

#define SPANS "'target':{'type':'spans','spans':[{'exact':'harbour'}]}"

/* ---- words that are erased */

static enum gl_code redact_as(const char *who, enum gl_role role, const struct judge_words *words, const char *form)
{
    struct judge_verdict verdict;
    json_t *change = json_from(form);
    struct judge_ask ask = {.op = id_of("redact"),
                            .account = id_of(who),
                            .role = role,
                            .change = change,
                            .has_base = true,
                            .base = view.seq,
                            .words = words};
    json_decref(data);
    json_decref(redacted);
    redacted = NULL;
    err = (struct gl_err){0};
    enum gl_code code = judge(&view, &ask, &verdict, &err, &data);
    ck_assert(verdict.wants_words == (code == GL_E_BUSY));
    redacted = code == GL_OK ? verdict.effects : NULL;
    json_decref(change);
    return code;
}

static void expect_effects(const char *form)
{
    json_t *expected = json_from(form);
    char *said = json_dumps(redacted, JSON_COMPACT);
    ck_assert_msg(json_equal(redacted, expected), "%s", said);
    free(said);
    json_decref(expected);
}

START_TEST(redact__takes_words_from_record_and_log__and_leaves_what_is_none)
{
    struct judge_word said[] = {{1, id_of("one"), id_of("ana")}, {3, id_of("one"), id_of("ben")}};
    const struct judge_words words = {.list = said, .count = 2}, late = {.as_of = 7};
    expect(judge_as("ana", 0,
                    "{'kind':'annotation.create','annotation':'<one>'," SPANS
                    ",'label':'<claim>','note':'words','attributes':{'tone':'loud','page':3,'free':'words'}}"),
           GL_OK);
    expect(judge_as("ana", 1, "{'kind':'annotation.create','annotation':'<two>'," SPANS "}"), GL_OK);
    expect(judge_as("ben", 2, "{'kind':'annotation.update','annotation':'<one>','attributes':{'free':'others'}}"), GL_OK);
    expect(redact_as("cora", GL_CURATOR, NULL, "{'kind':'redact','annotations':['<one>']}"), GL_E_BUSY);
    expect(redact_as("cora", GL_CURATOR, &late, "{'kind':'redact','annotations':['<one>']}"), GL_E_BUSY);
    expect(redact_as("ana", GL_ANNOTATOR, &words, "{'kind':'redact','annotations':['<one>']}"), GL_E_FORBIDDEN);
    ck_assert_uint_eq(view.seq, 3);
    expect(redact_as("cora", GL_CURATOR, &words, "{'kind':'redact','annotations':['<one>','<two>'],'reason':'because'}"), GL_OK);
    expect_effects(
        "[{'ids':[],'prev':{},'set':{'ops':[1,3]}},"
        "{'ids':['<one>'],'prev':{'note':1,'attributes.free':3},'set':{'note':null,'attributes':{'free':null},'redacted':true}}]");
    ck_assert_uint_eq(view.seq, 4);
    const json_t *record = gl_annotation_record(judge_find(&view, &said[0].annotation));
    ck_assert_ptr_null(json_object_get(record, "note"));
    ck_assert_uint_eq(json_object_size(json_object_get(record, "attributes")), 2);
}
END_TEST

START_TEST(redact__of_an_account__takes_its_words_only)
{
    struct judge_word said[] = {{1, id_of("one"), id_of("ana")}};
    const struct judge_words words = {.list = said, .count = 1}, none = {.count = 0};
    expect(judge_as("ana", 0,
                    "{'kind':'annotation.create','annotation':'<one>'," SPANS ",'note':'words','attributes':{'free':'words'}}"),
           GL_OK);
    expect(judge_as("ben", 1, "{'kind':'annotation.update','annotation':'<one>','note':'others'}"), GL_OK);
    expect(redact_as("ben", GL_ANNOTATOR, &words, "{'kind':'redact','account':'<ana>'}"), GL_E_FORBIDDEN);
    expect(redact_as("ana", GL_ANNOTATOR, &none, "{'kind':'redact','account':'<ana>'}"), GL_E_NOT_FOUND);
    expect(redact_as("ana", GL_ANNOTATOR, &words, "{'kind':'redact','account':'<ana>'}"), GL_OK);
    expect_effects("[{'ids':[],'prev':{},'set':{'ops':[1]}},"
                   "{'ids':['<one>'],'prev':{'attributes.free':1},'set':{'attributes':{'free':null},'redacted':true}}]");
}
END_TEST

/* The oldest words of a list that had no room for the others, and an erasure before it in the same atomic request has taken those. */
START_TEST(redact__of_words_that_were_left_out__does_not_say_that_there_are_none)
{
    const struct judge_words cut = {.was_cut = true}, none = {.was_cut = false};
    expect(redact_as("ana", GL_ANNOTATOR, &cut, "{'kind':'redact','account':'<ana>'}"), GL_E_TOO_LARGE);
    expect(redact_as("ana", GL_ANNOTATOR, &none, "{'kind':'redact','account':'<ana>'}"), GL_E_NOT_FOUND);
}
END_TEST

static struct waiting_op with_words(size_t count, bool was_cut)
{
    struct waiting_op op = {.words = mem_alloc(sizeof *op.words)};
    op.words->list = mem_array(count, sizeof *op.words->list);
    op.words->count = op.words->cap = count;
    op.words->was_cut = was_cut;
    return op;
}

START_TEST(words__that_erasures_have_thinned__are_looked_for_anew_when_some_were_left_out)
{
    const struct session session = {.state = state};
    struct waiting_op cut = with_words(3, true), whole = with_words(3, false);
    ck_assert_ptr_null(words_now(&session, &cut));
    ck_assert_ptr_null(cut.words); /* so that it begins at the log's beginning */
    ck_assert_ptr_eq(words_now(&session, &whole), whole.words);
    words_free(&whole.words);
}
END_TEST

/* ---- by itself */

START_TEST(annotation__is_what_the_codebook_allows)
{
    static const struct {
        const char *fields;
        enum gl_code expected;
        const char *path;
    } rows[] = {
        {"'label':'<claim>'", GL_OK, ""},
        {"'label':'<old>'", GL_E_UNKNOWN_LABEL, "change.label"},
        {"'label':'<near>'", GL_E_UNKNOWN_LABEL, "change.label"},
        {"'label':'<page>'", GL_E_UNKNOWN_LABEL, "change.label"},
        {"'attributes':{'page':7,'unheard_of':true}", GL_OK, ""},
        {"'attributes':{'page':0}", GL_E_INVALID_ATTRIBUTE, "change.attributes.page"},
        {"'attributes':{'page':'7'}", GL_E_INVALID_ATTRIBUTE, "change.attributes.page"},
        {"'attributes':{'was':'x'}", GL_E_INVALID_ATTRIBUTE, "change.attributes.was"},
        {"'attributes':{'tone':'loud'}", GL_E_INVALID_ATTRIBUTE, "change.attributes.tone"},
        {"'label':'<place>','attributes':{'tone':'loud'}", GL_E_INVALID_ATTRIBUTE, "change.attributes.tone"},
        {"'label':'<claim>','attributes':{'tone':'loud'}", GL_OK, ""},
        {"'label':'<claim>','attributes':{'tone':'shrill'}", GL_E_INVALID_ATTRIBUTE, "change.attributes.tone"},
    };
    char form[400];
    snprintf(form, sizeof form, "{'kind':'annotation.create'," SPANS ",%s}", rows[_i].fields);
    expect(judge_as("ana", 0, form), rows[_i].expected);
    ck_assert_msg(rows[_i].expected == GL_OK || strcmp(err.path, rows[_i].path) == 0, "%s", err.path);
}
END_TEST

START_TEST(codebook__that_is_closed__knows_all_attributes)
{
    gl_codebook_set_open(terms, false);
    expect(judge_as("ana", 0, "{'kind':'annotation.create'," SPANS ",'attributes':{'unheard_of':true}}"), GL_E_UNKNOWN_ATTRIBUTE);
    expect(judge_as("ana", 0, "{'kind':'annotation.create'," SPANS ",'attributes':{'page':7}}"), GL_OK);
}
END_TEST

START_TEST(what_is_there__stays_when_the_codebook_changes)
{
    expect(judge_as("ana", 0,
                    "{'kind':'annotation.create','annotation':'<one>'," SPANS
                    ",'label':'<claim>','attributes':{'page':50,'tone':'loud','free':1}}"),
           GL_OK);
    put_term("{'id':'<page>','kind':'attribute','name':'page','type':'integer','minimum':1,'maximum':9}");
    put_term("{'id':'<claim>','kind':'label','name':'claim','retired':true}");
    gl_codebook_set_open(terms, false);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','note':'still'}"), GL_OK);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','label':'<claim>'}"), GL_OK);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'page':49}}"),
           GL_E_INVALID_ATTRIBUTE);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'free':null}}"), GL_OK);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','label':'<place>','attributes':{'tone':null}}"),
           GL_OK); /* page did not fit before either */
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','label':'<claim>'}"), GL_E_UNKNOWN_LABEL);
}
END_TEST

/* ---- merged */

static void expect_conflict(enum gl_code code, const char *field, json_int_t seq)
{
    gl_uuid ben = id_of("ben");
    char author[GL_UUID_TEXT + 1];
    gl_uuid_format(&ben, author);
    expect(code, GL_E_CONFLICT);
    ck_assert_str_eq(json_string_value(json_object_get(data, "field")), field);
    ck_assert_str_eq(json_string_value(json_object_get(data, "author")), author);
    ck_assert_int_eq(json_integer_value(json_object_get(data, "seq")), seq);
    ck_assert(json_is_object(json_object_get(data, "current")));
    ck_assert_msg(strstr(err.detail, field) != NULL, "%s", err.detail);
}

START_TEST(attribute__beside_a_label_that_somebody_changed__is_a_conflict)
{
    expect(judge_as("ana", 0, "{'kind':'annotation.create','annotation':'<one>'," SPANS ",'label':'<claim>'}"), GL_OK);
    expect(judge_as("ben", 1, "{'kind':'annotation.update','annotation':'<one>','label':'<place>'}"), GL_OK);
    expect_conflict(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'tone':'loud'}}"), "label",
                    2);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'tone':'shrill'}}"),
           GL_E_INVALID_ATTRIBUTE); /* wrong anywhere */
    expect(judge_as("ana", 2, "{'kind':'annotation.update','annotation':'<one>','attributes':{'tone':'loud'}}"),
           GL_E_INVALID_ATTRIBUTE); /* she had seen the label */
    expect(judge_as("ben", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'tone':'loud'}}"),
           GL_E_INVALID_ATTRIBUTE); /* it was he */
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'page':3}}"), GL_OK);
}
END_TEST

START_TEST(label__beside_an_attribute_that_somebody_set__is_a_conflict)
{
    expect(judge_as("ana", 0, "{'kind':'annotation.create','annotation':'<one>'," SPANS ",'label':'<claim>'}"), GL_OK);
    expect(judge_as("ben", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'tone':'loud'}}"), GL_OK);
    expect_conflict(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','label':'<place>'}"), "attributes.tone",
                    2);
    expect_conflict(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','label':null}"), "attributes.tone", 2);
    expect(judge_as("ana", 2, "{'kind':'annotation.update','annotation':'<one>','label':'<place>'}"), GL_E_INVALID_ATTRIBUTE);
    ck_assert_str_eq(err.path, "change.label");
    expect(judge_as("ana", 2, "{'kind':'annotation.update','annotation':'<one>','label':'<place>','attributes':{'tone':null}}"),
           GL_OK);
}
END_TEST

/* ---- relations */

static void make_three(void)
{
    expect(judge_as("ana", 0, "{'kind':'annotation.create','annotation':'<c>'," SPANS ",'label':'<claim>'}"), GL_OK);
    expect(judge_as("ana", 0, "{'kind':'annotation.create','annotation':'<e>'," SPANS ",'label':'<evidence>'}"), GL_OK);
    expect(judge_as("ana", 0, "{'kind':'annotation.create','annotation':'<p>'," SPANS "}"), GL_OK);
}

START_TEST(relation__goes_between_the_labels_of_its_type)
{
    static const struct {
        const char *from, *to, *label;
        enum gl_code expected;
    } rows[] = {
        {"e", "c", "'<supports>'", GL_OK},
        {"c", "e", "'<supports>'", GL_E_INVALID_ENDPOINT},
        {"e", "p", "'<supports>'", GL_E_INVALID_ENDPOINT},
        {"p", "c", "'<supports>'", GL_E_INVALID_ENDPOINT},
        {"p", "c", "'<near>'", GL_OK},
        {"c", "e", "'<claim>'", GL_E_UNKNOWN_LABEL},
    };
    char form[400];
    make_three();
    snprintf(form, sizeof form,
             "{'kind':'annotation.create','target':{'type':'relation','from':'<%s>','to':{'annotation':'<%s>'}},'label':%s}",
             rows[_i].from, rows[_i].to, rows[_i].label);
    expect(judge_as("ben", 0, form), rows[_i].expected);
}
END_TEST

START_TEST(relation__whose_other_side_somebody_changed__is_a_conflict)
{
    make_three();
    expect(judge_as("ana", 0,
                    "{'kind':'annotation.create','annotation':'<r>','label':'<near>',"
                    "'target':{'type':'relation','from':'<e>','to':{'annotation':'<c>'}}}"),
           GL_OK);
    expect(judge_as("ben", 4,
                    "{'kind':'annotation.update','annotation':'<r>',"
                    "'target':{'type':'relation','from':'<c>','to':{'annotation':'<e>'}}}"),
           GL_OK);
    expect_conflict(judge_as("ana", 4, "{'kind':'annotation.update','annotation':'<r>','label':'<supports>'}"), "target", 5);
    expect(judge_as("ana", 5, "{'kind':'annotation.update','annotation':'<r>','label':'<supports>'}"), GL_E_INVALID_ENDPOINT);
    ck_assert_str_eq(err.path, "change.label");
    expect(judge_as("ana", 5, "{'kind':'annotation.delete','annotation':'<c>'}"), GL_OK); /* it dangles, and stands */
    expect(judge_as("ana", 6, "{'kind':'annotation.update','annotation':'<r>','note':'dangling'}"), GL_OK);
}
END_TEST

START_TEST(far_end__counts_with_its_label__once_it_was_looked_up)
{
    static const char form[] = "{'kind':'annotation.create','label':'<supports>',"
                               "'target':{'type':'relation','from':'<e>','to':{'annotation':'<x>','session':'<elsewhere>'}}}";
    make_three();
    expect(judge_as("ben", 0, form), GL_E_BUSY);
    far = (struct judge_far){.session = id_of("elsewhere"), .annotation = id_of("y"), .is = JUDGE_FAR_THERE};
    expect(judge_as("ben", 0, form), GL_E_BUSY); /* that was another one */
    far.annotation = id_of("x");
    expect(judge_as("ben", 0, form), GL_E_INVALID_ENDPOINT);
    far.has_label = true;
    far.label = id_of("claim");
    expect(judge_as("ben", 0, form), GL_OK);
    far.is = JUDGE_FAR_DELETED;
    expect(judge_as("ben", 0, form), GL_E_GONE);
    far.is = JUDGE_FAR_MISSING;
    expect(judge_as("ben", 0, form), GL_E_NOT_FOUND);
    far = (struct judge_far){.is = JUDGE_FAR_NOT_ASKED};
}
END_TEST

/* ---- provenance and status */

START_TEST(provenance__is_kept_whatever_becomes_of_the_proposal)
{
    static const char *const statuses[] = {"accepted", "rejected", "active", "resolved", "active", "proposed", "accepted"};
    const struct gl_annotation *it;
    char form[200];
    expect(judge_as("bot", 0,
                    "{'kind':'annotation.create','annotation':'<one>'," SPANS
                    ",'agent':'tagger/2','run':'night','confidence':731}"),
           GL_OK);
    gl_uuid one = id_of("one");
    ck_assert_int_eq(judge_find(&view, &one)->status, GL_PROPOSED);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        snprintf(form, sizeof form, "{'kind':'annotation.update','annotation':'<one>','status':'%s','note':'seen'}", statuses[i]);
        expect(judge_as(i % 2 ? "ana" : "ben", 1 + i, form), GL_OK);
        it = judge_find(&view, &one);
        ck_assert_str_eq(gl_status_name(it->status), statuses[i]);
        ck_assert_str_eq(json_string_value(json_object_get(gl_annotation_record(it), "agent")), "tagger/2");
        ck_assert_str_eq(json_string_value(json_object_get(gl_annotation_record(it), "run")), "night");
        ck_assert_int_eq(json_integer_value(json_object_get(gl_annotation_record(it), "confidence")), 731);
    }
    expect(judge_as("ana", 9, "{'kind':'annotation.update','annotation':'<one>','agent':'me'}"), GL_E_INVALID_PARAMS);
    expect(judge_as("ana", 9, "{'kind':'annotation.update','annotation':'<one>','confidence':1000}"), GL_E_INVALID_PARAMS);
}
END_TEST

START_TEST(decision__depends_on_the_whole_annotation)
{
    static const char *const decided[] = {"accepted", "rejected", "resolved"};
    char form[200];
    expect(judge_as("ana", 0, "{'kind':'annotation.create','annotation':'<one>'," SPANS "}"), GL_OK);
    expect(judge_as("ben", 1, "{'kind':'annotation.update','annotation':'<one>','attributes':{'page':3}}"), GL_OK);
    snprintf(form, sizeof form, "{'kind':'annotation.update','annotation':'<one>','status':'%s'}", decided[_i]);
    expect(judge_as("ana", 1, form), GL_E_STALE);
    expect(judge_as("ana", 1, "{'kind':'annotation.update','annotation':'<one>','status':'active'}"), GL_OK);
    expect(judge_as("ana", 2, form), GL_OK);
}
END_TEST

START_TEST(delete__behind_others_that_looked_at_too_much__is_refused)
{
    make_three();
    for (unsigned i = 0; i < 3; i++)
        expect(judge_as("ana", 0, "{'kind':'annotation.create','target':{'type':'annotation','annotation':'<c>'},'note':'hm'}"),
               GL_OK);
    expect(judge_as("ana", 6, "{'kind':'annotation.delete','annotation':'<c>'}"), GL_OK);
    ck_assert_uint_ge(view.steps, 3);
    view.steps = JUDGE_BLOCK_STEPS;
    expect(judge_as("ana", 6, "{'kind':'annotation.delete','annotation':'<e>'}"), GL_E_TOO_LARGE);
    view.steps = 0;
    expect(judge_as("ana", 6, "{'kind':'annotation.delete','annotation':'<e>'}"), GL_OK);
}
END_TEST

/* ---- many spans */

START_TEST(spans__up_to_64__are_one_target)
{
    struct gl_buf form;
    struct gl_span spans[GL_SPANS_MAX];
    gl_uuid one = id_of("one");
    char long_brief[300];
    memset(long_brief, 'x', sizeof long_brief - 1);
    long_brief[sizeof long_brief - 1] = '\0';
    gl_text_free(&text);
    ck_assert_int_eq(gl_text_new(gl_slice_str(long_brief), &text, NULL), GL_OK);
    view.text = text;
    gl_buf_init(&form, 8192);
    gl_buf_str(&form, "{'kind':'annotation.create','annotation':'<one>','target':{'type':'spans','spans':[");
    for (int i = 0; i < _i; i++)
        gl_buf_printf(&form, "%s{'start':%d,'end':%d}", i ? "," : "", i * 4, i * 4 + 3);
    gl_buf_str(&form, "]}}");
    expect(judge_as("ana", 0, gl_buf_cstr(&form)), _i <= GL_SPANS_MAX ? GL_OK : GL_E_INVALID_PARAMS);
    const struct gl_annotation *it = judge_find(&view, &one);
    ck_assert(!it == (_i > GL_SPANS_MAX));
    if (it) {
        ck_assert_uint_eq(gl_annotation_spans(it, spans, GL_SPANS_MAX), (size_t)_i);
        ck_assert_uint_eq(it->end_cp, (size_t)(_i - 1) * 4 + 3);
        ck_assert_uint_eq(spans[_i - 1].begin_cp, (size_t)(_i - 1) * 4);
    }
    gl_buf_fini(&form);
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, annotation__is_what_the_codebook_allows, 0, 12);
    tcase_add_test(tcase, redact__takes_words_from_record_and_log__and_leaves_what_is_none);
    tcase_add_test(tcase, redact__of_an_account__takes_its_words_only);
    tcase_add_test(tcase, redact__of_words_that_were_left_out__does_not_say_that_there_are_none);
    tcase_add_test(tcase, words__that_erasures_have_thinned__are_looked_for_anew_when_some_were_left_out);
    tcase_add_test(tcase, codebook__that_is_closed__knows_all_attributes);
    tcase_add_test(tcase, what_is_there__stays_when_the_codebook_changes);
    tcase_add_test(tcase, attribute__beside_a_label_that_somebody_changed__is_a_conflict);
    tcase_add_test(tcase, label__beside_an_attribute_that_somebody_set__is_a_conflict);
    tcase_add_loop_test(tcase, relation__goes_between_the_labels_of_its_type, 0, 6);
    tcase_add_test(tcase, relation__whose_other_side_somebody_changed__is_a_conflict);
    tcase_add_test(tcase, far_end__counts_with_its_label__once_it_was_looked_up);
    tcase_add_test(tcase, provenance__is_kept_whatever_becomes_of_the_proposal);
    tcase_add_loop_test(tcase, decision__depends_on_the_whole_annotation, 0, 3);
    tcase_add_test(tcase, delete__behind_others_that_looked_at_too_much__is_refused);
    tcase_add_loop_test(tcase, spans__up_to_64__are_one_target, 63, 66);
}

int main(void)
{
    return suite_run("judge", add);
}
