/*
 * test_property.c - random logs against a model that is too simple to be wrong.
 *
 * The model keeps plain numbers in arrays and writes each record out with printf; nothing of it is shared with proto/model. After every op the
 * records, the count and the sum from scratch must be the same.
 */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

#define ACCOUNTS    3
#define ANNOTATIONS 40
#define OPS         200

/* In the order of the canonical form. */
enum { ATTRIBUTE_A, ATTRIBUTE_B, DELETED, LABEL, NOTE, STATUS, TARGET, FIELD_COUNT };
static const char *const field_names[FIELD_COUNT] = {"attributes.a", "attributes.b", "deleted", "label",
                                                     "note",         "status",       "target"};

/* value 0: not there */
struct model_field {
    unsigned value, seq, who;
};
struct model_annotation {
    bool exists;
    unsigned created, creator;
    struct model_field fields[FIELD_COUNT];
};
struct model {
    struct model_annotation annotations[ANNOTATIONS];
    unsigned mode, mode_seq;
};

static void account_text(unsigned account, char text[GL_UUID_TEXT + 1])
{
    gl_uuid id = uuid_of(1000 + account);
    gl_uuid_format(&id, text);
}

static void annotation_text(unsigned annotation, char text[GL_UUID_TEXT + 1])
{
    gl_uuid id = uuid_of(2000 + annotation);
    gl_uuid_format(&id, text);
}

/* ---- the value of a field as JSON */

static void put_value(struct gl_buf *buf, size_t field, unsigned value)
{
    char id[GL_UUID_TEXT + 1];
    switch (field) {
    case ATTRIBUTE_A: gl_buf_printf(buf, "\"a value %u\"", value); break;
    case ATTRIBUTE_B: gl_buf_printf(buf, "%u", value); break;
    case DELETED: gl_buf_str(buf, value ? "true" : "false"); break;
    case NOTE: gl_buf_printf(buf, "\"note \\n %u \u00e9\"", value); break;
    case STATUS: gl_buf_printf(buf, "\"%s\"", gl_status_name((enum gl_status)(value - 1))); break;
    case LABEL:
        account_text(100 + value, id);
        gl_buf_printf(buf, "\"%s\"", id);
        break;
    default:
        account_text(0, id);
        gl_buf_printf(
            buf,
            "{\"revision\":\"%s\",\"spans\":[{\"end\":%u,\"exact\":\"x\",\"prefix\":\"\",\"start\":%u,\"suffix\":\"\"}],\"type\":\"spans\"}",
            id, value + 1, value);
        break;
    }
}

static void put_or_null(struct gl_buf *buf, size_t field, unsigned value)
{
    if (value == 0 && field != DELETED) {
        gl_buf_str(buf, "null");
    } else {
        put_value(buf, field, value);
    }
}

/* ---- the model's record */

static void put_attributes(struct gl_buf *buf, const struct model_annotation *a)
{
    if (!a->fields[ATTRIBUTE_A].value && !a->fields[ATTRIBUTE_B].value) {
        return;
    }
    gl_buf_str(buf, "\"attributes\":{");
    for (size_t i = ATTRIBUTE_A; i <= ATTRIBUTE_B; i++) {
        if (a->fields[i].value) {
            gl_buf_printf(buf, "%s\"%s\":", i > 0 && a->fields[0].value ? "," : "", field_names[i] + strlen("attributes."));
            put_value(buf, i, a->fields[i].value);
        }
    }
    gl_buf_str(buf, "},");
}

static void put_seqs_and_who(struct gl_buf *buf, const struct model_annotation *a, bool who)
{
    char account[GL_UUID_TEXT + 1];
    size_t written = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct model_field *field = &a->fields[i];
        if (field->seq == 0 || (who && field->who == a->creator)) {
            continue;
        }
        gl_buf_printf(buf, "%s\"%s\":", written++ ? "," : who ? ",\"who\":{" : "", field_names[i]);
        account_text(field->who, account);
        if (who) {
            gl_buf_printf(buf, "\"%s\"", account);
        } else {
            gl_buf_printf(buf, "%u", field->seq);
        }
    }
    gl_buf_str(buf, who && written ? "}" : "");
}

static void model_record(struct gl_buf *buf, const struct model_annotation *a, unsigned number)
{
    char id[GL_UUID_TEXT + 1], creator[GL_UUID_TEXT + 1];
    account_text(a->creator, creator);
    annotation_text(number, id);
    gl_buf_clear(buf);
    gl_buf_byte(buf, '{');
    put_attributes(buf, a);
    gl_buf_printf(buf, "\"created\":%u,\"creator\":\"%s\",%s\"id\":\"%s\",", a->created, creator,
                  a->fields[DELETED].value ? "\"deleted\":true," : "", id);
    for (size_t i = LABEL; i <= NOTE; i++) {
        if (a->fields[i].value) {
            gl_buf_printf(buf, "\"%s\":", field_names[i]);
            put_value(buf, i, a->fields[i].value);
            gl_buf_byte(buf, ',');
        }
    }
    gl_buf_str(buf, "\"seqs\":{");
    put_seqs_and_who(buf, a, false);
    gl_buf_str(buf, "},\"status\":");
    put_value(buf, STATUS, a->fields[STATUS].value);
    gl_buf_str(buf, ",\"target\":");
    put_value(buf, TARGET, a->fields[TARGET].value);
    put_seqs_and_who(buf, a, true);
    gl_buf_byte(buf, '}');
}

static void compare(const struct model *model, const struct gl_state *state, struct gl_buf *scratch)
{
    gl_hash sum = {{0}}, item;
    size_t live = 0, count = 0;
    for (unsigned i = 0; i < ANNOTATIONS; i++) {
        gl_uuid id = uuid_of(2000 + i);
        const struct gl_annotation *there = gl_state_find(state, &id);
        ck_assert_int_eq(there != NULL, model->annotations[i].exists);
        if (!there) {
            continue;
        }
        model_record(scratch, &model->annotations[i], i);
        ck_assert_msg(gl_slice_equal(there->canonical, gl_buf_peek(scratch)), "seq %u:\n  state %.*s\n  model %.*s",
                      (unsigned)state->seq, (int)there->canonical.len, there->canonical.data, (int)scratch->len, scratch->data);
        item = gl_sha256(scratch->data, scratch->len);
        gl_sum_add(&sum, &item);
        live += !model->annotations[i].fields[DELETED].value;
        count++;
    }
    if (model->mode) {
        gl_buf_clear(scratch);
        gl_buf_printf(scratch, "{\"mode\":\"closed\",\"seq\":%u}", model->mode_seq);
        item = gl_sha256(scratch->data, scratch->len);
        gl_sum_add(&sum, &item);
    }
    ck_assert_uint_eq(state->count, count);
    ck_assert_uint_eq(state->live_count, live);
    assert_hash_equal("sum", state->sum, sum);
}

/* ---- random ops */

struct random_op {
    const char *kind;
    struct gl_buf effects;
};

static void set_field(struct model_annotation *a, size_t field, unsigned value, unsigned seq, unsigned account)
{
    a->fields[field] = (struct model_field){value, seq, account};
}

static void random_value(uint64_t *seed, struct gl_buf *buf, struct model_annotation *a, size_t field, unsigned seq,
                         unsigned account)
{
    bool may_go = field != STATUS && field != TARGET;
    unsigned value = may_go && random_below(seed, 3) == 0 ? 0 : 1 + (unsigned)random_below(seed, 5);
    set_field(a, field, value, seq, account);
    put_or_null(buf, field, value);
}

static void random_create(uint64_t *seed, struct random_op *op, struct model *model, unsigned number, unsigned seq,
                          unsigned account)
{
    char id[GL_UUID_TEXT + 1], creator[GL_UUID_TEXT + 1];
    struct model_annotation *a = &model->annotations[number];
    *a = (struct model_annotation){.exists = true, .created = seq, .creator = account};
    annotation_text(number, id);
    account_text(account, creator);
    op->kind = "annotation.create";
    gl_buf_printf(&op->effects, "[{\"ids\":[\"%s\"],\"prev\":{},\"set\":{\"created\":%u,\"creator\":\"%s\"", id, seq, creator);
    for (size_t i = LABEL; i < FIELD_COUNT; i++) {
        if (i == STATUS || i == TARGET || random_below(seed, 2)) {
            set_field(a, i, 1 + (unsigned)random_below(seed, 5), seq, account);
            gl_buf_printf(&op->effects, ",\"%s\":", field_names[i]);
            put_value(&op->effects, i, a->fields[i].value);
        }
    }
    gl_buf_str(&op->effects, "}}]");
}

static void random_update(uint64_t *seed, struct random_op *op, struct model *model, unsigned number, unsigned seq,
                          unsigned account)
{
    char id[GL_UUID_TEXT + 1];
    struct model_annotation *a = &model->annotations[number];
    const char *comma = "";
    annotation_text(number, id);
    op->kind = "annotation.update";
    gl_buf_printf(&op->effects, "[{\"ids\":[\"%s\"],\"prev\":{},\"set\":{", id);
    if (random_below(seed, 2)) {
        size_t field = random_below(seed, 2) ? ATTRIBUTE_A : ATTRIBUTE_B;
        gl_buf_printf(&op->effects, "\"attributes\":{\"%s\":", field_names[field] + strlen("attributes."));
        random_value(seed, &op->effects, a, field, seq, account);
        gl_buf_byte(&op->effects, '}');
        comma = ",";
    }
    for (size_t i = LABEL; i < FIELD_COUNT; i++) {
        if (random_below(seed, 3) == 0) {
            gl_buf_printf(&op->effects, "%s\"%s\":", comma, field_names[i]);
            random_value(seed, &op->effects, a, i, seq, account);
            comma = ",";
        }
    }
    gl_buf_str(&op->effects, "}}]");
}

/* Several at once, in one effect. */
static void random_delete(uint64_t *seed, struct random_op *op, struct model *model, unsigned seq, unsigned account)
{
    unsigned deleted = (unsigned)random_below(seed, 2);
    const char *comma = "";
    op->kind = deleted ? "annotation.delete" : "annotation.restore";
    gl_buf_str(&op->effects, "[{\"ids\":[");
    for (unsigned i = 0; i < ANNOTATIONS; i++) {
        char id[GL_UUID_TEXT + 1];
        if (model->annotations[i].exists && random_below(seed, 8) == 0) {
            annotation_text(i, id);
            set_field(&model->annotations[i], DELETED, deleted, seq, account);
            gl_buf_printf(&op->effects, "%s\"%s\"", comma, id);
            comma = ",";
        }
    }
    gl_buf_printf(&op->effects, "],\"prev\":{},\"set\":{\"deleted\":%s}}]", deleted ? "true" : "false");
}

static void random_mode(uint64_t *seed, struct random_op *op, struct model *model, unsigned seq)
{
    model->mode = (unsigned)random_below(seed, 2);
    model->mode_seq = seq;
    op->kind = "session.mode";
    gl_buf_printf(&op->effects, "[{\"ids\":[],\"prev\":{},\"set\":{\"mode\":\"%s\"}}]", model->mode ? "closed" : "shared");
}

static void random_op(uint64_t *seed, struct random_op *op, struct model *model, unsigned seq, unsigned account)
{
    unsigned number = (unsigned)random_below(seed, ANNOTATIONS);
    size_t what = random_below(seed, 20);
    gl_buf_clear(&op->effects);
    if (what == 0) {
        random_mode(seed, op, model, seq);
    } else if (what < 4) {
        random_delete(seed, op, model, seq, account);
    } else if (model->annotations[number].exists) {
        random_update(seed, op, model, number, seq, account);
    } else {
        random_create(seed, op, model, number, seq, account);
    }
}

static json_t *logged_op(const struct random_op *op, unsigned seq, unsigned account)
{
    char id[GL_UUID_TEXT + 1];
    json_error_t error;
    json_t *effects = json_loadb(op->effects.data, op->effects.len, 0, &error);
    ck_assert_msg(effects != NULL, "%s in %.*s", error.text, (int)op->effects.len, op->effects.data);
    account_text(account, id);
    return json_pack("{s:{s:s, s:s, s:i, s:o, s:{s:{s:s}}, s:s, s:s, s:I}, s:s}", "payload", "account", id, "at",
                     "2026-11-21T18:43:15.123Z", "codebook", 1, "effects", effects, "intent", "change", "kind", op->kind, "kind",
                     op->kind, "op", id, "seq", (json_int_t)seq, "salt", "000102030405060708090a0b0c0d0e0f");
}

START_TEST(random_log__leads_to_the_state_of_the_model)
{
    uint64_t seed = 0xD1B54A32D192ED03u * (uint64_t)(_i + 1);
    gl_uuid stream = uuid_of(7);
    struct gl_state *state = gl_state_new(&stream, NULL);
    struct model *model = calloc(1, sizeof *model);
    struct random_op op = {.kind = NULL};
    struct gl_buf scratch;
    gl_buf_init(&op.effects, SIZE_MAX);
    gl_buf_init(&scratch, SIZE_MAX);
    ck_assert(state && model);
    for (unsigned seq = 1; seq <= OPS; seq++) {
        unsigned account = (unsigned)random_below(&seed, ACCOUNTS);
        struct gl_err err;
        random_op(&seed, &op, model, seq, account);
        json_t *logged = logged_op(&op, seq, account);
        assert_code("append", gl_state_append(state, logged, &err), GL_OK, &err);
        compare(model, state, &scratch);
        json_decref(logged);
    }
    gl_buf_fini(&op.effects);
    gl_buf_fini(&scratch);
    free(model);
    gl_state_free(&state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("property");
    TCase *tcase = tcase_create("property");
    tcase_add_loop_test(tcase, random_log__leads_to_the_state_of_the_model, 0, 12);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
