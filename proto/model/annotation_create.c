/*
 * annotation_create.c - an annotation as it is made, its record written straight from the effect.
 *
 * Nearly every op of a busy session is a create. Its record is what the effect sets, in the same order, with the id and one seq for every field: so no tree of
 * it is built, sorted and freed; gl_annotation_record() reads one from the bytes if anybody asks. What is not plain (a creator who is not the op's account,
 * names of attributes that cannot stand in a record) takes the way of an update, which also says what is wrong with it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/model/annotation_priv.h"

static json_t *mutable(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
} /* iterating changes nothing, but jansson wants it so */

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names of the attributes in canonical order; false when one of them is not plain. */
static bool sorted_names(const json_t *attributes, const char **names, size_t *count)
{
    *count = 0;
    if (json_object_size(attributes) > GL_ATTRIBUTES_MAX) {
        return false;
    }
    for (void *at = json_object_iter(mutable(attributes)); at; at = json_object_iter_next(mutable(attributes), at)) {
        const char *name = json_object_iter_key(at);
        if (strlen(name) >= FIELD_NAME_MAX - sizeof "attributes.") {
            return false;
        }
        names[(*count)++] = name;
    }
    qsort(names, *count, sizeof *names, by_bytes);
    return true;
}

static void write_seqs(struct gl_buf *buf, const json_t *set, const char *const *names, size_t count, uint64_t seq)
{
    gl_write_name(buf, "seqs");
    gl_buf_byte(buf, '{');
    for (size_t i = 0; i < count; i++) {
        char field[FIELD_NAME_MAX + 1];
        snprintf(field, sizeof field, "attributes.%s", names[i]);
        gl_buf_str(buf, i > 0 ? "," : "");
        gl_canon_string(buf, gl_slice_str(field));
        gl_buf_byte(buf, ':');
        gl_buf_u64(buf, seq);
    }
    for (size_t i = 0; i < field_count; i++) {
        if ((field_table[i].flags & IS_TRACKED) && json_object_get(set, field_table[i].name)) {
            gl_write_u64(buf, field_table[i].name, seq);
        }
    }
    gl_buf_byte(buf, '}');
}

/* The table has the fields in the order of their names. */
static void write_record(struct gl_buf *buf, const gl_uuid *id, const json_t *set, const char *const *names, size_t count,
                         uint64_t seq)
{
    gl_buf_byte(buf, '{');
    for (size_t i = 0; i < field_count; i++) {
        const struct field *field = &field_table[i];
        const json_t *value = json_object_get(set, field->name);
        if (field->kind == FIELD_SEQS) {
            write_seqs(buf, set, names, count, seq);
        } else if (strcmp(field->name, "id") == 0) {
            gl_write_uuid(buf, field->name, id);
        } else if (value && (field->kind != FIELD_ATTRIBUTES || count > 0)) {
            gl_write_name(buf, field->name);
            gl_canon_write(buf, value);
        }
    }
    gl_buf_byte(buf, '}');
}

enum gl_code annotation_create(const gl_uuid *id, const json_t *set, const gl_uuid *creator, uint64_t seq,
                               struct gl_annotation **after)
{
    const char *names[GL_ATTRIBUTES_MAX];
    struct gl_buf buf;
    size_t count;
    *after = NULL;
    if (!sorted_names(json_object_get(set, "attributes"), names, &count)) {
        return GL_OK;
    }
    struct gl_annotation *made = calloc(1, sizeof *made);
    if (!made) {
        return GL_E_NOMEM;
    }
    made->refs = 1;
    made->id = *id;
    made->creator = *creator;
    made->created_seq = made->changed_seq = seq;
    annotation_begin(&buf);
    write_record(&buf, id, set, names, count, seq);
    enum gl_code code = annotation_seal(made, &buf);
    if (code != GL_OK || !annotation_read_set(made, set)) {
        gl_annotation_unref(&made);
    }
    *after = made;
    return code == GL_E_NOMEM ? code : GL_OK;
}
