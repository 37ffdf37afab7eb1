/* annotation_fields.c - which fields an annotation has, and what may stand in them. */
#include "proto/model/annotation_priv.h"

const struct field field_table[] = {
    {"agent", FIELD_TEXT, ON_CREATE | ON_RECORD},
    {"attributes", FIELD_ATTRIBUTES, EVERYWHERE},
    {"confidence", FIELD_CONFIDENCE, ON_CREATE | ON_RECORD},
    {"created", FIELD_SEQ, ON_CREATE | ON_RECORD | NEEDS_ON_CREATE | NEEDS_ON_RECORD},
    {"creator", FIELD_UUID, ON_CREATE | ON_RECORD | NEEDS_ON_CREATE | NEEDS_ON_RECORD},
    {"deleted", FIELD_DELETED, ON_UPDATE | ON_RECORD | IS_TRACKED},
    {"id", FIELD_UUID, ON_RECORD | NEEDS_ON_RECORD},
    {"label", FIELD_UUID, EVERYWHERE | NULL_ON_UPDATE | IS_TRACKED},
    {"note", FIELD_TEXT, EVERYWHERE | NULL_ON_UPDATE | IS_TRACKED},
    {"redacted", FIELD_REDACTED, ON_UPDATE | ON_RECORD | IS_TRACKED},
    {"run", FIELD_TEXT, ON_CREATE | ON_RECORD},
    {"seqs", FIELD_SEQS, ON_RECORD | NEEDS_ON_RECORD},
    {"status", FIELD_STATUS, EVERYWHERE | NEEDS_ON_CREATE | NEEDS_ON_RECORD | IS_TRACKED},
    {"target", FIELD_TARGET, EVERYWHERE | NEEDS_ON_CREATE | NEEDS_ON_RECORD | IS_TRACKED},
    {"who", FIELD_WHO, ON_RECORD},
};
const size_t field_count = sizeof field_table / sizeof *field_table;

static const char *const status_names[GL_STATUS_COUNT] = {"proposed", "active", "accepted", "rejected", "resolved"};

const char *gl_status_name(enum gl_status status)
{
    return (unsigned)status < GL_STATUS_COUNT ? status_names[status] : "unknown";
}

bool gl_status_parse(struct gl_slice name, enum gl_status *status)
{
    for (unsigned i = 0; i < GL_STATUS_COUNT; i++) {
        if (gl_slice_is(name, status_names[i])) {
            *status = (enum gl_status)i;
            return true;
        }
    }
    return false;
}

const struct field *field_find(const char *name)
{
    for (size_t i = 0; i < field_count; i++) {
        if (field_table[i].name[0] == name[0] && strcmp(field_table[i].name, name) == 0) {
            return &field_table[i];
        }
    }
    return NULL;
}

static struct gl_slice text_of(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

static bool is_uuid(const json_t *value)
{
    gl_uuid ignored;
    return json_is_string(value) && gl_uuid_parse(text_of(value), &ignored);
}

static bool is_number(const json_t *value, json_int_t least, json_int_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= least && json_integer_value(value) <= most;
}

static bool is_span(const json_t *span)
{
    const json_t *begin = json_object_get(span, "start"), *end = json_object_get(span, "end");
    return json_object_size(span) == 5 && is_number(begin, 0, GL_INT_MAX) &&
           is_number(end, json_integer_value(begin), GL_INT_MAX) && json_is_string(json_object_get(span, "exact")) &&
           json_is_string(json_object_get(span, "prefix")) && json_is_string(json_object_get(span, "suffix"));
}

static enum gl_code check_link(const json_t *target, bool is_relation)
{
    struct gl_link ignored;
    const json_t *to = json_object_get(target, "to");
    if (!link_read(target, &ignored)) {
        return GL_E_MALFORMED;
    }
    return json_object_size(target) == (is_relation ? 3 : 2) && (!is_relation || json_object_size(to) == 2) ? GL_OK
                                                                                                            : GL_E_UPGRADE;
}

static enum gl_code check_spans(const json_t *target)
{
    const json_t *spans = json_object_get(target, "spans");
    if (json_object_size(target) != 3) {
        return json_object_size(target) > 3 ? GL_E_UPGRADE : GL_E_MALFORMED;
    }
    if (json_array_size(spans) == 0 || json_array_size(spans) > GL_SPANS_MAX) {
        return GL_E_MALFORMED;
    }
    for (size_t i = 0; i < json_array_size(spans); i++) {
        if (!is_span(json_array_get(spans, i))) {
            return GL_E_MALFORMED;
        }
    }
    return GL_OK;
}

static enum gl_code check_target(const json_t *target)
{
    struct gl_slice type = text_of(json_object_get(target, "type"));
    if (!json_is_string(json_object_get(target, "type"))) {
        return GL_E_MALFORMED;
    }
    if (gl_slice_is(type, "annotation") || gl_slice_is(type, "relation")) {
        return check_link(target, gl_slice_is(type, "relation"));
    }
    if (!gl_slice_is(type, "document") && !gl_slice_is(type, "spans")) {
        return GL_E_UPGRADE;
    }
    if (!is_uuid(json_object_get(target, "revision"))) {
        return GL_E_MALFORMED;
    }
    if (gl_slice_is(type, "spans")) {
        return check_spans(target);
    }
    return json_object_size(target) == 2 ? GL_OK : GL_E_UPGRADE;
}

static bool is_attribute(const json_t *value, unsigned place)
{
    return json_is_string(value) || json_is_integer(value) || json_is_boolean(value) ||
           (place == ON_UPDATE && json_is_null(value));
}

static bool is_seq(const json_t *value, unsigned place)
{
    (void)place;
    return is_number(value, 1, GL_INT_MAX);
}

static bool is_account(const json_t *value, unsigned place)
{
    (void)place;
    return is_uuid(value);
}

static enum gl_code check_each(const json_t *object, unsigned place, bool (*is_good)(const json_t *, unsigned))
{
    if (!json_is_object(object)) {
        return GL_E_MALFORMED;
    }
    json_t *lent = (json_t *)(uintptr_t)object; /* iterating changes nothing, but jansson wants it so */
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        if (!is_good(json_object_iter_value(at), place)) {
            return GL_E_MALFORMED;
        }
    }
    return GL_OK;
}

static enum gl_code good_if(bool is_good)
{
    return is_good ? GL_OK : GL_E_MALFORMED;
}

static enum gl_code check_value(const struct field *field, const json_t *value, unsigned place)
{
    enum gl_status ignored;
    if (json_is_null(value) && place == ON_UPDATE && (field->flags & NULL_ON_UPDATE)) {
        return GL_OK;
    }
    switch (field->kind) {
    case FIELD_TEXT: return good_if(json_is_string(value));
    case FIELD_UUID: return good_if(is_uuid(value));
    case FIELD_SEQ: return good_if(is_seq(value, place));
    case FIELD_CONFIDENCE: return good_if(is_number(value, 0, 1000));
    case FIELD_STATUS:
        return !json_is_string(value) ? GL_E_MALFORMED : gl_status_parse(text_of(value), &ignored) ? GL_OK : GL_E_UPGRADE;
    case FIELD_TARGET: return check_target(value);
    case FIELD_ATTRIBUTES: return check_each(value, place, is_attribute);
    case FIELD_DELETED: return good_if(place == ON_RECORD ? json_is_true(value) : json_is_boolean(value));
    case FIELD_REDACTED: return good_if(json_is_true(value));
    case FIELD_SEQS: return check_each(value, place, is_seq);
    case FIELD_WHO: return check_each(value, place, is_account);
    }
    return GL_E_INTERNAL;
}

enum gl_code fields_check(const json_t *object, unsigned place, struct gl_err *err)
{
    unsigned needs = place == ON_CREATE ? NEEDS_ON_CREATE : place == ON_RECORD ? NEEDS_ON_RECORD : 0;
    if (!json_is_object(object)) {
        return gl_fail(err, GL_E_MALFORMED, "the fields of an annotation are not an object");
    }
    json_t *lent = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        const struct field *field = field_find(json_object_iter_key(at));
        if (!field || !(field->flags & place)) {
            return gl_fail_at(err, GL_E_UPGRADE, json_object_iter_key(at), "this version does not know the field %.64s here",
                              json_object_iter_key(at));
        }
        enum gl_code code = check_value(field, json_object_iter_value(at), place);
        if (code != GL_OK) {
            return gl_fail_at(err, code, field->name, "the value of %s cannot be read", field->name);
        }
    }
    for (size_t i = 0; needs && i < field_count; i++) {
        if ((field_table[i].flags & needs) && !json_object_get(object, field_table[i].name)) {
            return gl_fail_at(err, GL_E_MALFORMED, field_table[i].name, "%s is missing", field_table[i].name);
        }
    }
    return GL_OK;
}
