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

static json_t *make_targets(const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    const json_t *target = json_object_get(annotation->record, "target");
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

static void put_bodies(json_t *object, const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    char label[GLOSS_ID];
    struct gl_slice note = gl_annotation_note(annotation);
    json_t *tag = NULL, *comment = NULL;
    if (gloss_annotation_label(annotation, label)) {
        const char *name = gloss_label_name(jsonld->session, label);
        tag = textual_body(json_string(name ? name : label), "tagging");
        json_object_set_new(tag, "id", urn(label));
    }
    if (note.len) {
        comment = textual_body(slice_string(note), "commenting");
    }
    json_object_set_new(object, "motivation", json_string(tag ? "tagging" : comment ? "commenting" : "highlighting"));
    if (tag && comment) {
        json_object_set_new(object, "body", json_pack("[o, o]", tag, comment));
    } else if (tag || comment) {
        json_object_set_new(object, "body", tag ? tag : comment);
    }
}

/* ---- who and when -------------------------------------------------------------------------------------------------- */

static void put_provenance(json_t *object, const struct jsonld *jsonld, const struct gl_annotation *annotation)
{
    char account[GLOSS_ID];
    const char *agent = json_string_value(json_object_get(annotation->record, "agent"));
    const char *created = time_of(jsonld, annotation->created_seq), *modified = time_of(jsonld, annotation->changed_seq);
    gl_uuid_format(&annotation->creator, account);
    const char *name = gloss_member_name(jsonld->session, account);
    json_t *creator = json_pack("{s:o, s:s}", "id", urn(account), "type", agent ? "Software" : "Person");
    if (agent || name) {
        json_object_set_new(creator, "name", json_string(agent ? agent : name));
    }
    if (agent && name) {
        json_object_set_new(creator, "nickname", json_string(name));
    }
    json_object_set_new(object, "creator", creator);
    if (created) {
        json_object_set_new(object, "created", json_string(created));
    }
    if (modified && annotation->changed_seq != annotation->created_seq) {
        json_object_set_new(object, "modified", json_string(modified));
    }
    json_object_set_new(object, "generator", json_pack("{s:s, s:s}", "type", "Software", "name", "gloss " GLOSS_CLI_VERSION));
}

static void put_extras(json_t *object, const struct gl_annotation *annotation)
{
    const char *names[] = {"confidence", "run"}, *name;
    json_t *value;
    json_object_set_new(object, "urn:gloss:status", json_string(gl_status_name(annotation->status)));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        value = json_object_get(annotation->record, names[i]);
        if (value) {
            json_object_set(object, i == 0 ? "urn:gloss:confidence" : "urn:gloss:run", value);
        }
    }
    json_t *attributes = json_object_get(annotation->record, "attributes");
    if (json_object_size(attributes) == 0) {
        return;
    }
    json_t *list = json_array();
    json_object_foreach(attributes, name, value)
    {
        json_array_append_new(list, json_pack("{s:s, s:O}", "urn:gloss:name", name, "urn:gloss:value", value));
    }
    json_object_set_new(object, "urn:gloss:attributes", list);
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
    put_extras(object, annotation);
    return object;
}

static json_t *page_id(const struct jsonld *jsonld)
{
    return json_sprintf("urn:uuid:%s#page-1", jsonld->brief->session);
}

json_t *jsonld_collection(const struct jsonld *jsonld, size_t total)
{
    const char *modified = time_of(jsonld, jsonld->time_count);
    json_t *object = json_pack("{s:s, s:o, s:s, s:s, s:I}", "@context", JSONLD_CONTEXT, "id", urn(jsonld->brief->session), "type",
                               "AnnotationCollection", "label", jsonld->brief->title, "total", (json_int_t)total);
    if (modified) {
        json_object_set_new(object, "modified", json_string(modified));
    }
    if (total > 0) {
        json_object_set_new(object, "last", page_id(jsonld));
    }
    return object;
}

json_t *jsonld_page(const struct jsonld *jsonld)
{
    return json_pack("{s:o, s:s, s:o, s:i}", "id", page_id(jsonld), "type", "AnnotationPage", "partOf",
                     urn(jsonld->brief->session), "startIndex", 0);
}
