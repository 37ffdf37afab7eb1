#include "clients/cli/jsonld.h"

#include <stdlib.h>

#include "proto/model/annotation.h"

static json_t *urn(const char *uuid)
{
    return json_sprintf("urn:uuid:%s", uuid);
}

static const char *time_of(const struct jsonld *jsonld, uint64_t seq)
{
    const char *time = seq > 0 && seq <= jsonld->time_count ? jsonld->times[seq - 1] : "";
    return *time ? time : NULL;
}

static json_t *slice_string(struct gl_slice text)
{
    return json_stringn(text.data, text.len);
}

/* What a term of the codebook is called; NULL: it is not known. */
static const char *term_name(const struct jsonld *jsonld, const char *id)
{
    const char *name = json_string_value(json_object_get(jsonld->terms, id));
    return name ? name : gloss_label_name(jsonld->session, id);
}

static json_t *urn_of(const gl_uuid *id)
{
    char text[GLOSS_ID];
    gl_uuid_format(id, text);
    return urn(text);
}

/* ---- targets ------------------------------------------------------------------------------------------------------- */

static json_t *make_state(const struct jsonld *jsonld, const json_t *target)
{
    const char *revision = json_string_value(json_object_get(target, "revision"));
    json_t *state = json_pack("{s:s}", "type", "TimeState"), *created = json_object_get(jsonld->brief->info, "created");
    if (created) {
        json_object_set(state, "sourceDate", created);
    }
    if (revision) {
        json_object_set_new(state, "cached", urn(revision));
    }
    return state;
}

static json_t *make_resource(const struct jsonld *jsonld, const json_t *target)
{
    return json_pack("{s:s, s:o, s:o}", "type", "SpecificResource", "source", urn(jsonld->brief->document), "state",
                     make_state(jsonld, target));
}

static json_t *make_selectors(const struct gl_span *span)
{
    json_t *quote = json_pack("{s:s, s:o}", "type", "TextQuoteSelector", "exact", slice_string(span->exact));
    if (span->prefix.len) {
        json_object_set_new(quote, "prefix", slice_string(span->prefix));
    }
    if (span->suffix.len) {
        json_object_set_new(quote, "suffix", slice_string(span->suffix));
    }
    return json_pack("[{s:s, s:I, s:I}, o]", "type", "TextPositionSelector", "start", (json_int_t)span->begin_cp, "end",
                     (json_int_t)span->end_cp, quote);
}

/* A relation is about both: its ends in their order. */
static json_t *make_targets(const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    if (annotation->target_kind == GL_TARGET_ANNOTATION) {
        return urn_of(&annotation->link.from);
    }
    if (annotation->target_kind == GL_TARGET_RELATION) {
        return json_pack("[o, o]", urn_of(&annotation->link.from), urn_of(&annotation->link.to));
    }
    const json_t *target = json_object_get(gl_annotation_record(annotation), "target");
    struct gl_span spans[GL_SPANS_MAX];
    size_t count = gl_annotation_spans(annotation, spans, GL_SPANS_MAX);
    if (count == 0) {
        return make_resource(jsonld, target);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *resource = make_resource(jsonld, target);
        json_object_set_new(resource, "selector", make_selectors(&spans[i]));
        json_array_append_new(list, resource);
    }
    if (count > 1) {
        return list;
    }
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}

/* ---- bodies -------------------------------------------------------------------------------------------------------- */

static json_t *textual_body(json_t *value, const char *purpose)
{
    return json_pack("{s:s, s:o, s:s, s:s}", "type", "TextualBody", "value", value, "format", "text/plain", "purpose", purpose);
}

/* The label's words, with the IRI that it has in the codebook. */
static json_t *label_body(const struct jsonld *jsonld, const char *label)
{
    const char *name = term_name(jsonld, label);
    return json_pack("{s:s, s:s, s:{s:o, s:s, s:s, s:s}}", "type", "SpecificResource", "purpose", "tagging", "source", "id",
                     urn(label), "type", "TextualBody", "value", name ? name : label, "format", "text/plain");
}

static const char *motivation_of(const struct gl_annotation *annotation)
{
    switch (annotation->target_kind) {
    case GL_TARGET_ANNOTATION: return "replying";
    case GL_TARGET_RELATION: return "linking";
    default: return annotation->has_label ? "tagging" : gl_annotation_note(annotation).len ? "commenting" : "highlighting";
    }
}

static void put_bodies(json_t *object, const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    char label[GLOSS_ID];
    struct gl_slice note = gl_annotation_note(annotation);
    bool is_reply = annotation->target_kind == GL_TARGET_ANNOTATION;
    json_t *tag = gloss_annotation_label(annotation, label) ? label_body(jsonld, label) : NULL;
    json_t *comment = note.len ? textual_body(slice_string(note), is_reply ? "replying" : "commenting") : NULL;
    json_object_set_new(object, "motivation", json_string(motivation_of(annotation)));
    if (tag && comment) {
        json_object_set_new(object, "body", json_pack("[o, o]", tag, comment));
    } else if (tag || comment) {
        json_object_set_new(object, "body", tag ? tag : comment);
    }
}

/* ---- who and when -------------------------------------------------------------------------------------------------- */

static json_t *software(const char *name, size_t len)
{
    return json_pack("{s:s, s:s%}", "type", "Software", "name", name, len);
}

/* The program that found it, "tagger/2.0" as name and version, and the one that writes this. */
static json_t *make_generators(const char *agent)
{
    json_t *gloss = software("gloss " GLOSS_CLI_VERSION, strlen("gloss " GLOSS_CLI_VERSION));
    if (!agent) {
        return gloss;
    }
    const char *slash = strchr(agent, '/');
    json_t *finder = software(agent, strlen(agent));
    if (slash && slash[1]) {
        json_object_set_new(finder, "http://schema.org/softwareVersion", json_string(slash + 1));
    }
    return json_pack("[o, o]", finder, gloss);
}

static void put_provenance(json_t *object, const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    char account[GLOSS_ID];
    const char *agent = json_string_value(json_object_get(gl_annotation_record(annotation), "agent"));
    const char *created = time_of(jsonld, annotation->created_seq), *modified = time_of(jsonld, annotation->changed_seq);
    gl_uuid_format(&annotation->creator, account);
    const char *name = gloss_member_name(jsonld->session, account);
    json_t *creator = json_pack("{s:o, s:s}", "id", urn(account), "type", agent ? "Software" : "Person");
    if (name) {
        json_object_set_new(creator, "name", json_string(name));
    }
    json_object_set_new(object, "creator", creator);
    if (created) {
        json_object_set_new(object, "created", json_string(created));
    }
    if (modified && annotation->changed_seq != annotation->created_seq) {
        json_object_set_new(object, "modified", json_string(modified));
    }
    json_object_set_new(object, "generator", make_generators(agent));
}

static json_t *node(json_t *id)
{
    return json_pack("{s:o}", "id", id);
}

static void put_attributes(json_t *object, const struct jsonld *jsonld, const json_t *attributes)
{
    const char *name;
    json_t *value, *list = json_array();
    json_object_foreach((json_t *)attributes, name, value)
    {
        json_t *entry = json_pack("{s:s, s:O}", "urn:gloss:name", name, "urn:gloss:value", value);
        const char *term = json_string_value(json_object_get(jsonld->attributes, name));
        if (term) {
            json_object_set_new(entry, "urn:gloss:attribute", node(urn(term)));
        }
        json_array_append_new(list, entry);
    }
    if (json_array_size(list) > 0) {
        json_object_set(object, "urn:gloss:attributes", list);
    }
    json_decref(list);
}

static void put_extras(json_t *object, const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    json_t *confidence = json_object_get(gl_annotation_record(annotation), "confidence"),
           *run = json_object_get(gl_annotation_record(annotation), "run");
    json_object_set_new(object, "urn:gloss:session", node(urn(jsonld->brief->session)));
    json_object_set_new(object, "urn:gloss:status", json_string(gl_status_name(annotation->status)));
    if (confidence) {
        json_object_set(object, "urn:gloss:confidence", confidence);
    }
    if (run) {
        json_object_set(object, "urn:gloss:run", run);
    }
    if (annotation->target_kind == GL_TARGET_RELATION) { /* several targets have no order in the model */
        json_object_set_new(object, "urn:gloss:from", node(urn_of(&annotation->link.from)));
        json_object_set_new(object, "urn:gloss:to", node(urn_of(&annotation->link.to)));
        json_object_set_new(object, "urn:gloss:to-session", node(urn_of(&annotation->link.to_session)));
    }
    put_attributes(object, jsonld, json_object_get(gl_annotation_record(annotation), "attributes"));
}

json_t *jsonld_annotation(const struct jsonld *jsonld, const struct gl_annotation *annotation, bool with_context)
{
    json_t *object = json_object();
    char id[GLOSS_ID];
    gloss_annotation_id(annotation, id);
    if (with_context) {
        json_object_set_new(object, "@context", json_string(JSONLD_CONTEXT));
    }
    json_object_set_new(object, "id", urn(id));
    json_object_set_new(object, "type", json_string("Annotation"));
    put_bodies(object, jsonld, annotation);
    json_object_set_new(object, "target", make_targets(jsonld, annotation));
    put_provenance(object, jsonld, annotation);
    put_extras(object, jsonld, annotation);
    return object;
}
