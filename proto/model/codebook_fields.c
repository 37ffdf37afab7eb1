/* codebook_fields.c - which fields a term has, and what may stand in them: in a record, in an effect, and in what somebody asks for. */
#include <stdio.h>

#include "proto/model/codebook_priv.h"

enum value {
    VALUE_ACCOUNT,
    VALUE_COLOUR,
    VALUE_DEFINITION,
    VALUE_EXAMPLES,
    VALUE_FLAG,
    VALUE_HOTKEY,
    VALUE_KIND,
    VALUE_LABELS,
    VALUE_NAME,
    VALUE_NUMBER,
    VALUE_SEQ,
    VALUE_TERM,
    VALUE_TYPE,
    VALUE_VALUES
};

enum {
    OF_LABEL = 1 << GL_TERM_LABEL,
    OF_ATTRIBUTE = 1 << GL_TERM_ATTRIBUTE,
    OF_RELATION = 1 << GL_TERM_RELATION,
    OF_ALL = OF_LABEL | OF_ATTRIBUTE | OF_RELATION,
    IN_RECORD = 1 << 3, /* otherwise everywhere */
    NOT_NEW = 1 << 4,   /* not in what makes a term */
    NOT_LATER = 1 << 5, /* not in what changes one */
    NEEDED = 1 << 6,    /* in records, and to make one */
    CLEARS = 1 << 7     /* null takes it away */
};

struct term_field {
    const char *name;
    enum value value;
    unsigned flags;
};

static const struct term_field fields[] = {
    {"by", VALUE_ACCOUNT, OF_ALL | IN_RECORD | NEEDED},
    {"colour", VALUE_COLOUR, OF_LABEL | OF_RELATION | CLEARS},
    {"created", VALUE_SEQ, OF_ALL | IN_RECORD | NEEDED},
    {"definition", VALUE_DEFINITION, OF_ALL | CLEARS},
    {"examples", VALUE_EXAMPLES, OF_LABEL | CLEARS},
    {"from", VALUE_LABELS, OF_RELATION | CLEARS},
    {"hotkey", VALUE_HOTKEY, OF_LABEL | CLEARS},
    {"id", VALUE_TERM, OF_ALL | IN_RECORD | NEEDED},
    {"kind", VALUE_KIND, OF_ALL | NOT_LATER | NEEDED},
    {"labels", VALUE_LABELS, OF_ATTRIBUTE | CLEARS},
    {"maximum", VALUE_NUMBER, OF_ATTRIBUTE | CLEARS},
    {"minimum", VALUE_NUMBER, OF_ATTRIBUTE | CLEARS},
    {"name", VALUE_NAME, OF_ALL | NEEDED},
    {"parent", VALUE_TERM, OF_LABEL | CLEARS},
    {"retired", VALUE_FLAG, OF_ALL | NOT_NEW},
    {"seq", VALUE_SEQ, OF_ALL | IN_RECORD | NEEDED},
    {"symmetric", VALUE_FLAG, OF_RELATION},
    {"to", VALUE_LABELS, OF_RELATION | CLEARS},
    {"type", VALUE_TYPE, OF_ATTRIBUTE | NEEDED},
    {"values", VALUE_VALUES, OF_ATTRIBUTE | CLEARS},
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static const char *const kind_names[GL_TERM_KIND_COUNT] = {"label", "attribute", "relation"};
static const char *const types[] = {"text", "integer", "boolean", "enum", "link"};

const char *gl_term_kind_name(enum gl_term_kind kind)
{
    return (unsigned)kind < GL_TERM_KIND_COUNT ? kind_names[kind] : "unknown";
}

bool gl_is_attribute_name(struct gl_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        bool is_other = (c >= '0' && c <= '9') || c == '.' || c == '-';
        if (!is_letter && !(is_other && i > 0)) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 64;
}

bool gl_is_link(struct gl_slice text)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "urn:", "doi:"};
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7F || strchr("\"<>\\^`{|}", text.data[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        if (text.len > len && memcmp(text.data, schemes[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- values: each says what is wrong with one, or NULL */

static const char *wrong_text(const json_t *value, size_t max_bytes, const char *why)
{
    return json_is_string(value) && json_string_length(value) > 0 && json_string_length(value) <= max_bytes ? NULL : why;
}

static const char *wrong_colour(const json_t *value)
{
    const char *text = json_string_value(value);
    bool is_good = text && text[0] == '#' && json_string_length(value) == 7 && strspn(text + 1, "0123456789abcdef") == 6;
    return is_good ? NULL : "must be a colour like #1a2b3c (lower case)";
}

/* One code point that can be seen. */
static const char *wrong_hotkey(const json_t *value)
{
    struct gl_slice text = term_text(value);
    size_t characters = 0;
    for (size_t i = 0; i < text.len; i++) {
        characters += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    bool is_seen = text.len > 0 && (unsigned char)text.data[0] > ' ' && text.data[0] != 0x7F &&
                   !((unsigned char)text.data[0] == 0xC2 && (unsigned char)text.data[1] <= 0xA0);
    return json_is_string(value) && characters == 1 && is_seen ? NULL : "must be one character";
}

static const char *wrong_texts(const json_t *value, size_t max_items, size_t max_bytes, const char *why)
{
    if (!json_is_array(value) || json_array_size(value) == 0 || json_array_size(value) > max_items) {
        return why;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (wrong_text(json_array_get(value, i), max_bytes, why)) {
            return why;
        }
        for (size_t k = 0; k < i; k++) {
            if (json_equal(json_array_get(value, i), json_array_get(value, k))) {
                return why;
            }
        }
    }
    return NULL;
}

static const char *wrong_labels(const json_t *value)
{
    static const char why[] = "must be a list of 1 to 256 different label ids";
    gl_uuid ignored;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!term_uuid(json_array_get(value, i), &ignored)) {
            return why;
        }
    }
    return wrong_texts(value, GL_TERM_LABELS_MAX, GL_UUID_TEXT, why);
}

static const char *wrong_type(const json_t *value)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (json_is_string(value) && gl_slice_is(term_text(value), types[i])) {
            return NULL;
        }
    }
    return "must be text, integer, boolean, enum or link";
}

static const char *wrong_name(const json_t *value, enum gl_term_kind kind)
{
    if (kind != GL_TERM_ATTRIBUTE) {
        return wrong_text(value, GL_LABEL_MAX_BYTES, "must be a text of 1 to 256 bytes");
    }
    return json_is_string(value) && gl_is_attribute_name(term_text(value))
               ? NULL
               : "must be a letter or _ followed by up to 63 letters, digits, _ . or -";
}

static const char *wrong_id(const json_t *value)
{
    gl_uuid ignored;
    return term_uuid(value, &ignored) ? NULL : "must be a UUID in lower case";
}

static const char *wrong_value(const struct term_field *field, enum gl_term_kind kind, const json_t *value, enum term_place place)
{
    if (json_is_null(value) && place == TERM_SET && (field->flags & CLEARS)) {
        return NULL;
    }
    switch (field->value) {
    case VALUE_COLOUR: return wrong_colour(value);
    case VALUE_DEFINITION: return wrong_text(value, GL_DEFINITION_MAX_BYTES, "must be a text of 1 to 8192 bytes");
    case VALUE_EXAMPLES:
        return wrong_texts(value, GL_EXAMPLES_MAX, GL_EXAMPLE_MAX_BYTES,
                           "must be a list of 1 to 32 different texts of 1 to 1024 bytes");
    case VALUE_FLAG:
        return json_is_true(value) || (json_is_false(value) && place != TERM_RECORD) ? NULL : "must be true or false";
    case VALUE_HOTKEY: return wrong_hotkey(value);
    case VALUE_KIND:
        return json_is_string(value) && gl_slice_is(term_text(value), kind_names[kind]) ? NULL : "is of another kind";
    case VALUE_LABELS: return wrong_labels(value);
    case VALUE_NAME: return wrong_name(value, kind);
    case VALUE_NUMBER: return json_is_integer(value) ? NULL : "must be an integer";
    case VALUE_SEQ: return json_is_integer(value) && json_integer_value(value) > 0 ? NULL : "must be a seq";
    case VALUE_ACCOUNT:
    case VALUE_TERM: return wrong_id(value);
    case VALUE_TYPE: return wrong_type(value);
    case VALUE_VALUES:
        return wrong_texts(value, GL_VALUES_MAX, GL_VALUE_MAX_BYTES,
                           "must be a list of 1 to 256 different texts of 1 to 256 bytes");
    }
    return "is not known";
}

/* ---- all of them */

static const struct term_field *field_find(const char *name, enum gl_term_kind kind, enum term_place place)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            unsigned flags = fields[i].flags;
            bool is_here = (flags & (1u << kind)) && !((flags & IN_RECORD) && place != TERM_RECORD) &&
                           !((flags & NOT_NEW) && place == TERM_SET_NEW) && !((flags & NOT_LATER) && place == TERM_SET);
            return is_here ? &fields[i] : NULL;
        }
    }
    return NULL;
}

static bool is_needed(const struct term_field *field, enum gl_term_kind kind, enum term_place place)
{
    return (field->flags & NEEDED) && (field->flags & (1u << kind)) && place != TERM_SET &&
           !((field->flags & IN_RECORD) && place != TERM_RECORD);
}

enum gl_code term_fields_check(enum gl_term_kind kind, const json_t *object, enum term_place place, struct gl_err *err)
{
    if (!json_is_object(object)) {
        return gl_fail(err, GL_E_MALFORMED, "the fields of a term are not an object");
    }
    json_t *lent = (json_t *)(uintptr_t)object; /* iterating changes nothing, but jansson wants it so */
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        const char *name = json_object_iter_key(at), *why;
        const struct term_field *field = field_find(name, kind, place);
        if (!field) {
            return gl_fail_at(err, GL_E_UPGRADE, name, "a term of this kind has no field %.64s here", name);
        }
        if ((why = wrong_value(field, kind, json_object_iter_value(at), place))) {
            return gl_fail_at(err, GL_E_MALFORMED, name, "%s %s", name, why);
        }
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (is_needed(&fields[i], kind, place) && !json_object_get(object, fields[i].name)) {
            return gl_fail_at(err, GL_E_MALFORMED, fields[i].name, "%s is missing", fields[i].name);
        }
    }
    return GL_OK;
}

/* Records and effects may have such a name: the first version took it. Nobody gets one any more. */
static const char *wrong_new_name(const struct term_field *field, enum gl_term_kind kind, const json_t *value)
{
    gl_uuid ignored;
    bool is_id = field->value == VALUE_NAME && kind != GL_TERM_ATTRIBUTE && term_uuid(value, &ignored);
    return is_id ? "must not look like an id: where a term is named, an id means the term with that id" : NULL;
}

enum gl_code gl_term_check_fields(enum gl_term_kind kind, const json_t *asked, bool is_new, struct gl_err *err)
{
    json_t *lent = (json_t *)(uintptr_t)asked;
    enum term_place place = is_new ? TERM_SET_NEW : TERM_SET;
    for (void *at = json_object_iter(lent); at; at = json_object_iter_next(lent, at)) {
        const char *name = json_object_iter_key(at), *why = "is not known here";
        const struct term_field *field = field_find(name, kind, place);
        if (!field || field->value == VALUE_KIND || (why = wrong_value(field, kind, json_object_iter_value(at), place)) ||
            (why = wrong_new_name(field, kind, json_object_iter_value(at)))) {
            return gl_fail_at(err, GL_E_INVALID_PARAMS, name, "%.64s %s", name, why);
        }
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].value != VALUE_KIND && is_needed(&fields[i], kind, place) && !json_object_get(asked, fields[i].name)) {
            return gl_fail_at(err, GL_E_INVALID_PARAMS, fields[i].name, "%s is missing", fields[i].name);
        }
    }
    return GL_OK;
}

const char *term_contradiction(enum gl_term_kind kind, const json_t *record, const char **path)
{
    const json_t *minimum = json_object_get(record, "minimum"), *maximum = json_object_get(record, "maximum"),
                 *values = json_object_get(record, "values");
    if (kind != GL_TERM_ATTRIBUTE) {
        return NULL;
    }
    struct gl_slice type = term_text(json_object_get(record, "type"));
    *path = "values";
    if (gl_slice_is(type, "enum") != (values != NULL)) {
        return values ? "is for attributes of the type enum only" : "is missing: an attribute of the type enum names its values";
    }
    *path = minimum ? "minimum" : "maximum";
    if (!gl_slice_is(type, "integer") && (minimum || maximum)) {
        return "is for attributes of the type integer only";
    }
    return minimum && maximum && json_integer_value(minimum) > json_integer_value(maximum) ? "is above the maximum" : NULL;
}
