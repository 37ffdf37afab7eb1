/* check_mirror.c - what a project's log makes: name, policy, codebook, members, documents. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/admin/check_priv.h"

void project_mirror_init(struct project_mirror *mirror)
{
    *mirror = (struct project_mirror){.terms = gl_codebook_new(),
                                      .members = json_object(),
                                      .documents = json_object(),
                                      .since = json_object(),
                                      .others_may_edit = true};
}

void project_mirror_fini(struct project_mirror *mirror)
{
    gl_codebook_free(&mirror->terms);
    json_decref(mirror->members);
    json_decref(mirror->since);
    json_decref(mirror->documents);
}

static const char *text_of(const json_t *set, const char *name)
{
    return json_string_value(json_object_get(set, name));
}

static void cannot_apply(struct checking *checking, const struct gl_op *op, const char *why)
{
    report_problem(&checking->report, CHECK_LOG_EFFECTS, AT_SEQ(op->seq), "seq %" PRIu64 ": its effects cannot be applied: %s",
                   op->seq, why);
    checking->is_broken = true;
}

static void take_member(struct checking *checking, const struct gl_op *op, const json_t *set)
{
    struct project_mirror *mirror = &checking->run->project;
    const char *id = text_of(set, "account"), *role = text_of(set, "role");
    if (!id) {
        cannot_apply(checking, op, "it lacks the account");
        return;
    }
    json_object_set_new(mirror->members, id, json_string(role ? role : ""));
    if (!role) {
        json_object_set_new(mirror->since, id, json_null()); /* has left: when exactly, no session's log knows */
    } else if (!json_object_get(mirror->since, id)) {
        json_object_set_new(mirror->since, id, json_pack("[I, I]", (json_int_t)op->seq, (json_int_t)op->at_ms));
    }
}

static void take_settings(struct project_mirror *mirror, const json_t *set)
{
    const char *name = text_of(set, "name");
    const json_t *others = json_object_get(set, "others_may_edit");
    if (name) {
        snprintf(mirror->name, sizeof(mirror->name), "%s", name);
    }
    if (others) {
        mirror->others_may_edit = json_is_true(others);
    }
}

/* Made, or changed: each member of set that the row has too replaces what was there, null takes it away. */
static void take_document(struct checking *checking, const struct gl_op *op, const char *id, const json_t *set)
{
    static const char *const members[] = {"sha256", "title",    "filename", "authors", "publisher", "date",
                                          "source", "language", "folder",   "tags",    "revision",  "session"};
    json_t *documents = checking->run->project.documents, *document = id ? json_object_get(documents, id) : NULL;
    char by[GL_UUID_TEXT + 1];
    gl_uuid_format(&op->account, by);
    if (!id || (op->kind == GL_OP_DOCUMENT_UPDATE) != (document != NULL)) {
        cannot_apply(checking, op, document ? "the document is there already" : "the document is not there");
        return;
    }
    if (!document) {
        document = json_pack("{s:s, s:I, s:I}", "by", by, "at", (json_int_t)op->at_ms, "changed_seq", (json_int_t)0);
        json_object_set_new(documents, id, document);
    } else {
        json_object_set_new(document, "changed_seq", json_integer((json_int_t)op->seq));
        json_object_set_new(document, "changed_by", json_string(by));
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *value = json_object_get(set, members[i]);
        if (json_is_null(value)) {
            json_object_del(document, members[i]);
        } else if (value) {
            json_object_set(document, members[i], value);
        }
    }
}

void project_mirror_apply(struct checking *checking, const struct gl_op *op)
{
    struct project_mirror *mirror = &checking->run->project;
    const json_t *effect = json_array_get(op->effects, 0), *set = json_object_get(effect, "set");
    struct gl_err err = {0};
    switch (op->kind) {
    case GL_OP_PROJECT_CREATE:
        snprintf(mirror->name, sizeof(mirror->name), "%s", text_of(set, "name") ? text_of(set, "name") : "");
        break;
    case GL_OP_LABEL_CREATE:
    case GL_OP_LABEL_UPDATE:
    case GL_OP_ATTRIBUTE_CREATE:
    case GL_OP_ATTRIBUTE_UPDATE:
    case GL_OP_RELATION_CREATE:
    case GL_OP_RELATION_UPDATE:
    case GL_OP_CODEBOOK_POLICY:
        if (gl_codebook_apply(mirror->terms, op, &err) != GL_OK) {
            cannot_apply(checking, op, err.detail);
        }
        mirror->codebook = op->seq;
        break;
    case GL_OP_PROJECT_UPDATE: take_settings(mirror, set); break;
    case GL_OP_DOCUMENT_CREATE: take_document(checking, op, text_of(set, "document"), set); break;
    case GL_OP_DOCUMENT_UPDATE:
        take_document(checking, op, json_string_value(json_array_get(json_object_get(effect, "ids"), 0)), set);
        break;
    case GL_OP_MEMBER_SET: take_member(checking, op, set); break;
    default: cannot_apply(checking, op, "it does not belong into a project's log"); break;
    }
}
