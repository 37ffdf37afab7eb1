/* judge.c - decides about one op, in order, against what is there. */
#include "service/core/judge_priv.h"

#include "proto/gl_json.h"

static const char *const CREATE_MEMBERS[] = {"kind",       "annotation", "target", "label",      "note", "status",
                                             "attributes", "agent",      "run",    "confidence", NULL};
static const char *const UPDATE_MEMBERS[] = {"kind", "annotation", "target", "label", "note", "status", "attributes", NULL};
static const char *const NAME_MEMBERS[] = {"kind", "annotation", NULL};
static const char *const MODE_MEMBERS[] = {"kind", "mode", NULL};

static enum gl_code refuse_member(struct gl_err *err, const char *member, const char *why)
{
    char path[GL_ERR_PATH_MAX];
    snprintf(path, sizeof path, "change.%.*s", (int)sizeof path - 8, member);
    return gl_fail_at(err, GL_E_INVALID_PARAMS, path, "change.%s %s", member, why);
}

enum gl_code judge_peek(const json_t *change, enum gl_op_kind *kind, const json_t **label, struct gl_err *err)
{
    const json_t *name = json_is_object(change) ? json_object_get(change, "kind") : NULL;
    *label = NULL;
    if (!json_is_string(name))
        return gl_fail_at(err, GL_E_INVALID_PARAMS, "change.kind",
                          "change.kind must say what to do, for example \"annotation.create\"");
    if (!gl_op_kind_parse(gl_slice_of(json_string_value(name), json_string_length(name)), kind) || !gl_op_is_of_session(*kind))
        return gl_fail_at(err, GL_E_INVALID_PARAMS, "change.kind", "change.kind is not one that a session knows");
    if (*kind == GL_OP_ANNOTATION_CREATE || *kind == GL_OP_ANNOTATION_UPDATE)
        *label = json_object_get(change, "label");
    if (!*label)
        return GL_OK;
    if (json_is_null(*label) && *kind == GL_OP_ANNOTATION_UPDATE)
        return GL_OK;
    if (!json_is_string(*label) || json_string_length(*label) == 0 || json_string_length(*label) > GL_LABEL_MAX_BYTES)
        return refuse_member(err, "label", "must be a label's name (1 to 256 bytes) or id");
    return GL_OK;
}

enum gl_code judge_only_members(const json_t *change, const char *const *names, struct gl_err *err)
{
    struct gl_reader reader;
    gl_reader_init(&reader, NULL);
    size_t mark = gl_reader_enter(&reader, "change");
    gl_read_only(&reader, change, names);
    gl_reader_leave(&reader, mark);
    if (reader.code != GL_OK && err)
        *err = reader.err;
    return reader.code;
}

/* ---- fields: each puts what is asked into set, and notes what stood there before */

void trial_add_conflict(struct trial *trial, const char *field, const gl_uuid *author, uint64_t seq)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(author, text);
    json_array_append_new(trial->conflicts, json_pack("{s:s, s:s, s:I}", "field", field, "author", text, "seq", (json_int_t)seq));
}

void trial_note_field(struct trial *trial, const char *field)
{
    uint64_t seq = trial->before ? gl_annotation_field_seq(trial->before, field) : 0;
    if (seq == 0)
        return;
    json_object_set_new(trial->prev, field, json_integer((json_int_t)seq - MUTATION(prev_before)));
    gl_uuid author = gl_annotation_field_author(trial->before, MUTATION(merge_by_wrong_field) ? "target" : field);
    bool is_own = gl_uuid_equal(&author, &trial->ask->account) && !MUTATION(own_change_is_conflict);
    if (seq > trial->ask->base + MUTATION(stale_by_one) && !is_own && !MUTATION(conflict_not_seen))
        trial_add_conflict(trial, field, &author, seq);
}

static enum gl_code set_label(struct trial *trial)
{
    char text[GL_UUID_TEXT + 1];
    switch (trial->ask->label_is) {
    case JUDGE_NO_LABEL: return GL_OK;
    case JUDGE_LABEL_UNKNOWN:
        return gl_fail_at(trial->err, GL_E_UNKNOWN_LABEL, "change.label",
                          "the codebook is closed and has no such label; use one of its labels");
    case JUDGE_LABEL_REMOVED: json_object_set_new(trial->set, "label", json_null()); break;
    case JUDGE_LABEL:
        gl_uuid_format(&trial->ask->label, text);
        json_object_set_new(trial->set, "label", json_string(text));
        break;
    }
    trial_note_field(trial, "label");
    return GL_OK;
}

static enum gl_code set_note(struct trial *trial, json_t *note)
{
    if (!json_is_string(note) && !(json_is_null(note) && trial->before))
        return refuse_member(trial->err, "note", "must be a text");
    if (json_is_string(note) && json_string_length(note) > GL_NOTE_MAX_BYTES)
        return gl_fail_at(trial->err, GL_E_TOO_LARGE, "change.note", "the note has %zu bytes; %d are allowed",
                          json_string_length(note), GL_NOTE_MAX_BYTES);
    if (json_is_null(note) || json_string_length(note) > 0 || trial->before) {
        bool is_empty = json_is_null(note) || json_string_length(note) == 0;
        if (is_empty)
            json_object_set_new(trial->set, "note", json_null());
        else
            json_object_set(trial->set, "note", note);
        trial_note_field(trial, "note");
    }
    return GL_OK;
}

static enum gl_code set_status(struct trial *trial, json_t *status)
{
    enum gl_status parsed;
    if (!json_is_string(status) || !gl_status_parse(gl_slice_of(json_string_value(status), json_string_length(status)), &parsed))
        return refuse_member(trial->err, "status", "must be proposed, active, accepted, rejected or resolved");
    json_object_set(trial->set, "status", status);
    if (!MUTATION(status_not_looked_at))
        trial_note_field(trial, "status");
    return GL_OK;
}

static bool is_attribute_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > 64 || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != len)
        return false;
    return (name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
}

static bool is_attribute_value(const json_t *value, bool may_be_null)
{
    if (json_is_string(value))
        return json_string_length(value) <= GL_ATTRIBUTE_MAX_BYTES;
    return json_is_integer(value) || json_is_boolean(value) || (may_be_null && json_is_null(value));
}

static enum gl_code set_attributes(struct trial *trial, json_t *attributes)
{
    const char *name;
    json_t *value;
    if (!json_is_object(attributes))
        return refuse_member(trial->err, "attributes", "must be an object of names and values");
    const json_t *there = trial->before ? json_object_get(gl_annotation_record(trial->before), "attributes") : NULL;
    size_t count = json_object_size(there);
    json_object_foreach(attributes, name, value)
    {
        char path[GL_ERR_PATH_MAX];
        snprintf(path, sizeof path, "attributes.%.*s", 64, name);
        if (!is_attribute_name(name))
            return refuse_member(trial->err, "attributes",
                                 "has a name that is not a letter or _ followed by up to 63 letters, digits, _ . or -");
        if (!is_attribute_value(value, trial->before))
            return refuse_member(trial->err, path, "must be a text of at most 4096 bytes, an integer, or true or false");
        if (!json_object_get(there, name))
            count += !json_is_null(value);
        else
            count -= json_is_null(value);
        trial_note_field(trial, path);
    }
    if (count > GL_ATTRIBUTES_MAX)
        return gl_fail_at(trial->err, GL_E_TOO_LARGE, "change.attributes", "an annotation has at most %d attributes",
                          GL_ATTRIBUTES_MAX);
    if (json_object_size(attributes) > (size_t)MUTATION(one_attribute_dropped))
        json_object_set(trial->set, "attributes", attributes);
    return GL_OK;
}

static enum gl_code set_provenance(struct trial *trial, const json_t *change)
{
    static const char *const names[] = {"agent", "run"};
    for (size_t i = 0; i < 2; i++) {
        json_t *value = json_object_get(change, names[i]);
        if (!value)
            continue;
        if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) > GL_AGENT_MAX_BYTES)
            return refuse_member(trial->err, names[i], "must be a text of 1 to 256 bytes");
        json_object_set(trial->set, names[i], value);
    }
    json_t *confidence = json_object_get(change, "confidence");
    if (!confidence)
        return GL_OK;
    if (!json_is_integer(confidence) || json_integer_value(confidence) < 0 || json_integer_value(confidence) > 1000)
        return refuse_member(trial->err, "confidence", "must be a whole number of thousandths, 0 to 1000");
    json_object_set(trial->set, "confidence", confidence);
    return GL_OK;
}

/* ---- what an op may be refused for beside its own members */

static enum gl_code check_rights(const struct trial *trial)
{
    if (trial->ask->role < GL_ANNOTATOR && !MUTATION(role_not_checked))
        return gl_fail(trial->err, GL_E_FORBIDDEN, "changing annotations needs the role annotator; yours is %s",
                       gl_role_name(trial->ask->role));
    if (trial->before && !trial->view->others_may_edit && trial->ask->role < GL_CURATOR &&
        !gl_uuid_equal(&trial->before->creator, &trial->ask->account))
        return gl_fail(trial->err, GL_E_FORBIDDEN, "in this project only curators change other people's annotations");
    if (strcmp(trial->view->mode, "shared") != 0 && !MUTATION(closed_takes_ops))
        return gl_fail(trial->err, GL_E_SESSION_CLOSED, "the session is closed; a curator can open it again");
    return GL_OK;
}

/* Everything of the annotation counts: whatever somebody else set after base is a conflict. */
static void depend_on_all(struct trial *trial)
{
    const char *field;
    json_t *seq;
    json_t *prev = trial->prev;
    if (MUTATION(whole_not_looked_at))
        return;
    trial->prev = json_object(); /* only what is set belongs into prev */
    json_array_clear(trial->conflicts);
    json_object_foreach(json_object_get(gl_annotation_record(trial->before), "seqs"), field, seq) trial_note_field(trial, field);
    json_decref(trial->prev);
    trial->prev = prev;
}

enum gl_code judge_refuse_stale(struct trial *trial)
{
    const json_t *first = json_array_get(trial->conflicts, 0);
    const char *field = json_string_value(json_object_get(first, "field"));
    long long seq = json_integer_value(json_object_get(first, "seq"));
    if (MUTATION(stale_names_note))
        json_object_set_new((json_t *)(uintptr_t)first, "field", json_string("note"));
    *trial->data = json_pack("{s:O, s:O, s:O, s:O, s:O}", "field", json_object_get(first, "field"), "author",
                             json_object_get(first, "author"), "seq", json_object_get(first, "seq"), "current",
                             gl_annotation_record(trial->before), "fields", trial->conflicts);
    return gl_fail_at(
        trial->err, GL_E_STALE, "base",
        "somebody else changed %s at seq %lld, and you had seen %llu; look at the current value, then send a new op", field, seq,
        (unsigned long long)trial->ask->base);
}

static enum gl_code find_before(struct trial *trial, const json_t *change)
{
    const json_t *name = json_object_get(change, "annotation");
    if (!json_is_string(name) || !gl_uuid_parse(gl_slice_of(json_string_value(name), json_string_length(name)), &trial->id))
        return refuse_member(trial->err, "annotation", "must be the id of an annotation");
    trial->before = judge_find(trial->view, &trial->id);
    if (!trial->before)
        return gl_fail_at(trial->err, GL_E_NOT_FOUND, "change.annotation", "this session has no annotation %s",
                          json_string_value(name));
    if (!trial->ask->has_base)
        return gl_fail_at(trial->err, GL_E_INVALID_PARAMS, "base",
                          "base must say what you had seen: a seq, or the id of your own earlier op");
    return check_rights(trial);
}

/* ---- the kinds */

static enum gl_code try_create(struct trial *trial, const json_t *change)
{
    json_t *value;
    const json_t *name = json_object_get(change, "annotation");
    enum gl_code code = check_rights(trial);
    if (code != GL_OK)
        return code;
    trial->id = gl_op_annotation_id(&trial->ask->op);
    if (name &&
        (!json_is_string(name) || !gl_uuid_parse(gl_slice_of(json_string_value(name), json_string_length(name)), &trial->id)))
        return refuse_member(trial->err, "annotation", "must be a UUID in lower case");
    if (judge_find(trial->view, &trial->id) && !MUTATION(made_twice))
        return gl_fail_at(trial->err, GL_E_EXISTS, "change.annotation", "an annotation with this id is there already");
    if (!(value = json_object_get(change, "target")))
        return refuse_member(trial->err, "target", "is missing: say which words, or {\"type\":\"document\"}");
    if ((code = judge_set_target(trial, value)) != GL_OK || (code = set_label(trial)) != GL_OK ||
        (code = set_provenance(trial, change)) != GL_OK)
        return code;
    if ((value = json_object_get(change, "note")) && (code = set_note(trial, value)) != GL_OK)
        return code;
    if ((value = json_object_get(change, "attributes")) && (code = set_attributes(trial, value)) != GL_OK)
        return code;
    char creator[GL_UUID_TEXT + 1];
    gl_uuid_format(&trial->ask->account, creator);
    json_object_set_new(trial->set, "creator", json_string(creator));
    json_object_set_new(trial->set, "created", json_integer((json_int_t)(trial->view->seq + 1)));
    if (!(value = json_object_get(change, "status")))
        json_object_set_new(trial->set, "status", json_string(json_object_get(change, "agent") ? "proposed" : "active"));
    else if ((code = set_status(trial, value)) != GL_OK)
        return code;
    return judge_check_terms(trial);
}

static enum gl_code try_update(struct trial *trial, const json_t *change)
{
    json_t *value;
    enum gl_code code = find_before(trial, change);
    if (code != GL_OK)
        return code;
    if (trial->before->is_deleted && !MUTATION(deleted_is_updated)) {
        *trial->data = judge_deleted(trial->before);
        return gl_fail_at(trial->err, GL_E_GONE, "change.annotation", "the annotation was deleted; restore it first");
    }
    if ((value = json_object_get(change, "target")) && (code = judge_set_target(trial, value)) != GL_OK)
        return code;
    if ((code = set_label(trial)) != GL_OK)
        return code;
    if ((value = json_object_get(change, "note")) && (code = set_note(trial, value)) != GL_OK)
        return code;
    if ((value = json_object_get(change, "status")) && (code = set_status(trial, value)) != GL_OK)
        return code;
    if ((value = json_object_get(change, "attributes")) && (code = set_attributes(trial, value)) != GL_OK)
        return code;
    if (json_object_size(trial->set) == 0)
        return refuse_member(trial->err, "kind", "is an update that sets nothing");
    enum gl_status status;
    value = json_object_get(change, "status");
    if (value && gl_status_parse(gl_slice_str(json_string_value(value)), &status) &&
        status >= GL_ACCEPTED + MUTATION(accepted_by_field))
        depend_on_all(trial);
    return json_array_size(trial->conflicts) > 0 ? judge_refuse_stale(trial) : judge_check_terms(trial);
}

static enum gl_code try_delete_or_restore(struct trial *trial, const json_t *change, bool is_delete)
{
    enum gl_code code = find_before(trial, change);
    if (code != GL_OK)
        return code;
    if (trial->before->is_deleted == is_delete && !MUTATION(deleted_twice)) {
        *trial->data =
            is_delete ? judge_deleted(trial->before) : json_pack("{s:O}", "current", gl_annotation_record(trial->before));
        return gl_fail_at(trial->err, is_delete ? GL_E_GONE : GL_E_EXISTS, "change.annotation",
                          is_delete ? "the annotation was deleted already" : "the annotation is there: it was not deleted");
    }
    if (is_delete && trial->view->steps >= JUDGE_BLOCK_STEPS)
        return gl_fail_at(trial->err, GL_E_TOO_LARGE, "change",
                          "too much hangs below what this request deletes; send it in parts");
    json_object_set_new(trial->set, "deleted", json_boolean(is_delete));
    trial_note_field(trial, "deleted");
    if (is_delete || !MUTATION(restore_not_looked_at))
        depend_on_all(trial);
    if (is_delete && !MUTATION(replies_not_looked_at))
        judge_depend_on_replies(trial);
    return json_array_size(trial->conflicts) > 0 ? judge_refuse_stale(trial) : GL_OK;
}

static enum gl_code try_mode(struct trial *trial, const json_t *change)
{
    const char *mode = json_string_value(json_object_get(change, "mode"));
    if (trial->ask->role < GL_CURATOR && !MUTATION(anybody_closes))
        return gl_fail(trial->err, GL_E_FORBIDDEN, "opening and closing a session needs the role curator");
    if (!mode || (strcmp(mode, "shared") != 0 && strcmp(mode, "closed") != 0))
        return refuse_member(trial->err, "mode", "must be shared or closed");
    json_object_set_new(trial->set, "mode", json_string(mode));
    json_object_set_new(trial->prev, "mode", json_integer((json_int_t)trial->view->mode_seq));
    return GL_OK;
}

static enum gl_code try_change(struct trial *trial, enum gl_op_kind kind)
{
    const json_t *change = trial->ask->change;
    kind = gl_op_is_next(kind) ? GL_OP_ANNOTATION_UPDATE : kind;
    const char *const *members = kind == GL_OP_ANNOTATION_CREATE   ? CREATE_MEMBERS
                                 : kind == GL_OP_ANNOTATION_UPDATE ? UPDATE_MEMBERS
                                 : kind == GL_OP_SESSION_MODE      ? MODE_MEMBERS
                                                                   : NAME_MEMBERS;
    enum gl_code code = judge_only_members(change, members, trial->err);
    if (code != GL_OK)
        return code;
    switch (kind) {
    case GL_OP_ANNOTATION_CREATE: return try_create(trial, change);
    case GL_OP_ANNOTATION_UPDATE: return try_update(trial, change);
    case GL_OP_ANNOTATION_DELETE: return try_delete_or_restore(trial, change, true);
    case GL_OP_ANNOTATION_RESTORE: return try_delete_or_restore(trial, change, false);
    default: return try_mode(trial, change);
    }
}

/* Each effect on its annotations; all or nothing. */
static enum gl_code accept_redact(struct trial *trial, json_t *effects)
{
    struct judge_view *view = trial->view;
    struct judge_mark mark = judge_mark(view);
    const uint64_t seq = view->seq + 1;
    enum gl_code code = GL_OK;
    for (size_t i = 1; i < json_array_size(effects) && code == GL_OK; i++) {
        const json_t *effect = json_array_get(effects, i);
        const char *text = json_string_value(json_array_get(json_object_get(effect, "ids"), 0));
        struct gl_annotation *after;
        gl_uuid id;
        if (!gl_uuid_parse(gl_slice_str(text), &id))
            return GL_E_INTERNAL;
        const struct gl_annotation *before = judge_find(view, &id);
        code = gl_annotation_apply(before, &id, json_object_get(effect, "set"), &trial->ask->account, seq, &after, trial->err);
        judge_put_away(view, before);
        if (code == GL_OK)
            judge_put(view, after);
    }
    if (code != GL_OK)
        judge_back_to(view, &mark);
    else
        view->seq = seq;
    return code;
}

/* The effect becomes true in the view. */
static enum gl_code accept(struct trial *trial, struct judge_verdict *verdict)
{
    struct judge_view *view = trial->view;
    uint64_t seq = view->seq + 1;
    json_t *ids = json_array();
    if (verdict->kind == GL_OP_SESSION_MODE) {
        judge_put_mode(view, json_string_value(json_object_get(trial->set, "mode")), seq);
    } else {
        struct gl_annotation *after;
        enum gl_code code =
            gl_annotation_apply(trial->before, &trial->id, trial->set, &trial->ask->account, seq, &after, trial->err);
        if (code != GL_OK) {
            json_decref(ids);
            return code;
        }
        char id[GL_UUID_TEXT + 1];
        gl_uuid_format(&trial->id, id);
        json_array_append_new(ids, json_string(id));
        judge_put(view, after);
        verdict->has_annotation = true;
        verdict->annotation = trial->id;
        verdict->before = trial->before;
    }
    view->seq = seq;
    verdict->effects = json_pack("[{s:o, s:O, s:O}]", "ids", ids, "prev", trial->prev, "set", trial->set);
    return GL_OK;
}

bool judge_is_relation(const struct judge_view *view, const json_t *change)
{
    const char *type = json_string_value(json_object_get(json_object_get(change, "target"), "type"));
    const char *named = json_string_value(json_object_get(change, "annotation"));
    gl_uuid id;
    if (type)
        return strcmp(type, "relation") == 0;
    const struct gl_annotation *there = named && gl_uuid_parse(gl_slice_str(named), &id) ? judge_find(view, &id) : NULL;
    return there && there->target_kind == GL_TARGET_RELATION;
}

enum gl_code judge(struct judge_view *view, const struct judge_ask *ask, struct judge_verdict *verdict, struct gl_err *err,
                   json_t **data)
{
    const json_t *label;
    struct trial trial = {.view = view, .ask = ask, .err = err, .data = data, .verdict = verdict};
    *verdict = (struct judge_verdict){0};
    *data = NULL;
    enum gl_code code = judge_peek(ask->change, &verdict->kind, &label, err);
    if (code != GL_OK)
        return code;
    trial.conflicts = json_array();
    if (verdict->kind == GL_OP_REDACT) {
        code = judge_redact(&trial, &verdict->effects);
        if (code == GL_OK && (code = accept_redact(&trial, verdict->effects)) != GL_OK)
            json_decref(verdict->effects);
        json_decref(trial.conflicts);
        return code;
    }
    trial.set = json_object();
    trial.prev = json_object();
    code = try_change(&trial, verdict->kind);
    if (code == GL_OK)
        code = accept(&trial, verdict);
    judge_put_away(view, trial.before);
    json_decref(trial.set);
    json_decref(trial.prev);
    json_decref(trial.conflicts);
    return code;
}
