/* annotation.c - the annotation as an object: made from a record, counted, looked at. */
#include <stdlib.h>

#include "proto/model/annotation_priv.h"

#define RECORD_MAX_BYTES   ((size_t)16 << 20)
#define RECORD_USUAL_BYTES 900 /* reserved at once: growing in steps costs more than writing */

static struct gl_slice text_of(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

static uint64_t number_of(const json_t *value)
{
    return (uint64_t)json_integer_value(value);
}

struct gl_annotation *gl_annotation_ref(struct gl_annotation *annotation)
{
    annotation->refs++;
    return annotation;
}

void gl_annotation_unref(struct gl_annotation **annotation)
{
    struct gl_annotation *gone = *annotation;
    *annotation = NULL;
    if (!gone || --gone->refs > 0) {
        return;
    }
    json_decref(gone->tree);
    free((char *)(uintptr_t)gone->canonical.data);
    free(gone);
}

void annotation_begin(struct gl_buf *buf)
{
    gl_buf_init(buf, RECORD_MAX_BYTES);
    gl_buf_grow(buf, RECORD_USUAL_BYTES);
    gl_buf_clear(buf);
}

enum gl_code annotation_seal(struct gl_annotation *annotation, struct gl_buf *buf)
{
    enum gl_code code = buf->code;
    char *exact = code == GL_OK ? malloc(buf->len) : NULL; /* the buffer has room to spare, and this one lives long */
    if (exact) {
        memcpy(exact, buf->data, buf->len);
        annotation->canonical = gl_slice_of(exact, buf->len);
        annotation->hash = gl_sha256(exact, buf->len);
    } else if (code == GL_OK) {
        code = GL_E_NOMEM;
    }
    gl_buf_fini(buf);
    return code;
}

static enum gl_code write_canonical(struct gl_annotation *annotation)
{
    struct gl_buf buf;
    annotation_begin(&buf);
    gl_canon_write(&buf, annotation->tree);
    return annotation_seal(annotation, &buf);
}

const json_t *gl_annotation_record(const struct gl_annotation *annotation)
{
    struct gl_annotation *asked = (struct gl_annotation *)(uintptr_t)annotation; /* what it says does not change by being read */
    if (!asked->tree && gl_json_load(asked->canonical, &asked->tree, NULL) != GL_OK) {
        asked->tree = NULL; /* our own writing: only memory can have run out */
    }
    return asked->tree;
}

void gl_annotation_put_away(struct gl_annotation *annotation)
{
    json_decref(annotation->tree);
    annotation->tree = NULL;
}

static uint64_t largest_seq(json_t *seqs)
{
    uint64_t largest = 0;
    for (void *at = json_object_iter(seqs); at; at = json_object_iter_next(seqs, at)) {
        largest = number_of(json_object_iter_value(at)) > largest ? number_of(json_object_iter_value(at)) : largest;
    }
    return largest;
}

static void read_target(struct gl_annotation *annotation, const json_t *target)
{
    const json_t *spans = json_object_get(target, "spans");
    annotation->target_kind = gl_target_read(target, &annotation->link);
    annotation->span_count = json_array_size(spans);
    if (spans) {
        annotation->begin_cp = number_of(json_object_get(json_array_get(spans, 0), "start"));
        annotation->end_cp = number_of(json_object_get(json_array_get(spans, json_array_size(spans) - 1), "end"));
    }
}

/* What is asked often of the members that a record and the effect that makes it have in common. They have passed fields_check. */
bool annotation_read_set(struct gl_annotation *annotation, const json_t *members)
{
    const json_t *label = json_object_get(members, "label");
    annotation->has_label = label != NULL;
    read_target(annotation, json_object_get(members, "target"));
    return gl_status_parse(text_of(json_object_get(members, "status")), &annotation->status) &&
           (!label || gl_uuid_parse(text_of(label), &annotation->label));
}

static bool read_members(struct gl_annotation *annotation)
{
    const json_t *record = annotation->tree;
    annotation->created_seq = number_of(json_object_get(record, "created"));
    annotation->changed_seq = largest_seq(json_object_get(record, "seqs"));
    annotation->is_deleted = json_object_get(record, "deleted") != NULL;
    return annotation_read_set(annotation, record) && gl_uuid_parse(text_of(json_object_get(record, "id")), &annotation->id) &&
           gl_uuid_parse(text_of(json_object_get(record, "creator")), &annotation->creator);
}

json_t *record_copy(const json_t *object)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)object);
    if (copy && json_object_size(copy) != json_object_size(object)) {
        json_decref(copy);
        copy = NULL;
    }
    return copy;
}

enum gl_code annotation_freeze(json_t *record, struct gl_annotation **out, struct gl_err *err)
{
    struct gl_annotation *made = calloc(1, sizeof *made);
    if (!record || !made) {
        json_decref(record);
        free(made);
        return gl_fail(err, GL_E_NOMEM, "no memory for an annotation");
    }
    made->refs = 1;
    made->tree = record;
    enum gl_code code = GL_OK;
    if (!read_members(made)) {
        code = gl_fail(err, GL_E_MALFORMED, "the annotation's record cannot be read");
    }
    if (code == GL_OK && (code = write_canonical(made)) != GL_OK) {
        code = code == GL_E_INVALID_PARAMS ? GL_E_MALFORMED : code;
        gl_fail(err, code, "the annotation's record cannot be written");
    }
    if (code == GL_OK) {
        *out = made;
    } else {
        gl_annotation_unref(&made);
    }
    return code;
}

enum gl_code gl_annotation_from_record(const json_t *record, struct gl_annotation **out, struct gl_err *err)
{
    *out = NULL;
    enum gl_code code = fields_check(record, ON_RECORD, err);
    if (code != GL_OK) {
        return code;
    }
    /* The members are shared: like everything that came off the wire or out of a payload they do not change any more. */
    return annotation_freeze(record_copy(record), out, err);
}

uint64_t gl_annotation_field_seq(const struct gl_annotation *annotation, const char *field)
{
    return number_of(json_object_get(json_object_get(gl_annotation_record(annotation), "seqs"), field));
}

gl_uuid gl_annotation_field_author(const struct gl_annotation *annotation, const char *field)
{
    gl_uuid author = {{0}};
    const json_t *who = json_object_get(json_object_get(gl_annotation_record(annotation), "who"), field);
    if (who) {
        return gl_uuid_parse(text_of(who), &author) ? author : (gl_uuid){{0}};
    }
    return gl_annotation_field_seq(annotation, field) ? annotation->creator : author;
}

struct gl_slice gl_annotation_note(const struct gl_annotation *annotation)
{
    const json_t *note = json_object_get(gl_annotation_record(annotation), "note");
    return note ? text_of(note) : GL_SLICE("");
}

size_t gl_annotation_spans(const struct gl_annotation *annotation, struct gl_span *spans, size_t max)
{
    if (annotation->span_count == 0) {
        return 0;
    }
    const json_t *list = json_object_get(json_object_get(gl_annotation_record(annotation), "target"), "spans");
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && i < max; i++) {
        const json_t *span = json_array_get(list, i);
        spans[i] = (struct gl_span){
            .begin_cp = number_of(json_object_get(span, "start")),
            .end_cp = number_of(json_object_get(span, "end")),
            .exact = text_of(json_object_get(span, "exact")),
            .prefix = text_of(json_object_get(span, "prefix")),
            .suffix = text_of(json_object_get(span, "suffix")),
        };
    }
    return count;
}
