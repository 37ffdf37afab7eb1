/* target_link.c - targets that are annotations: what a reply answers, and the two ends of a relation. */
#include "proto/model/annotation_priv.h"

static bool read_id(const json_t *object, const char *name, gl_uuid *id)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) && gl_uuid_parse(gl_slice_of(json_string_value(value), json_string_length(value)), id);
}

bool link_read(const json_t *stored, struct gl_link *link)
{
    const json_t *to = json_object_get(stored, "to");
    *link = (struct gl_link){.from = {{0}}};
    if (!to) {
        return read_id(stored, "annotation", &link->from);
    }
    return read_id(stored, "from", &link->from) && read_id(to, "annotation", &link->to) &&
           read_id(to, "session", &link->to_session);
}

enum gl_target_kind gl_target_read(const json_t *stored, struct gl_link *link)
{
    const json_t *type = json_object_get(stored, "type");
    struct gl_slice name = gl_slice_of(json_string_value(type), json_string_length(type));
    if (link_read(stored, link)) {
        return gl_slice_is(name, "relation") ? GL_TARGET_RELATION : GL_TARGET_ANNOTATION;
    }
    *link = (struct gl_link){.from = {{0}}};
    return gl_slice_is(name, "spans") ? GL_TARGET_SPANS : GL_TARGET_DOCUMENT;
}

static json_t *stored_reply(const struct gl_link *link)
{
    char parent[GL_UUID_TEXT + 1];
    gl_uuid_format(&link->from, parent);
    return json_pack("{s:s, s:s}", "annotation", parent, "type", "annotation");
}

static json_t *stored_relation(const struct gl_link *link)
{
    char from[GL_UUID_TEXT + 1], to[GL_UUID_TEXT + 1], to_session[GL_UUID_TEXT + 1];
    gl_uuid_format(&link->from, from);
    gl_uuid_format(&link->to, to);
    gl_uuid_format(&link->to_session, to_session);
    return json_pack("{s:s, s:{s:s, s:s}, s:s}", "from", from, "to", "annotation", to, "session", to_session, "type", "relation");
}

static void read_relation(struct gl_reader *reader, const json_t *requested, const gl_uuid *session, struct gl_link *link)
{
    static const char *const members[] = {"type", "from", "to", NULL}, *const of_end[] = {"annotation", "session", NULL};
    bool has_session;
    gl_read_only(reader, requested, members);
    link->from = gl_read_uuid(reader, requested, "from", GL_REQUIRED, NULL);
    const json_t *to = gl_read_object(reader, requested, "to", GL_REQUIRED, NULL);
    size_t mark = gl_reader_enter(reader, "to");
    gl_read_only(reader, to, of_end);
    link->to = gl_read_uuid(reader, to, "annotation", GL_REQUIRED, NULL);
    link->to_session = gl_read_uuid(reader, to, "session", 0, &has_session);
    gl_reader_leave(reader, mark);
    if (!has_session) {
        link->to_session = *session;
    }
    if (reader->code == GL_OK && gl_uuid_equal(&link->from, &link->to) && gl_uuid_equal(&link->to_session, session)) {
        gl_reader_fail(reader, GL_E_INVALID_PARAMS, "a relation joins two annotations, not one with itself");
    }
}

enum gl_code link_resolve(const json_t *requested, bool is_relation, const gl_uuid *session, json_t **stored, struct gl_err *err)
{
    static const char *const of_reply[] = {"type", "annotation", NULL};
    struct gl_link link = {.from = {{0}}};
    struct gl_reader reader;
    gl_reader_init(&reader, NULL);
    if (is_relation) {
        read_relation(&reader, requested, session, &link);
    } else {
        gl_read_only(&reader, requested, of_reply);
        link.from = gl_read_uuid(&reader, requested, "annotation", GL_REQUIRED, NULL);
    }
    if (reader.code != GL_OK) {
        if (err) {
            *err = reader.err;
        }
        return reader.code;
    }
    *stored = is_relation ? stored_relation(&link) : stored_reply(&link);
    return *stored ? GL_OK : gl_fail(err, GL_E_NOMEM, "no memory for the target");
}
