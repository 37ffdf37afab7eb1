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
    return gl_annotation_record(annotation);
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

_Static_assert((int)GLOSS_TARGET_SPANS == (int)GL_TARGET_SPANS && (int)GLOSS_TARGET_DOCUMENT == (int)GL_TARGET_DOCUMENT &&
                   (int)GLOSS_TARGET_ANNOTATION == (int)GL_TARGET_ANNOTATION &&
                   (int)GLOSS_TARGET_RELATION == (int)GL_TARGET_RELATION,
               "gloss.h and annotation.h disagree about targets");

enum gloss_target gloss_annotation_target(const struct gl_annotation *annotation)
{
    return (enum gloss_target)annotation->target_kind;
}

bool gloss_annotation_parent(const struct gl_annotation *annotation, char id[GLOSS_ID])
{
    bool is_reply = annotation->target_kind == GL_TARGET_ANNOTATION;
    id[0] = '\0';
    if (is_reply) {
        gl_uuid_format(&annotation->link.from, id);
    }
    return is_reply;
}

static void give_id(bool has, const gl_uuid *id, char *out)
{
    if (out && has) {
        gl_uuid_format(id, out);
    } else if (out) {
        out[0] = '\0';
    }
}

bool gloss_annotation_ends(const struct gl_annotation *annotation, char from[GLOSS_ID], char to[GLOSS_ID],
                           char to_session[GLOSS_ID])
{
    bool is_relation = annotation->target_kind == GL_TARGET_RELATION;
    give_id(is_relation, &annotation->link.from, from);
    give_id(is_relation, &annotation->link.to, to);
    give_id(is_relation, &annotation->link.to_session, to_session);
    return is_relation;
}

static bool is_about(const struct gloss_session *session, const struct gl_annotation *annotation, const gl_uuid *id)
{
    bool has_link = annotation->target_kind == GL_TARGET_ANNOTATION || annotation->target_kind == GL_TARGET_RELATION;
    bool ends_here = annotation->target_kind == GL_TARGET_RELATION && gl_uuid_equal(&annotation->link.to_session, &session->uuid);
    return has_link && (gl_uuid_equal(&annotation->link.from, id) || (ends_here && gl_uuid_equal(&annotation->link.to, id)));
}

struct gl_annotation *gloss_annotation_next_about(const struct gloss_session *session, const char *id, size_t *index)
{
    gl_uuid uuid;
    if (!id || !gl_uuid_parse(gl_slice_str(id), &uuid)) {
        return NULL;
    }
    while (*index < gloss_annotation_count(session)) {
        struct gl_annotation *annotation = session->replica->items[(*index)++];
        if (is_about(session, annotation, &uuid)) {
            return annotation;
        }
    }
    return NULL;
}

uint64_t gloss_annotation_begin(const struct gl_annotation *annotation)
{
    return annotation->begin_cp;
}

uint64_t gloss_annotation_end(const struct gl_annotation *annotation)
{
    return annotation->end_cp;
}
