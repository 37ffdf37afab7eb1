/* codebook_term.c - one term: made from a record, or from the one before and an effect. */
#include <stdlib.h>

#include "proto/model/codebook_priv.h"

void gl_term_free(struct gl_term **address)
{
    struct gl_term *term = *address;
    *address = NULL;
    if (!term) {
        return;
    }
    json_decref(term->record);
    free((char *)(uintptr_t)term->canonical.data);
    free(term);
}

static bool kind_of(const json_t *record, enum gl_term_kind *kind)
{
    const json_t *name = json_object_get(record, "kind");
    for (unsigned i = 0; i < GL_TERM_KIND_COUNT; i++) {
        *kind = (enum gl_term_kind)i;
        if (json_is_string(name) && gl_slice_is(term_text(name), gl_term_kind_name(*kind))) {
            return true;
        }
    }
    return false;
}

/* The record has the form of the table of fields. */
static void read_members(struct gl_term *term)
{
    const json_t *parent = json_object_get(term->record, "parent");
    bool is_read = kind_of(term->record, &term->kind) && term_uuid(json_object_get(term->record, "id"), &term->id) &&
                   term_uuid(json_object_get(term->record, "by"), &term->by);
    (void)is_read;
    term->name = term_text(json_object_get(term->record, "name"));
    term->created = (uint64_t)json_integer_value(json_object_get(term->record, "created"));
    term->seq = (uint64_t)json_integer_value(json_object_get(term->record, "seq"));
    term->is_retired = json_object_get(term->record, "retired") != NULL;
    term->has_parent = parent && term_uuid(parent, &term->parent);
}

/* Takes record, also on failure. */
static enum gl_code freeze(json_t *record, struct gl_term **out, struct gl_err *err)
{
    struct gl_term *term = record ? calloc(1, sizeof *term) : NULL;
    struct gl_buf buf;
    if (!term) {
        json_decref(record);
        return gl_fail(err, GL_E_NOMEM, "no memory for a term");
    }
    term->record = record;
    gl_buf_init(&buf, GL_TERM_MAX_BYTES);
    gl_canon_write(&buf, record);
    enum gl_code code = buf.code;
    term->canonical.data = gl_buf_take(&buf, &term->canonical.len);
    code = code == GL_OK && !term->canonical.data ? GL_E_NOMEM : code;
    if (code != GL_OK) {
        gl_buf_fini(&buf);
        gl_term_free(&term);
        return gl_fail(err, code, "a term has at most %d bytes", GL_TERM_MAX_BYTES);
    }
    read_members(term);
    *out = term;
    return GL_OK;
}

/* jansson's own json_copy leaves out what it has no memory for, without a word. */
static json_t *copy_of(const json_t *object)
{
    json_t *copy = json_object(), *lent = (json_t *)(uintptr_t)object;
    bool is_whole = copy != NULL;
    for (void *at = json_object_iter(lent); at && is_whole; at = json_object_iter_next(lent, at)) {
        is_whole = json_object_set_nocheck(copy, json_object_iter_key(at), json_object_iter_value(at)) == 0;
    }
    if (!is_whole) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

enum gl_code term_from_record(const json_t *record, struct gl_term **out, struct gl_err *err)
{
    enum gl_term_kind kind;
    *out = NULL;
    if (!kind_of(record, &kind)) {
        return gl_fail_at(err, json_is_string(json_object_get(record, "kind")) ? GL_E_UPGRADE : GL_E_MALFORMED, "kind",
                          "this version does not know a term of this kind");
    }
    enum gl_code code = term_fields_check(kind, record, TERM_RECORD, err);
    return code == GL_OK ? freeze(copy_of(record), out, err) : code;
}

/* ---- effects */

static bool put(json_t *record, const char *name, json_t *value)
{
    return json_object_set_new_nocheck(record, name, value) == 0;
}

static json_t *json_of_uuid(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_stringn_nocheck(text, GL_UUID_TEXT);
}

static bool merge(json_t *record, const json_t *set)
{
    json_t *lent = (json_t *)(uintptr_t)set;
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        json_t *value = json_object_iter_value(at);
        if (json_is_null(value) || json_is_false(value)) { /* absent, never null; flags stand while they are true */
            json_object_del(record, json_object_iter_key(at));
        } else if (json_object_set_nocheck(record, json_object_iter_key(at), value) != 0) {
            return false;
        }
    }
    return true;
}

static json_t *draft(const struct gl_term *before, enum gl_term_kind kind, const gl_uuid *id, const json_t *set,
                     const gl_uuid *account, uint64_t seq)
{
    json_t *record = before ? copy_of(before->record) : json_object();
    bool is_whole = record && merge(record, set) && put(record, "by", json_of_uuid(account)) &&
                    put(record, "seq", json_integer((json_int_t)seq));
    if (is_whole && !before) {
        is_whole = put(record, "id", json_of_uuid(id)) && put(record, "created", json_integer((json_int_t)seq)) &&
                   put(record, "kind", json_string(gl_term_kind_name(kind)));
    }
    if (!is_whole) {
        json_decref(record);
        return NULL;
    }
    return record;
}

enum gl_code gl_term_apply(const struct gl_term *before, enum gl_term_kind kind, const gl_uuid *id, const json_t *set,
                           const gl_uuid *account, uint64_t seq, struct gl_term **after, struct gl_err *err)
{
    const char *path = NULL, *why;
    *after = NULL;
    enum gl_code code = term_fields_check(kind, set, before ? TERM_SET : TERM_SET_NEW, err);
    if (code != GL_OK) {
        return code;
    }
    json_t *record = draft(before, kind, id, set, account, seq);
    if (record && (why = term_contradiction(kind, record, &path))) {
        json_decref(record);
        return gl_fail_at(err, GL_E_INVALID_PARAMS, path, "%s %s", path, why);
    }
    return freeze(record, after, err);
}
