/*
 * judge_terms.c - what the codebook has to say about an annotation as it would be: its label, its attributes, the ends of a relation.
 *
 * What was asked is checked, and what others made of the annotation meanwhile is counted in. What is on it already and does not fit any more, because the
 * codebook changed, stays until somebody touches it.
 */
#include "service/core/judge_priv.h"

static struct gl_slice text_of(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

/* ---- the annotation as it would be */

struct merged {
    const gl_uuid *label; /* NULL: none */
    gl_uuid label_id;
    bool sets_label;
    enum gl_target_kind kind;
    struct gl_link link;
};

static void merge(const struct trial *trial, struct merged *merged)
{
    *merged = (struct merged){.label = NULL};
    const json_t *label = json_object_get(trial->set, "label"), *target = json_object_get(trial->set, "target");
    const struct gl_annotation *before = trial->before;
    merged->sets_label = label != NULL;
    if (label ? gl_uuid_parse(text_of(label), &merged->label_id) : before && before->has_label) {
        merged->label_id = label ? merged->label_id : before->label;
        merged->label = &merged->label_id;
    }
    if (target) {
        merged->kind = gl_target_read(target, &merged->link);
    } else if (before) {
        merged->kind = before->target_kind;
        merged->link = before->link;
    }
}

/* ---- what is fine by itself and not beside what somebody else set: names the other field */

static bool is_news(const struct trial *trial, const char *field)
{
    uint64_t seq = trial->before ? gl_annotation_field_seq(trial->before, field) : 0;
    gl_uuid author = seq ? gl_annotation_field_author(trial->before, field) : trial->ask->account;
    return seq > trial->ask->base && !gl_uuid_equal(&author, &trial->ask->account);
}

static enum gl_code refuse_conflict(struct trial *trial, const char *field)
{
    char text[GL_UUID_TEXT + 1];
    char why[GL_ERR_DETAIL_MAX];
    gl_uuid author = gl_annotation_field_author(trial->before, field);
    uint64_t seq = gl_annotation_field_seq(trial->before, field);
    gl_uuid_format(&author, text);
    snprintf(why, sizeof why, "%s", trial->err ? trial->err->detail : "");
    *trial->data = json_pack("{s:s, s:s, s:I, s:O}", "field", field, "author", text, "seq", (json_int_t)seq, "current",
                             gl_annotation_record(trial->before));
    return gl_fail_at(trial->err, GL_E_CONFLICT, "base", "somebody else changed %s at seq %llu, and beside that %.200s", field,
                      (unsigned long long)seq, why);
}

static enum gl_code at_path(struct trial *trial, enum gl_code code, const char *path)
{
    char full[GL_ERR_PATH_MAX];
    if (trial->err) {
        snprintf(full, sizeof full, "change.%.*s", (int)sizeof full - 8, path);
        memcpy(trial->err->path, full, sizeof full);
    }
    return code;
}

/* ---- the label */

static enum gl_code check_label(struct trial *trial, const struct merged *merged)
{
    const struct gl_term *term = merged->label ? gl_codebook_find(trial->view->terms, merged->label) : NULL;
    const bool is_relation = merged->kind == GL_TARGET_RELATION;
    if (!merged->sets_label || !term)
        return GL_OK;
    if (term->kind != (is_relation ? GL_TERM_RELATION : GL_TERM_LABEL))
        return gl_fail_at(trial->err, GL_E_UNKNOWN_LABEL, "change.label", "%.*s is no %s", (int)term->name.len, term->name.data,
                          is_relation ? "type of relation" : "label");
    bool is_kept = trial->before && trial->before->has_label && gl_uuid_equal(&trial->before->label, merged->label);
    if (term->is_retired && !is_kept)
        return gl_fail_at(trial->err, GL_E_UNKNOWN_LABEL, "change.label", "%.*s is retired; use another one", (int)term->name.len,
                          term->name.data);
    return GL_OK;
}

/* ---- the ends of a relation */

static const gl_uuid *label_of(const struct gl_annotation *annotation)
{
    return annotation && annotation->has_label ? &annotation->label : NULL;
}

static enum gl_code check_ends(struct trial *trial, const struct merged *merged)
{
    const struct judge_far *far = &trial->ask->far;
    bool is_touched = merged->sets_label || json_object_get(trial->set, "target");
    if (merged->kind != GL_TARGET_RELATION || !is_touched || !merged->label ||
        !gl_codebook_find(trial->view->terms, merged->label)) /* a type that is only being made allows everything */
        return GL_OK;
    const gl_uuid *to = NULL;
    if (gl_uuid_equal(&merged->link.to_session, &trial->view->session))
        to = label_of(judge_find(trial->view, &merged->link.to));
    else if (!judge_knows_far(far, &merged->link))
        return judge_want_far(trial, &merged->link);
    else
        to = far->has_label ? &far->label : NULL;
    enum gl_code code = gl_codebook_check_ends(trial->view->terms, merged->label,
                                               label_of(judge_find(trial->view, &merged->link.from)), to, trial->err);
    if (code == GL_OK)
        return GL_OK;
    const char *other = merged->sets_label ? "target" : "label"; /* of the two, the one that is not asked for */
    if (!json_object_get(trial->set, other) && is_news(trial, other))
        return refuse_conflict(trial, other);
    return at_path(trial, code, merged->sets_label ? "label" : "target");
}

/* ---- attributes */

static enum gl_code check_value(struct trial *trial, const char *name, const json_t *value, const gl_uuid *label)
{
    return gl_codebook_check_attribute(trial->view->terms, gl_slice_str(name), value, label, trial->err);
}

/* Would the value be right on an annotation with a label that suits the attribute? */
static bool is_fine_elsewhere(struct trial *trial, const char *name, const json_t *value)
{
    const struct gl_term *term = gl_codebook_by_name(trial->view->terms, GL_TERM_ATTRIBUTE, gl_slice_str(name));
    const json_t *labels = term ? json_object_get(term->record, "labels") : NULL;
    gl_uuid label;
    for (size_t i = 0; i < json_array_size(labels); i++)
        if (gl_uuid_parse(text_of(json_array_get(labels, i)), &label) &&
            gl_codebook_check_attribute(trial->view->terms, gl_slice_str(name), value, &label, NULL) == GL_OK)
            return true;
    return false;
}

static enum gl_code check_set(struct trial *trial, const struct merged *merged, const char *name, const json_t *value)
{
    char path[GL_ERR_PATH_MAX];
    const struct gl_term *term = gl_codebook_by_name(trial->view->terms, GL_TERM_ATTRIBUTE, gl_slice_str(name));
    const json_t *there = trial->before ? json_object_get(gl_annotation_record(trial->before), "attributes") : NULL;
    snprintf(path, sizeof path, "attributes.%.64s", name);
    if (term && term->is_retired && !json_object_get(there, name)) {
        gl_fail(trial->err, GL_E_INVALID_ATTRIBUTE, "the attribute %.64s is retired; use another one", name);
        return at_path(trial, GL_E_INVALID_ATTRIBUTE, path);
    }
    enum gl_code code = check_value(trial, name, value, merged->label);
    if (code == GL_E_INVALID_ATTRIBUTE && !merged->sets_label && is_news(trial, "label") && is_fine_elsewhere(trial, name, value))
        return refuse_conflict(trial, "label");
    return code == GL_OK ? GL_OK : at_path(trial, code, path);
}

/* An attribute that is there, under a label that is new. */
static enum gl_code check_kept(struct trial *trial, const struct merged *merged, const char *name, const json_t *value)
{
    char field[GL_ERR_PATH_MAX];
    enum gl_code code = check_value(trial, name, value, merged->label);
    if (code == GL_OK ||
        gl_codebook_check_attribute(trial->view->terms, gl_slice_str(name), value, label_of(trial->before), NULL) != GL_OK)
        return GL_OK;
    snprintf(field, sizeof field, "attributes.%.64s", name);
    return is_news(trial, field) ? refuse_conflict(trial, field) : at_path(trial, code, "label");
}

static enum gl_code check_attributes(struct trial *trial, const struct merged *merged)
{
    json_t *set = json_object_get(trial->set, "attributes"), *value;
    const char *name;
    enum gl_code code = GL_OK;
    json_object_foreach(set, name, value)
    {
        if (code == GL_OK && !json_is_null(value))
            code = check_set(trial, merged, name, value);
    }
    if (!trial->before || !merged->sets_label)
        return code;
    json_object_foreach(json_object_get(gl_annotation_record(trial->before), "attributes"), name, value)
    {
        if (code == GL_OK && !json_object_get(set, name))
            code = check_kept(trial, merged, name, value);
    }
    return code;
}

enum gl_code judge_check_terms(struct trial *trial)
{
    struct merged merged;
    if (!trial->view->terms)
        return GL_OK;
    merge(trial, &merged);
    enum gl_code code = check_label(trial, &merged);
    if (code == GL_OK)
        code = check_ends(trial, &merged);
    return code == GL_OK ? check_attributes(trial, &merged) : code;
}
