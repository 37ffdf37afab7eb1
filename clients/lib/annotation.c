/*
 * annotation.c - annotations of a replica, for programs that do not see proto.
 */
#include "clients/lib/lib_priv.h"

size_t gloss_annotation_count(const struct gloss_session *session)
{
    return session->replica ? session->replica->count : 0;
}

size_t gloss_annotation_live(const struct gloss_session *session)
{
    return session->replica ? session->replica->live_count : 0;
}

struct gl_annotation *gloss_annotation_at(const struct gloss_session *session, size_t index)
{
    return index < gloss_annotation_count(session) ? session->replica->items[index] : NULL;
}

struct gl_annotation *gloss_annotation_find(const struct gloss_session *session, const char *id)
{
    gl_uuid uuid;
    bool is_id = id && gl_uuid_parse(gl_slice_str(id), &uuid);
    return is_id && session->replica ? gl_state_find(session->replica, &uuid) : NULL;
}

struct gl_annotation *gloss_annotation_ref(struct gl_annotation *annotation)
{
    return gl_annotation_ref(annotation);
}

void gloss_annotation_unref(struct gl_annotation **annotation)
{
    gl_annotation_unref(annotation);
}

const json_t *gloss_annotation_record(const struct gl_annotation *annotation)
{
    return annotation->record;
}

void gloss_annotation_id(const struct gl_annotation *annotation, char id[GLOSS_ID])
{
    gl_uuid_format(&annotation->id, id);
}

bool gloss_annotation_is_deleted(const struct gl_annotation *annotation)
{
    return annotation->is_deleted;
}

bool gloss_annotation_label(const struct gl_annotation *annotation, char id[GLOSS_ID])
{
    id[0] = '\0';
    if (annotation->has_label) {
        gl_uuid_format(&annotation->label, id);
    }
    return annotation->has_label;
}

uint64_t gloss_annotation_begin(const struct gl_annotation *annotation)
{
    return annotation->begin_cp;
}

uint64_t gloss_annotation_end(const struct gl_annotation *annotation)
{
    return annotation->end_cp;
}
