/*
 * annotation_apply.c - effects become state: the only code that does it.
 *
 * The new record shares every member that did not change with the old one, and every value that was set with the effect. That is safe because
 * neither is ever written to.
 */
#include <stdio.h>

#include "proto/model/annotation_priv.h"

/* A record that is being made. */
struct draft {
    json_t *record, *seqs, *who; /* who and seqs belong to record once draft_finish is through */
    gl_uuid creator;
    const gl_uuid *account;
    uint64_t seq;
    bool is_out_of_memory;
};

static json_t *mutable(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
} /* to count another reference */

static void keep(struct draft *draft, int result)
{
    draft->is_out_of_memory |= result != 0;
}

static json_t *json_of_uuid(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_stringn_nocheck(text, GL_UUID_TEXT);
}

static json_t *copy_or_new(const json_t *object)
{
    return object ? record_copy(object) : json_object();
}

/* Who set field, and when. */
static void sign(struct draft *draft, const char *field)
{
    if (!MUTATION(second_seq_lost) || !json_object_get(draft->seqs, field))
        keep(draft, json_object_set_new_nocheck(draft->seqs, field, json_integer((json_int_t)draft->seq)));
    if (gl_uuid_equal(draft->account, &draft->creator) || MUTATION(author_not_kept)) {
        (void)(MUTATION(who_kept) || json_object_del(draft->who, field));
    } else {
        keep(draft, json_object_set_new_nocheck(draft->who, field, json_of_uuid(draft->account)));
    }
}

static void put_member(struct draft *draft, const char *name, const json_t *value)
{
    /* Absent, never null; and "deleted" is there only while it is true. */
    if (json_is_null(value) || (json_is_false(value) && strcmp(name, "deleted") == 0)) {
        if (!MUTATION(null_keeps)) {
            json_object_del(draft->record, name);
        }
    } else {
        keep(draft, json_object_set_nocheck(draft->record, name, mutable(value)));
    }
}

static enum gl_code merge_attributes(struct draft *draft, const json_t *set, struct gl_err *err)
{
    json_t *all = copy_or_new(MUTATION(attributes_replaced) ? NULL : json_object_get(draft->record, "attributes"));
    enum gl_code code = GL_OK;
    keep(draft, all ? 0 : -1);
    for (void *at = json_object_iter(mutable(set)); at && code == GL_OK; at = json_object_iter_next(mutable(set), at)) {
        const char *name = json_object_iter_key(at);
        char field[FIELD_NAME_MAX];
        if ((size_t)snprintf(field, sizeof field, "attributes.%s", name) >= sizeof field) {
            code = gl_fail_at(err, GL_E_MALFORMED, "attributes", "the name of an attribute is too long");
        } else if (json_is_null(json_object_iter_value(at))) {
            json_object_del(all, name);
        } else {
            keep(draft, json_object_set_nocheck(all, name, json_object_iter_value(at)));
        }
        if (code == GL_OK) {
            sign(draft, field);
        }
    }
    if (json_object_size(all) > 0) {
        keep(draft, json_object_set_nocheck(draft->record, "attributes", all));
    } else {
        json_object_del(draft->record, "attributes");
    }
    json_decref(all);
    return code;
}

static enum gl_code apply_fields(struct draft *draft, const json_t *set, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    for (void *at = json_object_iter(mutable(set)); at && code == GL_OK; at = json_object_iter_next(mutable(set), at)) {
        const char *name = json_object_iter_key(at);
        const struct field *field = field_find(name);
        if (field->kind == FIELD_ATTRIBUTES) {
            code = merge_attributes(draft, json_object_iter_value(at), err);
        } else {
            put_member(draft, name, json_object_iter_value(at));
            if (field->flags & IS_TRACKED) {
                sign(draft, name);
            }
        }
    }
    return code;
}

/* The frame of the record: a new one, or a copy of the one before that shares its members. */
static void draft_begin(struct draft *draft, const struct gl_annotation *before, const gl_uuid *id)
{
    const json_t *record = before ? gl_annotation_record(before) : NULL;
    draft->record = copy_or_new(record);
    draft->seqs = copy_or_new(json_object_get(record, "seqs"));
    draft->who = copy_or_new(json_object_get(record, "who"));
    keep(draft, draft->record && draft->seqs && draft->who && (record || !before) ? 0 : -1);
    if (!before) {
        keep(draft, json_object_set_new_nocheck(draft->record, "id", json_of_uuid(id)));
    }
}

static enum gl_code draft_finish(struct draft *draft, struct gl_annotation **after, struct gl_err *err)
{
    keep(draft, json_object_set_nocheck(draft->record, "seqs", draft->seqs));
    if (json_object_size(draft->who) > 0) {
        keep(draft, json_object_set_nocheck(draft->record, "who", draft->who));
    } else {
        json_object_del(draft->record, "who");
    }
    if (draft->is_out_of_memory) {
        return gl_fail(err, GL_E_NOMEM, "no memory for an annotation");
    }
    return annotation_freeze(json_incref(draft->record), after, err);
}

static enum gl_code check_create(const json_t *set, uint64_t seq, gl_uuid *creator, struct gl_err *err)
{
    const json_t *text = json_object_get(set, "creator");
    if (json_integer_value(json_object_get(set, "created")) != (json_int_t)seq) {
        return gl_fail_at(err, GL_E_MALFORMED, "created", "an annotation is created by the op that makes it");
    }
    if (!gl_uuid_parse(gl_slice_of(json_string_value(text), json_string_length(text)), creator)) {
        return gl_fail_at(err, GL_E_MALFORMED, "creator", "the creator is no account");
    }
    return GL_OK;
}

enum gl_code gl_annotation_apply(const struct gl_annotation *before, const gl_uuid *id, const json_t *set, const gl_uuid *account,
                                 uint64_t seq, struct gl_annotation **after, struct gl_err *err)
{
    struct draft draft = {.account = account, .seq = seq};
    *after = NULL;
    enum gl_code code = fields_check(set, before ? ON_UPDATE : ON_CREATE, err);
    if (code == GL_OK && before) {
        draft.creator = before->creator;
    } else if (code == GL_OK) {
        code = check_create(set, seq, &draft.creator, err);
    }
    if (code != GL_OK) {
        return code;
    }
    if (!before && gl_uuid_equal(account, &draft.creator)) {
        code = annotation_create(id, set, account, seq, after);
        if (*after || code != GL_OK) {
            return code == GL_OK ? GL_OK : gl_fail(err, code, "no memory for an annotation");
        }
    }
    draft_begin(&draft, before, id);
    code = apply_fields(&draft, set, err);
    if (code == GL_OK) {
        code = draft_finish(&draft, after, err);
    }
    json_decref(draft.record);
    json_decref(draft.seqs);
    json_decref(draft.who);
    return code;
}
