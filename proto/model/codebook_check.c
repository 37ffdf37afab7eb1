/* codebook_check.c - whether what stands on an annotation is what the codebook allows. */
#include <inttypes.h>

#include "proto/model/codebook_priv.h"

#define VALUES_SAID_BYTES 280

bool gl_codebook_is_below(const struct gl_codebook *codebook, const gl_uuid *label, const gl_uuid *other)
{
    const struct gl_term *term;
    gl_uuid at = *label;
    for (size_t level = 0; level <= GL_LABEL_DEPTH_MAX; level++) {
        if (gl_uuid_equal(&at, other)) {
            return true;
        }
        if (!(term = gl_codebook_find(codebook, &at)) || !term->has_parent) {
            return false;
        }
        at = term->parent;
    }
    return false;
}

/* list NULL: any label, and none. */
static bool is_among(const struct gl_codebook *codebook, const json_t *list, const gl_uuid *label)
{
    gl_uuid id;
    for (size_t i = 0; label && i < json_array_size(list); i++) {
        if (term_uuid(json_array_get(list, i), &id) && gl_codebook_is_below(codebook, label, &id)) {
            return true;
        }
    }
    return list == NULL;
}

/* ---- attributes */

static enum gl_code refuse(struct gl_err *err, const struct gl_term *term, const char *must)
{
    char path[GL_ERR_PATH_MAX] = "attributes.";
    memcpy(path + strlen(path), term->name.data, term->name.len); /* at most 64 letters, and the rest is zeroes */
    return gl_fail_at(err, GL_E_INVALID_ATTRIBUTE, path, "the attribute %.*s must be %s", (int)term->name.len, term->name.data,
                      must);
}

static enum gl_code check_integer(const struct gl_term *term, const json_t *value, struct gl_err *err)
{
    const json_t *minimum = json_object_get(term->record, "minimum"), *maximum = json_object_get(term->record, "maximum");
    struct gl_buf must;
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && (!minimum || number >= json_integer_value(minimum)) &&
        (!maximum || number <= json_integer_value(maximum))) {
        return GL_OK;
    }
    gl_buf_init(&must, 128);
    gl_buf_str(&must, "an integer");
    if (minimum) {
        gl_buf_printf(&must, "%s at least %" PRIi64, maximum ? "," : "", (int64_t)json_integer_value(minimum));
    }
    if (maximum) {
        gl_buf_printf(&must, "%s at most %" PRIi64, minimum ? " and" : ",", (int64_t)json_integer_value(maximum));
    }
    const char *text = gl_buf_cstr(&must);
    enum gl_code code = refuse(err, term, text ? text : "an integer");
    gl_buf_fini(&must);
    return code;
}

/* As many of the values as there is room for. */
static void say_values(struct gl_buf *must, const json_t *values)
{
    gl_buf_str(must, "one of ");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        if (must->len + json_string_length(value) > VALUES_SAID_BYTES) {
            gl_buf_str(must, " ...");
            return;
        }
        gl_buf_str(must, i > 0 ? ", " : "");
        gl_buf_slice(must, term_text(value));
    }
}

static enum gl_code check_enum(const struct gl_term *term, const json_t *value, struct gl_err *err)
{
    const json_t *values = json_object_get(term->record, "values");
    struct gl_buf must;
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (json_equal(json_array_get(values, i), value)) {
            return GL_OK;
        }
    }
    gl_buf_init(&must, 2 * VALUES_SAID_BYTES);
    say_values(&must, values);
    const char *text = gl_buf_cstr(&must);
    enum gl_code code = refuse(err, term, text ? text : "one of its values");
    gl_buf_fini(&must);
    return code;
}

static enum gl_code check_value(const struct gl_term *term, const json_t *value, struct gl_err *err)
{
    struct gl_slice type = term_text(json_object_get(term->record, "type"));
    if (gl_slice_is(type, "integer")) {
        return check_integer(term, value, err);
    }
    if (gl_slice_is(type, "enum")) {
        return check_enum(term, value, err);
    }
    if (gl_slice_is(type, "boolean")) {
        return json_is_boolean(value) ? GL_OK : refuse(err, term, "true or false");
    }
    if (gl_slice_is(type, "link")) {
        bool is_link = json_is_string(value) && gl_is_link(term_text(value));
        return is_link ? GL_OK : refuse(err, term, "a link that begins with https://, http://, mailto:, urn: or doi:");
    }
    return json_is_string(value) ? GL_OK : refuse(err, term, "a text");
}

enum gl_code gl_codebook_check_attribute(const struct gl_codebook *codebook, struct gl_slice name, const json_t *value,
                                         const gl_uuid *label, struct gl_err *err)
{
    const struct gl_term *term = gl_codebook_by_name(codebook, GL_TERM_ATTRIBUTE, name);
    if (!term && gl_codebook_is_open(codebook)) {
        return GL_OK;
    }
    if (!term) {
        return gl_fail_at(err, GL_E_UNKNOWN_ATTRIBUTE, "attributes", "the codebook is closed and has no attribute %.*s",
                          (int)(name.len < 64 ? name.len : 64), name.data);
    }
    if (!is_among(codebook, json_object_get(term->record, "labels"), label)) {
        return refuse(err, term, "on an annotation with one of the labels that the codebook names for it");
    }
    return check_value(term, value, err);
}

/* ---- relations */

static bool may_go(const struct gl_codebook *codebook, const struct gl_term *term, const gl_uuid *from, const gl_uuid *to)
{
    return is_among(codebook, json_object_get(term->record, "from"), from) &&
           is_among(codebook, json_object_get(term->record, "to"), to);
}

enum gl_code gl_codebook_check_ends(const struct gl_codebook *codebook, const gl_uuid *relation, const gl_uuid *from_label,
                                    const gl_uuid *to_label, struct gl_err *err)
{
    const struct gl_term *term = gl_codebook_find(codebook, relation);
    if (!term || term->kind != GL_TERM_RELATION) {
        return gl_fail_at(err, GL_E_UNKNOWN_LABEL, "label", "the codebook has no such type of relation");
    }
    bool may = may_go(codebook, term, from_label, to_label) ||
               (json_object_get(term->record, "symmetric") && may_go(codebook, term, to_label, from_label));
    if (may) {
        return GL_OK;
    }
    return gl_fail_at(err, GL_E_INVALID_ENDPOINT, "target", "the codebook does not allow the relation %.*s between these labels",
                      (int)term->name.len, term->name.data);
}
