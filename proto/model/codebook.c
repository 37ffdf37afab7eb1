/* codebook.c - all terms of a project. */
#include <stdlib.h>

#include "proto/model/codebook_priv.h"

struct shelf { /* the terms of one kind */
    struct gl_term **terms;
    size_t count, cap;
    bool is_sorted;
};

struct gl_codebook {
    bool is_open;
    struct term_index by_id, by_name;
    struct shelf *shelves; /* GL_TERM_KIND_COUNT */
    size_t bytes;          /* of the terms' records */
};

struct gl_codebook *gl_codebook_new(void)
{
    struct gl_codebook *codebook = calloc(1, sizeof *codebook);
    struct shelf *shelves = calloc(GL_TERM_KIND_COUNT, sizeof *shelves);
    if (!codebook || !shelves) {
        free(codebook);
        free(shelves);
        return NULL;
    }
    codebook->shelves = shelves;
    codebook->is_open = true;
    term_index_init(&codebook->by_id, false);
    term_index_init(&codebook->by_name, true);
    return codebook;
}

void gl_codebook_free(struct gl_codebook **address)
{
    struct gl_codebook *codebook = *address;
    *address = NULL;
    if (!codebook) {
        return;
    }
    for (size_t kind = 0; kind < GL_TERM_KIND_COUNT; kind++) {
        for (size_t i = 0; i < codebook->shelves[kind].count; i++) {
            gl_term_free(&codebook->shelves[kind].terms[i]);
        }
        free(codebook->shelves[kind].terms);
    }
    free(codebook->shelves);
    term_index_fini(&codebook->by_id);
    term_index_fini(&codebook->by_name);
    free(codebook);
}

bool gl_codebook_is_open(const struct gl_codebook *codebook)
{
    return codebook->is_open;
}

void gl_codebook_set_open(struct gl_codebook *codebook, bool is_open)
{
    codebook->is_open = is_open;
}

const struct gl_term *gl_codebook_find(const struct gl_codebook *codebook, const gl_uuid *id)
{
    return term_index_by_id(&codebook->by_id, id);
}

const struct gl_term *gl_codebook_by_name(const struct gl_codebook *codebook, enum gl_term_kind kind, struct gl_slice name)
{
    return term_index_by_name(&codebook->by_name, kind, name);
}

/* ---- in order */

static int compare_names(const struct gl_term *a, const struct gl_term *b)
{
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = memcmp(a->name.data, b->name.data, len);
    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int by_name(const void *left, const void *right)
{
    const struct gl_term *a = *(const struct gl_term *const *)left, *b = *(const struct gl_term *const *)right;
    int order = compare_names(a, b);
    return order != 0 ? order : gl_uuid_compare(&a->id, &b->id);
}

size_t gl_codebook_count(const struct gl_codebook *codebook, enum gl_term_kind kind)
{
    return codebook->shelves[kind].count;
}

const struct gl_term *gl_codebook_at(const struct gl_codebook *codebook, enum gl_term_kind kind, size_t i)
{
    struct shelf *shelf = &codebook->shelves[kind];
    if (!shelf->is_sorted) {
        qsort(shelf->terms, shelf->count, sizeof(struct gl_term *), by_name);
        shelf->is_sorted = true;
    }
    return shelf->terms[i];
}

const struct gl_term *gl_codebook_any(const struct gl_codebook *codebook, enum gl_term_kind kind, size_t i)
{
    return codebook->shelves[kind].terms[i];
}

bool gl_codebook_has_room(const struct gl_codebook *codebook, size_t terms, size_t bytes)
{
    size_t count = terms;
    for (size_t kind = 0; kind < GL_TERM_KIND_COUNT; kind++) {
        count += codebook->shelves[kind].count;
    }
    return (terms == 0 || count <= GL_TERMS_MAX) && codebook->bytes + bytes <= GL_CODEBOOK_MAX_BYTES;
}

/* ---- changes */

static bool reserve(struct gl_codebook *codebook, enum gl_term_kind kind)
{
    struct shelf *shelf = &codebook->shelves[kind];
    if (shelf->count == shelf->cap) {
        size_t cap = shelf->cap ? 2 * shelf->cap : 16;
        struct gl_term **terms = realloc(shelf->terms, cap * sizeof(struct gl_term *));
        if (!terms) {
            return false;
        }
        shelf->terms = terms;
        shelf->cap = cap;
    }
    return term_index_reserve(&codebook->by_id, codebook->by_id.count + 1) &&
           term_index_reserve(&codebook->by_name, codebook->by_name.count + 1);
}

static void take_place(struct gl_codebook *codebook, struct gl_term *before, struct gl_term *after)
{
    struct shelf *shelf = &codebook->shelves[after->kind];
    size_t i = 0;
    if (!before) {
        bool is_last = shelf->count == 0 || compare_names(shelf->terms[shelf->count - 1], after) < 0;
        shelf->is_sorted = is_last && (shelf->count == 0 || shelf->is_sorted);
        shelf->terms[shelf->count++] = after;
        return;
    }
    while (shelf->terms[i] != before) {
        i++;
    }
    shelf->terms[i] = after;
    shelf->is_sorted = shelf->is_sorted && gl_slice_equal(before->name, after->name);
}

/* Takes after. While records and ops are read side by side two terms can have one name for a moment: the newer is meant. */
static enum gl_code put(struct gl_codebook *codebook, struct gl_term *after, struct gl_err *err)
{
    struct gl_term *before = term_index_by_id(&codebook->by_id, &after->id);
    if (before && before->kind != after->kind) {
        gl_term_free(&after);
        return gl_fail_at(err, GL_E_MALFORMED, "kind", "a term does not change its kind");
    }
    if (before && before->seq >= after->seq) {
        gl_term_free(&after);
        return GL_OK;
    }
    if (!reserve(codebook, after->kind)) {
        gl_term_free(&after);
        return gl_fail(err, GL_E_NOMEM, "no memory for a term");
    }
    codebook->bytes += after->canonical.len - (before ? before->canonical.len : 0);
    take_place(codebook, before, after);
    term_index_put(&codebook->by_id, after);
    if (before) {
        term_index_remove(&codebook->by_name, before);
    }
    const struct gl_term *other = term_index_by_name(&codebook->by_name, after->kind, after->name);
    if (!other || other->seq < after->seq) {
        term_index_put(&codebook->by_name, after);
    }
    gl_term_free(&before);
    return GL_OK;
}

enum gl_code gl_codebook_put(struct gl_codebook *codebook, const json_t *record, struct gl_err *err)
{
    struct gl_term *term;
    enum gl_code code = term_from_record(record, &term, err);
    return code == GL_OK ? put(codebook, term, err) : code;
}

enum gl_code gl_codebook_take(struct gl_codebook *codebook, struct gl_term **term, struct gl_err *err)
{
    struct gl_term *taken = *term;
    *term = NULL;
    return put(codebook, taken, err);
}

/* ---- ops */

static bool kind_of_op(enum gl_op_kind op, enum gl_term_kind *kind, bool *is_new)
{
    switch (op) {
    case GL_OP_LABEL_CREATE:
    case GL_OP_LABEL_UPDATE: *kind = GL_TERM_LABEL; break;
    case GL_OP_ATTRIBUTE_CREATE:
    case GL_OP_ATTRIBUTE_UPDATE: *kind = GL_TERM_ATTRIBUTE; break;
    case GL_OP_RELATION_CREATE:
    case GL_OP_RELATION_UPDATE: *kind = GL_TERM_RELATION; break;
    default: return false;
    }
    *is_new = op == GL_OP_LABEL_CREATE || op == GL_OP_ATTRIBUTE_CREATE || op == GL_OP_RELATION_CREATE;
    return true;
}

static enum gl_code apply_term(struct gl_codebook *codebook, const struct gl_op *op, const gl_uuid *id, const json_t *set,
                               struct gl_err *err)
{
    enum gl_term_kind kind;
    bool is_new;
    struct gl_term *after;
    const struct gl_term *before = gl_codebook_find(codebook, id);
    if (!kind_of_op(op->kind, &kind, &is_new) || (before && before->seq >= op->seq)) {
        return GL_OK;
    }
    if (is_new != (before == NULL)) {
        return gl_fail(err, GL_E_MALFORMED, is_new ? "a term is made twice" : "a term is changed that is not there");
    }
    enum gl_code code = gl_term_apply(before, kind, id, set, &op->account, op->seq, &after, err);
    return code == GL_OK ? put(codebook, after, err) : code;
}

/* The first version wrote label.create with {"label","name"} in set, and no ids. */
static enum gl_code apply_old_label(struct gl_codebook *codebook, const struct gl_op *op, const json_t *set, struct gl_err *err)
{
    gl_uuid id;
    json_t *name = json_object_get(set, "name");
    if (!term_uuid(json_object_get(set, "label"), &id) || !name) {
        return gl_fail_at(err, GL_E_MALFORMED, "effects", "the new label cannot be read");
    }
    json_t *fields = json_pack("{s:s, s:O}", "kind", "label", "name", name);
    enum gl_code code = fields ? apply_term(codebook, op, &id, fields, err) : gl_fail(err, GL_E_NOMEM, "no memory for a term");
    json_decref(fields);
    return code;
}

static enum gl_code apply_effect(struct gl_codebook *codebook, const struct gl_op *op, const json_t *effect, struct gl_err *err)
{
    const json_t *ids = json_object_get(effect, "ids"), *set = json_object_get(effect, "set");
    enum gl_code code = GL_OK;
    gl_uuid id;
    if (op->kind == GL_OP_CODEBOOK_POLICY) {
        if (!json_is_boolean(json_object_get(set, "open"))) {
            return gl_fail_at(err, GL_E_MALFORMED, "effects", "the policy cannot be read");
        }
        codebook->is_open = json_is_true(json_object_get(set, "open"));
        return GL_OK;
    }
    if (op->kind == GL_OP_LABEL_CREATE && json_array_size(ids) == 0) {
        return apply_old_label(codebook, op, set, err);
    }
    for (size_t i = 0; i < json_array_size(ids) && code == GL_OK; i++) {
        bool is_id = term_uuid(json_array_get(ids, i), &id);
        code = is_id ? apply_term(codebook, op, &id, set, err) : gl_fail_at(err, GL_E_MALFORMED, "effects", "a term has no id");
    }
    return code;
}

enum gl_code gl_codebook_apply(struct gl_codebook *codebook, const struct gl_op *op, struct gl_err *err)
{
    enum gl_term_kind kind;
    bool is_new;
    enum gl_code code = GL_OK;
    if (op->kind != GL_OP_CODEBOOK_POLICY && !kind_of_op(op->kind, &kind, &is_new)) {
        return GL_OK;
    }
    for (size_t i = 0; i < json_array_size(op->effects) && code == GL_OK; i++) {
        code = apply_effect(codebook, op, json_array_get(op->effects, i), err);
    }
    return code;
}
