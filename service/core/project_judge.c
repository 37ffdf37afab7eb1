/* project_judge.c - decides about one op of a project's stream. Terms are decided about in project_judge_term.c. */
#include "service/core/project_judge_priv.h"

#include "service/core/document_meta.h"

static struct gl_slice text_of(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

void project_verdict_fini(struct project_verdict *verdict)
{
    json_decref(verdict->effects);
    json_decref(verdict->meta);
    gl_term_free(&verdict->term);
    *verdict = (struct project_verdict){.is_needless = false};
}

static bool kind_of(const json_t *change, enum gl_op_kind *kind)
{
    const json_t *name = json_is_object(change) ? json_object_get(change, "kind") : NULL;
    return json_is_string(name) && gl_op_kind_parse(text_of(name), kind);
}

static const char *about_member(enum gl_op_kind kind)
{
    switch (kind) {
    case GL_OP_LABEL_CREATE:
    case GL_OP_LABEL_UPDATE: return "label";
    case GL_OP_ATTRIBUTE_CREATE:
    case GL_OP_ATTRIBUTE_UPDATE: return "attribute";
    case GL_OP_RELATION_CREATE:
    case GL_OP_RELATION_UPDATE: return "relation";
    case GL_OP_MEMBER_SET: return "account";
    case GL_OP_DOCUMENT_CREATE:
    case GL_OP_DOCUMENT_UPDATE: return "document";
    default: return NULL;
    }
}

static bool id_of(const json_t *change, const char *member, gl_uuid *id)
{
    const json_t *text = json_object_get(change, member);
    return json_is_string(text) && gl_uuid_parse(text_of(text), id);
}

bool project_judge_needs_facts(const json_t *change, enum gl_op_kind *kind, gl_uuid *about)
{
    return kind_of(change, kind) && (*kind == GL_OP_MEMBER_SET || *kind == GL_OP_DOCUMENT_UPDATE) &&
           id_of(change, about_member(*kind), about);
}

bool project_judge_made(const gl_uuid *op, const json_t *change, gl_uuid *made)
{
    enum gl_op_kind kind;
    if (!kind_of(change, &kind) || kind == GL_OP_MEMBER_SET || !about_member(kind))
        return false;
    *made = gl_op_term_id(op);
    return !json_object_get(change, about_member(kind)) || id_of(change, about_member(kind), made);
}

/* ---- what all kinds share */

enum gl_code refuse_change(const struct deciding *it, const char *member, const char *why)
{
    char path[GL_ERR_PATH_MAX];
    snprintf(path, sizeof path, "change.%.*s", (int)sizeof path - 8, member);
    return gl_fail_at(it->err, GL_E_INVALID_PARAMS, path, "change.%s %s", member, why);
}

/* What somebody else found wrong below the change. */
enum gl_code fail_below_change(const struct deciding *it, enum gl_code code, const struct gl_err *found)
{
    char path[GL_ERR_PATH_MAX + 8];
    snprintf(path, sizeof path, "change%s%.*s", found->path[0] ? "." : "", GL_ERR_PATH_MAX - 8, found->path);
    return gl_fail_at(it->err, code, path, "%s", found->detail);
}

json_t *json_of_id(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_string(text);
}

/* Everything that the change says, but its kind and what it is about. */
json_t *fields_of(const json_t *change, const char *about)
{
    json_t *fields = json_copy((json_t *)(uintptr_t)change);
    json_object_del(fields, "kind");
    if (about)
        json_object_del(fields, about);
    return fields;
}

void set_effect(const struct deciding *it, const gl_uuid *id, uint64_t before, json_t *set)
{
    json_t *ids = json_array(), *prev = json_object();
    if (id)
        json_array_append_new(ids, json_of_id(id));
    if (before > 0)
        json_object_set_new(prev, "seq", json_integer((json_int_t)before));
    it->verdict->effects = json_pack("[{s:o, s:o, s:o}]", "ids", ids, "prev", prev, "set", set);
}

enum gl_code need_role(const struct deciding *it, enum gl_role role)
{
    if (it->ask->role >= role)
        return GL_OK;
    return gl_fail(it->err, GL_E_FORBIDDEN, "%s needs the role %s; yours is %s", gl_op_kind_name(it->verdict->kind),
                   gl_role_name(role), gl_role_name(it->ask->role));
}

/* Somebody else changed it after base. */
enum gl_code refuse_if_stale(const struct deciding *it, uint64_t seq, const gl_uuid *by, const json_t *current)
{
    const struct project_ask *ask = it->ask;
    if (!ask->has_base || seq <= ask->base || gl_uuid_equal(by, &ask->account))
        return GL_OK;
    *it->data = json_pack("{s:o, s:I, s:O}", "author", json_of_id(by), "seq", (json_int_t)seq, "current", current);
    return gl_fail_at(it->err, GL_E_STALE, "base",
                      "somebody else changed this at seq %llu, and you had seen %llu; look at it, then send a new op",
                      (unsigned long long)seq, (unsigned long long)ask->base);
}

static enum gl_code only_members(const struct deciding *it, const char *const *names)
{
    struct gl_reader reader;
    gl_reader_init(&reader, NULL);
    gl_reader_enter(&reader, "change");
    gl_read_only(&reader, it->ask->change, names);
    if (reader.code != GL_OK && it->err)
        *it->err = reader.err;
    return reader.code;
}

/* ---- kinds */

static enum gl_code decide_policy(const struct deciding *it)
{
    static const char *const names[] = {"kind", "open", NULL};
    const json_t *open = json_object_get(it->ask->change, "open");
    enum gl_code code = need_role(it, GL_CURATOR);
    if (code != GL_OK || (code = only_members(it, names)) != GL_OK)
        return code;
    if (!json_is_boolean(open))
        return refuse_change(it, "open", "must be true or false");
    it->verdict->open = json_is_true(open);
    it->verdict->moves_epoch = true;
    it->verdict->is_needless = it->verdict->open == gl_codebook_is_open(it->view->terms);
    set_effect(it, NULL, 0, fields_of(it->ask->change, NULL));
    return GL_OK;
}

static enum gl_code decide_settings(const struct deciding *it)
{
    static const char *const names[] = {"kind", "name", "others_may_edit", NULL};
    const json_t *name = json_object_get(it->ask->change, "name"), *others = json_object_get(it->ask->change, "others_may_edit");
    struct project_verdict *verdict = it->verdict;
    enum gl_code code = need_role(it, GL_OWNER);
    if (code != GL_OK || (code = only_members(it, names)) != GL_OK)
        return code;
    if (!name && !others)
        return refuse_change(it, "kind", "is an update that sets nothing");
    if (name && (!json_is_string(name) || json_string_length(name) == 0 || json_string_length(name) > GL_LABEL_MAX_BYTES))
        return refuse_change(it, "name", "must be a text of 1 to 256 bytes");
    if (others && !json_is_boolean(others))
        return refuse_change(it, "others_may_edit", "must be true or false");
    verdict->name = name ? text_of(name) : it->view->name;
    verdict->others_may_edit = others ? json_is_true(others) : it->view->others_may_edit;
    verdict->moves_epoch = true;
    verdict->is_needless = gl_slice_equal(verdict->name, it->view->name) && verdict->others_may_edit == it->view->others_may_edit;
    set_effect(it, NULL, 0, fields_of(it->ask->change, NULL));
    return GL_OK;
}

static enum gl_code decide_member(const struct deciding *it)
{
    static const char *const names[] = {"kind", "account", "role", NULL};
    const json_t *role = json_object_get(it->ask->change, "role");
    const struct project_facts *facts = it->ask->facts;
    struct project_verdict *verdict = it->verdict;
    enum gl_code code = need_role(it, GL_OWNER);
    if (code != GL_OK || (code = only_members(it, names)) != GL_OK)
        return code;
    if (!id_of(it->ask->change, "account", &verdict->member))
        return refuse_change(it, "account", "must be the id of an account");
    verdict->member_role = GL_NOBODY;
    if (!role || (!json_is_null(role) && !(json_is_string(role) && gl_role_parse(text_of(role), &verdict->member_role))))
        return refuse_change(it, "role", "must be viewer, annotator, curator or owner, or null");
    if (!facts->is_there)
        return gl_fail_at(it->err, GL_E_NOT_FOUND, "change.account", "there is no such account");
    if (facts->member_role == GL_OWNER && verdict->member_role != GL_OWNER && facts->owners <= 1)
        return gl_fail_at(it->err, GL_E_FORBIDDEN, "change.role",
                          "this is the project's only owner; make somebody else owner first");
    verdict->is_needless = facts->member_role == verdict->member_role;
    verdict->moves_epoch = true;
    set_effect(it, NULL, 0, fields_of(it->ask->change, NULL));
    return GL_OK;
}

static enum gl_code decide_import(const struct deciding *it)
{
    enum gl_code code = need_role(it, GL_ANNOTATOR);
    if (code != GL_OK)
        return code;
    if (!it->ask->is_import)
        return refuse_change(it, "kind", "is for document.begin, document.chunk and document.commit: a document needs its bytes");
    it->verdict->has_made = id_of(it->ask->change, "document", &it->verdict->made);
    set_effect(it, NULL, 0, fields_of(it->ask->change, NULL));
    return GL_OK;
}

static enum gl_code decide_document(const struct deciding *it)
{
    struct gl_err found = {0};
    struct project_verdict *verdict = it->verdict;
    const struct project_facts *facts = it->ask->facts;
    enum gl_code code = need_role(it, GL_CURATOR);
    if (code != GL_OK)
        return code;
    if (!id_of(it->ask->change, "document", &verdict->made))
        return refuse_change(it, "document", "must be the id of a document");
    if (!facts->is_there)
        return gl_fail_at(it->err, GL_E_NOT_FOUND, "change.document", "this project has no such document");
    json_t *fields = fields_of(it->ask->change, "document");
    if (json_object_size(fields) == 0)
        code = refuse_change(it, "kind", "is an update that sets nothing");
    else if ((code = document_meta_check(fields, false, &found)) != GL_OK)
        code = fail_below_change(it, code, &found);
    else
        code = refuse_if_stale(it, facts->changed_seq, &facts->changed_by, facts->meta);
    if (code != GL_OK) {
        json_decref(fields);
        return code;
    }
    verdict->has_made = true;
    verdict->meta = document_meta_merge(facts->meta, fields);
    set_effect(it, &verdict->made, facts->changed_seq, fields);
    return GL_OK;
}

enum gl_code project_judge(const struct project_view *view, const struct project_ask *ask, struct project_verdict *verdict,
                           struct gl_err *err, json_t **data)
{
    static const struct project_facts nothing;
    struct project_ask with = *ask;
    const struct deciding it = {view, &with, verdict, err, data};
    with.facts = ask->facts ? ask->facts : &nothing;
    *verdict = (struct project_verdict){.is_needless = false};
    *data = NULL;
    if (!kind_of(ask->change, &verdict->kind))
        return refuse_change(&it, "kind", "must be one that a project knows, for example \"label.create\"");
    switch (verdict->kind) {
    case GL_OP_LABEL_CREATE: return decide_term(&it, GL_TERM_LABEL, true);
    case GL_OP_LABEL_UPDATE: return decide_term(&it, GL_TERM_LABEL, false);
    case GL_OP_ATTRIBUTE_CREATE: return decide_term(&it, GL_TERM_ATTRIBUTE, true);
    case GL_OP_ATTRIBUTE_UPDATE: return decide_term(&it, GL_TERM_ATTRIBUTE, false);
    case GL_OP_RELATION_CREATE: return decide_term(&it, GL_TERM_RELATION, true);
    case GL_OP_RELATION_UPDATE: return decide_term(&it, GL_TERM_RELATION, false);
    case GL_OP_CODEBOOK_POLICY: return decide_policy(&it);
    case GL_OP_PROJECT_UPDATE: return decide_settings(&it);
    case GL_OP_MEMBER_SET: return decide_member(&it);
    case GL_OP_DOCUMENT_CREATE: return decide_import(&it);
    case GL_OP_DOCUMENT_UPDATE: return decide_document(&it);
    default: return refuse_change(&it, "kind", "is not one that a project's stream takes");
    }
}
