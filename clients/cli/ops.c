#include "clients/cli/ops.h"

#include <stdlib.h>

#include "clients/cli/safe.h"
#include "proto/model/annotation.h"

#define WORDS_COLUMNS 48
#define NOTE_COLUMNS  60
#define SHORT_ID      8

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

struct seen *seen_new(const struct gloss_event *event)
{
    struct seen *seen = heap_alloc(1, sizeof *seen);
    seen->seq = event->seq;
    seen->is_erased = event->erased;
    copy_text(seen->op, sizeof seen->op, event->op);
    copy_text(seen->author, sizeof seen->author, event->account);
    copy_text(seen->at, sizeof seen->at, event->at);
    copy_text(seen->kind, sizeof seen->kind, event->kind);
    seen->payload = json_incref(event->payload);
    seen->annotation = event->annotation ? gloss_annotation_ref(event->annotation) : NULL;
    seen->came_ms = screen_now_ms();
    return seen;
}

void seen_free(struct seen **seen)
{
    if (*seen) {
        json_decref((*seen)->payload);
        gloss_annotation_unref(&(*seen)->annotation);
        free(*seen);
        *seen = NULL;
    }
}

static const char *label_name_of(const struct gloss_session *session, const struct gl_annotation *annotation)
{
    char label[GLOSS_ID];
    return gloss_annotation_label(annotation, label) ? gloss_label_name(session, label) : NULL;
}

bool seen_has_names(const struct gloss_session *session, const struct seen *seen)
{
    char label[GLOSS_ID];
    bool needs_label = seen->annotation && gloss_annotation_label(seen->annotation, label);
    return (!needs_label || gloss_label_name(session, label)) && (!*seen->author || gloss_member_name(session, seen->author));
}

const char *member_name(const struct gloss_session *session, const char *account)
{
    const char *name = account && *account ? gloss_member_name(session, account) : NULL;
    return name ? name : "somebody";
}

void record_put_place(json_t *object, const struct gl_annotation *annotation)
{
    const json_t *record = gloss_annotation_record(annotation);
    json_t *spans = json_object_get(json_object_get(record, "target"), "spans");
    if (json_array_size(spans) == 0) {
        return;
    }
    json_object_set_new(object, "start", json_integer((json_int_t)gloss_annotation_begin(annotation)));
    json_object_set_new(object, "end", json_integer((json_int_t)gloss_annotation_end(annotation)));
    if (json_array_size(spans) == 1) {
        json_object_set(object, "exact", json_object_get(json_array_get(spans, 0), "exact"));
    }
}

json_t *record_json(const struct gloss_session *session, const struct gl_annotation *annotation)
{
    json_t *object = json_copy((json_t *)gloss_annotation_record(annotation));
    const char *label = label_name_of(session, annotation);
    const char *creator = gloss_member_name(session, json_string_value(json_object_get(object, "creator")));
    if (label) {
        json_object_set_new(object, "label_name", json_string(label));
    }
    if (creator) {
        json_object_set_new(object, "creator_name", json_string(creator));
    }
    record_put_place(object, annotation);
    return object;
}

json_t *seen_json(const struct gloss_session *session, const struct seen *seen)
{
    json_t *line = json_pack("{s:I}", "seq", (json_int_t)seen->seq);
    if (seen->is_erased) {
        json_object_set_new(line, "erased", json_true());
        return line;
    }
    const char *name = gloss_member_name(session, seen->author);
    json_object_set_new(line, "op", json_string(seen->op));
    json_object_set_new(line, "author", json_string(seen->author));
    if (name) {
        json_object_set_new(line, "author_name", json_string(name));
    }
    json_object_set_new(line, "at", json_string(seen->at));
    json_object_set_new(line, "kind", json_string(seen->kind));
    json_t *step = json_object_get(seen->payload, "step");
    if (step) {
        json_object_set(line, "step", step);
    }
    if (seen->annotation) {
        json_object_set_new(line, "annotation", record_json(session, seen->annotation));
    } else {
        json_object_set(line, "effects", json_object_get(seen->payload, "effects"));
    }
    return line;
}

/* ---- for people ------------------------------------------------------------------------------------------------------ */

static const struct gl_annotation *find(const struct gloss_session *session, const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return session ? gloss_annotation_find(session, text) : NULL;
}

static void put_quoted(struct gl_buf *out, const struct gl_annotation *annotation, size_t max_columns)
{
    struct gl_span span;
    size_t count = gl_annotation_spans(annotation, &span, 1);
    gl_buf_str(out, "“");
    safe_put_short(out, count ? span.exact : GL_SLICE(""), max_columns);
    gl_buf_str(out, count > 1 ? " …”" : "”");
}

/* What the thread is about; NULL: it is not here. A reply's parent is older than itself, so the way up ends. */
static const struct gl_annotation *root_of(const struct gloss_session *session, const struct gl_annotation *annotation)
{
    while (annotation && annotation->target_kind == GL_TARGET_ANNOTATION) {
        annotation = find(session, &annotation->link.from);
    }
    return annotation;
}

static void put_end(struct gl_buf *out, const struct gloss_session *session, const gl_uuid *id, size_t max_columns)
{
    const struct gl_annotation *end = root_of(session, find(session, id));
    if (!end) {
        gl_buf_str(out, "another brief");
    } else if (end->target_kind == GL_TARGET_SPANS) {
        put_quoted(out, end, max_columns);
    } else {
        gl_buf_str(out, end->target_kind == GL_TARGET_RELATION ? "a relation" : "the whole brief");
    }
}

void record_put_where(struct gl_buf *out, const struct gloss_session *session, const struct gl_annotation *annotation,
                      size_t max_columns)
{
    const struct gl_annotation *root = root_of(session, annotation);
    if (!root) {
        gl_buf_str(out, "an annotation");
    } else if (root->target_kind == GL_TARGET_SPANS) {
        put_quoted(out, root, max_columns);
    } else if (root->target_kind == GL_TARGET_RELATION) {
        put_end(out, session, &root->link.from, max_columns / 2);
        gl_buf_str(out, " → ");
        put_end(out, session, &root->link.to, max_columns / 2);
    } else {
        gl_buf_str(out, "the whole brief");
    }
}

void record_put_words(struct gl_buf *out, const struct gloss_session *session, const struct gl_annotation *annotation,
                      size_t max_columns)
{
    bool is_reply = annotation->target_kind == GL_TARGET_ANNOTATION, is_relation = annotation->target_kind == GL_TARGET_RELATION;
    gl_buf_str(out, is_reply ? "the reply to " : is_relation ? "the relation " : "");
    record_put_where(out, session, annotation, max_columns);
}

static void put_note(struct gl_buf *out, const struct gl_annotation *annotation)
{
    struct gl_slice note = gl_annotation_note(annotation);
    if (note.len) {
        gl_buf_str(out, ": ");
        safe_put_short(out, note, NOTE_COLUMNS);
    }
}

static void put_label(struct gl_buf *out, const struct gloss_session *session, const struct gl_annotation *annotation,
                      enum paint_mode paint)
{
    const char *label = label_name_of(session, annotation);
    paint_role(out, paint, PAINT_TITLE);
    safe_put_str(out, label ? label : annotation->has_label ? "(a new label)" : "(none)");
    paint_reset(out, paint);
}

static void put_created(struct gl_buf *out, const struct gloss_session *session, const struct gl_annotation *annotation,
                        enum paint_mode paint)
{
    bool is_reply = annotation->target_kind == GL_TARGET_ANNOTATION, is_relation = annotation->target_kind == GL_TARGET_RELATION;
    gl_buf_str(out, is_reply ? "replied to " : is_relation ? "linked " : annotation->has_label ? "tagged " : "noted on ");
    record_put_where(out, session, annotation, WORDS_COLUMNS);
    if (annotation->has_label) {
        gl_buf_str(out, " as ");
        put_label(out, session, annotation, paint);
    }
    if (annotation->status != GL_ACTIVE) {
        gl_buf_printf(out, " (%s)", gl_status_name(annotation->status));
    }
    put_note(out, annotation);
}

static void put_updated(struct gl_buf *out, const struct gloss_session *session, const struct seen *seen, enum paint_mode paint)
{
    const json_t *set = json_object_get(json_array_get(json_object_get(seen->payload, "effects"), 0), "set");
    const char *between = " ", *field;
    json_t *value;
    gl_buf_str(out, "changed ");
    record_put_words(out, session, seen->annotation, WORDS_COLUMNS);
    gl_buf_byte(out, ':');
    json_object_foreach((json_t *)set, field, value)
    {
        gl_buf_str(out, between);
        between = ", ";
        if (strcmp(field, "label") == 0) {
            gl_buf_str(out, "label ");
            put_label(out, session, seen->annotation, paint);
        } else if (strcmp(field, "note") == 0) {
            gl_buf_str(out, json_is_null(value) ? "no note" : "note");
            put_note(out, seen->annotation);
        } else if (strcmp(field, "status") == 0) {
            gl_buf_printf(out, "status %s", gl_status_name(seen->annotation->status));
        } else if (strcmp(field, "target") == 0) {
            gl_buf_printf(out, "place %llu to %llu", (unsigned long long)seen->annotation->begin_cp,
                          (unsigned long long)seen->annotation->end_cp);
        } else {
            safe_put_str(out, field);
        }
    }
}

static void put_doing(struct gl_buf *out, const struct gloss_session *session, const struct seen *seen, enum paint_mode paint)
{
    if (!seen->annotation) {
        const json_t *effects = json_object_get(seen->payload, "effects");
        const char *mode = json_string_value(json_object_get(json_object_get(json_array_get(effects, 0), "set"), "mode"));
        const json_t *erased = json_object_get(json_object_get(json_array_get(effects, 0), "set"), "ops");
        safe_put_str(out, erased ? "erased words of " : seen->kind);
        if (erased) {
            size_t count = json_array_size(effects) - 1;
            gl_buf_printf(out, "%zu annotation%s, in %zu op%s", count, count == 1 ? "" : "s", json_array_size(erased),
                          json_array_size(erased) == 1 ? "" : "s");
        }
        if (mode) {
            gl_buf_str(out, ": ");
            safe_put_str(out, mode);
        }
    } else if (strcmp(seen->kind, "annotation.create") == 0) {
        put_created(out, session, seen->annotation, paint);
    } else if (strcmp(seen->kind, "annotation.update") == 0) {
        put_updated(out, session, seen, paint);
    } else {
        gl_buf_str(out, seen->annotation->is_deleted ? "deleted " : "restored ");
        record_put_words(out, session, seen->annotation, WORDS_COLUMNS);
    }
}

void seen_line(struct gl_buf *out, const struct gloss_session *session, const struct seen *seen, enum paint_mode paint)
{
    paint_role(out, paint, PAINT_FAINT);
    gl_buf_printf(out, "%5llu  %.10s %.8s  ", (unsigned long long)seen->seq, *seen->at ? seen->at : "          ",
                  *seen->at ? seen->at + 11 : "");
    paint_reset(out, paint);
    if (seen->is_erased) {
        gl_buf_str(out, "(erased)\n");
        return;
    }
    safe_put_str(out, member_name(session, seen->author));
    gl_buf_byte(out, ' ');
    put_doing(out, session, seen, paint);
    if (seen->annotation) {
        char id[GLOSS_ID];
        gloss_annotation_id(seen->annotation, id);
        paint_role(out, paint, PAINT_FAINT);
        gl_buf_printf(out, "  %.*s", SHORT_ID, id);
        paint_reset(out, paint);
    }
    gl_buf_byte(out, '\n');
}
